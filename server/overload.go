package server

import "context"

// A class is how much a call matters when not all can be answered: the lower, the more.
type class uint8

// The classes of calls.
const (
	classSettle   class = iota // confirm, release, ship, cancel, short-pick, corrections of stock: what was promised already
	classAllocate              // allocate
	classAsk                   // quote, explain, get: nothing is lost but an answer
	classBulk                  // simulations, batches
	classes                    // how many there are
)

// A pass is a place among the calls at work; its holder must leave. The zero pass is none, and may be left.
type pass struct{}

// leave gives the place back.
func (pass) leave() {}

// waits tells that from now on the work waits for the journal, and takes no processor: it no longer counts as at work.
func (pass) waits() {}

// resumes takes back what waits told.
func (pass) resumes() {}

// admit waits for a place for a piece of work of a class, as an order of a stream; the pass is the caller's to leave. The error is a
// refusal with RetryInfo, or the context's when the caller is gone.
func (*Server) admit(context.Context, class) (pass, error) { return pass{}, nil }
