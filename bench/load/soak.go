package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
)

// SoakOptions are how a server is watched for a day of its own clock, which runs faster. A zero field takes the default in its comment.
type SoakOptions struct {
	Options // Duration and WarmUp are worked out; an Own server or Admin is required

	Speed  float64       // seconds of the server's clock, and of the workload's, a second
	WarmUp time.Duration // of the server's clock, before the day; default 28 h: a day, which takes what a peak needs once, and until what it left is forgotten
	Day    time.Duration // of the server's clock, over which the heap must not grow; default 24 h
	Window time.Duration // of the server's clock, whose samples are compared with those of the same hours a day later; default 2 h
	Every  time.Duration // real time between samples; default a tenth of Window
	Limit  float64       // how much the heap may grow, 0.01 is 1 %; default 0.01
}

func (o *SoakOptions) defaults() error {
	if !(o.Speed > 0) {
		var bad faults.List
		bad.Addf("", 0, 0, "Speed", "give how many times as fast as the time the server's clock runs", "%v is no speed", o.Speed)
		return bad.Err()
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.WarmUp, 28 * time.Hour}, {&o.Day, 24 * time.Hour}, {&o.Window, 2 * time.Hour}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if o.Every == 0 {
		o.Every = o.real(o.Window) / 10
	}
	if o.Limit == 0 {
		o.Limit = 0.01
	}
	o.Kind = "soak"
	o.Options.WarmUp, o.Duration = o.real(o.WarmUp), o.real(o.Day+o.Window)
	o.profileFrom = o.real(o.Window)
	return nil
}

// real is how long a time of the server's clock takes.
func (o *SoakOptions) real(d time.Duration) time.Duration { return time.Duration(float64(d) / o.Speed) }

// A HeapGrowth is how much a server's heap grew in a soak.
type HeapGrowth struct {
	Speed   float64      `json:"speed"`   // seconds of the server's clock a second
	Samples []HeapSample `json:"samples"` // in the order of their time
	Before  int64        `json:"before"`  // bytes: the median of a window after the warm-up
	After   int64        `json:"after"`   // bytes: the median of the same hours a day later
	Growth  float64      `json:"growth"`  // After / Before - 1
	Slope   float64      `json:"slope"`   // of all samples after the warm-up, by Theil and Sen, a day, as a share of Before; the load within the day is in it
	Limit   float64      `json:"limit"`
	Holds   bool         `json:"holds"` // Growth < Limit
	How     string       `json:"how"`   // it was measured, in words
}

// A HeapSample is the heap in use after a forced collection.
type HeapSample struct {
	At    time.Duration `json:"at"` // of the server's clock, since the soak began
	Bytes int64         `json:"bytes"`
}

// leastSamples is how many samples each of the two windows must have.
const leastSamples = 3

var errFewSamples = errors.New("load: too few samples of the heap to tell whether it grew")

// judgeHeap compares the heap in a window after the warm-up with that of the same hours a day later. What a server remembers goes
// with the hour: at the same hour of two equal days it is the same, and what is left of a difference is what it does not
// give back. The samples are in the order of their time.
func judgeHeap(g *HeapGrowth, warmUp, day, window time.Duration) error {
	within := func(from time.Duration) []float64 {
		var out []float64
		for _, s := range g.Samples {
			if s.At >= from && s.At < from+window {
				out = append(out, float64(s.Bytes))
			}
		}
		slices.Sort(out)
		return out
	}
	before, after := within(warmUp), within(warmUp+day)
	if len(before) < leastSamples || len(after) < leastSamples {
		return fmt.Errorf("%w: %d after the warm-up and %d a day later, and each takes %d", errFewSamples, len(before), len(after), leastSamples)
	}
	median := func(sorted []float64) float64 { return stat.Quantile(0.5, stat.LinInterp, sorted, nil) }
	b, a := median(before), median(after)
	g.Before, g.After, g.Growth = int64(b), int64(a), a/b-1
	g.Holds = g.Growth < g.Limit

	var slopes []float64
	for i, s := range g.Samples {
		for _, l := range g.Samples[i+1:] {
			if s.At >= warmUp && l.At > s.At {
				slopes = append(slopes, float64(l.Bytes-s.Bytes)/(l.At-s.At).Hours())
			}
		}
	}
	slices.Sort(slopes)
	g.Slope = median(slopes) * day.Hours() / b
	g.How = fmt.Sprintf("what forced collections left of the heap: the median of %d samples within %v after a warm-up of %v, in which every place was asked for, and of %d in the same hours %v later, by the server's clock",
		len(before), window, warmUp, len(after), day)
	return nil
}

