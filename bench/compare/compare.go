// Package compare tells whether one build is slower than another, from results of load tests of both.
//
// Each figure of both sides is a sample, and the Mann-Whitney U test says how likely samples as different as these are when
// nothing differs but chance. A figure counts as slower when both hold: the test finds it beyond chance, with the correction of
// Holm for testing several figures, and it has shifted by more than a threshold. The first keeps noise from raising an alarm, the
// second keeps differences that nobody cares about from doing so when samples are large.
//
// Sources: H. B. Mann and D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the
// Other", Ann. Math. Statist. 18 (1947); S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statist. 6
// (1979); J. L. Hodges and E. L. Lehmann, "Estimates of Location Based on Rank Tests", Ann. Math. Statist. 34 (1963).
package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/faults"
)

// Options are how results are compared. A zero field takes the default in its comment.
type Options struct {
	Alpha     float64 // how likely a false alarm may be, in all figures together; default 0.05
	Threshold float64 // least shift of a figure that counts, as a share of it; default 0.05
	Errors    float64 // least rise of the share of errors that counts; default 0.001
	Blocks    int     // blocks that a run is cut into where runs are too few, at least 4; default 10
}

func (o Options) defaults() Options {
	o.Alpha = cmp.Or(o.Alpha, 0.05)
	o.Threshold = cmp.Or(o.Threshold, 0.05)
	o.Errors = cmp.Or(o.Errors, 0.001)
	o.Blocks = cmp.Or(o.Blocks, 10)
	return o
}

// What samples are.
const (
	Runs   = "runs"   // a value a run
	Blocks = "blocks" // several values a run: of blocks of its seconds
)

// What is said of a figure.
const (
	Slower = "slower" // beyond chance, and by more than the threshold, for the worse
	Faster = "faster" // the same for the better
	Small  = "small"  // beyond chance, and by less than the threshold
	Chance = "chance" // no more than chance would make of equals
)

// A Comparison is what differs between two sides.
type Comparison struct {
	Method  Method   `json:"method"`
	A       Side     `json:"a"`
	B       Side     `json:"b"`
	Figures []Figure `json:"figures"`
	Notes   []string `json:"notes,omitempty"` // what whoever reads it must know
	Slower  bool     `json:"slower"`          // a figure of B is
	Wrong   bool     `json:"wrong"`           // B did things wrong, which makes its speed worthless
}

// A Method is how it was found out.
type Method struct {
	Samples   string  `json:"samples"` // runs or blocks
	CountA    int     `json:"count_a"` // of samples
	CountB    int     `json:"count_b"`
	Seconds   float64 `json:"seconds,omitempty"` // of the shortest block
	Alpha     float64 `json:"alpha"`
	Threshold float64 `json:"threshold"`
	Errors    float64 `json:"errors"`
	Allowance float64 `json:"allowance"` // what runs of equals may differ by as a whole, as a share, that blocks cannot show; of errors as much of their threshold
}

// A Side is one of the two.
type Side struct {
	Runs     int      `json:"runs"`
	Builds   []string `json:"builds"`   // each once
	Failures int64    `json:"failures"` // of correctness, in all runs
}

// A Figure is one thing that was measured on both sides.
type Figure struct {
	Name   string    `json:"name"` // as throughput or p99
	Label  string    `json:"label"`
	Unit   string    `json:"unit"`   // ns, share, or rate: a second
	Better int       `json:"better"` // 1 where more is better, -1 where less is
	A      float64   `json:"a"`      // median of the samples
	B      float64   `json:"b"`
	Change float64   `json:"change"`  // by how much B is above A as a share of A, the median over all pairs of samples; of errors the difference of shares
	Low    *float64  `json:"low"`     // of the interval of Change that holds it with 95 % confidence; null where samples are too few for one
	High   *float64  `json:"high"`    //
	P      float64   `json:"p"`       // that samples of equals, or of sides that differ by the allowance, differ as much
	Wider  float64   `json:"wider"`   // by how much the variance is above that of independent samples, for blocks that follow one another; 1 of runs
	PHolm  float64   `json:"p_holm"`  // the same, corrected for the number of figures
	Is     string    `json:"verdict"` // slower, faster, small or chance
	SA     []float64 `json:"samples_a"`
	SB     []float64 `json:"samples_b"`
}

