package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// ErrorDomain is the domain of the ErrorInfo that every error carries.
const ErrorDomain = "allot"

// Reasons of the ErrorInfo that every error carries, for programs to branch on.
const (
	ReasonInvalid            = "INVALID_REQUEST"           // INVALID_ARGUMENT: BadRequest lists every field
	ReasonMalformed          = "MALFORMED_MESSAGE"         // INVALID_ARGUMENT: the bytes are no such message; BadRequest says where
	ReasonTooLarge           = "MESSAGE_TOO_LARGE"         // RESOURCE_EXHAUSTED
	ReasonTooManyCalls       = "TOO_MANY_CALLS"            // RESOURCE_EXHAUSTED, with RetryInfo
	ReasonBatchTooLarge      = "BATCH_TOO_LARGE"           // RESOURCE_EXHAUSTED
	ReasonTooManyBatches     = "TOO_MANY_BATCHES"          // RESOURCE_EXHAUSTED, with RetryInfo
	ReasonBatchOpen          = "BATCH_NOT_DECIDED"         // DEADLINE_EXCEEDED: time was up before it was known whether all can be filled
	ReasonTooManyHolds       = "TOO_MANY_HOLDS"            // RESOURCE_EXHAUSTED, with RetryInfo
	ReasonContended          = "STOCK_CONTENDED"           // ABORTED, with RetryInfo
	ReasonRequestReused      = "REQUEST_ID_REUSED"         // ALREADY_EXISTS; of a batch, metadata says request_ids
	ReasonRequestKnown       = "REQUEST_ID_KNOWN"          // ALREADY_EXISTS: some of a batch were answered before and others not; metadata says request_ids
	ReasonNoHold             = "NO_SUCH_HOLD"              // NOT_FOUND
	ReasonTransition         = "HOLD_NOT_IN_STATE"         // FAILED_PRECONDITION; metadata says from, the state, and to, the move
	ReasonPricesChanged      = "PRICES_CHANGED"            // ABORTED: other prices are in force than those asked for; metadata says version, theirs
	ReasonNoJournal          = "NO_JOURNAL"                // FAILED_PRECONDITION: the server keeps all in memory
	ReasonTrimmed            = "SEQUENCE_TRIMMED"          // OUT_OF_RANGE: the journal keeps only what is later; metadata says oldest and latest
	ReasonAhead              = "SEQUENCE_AHEAD"            // OUT_OF_RANGE: the journal ends before; metadata says oldest and latest
	ReasonJournal            = "JOURNAL_FAILED"            // UNAVAILABLE, with RetryInfo: nobody knows whether it was done; repeat it with the same request_id
	ReasonTooManySimulations = "TOO_MANY_SIMULATIONS"      // RESOURCE_EXHAUSTED, with RetryInfo
	ReasonNoSimulation       = "NO_SUCH_SIMULATION"        // NOT_FOUND
	ReasonNoResult           = "SIMULATION_WITHOUT_RESULT" // FAILED_PRECONDITION
	ReasonNotKept            = "SIMULATION_NOT_KEPT"       // UNAVAILABLE: the server cannot write results
	ReasonNoHistories        = "NO_HISTORIES"              // FAILED_PRECONDITION: the server was given no directory of histories
	ReasonNoFiles            = "NETWORK_WITHOUT_FILES"     // FAILED_PRECONDITION: the network in service is in no files
	ReasonDraining           = "SHUTTING_DOWN"             // UNAVAILABLE, with RetryInfo: the stream ends because the server does
	ReasonDeadline           = "DEADLINE_EXCEEDED"         // DEADLINE_EXCEEDED
	ReasonCancelled          = "CANCELLED"                 // CANCELLED
	ReasonInternal           = "INTERNAL"                  // INTERNAL: a defect; the log has more
)

// maxViolations bounds the violations listed of one request; the message says how many there are. They travel in an
// HTTP header, of which some gRPC clients take no more than 16 KiB.
const maxViolations = 100

// A refusal is an error that a caller can act on.
type refusal struct {
	code     codes.Code
	reason   string
	message  string
	metadata map[string]string
	retry    time.Duration // after which trying again helps; 0 never
	cause    error
}

func (r *refusal) Error() string { return r.message }
func (r *refusal) Unwrap() error { return r.cause }

func refusef(code codes.Code, reason, format string, args ...any) *refusal {
	return &refusal{code: code, reason: reason, message: fmt.Sprintf(format, args...)}
}

