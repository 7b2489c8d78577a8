package load

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/workload"
)

// drive runs a source through a fake.
func drive(t *testing.T, f *fake, source Source, o Options) *Result {
	t.Helper()
	r, err := Drive(t.Context(), source, o.through(f))
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, r)
	return r
}

// closedLoop is how latency is measured by callers that send when they have an answer, and count from then: what Drive must
// not do. It returns the 99th percentile.
func closedLoop(f *fake, callers int, rate int, d time.Duration) time.Duration {
	h := newHistogram()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			began := time.Now()
			for i := 0; time.Since(began) < d; i++ {
				sent := time.Now()
				_ = f.work(context.Background()) //nolint:usetesting // it has no end
				mu.Lock()
				recordIn(h, time.Since(sent))
				mu.Unlock()
				next := began.Add(time.Duration(i+1) * time.Duration(callers) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(next)) // at the rate, where it can
			}
		})
	}
	wg.Wait()
	return time.Duration(h.ValueAtPercentile(99))
}

// TestStallShows stops a server for 2 s of 60 s. 2 of 60 seconds' orders wait, 1 s on average, so that of all the 98.3rd percentile is the
// first to wait for more than 1 s; a closed loop sends nothing meanwhile, so that only those that were on their way are seen to wait.
func TestStallShows(t *testing.T) {
	const rate, callers = 500, 4
	stall := func(at time.Duration) time.Duration {
		if at >= 20*time.Second && at < 22*time.Second {
			return 22 * time.Second
		}
		return 0
	}
	for _, mode := range Modes() {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.stall = stall
				o := Options{Mode: mode, Callers: callers, Duration: 60 * time.Second}
				if mode != Unary {
					o.PerMessage = 10
				}
				r := drive(t, f, evenly(rate, nil), o)
				if all := r.Operations[0]; all.Intended != 60*rate || all.Answered != 60*rate {
					t.Fatalf("%d intended and %d answered of %d", all.Intended, all.Answered, 60*rate)
				}
				if p99 := time.Duration(r.Operations[0].Latency.P99); p99 < time.Second || p99 > 3*time.Second {
					t.Errorf("the 99th percentile is %v", p99)
				}
				if p50 := time.Duration(r.Operations[0].Latency.P50); p50 > 20*time.Millisecond {
					t.Errorf("the median is %v", p50)
				}
			})
		})
	}
	t.Run("control: a closed loop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.stall = stall
			if p99 := closedLoop(f, callers, rate, 60*time.Second); p99 > 10*time.Millisecond {
				t.Errorf("it sees the stall, at %v; then this test shows nothing", p99)
			}
		})
	})
	t.Run("control: no stall", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := drive(t, newFake(), evenly(rate, nil), Options{Callers: callers, Duration: 60 * time.Second})
			if all := r.Operations[0].Latency; all.Max != int64(time.Millisecond) && time.Duration(all.Max) > 1001*time.Microsecond {
				t.Errorf("a call of 1 ms took up to %v", time.Duration(all.Max))
			}
			if r.Generator.Late != 0 || r.Generator.WorstLate != 0 || r.Generator.Bottleneck {
				t.Errorf("the generator says %+v", r.Generator)
			}
		})
	})
}

// TestNothingIsLost sends all kinds of operations to a server that is too slow, that fails, that refuses and that stalls longer than
// callers wait.
func TestNothingIsLost(t *testing.T) {
	for _, mode := range Modes() {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.places = make(chan struct{}, 3)
				f.takes = 4 * time.Millisecond
				f.stall = func(at time.Duration) time.Duration {
					if at >= 3*time.Second && at < 4*time.Second {
						return 5 * time.Second
					}
					return 0
				}
				var n int
				f.answer = func(*allotv1.AllocateRequest) (codes.Code, bool) {
					f.mu.Lock()
					defer f.mu.Unlock()
					n++
					switch {
					case n%7 == 0:
						return codes.ResourceExhausted, false
					case n%11 == 0:
						return codes.Unavailable, false
					}
					return codes.OK, n%3 != 0
				}
				o := Options{Mode: mode, Callers: 5, Others: 5, Queue: 40, WarmUp: 1500 * time.Millisecond, Duration: 6 * time.Second, Timeout: time.Second}
				if mode != Unary {
					o.PerMessage = 4
				}
				r := drive(t, f, evenly(300, everything), o)
				all := r.Operations[0]
				if all.Dropped == 0 || all.Codes["DEADLINE_EXCEEDED"] == 0 || all.Answered == 0 || all.Moot == 0 {
					t.Errorf("this run was to have all that can happen: %d answered, %v, %d dropped, %d moot", all.Answered, all.Codes, all.Dropped, all.Moot)
				}
				if refused := all.Codes["RESOURCE_EXHAUSTED"] + all.Codes["ABORTED"]; refused == 0 {
					t.Errorf("nothing was refused: %v", all.Codes)
				}
				if r.Duration != 6*time.Second || len(r.Seconds) < 8 || !r.Seconds[1].Warm || r.Seconds[2].Warm {
					t.Errorf("%v in %d seconds", r.Duration, len(r.Seconds))
				}
			})
		})
	}
}

