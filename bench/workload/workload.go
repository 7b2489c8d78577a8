// Package workload makes what a shop sends to the service in a season or in a minute of its peak: orders, quotes, what
// becomes of holds, returns of stock, and when each of it is due. It is drawn from a seed and a short YAML file, the same for the
// same two on any machine; Go benchmarks, the load generator and the replay of seasons take it alike.
//
// What the k-th order asks for depends on seed and spec alone: not on the rate at which orders come, nor on what comes between
// them. Only what the clock decides is different at another rate: promised days, and whether a sale is on. README.md of bench
// has a spec with every key.
package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// A Kind is a kind of event.
type Kind uint8

// The kinds of events. Those after Quote are about the answer to an earlier Allocate, and fall away where that was not granted.
const (
	Allocate Kind = iota + 1 // decide Order and hold its stock
	Quote                    // what can be promised for Order
	Repeat                   // the Allocate of event Of again, with its request id, as a caller does who had no answer
	Confirm                  // the hold of event Of
	Release
	Ship    // all of the confirmed hold
	Cancel  // all of the confirmed hold
	Restock // Quantity units more of a SKU on hand in a warehouse: returned goods, a delivery
)

// Kinds are all kinds of events.
var Kinds = [...]Kind{Allocate, Quote, Repeat, Confirm, Release, Ship, Cancel, Restock}

// String prints the kind in lower case: "allocate".
func (k Kind) String() string {
	switch k {
	case Allocate:
		return "allocate"
	case Quote:
		return "quote"
	case Repeat:
		return "repeat"
	case Confirm:
		return "confirm"
	case Release:
		return "release"
	case Ship:
		return "ship"
	case Cancel:
		return "cancel"
	case Restock:
		return "restock"
	}
	return "kind " + strconv.Itoa(int(k))
}

// An Event is one thing that is sent.
type Event struct {
	Number int64         // from 0, rising by one
	Due    time.Duration // since the beginning, never falling
	Kind   Kind
	Of     int64        // number of the Allocate that it is about; -1 for Allocate, Quote and Restock
	Order  engine.Order // of Allocate and Quote; its id is unique among Allocates

	Warehouse, SKU string // of Restock
	Quantity       int32
}

// A Workload is a spec and a seed, made ready. It is only read, by any number of goroutines.
type Workload struct {
	spec  *Spec
	seed  uint64
	start units.Instant

	weights    []uint64 // of SKUs, by rank in popularity
	skus       alias    // rank
	byRank     []string // SKU
	warehouses []string
	cells      cells

	places *geo.Places
	where  alias // position in to
	to     []engine.Destination

	lines, units, promise alias // position in the spec's shares
	record                *Record

	read   *network.Source // of a directory
	source func() *network.Source
	hash   func() string
}

// New makes a workload. It is the same for the same spec and seed, on any machine. The error is a *faults.Error where the spec
// has faults, which one that Read returned has not, where the network directory that it names has some, or the record.
func New(spec *Spec, seed uint64) (*Workload, error) {
	own := *spec
	own.Flash = slices.Clone(spec.Flash)
	if err := own.check(); err != nil {
		return nil, err
	}
	w := &Workload{spec: &own, seed: seed, start: own.Start}
	if own.Arrivals.Kind == KindRecorded {
		record, err := ReadRecord(own.Arrivals.File)
		if err != nil {
			return nil, err
		}
		w.record = record
	}
	w.lines, w.units, w.promise = own.Orders.Lines.alias(), own.Orders.Units.alias(), own.Orders.Promise.alias()
	var err error
	if own.Network.Directory != "" {
		err = w.readNetwork()
	} else {
		w.makeNetwork()
	}
	if err != nil {
		return nil, err
	}
	w.hash = sync.OnceValue(w.digest)
	return w, nil
}

func (s Shares) alias() alias {
	weights := make([]uint64, len(s))
	for i, v := range s {
		weights[i] = uint64(v.Share)
	}
	return newAlias(weights)
}

