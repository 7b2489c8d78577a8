package load

import (
	"context"
	"fmt"
	"math"
)

// A Search is how the highest rate that holds the objective is looked for. A zero field takes the default in its comment.
type Search struct {
	From      float64 // the first rate, a second; default 500
	Most      float64 // no rate above it is tried; default 10 million
	Tolerance float64 // how near the answer comes to what a server does: 0.05 is 5 %; default 0.05
	Windows   int     // that confirm a rate; more than half of them must hold; default 3
}

func (s Search) withDefaults() Search {
	for _, f := range []struct {
		field *float64
		value float64
	}{{&s.From, 500}, {&s.Most, 10_000_000}, {&s.Tolerance, 0.05}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if s.Windows == 0 {
		s.Windows = 3
	}
	s.From = min(s.From, s.Most)
	return s
}

// halvings is how often the first rate is halved until one holds: to a thousandth of it.
const halvings = 10

// A Saturation is what a Search found.
type Saturation struct {
	Rate       float64  // the highest that holds, within the tolerance; 0 where none did
	Windows    []Window // all that were tried, in order
	Best       int      // the last of them that held at Rate; -1 where none did
	Bottleneck bool     // above Rate the generator was the bottleneck: the server may take more
	Why        string   // in words, where the rate is not the server's limit
}

// Saturate looks for the highest rate that holds an objective, by a function that measures one window at a rate, which must be
// more likely to hold the lower the rate is.
//
// It doubles the rate until one does not hold, and halves the distance until the two are within the tolerance. A rate does not hold
// here when two windows in a row do not: one alone may have been bad luck. The rate that is left must be confirmed: more than half of
// so many windows must hold. One that is not confirmed is lowered by the tolerance; one that is, is raised by the tolerance until
// that is not confirmed any more. So the answer of a server with a sharp limit L is from L / (1 + tolerance) to L.
//
// An error of measure ends the search; the Saturation then has what was tried.
func Saturate(ctx context.Context, o Search, measure func(ctx context.Context, rate float64) (Window, error)) (*Saturation, error) {
	s := &search{Search: o.withDefaults(), measure: measure, out: &Saturation{Best: -1}}
	err := s.run(ctx)
	return s.out, err
}

type search struct {
	Search
	measure func(context.Context, float64) (Window, error)
	out     *Saturation
	choked  bool // of the windows that did not hold last, the generator was the bottleneck
}

// window measures one.
func (s *search) window(ctx context.Context, rate float64) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	w, err := s.measure(ctx, rate)
	if err != nil {
		return false, fmt.Errorf("at %.6g/s: %w", rate, err)
	}
	w.Rate = rate
	s.out.Windows = append(s.out.Windows, w)
	if !w.Holds {
		s.choked = w.Bottleneck
	}
	return w.Holds, nil
}

// holds tells whether one of two windows holds.
func (s *search) holds(ctx context.Context, rate float64) (bool, error) {
	ok, err := s.window(ctx, rate)
	if ok || err != nil {
		return ok, err
	}
	return s.window(ctx, rate)
}

// confirmed tells whether more than half of the windows hold.
func (s *search) confirmed(ctx context.Context, rate float64) (bool, error) {
	need := s.Windows/2 + 1
	for good, left := 0, s.Windows; ; {
		if good >= need || good+left < need {
			return good >= need, nil
		}
		ok, err := s.window(ctx, rate)
		if err != nil {
			return false, err
		}
		if left--; ok {
			good++
		}
	}
}

func (s *search) run(ctx context.Context) error {
	low, high, err := s.bracket(ctx)
	if err != nil || low == 0 {
		return err
	}
	for high/low > 1+s.Tolerance && high > low {
		middle := math.Sqrt(low * high)
		ok, err := s.holds(ctx, middle)
		if err != nil {
			return err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	floor := low / math.Pow(2, halvings)
	for {
		ok, err := s.confirmed(ctx, low)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		if low /= 1 + s.Tolerance; low < floor {
			s.out.Why = "no rate could be confirmed: windows at the same rate differ too much"
			return nil
		}
	}
	for {
		s.found(low)
		next := min(low*(1+s.Tolerance), s.Most)
		if next <= low {
			s.out.Why = fmt.Sprintf("no higher rate than %.6g/s was to be tried", s.Most)
			return nil
		}
		ok, err := s.confirmed(ctx, next)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		low = next
	}
	if s.choked {
		s.out.Bottleneck, s.out.Why = true, "above this rate the generator was the bottleneck; the server may take more"
	}
	return nil
}

// found keeps a rate that was confirmed.
func (s *search) found(rate float64) {
	s.out.Rate = rate
	for i, w := range s.out.Windows {
		if w.Holds && w.Rate == rate {
			s.out.Best = i
		}
	}
}

// bracket returns a rate that holds and one that does not, or is the highest; 0 where none holds.
func (s *search) bracket(ctx context.Context) (low, high float64, err error) {
	rate := s.From
	for range halvings + 1 {
		ok, err := s.holds(ctx, rate)
		if err != nil {
			return 0, 0, err
		}
		if ok {
			low = rate
			break
		}
		high, rate = rate, rate/2
	}
	if low == 0 {
		s.out.Bottleneck = s.choked
		s.out.Why = fmt.Sprintf("not even %.6g/s holds", high)
		return 0, 0, nil
	}
	for high == 0 {
		if low >= s.Most {
			return low, low, nil
		}
		next := min(2*low, s.Most)
		ok, err := s.holds(ctx, next)
		if err != nil {
			return 0, 0, err
		}
		if ok {
			low = next
		} else {
			high = next
		}
	}
	return low, high, nil
}

// WindowOf is a result as a window of a saturation.
func WindowOf(r *Result, rate float64) Window {
	w := Window{Rate: rate, Achieved: r.Achieved, Objectives: r.Objectives, Bottleneck: r.Generator.Bottleneck, Holds: r.Correctness.Failures() == 0}
	if all := r.Operation("all"); all != nil {
		w.Latency, w.Errors = all.Latency, all.Errors()
		w.Latency.Curve = nil
	}
	for _, o := range r.Objectives {
		w.Holds = w.Holds && o.Holds
	}
	return w
}

// Add adds what another run found.
func (c *Correctness) Add(o *Correctness) {
	c.Holds, c.Cells, c.Repeats, c.Decisions = c.Holds+o.Holds, c.Cells+o.Cells, c.Repeats+o.Repeats, c.Decisions+o.Decisions
	c.Oversells, c.DuplicateEffects = c.Oversells+o.Oversells, c.DuplicateEffects+o.DuplicateEffects
	c.LostAcks, c.LateOnTime = c.LostAcks+o.LostAcks, c.LateOnTime+o.LateOnTime
	c.Examples = append(c.Examples, o.Examples[:min(len(o.Examples), max(0, 20-len(c.Examples)))]...)
	if c.Skipped == "" {
		c.Skipped = o.Skipped
	}
}
