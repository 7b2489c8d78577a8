package server

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const (
	micro = int64(time.Microsecond)
	milli = int64(time.Millisecond)
)

// A modelLoad is calls that come evenly.
type modelLoad struct {
	class  class
	client string
	rate   float64 // a second
	from   int64
	to     int64
}

// A modelled is what became of a load.
type modelled struct{ offered, inTime, late, refused int }

func (m modelled) part() float64 { return float64(m.inTime) / float64(max(1, m.offered)) }

// A model is a server with one processor, whose scheduler takes calls in the order in which they came: each takes service, a refusal
// takes refusal, and a caller waits no longer than deadline.
type model struct {
	o                          *overload
	service, refusal, deadline int64
	told                       bool // callers say their deadline
}

func newModel() *model {
	return &model{
		o: newOverload(overloadConfig{
			floor: overloadFloor, most: 4096, queue: overloadQueue, target: int64(overloadTarget), every: int64(overloadWindow),
			maxClients: 8, patience: int64(5 * time.Second), deciders: 1,
		}),
		service: 100 * micro, refusal: 10 * micro, deadline: 100 * milli,
	}
}

// run plays loads and returns what became of each. Every call arrives, takes its turn, and leaves; nothing is drawn by chance.
func (m *model) run(t *testing.T, loads ...modelLoad) []modelled {
	t.Helper()
	type coming struct {
		j    *job
		load int
		at   int64
		sent int64
	}
	out := make([]modelled, len(loads))
	sent := make([]int, len(loads))
	var queue, waiting []coming
	granted := func() {
		kept := waiting[:0]
		for _, c := range waiting {
			select {
			case err := <-c.j.turn:
				if err != nil {
					out[c.load].refused++
				} else {
					queue = append(queue, c)
				}
			default:
				kept = append(kept, c)
			}
		}
		waiting = kept
	}
	free := int64(0)
	// decide lets the processor work until a moment.
	decide := func(until int64) {
		for len(queue) > 0 && free < until {
			c := queue[0]
			queue = queue[1:]
			free = max(free, c.j.at)
			m.o.begin(c.j)
			if !m.o.start(free, c.j) {
				t.Fatal("the only processor is not to be had")
			}
			free += m.service
			if free-c.sent <= m.deadline {
				out[c.load].inTime++
			} else {
				out[c.load].late++
			}
			m.o.leave(free, c.j)
			m.o.grant(free)
			granted()
		}
	}
	for {
		next, at := -1, int64(0)
		for i, l := range loads {
			due := l.from + int64(float64(sent[i])*1e9/l.rate)
			if due < l.to && (next < 0 || due < at) {
				next, at = i, due
			}
		}
		if next < 0 {
			break
		}
		decide(at)
		sent[next]++
		out[next].offered++
		l := loads[next]
		j := &job{class: l.class, client: m.o.client(l.client), turn: make(chan error, 1)}
		if m.told {
			j.deadline = at + m.deadline
		}
		switch m.o.arrive(at, j) {
		case goesOn:
			queue = append(queue, coming{j, next, at, at})
		case waits:
			waiting = append(waiting, coming{j, next, at, at})
			granted()
		default:
			out[next].refused++
			free = max(free, at) + m.refusal
			granted() // it may have made another give way
		}
	}
	decide(1 << 62)
	if m.o.inside != 0 || m.o.waiting != 0 || m.o.fresh.n != 0 || len(waiting) != 0 {
		t.Errorf("%d inside, %d waiting, %d fresh, %d never told when all is over", m.o.inside, m.o.waiting, m.o.fresh.n, len(waiting))
	}
	for _, c := range m.o.clients {
		if c.calls != 0 {
			t.Errorf("client %q still has %d calls", c.key, c.calls)
		}
	}
	for i, r := range out {
		if r.offered != r.inTime+r.late+r.refused {
			t.Errorf("load %d: %+v does not add up", i, r)
		}
	}
	return out
}

const second = int64(time.Second)

func allocates(rate float64, from, to int64) modelLoad {
	return modelLoad{class: classAllocate, client: "a", rate: rate, from: from, to: to}
}

func TestOverloadKeepsGoodput(t *testing.T) {
	const capacity = 10_000
	for _, tt := range []struct{ offered, least float64 }{{1, 0.99}, {1.5, 0.9}, {2, 0.85}, {4, 0.6}} {
		t.Run(fmt.Sprint(tt.offered), func(t *testing.T) {
			m := newModel()
			got := m.run(t, allocates(tt.offered*capacity, 0, 4*second))[0]
			goodput := float64(got.inTime) / 4 / capacity
			t.Logf("goodput %.3f of the capacity, %+v, limit %.0f", goodput, got, m.o.limit)
			if goodput < tt.least {
				t.Errorf("goodput %.3f of the capacity, want %.2f", goodput, tt.least)
			}
			if got.late*10 > got.inTime { // those of the first tenths of a second, until the limit is found
				t.Errorf("%d of %d answers come too late", got.late, got.late+got.inTime)
			}
			// Control: without a limit nearly every answer is late.
			free := newModel()
			free.o.floor, free.o.limit = 1<<30, 1<<30
			if without := free.run(t, allocates(tt.offered*capacity, 0, 4*second))[0]; tt.offered > 1 && without.part() > 0.1 {
				t.Errorf("without a limit %.3f are in time: the model shows nothing", without.part())
			}
		})
	}
}