// statusOf maps any error of the server's methods to the status that both ports answer. It is the one place that does.
// Errors it does not know become INTERNAL without their text, which may tell what is nobody's business; whoever calls
// it logs those.
func statusOf(err error) *status.Status {
	if bad, ok := asFaults(err); ok {
		return refusedFaults(bad)
	}
	if m, ok := errors.AsType[malformed](err); ok {
		return m.status()
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status()
	}
	if move, ok := errors.AsType[*ledger.TransitionError](err); ok {
		r := refusef(codes.FailedPrecondition, ReasonTransition, "the hold is %v and cannot be %v", move.From, move.Move)
		r.metadata = map[string]string{"from": move.From.String(), "to": move.Move.String()}
		return r.status()
	}
	if invalid, ok := errors.AsType[*ledger.InvalidError](err); ok {
		var fl faults.List
		for _, f := range invalid.Faults {
			fl.Add(faults.Fault{Field: f.Field, Problem: f.Problem})
		}
		return refusedFaults(fl.Faults())
	}
	switch {
	case errors.Is(err, ledger.ErrRequestReused):
		return refusef(codes.AlreadyExists, ReasonRequestReused,
			"the request_id was used for another request; give every request its own, and keep it only when repeating").status()
	case errors.Is(err, ledger.ErrNoHold):
		return refusef(codes.NotFound, ReasonNoHold, "no such hold, or it ended long ago").status()
	case errors.Is(err, ledger.ErrFull):
		r := refusef(codes.ResourceExhausted, ReasonTooManyHolds, "the ledger has as many holds as it may; confirm or release some")
		r.retry = time.Second
		return r.status()
	case errors.Is(err, journal.ErrFailed), errors.Is(err, journal.ErrClosed), errors.Is(err, journal.ErrFenced):
		return errJournalFailed.status()
	case errors.Is(err, context.DeadlineExceeded):
		return refusef(codes.DeadlineExceeded, ReasonDeadline, "the call's deadline passed").status()
	case errors.Is(err, context.Canceled):
		return refusef(codes.Canceled, ReasonCancelled, "the caller gave up").status()
	}
	if st, ok := status.FromError(err); ok {
		return st
	}
	return refusef(codes.Internal, ReasonInternal, "internal error").status()
}

// errJournalFailed is what callers get whose answer can no longer be made durable.
var errJournalFailed = &refusal{
	code: codes.Unavailable, reason: ReasonJournal, retry: time.Second,
	message: "the journal cannot be written any more and the server stops; whether the call was done shows when it is back: repeat it with the same request_id",
}

// asFaults returns the faults of an *faults.Error.
func asFaults(err error) ([]faults.Fault, bool) {
	if bad, ok := errors.AsType[*faults.Error](err); ok {
		return bad.Faults, true
	}
	return nil, false
}

// refusedFaults is the status of a request with faults. Its message says the first and how many there are.
func refusedFaults(all []faults.Fault) *status.Status {
	r := refusef(codes.InvalidArgument, ReasonInvalid, "%s", all[0])
	if len(all) > 1 {
		r.message = fmt.Sprintf("%s (and %d more)", all[0], len(all)-1)
	}
	bad := &errdetails.BadRequest{}
	for _, f := range all[:min(len(all), maxViolations)] {
		description := f.Problem
		if f.Mend != "" {
			description += "; " + f.Mend
		}
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: place(f), Description: description,
		})
	}
	return r.status(bad)
}

// place returns where a fault is: a field of the request, or file:row:column and the field of a network's file.
func place(f faults.Fault) string {
	var b strings.Builder
	b.WriteString(f.File)
	for _, n := range [2]int{f.Row, f.Column} {
		if n > 0 {
			fmt.Fprintf(&b, ":%d", n)
		}
	}
	if b.Len() > 0 && f.Field != "" {
		b.WriteByte(' ')
	}
	b.WriteString(f.Field)
	return b.String()
}

func (r *refusal) status(details ...protoadapt.MessageV1) *status.Status {
	details = append(details, &errdetails.ErrorInfo{Reason: r.reason, Domain: ErrorDomain, Metadata: r.metadata})
	if r.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(r.retry)})
	}
	st, err := status.New(r.code, r.message).WithDetails(details...)
	if err != nil {
		panic("server: " + err.Error()) // only for code OK
	}
	return st
}

// connectError is the same status as connectrpc sends it.
func connectError(st *status.Status) *connect.Error {
	ce := connect.NewError(connect.Code(st.Code()), errors.New(st.Message()))
	for _, d := range st.Proto().GetDetails() {
		m, err := d.UnmarshalNew()
		if err != nil {
			continue // cannot happen: we packed it
		}
		if detail, err := connect.NewErrorDetail(m); err == nil {
			ce.AddDetail(detail)
		}
	}
	return ce
}