// A measure takes one figure from a run and from a block of its seconds. Either may be missing.
type measure struct {
	name, label, unit string
	better            int
	run               func(*load.Result) (float64, bool)
	block             func(*load.Result, []load.Second) (float64, bool)
}

func total(r *load.Result) *load.Operation {
	if len(r.Operations) == 0 {
		return &load.Operation{}
	}
	return &r.Operations[0]
}

// latency is a percentile of all operations.
func latency(of func(*load.Latency) int64) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) {
		l := &total(r).Latency
		return float64(of(l)), l.Count > 0
	}
}

// mean is the mean over the seconds of a block in which something was answered.
func mean(of func(*load.Second) int64) func(*load.Result, []load.Second) (float64, bool) {
	return func(_ *load.Result, seconds []load.Second) (float64, bool) {
		sum, n := 0.0, 0.0
		for i := range seconds {
			if s := &seconds[i]; s.Answered > 0 {
				sum, n = sum+float64(of(s)), n+1
			}
		}
		return sum / n, n > 0
	}
}

func sums(seconds []load.Second) (intended, answered, cpu float64) {
	for i := range seconds {
		intended, answered, cpu = intended+float64(seconds[i].Intended), answered+float64(seconds[i].Answered), cpu+seconds[i].ServerCPU
	}
	return intended, answered, cpu
}

// measures are all figures. Those of a saturation are its highest rate and what it costs.
var measures = []measure{
	{"capacity", "highest rate that holds", "rate", 1, func(r *load.Result) (float64, bool) {
		best := 0.0
		for i := range r.Windows {
			if w := &r.Windows[i]; w.Holds {
				best = max(best, w.Rate)
			}
		}
		return best, r.Kind == "saturate" && best > 0
	}, nil},
	{"throughput", "answered in time", "rate", 1, func(r *load.Result) (float64, bool) { return r.Achieved, r.Kind != "saturate" },
		func(_ *load.Result, seconds []load.Second) (float64, bool) {
			_, answered, _ := sums(seconds)
			return answered / float64(len(seconds)), true
		}},
	{"p50", "latency p50", "ns", -1, notSaturate(latency(func(l *load.Latency) int64 { return l.P50 })), mean(func(s *load.Second) int64 { return s.P50 })},
	{"p99", "latency p99", "ns", -1, notSaturate(latency(func(l *load.Latency) int64 { return l.P99 })), mean(func(s *load.Second) int64 { return s.P99 })},
	{"p99.9", "latency p99.9", "ns", -1, notSaturate(latency(func(l *load.Latency) int64 { return l.P999 })), nil},
	{"longest", "longest of a second", "ns", -1, nil, mean(func(s *load.Second) int64 { return s.Max })},
	{"cpu", "processor time an operation", "ns", -1, func(r *load.Result) (float64, bool) {
		if r.Server == nil {
			return 0, false
		}
		return float64(r.Server.CPUPerOp), r.Server.CPUPerOp > 0
	}, func(r *load.Result, seconds []load.Second) (float64, bool) {
		_, answered, cpu := sums(seconds)
		return 1e9 * cpu / answered, r.Server != nil && cpu > 0 && answered > 0
	}},
	{"errors", "without an answer in time", "share", -1, func(r *load.Result) (float64, bool) {
		o := total(r)
		return math.Max(0, 1-float64(o.Answered)/float64(o.Intended)), o.Intended > 0 && r.Kind != "saturate"
	}, func(_ *load.Result, seconds []load.Second) (float64, bool) {
		intended, answered, _ := sums(seconds)
		return math.Max(0, 1-answered/intended), intended > 0
	}},
}

// notSaturate leaves out what a saturation mixes from many rates.
func notSaturate(of func(*load.Result) (float64, bool)) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) {
		v, ok := of(r)
		return v, ok && r.Kind != "saturate"
	}
}

