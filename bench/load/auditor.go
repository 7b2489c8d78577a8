package load

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/allot-engine/allot/bench/workload"
)

// An Auditor keeps the callers' own books of a run: what they asked for, and what they were told. At its end it holds them
// against the server.
//
// Sent, Answered and Failed are called by many goroutines at once, and share the processors with what is measured: they
// should keep what they need and leave the sums to Finish. What they are given is theirs until they return. For each
// Call, Sent comes first, and then exactly one of Answered and Failed. Calls of the warm-up are told like all others.
type Auditor interface {
	// Begin is called once, before the first call. conn takes messages of the contract.
	Begin(ctx context.Context, conn grpc.ClientConnInterface) error
	// Sent tells that a request is about to leave.
	Sent(c *Call)
	// Answered tells of an answer with the code OK: the wire form of an AllocateResponse for Allocate and Repeat, also where
	// a stream or a batch carried it, and else of the method's own response.
	Answered(c *Call, answer []byte)
	// Failed tells that there was no such answer. With the codes CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, INTERNAL and UNKNOWN
	// the server may have done what was asked for all the same.
	Failed(c *Call, code codes.Code)
	// Finish is called once, after the last call was answered or given up.
	Finish(ctx context.Context, conn grpc.ClientConnInterface) (Correctness, error)
}

// A Call is an operation that is sent. It is overwritten when it is over.
type Call struct {
	Event     *workload.Event
	RequestID string // of a Repeat, that of the Allocate; empty for a Quote
	HoldID    string // of what is about a hold
}