// TestFollowUps checks that what is about a hold comes after its answer, one after the other, with its id.
func TestFollowUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := drive(t, f, evenly(100, everything), Options{Duration: time.Second})
		orders := r.Operation("allocate").Intended
		if orders != 100 {
			t.Fatalf("%d orders", orders)
		}
		want := map[string][]string{}
		for n := range orders {
			number := int64(0)
			for before := range n {
				number += 5
				if before%3 != 0 {
					number++
				}
			}
			hold := fmt.Sprintf("hold of run-%d", number)
			switch n % 3 {
			case 0:
				want[hold] = []string{"Release"}
			case 1:
				want[hold] = []string{"Confirm", "Ship"}
			default:
				want[hold] = []string{"Confirm", "Cancel"}
			}
		}
		for hold, methods := range want {
			if !slices.Equal(f.requests[hold], methods) {
				t.Errorf("%s: %v, want %v", hold, f.requests[hold], methods)
			}
		}
		if ship := r.Operation("ship"); ship.Answered != 33 || ship.Granted != 33 {
			t.Errorf("ship: %+v", ship)
		}
	})
}

// TestSameRequests sends a workload twice and wants the same requests, at the same rate of it.
func TestSameRequests(t *testing.T) {
	spec, ok := workload.Builtin("steady")
	if !ok {
		t.Fatal("there is no workload steady")
	}
	w, err := workload.New(spec, 7)
	if err != nil {
		t.Fatal(err)
	}
	requests := func(seed uint64) (ids map[string][]string, r *Result) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.takes = 0
			on := w
			if seed != 7 {
				if on, err = workload.New(spec, seed); err != nil {
					t.Fatal(err)
				}
			}
			r, err = Run(t.Context(), on, Options{Arrivals: workload.Poisson(300, seed), Duration: 2 * time.Second}.through(f))
			if err != nil {
				t.Fatal(err)
			}
			balanced(t, r)
			ids = f.requests
		})
		return ids, r
	}
	a, result := requests(7)
	b, _ := requests(7)
	c, _ := requests(8)
	same := func(x, y []string) bool { slices.Sort(x); slices.Sort(y); return slices.Equal(x, y) }
	if !maps.EqualFunc(a, b, same) {
		t.Error("two runs of one seed sent different requests")
	}
	if maps.EqualFunc(a, c, same) {
		t.Error("two seeds sent the same requests")
	}
	if result.Workload.Hash != w.Hash() || result.Workload.Seed != 7 || result.Arrivals == "" {
		t.Errorf("the result says %+v, %q", result.Workload, result.Arrivals)
	}
}

// TestStopped ends a run early: the result has what there is.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = 100 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2450*time.Millisecond, cancel)
		r, err := Drive(ctx, evenly(10, everything), Options{Callers: 2, WarmUp: 200 * time.Millisecond, Duration: time.Hour}.through(f))
		if r == nil || err == nil {
			t.Fatalf("result %v, error %v", r, err)
		}
		balanced(t, r)
		if r.WarmUp != 200*time.Millisecond || r.Duration < 2250*time.Millisecond || r.Duration > 2250*time.Millisecond+most {
			t.Errorf("it says that it ran for %v after %v", r.Duration, r.WarmUp)
		}
		if all := r.Operations[0]; all.Answered == 0 || all.Unsent == 0 || all.Codes["CANCELLED"] <= all.Unsent {
			t.Errorf("%d answered, %d unsent, %v", all.Answered, all.Unsent, all.Codes)
		}
	})
}

