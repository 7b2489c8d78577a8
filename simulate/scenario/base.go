package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A Base is what scenarios start from. It is never changed by them, and many may be applied to it at once. It keeps what they
// make (networks, histories), so that others that make the same share it.
type Base struct {
	Source   *network.Source   // must have been read without faults
	Snapshot *network.Snapshot // of Source
	History  *history.History  // nil where scenarios are only checked
	Seed     uint64            // of what is drawn: added orders, lost parcels
	Prices   *engine.Prices    // shadow prices of the replay; nil: none
	Files    fs.FS             // where scenarios' rate cards are; nil: they may name none

	mu        sync.Mutex
	cards     map[string]*readCard
	networks  map[string]*compiled
	histories map[string]*changed

	stockOnce sync.Once
	stockSum  string

	placesOnce  sync.Once
	regionNames []string
	postals     []string
}

// NewBase compiles a network as the base of scenarios. The error is a *faults.Error with everything that is wrong with it.
func NewBase(src *network.Source, h *history.History, seed uint64) (*Base, error) {
	snap, err := network.Compile(src, nil)
	if err != nil {
		return nil, err
	}
	return &Base{Source: src, Snapshot: snap, History: h, Seed: seed}, nil
}

// Beside returns the same base for scenarios whose rate cards are elsewhere. The two share nothing that scenarios make.
func (b *Base) Beside(files fs.FS) *Base {
	return &Base{Source: b.Source, Snapshot: b.Snapshot, History: b.History, Seed: b.Seed, Prices: b.Prices, Files: files}
}

// Input returns what replays without any change.
func (b *Base) Input() (*simulate.Input, error) {
	return b.input("base"), nil
}

func (b *Base) input(name string) *simulate.Input {
	b.stockOnce.Do(func() { b.stockSum = stockHash(b.Source.Stock) })
	in := &simulate.Input{
		Name: name, Epochs: []simulate.Epoch{{From: b.beginning(), Snapshot: b.Snapshot}}, Stock: b.Source.Stock, History: b.History,
		Prices: b.Prices, Seed: b.Seed, Sources: map[string]string{"network": b.Snapshot.Version, "stock": b.stockSum},
	}
	if b.History != nil {
		in.Sources["orders"] = b.History.Hash
	}
	return in
}

// beginning returns an instant before everything that happens.
func (b *Base) beginning() units.Instant {
	first, _, ok := b.span()
	if !ok {
		return 0
	}
	return min(0, first-1)
}

// span returns the first and the last instant of the history; ok is false where nothing happens in it.
func (b *Base) span() (first, last units.Instant, ok bool) {
	first, last = math.MaxInt64, math.MinInt64
	h := b.History
	if h == nil {
		return 0, 0, false
	}
	if n := len(h.At); n > 0 {
		first, last = h.At[0], h.At[n-1]
	}
	if n := len(h.Moves); n > 0 {
		first, last = min(first, h.Moves[0].At), max(last, h.Moves[n-1].At)
	}
	return first, last, first <= last
}

// stockHash returns a content hash of rows of stock, in whatever order they stand.
func stockHash(rows []network.StockRow) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%q %q %d %d %d\n", r.Warehouse, r.SKU, r.OnHand, r.Safety, r.AvailableFrom)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		h.Write([]byte(line))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A readCard is a rate card that a scenario names.
type readCard struct {
	once   sync.Once
	src    *ratecards.Source
	hash   string // SHA-256 of what it says, with its tables, hexadecimal
	faults []faults.Fault
}

