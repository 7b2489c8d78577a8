// Package pace keeps work in the background to a share of a processor, so that whoever waits for an answer hardly notices
// it.
package pace

import (
	"context"
	"time"
)

// Slice is how long at least a Pacer lets work go on before it rests: what others notice of it at most, where there is but one
// processor.
const Slice = 10 * time.Millisecond

// A Pacer keeps one goroutine to a share of a processor: after each slice of work it rests in proportion. What is longer than
// a slice between two calls of Stop is rested for in full. It may be handed from one goroutine to the next, and two that call
// it at once rest one after the other.
type Pacer struct {
	ctx    context.Context // kept here because the work that is paced knows none
	share  float64
	turn   chan struct{} // has room for whoever uses the rest
	since  time.Time     // the present slice began
	worked time.Duration // since New
}

// New returns a Pacer for work that begins now, until the context ends. The share is of one processor, above 0; from 1 on there
// is no rest.
func New(ctx context.Context, share float64) *Pacer {
	if !(share > 0) {
		panic("pace: a share of nothing")
	}
	return &Pacer{ctx: ctx, share: min(share, 1), turn: make(chan struct{}, 1), since: time.Now()}
}

func (p *Pacer) enter() (leave func()) {
	p.turn <- struct{}{}
	return func() { <-p.turn }
}

// Stop rests where it is time to, and tells whether to stop for good, which is so when the context has ended. What is paced
// calls it again and again.
func (p *Pacer) Stop() bool {
	defer p.enter()()
	worked := time.Since(p.since)
	if worked < Slice {
		return p.ctx.Err() != nil
	}
	p.worked += worked
	if pause := time.Duration(float64(worked) * (1/p.share - 1)); pause > 0 {
		rest := time.NewTimer(pause)
		defer rest.Stop()
		select {
		case <-p.ctx.Done():
		case <-rest.C:
		}
	}
	p.since = time.Now()
	return p.ctx.Err() != nil
}

// Idle tells that what came since the last call was waiting and no work, as for a disk or for others; it is not rested for.
func (p *Pacer) Idle() {
	defer p.enter()()
	p.since = time.Now()
}

// Worked returns how long was worked so far, up to the last rest.
func (p *Pacer) Worked() time.Duration {
	defer p.enter()()
	return p.worked
}
