// Package synth makes up results of load tests from a seed, as bench/load writes them. They are for tests of whatever reads
// results: reports, comparisons, plans. Nothing in them was measured.
package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/allot-engine/allot/bench/load"
)

// Options say what a made up run was like. The zero value is a quiet run of a minute at 2,000 operations a second.
type Options struct {
	Seed    uint64
	Name    string        // of the workload; default peak-day
	Kind    string        // run, saturate or soak; default run
	Rate    float64       // operations a second that are due; default 2,000
	Seconds int           // of the measured part; default 60
	WarmUp  int           // seconds before it; default 5
	Slower  float64       // factor of service times and processor time; default 1
	Spread  float64       // standard deviation of what one run as a whole differs from the next by, a share; default 0
	Noise   float64       // standard deviation of seconds, a share; default 0.05. Tails have more of it
	Follow  float64       // how much a second is like the one before, 0 to 1; default 0.5
	Median  time.Duration // latency of half of the calls; default 800 µs
	Cost    time.Duration // processor time of the server an operation; default 60 µs
	Stall   int           // the second, from the start, at which the server stands still for two; 0 for never
	Refuse  float64       // share that the server's limits refuse
	Leak    float64       // bytes of heap that stay behind an operation; default 400
	Durable bool
	Wrong   bool // the accounting found what is wrong
	Slow    bool // the generator was the bottleneck
}

func (o *Options) defaults() {
	set := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Rate, 2000)
	set(&o.Slower, 1)
	set(&o.Noise, 0.05)
	set(&o.Follow, 0.5)
	set(&o.Leak, 400)
	if o.Seconds == 0 {
		o.Seconds = 60
	}
	if o.WarmUp == 0 {
		o.WarmUp = 5
	}
	if o.Median == 0 {
		o.Median = 800 * time.Microsecond
	}
	if o.Cost == 0 {
		o.Cost = 60 * time.Microsecond
	}
	if o.Name == "" {
		o.Name = "peak-day"
	}
	if o.Kind == "" {
		o.Kind = "run"
	}
}

const heapAtFirst = 180 << 20