// tested is the number of figures that a comparison tests at most.
const tested = 6

// enough tells whether samples of these sizes can differ beyond chance at all, after the correction for all figures.
func enough(n, m int, alpha float64) bool {
	ways := 1.0 // n+m over n
	for i := range n {
		ways *= float64(m+i+1) / float64(i+1)
	}
	return 2/ways <= alpha/tested
}

// RunsNeeded is how many runs a side it takes for a test between runs, at an alpha.
func RunsNeeded(alpha float64) int {
	for n := 1; ; n++ {
		if enough(n, n, alpha) {
			return n
		}
	}
}

// Measured returns the seconds of a run's measured part, without one at the end that was cut short.
func Measured(r *load.Result) []load.Second {
	var list []load.Second
	end := (r.WarmUp + r.Duration).Seconds() + 0.05
	for i := range r.Seconds {
		if s := r.Seconds[i]; !s.Warm && s.At >= r.WarmUp.Seconds()-0.05 && s.At+1 <= end {
			list = append(list, s)
		}
	}
	return list
}

// leastSeconds is how many seconds a block has at least.
const leastSeconds = 2

// Compare compares b with a: each side one run or several of the same thing. Where there are enough runs on both sides a sample is a
// run; else it is a block of seconds, each run being cut into some that follow one another. It is an error, a *faults.Error, when
// runs have too few seconds for that. Whether the sides can be compared at all is said by Check. It panics without results.
func Compare(a, b []*load.Result, o Options) (*Comparison, error) {
	if len(a) == 0 || len(b) == 0 {
		panic("compare: a side without results")
	}
	o = o.defaults()
	c := &Comparison{A: side(a), B: side(b), Method: Method{Samples: Runs, Alpha: o.Alpha, Threshold: o.Threshold, Errors: o.Errors}}
	if !enough(len(a), len(b), o.Alpha) {
		c.Method.Samples = Blocks
		if err := blockable(a, b, o); err != nil {
			return nil, err
		}
		for i, r := range slices.Concat(a, b) {
			if seconds := float64(len(Measured(r)) / o.Blocks); i == 0 || seconds < c.Method.Seconds {
				c.Method.Seconds = seconds
			}
		}
	}
	for i := range measures {
		m := &measures[i]
		sa, okA := m.samples(a, c.Method.Samples, o.Blocks)
		sb, okB := m.samples(b, c.Method.Samples, o.Blocks)
		if !okA || !okB {
			continue
		}
		c.Method.CountA, c.Method.CountB = len(sa), len(sb)
		f := figure(m, sa, sb, allowance(m, c.Method.Samples, o))
		if c.Method.Samples == Blocks {
			f.widen(m, a, b, o.Blocks)
		}
		c.Figures = append(c.Figures, f)
	}
	if c.Method.Samples == Blocks {
		c.Method.Allowance = o.Threshold / 2
	}
	holm(c.Figures)
	for i := range c.Figures {
		f := &c.Figures[i]
		f.Is = f.judge(o)
		c.Slower = c.Slower || f.Is == Slower
	}
	c.Wrong = c.B.Failures > 0
	c.notes(a, b)
	return c, nil
}

func side(runs []*load.Result) Side {
	s := Side{Runs: len(runs)}
	for _, r := range runs {
		if !slices.Contains(s.Builds, r.Build) {
			s.Builds = append(s.Builds, r.Build)
		}
		s.Failures += r.Correctness.Failures()
	}
	return s
}

// blockable wants seconds enough in every run.
func blockable(a, b []*load.Result, o Options) error {
	var bad faults.List
	needed := RunsNeeded(o.Alpha)
	for i, r := range slices.Concat(a, b) {
		name, n := "A", i+1
		if i >= len(a) {
			name, n = "B", i-len(a)+1
		}
		file := fmt.Sprintf("%s, run %d", name, n)
		if r.Kind == "saturate" {
			bad.Addf(file, 0, 0, "kind", fmt.Sprintf("give %d saturations a side", needed), "it is a saturation, whose seconds are of many rates")
		} else if have, want := len(Measured(r)), leastSeconds*o.Blocks; have < want {
			bad.Addf(file, 0, 0, "seconds", fmt.Sprintf("measure %d seconds or more, or give %d runs a side", want, needed),
				"%d measured seconds are too few for %d blocks of %d seconds", have, o.Blocks, leastSeconds)
		}
	}
	return bad.Err()
}

