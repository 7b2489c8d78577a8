package server

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// TestStatusOf goes through everything that the methods can return, wrapped as layers wrap it.
func TestStatusOf(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		code   codes.Code
		reason string
		retry  time.Duration
	}{
		"faults":                {&faults.Error{Faults: []faults.Fault{{Field: "f", Problem: "p"}}}, codes.InvalidArgument, ReasonInvalid, 0},
		"malformed":             {malformed{&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{}}}}, codes.InvalidArgument, ReasonMalformed, 0},
		"contended":             {contendedAfter(3), codes.Aborted, ReasonContended, contendedRetry},
		"busy":                  {newGate(1).busy, codes.ResourceExhausted, ReasonTooManyCalls, busyRetry},
		"full":                  {ledger.ErrFull, codes.ResourceExhausted, ReasonTooManyHolds, time.Second},
		"request reused":        {ledger.ErrRequestReused, codes.AlreadyExists, ReasonRequestReused, 0},
		"no hold":               {ledger.ErrNoHold, codes.NotFound, ReasonNoHold, 0},
		"illegal transition":    {&ledger.TransitionError{From: ledger.Expired, Move: ledger.HoldConfirmed}, codes.FailedPrecondition, ReasonTransition, 0},
		"deadline":              {context.DeadlineExceeded, codes.DeadlineExceeded, ReasonDeadline, 0},
		"cancelled":             {context.Canceled, codes.Canceled, ReasonCancelled, 0},
		"journal failed":        {fmt.Errorf("%w: disk gone", journal.ErrFailed), codes.Unavailable, ReasonJournal, time.Second},
		"journal closed":        {journal.ErrClosed, codes.Unavailable, ReasonJournal, time.Second},
		"what the ledger finds": {&ledger.InvalidError{Faults: []ledger.Fault{{Field: "items[0].quantity", Problem: "is 0"}}}, codes.InvalidArgument, ReasonInvalid, 0},
		"no journal":            {errNoJournal, codes.FailedPrecondition, ReasonNoJournal, 0},
		"draining":              {errShutting, codes.Unavailable, ReasonDraining, drainRetry},
		"ledger conflict":       {ledger.ErrConflict, codes.Internal, ReasonInternal, 0}, // never leaves Allocate
		"anything else":         {errors.New("secret"), codes.Internal, ReasonInternal, 0},
		"the transport's":       {status.Error(codes.Unavailable, "closing"), codes.Unavailable, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("order o-1: %w", tt.err)} {
				st := statusOf(err)
				if st.Code() != tt.code || reasonOf(st) != tt.reason || retryOf(st) != tt.retry || st.Message() == "" {
					t.Errorf("%v: %v, details %v", err, st, st.Details())
				}
				if got := statusOfConnect(t, connectError(st)); !sameStatus(got, st) {
					t.Errorf("as a Connect error: %v, want %v", got.Proto(), st.Proto())
				}
			}
		})
	}
}

func TestTransitionSaysFromAndTo(t *testing.T) {
	st := statusOf(&ledger.TransitionError{From: ledger.Expired, Move: ledger.HoldConfirmed})
	info := st.Details()[0].(*errdetails.ErrorInfo)
	if info.GetMetadata()["from"] != "expired" || info.GetMetadata()["to"] != "confirmed" || st.Message() != "the hold is expired and cannot be confirmed" {
		t.Errorf("%v", st)
	}
}

func TestPlace(t *testing.T) {
	for want, f := range map[string]faults.Fault{
		"order.to.country":            {Field: "order.to.country"},
		"skus.csv:3:2 weight":         {File: "skus.csv", Row: 3, Column: 2, Field: "weight"},
		"skus.csv:3":                  {File: "skus.csv", Row: 3},
		"network.yaml":                {File: "network.yaml"},
		"network.yaml policy.on_time": {File: "network.yaml", Field: "policy.on_time"},
	} {
		if got := place(f); got != want {
			t.Errorf("place(%+v) = %q, want %q", f, got, want)
		}
	}
}
