package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/results"
)

// A replayed is one run of a batch, and its result.
type replayed struct {
	dir     string
	in      *simulate.Input
	kept    bool             // its result was there, complete, and of the same inputs
	summary *results.Summary // nil before it ended
	clamped int              // moves of stock that took less than they said
}

// A batch is the runs of one call, of which several may be under way at a time.
type batch struct {
	runs    []*replayed
	workers int
	maxBad  int // orders that may be malformed
	noFloor bool
	options results.Options
	floors  simulate.Floors                                                                                   // what the runs have in common
	replay  func(context.Context, *simulate.Input, simulate.Options, simulate.Sink) (*simulate.Report, error) // simulate.Run, but in tests

	progress *progress
	mu       sync.Mutex
	failed   error
	done     int // orders, of runs that ended
	under    map[*replayed]int
	total    int
}

// mostAtOnce bounds how many runs are under way at a time, and with them the memory.
const mostAtOnce = 8

// run replays what is not kept, one worker a run where there are as many runs as workers: that wastes least. It ends with the
// first error, and stops the other runs then; when ctx ends it stops all of them. What is done until then is written.
func (b *batch) run(ctx context.Context) error {
	var todo []*replayed
	for _, r := range b.runs {
		if !r.kept {
			todo = append(todo, r)
			b.total += r.in.History.Len()
		}
	}
	if len(todo) == 0 {
		return nil
	}
	workers := b.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	atOnce := min(workers, len(todo), mostAtOnce)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.under = map[*replayed]int{}
	next := make(chan *replayed)
	var wg sync.WaitGroup
	for i := range atOnce {
		share := workers / atOnce
		if i < workers%atOnce {
			share++
		}
		wg.Go(func() {
			for r := range next {
				if err := b.one(ctx, r, share); err != nil {
					b.fail(fmt.Errorf("%s: %w", r.dir, err))
					stop()
				}
			}
		})
	}
	for _, r := range todo {
		if ctx.Err() != nil {
			break
		}
		select {
		case next <- r:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return b.failed
}

// fail remembers the first error.
func (b *batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = err
	}
}

// one does one run.
func (b *batch) one(ctx context.Context, r *replayed, workers int) error {
	rec, err := results.Create(r.dir, r.in, b.options)
	if err != nil {
		return err
	}
	rep, err := b.replay(ctx, r.in, simulate.Options{
		Workers: workers, NoFloor: b.noFloor, Floors: &b.floors, MaxBad: b.maxBad,
		Progress: func(done, _ int) { b.step(r, done) },
	}, rec)
	if err != nil {
		return errors.Join(err, rec.Abandon())
	}
	r.clamped = rep.Clamped
	r.summary, err = rec.Finish(rep)
	b.ended(r)
	return err
}

func (b *batch) step(r *replayed, done int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.under[r] = done
	sum := b.done
	for _, n := range b.under {
		sum += n
	}
	b.progress.of(sum, b.total)
}

func (b *batch) ended(r *replayed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += b.under[r]
	delete(b.under, r)
}

// complete is how many runs have their whole result.
func (b *batch) complete() (n int) {
	for _, r := range b.runs {
		if r.summary != nil && !r.summary.Partial {
			n++
		}
	}
	return n
}