func TestOverloadFindsTheLimitOfSlowDecisions(t *testing.T) {
	for _, service := range []int64{50 * micro, 100 * micro, 300 * micro} {
		m := newModel()
		m.service = service
		rate := 1.5e9 / float64(service)
		m.run(t, allocates(rate, 0, 3*second))
		wait := time.Duration(m.o.limit * float64(service))
		if m.o.limit > overloadFloor && (wait < overloadTarget/2 || wait > 2*overloadTarget) {
			t.Errorf("decisions of %v: a limit of %.0f, which is a wait of %v", time.Duration(service), m.o.limit, wait)
		}
	}
}

func TestOverloadHonoursPriorities(t *testing.T) {
	m := newModel()
	got := m.run(t,
		modelLoad{class: classSettle, client: "a", rate: 1_000, to: 10 * second},
		modelLoad{class: classAllocate, client: "a", rate: 6_000, to: 10 * second},
		modelLoad{class: classAsk, client: "a", rate: 8_000, to: 10 * second},
		modelLoad{class: classBulk, client: "a", rate: 5_000, to: 10 * second},
	)
	t.Logf("%+v", got)
	if got[classSettle].refused != 0 || got[classSettle].late > 50 {
		t.Errorf("what settles: %+v", got[classSettle])
	}
	if got[classAllocate].part() < 0.95 {
		t.Errorf("allocations: %.3f in time while there is room for all of them", got[classAllocate].part())
	}
	if ask, bulk := got[classAsk].part(), got[classBulk].part(); ask < bulk || ask > 0.5 {
		t.Errorf("questions %.3f, bulk %.3f", ask, bulk)
	}
	if got[classAsk].inTime == 0 {
		t.Error("room that was left was not used")
	}
}

func TestOverloadRecovers(t *testing.T) {
	m := newModel()
	got := m.run(t, allocates(20_000, 0, 10*second), allocates(8_000, 10*second+second, 20*second))
	if after := got[1]; after.inTime != after.offered {
		t.Errorf("a second after the burst: %+v", after)
	}
	if m.o.unready {
		t.Error("balancers are still sent elsewhere")
	}
	if m.o.pressure != 1 {
		t.Errorf("callers are told to wait as under a pressure of %v", m.o.pressure)
	}
}

func TestOverloadTellsBalancers(t *testing.T) {
	m := newModel()
	m.run(t, allocates(15_000, 0, 4*second))
	if m.o.unready {
		t.Error("a burst of 4 s is nothing to tell balancers of")
	}
	m.run(t, allocates(15_000, 4*second, 7*second))
	if !m.o.unready {
		t.Error("overloaded for 7 s, and balancers go on sending")
	}
	m.run(t, allocates(5_000, 7*second, 10*second))
	if !m.o.unready {
		t.Error("it wavers")
	}
	m.run(t, allocates(5_000, 10*second, 13*second))
	if m.o.unready {
		t.Error("6 s without refusals, and balancers are still sent elsewhere")
	}
}

func TestOverloadIsFair(t *testing.T) {
	m := newModel()
	got := m.run(t,
		modelLoad{class: classAllocate, client: "greedy", rate: 30_000, to: 5 * second},
		modelLoad{class: classAllocate, client: "modest", rate: 2_000, to: 5 * second},
		modelLoad{class: classAllocate, client: "other", rate: 1_000, to: 5 * second},
	)
	t.Logf("%+v", got)
	for i, who := range []string{"modest", "other"} {
		if r := got[i+1]; r.part() < 0.9 {
			t.Errorf("%s: %.3f in time, beside one that wants ten times as much", who, r.part())
		}
	}
	if got[0].inTime < 5*4_000 {
		t.Errorf("the greedy one gets %d: what others leave is wasted", got[0].inTime)
	}
	// Control: with one name for all, the modest ones are refused as often as the greedy one.
	alike := newModel()
	same := alike.run(t,
		modelLoad{class: classAllocate, client: "one", rate: 30_000, to: 5 * second},
		modelLoad{class: classAllocate, client: "one", rate: 2_000, to: 5 * second},
	)
	if same[1].part() > 0.7 {
		t.Errorf("without fairness the modest one gets %.3f: the test shows nothing", same[1].part())
	}
	if len(m.o.clients) > m.o.maxClients {
		t.Errorf("%d clients are remembered", len(m.o.clients))
	}
}

