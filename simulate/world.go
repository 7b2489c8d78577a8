package simulate

import (
	"fmt"
	"math"
	"slices"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A world is an input made ready: what all who work on a run read, and nobody changes.
type world struct {
	in     *Input
	epochs []era
	terms  []string
	keep   *Floors
	taken  []*shared // by epoch
}

// close gives back what the world shares with others.
func (w *world) close() {
	for _, s := range w.taken {
		w.keep.give(s)
	}
}

// keepFloors has the lowest possible costs kept for other runs.
func (w *world) keepFloors() {
	for i, s := range w.taken {
		w.epochs[i].floors = w.keep.of(s, w.in.History)
	}
}

// An era is an epoch with what is derived of its network.
type era struct {
	from      units.Instant
	snap      *network.Snapshot
	engine    *engine.Engine
	unlimited *engine.StockView
	floors    *floors  // of its orders; nil where they are not to be kept
	terms     []int32  // by term of the engine: its position among those of the run
	open      []uint64 // bit per warehouse that ships
	mishaps   []mishap
}

// checkEpochs tells whether an input can have a world. The error is a *faults.Error.
func checkEpochs(in *Input) error {
	var fl faults.List
	fault := func(field, mend, format string, args ...any) { fl.Addf("", 0, 0, field, mend, format, args...) }
	if in.History == nil || in.History.Len() == 0 {
		fault("history", "give a file with orders", "the history has no orders")
		return fl.Err()
	}
	if len(in.Epochs) == 0 {
		fault("epochs", "give at least one network", "there is no network to replay on")
		return fl.Err()
	}
	for i := range in.Epochs {
		field := fmt.Sprintf("epochs[%d]", i)
		switch e := &in.Epochs[i]; {
		case e.Snapshot == nil:
			fault(field, "compile one", "the epoch has no network")
		case i == 0 && e.From > in.History.At[0]:
			fault(field, "begin before the first order", "it begins %v, after the first order, which came %v", e.From, in.History.At[0])
		case i > 0 && e.From <= in.Epochs[i-1].From:
			fault(field, "put the epochs in the order of their time", "it begins %v, and the one before it %v", e.From, in.Epochs[i-1].From)
		case i > 0 && in.Epochs[i-1].Snapshot != nil && !follows(in.Epochs[i-1].Snapshot, e.Snapshot):
			fault(field, "compile each network with the rows of the one before", "its rows are not those of the network before it")
		}
	}
	return fl.Err()
}

// newWorld returns the world of an input. The error is a *faults.Error where the epochs are none.
func newWorld(in *Input, keep *Floors) (*world, error) {
	if err := checkEpochs(in); err != nil {
		return nil, err
	}
	w := &world{in: in, keep: keep}
	of := map[string]int32{}
	for i := range in.Epochs {
		e := &in.Epochs[i]
		taken, err := keep.take(e.Snapshot)
		if err != nil {
			w.close()
			return nil, fmt.Errorf("simulate: network %s: %w", e.Snapshot.Version, err)
		}
		w.taken = append(w.taken, taken)
		a := era{from: e.From, snap: e.Snapshot, engine: taken.engine, unlimited: engine.Unlimited(e.Snapshot)}
		for _, name := range a.engine.TermNames() {
			at, known := of[name]
			if !known {
				at = int32(len(w.terms))
				of[name], w.terms = at, append(w.terms, name)
			}
			a.terms = append(a.terms, at)
		}
		a.open = make([]uint64, (len(e.Snapshot.Warehouses)+63)/64)
		for row := range e.Snapshot.Warehouses {
			if !e.Snapshot.Warehouses[row].Closed {
				a.open[row/64] |= 1 << (row % 64)
			}
		}
		a.mishaps = mishapsOf(in.Mishaps, e.Snapshot)
		w.epochs = append(w.epochs, a)
	}
	return w, nil
}

// follows tells whether a snapshot has the rows of the one before it.
func follows(before, after *network.Snapshot) bool {
	if before == after {
		return true
	}
	b, a := before.Rows(), after.Rows()
	begins := func(long, short []string) bool {
		return len(long) >= len(short) && slices.Equal(long[:len(short)], short)
	}
	return begins(a.Warehouses, b.Warehouses) && begins(a.SKUs, b.SKUs) && begins(a.Services, b.Services)
}

// until returns the moment at which an epoch ends.
func (w *world) until(epoch int) units.Instant {
	if epoch+1 < len(w.epochs) {
		return w.epochs[epoch+1].from
	}
	return math.MaxInt64
}

// epochAt returns the epoch of a moment, the first for any before it.
func (w *world) epochAt(at units.Instant) int {
	e := 0
	for w.until(e) <= at {
		e++
	}
	return e
}