// Result makes a result. The same options make the same one.
func Result(o Options) *load.Result {
	o.defaults()
	rng := rand.New(rand.NewPCG(o.Seed, 0x616c6c6f74))
	run := func(times float64) float64 { return math.Exp(times * o.Spread * rng.NormFloat64()) }
	median := float64(o.Median) * o.Slower * run(1)
	tail := 1.9 * run(0.5) // log of what p99.9 is above the median
	cost := float64(o.Cost) * o.Slower * run(0.7)
	r := &load.Result{
		Version: load.ResultVersion, Kind: o.Kind, Build: "made up", Args: []string{"allot", "bench", o.Kind, "--workload", o.Name, "--rate", fmt.Sprint(o.Rate)},
		Machine: load.Machine{OS: "linux", Kernel: "6.1", CPU: "Imagined CPU at 2.5 GHz", Cores: 4, GOMAXPROCS: 4, Memory: 16 << 30, Go: "go1.26"},
		Target:  load.Target{Address: "127.0.0.1:40001", Admin: "127.0.0.1:40002", Own: true, Durable: o.Durable, Network: "9f31c2"},
		Workload: load.Workload{Name: o.Name, Seed: 1, Hash: "5b1e0c7a", Text: "# A day with a peak and a flash sale on one SKU.\nname: " + o.Name +
			"\nwarehouses: 50\nskus: 20000\narrivals:\n  kind: poisson\n"},
		Mode: "unary", PerMessage: 1, Connections: 4, Callers: 64, Timeout: time.Second,
		Started: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC), WarmUp: time.Duration(o.WarmUp) * time.Second, Duration: time.Duration(o.Seconds) * time.Second,
		Files: []load.File{
			{Name: "latency-all.hlog", What: "latencies of all operations from their intended start, HdrHistogram log"},
			{Name: "cpu.pprof", What: "CPU profile of the server"}, {Name: "heap.pprof", What: "heap of the server at the end"},
		},
	}
	var a, b float64 // what seconds differ by: the median, and the tail beside it
	step := func(v float64) float64 {
		return o.Follow*v + math.Sqrt(1-o.Follow*o.Follow)*rng.NormFloat64()
	}
	heap, perSecond := float64(heapAtFirst), 90e6*o.Rate/2000
	low, most := heap, 0.0
	var intended, answered, granted, refused, timedOut, dropped int64
	var serverCPU, generatorCPU float64
	var gcs int64
	stalled := 0
	for i := range o.WarmUp + o.Seconds {
		a, b = step(a), step(b)
		s := load.Second{At: float64(i), Warm: i < o.WarmUp}
		s.Intended = int64(math.Round(o.Rate + math.Sqrt(o.Rate)*rng.NormFloat64()))
		cold := 1.0
		if s.Warm {
			cold = 1 + 2*math.Exp(-float64(i))
		}
		p50 := median * cold * math.Exp(o.Noise*a)
		s.Refused = int64(o.Refuse * float64(s.Intended))
		s.Answered = s.Intended - s.Refused
		worst := 1.0
		if o.Stall > 0 && i >= o.Stall && i < o.Stall+2 {
			s.Answered, stalled = 0, stalled+int(s.Intended)
			s.InFlight = 64
		} else {
			if stalled > 0 {
				worst = 2e9 / (p50 * math.Exp(tail*1.3))
				s.TimedOut = int64(stalled) / 3
				s.Dropped = int64(stalled) / 6
				s.Answered += int64(stalled) - s.TimedOut - s.Dropped
				stalled = 0
			}
			s.InFlight = int64(math.Ceil(float64(s.Answered) * p50 * 1.2 / 1e9))
		}
		s.Granted = s.Answered * 6 / 10
		if s.Answered > 0 {
			s.P50 = int64(p50)
			p99 := p50 * math.Exp(tail*0.75+2*o.Noise*b)
			s.P99, s.Max = int64(math.Max(p99, p99*worst*0.9)), int64(p50*math.Exp(tail*1.3+3*o.Noise*b+0.1*rng.Float64())*worst)
		}
		s.ServerCPU = float64(s.Answered) * cost / 1e9 * math.Exp(0.4*o.Noise*a)
		s.GeneratorCPU = float64(s.Intended) * 0.35 * float64(o.Cost) / 1e9
		low += o.Leak * float64(s.Granted)
		heap += perSecond * float64(s.Answered) / o.Rate
		if heap > 2*low {
			s.GCs, heap = 1+int64(heap/(4*low)), low
		}
		s.Heap = int64(heap)
		r.Seconds = append(r.Seconds, s)
		if s.Warm {
			continue
		}
		intended, answered, granted = intended+s.Intended, answered+s.Answered, granted+s.Granted
		refused, timedOut, dropped = refused+s.Refused, timedOut+s.TimedOut, dropped+s.Dropped
		serverCPU, generatorCPU = serverCPU+s.ServerCPU, generatorCPU+s.GeneratorCPU
		gcs, most = gcs+s.GCs, math.Max(most, heap)
	}
	n := float64(o.Seconds)
	r.Offered, r.Achieved = float64(intended)/n, float64(answered)/n
	for i, name := range []string{"all", "quote", "allocate", "confirm"} {
		share, factor := []float64{1, 0.4, 0.4, 0.2}[i], []float64{1, 0.7, 1.2, 0.5}[i]
		of := func(v int64) int64 { return int64(math.Round(share * float64(v))) }
		op := load.Operation{Name: name, Intended: of(intended), Answered: of(answered), Granted: of(granted), Dropped: of(dropped), Codes: map[string]int64{}}
		if timedOut > 0 {
			op.Codes["DEADLINE_EXCEEDED"] = of(timedOut)
		}
		if refused > 0 {
			op.Codes["RESOURCE_EXHAUSTED"] = of(refused)
			op.Refusals = latency(of(refused), 60e3, 0.8, 0, rng)
		}
		stall := 0.0
		if o.Stall > 0 && n > 0 {
			stall = 2 / n
		}
		op.Latency = latency(op.Answered, median*factor, tail, stall, rng)
		op.Service = latency(op.Answered, median*factor*0.92, tail*0.95, stall/40, rng)
		r.Operations = append(r.Operations, op)
	}
	r.Generator = load.Generator{CPU: generatorCPU / n, Late: 0.0004, WorstLate: 900 * time.Microsecond}
	if o.Slow {
		r.Generator.Bottleneck, r.Generator.Late = true, 0.12
		r.Generator.Why = "12 % of the operations were handed out over 1 ms late"
	}
	r.Server = &load.Server{
		CPU: serverCPU / n, CPUPerOp: time.Duration(serverCPU / math.Max(float64(answered), 1) * 1e9), HeapStart: heapAtFirst, HeapEnd: heapAtFirst + int64(o.Leak*float64(granted)),
		HeapMost: int64(most), GCs: gcs, GCPause: time.Duration(gcs) * 90 * time.Microsecond, Resident: int64(1.3 * most), Refused: refused,
	}
	if o.Durable {
		records := 0.8 * o.Rate
		r.Server.Groups, r.Server.Records, r.Server.Fsync = int64(n*250), records/250, 1700*time.Microsecond
	}
	r.Correctness = load.Correctness{Holds: granted / 3, Cells: 4200, Repeats: granted / 100, Decisions: answered / 2}
	if o.Wrong {
		r.Correctness.Oversells, r.Correctness.LostAcks = 3, 1
		r.Correctness.Examples = []string{"reno holds 43 of mug, and had 40", "hold h-17 was acknowledged and is not there"}
	}
	all := &r.Operations[0]
	failed := 1 - float64(answered)/float64(max(intended, 1))
	r.Objectives = []load.Objective{
		{Text: "p99<20ms", Measured: float64(all.Latency.P99), Holds: all.Latency.P99 < 20e6}, {Text: "errors<0.1%", Measured: failed, Holds: failed < 0.001},
	}
	if o.Kind == "soak" {
		r.HeapGrowth = heapGrowth(o.Leak / 400)
	}
	if o.Kind == "saturate" {
		windows(r, o.Rate, median, tail, rng)
	}
	return r
}

