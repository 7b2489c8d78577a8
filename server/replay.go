package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/units"
)

// A Past is what decisions are made again from; a durable.History or durable.Store is one.
type Past interface {
	// Oldest returns the lowest number that StateAt can make the state of; events are there behind it.
	Oldest() uint64
	// Events yields the events after a number, each valid until the next.
	Events(after uint64) iter.Seq2[*ledger.Event, error]
	// StateAt returns the state as it was after an event.
	StateAt(sequence uint64) (*ledger.State, error)
	// Network returns the files of a network by its version.
	Network(version string) (fs.FS, error)
	// Prices returns a file of prices by its version.
	Prices(version string) ([]byte, error)
}

// ReplayOptions say which decisions are made again, and by what. A zero field takes the default in its comment.
type ReplayOptions struct {
	// Orders, Requests and Holds name the decisions: those for any of these orders, of any of these request ids, or that
	// made any of these holds. Default: all decisions.
	Orders, Requests, Holds []string
	// With compiles the network to decide by in place of the recorded one, with the rows that the ledger had then, as
	// network.LoadFS does. Its capacities of days count, less what was used of them then. Default: the network that each
	// decision was made by.
	With func(prev *network.Rows) (*network.Snapshot, *network.Stock, error)
	// Network compiles a recorded network by its version. Default: from the files that the past has kept.
	Network func(version string, prev *network.Rows) (*network.Snapshot, *network.Stock, error)

	Engine engine.Options // it has its own defaults
}

// A Replayed is a decision that was made again.
type Replayed struct {
	Sequence       uint64        // of the event that recorded it
	Basis          ledger.Basis  // what it was made on
	Order          string        // the order's id, if it had one
	Request        string        // the request's id
	Hold           string        // the hold's id; empty where the order was refused
	NetworkVersion string        // of the network it was made by
	PricesVersion  string        // of the prices that counted; empty for none
	By             string        // version of the network it was made again by
	Question       []byte        // the order in the wire format of allot.v1.Order
	Recorded       []byte        // the decision in the wire format of allot.v1.Decision
	Decided        []byte        // what it would be; nil where the network refuses the order as malformed, and where it is not made again
	Refused        *faults.Error // why, then
	Unknown        error         // why it could not be made again: what it was made on is no longer kept; nil else

	// Joint tells that it was decided in a batch, together with others. It is not made again: alone it would be another.
	Joint bool
	// Stopped tells that time ended the search. It is made again without a limit, and may come out otherwise, for the better.
	Stopped bool
}

// Same reports whether the decision came out byte for byte as it was recorded.
func (r *Replayed) Same() bool {
	return r.Unknown == nil && r.Decided != nil && bytes.Equal(r.Recorded, r.Decided)
}

// ReadDecision returns a decision of a Replayed, or of an event, in the words of the contract.
func ReadDecision(wire []byte) (*allotv1.Decision, error) {
	d := &allotv1.Decision{}
	if err := proto.Unmarshal(wire, d); err != nil {
		return nil, fmt.Errorf("server: a recorded decision: %w", err)
	}
	return d, nil
}

// Replay makes recorded decisions again, from the stock and by the network that each names, in the order of the stock that
// they saw. It reads the events twice, first to find the decisions, and holds one state of the ledger in memory. An error is
// the last thing it yields.
//
// A decision depends on nothing but the order, the moment, the network, the prices and the stock, and the server records the
// stock that it surely saw. So each comes out byte for byte the same, its certificate included, but for networks that are no
// longer what they were, and for those that time has stopped. Decisions of batches are told of and not made again.
func Replay(ctx context.Context, past Past, o ReplayOptions) iter.Seq2[*Replayed, error] {
	return func(yield func(*Replayed, error) bool) {
		r := &replayer{ctx: ctx, past: past, o: o, pending: map[uint64][]*Replayed{}}
		defer r.close()
		if err := r.run(yield); err != nil && !errors.Is(err, errEnough) {
			yield(nil, fmt.Errorf("server: replay: %w", err))
		}
	}
}

// errEnough ends a replay whose caller has seen enough.
var errEnough = errors.New("enough")

// errShort reports events that were there a moment ago.
var errShort = errors.New("events that were there are gone")

type replayer struct {
	ctx      context.Context
	past     Past
	o        ReplayOptions
	pending  map[uint64][]*Replayed // by what they are based on
	networks []*replayNetwork       // compiled, the latest used last
	prices   []*replayPrices        // the latest used last
	body     []byte
}

