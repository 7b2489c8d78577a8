package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// simulationRetry is after how long a caller should come back whose work had no place in the line.
const simulationRetry = 5 * time.Second

// A line lets few pieces of long work go on at once and few wait, in the order in which they came, and refuses the rest.
type line struct {
	mu      sync.Mutex
	free    int // places to work
	room    int // places to wait
	waiting []*ticket
	full    *refusal
}

// A ticket is a place in a line.
type ticket struct {
	of    *line
	ready chan struct{} // closed when it is its turn
}

func newLine(atOnce, room int) *line {
	full := refusef(codes.ResourceExhausted, ReasonTooManySimulations,
		"%d simulations or comparisons are at work and %d wait, as many as the server takes; try again", atOnce, room)
	full.retry = simulationRetry
	return &line{free: atOnce, room: room, full: full}
}

// enter takes a place, or returns why there is none. Whoever has one leaves in the end, whether it was its turn or not.
func (l *line) enter() (*ticket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &ticket{of: l, ready: make(chan struct{})}
	switch {
	case l.free > 0:
		l.free--
		close(t.ready)
	case len(l.waiting) < l.room:
		l.waiting = append(l.waiting, t)
	default:
		return nil, l.full
	}
	return t, nil
}

// turn waits for the ticket's turn, or returns why the context ended.
func (t *ticket) turn(ctx context.Context) error {
	select {
	case <-t.ready:
	case <-ctx.Done():
	}
	return context.Cause(ctx) // which goes before a turn
}

// leave gives the place to the next.
func (t *ticket) leave() {
	l := t.of
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, t); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return
	}
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	close(l.waiting[0].ready)
	l.waiting = slices.Delete(l.waiting, 0, 1)
}