// makeNetwork draws what the stream needs of a network that is not read: its names, its cells and where orders go.
func (w *Workload) makeNetwork() {
	s := w.spec
	ids := newIDs("s", 7)
	w.rank(s.Network.SKUs, ids.id)
	for i := range s.Network.Warehouses {
		w.warehouses = append(w.warehouses, warehouseID(i))
	}
	w.cells = placeStock(s, w.seed, w.weights)
	w.places = geo.US()
	w.destinations(contiguousStates())
	w.source = sync.OnceValue(func() *network.Source {
		src, err := generate(s, w.seed, rulebook(s, w.seed))
		if err != nil {
			panic(err) // its files are this package's own
		}
		src.Stock = w.stockRows()
		return src
	})
}

// readNetwork reads the network of a directory.
func (w *Workload) readNetwork() error {
	src, err := network.Read(os.DirFS(w.spec.Network.Directory))
	if err != nil {
		return err
	}
	snap, err := network.Compile(src, nil)
	if err != nil {
		return err
	}
	w.rank(len(src.SKUs), func(i int) string { return src.SKUs[i].ID })
	for i := range w.spec.Flash {
		w.spec.Flash[i].Rank = min(w.spec.Flash[i].Rank, len(src.SKUs))
	}
	rows := map[string]uint16{}
	for i := range src.Warehouses {
		rows[src.Warehouses[i].ID] = uint16(i)
		w.warehouses = append(w.warehouses, src.Warehouses[i].ID)
	}
	at := map[string][]uint16{}
	for i := range src.Stock {
		if r := &src.Stock[i]; r.AvailableFrom == 0 {
			at[r.SKU] = append(at[r.SKU], rows[r.Warehouse])
		}
	}
	w.cells.from = append(w.cells.from, 0)
	for _, sku := range w.byRank {
		w.cells.warehouse = append(w.cells.warehouse, at[sku]...)
		w.cells.from = append(w.cells.from, uint32(len(w.cells.warehouse)))
	}
	var countries []string
	for i := range snap.Warehouses {
		countries = append(countries, snap.Warehouses[i].Country)
	}
	slices.Sort(countries)
	w.places = snap.Places
	to := newCountry(w.places, of(w.places, slices.Compact(countries)))
	if len(to.rows) == 0 {
		return fmt.Errorf("workload: %s: no place is known in the countries of its warehouses", w.spec.Network.Directory)
	}
	w.destinations(to)
	w.read = src
	w.source = func() *network.Source { return src }
	return nil
}

// rank says how well SKUs sell: which of n has which rank is drawn.
func (w *Workload) rank(n int, id func(i int) string) {
	w.weights = zipfWeights(n, w.spec.SKUs.Zipf)
	w.skus = newAlias(w.weights)
	ranks := make([]int32, n) // a shuffle
	r := rngOf(w.seed, drawRanks, 0)
	for i := range ranks {
		j := r.below(i + 1)
		ranks[i] = ranks[j]
		ranks[j] = int32(i)
	}
	w.byRank = make([]string, n)
	for i, k := range ranks {
		w.byRank[k] = id(i) // in the order of the ids, as these cost least
	}
}

// destinations draws where orders go.
func (w *Workload) destinations(among *country) {
	c := among.sample(w.seed, w.spec.Destinations.Places)
	w.where = newAlias(c.weights)
	w.to = make([]engine.Destination, len(c.rows))
	for i, row := range c.rows {
		w.to[i] = engine.Destination{Country: w.places.Country(row), Postal: w.places.Postal(row)}
	}
}

// Spec returns the spec, which must not be changed.
func (w *Workload) Spec() *Spec { return w.spec }

// Seed returns the seed.
func (w *Workload) Seed() uint64 { return w.seed }

// Name returns the name of the spec.
func (w *Workload) Name() string { return w.spec.Name }

// Start returns the moment on the shop's clock at which the workload begins: events are due so long after it, and promises
// count from it.
func (w *Workload) Start() units.Instant { return w.start }