// A replayNetwork is a network compiled for the rows that the ledger had at some time.
type replayNetwork struct {
	version                    string // empty for ReplayOptions.With
	warehouses, skus, services int    // rows the ledger had
	snap                       *network.Snapshot
	engine                     *engine.Engine
	scratch                    *engine.Scratch
	order                      engine.Order
	point                      geo.Point
	decision                   engine.Decision
	available                  []int32 // room for stock where the network has more warehouses than the ledger had
	stocked                    []uint64
}

// A replayPrices is prices read for the rows of a network.
type replayPrices struct {
	version string
	of      *replayNetwork
	prices  *engine.Prices
}

// How many networks are kept compiled, and how many prices.
const (
	maxReplayNetworks = 4
	maxReplayPrices   = 16
)

func (r *replayer) close() {
	for _, n := range r.networks {
		n.engine.Close()
	}
}

// selected tells whether an event is a decision that is to be made again.
func (r *replayer) selected(e *ledger.Event) bool {
	if e.Kind != ledger.Held && e.Kind != ledger.Declined {
		return false
	}
	o := &r.o
	if len(o.Orders)+len(o.Requests)+len(o.Holds) == 0 {
		return true
	}
	return slices.Contains(o.Orders, e.Hold.Order) && e.Hold.Order != "" || slices.Contains(o.Requests, e.Request.ID) && e.Request.ID != "" ||
		e.Kind == ledger.Held && slices.Contains(o.Holds, holdName(e.HoldID))
}

func replayed(e *ledger.Event) *Replayed {
	out := &Replayed{
		Sequence: e.Sequence, Basis: e.Basis, Order: e.Hold.Order, Request: e.Request.ID,
		Question: bytes.Clone(e.Question), Recorded: bytes.Clone(e.Hold.Answer),
	}
	if e.Kind == ledger.Held {
		out.Hold = holdName(e.HoldID)
	}
	out.Joint, out.Stopped = howDecided(out.Recorded)
	return out
}

// run finds the decisions, and then walks through the past with two readers: one gathers decisions some way ahead of the
// other, which brings the state to what they are based on. The way is as long as any decision is behind its basis.
func (r *replayer) run(yield func(*Replayed, error) bool) error {
	oldest := r.past.Oldest()
	first, last, lag := uint64(math.MaxUint64), uint64(0), uint64(0)
	for e, err := range r.past.Events(oldest) {
		if err != nil {
			return err
		}
		if e.Sequence%4096 == 0 && r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if !r.selected(e) {
			continue
		}
		if e.Basis.Sequence < oldest {
			out := replayed(e)
			out.Unknown = fmt.Errorf("it was decided on the stock after event %d: %w", e.Basis.Sequence, journal.ErrTrimmed)
			if !yield(out, nil) {
				return errEnough
			}
			continue
		}
		first, last, lag = min(first, e.Basis.Sequence), e.Sequence, max(lag, e.Sequence-e.Basis.Sequence)
	}
	if last == 0 {
		return nil
	}
	state, err := r.past.StateAt(first)
	if err != nil {
		return err
	}
	ahead, stopAhead := iter.Pull2(r.past.Events(first))
	defer stopAhead()
	behind, stopBehind := iter.Pull2(r.past.Events(first))
	defer stopBehind()
	for seen := first; seen < last || len(r.pending) > 0; {
		for seen < last && seen < state.Sequence()+lag {
			e, err, ok := ahead()
			if err != nil || !ok {
				return cmp.Or(err, errShort)
			}
			if seen = e.Sequence; r.selected(e) && e.Basis.Sequence >= oldest {
				r.pending[e.Basis.Sequence] = append(r.pending[e.Basis.Sequence], replayed(e))
			}
		}
		for _, one := range r.pending[state.Sequence()] {
			if r.ctx.Err() != nil {
				return context.Cause(r.ctx)
			}
			if err := r.decide(state, one); err != nil {
				return fmt.Errorf("decision %d: %w", one.Sequence, err)
			}
			if !yield(one, nil) {
				return errEnough
			}
		}
		delete(r.pending, state.Sequence())
		if seen >= last && len(r.pending) == 0 {
			break
		}
		e, err, ok := behind()
		if err != nil || !ok {
			return cmp.Or(err, errShort)
		}
		if err := state.Replay(e); err != nil {
			return fmt.Errorf("event %d: %w", e.Sequence, err)
		}
	}
	return nil
}

