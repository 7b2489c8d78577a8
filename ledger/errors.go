package ledger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/allot-engine/allot/units"
)

// What a command can be refused for. The types below carry the facts; errors.Is finds these.
var (
	// ErrConflict: a claim no longer fits. Score the order again on a new view. See ConflictError.
	ErrConflict = errors.New("ledger: conflict")
	// ErrRequestReused: the request id is known with another body.
	ErrRequestReused = errors.New("ledger: request id reused with another body")
	// ErrNoHold: no such hold, or it ended longer ago than the ledger remembers.
	ErrNoHold = errors.New("ledger: no such hold")
	// ErrTransition: the hold cannot go where the command sends it. See TransitionError.
	ErrTransition = errors.New("ledger: illegal transition")
	// ErrInvalid: the command makes no sense. See InvalidError.
	ErrInvalid = errors.New("ledger: invalid command")
	// ErrFull: the ledger has as many holds as it was configured for.
	ErrFull = errors.New("ledger: full")
	// ErrReplay: an event does not follow the state it was applied to.
	ErrReplay = errors.New("ledger: event does not follow the state")
	// ErrFormat: bytes are not what the ledger writes, or what a newer one wrote.
	ErrFormat = errors.New("ledger: not in the ledger's format")
)

// A BatchError names the requests that stand in the way of a batch, by their positions. errors.Is(err, ErrRequestReused).
type BatchError struct {
	Reused []int // known with another body
	Known  []int // answered before, while others of the batch were not; empty unless the batch is all or nothing
}

// Error says how many there are of either.
func (e *BatchError) Error() string {
	return fmt.Sprintf("%v: of a batch, %d are; %d more were answered before", ErrRequestReused, len(e.Reused), len(e.Known))
}

// Unwrap returns ErrRequestReused.
func (e *BatchError) Unwrap() error { return ErrRequestReused }

// A Counter is a counter that could not give what was claimed.
type Counter struct {
	Warehouse Warehouse
	SKU       SKU        // of a stock counter; -1 for a capacity
	Service   Service    // of a capacity; AnyService for the whole warehouse
	Date      units.Date // of a capacity
	Wanted    int32      // by the whole allocation; at most MaxQuantity
	Left      int32      // may be negative

	// The names of the rows; empty where there is none.
	WarehouseName, SKUName, ServiceName string
}

// String names the counter and says what it has.
func (c Counter) String() string {
	switch {
	case c.SKU >= 0:
		return fmt.Sprintf("stock of %s in %s: %d wanted, %d left", c.SKUName, c.WarehouseName, c.Wanted, c.Left)
	case c.Service >= 0:
		return fmt.Sprintf("capacity of %s in %s on %v: %d wanted, %d left", c.ServiceName, c.WarehouseName, c.Date, c.Wanted, c.Left)
	default:
		return fmt.Sprintf("capacity of %s on %v: %d wanted, %d left", c.WarehouseName, c.Date, c.Wanted, c.Left)
	}
}

// A ConflictError names every counter that could not give what was claimed. errors.Is(err, ErrConflict).
type ConflictError struct{ Counters []Counter }

// Error lists the counters.
func (e *ConflictError) Error() string {
	var b strings.Builder
	b.WriteString(ErrConflict.Error())
	for i, c := range e.Counters {
		b.WriteString([...]string{": ", "; "}[min(i, 1)])
		b.WriteString(c.String())
	}
	return b.String()
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// A TransitionError refuses to move a hold. errors.Is(err, ErrTransition).
type TransitionError struct {
	Hold HoldID
	From Status
	Move Kind // what the command would have made of it
}

// Error names the hold, its status and the move.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("ledger: hold %d is %v and cannot be %v", e.Hold, e.From, e.Move)
}

// Unwrap returns ErrTransition.
func (e *TransitionError) Unwrap() error { return ErrTransition }

// A Fault is one thing wrong with a command.
type Fault struct {
	Field   string // as "stock[2].quantity"
	Problem string // and what would be right
}

// An InvalidError lists everything wrong with a command. errors.Is(err, ErrInvalid).
type InvalidError struct{ Faults []Fault }

// Error lists the faults.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString(ErrInvalid.Error())
	for i, f := range e.Faults {
		b.WriteString([...]string{": ", "; "}[min(i, 1)])
		b.WriteString(f.Field)
		b.WriteString(" ")
		b.WriteString(f.Problem)
	}
	return b.String()
}

// Unwrap returns ErrInvalid.
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// faults gathers what is wrong with a command; its zero value is ready and free.
type faults []Fault

func (f *faults) addf(field, format string, args ...any) {
	*f = append(*f, Fault{Field: field, Problem: fmt.Sprintf(format, args...)})
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &InvalidError{Faults: f}
}