// A book keeper checks what auditors are told.
type keeper struct {
	t  *testing.T
	mu sync.Mutex

	begun, finished     int
	open                map[*Call]string
	sent, answered, bad int
}

func (k *keeper) Begin(context.Context, grpc.ClientConnInterface) error { k.begun++; return nil }

func (k *keeper) Sent(c *Call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.open[c]; there {
		k.t.Errorf("%s is sent twice", c.RequestID)
	}
	k.open[c] = c.RequestID
	k.sent++
}

func (k *keeper) over(c *Call) {
	if id, there := k.open[c]; !there || id != c.RequestID {
		k.t.Errorf("%s is answered, and was sent as %q", c.RequestID, id)
	}
	delete(k.open, c)
}

func (k *keeper) Answered(c *Call, answer []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over(c)
	k.answered++
	if c.Event.Kind == workload.Allocate {
		if id, ok := heldBy(answer); !ok || id != "" && id != "hold of "+c.RequestID {
			k.t.Errorf("%s is answered with %q", c.RequestID, id)
		}
	}
}

func (k *keeper) Failed(c *Call, _ codes.Code) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over(c)
	k.bad++
}

func (k *keeper) Finish(context.Context, grpc.ClientConnInterface) (Correctness, error) {
	k.finished++
	return Correctness{Holds: int64(k.answered)}, nil
}

// TestAuditor checks that an auditor is told of every call once, by its own answer.
func TestAuditor(t *testing.T) {
	for _, mode := range Modes() {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.answer = func(r *allotv1.AllocateRequest) (codes.Code, bool) {
					switch len(r.GetOrder().GetId()) {
					case 2:
						return codes.ResourceExhausted, false
					case 3:
						return codes.OK, false
					}
					return codes.OK, true
				}
				k := &keeper{t: t, open: map[*Call]string{}}
				o := Options{Mode: mode, Auditor: k, WarmUp: 300 * time.Millisecond, Duration: time.Second, SLO: []SLO{{Operation: "all", Figure: "max", Sign: "<", Limit: 1e18}}}
				r := drive(t, f, evenly(500, everything), o)
				if k.begun != 1 || k.finished != 1 || len(k.open) != 0 || k.sent != k.answered+k.bad || k.bad == 0 || k.answered == 0 {
					t.Errorf("%d begun, %d finished, %d sent, %d answered, %d failed, %d open", k.begun, k.finished, k.sent, k.answered, k.bad, len(k.open))
				}
				if r.Correctness.Holds != int64(k.answered) || len(r.Objectives) != 1 || !r.Objectives[0].Holds {
					t.Errorf("%+v, %+v", r.Correctness, r.Objectives)
				}
			})
		})
	}
}

// TestFiles reads the histogram logs back: their sums are those of the result.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	var r *Result
	synctest.Test(t, func(t *testing.T) {
		r = drive(t, newFake(), evenly(200, everything), Options{Dir: dir, WarmUp: time.Second, Duration: 3 * time.Second})
	})
	for _, file := range r.Files {
		raw, err := os.ReadFile(filepath.Join(dir, file.Name))
		if err != nil {
			t.Fatal(err)
		}
		sums := map[string]*hdrhistogram.Histogram{}
		reader := hdrhistogram.NewHistogramLogReader(bytes.NewReader(raw))
		for {
			h, err := reader.NextIntervalHistogram()
			if err != nil {
				t.Fatal(err)
			}
			if h == nil {
				break
			}
			if sums[h.Tag()] == nil {
				sums[h.Tag()] = newHistogram()
			}
			sums[h.Tag()].Merge(h)
		}
		for _, op := range r.Operations[1:] {
			want := op.Latency
			if file.Name == serviceLog {
				want = op.Service
			}
			got := latencyOf(sums[op.Name])
			if got.Count != want.Count || got.P99 != want.P99 || got.Max != want.Max {
				t.Errorf("%s, %s: %+v, in the result %+v", file.Name, op.Name, got, want)
			}
		}
	}
	if len(r.Files) != 2 {
		t.Errorf("files %v", r.Files)
	}
	if err := r.Write(filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	back, err := ReadResult(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	if back.Operations[0].Latency.P99 != r.Operations[0].Latency.P99 || len(back.Seconds) != len(r.Seconds) {
		t.Error("what is read is not what was written")
	}
}
