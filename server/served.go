package server

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// A served is a network in service: its snapshot, the engine on it, and the working memory for it. Calls take it from
// Server.network once and keep it to their end, however many networks are loaded meanwhile.
type served struct {
	snap    *network.Snapshot
	engine  *engine.Engine
	number  ledger.Network                // the ledger's, of its version
	files   func() fs.FS                  // what it was read from, but for the stock; nil where that is not known
	stock   atomic.Pointer[network.Stock] // of the files, as they were last read
	prices  atomic.Pointer[priced]
	since   units.Instant
	desks   sync.Pool // of *desk
	cleanup runtime.Cleanup
	metrics *metrics.Set
}

func newServed(snap *network.Snapshot, opt engine.Options, since units.Instant) (*served, error) {
	e, err := engine.New(snap, opt)
	if err != nil {
		return nil, err
	}
	n := &served{snap: snap, engine: e, since: since}
	n.desks.New = func() any { return newDesk(e, n.metrics) }
	// The last call on a network that was replaced ends at a time nobody knows. Counting calls would cost the hot path
	// a contended counter; the collector knows as well.
	n.cleanup = runtime.AddCleanup(n, func(e *engine.Engine) { e.Close() }, e)
	return n, nil
}

// close releases what the engine has, when it is known that no call uses it.
func (n *served) close() {
	n.cleanup.Stop()
	n.engine.Close()
}

func (n *served) take() *desk { return n.desks.Get().(*desk) }

func (n *served) give(d *desk) {
	d.lanes()
	d.priced, d.stock.Prices, d.group = nil, nil, nil // so that they can be let go of
	d.ahead.forget()
	n.desks.Put(d)
}

// A desk is the working memory of one call.
type desk struct {
	scratch  *engine.Scratch
	order    engine.Order
	point    geo.Point
	decision engine.Decision
	days     claims.Days
	plain    bool    // prices do not count
	priced   *priced // that count; nil for none
	deadline time.Time
	overdue  func() bool // the deadline has passed
	stock    engine.StockView
	skus     []ledger.SKU
	claims   ledger.Allocation
	question []byte
	body     []byte
	ahead    ahead
	bundle   bundle
	kept     ledger.Room // memory for what the ledger keeps of bundles
	group    *group      // that the order is one of; nil where it is by itself
	watch
}

func newDesk(e *engine.Engine, m *metrics.Set) *desk {
	d := &desk{scratch: e.NewScratch()}
	d.record = m.Recorder()
	d.stock.Capacity = &d.days
	d.overdue = func() bool { return !time.Now().Before(d.deadline) }
	return d
}

// look takes the ledger's counters and the prices as they are now, for a decision on a network at a moment.
func (d *desk) look(n *served, l *ledger.Ledger, now units.Instant) {
	d.days.End = claims.EndOf(now)
	d.priced, d.stock.Prices = nil, nil
	if p := n.prices.Load(); p != nil && !d.plain {
		d.priced, d.stock.Prices = p, p.prices
	}
	d.days.View = l.View()
	d.stock.Available, d.stock.Stocked = d.days.View.Available, d.days.View.Stocked
	d.stock.Stride, d.stock.Words = d.days.View.Stride, d.days.View.Words
}

// still tells that what was decided is what the stock that was looked at makes, and no later event had a part in it.
func (d *desk) still() bool {
	d.skus = d.skus[:0]
	for _, sku := range d.scratch.SKUs() {
		d.skus = append(d.skus, ledger.SKU(sku))
	}
	return d.days.View.Still(d.skus)
}

// A loader reads and compiles a network with the rows of the one before it.
type loader func(prev *network.Rows) (*network.Snapshot, *network.Stock, error)

// A source is where a network comes from.
type source struct {
	read loader
	kept func() fs.FS // what read has read of the network's files; nil where they are not known
}

// load puts the network of a source in service. Where it cannot, the one before stays. With setStock it sets the stock
// that the files have on hand as well; a ledger that has had no network yet gets all their stock.
func (s *Server) load(from source, setStock bool) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	at := s.now()
	before := s.network.Load()
	snap, stock, err := from.read(s.rows())
	if err != nil {
		return err
	}
	n := before
	if before == nil || snap.Version != before.snap.Version {
		if n, err = newServed(snap, s.cfg.Engine, at); err != nil {
			return err
		}
		n.files, n.metrics = from.kept, s.cfg.Metrics
		if err := s.enter(n, from, stock, setStock); err != nil {
			n.close()
			return err
		}
	} else if setStock {
		if err := s.stockUp(snap, stock, at, false); err != nil {
			return err
		}
	}
	if before != nil && n != before {
		if p := before.prices.Load(); p != nil {
			if err := s.price(n, p.prices, at); err != nil {
				s.cfg.Log.Warn("the prices are none for the network that was loaded; decisions go on without", "network", snap.Version, "prices", p.prices.Version(), "error", err)
			}
		}
	}
	n.stock.Store(stock)
	s.network.Store(n)
	if s.cfg.Loaded != nil {
		s.cfg.Loaded(snap, stock)
	}
	return nil
}