// card reads a rate card, once.
func (b *Base) card(file string) *readCard {
	b.mu.Lock()
	if b.cards == nil {
		b.cards = map[string]*readCard{}
	}
	read := b.cards[file]
	if read == nil {
		read = &readCard{}
		b.cards[file] = read
	}
	b.mu.Unlock()
	read.once.Do(func() {
		var fl faults.List
		switch {
		case b.Files == nil:
			fl.Addf(file, 0, 0, "", "", "rate cards cannot be read here")
		case !fs.ValidPath(file):
			fl.Addf(file, 0, 0, "", "write a path below the scenario's directory, as cards/economy.yaml", "%q leads elsewhere", clip(file))
		default:
			read.src = ratecards.Read(b.Files, file, &fl)
		}
		if read.faults = fl.Faults(); len(read.faults) > 0 {
			return
		}
		text, err := json.Marshal(read.src)
		if err != nil {
			panic(fmt.Sprintf("scenario: a rate card cannot be written: %v", err)) // it holds nothing that cannot
		}
		sum := sha256.Sum256(text)
		read.hash = hex.EncodeToString(sum[:])
	})
	return read
}

// A compiled is a network that changes make of the base.
type compiled struct {
	once  sync.Once
	snap  *network.Snapshot
	fault *blame
}

// A blame is why changes make no network, and which of them.
type blame struct {
	change  int // position among the changes
	problem string
	mend    string
	more    int // further faults
}

// An act is a change at work for an epoch.
type act struct {
	*change
	shut bool // what it brings into being is not open yet, or no longer
}

// essence is what decides which network an act makes: what it does, without the time for which it does, where that is for the
// epochs to say.
func (a act) essence() string {
	switch {
	case a.op.always():
		return a.text
	case a.shut:
		return a.deed + " shut"
	}
	return a.deed
}