// decide makes a decision again on the state that it is based on.
func (r *replayer) decide(state *ledger.State, one *Replayed) error {
	_, _, _, versions := state.Names()
	if one.Basis.Network < 1 || int(one.Basis.Network) > len(versions) {
		return fmt.Errorf("it names network %d of %d: %w", one.Basis.Network, len(versions), journal.ErrDamaged)
	}
	one.NetworkVersion, one.PricesVersion = durable.SplitVersion(versions[one.Basis.Network-1])
	if one.Joint {
		return nil
	}
	recorded, err := r.network(state, one.NetworkVersion)
	if errors.Is(err, journal.ErrNoValue) {
		recorded, one.Unknown = nil, err
	} else if err != nil {
		return err
	}
	var prices *engine.Prices
	if recorded != nil && one.PricesVersion != "" {
		prices, err = r.pricesOf(recorded, one.PricesVersion)
		if errors.Is(err, journal.ErrNoValue) {
			recorded, one.Unknown = nil, err
		} else if err != nil {
			return err
		}
	}
	n := recorded
	if r.o.With != nil {
		one.Unknown = nil
		if n, err = r.network(state, ""); err != nil {
			return err
		}
	}
	if n == nil {
		return nil
	}
	one.By = n.snap.Version
	order, err := ReadQuestion(one.Question)
	if err != nil {
		return err
	}
	var seen faults.List
	readOrder(order, &n.order, &n.point, &seen)
	if err := seen.Err(); err != nil {
		return fmt.Errorf("its order: %w", err)
	}
	view := state.View()
	stock := n.stock(&view)
	stock.Prices = prices // whose rows are the ledger's, and so any network's
	capacity := &pastCapacity{view: &view, end: claims.EndOf(one.Basis.At), known: units.Date(int64(state.Now())/86_400) - 2 + ledger.Horizon}
	if r.o.With != nil {
		capacity.now = n.snap
		if recorded != nil {
			capacity.then = recorded.snap
		}
	}
	stock.Capacity = capacity
	err = n.engine.Decide(stock, &n.order, one.Basis.At, n.scratch, &n.decision)
	if refused, ok := errors.AsType[*faults.Error](err); ok {
		one.Refused = refused
		return nil
	} else if err != nil {
		return err
	}
	r.body = appendDecision(r.body[:0], n.snap, &n.decision, told{prices: prices.Version()})
	one.Decided = bytes.Clone(r.body)
	return nil
}

// pricesOf returns prices for the rows of a network.
func (r *replayer) pricesOf(n *replayNetwork, version string) (*engine.Prices, error) {
	for i, p := range r.prices {
		if p.version == version && p.of == n {
			r.prices = append(slices.Delete(r.prices, i, i+1), p)
			return p.prices, nil
		}
	}
	content, err := r.past.Prices(version)
	if err != nil {
		return nil, err
	}
	prices, err := engine.ReadPrices(bytes.NewReader(content), "prices "+version, n.snap)
	if err != nil {
		return nil, err
	}
	if prices.Version() != version {
		return nil, fmt.Errorf("prices %s come out as %s: this program reads them otherwise than the one that decided", version, prices.Version())
	}
	if len(r.prices) == maxReplayPrices {
		r.prices = slices.Delete(r.prices, 0, 1)
	}
	r.prices = append(r.prices, &replayPrices{version, n, prices})
	return prices, nil
}

// howDecided reads from a recorded decision whether it was made in a batch, and whether time stopped it.
func howDecided(decision []byte) (joint, stopped bool) {
	certificate := field(decision, 9)
	flag := func(number protowire.Number) bool { return len(field(certificate, number)) > 0 }
	return flag(8), flag(7)
}

// field returns the content of the last field of a message that has a number, of varints their bytes; nil where there is none.
func field(wire []byte, number protowire.Number) (content []byte) {
	for len(wire) > 0 {
		found, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return content
		}
		wire = wire[n:]
		if n = protowire.ConsumeFieldValue(found, kind, wire); n < 0 {
			return content
		}
		if value := wire[:n]; found == number {
			if content = value; kind == protowire.BytesType {
				content, _ = protowire.ConsumeBytes(value)
			}
		}
		wire = wire[n:]
	}
	return content
}