// samples takes a figure from all runs of a side; not ok where one does not have it.
func (m *measure) samples(runs []*load.Result, kind string, blocks int) ([]float64, bool) {
	var list []float64
	for _, r := range runs {
		if kind == Runs {
			if m.run == nil {
				return nil, false
			}
			v, ok := m.run(r)
			if !ok {
				return nil, false
			}
			list = append(list, v)
			continue
		}
		if m.block == nil {
			return nil, false
		}
		seconds := Measured(r)
		for i := range blocks {
			v, ok := m.block(r, seconds[i*len(seconds)/blocks:(i+1)*len(seconds)/blocks])
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
	}
	return list, true
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// allowance is what sides of equals may differ by as a whole, beyond what their samples show.
func allowance(m *measure, samples string, o Options) float64 {
	switch {
	case samples == Runs:
		return 0
	case m.unit == "share":
		return o.Errors / 2
	}
	return o.Threshold / 2
}

func figure(m *measure, a, b []float64, allowed float64) Figure {
	f := Figure{Name: m.name, Label: m.label, Unit: m.unit, Better: m.better, P: 1, Wider: 1, SA: a, SB: b}
	f.A, f.B = median(slices.Sorted(slices.Values(a))), median(slices.Sorted(slices.Values(b)))
	var pairs []float64
	for _, x := range a {
		for _, y := range b {
			switch {
			case m.unit == "share":
				pairs = append(pairs, y-x)
			case x > 0:
				pairs = append(pairs, y/x-1)
			}
		}
	}
	if len(pairs) == 0 {
		return f
	}
	slices.Sort(pairs)
	f.Change = median(pairs)
	f.P = probability(m, a, b, f.Change, allowed)
	if k := cut(len(a), len(b)); k > 0 && len(pairs) == len(a)*len(b) {
		low, high := pairs[k-1], pairs[len(pairs)-k]
		f.Low, f.High = &low, &high
	}
	return f
}

// probability tests b against a, moved towards b by the allowance.
func probability(m *measure, a, b []float64, change, allowed float64) float64 {
	if math.Abs(change) <= allowed && allowed > 0 {
		return 1
	}
	moved := slices.Clone(a)
	for i := range moved {
		switch {
		case m.unit == "share":
			moved[i] += math.Copysign(allowed, change)
		case change > 0:
			moved[i] *= 1 + allowed
		default:
			moved[i] /= 1 + allowed
		}
	}
	t, err := stats.MannWhitneyUTest(moved, b, stats.LocationDiffers)
	if err != nil { // all are equal
		return 1
	}
	return math.Min(t.P, 1)
}

// widen makes up for what dependence blocks still have on one another. How much a second is like the one before says by how much
// the mean of all of them varies more than blocks would let expect; with that the test's normal deviate shrinks. It takes
// seconds as a first-order autoregressive series. Source: G. E. P. Box, G. M. Jenkins, G. C. Reinsel, "Time Series Analysis" (1994), 2.1.
func (f *Figure) widen(m *measure, a, b []*load.Result, blocks int) {
	if f.P >= 1 {
		return
	}
	sum, n, shortest := 0.0, 0.0, 0
	for _, r := range slices.Concat(a, b) {
		seconds := Measured(r)
		var series []float64
		for i := range seconds {
			if v, ok := m.block(r, seconds[i:i+1]); ok {
				series = append(series, v)
			}
		}
		sum, n = sum+follows(series), n+1
		if shortest == 0 || len(seconds) < shortest {
			shortest = len(seconds)
		}
	}
	like := math.Min(math.Max(sum/n, 0), 0.98)
	f.Wider = inflation(like, shortest) / inflation(like, max(shortest/blocks, 1))
	deviate := stats.InvCDF(stats.StdNormal)(f.P / 2)
	f.P = math.Min(1, 2*stats.StdNormal.CDF(deviate/math.Sqrt(f.Wider)))
}

// follows is the correlation of neighbours in a series, with a correction for its bias (M. G. Kendall, Biometrika 41, 1954).
func follows(series []float64) float64 {
	n := float64(len(series))
	if n < 4 {
		return 0
	}
	mean := 0.0
	for _, v := range series {
		mean += v / n
	}
	var with, own float64
	for i, v := range series {
		own += (v - mean) * (v - mean)
		if i > 0 {
			with += (v - mean) * (series[i-1] - mean)
		}
	}
	if own == 0 {
		return 0
	}
	r := with / own
	return r + (1+3*r)/n
}

// inflation is by how much the variance of a mean of n values is above that of independent ones, when neighbours correlate.
func inflation(correlation float64, n int) float64 {
	sum, power := 0.0, 1.0
	for k := 1; k < n; k++ {
		power *= correlation
		sum += (1 - float64(k)/float64(n)) * power
	}
	return 1 + 2*sum
}

// cut is how many of the sorted pairs lie outside of the 95 % interval on either side, and one; 0 where samples are too few for an
// interval. It is the distribution of U turned around: exact for small samples, by the normal one for others.
func cut(n, m int) int {
	const tail = 0.025
	if n+m <= 24 {
		d := stats.UDist{N1: n, N2: m}
		k := 0
		for k < n*m/2 && d.CDF(float64(k)) <= tail {
			k++
		}
		return k
	}
	z := stats.InvCDF(stats.StdNormal)(1 - tail)
	size := float64(n * m)
	return max(0, int(math.Floor(size/2-z*math.Sqrt(size*float64(n+m+1)/12))))
}

// holm corrects for testing several figures.
func holm(figures []Figure) {
	order := make([]int, len(figures))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(figures[i].P, figures[j].P) })
	most := 0.0
	for rank, i := range order {
		most = math.Max(most, math.Min(1, figures[i].P*float64(len(order)-rank)))
		figures[i].PHolm = most
	}
}

