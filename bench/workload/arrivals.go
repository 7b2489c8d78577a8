package workload

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/history"
)

// Arrivals say when orders come. Quotes, and what becomes of orders, come on top. They are only read.
type Arrivals interface {
	// Times returns the moments from the beginning on, the same each time.
	Times() Times
	// Rate returns how many orders a second come around a moment since the beginning.
	Rate(at time.Duration) float64
	// Mean returns how many orders a second come in the mean: of a day where days repeat, of the whole where it ends.
	Mean() float64
	// Length returns how long orders come; the longest duration there is where they never end.
	Length() time.Duration
	// String says it in a few words: "poisson, 500/s".
	String() string
}

// Times are moments since the beginning, one after the other; they never fall.
type Times interface {
	// Next returns the next moment; ok is false after the last.
	Next() (at time.Duration, ok bool)
}

// A ramp is a stretch of time in which the rate goes evenly from one to another.
type ramp struct {
	length   float64 // seconds; over 0
	from, to float64 // orders a second; 0 or more
}

// orders returns how many orders come in the first t seconds.
//
// Conversions to float64 keep the compiler from fusing a product and a sum, which some processors do and some do not: the
// digits would differ.
func (r *ramp) orders(t float64) float64 {
	return float64(t*r.from) + float64(float64(t*t)*(r.to-r.from))/(2*r.length)
}

// when returns after how many seconds n orders have come.
func (r *ramp) when(n float64) float64 {
	slope := (r.to - r.from) / r.length
	root := math.Sqrt(float64(r.from*r.from) + float64(2*slope*n))
	return min(2*n/(r.from+root), r.length) // the root of the quadratic in the form that has no difference of near numbers
}

// paced are arrivals by ramps.
type paced struct {
	name   string
	ramps  []ramp  // first these, once
	again  []ramp  // then these, over and over
	steady float64 // or this rate without end; 0: arrivals end with the ramps
	random bool    // each arrival comes without regard to the others; else they are evenly spaced
	seed   uint64
	factor float64 // by Scaled; 0: never
	mean   float64
	length time.Duration
}

// newPaced fills in what follows from the rest.
func newPaced(p paced) *paced {
	mean := func(ramps []ramp) (orders, length float64) {
		for i := range ramps {
			orders += ramps[i].orders(ramps[i].length)
			length += ramps[i].length
		}
		return orders, length
	}
	ramps, whole := p.again, true
	if len(ramps) == 0 {
		ramps, whole = p.ramps, p.steady > 0
	}
	orders, length := mean(ramps)
	if p.length, p.mean = seconds(length), p.steady; p.steady == 0 && length > 0 {
		p.mean = orders / length
	}
	if whole {
		p.length = forever
	}
	return &p
}

// Constant returns evenly spaced arrivals without end, the first at once. rate is orders a second, over 0.
func Constant(rate float64) Arrivals {
	return newPaced(paced{name: "constant, " + rateText(rate), steady: checkedRate(rate)})
}

// Poisson returns arrivals without end each of which comes without regard to the others. rate is orders a second, over 0.
func Poisson(rate float64, seed uint64) Arrivals {
	return newPaced(paced{name: "poisson, " + rateText(rate), steady: checkedRate(rate), random: true, seed: seed})
}

func checkedRate(rate float64) float64 {
	if !(rate > 0) || rate > MaxRate.PerSecond() {
		panic(fmt.Sprintf("workload: %v is no rate", rate))
	}
	return rate
}

func rateText(rate float64) string { return strconv.FormatFloat(rate, 'g', 6, 64) + "/s" }

// Scaled returns arrivals of which so many more come at every moment: factor, over 0, multiplies their rate.
func Scaled(a Arrivals, factor float64) Arrivals {
	if !(factor > 0) || math.IsInf(factor, 1) {
		panic(fmt.Sprintf("workload: %v is no factor", factor))
	}
	p, ok := a.(*paced)
	if !ok {
		return scaled{a, factor}
	}
	out := *p
	out.ramps, out.again = faster(p.ramps, factor), faster(p.again, factor)
	out.steady *= factor
	out.name = strings.TrimSuffix(p.name, p.suffix())
	if out.factor = factor; p.factor > 0 {
		out.factor *= p.factor
	}
	out.name += out.suffix()
	return newPaced(out)
}

