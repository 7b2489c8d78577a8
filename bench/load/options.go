package load

import (
	"context"
	"io"
	"time"

	"google.golang.org/grpc"

	"github.com/allot-engine/allot/bench/workload"
)

// The modes in which orders are sent. Everything but an Allocate is a unary call in all of them.
const (
	Unary  = "unary"  // Allocate, an order a call
	Stream = "stream" // AllocateStream, PerMessage orders a message
	Batch  = "batch"  // AllocateBatch, PerMessage orders a call, which are decided together
)

// Modes returns the modes by name.
func Modes() []string { return []string{Unary, Stream, Batch} }

// Options are how a workload is sent. A zero field takes the default in its comment.
type Options struct {
	Kind string // of the result: run, saturate or soak; default run

	Target  string     // gRPC address, host:port
	Admin   string     // address of the target's admin port; "": what only that knows is not in the result
	Own     *OwnServer // the target, where StartServer started it; it sets Target and Admin
	RunID   string     // begins every request id, so that two runs on one server ask for different things; default drawn at random
	Arrival string     // what is said of the arrivals in the result; default what Arrivals say of themselves

	// Arrivals say when the orders of Run come; nil: as the workload says. Drive takes no heed of it.
	Arrivals workload.Arrivals

	Mode        string        // default Unary
	PerMessage  int           // orders a message of Stream and a call of Batch; default 100
	Linger      time.Duration // how long the first order of a message waits for the others; default 5 ms
	Window      int           // orders without an answer on one stream; beyond them the stream waits; default 1000
	BatchBudget time.Duration // time in which a batch looks for better plans; default 100 ms

	Connections int // default 2
	Callers     int // calls or streams at once; default 256 of Unary, 2 of Batch, and one stream a connection
	Others      int // in Stream and Batch, calls at once that are no Allocate; default 64
	Queue       int // operations that wait for a caller; what comes when they are full is dropped; default 100,000

	Timeout  time.Duration // from the intended start to the answer, which is also the deadline of the call; default 5 s
	WarmUp   time.Duration // sent, and measured by nobody; default none
	Duration time.Duration // of the measured part; default 30 s

	SLO []SLO // what the result is judged by

	Dir     string // for the files beside result.json, which must exist; "": none are written
	Profile bool   // keep a CPU profile and a heap profile of the target in Dir; they come from its admin port

	profileFrom time.Duration // of the measured part, when the CPU profile begins and before whose end it ends: it takes memory that a soak would count

	// Progress is told of every second when it is over, in order, by one goroutine. It must return soon.
	Progress func(Second)

	// Auditor keeps the books of what was sent and answered; nil keeps none, and the result says so.
	Auditor Auditor

	// Dial makes connection i of Connections; nil connects to Target without encryption. Its calls are made with
	// grpc.ForceCodecV2(RawCodec{}), requests and answers being *[]byte; those of the Auditor are made with messages.
	Dial func(ctx context.Context, i int) (grpc.ClientConnInterface, io.Closer, error)

	// Sleep waits; nil waits as precisely as the system lets it, which is why tests under a virtual clock give time.Sleep.
	Sleep func(time.Duration)
}

// A Source is the events that a run sends, and what the result says of them.
type Source struct {
	Workload Workload
	// Next overwrites an event with the next one and tells whether there was one. What an event points to stays as it
	// is until that event is overwritten.
	Next func(*workload.Event) bool
}
