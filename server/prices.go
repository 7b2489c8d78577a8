package server

import (
	"bytes"
	"runtime"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/units"
)

// A priced is prices beside a network in service. It does not change; calls that have one keep it to their end.
type priced struct {
	prices *engine.Prices
	number ledger.Network           // the ledger's, of the network with these prices
	since  units.Instant            // when they were put in force, beside this network or the one before
	ranked func() []engine.PriceRow // the highest first, equal ones in canonical order
}

// version is that of prices; "" where there are none.
func (p *priced) version() string {
	if p == nil {
		return ""
	}
	return p.prices.Version()
}

// SetPrices makes decisions from now on weigh the prices of stock and of days that look ahead, in place of those before; nil
// makes them weigh none. Calls in flight end with those that they began with. It returns when the prices are kept, so that
// every decision can be made again with those that it names.
//
// The prices must be for the network that is served. The error is a *faults.Error where they name what that does not have; the
// ones before then stay. Loading another network keeps the prices if they are for that one, too, and drops them else.
func (s *Server) SetPrices(p *engine.Prices) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	n := s.network.Load()
	if p == nil {
		n.prices.Store(nil)
		return nil
	}
	if n.prices.Load().version() == p.Version() {
		return nil
	}
	return s.price(n, p, s.now())
}

// price puts prices beside a network, when the store has them and the ledger knows both by name.
func (s *Server) price(n *served, p *engine.Prices, at units.Instant) error {
	var file bytes.Buffer
	if err := p.Write(&file, n.snap); err != nil {
		return err
	}
	content := file.Bytes()
	own, err := engine.ReadPrices(bytes.NewReader(content), "prices", n.snap)
	if err != nil {
		return err // they could not be read when a decision is made again, either
	}
	one := &priced{prices: own, since: at, ranked: sync.OnceValue(own.Ranked)} // for who asks
	if before := s.network.Load().prices.Load(); before.version() == own.Version() {
		one.since = before.since // another network came, they stay
	}
	if store := s.cfg.Store; store != nil {
		if err := store.PutPrices(own.Version(), content); err != nil {
			return err
		}
		// The last call that uses them ends at a time nobody knows, as with networks.
		runtime.AddCleanup(one, store.ReleasePrices, own.Version())
	}
	name := durable.JoinVersion(n.snap.Version, own.Version())
	if err := s.ledger.Extend(at, nil, nil, nil, []string{name}); err != nil {
		return err
	}
	one.number, _ = s.ledger.Network(name)
	n.prices.Store(one)
	return nil
}

// An Outlook is what prices are worked out from: the network that is served, as its engine, and the stock as it is.
type Outlook struct {
	Engine *engine.Engine
	Stock  *engine.StockView // of the moment, without prices; it goes on changing
	Now    units.Instant

	served *served // whose engine is closed when nobody has it any more
}

// Outlook returns what to work out prices from, for SetPrices. Its engine is good for as long as the Outlook is kept.
func (s *Server) Outlook() *Outlook {
	n, now := s.network.Load(), s.now()
	d := &desk{plain: true}
	d.stock.Capacity = &d.days
	d.look(n, s.ledger, now)
	return &Outlook{Engine: n.engine, Stock: &d.stock, Now: now, served: n}
}
