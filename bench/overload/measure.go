package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
)

// spec is orders alone, whose decisions cost enough that the generator is no bottleneck for a server with one processor.
const spec = `
name: overload
network: {warehouses: 600, skus: 5000, stocked: 5%, max_shipments: 5}
skus: {zipf: 0.3}
orders:
  lines: {8: 50%, 10: 50%}
  promise: {none: 100%}
destinations: {places: 200}
arrivals: {kind: poisson, rate: 1000/s}
`

// What a round measures, and how.
const (
	callers     = 4_000                  // of the open loops: more than there are ever calls on their way
	queue       = 100_000                // orders that wait for one of them
	connections = 8                      // of the open loops
	deadline    = 500 * time.Millisecond // of each call, from when it is due
	seed        = 1
	lead        = 2 * time.Second // of calm before a burst
	calm        = 0.5             // of the saturation, before and after a burst
	calmFor     = 6 * time.Second // after it
	recovered   = 0.95            // share of a second's orders that are answered in time when the server has recovered
	good        = 0.5             // of the saturation: what the good clients send beside hostile ones
	samples     = 20_000          // orders of the closed loop
	mostSlices  = 30              // beside the resets, in a round
)

// When the generator calls itself the bottleneck. Its own verdict is about milliseconds of latency; here what counts is whether
// the orders were offered in time to be answered.
const (
	mostCPU    = 0.85         // of its processors
	mostUnsent = 0.01         // share of the orders that it never sent
	mostLate   = deadline / 4 // the worst that an order was handed out late
)

// A measurement is a server and what is measured of it.
type measurement struct {
	w       *workload.Workload
	own     *load.OwnServer
	slice   time.Duration
	resets  float64 // a round
	stderr  io.Writer
	profile string
	closed  *bench.Caller
	next    atomic.Int64 // makes request ids of the closed loop
	result  *result
}

// orders makes the caller of the closed loop.
func (m *measurement) orders() error {
	events, list := m.w.Events(workload.Constant(1)), make([]*allotv1.Order, 0, samples)
	for e := new(workload.Event); len(list) < samples && events.Next(e); {
		if e.Kind != workload.Allocate {
			continue
		}
		o := &allotv1.Order{Id: e.Order.ID, To: &allotv1.Destination{
			Country: e.Order.To.Country, PostalCode: e.Order.To.Postal, Commercial: e.Order.To.Commercial,
		}}
		for _, l := range e.Order.Lines {
			o.Lines = append(o.Lines, &allotv1.Line{Sku: l.SKU, Quantity: int32(l.Quantity)}) //nolint:gosec // of the spec
		}
		list = append(list, o)
	}
	conn, err := bench.Connect(m.own.Address)
	if err != nil {
		return err
	}
	m.closed, err = bench.AllocateCaller(conn, &m.next, list)
	return err
}

// A window is what was measured in one stretch.
type window struct {
	rate   float64 // answers in time a second
	perCPU float64 // answers in time a second of the server's processor time
}

// saturation is the rate of a closed loop: 64 callers who ask one order after the other. Nothing is refused and there is always as
// much to do, so it is the most that the server answers.
func (m *measurement) saturation(ctx context.Context) (window, error) {
	before, err := m.scrape(ctx)
	if err != nil {
		return window{}, err
	}
	w, err := m.closed.Run(ctx, max(m.slice/2, 2*time.Second))
	if err != nil {
		return window{}, fmt.Errorf("a closed loop, in which nothing should be refused: %w", err)
	}
	after, err := m.scrape(ctx)
	if err != nil {
		return window{}, err
	}
	return window{w.Rate, float64(w.Answers) / (after[cpuMetric] - before[cpuMetric])}, nil
}

// Metrics of the server.
const (
	cpuMetric    = "process_cpu_seconds_total"
	resetsMetric = "allot_resets_total"
	heapMetric   = "go_memstats_heap_inuse_bytes"
)

// scrape returns the metrics of the server that have no labels.
func (m *measurement) scrape(ctx context.Context) (map[string]float64, error) {
	r, err := m.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := map[string]float64{}
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			return out, lines.Err()
		}
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && name != "#" {
			if x, err := strconv.ParseFloat(value, 64); err == nil {
				out[name] = x
			}
		}
	}
}

func (m *measurement) get(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.own.Admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", path, answer.Status), answer.Body.Close())
	}
	return answer.Body, nil
}

// open sends orders in an open loop.
func (m *measurement) open(ctx context.Context, what string, a workload.Arrivals, d time.Duration) (*load.Result, error) {
	r, err := load.Run(ctx, m.w, load.Options{Own: m.own, Arrivals: a, Callers: callers, Queue: queue, Connections: connections,
		Timeout: deadline, WarmUp: lead, Duration: d})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if why := choked(r); why != "" {
		m.result.Bottlenecks = append(m.result.Bottlenecks, what+": "+why)
	}
	return r, nil
}

// choked says why the generator was the bottleneck, or nothing.
func choked(r *load.Result) string {
	g, all, cores := &r.Generator, &r.Operations[0], float64(runtime.GOMAXPROCS(0))
	switch unsent := float64(all.Dropped+all.Unsent) / float64(max(1, all.Intended)); {
	case g.CPU > mostCPU*cores:
		return fmt.Sprintf("it used %.2f of its %.0f processors", g.CPU, cores)
	case unsent > mostUnsent:
		return fmt.Sprintf("it never sent %.1f %% of the orders", 100*unsent)
	case g.WorstLate > mostLate:
		return fmt.Sprintf("it handed an order out %v late", g.WorstLate.Round(time.Millisecond))
	}
	return ""
}

