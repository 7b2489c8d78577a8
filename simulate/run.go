package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// Options say how a run goes about its work, and never what it decides. A zero field takes the default in its comment.
type Options struct {
	Workers  int                   // goroutines that work at a time; default GOMAXPROCS
	Progress func(done, total int) // told of orders whose blocks are written, by one goroutine at a time; default nobody
	NoFloor  bool                  // leave the lowest possible cost out: its fields of an OrderRow are 0
	Floors   *Floors               // what this run shares with others; default nothing
	MaxBad   int                   // orders that may be malformed and are then counted and passed over; default none
	Pause    func()                // called by each worker between pieces of work of at most a few milliseconds, to throttle; default never

	// Decided is called with every order as it is decided, in their order; what it gets is the run's again when it returns.
	// Default nobody.
	Decided func(order int, o *engine.Order, now units.Instant, d *engine.Decision)

	// Tests make many blocks and pieces of few orders, and leave something out of sight.
	size, piece int       // orders in a block and in a piece; default BlockOrders and pieceOrders
	same        unchanged // default sameAll
}

// A Report is what a run says of itself.
type Report struct {
	Orders int // of the history
	Done   int // whose blocks the sink has; all of them, unless the run was stopped or failed

	// Terms are the names of the cost terms: Block.Costs has one amount for each of them and shipment.
	Terms []string

	Stopped   bool           // its context ended it; what is done is complete as far as it goes
	Malformed int            // orders, among those done, that were passed over
	Faults    []faults.Fault // the first 100 of what is wrong with malformed orders, placed by file and row, of the whole history
	Clamped   int            // moves of stock that would have taken more than was on hand, and took that

	// Again is how many orders were decided ahead of their turn, in parallel, and then again, since what they wanted was no
	// longer there, or there again. It depends on who came first; nothing else of a report or of what the sink gets does.
	Again int

	// Hash is the SHA-256, in hexadecimal, of all that the sink was given, in order. It says nothing of how the work was
	// shared out, but runs without floors have others than runs with them.
	Hash string

	// State is the SHA-256, in hexadecimal, of the ledger at the end, when all moves of stock have happened and all that left
	// by then has left. It is "" of a run that was stopped or failed.
	State string
}

// BlockOrders is the number of orders in a block; only the last has fewer.
const BlockOrders = 4096

// maxFaults is how many faults of tolerated orders a report tells.
const maxFaults = 100

// Run replays an input: every order is decided at its own time on the stock as it then is, and what it takes is held at
// once. The ledger is one of its own; the state machine, the engine and the view of the stock between them are those of the
// server, so that an unchanged network makes of the same orders and stock the very decisions that the server made.
//
// The moment of a hold's pickup takes its units off what is on hand. What happens at one moment happens in this order:
// pickups, a new network, moves of stock, orders.
//
// The run allocates memory for its open holds and a few blocks, whatever the length of the history. The same input gives the
// same bytes to the sink, however many workers there are. The sink must be safe for them.
//
// The error is a *faults.Error for what Check finds, as far as it is not tolerated; otherwise it comes from the sink, or says
// that the ledger refused a hold, which no input should make it do. When ctx ends the run stops soon and without an error.
// The report is nil only where nothing was begun.
func Run(ctx context.Context, in *Input, o Options, sink Sink) (*Report, error) {
	shared := o.Floors
	if shared == nil {
		shared = &Floors{}
		defer shared.Close()
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.size == 0 {
		o.size = BlockOrders
	}
	if o.piece == 0 {
		o.piece = pieceOrders
	}
	if o.same == nil {
		o.same = sameAll
	}
	w, err := newWorld(in, shared)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if o.Floors != nil {
		w.keepFloors()
	}
	bad := w.check(func() bool { return ctx.Err() != nil })
	if ctx.Err() != nil {
		return &Report{Orders: in.History.Len(), Terms: w.terms, Stopped: true}, nil
	}
	if bad.orders > o.MaxBad {
		return nil, bad.err()
	}
	if err := bad.other.Err(); err != nil { // what is tolerated need not be mended
		return nil, err
	}
	rep := &Report{Orders: in.History.Len(), Terms: w.terms}
	rep.Faults = bad.first(maxFaults)
	r := newRun(w, o, sink, rep)
	r.replay.bad = bad.orders
	return rep, r.run(ctx)
}

// Terms returns the names of the cost terms that a run of an input has: those of its networks' carriers first, in the order
// of the epochs. A sink that makes a table asks it beforehand.
func Terms(in *Input) ([]string, error) {
	if err := checkEpochs(in); err != nil {
		return nil, err
	}
	var terms []string
	for i := range in.Epochs {
		for _, name := range engine.TermNames(in.Epochs[i].Snapshot) {
			if !slices.Contains(terms, name) {
				terms = append(terms, name)
			}
		}
	}
	return terms, nil
}

// A run shares the work of a replay out to workers. A block is begun and decided in pieces. A piece is first looked at by itself,
// which gives the lowest possible costs and what most orders are decided to be; then decided, which has an order and so is
// done by one at a time. When all of a block is decided it is prepared for the sink, and written. Each worker takes what is
// most urgent. There is a small number of pieces under way and of blocks, so that nobody runs ahead.
type run struct {
	w    *world
	o    Options
	sink Sink
	rep  *Report

	ctx  context.Context
	stop atomic.Bool // the context has ended, for those at work; it may come a little later

	mu                sync.Mutex
	change            *sync.Cond
	free              []*block
	open              *block   // that is being given out in pieces; nil for none
	pieces            []*piece // to be decided, in order
	decided           []*block // to be prepared, in order
	line              []*block // to be written, in order
	deciding, writing bool
	next, blocks      int // blocks begun, and in all
	written           int
	err               error

	replay *replay // of who decides
	chain  [sha256.Size]byte
}

func newRun(w *world, o Options, sink Sink, rep *Report) *run {
	r := &run{w: w, o: o, sink: sink, rep: rep}
	r.change = sync.NewCond(&r.mu)
	r.blocks = (rep.Orders + o.size - 1) / o.size
	n := 1
	if o.Workers > 1 {
		n = o.Workers + 3
	}
	for range min(n, r.blocks) {
		r.free = append(r.free, &block{})
	}
	r.replay = newReplay(w, o.Decided, r.stop.Load)
	r.replay.same = o.same
	return r
}

func (r *run) run(ctx context.Context) error {
	r.ctx = ctx
	defer context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stop.Store(true)
		r.change.Broadcast()
	})()
	if err := r.replay.begin(); err != nil {
		return err
	}
	var workers sync.WaitGroup
	for range r.o.Workers - 1 {
		workers.Go(r.work)
	}
	r.work()
	workers.Wait()
	r.rep.Again = r.replay.again
	r.rep.Hash = hex.EncodeToString(r.chain[:])
	if r.err != nil {
		return r.err
	}
	if r.written < r.blocks {
		r.rep.Stopped = true
		return nil
	}
	r.rep.Clamped = r.replay.clamped
	hash := sha256.New()
	if err := r.replay.state.Write(hash); err != nil {
		return fmt.Errorf("simulate: the state at the end: %w", err)
	}
	r.rep.State = hex.EncodeToString(hash.Sum(nil))
	return nil
}

