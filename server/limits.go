package server

import (
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
)

// busyRetry is after how long a caller that was refused for too many calls should come back.
const busyRetry = 50 * time.Millisecond

// A gate counts the calls in flight and refuses those over its limit. Refusing at once keeps the time that accepted
// calls take; letting all in would make every one of them late.
type gate struct {
	limit    int64
	inFlight atomic.Int64
	busy     *refusal
}

func newGate(limit int) *gate {
	busy := refusef(codes.ResourceExhausted, ReasonTooManyCalls,
		"%d calls are in flight, as many as the server takes; try again", limit)
	busy.retry = busyRetry
	return &gate{limit: int64(limit), busy: busy}
}

// newBatchGate returns the gate of batches, which take seconds of all processors.
func newBatchGate(limit int) *gate {
	busy := refusef(codes.ResourceExhausted, ReasonTooManyBatches,
		"%d batches are being decided, as many as the server takes; try again", limit)
	busy.retry = time.Second
	return &gate{limit: int64(limit), busy: busy}
}

// enter lets a call in, which must leave, or returns why not.
func (g *gate) enter() error {
	if g.inFlight.Add(1) > g.limit {
		g.inFlight.Add(-1)
		return g.busy
	}
	return nil
}

func (g *gate) leave() { g.inFlight.Add(-1) }
