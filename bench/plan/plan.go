// Package plan works out from a load test what a peak will take: processors, nodes, memory, and what saturates first.
//
// It is arithmetic on what was measured, and says for each number where it comes from. What one order costs is taken to be the same
// at the peak as in the test; so test near the rate that is planned for, with the workload that is expected, on the processors
// that will serve it.
package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report/words"
	"github.com/allot-engine/allot/faults"
)

// Options are what is planned for. A zero field takes the default in its comment, save Peak and Spare.
type Options struct {
	Peak      float64       // orders a second, above 0
	Headroom  float64       // share of processors and memory that is idle at the peak, under 1; default 0.4
	Spare     int           // nodes that may fail at the peak; 0 for none
	Cores     int           // processors of a node; default those of the machine of the test
	Memory    int64         // bytes of a node; default those of the machine of the test
	Network   float64       // bytes a second of a node's network, each way; default 1.25e9, which is 10 Gbit/s
	Retention time.Duration // how long an ended hold is remembered; default 7 days, as of the server
	PeakHours float64       // hours at the peak's rate that make as many orders as a day has; default 6, at most 24
}

func (o Options) defaults(r *load.Result) Options {
	o.Headroom = cmp.Or(o.Headroom, 0.4)
	o.Cores = cmp.Or(o.Cores, r.Machine.Cores)
	o.Memory = cmp.Or(o.Memory, r.Machine.Memory)
	o.Network = cmp.Or(o.Network, 1.25e9)
	o.Retention = cmp.Or(o.Retention, 7*24*time.Hour)
	o.PeakHours = cmp.Or(o.PeakHours, 6)
	return o
}

// A Plan is what the peak takes.
type Plan struct {
	Peak       float64 `json:"peak"`               // orders a second
	Headroom   float64 `json:"headroom"`           // share that is idle at the peak
	Operations float64 `json:"operations"`         // of all kinds, for one order, as the workload has them
	CostPerOp  float64 `json:"cost_per_operation"` // nanoseconds of the server's processors
	CostPer    float64 `json:"cost_per_order"`     // nanoseconds, of all operations that go with an order

	Busy      float64 `json:"processors_busy"` // at the peak
	Needed    int     `json:"processors"`      // with the headroom
	NodeCores int     `json:"node_processors"`
	Nodes     int     `json:"nodes"`       // without spares, where orders can be divided: so that each keeps the headroom to each ceiling
	NodesBy   string  `json:"nodes_by"`    // the ceiling that asks for as many
	Spare     int     `json:"spare_nodes"` // that may fail
	Use       float64 `json:"use"`         // of processors at the peak, all nodes up
	UseFailed float64 `json:"use_failed"`  // with the spares gone
	OneNode   bool    `json:"one_node"`    // one node is enough: nothing need be divided

	Kept   float64 `json:"holds_kept"`       // holds in memory at the end of the retention
	Memory float64 `json:"memory,omitempty"` // bytes of all nodes at the peak; 0 where not known

	Ceilings []Ceiling `json:"ceilings"` // lowest first, those that are not known last
	Curve    []Point   `json:"curve,omitempty"`
	P99      float64   `json:"p99,omitempty"` // nanoseconds, on the curve at the use that is planned; 0 where the curve does not reach it
	Notes    []string  `json:"notes,omitempty"`

	each, factor float64 // bytes of heap a hold, and of memory for one of heap
}

// A Ceiling is what one node could serve if nothing else were scarce.
type Ceiling struct {
	Name  string  `json:"name"` // processors, journal, sequencer, memory, network or measured
	Known bool    `json:"known"`
	Rate  float64 `json:"rate,omitempty"` // orders a second; 0 where not known or without limit
	Why   string  `json:"why"`            // how it is worked out, or why it is not
}

// A Point is a rate that a saturation tried: how busy that was, and what callers waited.
type Point struct {
	Rate float64 `json:"rate"` // orders a second
	Use  float64 `json:"use"`  // share of the highest rate that was answered
	P99  float64 `json:"p99"`  // nanoseconds
}

// orders are the operations that ask for a decision and a hold, by name.
func isOrder(name string) bool {
	return name == "allocate" || strings.HasPrefix(name, "allocate_") || strings.HasPrefix(name, "allocate-")
}