func faster(ramps []ramp, factor float64) []ramp {
	ramps = slices.Clone(ramps)
	for i := range ramps {
		ramps[i].from *= factor
		ramps[i].to *= factor
	}
	return ramps
}

func (p *paced) suffix() string {
	if p.factor == 0 {
		return ""
	}
	return " x " + strconv.FormatFloat(p.factor, 'g', 6, 64)
}

// String implements Arrivals.
func (p *paced) String() string { return p.name }

// Mean implements Arrivals.
func (p *paced) Mean() float64 { return p.mean }

// Length implements Arrivals.
func (p *paced) Length() time.Duration { return p.length }

// Rate implements Arrivals.
func (p *paced) Rate(at time.Duration) float64 {
	t := max(at.Seconds(), 0)
	find := func(ramps []ramp) (rate float64, ok bool) {
		for i := range ramps {
			r := &ramps[i]
			if t < r.length {
				return r.from + float64((r.to-r.from)*t)/r.length, true
			}
			t -= r.length
		}
		return 0, false
	}
	if rate, ok := find(p.ramps); ok {
		return rate
	}
	if len(p.again) == 0 {
		return p.steady
	}
	sum := 0.0
	for i := range p.again {
		sum += p.again[i].length
	}
	t = math.Mod(t, sum)
	rate, _ := find(p.again)
	return rate
}

// Times implements Arrivals.
func (p *paced) Times() Times {
	return &pacedTimes{p: p, ramps: p.ramps, rng: rngOf(p.seed, drawArrivals, 0)}
}

// pacedTimes walks along ramps. begun is where the ramp begins, in seconds, and left how many orders until the next one, from
// there on.
type pacedTimes struct {
	p     *paced
	ramps []ramp
	rng   rng
	i     int // of the ramp
	begun float64
	left  float64
	last  time.Duration
	some  bool // the first was there
	done  bool
}

// Next implements Times.
func (t *pacedTimes) Next() (time.Duration, bool) {
	if t.done {
		return 0, false
	}
	switch {
	case t.p.random:
		t.left += t.rng.exponential()
	case t.some:
		t.left++
	}
	t.some = true
	for {
		if t.i == len(t.ramps) {
			switch {
			case len(t.p.again) > 0:
				t.i, t.ramps = 0, t.p.again
				continue
			case t.p.steady > 0:
				return t.at(t.begun + t.left/t.p.steady)
			}
			t.done = true
			return 0, false
		}
		r := &t.ramps[t.i]
		if n := r.orders(r.length); t.left >= n {
			t.left -= n
			t.begun += r.length
			t.i++
			continue
		}
		return t.at(t.begun + r.when(t.left))
	}
}

func (t *pacedTimes) at(s float64) (time.Duration, bool) {
	t.last = max(t.last, seconds(s))
	t.done = t.last == forever
	return t.last, true
}

// exponential returns a number that is 1 in the mean, by the exponential distribution.
func (r *rng) exponential() float64 { return -logOf(r.next()>>11|1) + 53*math.Ln2 }

// logOf returns the natural logarithm of a whole number from 1 to 2^53, to twelve digits. Unlike math.Log it is the same on every
// processor: no product is fused with a sum.
func logOf(n uint64) float64 {
	frac, exp := math.Frexp(float64(n)) // n = frac 2^exp, frac in [0.5, 1)
	if frac < math.Sqrt2/2 {
		frac, exp = 2*frac, exp-1
	}
	// log f = 2 artanh x with x = (f-1)/(f+1), |x| < 0.172, by its series.
	x := (frac - 1) / (frac + 1)
	xx := float64(x * x)
	sum := 0.0
	for k := 17; k >= 1; k -= 2 {
		sum = float64(sum*xx) + 1/float64(k)
	}
	return float64(2*x*sum) + float64(float64(exp)*math.Ln2)
}