// Source returns the network with its stock, which must not be changed. That of a made network is made by the first call: a
// million SKUs in three million cells take a second and half a gigabyte.
func (w *Workload) Source() *network.Source { return w.source() }

// SKUs returns the SKUs in the order in which they sell, the best first. The slice must not be changed.
func (w *Workload) SKUs() []string { return w.byRank }

// Demand returns which part of the lines the best so many SKUs have, baskets and sales aside: 0 to 1.
func (w *Workload) Demand(best int) float64 {
	some, all := uint64(0), uint64(0)
	for k, v := range w.weights {
		if k < best {
			some += v
		}
		all += v
	}
	return float64(some) / float64(all)
}

// Cells returns the number of pairs of SKU and warehouse that have stock in the beginning.
func (w *Workload) Cells() int { return len(w.cells.warehouse) }

// Warehouses returns the number of warehouses.
func (w *Workload) Warehouses() int { return len(w.warehouses) }

// Places returns the number of different places to which orders go.
func (w *Workload) Places() int { return len(w.to) }

// Destinations returns the places to which orders go, each once, in no order that matters. The slice must not be changed.
func (w *Workload) Destinations() []engine.Destination { return w.to }

// Hash returns a digest of everything that the workload sends by its own arrivals: equal workloads have equal hashes, and what
// was measured with one can be compared with what was measured with the other.
func (w *Workload) Hash() string { return w.hash() }

// digest hashes the spec, the seed, what was read, and the first events, in which another generator would show.
func (w *Workload) digest() string {
	h := sha256.New()
	spec := *w.spec
	spec.text, spec.Network.Directory, spec.Arrivals.File, spec.Description = nil, "", "", ""
	put := func(format string, args ...any) { fmt.Fprintf(h, format+"\n", args...) } // a hash takes every write
	put("allot workload 1 %d %+v", w.seed, spec)
	if w.read != nil {
		snap, err := network.Compile(w.read, nil)
		if err != nil {
			panic(err) // it compiled in New
		}
		put("network %s", snap.Version)
		for _, r := range w.read.Stock {
			put("stock %q %q %d %d %d", r.Warehouse, r.SKU, r.OnHand, r.Safety, r.AvailableFrom)
		}
	}
	if w.record != nil {
		put("record %v", w.record.counts)
	}
	s := w.Events(w.Arrivals())
	for e := (Event{}); e.Number < 2_000 && s.Next(&e); {
		put("%d %d %s %d %+v %q %q %d", e.Number, e.Due, e.Kind, e.Of, e.Order, e.Warehouse, e.SKU, e.Quantity)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ids makes names of a letter and a number without an allocation for each.
type ids struct {
	letter string
	digits int
	from   int // number of the first name in text; -1 before the first
	text   string
	buf    []byte
}

// idsAtOnce is how many names share their memory.
const idsAtOnce = 256

func newIDs(letter string, digits int) *ids { return &ids{letter: letter, digits: digits, from: -1} }

// id returns the name of n. Names in the order of their numbers cost least.
func (s *ids) id(n int) string {
	if s.from < 0 || n < s.from || n >= s.from+idsAtOnce {
		s.from = n - n%idsAtOnce
		s.buf = s.buf[:0]
		for i := s.from; i < s.from+idsAtOnce; i++ {
			s.buf = append(s.buf, s.letter...)
			at := len(s.buf)
			for range s.digits {
				s.buf = append(s.buf, '0')
			}
			for j, v := s.digits-1, i; j >= 0 && v > 0; j, v = j-1, v/10 {
				s.buf[at+j] = '0' + byte(v%10)
			}
		}
		s.text = string(s.buf)
	}
	wide := len(s.letter) + s.digits
	at := (n - s.from) * wide
	return s.text[at : at+wide]
}

// seconds returns a number of seconds as a duration, at most the longest there is.
func seconds(s float64) time.Duration {
	if s >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(s * 1e9)
}