// network returns a network compiled with the rows of a state: the ledger's of a version, or the one to decide by where that is
// empty.
func (r *replayer) network(state *ledger.State, version string) (*replayNetwork, error) {
	warehouses, skus, services, _ := state.Names()
	for i, n := range r.networks {
		if n.version == version && n.warehouses == len(warehouses) && n.skus == len(skus) && n.services == len(services) {
			r.networks = append(slices.Delete(r.networks, i, i+1), n)
			return n, nil
		}
	}
	prev := &network.Rows{Warehouses: slices.Clip(warehouses), SKUs: slices.Clip(skus), Services: slices.Clip(services)}
	var snap *network.Snapshot
	var err error
	switch {
	case version == "":
		snap, _, err = r.o.With(prev)
	case r.o.Network != nil:
		snap, _, err = r.o.Network(version, prev)
	default:
		var files fs.FS
		if files, err = r.past.Network(version); err == nil {
			snap, _, err = network.LoadFS(files, prev)
		}
	}
	if err != nil {
		return nil, err
	}
	if version != "" && snap.Version != version {
		return nil, fmt.Errorf("network %s comes out as %s: this program compiles it otherwise than the one that decided", version, snap.Version)
	}
	e, err := engine.New(snap, r.o.Engine)
	if err != nil {
		return nil, err
	}
	if len(r.networks) == maxReplayNetworks {
		old := r.networks[0]
		old.engine.Close()
		r.networks = slices.Delete(r.networks, 0, 1)
		r.prices = slices.DeleteFunc(r.prices, func(p *replayPrices) bool { return p.of == old })
	}
	n := &replayNetwork{
		version: version, warehouses: len(warehouses), skus: len(skus), services: len(services),
		snap: snap, engine: e, scratch: e.NewScratch(),
	}
	r.networks = append(r.networks, n)
	return n, nil
}

// stock returns what the engine reads of a view. A network with warehouses that the ledger did not know gets columns of
// its own, of which only those of the order's SKUs are filled: room that is not touched costs nothing.
func (n *replayNetwork) stock(view *ledger.View) *engine.StockView {
	out := &engine.StockView{Available: view.Available, Stocked: view.Stocked, Stride: view.Stride, Words: view.Words}
	rows := len(n.snap.Warehouses)
	if rows <= view.Warehouses {
		return out
	}
	out.Stride, out.Words = rows, (rows+63)/64
	if n.available == nil {
		n.available = make([]int32, len(n.snap.SKUs.IDs)*out.Stride)
		n.stocked = make([]uint64, len(n.snap.SKUs.IDs)*out.Words)
	}
	out.Available, out.Stocked = n.available, n.stocked
	for i := range n.order.Lines {
		sku, ok := n.snap.SKUs.Row(n.order.Lines[i].SKU)
		if !ok || int(sku) >= view.SKUs {
			continue
		}
		for w := range view.Warehouses {
			out.Set(sku, int32(w), view.Units(ledger.Warehouse(w), ledger.SKU(sku)))
		}
	}
	return out
}

// A pastCapacity answers what was left of days at a state.
type pastCapacity struct {
	view      *ledger.View
	end       units.Date        // from this day on nothing is decided: see claims.EndOf
	known     units.Date        // from this day on nothing was held yet
	now, then *network.Snapshot // with other limits than then, where now is not nil
}

// WarehouseLeft implements engine.Capacity.
func (c *pastCapacity) WarehouseLeft(warehouse int32, ship units.Date) int32 {
	left := c.left(warehouse, int32(ledger.AnyService), ship)
	if c.now == nil {
		return left
	}
	before := int32(-1)
	if c.then != nil && int(warehouse) < len(c.then.Warehouses) {
		before = c.then.Warehouses[warehouse].DailyCapacity
	}
	return relimited(left, before, c.now.Warehouses[warehouse].DailyCapacity)
}

// ServiceLeft implements engine.Capacity.
func (c *pastCapacity) ServiceLeft(warehouse, service int32, ship units.Date) int32 {
	left := c.left(warehouse, service, ship)
	if c.now == nil {
		return left
	}
	before := int32(-1)
	if c.then != nil && int(service) < len(c.then.Services) {
		before = c.then.Services[service].DailyCapacity
	}
	return relimited(left, before, c.now.Services[service].DailyCapacity)
}

func (c *pastCapacity) left(warehouse, service int32, ship units.Date) int32 {
	switch {
	case ship >= c.end:
		return 0
	case ship >= c.known, int(warehouse) >= c.view.Warehouses, int(service) >= c.view.Services:
		return ledger.Unlimited
	}
	return c.view.CapacityLeft(ledger.Warehouse(warehouse), ledger.Service(service), ship)
}

// relimited returns what is left of a limit now where so much was left of the limit before; below 0 is no limit, of which
// nobody counts what is used.
func relimited(left, before, now int32) int32 {
	if left <= 0 && before < 0 { // beyond what the ledger counts
		return left
	}
	if before < 0 || left == ledger.Unlimited {
		return now
	}
	return int32(max(math.MinInt32, min(math.MaxInt32, int64(now)-(int64(before)-int64(left)))))
}