// Make makes a plan from a result. It is an error, a *faults.Error with all there is to it, when options are out of range or the
// result lacks what a plan needs.
func Make(r *load.Result, o Options) (*Plan, error) {
	if o.Cores < 0 || o.Memory < 0 || o.Network < 0 || o.Retention < 0 || o.PeakHours < 0 || o.Headroom < 0 {
		panic("plan: an option is below 0") // whoever asks has looked
	}
	o = o.defaults(r)
	var all load.Operation
	if len(r.Operations) > 0 {
		all = r.Operations[0]
	}
	var asked, granted int64
	for i := range r.Operations {
		if op := &r.Operations[i]; i > 0 && isOrder(op.Name) {
			asked, granted = asked+op.Answered, granted+op.Granted
		}
	}
	var bad faults.List
	if !(o.Peak > 0) || math.IsInf(o.Peak, 0) {
		bad.Addf("", 0, 0, "peak", "give orders a second, above 0", "%v is no rate", o.Peak)
	}
	if o.Headroom >= 1 {
		bad.Addf("", 0, 0, "headroom", "give a share below 100 %", "%s leaves nothing", words.Percent(o.Headroom))
	}
	if o.PeakHours > 24 {
		bad.Addf("", 0, 0, "peak hours", "give at most 24", "%v are more than a day has", o.PeakHours)
	}
	if o.Cores == 0 {
		bad.Addf("", 0, 0, "cores", "say how many processors a node has", "the result does not say how many the machine had")
	}
	v := r.Server
	switch {
	case v == nil:
		bad.Addf("", 0, 0, "server", "run with the target's admin port", "the result has no figures of the server, so what an order costs is not known")
	case v.CPUPerOp <= 0:
		bad.Addf("", 0, 0, "server", "run for longer", "the server took no processor time that could be measured")
	}
	if all.Answered == 0 {
		bad.Addf("", 0, 0, "operations", "see why in the result", "nothing was answered")
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}

	p := &Plan{Peak: o.Peak, Headroom: o.Headroom, NodeCores: o.Cores, Spare: o.Spare, CostPerOp: float64(v.CPUPerOp), Operations: 1}
	if asked > 0 {
		p.Operations = float64(all.Answered) / float64(asked)
	} else {
		asked, granted = all.Answered, all.Granted
		p.note("the workload has no allocate: each operation counts as an order")
	}
	seconds := r.Duration.Seconds()
	p.CostPer = p.CostPerOp * p.Operations
	p.Busy = o.Peak * p.CostPer / 1e9
	p.Needed = max(1, ceil(p.Busy/(1-o.Headroom)))

	p.Ceilings = []Ceiling{
		{"processors", true, float64(o.Cores) / (p.CostPer / 1e9), fmt.Sprintf("%d processors, %s each order", o.Cores, words.Nanos(p.CostPer))},
		journal(r, asked, seconds), sequencer(v),
		p.memory(r, o, asked, granted), network(v, o, asked),
	}
	p.Nodes, p.NodesBy = 1, "processors"
	for i := range p.Ceilings {
		if c := &p.Ceilings[i]; c.Known && c.Rate > 0 {
			if n := ceil(o.Peak / c.Rate / (1 - o.Headroom)); n > p.Nodes {
				p.Nodes, p.NodesBy = n, c.Name
			}
		}
	}
	p.OneNode = p.Nodes == 1
	p.Use = p.Busy / float64((p.Nodes+o.Spare)*o.Cores)
	p.UseFailed = p.Busy / float64(p.Nodes*o.Cores)
	if p.each > 0 {
		p.Memory = p.factor * (float64(v.HeapStart)*float64(p.Nodes) + p.each*p.Kept)
	}
	p.curve(r)
	slices.SortStableFunc(p.Ceilings, func(a, b Ceiling) int {
		if ka, kb := a.Known && a.Rate > 0, b.Known && b.Rate > 0; ka != kb {
			return map[bool]int{true: -1, false: 1}[ka]
		}
		return cmp.Compare(a.Rate, b.Rate)
	})
	p.notes(r, o, &all)
	return p, nil
}