func TestOverloadForgetsClients(t *testing.T) {
	m := newModel()
	var loads []modelLoad
	for i := range 20 {
		loads = append(loads, modelLoad{class: classAllocate, client: fmt.Sprint(i), rate: 100, to: second})
	}
	m.run(t, loads...)
	if n := len(m.o.clients); n != m.o.maxClients {
		t.Errorf("%d clients are told apart, want %d", n, m.o.maxClients)
	}
	m.run(t, allocates(100, second, 2*second))
	if n := len(m.o.clients); n > 1 {
		t.Errorf("%d clients are remembered though only one calls", n)
	}
}

// TestOverloadLeavesTheJournalAlone has 300 callers wait for a journal: no time and no call of it counts.
func TestOverloadLeavesTheJournalAlone(t *testing.T) {
	o := newModel().o
	now := int64(0)
	for range 1_000 { // groups of 300, each 5 ms at the journal
		for range 300 {
			j := &job{class: classAllocate, client: o.client("a")}
			if v := o.arrive(now, j); v != goesOn {
				t.Fatalf("refused (%d) at %v", v, time.Duration(now))
			}
			o.begin(j)
			if !o.start(now, j) {
				t.Fatal("it may not decide")
			}
			now += 5 * micro
			o.leave(now, j)
		}
		now += 5 * milli
	}
	if o.limit < overloadStart {
		t.Errorf("the limit fell to %.0f", o.limit)
	}
}

func TestOverloadRefusesWhatWouldBeLate(t *testing.T) {
	m := newModel()
	m.deadline, m.told = 15*milli, true
	m.run(t, allocates(15_000, 0, 3*second))
	before := m.o.refused
	got := m.run(t, allocates(15_000, 3*second, 6*second))[0]
	if part := float64(got.late) / float64(got.offered); part > 0.02 {
		t.Errorf("%.3f are late though they said when (%+v, %v)", part, got, before)
	}
	if got.part() < 0.5 {
		t.Errorf("%+v: too many refused", got)
	}
}

func TestOverloadAtTheMemoryLimit(t *testing.T) {
	o := newModel().o
	o.heapLimit = 1000
	for _, tt := range []struct {
		heap int64
		goes [classes]bool
	}{
		{790, [classes]bool{true, true, true, true}},
		{850, [classes]bool{true, true, true, false}},
		{950, [classes]bool{true, true, false, false}},
		{5000, [classes]bool{true, false, false, false}},
	} {
		o.heap = tt.heap
		for k, want := range tt.goes {
			j := &job{class: class(k), client: o.client("a")}
			if v := o.arrive(0, j); (v == goesOn) != want || !want && v != tooMuchHeap {
				t.Errorf("%d bytes, class %d: %v", tt.heap, k, v)
			}
			o.leave(0, j)
		}
	}
}

// TestOverloadForgetsTheDead has calls that end before anybody begins them, as those that are reset at once.
func TestOverloadForgetsTheDead(t *testing.T) {
	o := newModel().o
	for i := range 10_000 {
		ctx, cancel := context.WithCancel(t.Context())
		if v := o.arrive(int64(i), &job{Context: ctx, class: classAllocate, client: o.client("a")}); v != goesOn {
			t.Fatalf("call %d: %v, %d inside", i, v, o.inside)
		}
		cancel()
	}
	if o.inside != 1 {
		t.Errorf("%d inside", o.inside)
	}
}

// TestOverloadLetsTheImportantPass fills limit and queue with each class and has one of a higher class come.
func TestOverloadLetsTheImportantPass(t *testing.T) {
	o := newModel().o
	var asked []*job
	last := goesOn
	for last != tooBusy {
		j := &job{class: classAsk, client: o.client("a"), turn: make(chan error, 1)}
		if last = o.arrive(0, j); last != tooBusy {
			asked = append(asked, j)
		}
	}
	for {
		v := o.arrive(0, &job{class: classSettle, client: o.client("a"), turn: make(chan error, 1)})
		if v == tooBusy {
			break
		}
	}
	refused := 0
	for _, j := range asked {
		select {
		case err := <-j.turn:
			if err == nil {
				t.Fatal("a question goes on")
			}
			refused++
		default:
		}
	}
	if refused == 0 || o.queues[classAsk].n != 0 || o.inside != int(o.limit) {
		t.Errorf("%d gave way, %d still wait, %d inside of %.0f", refused, o.queues[classAsk].n, o.inside, o.limit)
	}
}

func BenchmarkAdmit(b *testing.B) {
	s, _ := newServer(b, nil)
	defer s.Close()
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		p, err := s.admit(ctx, classAllocate)
		if err != nil {
			b.Fatal(err)
		}
		p.leave()
	}
}