// scaled are arrivals of another package at another rate: their moments are passed on several times, or left out.
type scaled struct {
	Arrivals
	factor float64
}

// Rate implements Arrivals.
func (s scaled) Rate(at time.Duration) float64 { return s.factor * s.Arrivals.Rate(at) }

// Mean implements Arrivals.
func (s scaled) Mean() float64 { return s.factor * s.Arrivals.Mean() }

// String implements Arrivals.
func (s scaled) String() string {
	return s.Arrivals.String() + " x " + strconv.FormatFloat(s.factor, 'g', 6, 64)
}

// Times implements Arrivals.
func (s scaled) Times() Times { return &scaledTimes{of: s.Arrivals.Times(), factor: s.factor} }

type scaledTimes struct {
	of     Times
	factor float64
	owed   float64
	at     time.Duration
}

// Next implements Times.
func (t *scaledTimes) Next() (time.Duration, bool) {
	for t.owed < 1 {
		at, ok := t.of.Next()
		if !ok {
			return 0, false
		}
		t.at = at
		t.owed += t.factor
	}
	t.owed--
	return t.at, true
}

// usualHours is how the 24 hours of a shop's day compare, from midnight on: little at night, most in the evening. It is made up,
// after the shape that shops tell of.
var usualHours = []Decimal{520, 330, 220, 170, 160, 220, 380, 620, 860, 1050, 1190, 1260, 1290, 1270, 1230, 1210, 1210, 1240, 1320, 1480, 1650, 1600, 1280, 840}

// Arrivals returns when orders come by the spec: with its peak and its sales.
func (w *Workload) Arrivals() Arrivals {
	a := &w.spec.Arrivals
	p := paced{seed: w.seed, random: a.Kind == KindPoisson || a.Kind == KindDay, name: a.Kind + ", " + a.Rate.String()}
	switch a.Kind {
	case KindRecorded:
		p.name = "recorded"
		for _, n := range w.record.counts {
			// The count of a second, evenly; faster when the record is played faster.
			rate := float64(n) * float64(a.Speed) / float64(One)
			p.ramps = append(p.ramps, ramp{float64(One) / float64(a.Speed), rate, rate})
		}
		if a.Again {
			p.again = p.ramps
			p.ramps = nil
		}
	case KindDay:
		p.again = day(a)
	default:
		p.steady = a.Rate.PerSecond()
	}
	return newPaced(surge(p, w.spec.Flash))
}