// ceil rounds up what is more than a rounding error above a whole number.
func ceil(v float64) int { return int(math.Ceil(v - 1e-9)) }

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// First is what saturates first: the lowest ceiling.
func (p *Plan) First() *Ceiling { return &p.Ceilings[0] }

// journal: a group is made durable after the other, and holds at most what all callers wait for.
func journal(r *load.Result, orders int64, seconds float64) Ceiling {
	c := Ceiling{Name: "journal"}
	v := r.Server
	if v.Groups == 0 || v.Fsync <= 0 {
		c.Why = "not measured: the server of the test had no journal on disk"
		if r.Target.Durable {
			c.Why = "not measured: the server told nothing of its journal"
		}
		return c
	}
	most := float64(max(r.Callers, 1) * max(r.PerMessage, 1))
	c.Known, c.Rate = true, most/v.Fsync.Seconds()
	c.Why = fmt.Sprintf("a group takes %s to be durable, and holds at most the %s orders that the callers of the test wait for; in the test %s records a group, %s of an order, the disk busy %s of the time. More callers make larger groups",
		words.Nanos(float64(v.Fsync)), words.Digits(most), words.Digits(v.Records), words.Digits(float64(v.Groups)*v.Records/float64(orders)), words.Percent(math.Min(1, float64(v.Groups)/seconds*v.Fsync.Seconds())))
	return c
}

// sampled is by how much samples of a name grew in the measured part, all with a label, if one is given, together.
func sampled(v *load.Server, name, label string) (sum float64, ok bool) {
	for key, end := range v.End {
		if (key == name || strings.HasPrefix(key, name+"{")) && strings.Contains(key, label) {
			sum, ok = sum+end-v.Start[key], true
		}
	}
	return sum, ok && sum > 0
}

// sequencer: holds of one ledger are applied one after the other, whatever SKU they are of.
func sequencer(v *load.Server) Ceiling {
	c := Ceiling{Name: "sequencer", Why: "not measured: the server does not tell how long a hold takes to be applied"}
	const stage = "allot_stage_duration_seconds"
	took, ok := sampled(v, stage+"_sum", `stage="hold"`)
	n, some := sampled(v, stage+"_count", `stage="hold"`)
	if ok && some {
		c.Known, c.Rate = true, n/took
		c.Why = fmt.Sprintf("a hold is applied in %s, one after the other, waiting for its turn included: a hot SKU and all others share it", words.Nanos(1e9*took/n))
	}
	return c
}

// kept is for how many seconds at the peak's rate holds are kept, when each day has the peak for some hours.
func kept(o Options) float64 {
	days := math.Floor(o.Retention.Hours() / 24)
	return 3600 * (days*o.PeakHours + math.Min(o.Retention.Hours()-24*days, o.PeakHours))
}

// memory: what every hold leaves behind until its retention is over.
func (p *Plan) memory(r *load.Result, o Options, asked, granted int64) Ceiling {
	v, c := r.Server, Ceiling{Name: "memory"}
	seconds := kept(o) * part(granted, asked)
	p.Kept = o.Peak * seconds
	grown := v.HeapEnd - v.HeapStart
	switch {
	case v.HeapStart <= 0 || v.HeapEnd <= 0 || granted == 0:
		c.Why = "not measured: the heap after forced collections, or holds that were granted"
		return c
	case grown <= 0:
		c.Known, c.Why = true, "without limit: the heap did not grow in the test"
		return c
	case o.Memory == 0:
		c.Why = "not known: the memory of a node"
		return c
	}
	p.each = float64(grown) / float64(granted)
	// A heap of this size takes more from the system: what is collected later, and what is kept for growth.
	p.factor = math.Max(1, float64(v.Resident)/float64(v.HeapEnd))
	c.Known = true
	c.Rate = math.Max(1e-9, (float64(o.Memory)/p.factor-float64(v.HeapStart))/(p.each*seconds))
	c.Why = fmt.Sprintf("%s a hold, kept for %s (%g hours at the peak's rate a day), in %s of memory, of which the process takes %s times its heap; %s of heap are there without holds",
		words.Bytes(p.each), words.Span(o.Retention), o.PeakHours, words.Bytes(float64(o.Memory)), words.Digits(p.factor), words.Bytes(float64(v.HeapStart)))
	return c
}