// touring adds to a source a quote of each place for one unit of a SKU, one every so often. A server works out the lanes to a place when
// it is first asked for it, and keeps them: a warm-up whose orders happen to go to half of all places would leave the other half to be
// counted as growth on the day after, and the more of them the fewer orders it has.
func touring(s Source, places []engine.Destination, sku string, every time.Duration) Source {
	next, asked, there := s.Next, 0, false
	var waits workload.Event // the next of the source, when there
	s.Next = func(e *workload.Event) bool {
		if asked == len(places) && !there {
			return next(e)
		}
		if !there && !next(&waits) {
			return false
		}
		there = true
		if due := time.Duration(asked+1) * every; asked < len(places) && due <= waits.Due {
			*e = workload.Event{
				Number: -1, Due: due, Kind: workload.Quote, Of: -1,
				Order: engine.Order{Lines: append(e.Order.Lines[:0], engine.Line{SKU: sku, Quantity: 1}), To: places[asked]},
			}
			asked++
			return true
		}
		*e, waits, there = waits, *e, false // and the memory of the one is for the other
		return true
	}
	return s
}

// tour is the part of the warm-up in which every place is asked for.
const tour = 0.9

// Soak sends a workload to a server whose clock runs faster, as fast as that clock, for a warm-up and a day, and finds out whether
// the server's heap grows from one day to the next. In the warm-up every place that orders may go to is quoted once besides, so that
// the server has all lanes by the end of it. The result has its HeapGrowth. Errors are those of Run; where the heap could not
// be read often enough, the error says so.
func Soak(ctx context.Context, w *workload.Workload, o SoakOptions) (*Result, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if o.Own != nil {
		o.Admin = o.Own.Admin
	}
	if o.Arrivals == nil {
		o.Arrivals = w.Arrivals()
	}
	o.Arrival = fmt.Sprintf("%v, %.6g times as fast", o.Arrivals, o.Speed)
	g := &HeapGrowth{Speed: o.Speed, Limit: o.Limit}
	sampling, stop := context.WithCancel(ctx)
	defer stop()
	began, done := make(chan time.Time, 1), make(chan struct{})
	progress := o.Progress
	o.Progress = func(s Second) {
		if s.At < 0.5 { // the first
			began <- time.Now().Add(-time.Duration((s.At + 1) * float64(time.Second)))
		}
		if progress != nil {
			progress(s)
		}
	}
	var before, after []byte
	go func() {
		defer close(done)
		select {
		case start := <-began:
			before, after = o.sample(sampling, start, g)
		case <-sampling.Done():
		}
	}()
	text := Workload{Name: w.Name(), Seed: w.Seed(), Hash: w.Hash(), Text: string(w.Spec().Text())}
	source := Source{Workload: text, Next: w.Events(o.Arrivals).Next}
	if places := w.Destinations(); len(places) > 0 && len(w.SKUs()) > 0 {
		source = touring(source, places, w.SKUs()[0], time.Duration(tour*float64(o.WarmUp)/float64(len(places))))
	}
	r, err := Drive(ctx, compressed(source, o.Speed), o.Options)
	stop()
	<-done
	if r == nil {
		return nil, err
	}
	r.HeapGrowth = g
	return r, errors.Join(err, judgeHeap(g, o.WarmUp, o.Day, o.Window), o.keep(r, before, after))
}

// The heap profiles of a soak. go tool pprof -base heap-before.pprof heap-after.pprof tells what grew.
const (
	heapBefore = "heap-before.pprof"
	heapAfter  = "heap-after.pprof"
)

// keep keeps the heap profiles of both windows, where profiles are wanted.
func (o *SoakOptions) keep(r *Result, before, after []byte) error {
	if !o.Profile {
		return nil
	}
	var errs []error
	for _, f := range []struct {
		name, what string
		raw        []byte
	}{{heapBefore, "heap profile of the server after the warm-up", before}, {heapAfter, "heap profile of the server in the same hours a day later", after}} {
		if f.raw == nil {
			continue
		}
		r.Files = append(r.Files, File{Name: f.name, What: f.what})
		errs = append(errs, os.WriteFile(filepath.Join(o.Dir, f.name), f.raw, 0o644))
	}
	return errors.Join(errs...)
}

// compressed is a source whose events are due so many times as early.
func compressed(s Source, speed float64) Source {
	next := s.Next
	s.Next = func(e *workload.Event) bool {
		ok := next(e)
		e.Due = time.Duration(float64(e.Due) / speed)
		return ok
	}
	return s
}

// sample reads the heap again and again until the context ends. It returns its profiles of the last sample in either window.
func (o *SoakOptions) sample(ctx context.Context, start time.Time, g *HeapGrowth) (before, after []byte) {
	a := newAdmin(&o.Options)
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return before, after
		case <-tick.C:
		}
		heap, profile, err := a.collect(ctx)
		if err != nil {
			continue // that there were too few is told at the end
		}
		at := time.Duration(float64(time.Since(start)) * o.Speed)
		g.Samples = append(g.Samples, HeapSample{At: at, Bytes: heap})
		switch {
		case at >= o.WarmUp && at < o.WarmUp+o.Window:
			before = profile
		case at >= o.WarmUp+o.Day && at < o.WarmUp+o.Day+o.Window:
			after = profile
		}
	}
}