func (f *Figure) judge(o Options) string {
	if f.PHolm > o.Alpha || f.Change == 0 {
		return Chance
	}
	least := o.Threshold
	if f.Unit == "share" {
		least = o.Errors
	}
	switch {
	case math.Abs(f.Change) < least:
		return Small
	case (f.Change > 0) == (f.Better > 0):
		return Faster
	}
	return Slower
}

func (c *Comparison) notes(a, b []*load.Result) {
	add := func(format string, args ...any) { c.Notes = append(c.Notes, fmt.Sprintf(format, args...)) }
	needed := RunsNeeded(c.Method.Alpha)
	if c.Method.Samples == Blocks {
		add("seconds of one run are not independent of each other: samples are blocks of %g seconds, and p allows for what dependence they still have", c.Method.Seconds)
		if len(a) == 1 && len(b) == 1 {
			add("what two runs of one build differ by as a whole is not in samples of one run each: %g %% are allowed for it; %d runs a side would tell", 100*c.Method.Allowance, needed)
		} else {
			add("the runs are too few to be samples themselves; %d a side are enough", needed)
		}
	}
	for i, runs := range [][]*load.Result{a, b} {
		name, bottleneck, unchecked := string(rune('A'+i)), 0, 0
		for _, r := range runs {
			if r.Generator.Bottleneck {
				bottleneck++
			}
			if k := &r.Correctness; k.Holds+k.Cells+k.Repeats+k.Decisions == 0 {
				unchecked++
			}
		}
		if bottleneck > 0 {
			add("%s: the generator was the bottleneck in %d of %d runs; it is compared, not the server", name, bottleneck, len(runs))
		}
		if unchecked > 0 {
			add("%s: nobody checked whether the answers were right in %d of %d runs", name, unchecked, len(runs))
		}
	}
	if c.A.Failures > 0 {
		add("A did things wrong, %d of them: its speed is no measure for B", c.A.Failures)
	}
}
