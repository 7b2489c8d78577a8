package load

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
)

// A meter keeps the seconds of a run.
type meter struct {
	g     *generator
	admin *admin // nil where the target has none

	seconds []Second
	starved int // seconds of the measured part in which most of what callers took had waited for them
	full    int // seconds of the measured part
	over    time.Duration

	busy, busyFor time.Duration // processor time that the whole machine used in so much of the measured part
}

// run runs the load and keeps its seconds.
func (m *meter) run(load func()) {
	var background sync.WaitGroup
	over := make(chan struct{})
	if m.admin != nil {
		background.Go(func() { m.admin.measure(m.g, over) })
	}
	background.Go(func() { m.tick(over) })
	load()
	m.over = m.g.since()
	close(over)
	background.Wait()
}

// tick ends each second when it is over, and the last one when the load is.
func (m *meter) tick(over <-chan struct{}) {
	g := m.g
	cpu, at := cputime.Process(), time.Duration(0)
	busy, known := busyTime()
	for i := 1; ; i++ {
		timer := time.NewTimer(time.Duration(i)*time.Second - g.since())
		last := false
		select {
		case <-timer.C:
		case <-over:
			timer.Stop()
			last = true
		}
		from := time.Duration(i-1) * time.Second
		now, used := g.since(), cputime.Process()
		s, starved := g.rec.roll(g.start.Add(from), g.start.Add(min(time.Duration(i)*time.Second, max(now, from+time.Millisecond))))
		s.At, s.Warm, s.InFlight = from.Seconds(), from < g.o.WarmUp, g.inFlight.Load()
		if now > at {
			s.GeneratorCPU = float64(used-cpu) / float64(now-at)
		}
		measured := !s.Warm && from < g.o.WarmUp+g.o.Duration
		if known && measured {
			m.busyFor += now - at
		}
		cpu, at = used, now
		if all, ok := busyTime(); ok && known {
			if measured {
				m.busy += all - busy
			}
			busy = all
		}
		if measured {
			m.full++
			if starved {
				m.starved++
			}
		}
		if m.admin != nil && !last {
			m.admin.fill(g.ctx, &s)
		}
		if last && s == (Second{At: s.At, Warm: s.Warm, GeneratorCPU: s.GeneratorCPU}) {
			return // nothing happened in it
		}
		m.seconds = append(m.seconds, s)
		if g.o.Progress != nil {
			g.o.Progress(s)
		}
		if last {
			return
		}
	}
}

// fill writes what was measured into a result.
func (m *meter) fill(ctx context.Context, r *Result) {
	o := m.g.o
	r.Seconds = m.seconds
	r.Operations = m.g.rec.operations()
	r.Duration = o.Duration
	if m.g.ctx.Err() != nil { // it was stopped
		r.WarmUp = min(o.WarmUp, m.over)
		r.Duration = min(o.Duration, m.over-r.WarmUp)
	}
	all := &r.Operations[0]
	if seconds := r.Duration.Seconds(); seconds > 0 {
		r.Offered, r.Achieved = float64(all.Intended)/seconds, float64(all.Answered)/seconds
	}
	if m.admin != nil {
		r.Server = m.admin.server(ctx, all.Answered)
		r.Files = append(r.Files, m.admin.files...)
	}
	m.judge(r)
}

// Above these the generator calls itself the bottleneck.
const (
	mostLagged   = 0.01 // share of operations that the clock handed out late
	mostCPU      = 0.9  // share of the processors that the generator may use
	mostTogether = 0.95 // share of the processors that generator and server use together
	mostStarved  = 0.5  // share of the seconds in which callers were short
	mostOthers   = 0.1  // share of the processors that other programs may use
	busyServer   = 0.7  // share of the processors with which a server is busy
)