// compile returns the network that changes make of the base, or who is to blame that they make none. The acts are sorted by
// byText, and rows has those of the base first.
func (b *Base) compile(rows *network.Rows, changes []act) (*network.Snapshot, *blame) {
	fresh := len(rows.Warehouses) + len(rows.Services) - len(b.Snapshot.Warehouses) - len(b.Snapshot.Services)
	if len(changes) == 0 && fresh == 0 {
		return b.Snapshot, nil
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%q %q\n", rows.Warehouses[len(b.Snapshot.Warehouses):], rows.Services[len(b.Snapshot.Services):])
	for _, c := range changes {
		fmt.Fprintf(&key, "%q\n", c.essence())
	}
	b.mu.Lock()
	if b.networks == nil {
		b.networks = map[string]*compiled{}
	}
	made := b.networks[key.String()]
	if made == nil {
		made = &compiled{}
		b.networks[key.String()] = made
	}
	b.mu.Unlock()
	made.once.Do(func() {
		made.snap, made.fault = b.make(rows, changes)
		for n := 1; made.fault != nil && n < len(changes); n++ {
			// The first that spoils the network is to blame, not the last.
			if _, earlier := b.make(rows, changes[:n]); earlier != nil {
				made.fault = earlier
				break
			}
		}
	})
	return made.snap, made.fault
}

// make compiles the network that changes make of the base.
func (b *Base) make(rows *network.Rows, changes []act) (*network.Snapshot, *blame) {
	e := &editor{b: b, src: b.Source.Clone()}
	for i, a := range changes {
		e.current, e.shut = i, a.shut
		a.op.apply(e, a.change)
		if e.blame != nil {
			return nil, e.blame
		}
	}
	e.finish()
	snap, err := network.Compile(e.src, rows)
	if err == nil {
		return snap, nil
	}
	out := &blame{change: len(changes) - 1, problem: err.Error()}
	if fe, ok := errors.AsType[*faults.Error](err); ok {
		f := fe.Faults[0]
		out.mend, out.more = f.Mend, len(fe.Faults)-1
		f.Mend, f.Row, f.Column = "", 0, 0
		out.problem = f.String()
	}
	return nil, out
}

// An editor changes a copy of the base's network.
type editor struct {
	b       *Base
	src     *network.Source
	current int
	shut    bool // what the change at work brings into being is not open
	blame   *blame
	keys    []string // of the policy that were set
}

// fault says that the change at work cannot be made.
func (e *editor) fault(mend, format string, args ...any) {
	if e.blame == nil {
		e.blame = &blame{change: e.current, mend: mend, problem: fmt.Sprintf(format, args...)}
	}
}

// warehouse returns the row of a warehouse that is known to be there.
func (e *editor) warehouse(id string) *network.WarehouseRow {
	for i := range e.src.Warehouses {
		if e.src.Warehouses[i].ID == id {
			return &e.src.Warehouses[i]
		}
	}
	panic("scenario: no warehouse " + id) // names are checked before
}

// add adds a warehouse. It stands closed in the networks of other times, so that its stock has a place.
func (e *editor) add(r network.WarehouseRow) {
	r.Closed = e.shut
	e.src.Warehouses = append(e.src.Warehouses, r)
}

// service returns a service; nil where it is not there at this time.
func (e *editor) service(id string) *network.ServiceSource {
	for i := range e.src.Settings.Services {
		if e.src.Settings.Services[i].ID == id {
			return &e.src.Settings.Services[i]
		}
	}
	return nil
}

// shipping returns the carriers that have a service by which they ship.
func (e *editor) shipping() []string {
	var list []string
	for i := range e.src.Settings.Services {
		if s := &e.src.Settings.Services[i]; s.Kind != network.KindCollect && !slices.Contains(list, s.Carrier) {
			list = append(list, s.Carrier)
		}
	}
	return list
}

// drop takes services away, and the pickups that name them.
func (e *editor) drop(gone func(*network.ServiceSource) bool) {
	ids := map[string]bool{}
	e.src.Settings.Services = slices.DeleteFunc(e.src.Settings.Services, func(s network.ServiceSource) bool {
		ids[s.ID] = gone(&s)
		return ids[s.ID]
	})
	e.src.Pickups = slices.DeleteFunc(e.src.Pickups, func(p network.PickupRow) bool { return ids[p.Service] })
	if len(e.src.Settings.Services) == 0 {
		e.fault("leave one", "no service is left")
	}
}

// own gives the chosen services rate cards that no other service reads.
func (e *editor) own(of *which) []string {
	services := e.src.Settings.Services
	name := func(s *network.ServiceSource) string {
		if s.Cards != "" {
			return s.Cards
		}
		return s.ID
	}
	chosen, others := map[string][]*network.ServiceSource{}, map[string]bool{}
	for i := range services {
		s := &services[i]
		if of.has(s) {
			chosen[name(s)] = append(chosen[name(s)], s)
		} else {
			others[name(s)] = true
		}
	}
	var names []string
	for i := range services {
		s := &services[i]
		cards := name(s)
		list := chosen[cards]
		if len(list) == 0 {
			continue
		}
		delete(chosen, cards)
		if others[cards] {
			mine := cards + "@" + list[0].ID
			for _, card := range slices.Clone(e.src.Cards) {
				if card.Service == cards {
					card = card.Clone()
					card.Service = mine
					e.src.Cards = append(e.src.Cards, card)
				}
			}
			for _, s := range list {
				s.Cards = mine
			}
			cards = mine
		}
		names = append(names, cards)
	}
	return names
}

// cards changes the rate cards of the chosen services for ship dates from one day to another, both included; a date of 0 is
// without end.
func (e *editor) cards(of *which, from, until units.Date, change func(*ratecards.Source)) {
	for _, name := range e.own(of) {
		e.src.Cards = revise(e.src.Cards, name, from, until, change)
	}
}

// policy remembers which values of the policy were set.
func (e *editor) policy(keys []string) { e.keys = append(e.keys, keys...) }

// finish takes out what values that were set make meaningless, so that "max_shipments: 1" is enough to say.
func (e *editor) finish() {
	p := &e.src.Settings.Policy
	set := func(key string) bool { return slices.Contains(e.keys, key) }
	if set("max_shipments") && p.MaxShipments == 1 {
		if !set("split_cost") {
			p.SplitCost = 0
		}
		if !set("split_lines") {
			p.SplitLines = false
		}
	}
	if set("late") && p.Late == "refuse" && !set("late_cost") {
		p.LateCost = 0
	}
}