// round measures each once.
func (m *measurement) round(ctx context.Context, last bool) error {
	before, err := m.saturation(ctx)
	if err != nil {
		return err
	}
	half, err := m.burst(ctx, 1.5, before.rate, "")
	if err != nil {
		return err
	}
	middle, err := m.saturation(ctx)
	if err != nil {
		return err
	}
	profile := ""
	if last {
		profile = m.profile
	}
	double, err := m.burst(ctx, 2, middle.rate, profile)
	if err != nil {
		return err
	}
	after, err := m.saturation(ctx)
	if err != nil {
		return err
	}
	r := m.result
	r.Half.add(half, before, middle)
	r.Double.add(double, middle, after)
	if m.resets == 0 {
		return nil
	}
	return m.hostile(ctx, (middle.rate+after.rate)/2)
}

// A burst is what came of one.
type burst struct {
	window
	p99       float64 // ms, of the worst second
	timedOut  float64 // share of what was not refused
	cpu       float64 // processors that the server used
	heap      float64 // bytes, the most
	resident  float64 // bytes, at the end
	recovery  float64 // seconds until all is well again
	generator float64 // processors
}

// burst sends so many times the saturation, with calm before and after.
func (m *measurement) burst(ctx context.Context, times, peak float64, profile string) (*burst, error) {
	p, err := workload.ReadProfile("burst.yaml", fmt.Appendf(nil, "name: burst\nsteps:\n  - {for: %v, rate: %.0f/s}\n  - {for: %v, rate: %.0f/s}\n  - {rate: %.0f/s}\n",
		lead, calm*peak, m.slice, times*peak, calm*peak))
	if err != nil {
		return nil, err
	}
	a, err := p.Arrivals(0, seed)
	if err != nil {
		return nil, err
	}
	profiled := make(chan error, 1)
	if profile == "" {
		profiled <- nil
	} else {
		go func() { profiled <- m.takeProfile(ctx, profile) }()
	}
	r, err := m.open(ctx, fmt.Sprintf("%v times the saturation", times), a, m.slice+calmFor)
	if err := errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	return judgeBurst(r, (lead + m.slice).Seconds())
}

// takeProfile keeps a profile of the server in the middle of a burst.
func (m *measurement) takeProfile(ctx context.Context, file string) error {
	select {
	case <-time.After(lead + time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	r, err := m.get(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", int((m.slice-time.Second)/time.Second)))
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o644) //nolint:gosec // nothing secret
}

// judgeBurst tells what came of a burst that ends at a second. The second in which it ends belongs to neither.
func judgeBurst(r *load.Result, end float64) (*burst, error) {
	var b burst
	var seconds, answered, late, used float64
	if r.Server == nil {
		return nil, errors.New("the server has no admin port")
	}
	for i := range r.Seconds {
		s := &r.Seconds[i]
		switch {
		case s.Warm:
		case s.At+1 <= end:
			seconds++
			answered, late, used = answered+float64(s.Answered), late+float64(s.TimedOut), used+s.ServerCPU
			b.p99 = max(b.p99, float64(s.P99)/1e6)
			b.heap = max(b.heap, float64(s.Heap))
			b.generator = max(b.generator, s.GeneratorCPU)
		case s.At < end || s.Intended == 0: // the end of the run has only answers
		case float64(s.Answered) < recovered*float64(s.Intended) || s.P99 > int64(deadline)/2:
			b.recovery = s.At + 1 - end
		}
	}
	if seconds == 0 || used == 0 {
		return nil, errors.New("nothing was measured of a burst")
	}
	b.rate, b.perCPU, b.cpu = answered/seconds, answered/used, used/seconds
	b.timedOut = late / max(answered+late, 1)
	b.resident = float64(r.Server.Resident)
	return &b, nil
}

// hostile has good clients call alone, and beside others that open and reset calls, for as long as it takes.
func (m *measurement) hostile(ctx context.Context, peak float64) error {
	alone, err := m.open(ctx, "good clients alone", workload.Poisson(good*peak, seed), m.slice)
	if err != nil {
		return err
	}
	before, err := m.scrape(ctx)
	if err != nil {
		return err
	}
	attacking, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { attack(attacking, m.own.Address); close(ended) }()
	answered, runs, done := 0.0, 0.0, 0.0
	for ; err == nil && done < m.resets && runs < mostSlices; runs++ {
		var beside *load.Result
		if beside, err = m.open(ctx, "good clients beside resets", workload.Poisson(good*peak, seed), m.slice); err == nil {
			answered += beside.Achieved
			var now map[string]float64
			now, err = m.scrape(ctx)
			done = now[resetsMetric] - before[resetsMetric]
		}
	}
	stop()
	<-ended
	if err != nil {
		return err
	}
	r := m.result
	r.Alone, r.Beside, r.Resets = append(r.Alone, alone.Achieved), append(r.Beside, answered/runs), append(r.Resets, done)
	return nil
}