// judge says whether the generator was the bottleneck.
func (m *meter) judge(r *Result) {
	rec, gen := m.g.rec, &r.Generator
	rec.mu.Lock()
	defer rec.mu.Unlock()
	gen.WorstLate = rec.worst
	lagged := 0.0
	if rec.handed > 0 {
		gen.Late = float64(rec.late) / float64(rec.handed)
	}
	if rec.clocked > 0 {
		lagged = float64(rec.lagged) / float64(rec.clocked)
	}
	n := 0
	for _, s := range r.Seconds {
		if !s.Warm && s.At < (r.WarmUp+r.Duration).Seconds() {
			gen.CPU += s.GeneratorCPU
			n++
		}
	}
	gen.CPU /= float64(max(n, 1))

	if r.Server != nil || !r.Target.Own {
		gen.Others = m.others(r)
	}
	f := finding{
		Others: gen.Others,

		Lagged: lagged, WorstLate: gen.WorstLate, CPU: gen.CPU, Cores: float64(runtime.GOMAXPROCS(0)), MachineCores: float64(r.Machine.Cores),
		Starved: float64(m.starved) / float64(max(m.full, 1)), Callers: r.Callers, Mode: r.Mode, Dropped: r.Operations[0].Dropped,
		Same: r.Target.Own,
	}
	if rec.handed > 0 {
		f.Waited = float64(rec.waited) / float64(rec.handed)
	}
	if r.Server != nil {
		f.ServerCPU, f.ServerKnown = r.Server.CPU, true
	}
	gen.Bottleneck, gen.Why = f.verdict()
}

// others is how many processors other programs used.
func (m *meter) others(r *Result) float64 {
	if m.busyFor <= 0 {
		return 0
	}
	used := float64(m.busy)/float64(m.busyFor) - r.Generator.CPU
	if r.Target.Own {
		used -= r.Server.CPU
	}
	return max(used, 0)
}

// A finding is what the generator knows of itself. Shares are from 0 to 1, CPU is processors in use.
type finding struct {
	Lagged              float64 // operations that the clock handed out late
	WorstLate           time.Duration
	CPU                 float64
	Cores, MachineCores float64
	Others              float64 // processors that other programs used
	Starved             float64 // seconds in which callers were short
	Waited              float64 // operations that waited for a caller
	Callers             int
	Mode                string
	Dropped             int64
	Same                bool // generator and server share the machine
	ServerCPU           float64
	ServerKnown         bool
}

// verdict tells whether the generator was the bottleneck, and why, or what else to know of it.
func (f *finding) verdict() (bottleneck bool, why string) {
	var causes, notes []string
	disturbed := ""
	if f.Others > mostOthers*f.MachineCores {
		disturbed = fmt.Sprintf("other programs used %.2f of the %.0f processors of its machine", f.Others, f.MachineCores)
	}
	if f.Lagged > mostLagged {
		mend := "give it more processors, or a lower rate"
		if disturbed != "" {
			mend, disturbed = disturbed+"; end them, or "+mend, ""
		}
		causes = append(causes, fmt.Sprintf("it handed %s of the operations out over 1 ms late, the worst %v: %s",
			percent(f.Lagged), f.WorstLate.Round(10*time.Microsecond), mend))
	}
	if disturbed != "" {
		notes = append(notes, disturbed)
	}
	if f.CPU > mostCPU*f.Cores {
		causes = append(causes, fmt.Sprintf("it used %.2f of its %.0f processors: run it on another machine, or on several", f.CPU, f.Cores))
	}
	if f.Same && f.ServerKnown && f.CPU+f.ServerCPU > mostTogether*f.MachineCores {
		text := fmt.Sprintf("generator (%.2f) and server (%.2f) used all of the %.0f processors that they share", f.CPU, f.ServerCPU, f.MachineCores)
		if f.CPU > f.ServerCPU {
			causes = append(causes, text)
		} else {
			notes = append(notes, text)
		}
	}
	if f.Starved > mostStarved {
		callers := fmt.Sprintf("all %d callers were busy", f.Callers)
		if f.Mode == Stream {
			callers = fmt.Sprintf("all %d streams were full", f.Callers)
		}
		text := fmt.Sprintf("%s in %s of the seconds, and %s of the operations waited for one", callers, percent(f.Starved), percent(f.Waited))
		if f.ServerKnown && f.ServerCPU < busyServer*f.MachineCores && f.CPU+f.ServerCPU < mostTogether*f.MachineCores {
			causes = append(causes, text+" while the server had processors left: raise the number of callers")
		} else {
			notes = append(notes, text+": the server is slower than the rate, or too few callers call it")
		}
	} else if f.Waited > mostLagged {
		notes = append(notes, percent(f.Waited)+" of the operations waited for a caller, which their latency counts")
	}
	if f.Dropped > 0 {
		notes = append(notes, fmt.Sprintf("%d operations found the queue full and were never sent", f.Dropped))
	}
	return len(causes) > 0, strings.Join(append(causes, notes...), "; ")
}

// percent writes a share.
func percent(x float64) string { return fmt.Sprintf("%.3g %%", 100*x) }