// day returns the ramps of a day with the mean rate of the spec, sales aside.
func day(a *ArrivalSpec) []ramp {
	hours := a.Hours
	if hours == nil {
		hours = usualHours
	}
	// The rate is that of an hour at its middle and goes evenly from middle to middle; so the day is cut at half hours, and
	// where the peak begins, is highest and ends.
	const whole = 24 * 3_600.0
	at := func(t float64) float64 {
		h := t/3_600 - 0.5
		i := math.Floor(h)
		x, y := float64(hours[(int(i)+24)%24]), float64(hours[(int(i)+25)%24])
		return x + float64((y-x)*(h-i))
	}
	cuts := []float64{0, whole}
	for h := range 24 {
		cuts = append(cuts, (float64(h)+0.5)*3_600)
	}
	top, half, times := time.Duration(a.Peak.At).Seconds(), time.Duration(a.Peak.For).Seconds()/2, float64(a.Peak.Times)/float64(One)
	if times > 0 {
		cuts = append(cuts, top-half, top, top+half)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	rate := func(t float64) float64 {
		r := at(t)
		if d := math.Abs(t - top); times > 0 && d < half {
			r *= 1 + float64((times-1)*(1-d/half))
		}
		return r
	}
	var out []ramp
	orders := 0.0
	for i := range len(cuts) - 1 {
		r := ramp{cuts[i+1] - cuts[i], rate(cuts[i]), rate(cuts[i+1])}
		orders += r.orders(r.length)
		out = append(out, r)
	}
	scale := a.Rate.PerSecond() * whole / orders
	for i := range out {
		out[i].from *= scale
		out[i].to *= scale
	}
	return out
}

// surge multiplies the rates while a sale is on.
func surge(p paced, sales []FlashSpec) paced {
	sales = slices.DeleteFunc(slices.Clone(sales), func(f FlashSpec) bool { return f.Surge == One })
	if len(sales) == 0 {
		return p
	}
	slices.SortFunc(sales, func(a, b FlashSpec) int { return int(a.At/1e6 - b.At/1e6) })
	end := time.Duration(sales[len(sales)-1].At + sales[len(sales)-1].For).Seconds()
	// Sales come once: what is steady or comes again is written out until the last is over.
	var out []ramp
	began := 0.0
	add := func(r ramp) {
		for r.length > 0 {
			part, times := r.length, 1.0
			for _, f := range sales {
				from, until := time.Duration(f.At).Seconds(), time.Duration(f.At+f.For).Seconds()
				if began < from {
					part = min(part, from-began)
				} else if began < until {
					part, times = min(part, until-began), float64(f.Surge)/float64(One)
				} else {
					continue
				}
				break
			}
			mid := r.from + float64((r.to-r.from)*part)/r.length
			out = append(out, ramp{part, r.from * times, mid * times})
			if r.length -= part; r.length < 1e-9 {
				r.length = 0
			}
			r.from, began = mid, began+part
		}
	}
	for _, r := range p.ramps {
		add(r)
	}
	for len(p.again) > 0 && began < end {
		for _, r := range p.again {
			add(r)
		}
	}
	if p.steady > 0 && began < end {
		add(ramp{end - began, p.steady, p.steady})
	}
	p.ramps = out
	return p
}

// A Record is how many orders came in each second.
type Record struct{ counts []int64 }

// MaxRecord bounds a Record: two months of seconds.
const MaxRecord = 62 * 86_400

// Seconds returns the number of seconds of the record.
func (r *Record) Seconds() int { return len(r.counts) }

// Orders returns how many orders came in all.
func (r *Record) Orders() int64 {
	sum := int64(0)
	for _, n := range r.counts {
		sum += n
	}
	return sum
}

// ReadRecord reads when orders came: from a history as package history reads them (.csv, .jsonl, .parquet), whose first order
// is in the first second; or from a text file with the number of orders of a second on each line. The error is a
// *faults.Error where the file is at fault.
func ReadRecord(path string) (*Record, error) {
	if _, ok := history.FormatOf(path); ok {
		h, _, err := history.Read(context.Background(), []history.File{history.OSFile(path)}, history.ReadOptions{Sort: true})
		if err != nil {
			return nil, err
		}
		first, last := h.At[0], h.At[h.Len()-1]
		if last-first >= MaxRecord {
			return nil, &faults.Error{Faults: []faults.Fault{{File: path, Problem: "the orders span more than 62 days", Mend: "take a part of them"}}}
		}
		counts := make([]int64, last-first+1)
		for _, at := range h.At {
			counts[at-first]++
		}
		return &Record{counts}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseRecord(path, data)
}

// parseRecord reads a number a line. Empty lines and those that begin with # are passed over.
func parseRecord(path string, data []byte) (*Record, error) {
	var fl faults.List
	r := &Record{}
	line, sum := 0, int64(0)
	for text := range bytes.Lines(data) {
		line++
		text = bytes.TrimSpace(text)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || n < 0 || n > int64(MaxRate.PerSecond()) {
			if fl.Len() < 100 {
				fl.Addf(path, line, 1, "", "write how many orders came in this second, 0 to 10000000", "%q is no number of orders", clip(text))
			}
			continue
		}
		if r.counts = append(r.counts, n); len(r.counts) > MaxRecord {
			fl.Addf(path, line, 1, "", "take a part of it", "the record is longer than 62 days")
			break
		}
		sum += n
	}
	if fl.Len() == 0 && sum == 0 {
		fl.Addf(path, 0, 0, "", "write the number of orders of each second on a line", "the record has no orders")
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

func clip(b []byte) []byte { return b[:min(len(b), 40)] }