func part(n, of int64) float64 { return float64(n) / float64(max(of, 1)) }

func network(v *load.Server, o Options, orders int64) Ceiling {
	c := Ceiling{Name: "network", Why: "not measured: the server does not tell the bytes it took and sent"}
	in, okIn := sampled(v, "process_network_receive_bytes_total", "")
	out, okOut := sampled(v, "process_network_transmit_bytes_total", "")
	if okIn && okOut {
		each := math.Max(in, out) / float64(orders)
		c.Known, c.Rate = true, o.Network/each
		c.Why = fmt.Sprintf("%s each way an order, as the machine of the server counted them with whatever else it sent, of %s a second", words.Bytes(each), words.Bytes(o.Network))
	}
	return c
}

// curve is how long callers wait by how busy the server is, where a saturation measured it.
func (p *Plan) curve(r *load.Result) {
	most, held := 0.0, 0.0
	for i := range r.Windows {
		w := &r.Windows[i]
		most = math.Max(most, w.Achieved)
		if w.Holds {
			held = math.Max(held, w.Rate)
		}
	}
	if held > 0 {
		p.Ceilings = append(p.Ceilings, Ceiling{"measured", true, held, fmt.Sprintf("the highest rate that held its objectives on the %d processors of the test; a server of its own shared them with the generator", r.Machine.Cores)})
	}
	for i := range r.Windows {
		if w := &r.Windows[i]; w.Achieved > 0 && w.Latency.P99 > 0 {
			p.Curve = append(p.Curve, Point{w.Rate, w.Achieved / most, float64(w.Latency.P99)})
		}
	}
	slices.SortStableFunc(p.Curve, func(a, b Point) int { return cmp.Compare(a.Rate, b.Rate) })
	for i := 1; i < len(p.Curve); i++ {
		a, b := &p.Curve[i-1], &p.Curve[i]
		if u := p.UseFailed; a.Use <= u && u <= b.Use && a.Use < b.Use {
			p.P99 = a.P99 + (b.P99-a.P99)*(u-a.Use)/(b.Use-a.Use)
			break
		}
	}
}

func (p *Plan) notes(r *load.Result, o Options, all *load.Operation) {
	v := r.Server
	if !p.OneNode {
		p.note("a network's ledger has one sequencer and one journal and is served by one node: several nodes help where orders can be divided into ledgers, by merchant or region; else take a larger node: %d processors for all", p.Needed)
	}
	if p.NodesBy != "processors" {
		p.note("it is %s that asks for %d nodes; processors alone would ask for %d", p.NodesBy, p.Nodes, max(1, ceil(p.Busy/(1-o.Headroom)/float64(o.Cores))))
	}
	if len(p.Curve) == 0 {
		p.note("how long callers wait at this use is not in the result: waiting grows steeply as the last idle share goes, by the queueing rule as 1/(1 - use); \"allot bench saturate\" measures it")
	}
	if n := r.Correctness.Failures(); n > 0 {
		p.note("the test did %d things that may not happen: nothing of this holds until they are gone", n)
	}
	if r.Generator.Bottleneck {
		p.note("the generator was the bottleneck of the test; what an operation costs holds, rates and latencies do not")
	}
	if e := 1 - part(all.Answered, all.Intended); e > 0.01 {
		p.note("%s of what was due had no answer in time; the cost of trying is in that of what was answered", words.Percent(e))
	}
	if v.CPU < 0.05*float64(r.Machine.Cores) {
		p.note("the server was nearly idle, %s processors in use: what it does anyhow counts as cost of orders; test nearer to the peak", words.Digits(v.CPU))
	}
	if far := o.Peak / math.Max(r.Achieved/p.Operations, 1e-9); far > 10 {
		p.note("the peak is %s times the rate of the test; test nearer to it", words.Digits(far))
	}
	if !r.Target.Own && o.Cores == r.Machine.Cores {
		p.note("processors and memory of a node are taken to be those of the generator's machine; say what the server's has")
	}
}