// heapGrowth makes the heap of a soak of two days and six hours that grows by so many thousandths a day.
func heapGrowth(thousandths float64) *load.HeapGrowth {
	g := &load.HeapGrowth{Speed: 324, Limit: 0.01, Before: heapAtFirst, Growth: thousandths / 1000, How: "made up"}
	g.After = int64((1 + g.Growth) * heapAtFirst)
	g.Holds = g.Growth < g.Limit
	for at := time.Duration(0); at <= 54*time.Hour; at += 30 * time.Minute {
		daily := 0.4 * math.Pow(math.Sin(math.Pi*at.Hours()/24), 8)
		g.Samples = append(g.Samples, load.HeapSample{At: at, Bytes: int64(heapAtFirst * (1 + daily + g.Growth*(at.Hours()-28)/24))})
	}
	return g
}

// windows makes what saturate tried: the nearer to what the server can do, the longer what comes waits.
func windows(r *load.Result, rate, median, tail float64, rng *rand.Rand) {
	r.Seconds = nil
	for i, share := range []float64{0.25, 0.5, 0.75, 0.9, 1.05, 0.97, 0.94} {
		wait := 1 + 0.3*share/math.Max(1-share, 0.004)
		w := load.Window{Rate: 0.4 * rate * share, Achieved: rate * math.Min(share, 1), Errors: math.Max(0, 1-1/share), Latency: latency(int64(10*rate*share), median*wait, tail, 0, rng)}
		w.Objectives = []load.Objective{{Text: "p99<20ms", Measured: float64(w.Latency.P99), Holds: w.Latency.P99 < 20e6}, {Text: "errors<0.1%", Measured: w.Errors, Holds: w.Errors < 0.001}}
		w.Holds = w.Objectives[0].Holds && w.Objectives[1].Holds
		w.Bottleneck = i == 4 && r.Generator.Bottleneck
		r.Windows = append(r.Windows, w)
	}
}

// latency makes a lognormal distribution with a share of calls that a stall of two seconds kept waiting.
func latency(count int64, median, tail, stall float64, rng *rand.Rand) load.Latency {
	if count == 0 {
		return load.Latency{}
	}
	bend := 0.02 * rng.NormFloat64()
	at := func(share float64) int64 {
		if share > 1-stall {
			return int64(math.Max(2e9*(share-1+stall)/stall, median))
		}
		share = math.Min(share/(1-stall), 1-0.3/float64(count))
		z := math.Sqrt2 * math.Erfinv(2*share-1)
		return int64(median * math.Exp(tail/3.09*z*(1+bend*z)))
	}
	l := load.Latency{Count: count, Min: at(0.3 / float64(count)), P50: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99), P999: at(0.999), P9999: at(0.9999), Max: at(1)}
	for left := 1.0; left*float64(count) >= 1; left *= 0.87 {
		l.Curve = append(l.Curve, load.Quantile{Share: 1 - left, Value: max(at(1-left), l.Min)})
	}
	l.Curve = append(l.Curve, load.Quantile{Share: 1, Value: l.Max})
	for i := range 100 {
		l.Mean += float64(at((float64(i)+0.5)/1000)) / 1000
	}
	return l
}