// rows returns the rows that the ledger gave to names so far, for the next network to go on with; nil if it gave none.
func (s *Server) rows() *network.Rows {
	warehouses, skus, services, _ := s.ledger.Names()
	if len(warehouses)+len(skus)+len(services) == 0 {
		return nil
	}
	return &network.Rows{Warehouses: slices.Clip(warehouses), SKUs: slices.Clip(skus), Services: slices.Clip(services)}
}

// enter makes a network known to the ledger. Its version goes last: until then the ledger is as good as without it, so
// that a first start that was cut off is done again, and no decision names a version whose files are not kept.
func (s *Server) enter(n *served, from source, stock *network.Stock, setStock bool) error {
	_, _, _, networks := s.ledger.Names()
	if err := s.extend(n.snap, n.since); err != nil {
		return err
	}
	if first := len(networks) == 0; first || setStock {
		if err := s.stockUp(n.snap, stock, n.since, first); err != nil {
			return err
		}
	}
	if s.cfg.Store != nil && from.kept != nil {
		if err := s.cfg.Store.PutNetwork(n.snap.Version, from.kept()); err != nil {
			return err
		}
	}
	if err := s.ledger.Extend(n.since, nil, nil, nil, []string{n.snap.Version}); err != nil {
		return err
	}
	n.number, _ = s.ledger.Network(n.snap.Version)
	return nil
}

// extend gives the ledger the names and the capacities of a network. Rows in the ledger are rows in the snapshot: both
// number names in the order in which the lineage met them.
func (s *Server) extend(snap *network.Snapshot, at units.Instant) error {
	rows := snap.Rows()
	if err := s.ledger.Extend(at, rows.Warehouses, rows.SKUs, rows.Services, nil); err != nil {
		return err
	}
	warehouses, skus, services, _ := s.ledger.Names()
	if !slices.Equal(warehouses, rows.Warehouses) || !slices.Equal(skus, rows.SKUs) || !slices.Equal(services, rows.Services) {
		return fmt.Errorf("server: the ledger's rows are not those of network %s", snap.Version)
	}
	return s.ledger.SetCapacity(at, claims.Limits(snap, s.ledger.View()))
}

// stockBatch is how many rows of a network's stock go to the ledger at once.
const stockBatch = 10_000

// stockUp sets the stock that a network's files have on hand, and at first announces what they say is on its way. At
// first every batch has a request id, so that a start that was cut off can be repeated and announces nothing twice.
func (s *Server) stockUp(snap *network.Snapshot, stock *network.Stock, at units.Instant, first bool) error {
	var levels []ledger.StockLevel
	var receipts []ledger.Receipt
	for i := range stock.Rows {
		row := &stock.Rows[i]
		w, known := snap.Warehouse(row.Warehouse)
		sku, sold := snap.SKUs.Row(row.SKU)
		if !known || !sold {
			return fmt.Errorf("server: stock of %s in %s, which network %s does not have", row.SKU, row.Warehouse, snap.Version)
		}
		if row.AvailableFrom == 0 {
			levels = append(levels, ledger.StockLevel{
				Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), OnHand: row.OnHand, Safety: row.Safety,
			})
		} else if first && row.OnHand > 0 {
			receipts = append(receipts, ledger.Receipt{
				Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), Quantity: row.OnHand, From: startOfDay(snap, w, row.AvailableFrom),
			})
		}
	}
	number := 0
	request := func(body ledger.BodyHash) (r ledger.Request) {
		if number++; first {
			r = ledger.Request{ID: ownRequest("first stock", "", number), Body: body}
		}
		return r
	}
	var text []byte
	for batch := range slices.Chunk(levels, stockBatch) {
		text = text[:0]
		for _, l := range batch {
			text = fmt.Appendln(text, l)
		}
		if _, err := s.ledger.SetStock(at, request(ledger.HashBody(text)), batch); err != nil {
			return startOver(err, first)
		}
	}
	for batch := range slices.Chunk(receipts, stockBatch) {
		text = text[:0]
		for _, r := range batch {
			text = fmt.Appendln(text, r)
		}
		if err := s.ledger.AddReceipts(at, request(ledger.HashBody(text)), batch); err != nil {
			return startOver(err, first)
		}
	}
	return nil
}

// startOver says what to do where a first start was cut off and the next finds other stock.
func startOver(err error, first bool) error {
	if first && errors.Is(err, ledger.ErrRequestReused) {
		return fmt.Errorf("server: an earlier start was cut off while it loaded the stock, and the stock of the network's files is another now; "+
			"delete the data directory, in which there are no orders yet, and start again: %w", err)
	}
	return err
}

// startOfDay returns when a day begins at a warehouse.
func startOfDay(snap *network.Snapshot, warehouse int32, day units.Date) units.Instant {
	return snap.Profiles[snap.Warehouses[warehouse].Profile].Dock.Zone.Instant(day, 0)
}

// ownRequest returns a request id of the server's own: longer than any that the contract lets callers send.
func ownRequest(what, id string, number int) string {
	return fmt.Sprintf("%-40s/%x/%024d", what, ledger.HashBody([]byte(id)), number)
}

// meant returns what to write in place of an unknown name, of a request with so many faults before. Suggestions are looked
// for among few names only, and for the first few faults: a typo must not cost a walk through a million SKUs.
func meant(before int, got string, known []string, otherwise string) string {
	if before < 10 && len(known) <= 10_000 {
		if s := faults.DidYouMean(got, known); s != "" {
			return s
		}
	}
	return otherwise
}
