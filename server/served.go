package server

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// A served is a network in service: its snapshot, the engine on it, and the working memory for it. Calls take it from
// Server.network once and keep it to their end, however many networks are loaded meanwhile.
type served struct {
	snap    *network.Snapshot
	engine  *engine.Engine
	since   units.Instant
	desks   sync.Pool // of *desk
	cleanup runtime.Cleanup
}

func newServed(snap *network.Snapshot, opt engine.Options, since units.Instant) (*served, error) {
	e, err := engine.New(snap, opt)
	if err != nil {
		return nil, err
	}
	n := &served{snap: snap, engine: e, since: since}
	n.desks.New = func() any { return newDesk(e) }
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

func (n *served) take() *desk  { return n.desks.Get().(*desk) }
func (n *served) give(d *desk) { n.desks.Put(d) }

// A desk is the working memory of one call.
type desk struct {
	scratch  *engine.Scratch
	order    engine.Order
	point    geo.Point
	decision engine.Decision
	view     ledger.View
	stock    engine.StockView
	claims   ledger.Allocation
	body     []byte
}

func newDesk(e *engine.Engine) *desk {
	d := &desk{scratch: e.NewScratch()}
	d.stock.Capacity = d
	return d
}

// look takes the ledger's counters as they are now.
func (d *desk) look(l *ledger.Ledger) {
	d.view = l.View()
	d.stock.Available, d.stock.Stocked = d.view.Available, d.view.Stocked
	d.stock.Stride, d.stock.Words = d.view.Stride, d.view.Words
}

// WarehouseLeft implements engine.Capacity.
func (d *desk) WarehouseLeft(warehouse int32, ship units.Date) int32 {
	return d.view.CapacityLeft(ledger.Warehouse(warehouse), ledger.AnyService, ship)
}

// ServiceLeft implements engine.Capacity.
func (d *desk) ServiceLeft(warehouse, service int32, ship units.Date) int32 {
	return d.view.CapacityLeft(ledger.Warehouse(warehouse), ledger.Service(service), ship)
}

// A loader reads and compiles a network with the rows of the one before it.
type loader func(prev *network.Rows) (*network.Snapshot, *network.Stock, error)

// load puts the network that read returns in service. Where it cannot, all stays as it was.
func (s *Server) load(read loader, setStock bool) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	at := s.now()
	before := s.network.Load()
	var prev *network.Rows
	if before != nil {
		prev = before.snap.Rows()
	}
	snap, stock, err := read(prev)
	if err != nil {
		return err
	}
	n := before
	if before == nil || snap.Version != before.snap.Version {
		if n, err = newServed(snap, s.cfg.Engine, at); err != nil {
			return err
		}
		if err := s.extend(snap, at); err != nil {
			n.close()
			return err
		}
	}
	if setStock {
		if err := s.stockUp(n.snap, stock, at, before == nil); err != nil {
			if n != before {
				n.close()
			}
			return err
		}
	}
	s.network.Store(n)
	return nil
}

// extend gives the ledger the names and the capacities of a network. Rows in the ledger are rows in the snapshot: both
// number names in the order in which the lineage met them.
func (s *Server) extend(snap *network.Snapshot, at units.Instant) error {
	rows := snap.Rows()
	if err := s.ledger.Extend(at, rows.Warehouses, rows.SKUs, rows.Services); err != nil {
		return err
	}
	warehouses, skus, services := s.ledger.Rows(rows.Warehouses, rows.SKUs, rows.Services)
	if !inOrder(warehouses) || !inOrder(skus) || !inOrder(services) {
		return fmt.Errorf("server: the ledger's rows are not those of network %s", snap.Version)
	}
	view := s.ledger.View()
	var limits []ledger.CapacityLimit
	limit := func(w, service int, shipments int32) {
		l := ledger.CapacityLimit{
			Warehouse: ledger.Warehouse(w), Service: ledger.Service(service), Date: ledger.EveryDay, Shipments: shipments,
		}
		if shipments < 0 {
			if !view.Limited(l.Warehouse, l.Service) {
				return
			}
			l.Shipments = ledger.Unlimited // which it was not before
		}
		limits = append(limits, l)
	}
	for w := range snap.Warehouses {
		limit(w, int(ledger.AnyService), snap.Warehouses[w].DailyCapacity)
		for i := range snap.Services {
			if snap.Warehouses[w].Services>>i&1 == 1 {
				limit(w, i, snap.Services[i].DailyCapacity)
			}
		}
	}
	return s.ledger.SetCapacity(at, limits)
}

func inOrder[R ~int32](rows []R) bool {
	for i, r := range rows {
		if int(r) != i {
			return false
		}
	}
	return true
}

// stockUp sets the stock that a network's files have on hand, and at first announces what they say is on its way.
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
			zone := snap.Profiles[snap.Warehouses[w].Profile].Dock.Zone
			receipts = append(receipts, ledger.Receipt{
				Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), Quantity: row.OnHand, From: zone.Instant(row.AvailableFrom, 0),
			})
		}
	}
	if len(levels) > 0 {
		if _, err := s.ledger.SetStock(at, ledger.Request{}, levels); err != nil {
			return err
		}
	}
	for _, r := range receipts {
		if err := s.ledger.AddReceipt(at, r); err != nil {
			return err
		}
	}
	return nil
}

// meant returns what to write in place of an unknown name. Suggestions are looked for among few names only, and for
// the first few faults of a request: a typo must not cost a walk through a million SKUs.
func meant(fl *faults.List, got string, known []string, otherwise string) string {
	if fl.Len() < 10 && len(known) <= 10_000 {
		if s := faults.DidYouMean(got, known); s != "" {
			return s
		}
	}
	return otherwise
}