// work is what each worker does.
func (r *run) work() {
	p := newPreparer(r.w, &r.o, &r.replay.outlook, r.stop.Load)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		switch {
		case r.err != nil || r.ctx.Err() != nil || r.written == r.blocks:
			r.change.Broadcast()
			return
		case !r.writing && len(r.line) > 0 && r.line[0].ready:
			b := r.line[0]
			r.line = slices.Delete(r.line, 0, 1)
			r.writing = true
			r.piece(func() error { return r.write(b) })
			r.writing = false
			r.written++
			r.free = append(r.free, b)
		case !r.deciding && len(r.pieces) > 0 && r.pieces[0].begun:
			one := r.pieces[0]
			r.pieces = slices.Delete(r.pieces, 0, 1)
			r.deciding = true
			b, ends := one.b, one.to == len(one.b.Orders)
			r.piece(func() error { return r.replay.block(b, one.from, one.to, ends && b.First+one.to == r.rep.Orders) })
			r.deciding = false
			if ends {
				r.decided = append(r.decided, b)
			}
		case r.mayBegin() && (len(r.pieces) == 0 || len(r.decided) == 0):
			one := r.take()
			r.pieces = append(r.pieces, one)
			r.piece(func() error { p.begin(one.b, one.from, one.to); return nil })
			one.begun = true
		case len(r.decided) > 0:
			b := r.decided[0]
			r.decided = slices.Delete(r.decided, 0, 1)
			r.piece(func() error {
				if !p.prepare(b) {
					return nil // stopped
				}
				var err error
				b.prepared, err = r.sink.Prepare(&b.Block)
				return err
			})
			b.ready = true
		default:
			r.change.Wait()
			continue
		}
		r.change.Broadcast()
	}
}

// mayBegin tells whether there is a piece to begin. So few are under way that they are decided ahead only a little.
func (r *run) mayBegin() bool {
	return len(r.pieces) <= r.o.Workers && (r.open != nil || r.next < r.blocks && len(r.free) > 0)
}

// take returns the next piece.
func (r *run) take() *piece {
	b := r.open
	if b == nil {
		b = r.free[len(r.free)-1]
		r.free = r.free[:len(r.free)-1]
		first := r.next * r.o.size
		r.next++
		b.begin(first, min(first+r.o.size, r.rep.Orders), r.o.size)
		r.line = append(r.line, b)
	}
	one := &piece{b: b, from: b.given, to: min(b.given+r.o.piece, len(b.Orders))}
	b.given = one.to
	if r.open = b; one.to == len(b.Orders) {
		r.open = nil
	}
	return one
}

// piece does a piece of work without the lock.
func (r *run) piece(do func() error) {
	r.mu.Unlock()
	err := do()
	if err == nil && r.o.Pause != nil {
		r.o.Pause()
	}
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
}

// write gives a block to the sink and counts it.
func (r *run) write(b *block) error {
	if err := r.sink.Write(b.prepared); err != nil {
		return err
	}
	b.prepared, b.ready = nil, false
	h := sha256.New()
	h.Write(r.chain[:])
	h.Write(b.hash[:])
	h.Sum(r.chain[:0])
	r.rep.Done += len(b.Orders)
	r.rep.Malformed += b.malformed
	if r.o.Progress != nil {
		r.o.Progress(r.rep.Done, r.rep.Orders)
	}
	return nil
}
