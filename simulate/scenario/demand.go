package scenario

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A where chooses orders by where they go.
type where struct {
	Region Names `yaml:"region"` // of the destination, as CA
	Postal Names `yaml:"postal"` // beginnings of postal codes, as 90
}

func (s *where) check(w *world, c *change) {
	regions := w.b.regions()
	for i, name := range s.Region {
		if !slices.Contains(regions, name) {
			w.fault(c, element(c, "region", s.Region, i), network.Meant(name, regions, "regions"), "unknown region %q", clip(name))
		}
	}
	for i, prefix := range s.Postal {
		if !w.b.hasPostal(prefix) {
			w.fault(c, element(c, "postal", s.Postal, i), "write the beginning of a postal code, as 90 or 10001", "no place has a postal code that begins with %q", clip(prefix))
		}
	}
}

// A demand scales orders: copies are added, or orders are left out.
type demand struct {
	where `yaml:",inline"`
	SKU   Names  `yaml:"sku"` // patterns; orders with a line of one
	Scale *Scale `yaml:"scale"`
	Span  `yaml:",inline"`
}

// idle tells that nothing is changed.
func (o *demand) idle() bool { return o.Scale != nil && *o.Scale == unchanged }

func (o *demand) phase() phase           { return phaseOutside }
func (o *demand) always() bool           { return false }
func (o *demand) apply(*editor, *change) {}

func (o *demand) check(w *world, c *change) {
	w.oneOf(c, "scale", o.Scale != nil)
	o.where.check(w, c)
	w.patterns(c, "sku", o.SKU)
}

// Ceilings of a flash sale.
const (
	maxSaleOrders = 10_000_000
	maxSaleUnits  = 1_000_000
)

// A flashSale adds orders of one SKU.
type flashSale struct {
	where  `yaml:",inline"`
	SKU    string      `yaml:"sku"`
	Orders int32       `yaml:"orders"`
	Units  int32       `yaml:"units"` // of each order; default 1
	Value  units.Money `yaml:"value"` // what a buyer pays for a unit; default not known
	Span   `yaml:",inline"`
}

func (o *flashSale) phase() phase           { return phaseOutside }
func (o *flashSale) always() bool           { return false }
func (o *flashSale) apply(*editor, *change) {}

func (o *flashSale) check(w *world, c *change) {
	o.where.check(w, c)
	if !w.sku(o.SKU) {
		w.fault(c, c.at("sku"), w.meantSKU(o.SKU), "unknown SKU %q", clip(o.SKU))
	}
	if o.Orders < 1 || o.Orders > maxSaleOrders {
		w.fault(c, c.at("orders"), fmt.Sprintf("write 1 to %d", maxSaleOrders), "%d orders are out of range", o.Orders)
	}
	if o.Units < 0 || o.Units > maxSaleUnits || o.Units == 0 && c.doc.Has(c.at("units")) {
		w.fault(c, c.at("units"), fmt.Sprintf("write 1 to %d", maxSaleUnits), "%d units are out of range", o.Units)
	}
	if o.Value < 0 {
		w.fault(c, c.at("value"), "write an amount from 0", "%v is no price", o.Value)
	}
	switch {
	case !c.from.Given || !c.until.Given:
		w.fault(c, c.path, "write from: and until:", "nothing says when the sale is")
	case c.begin() <= 0:
		w.fault(c, c.place("from"), "write a day after 1970", "%v is no day of a sale", c.from.date())
	}
}

// match returns which orders a change is about, and whether the history can have any.
func (s *where) match(h *history.History, c *change, patterns Names) (m history.Match, some bool) {
	m = history.Match{From: max(c.begin(), 0), Regions: s.Region, Postal: s.Postal}
	if c.until.Given {
		m.Until = c.end()
	}
	if len(patterns) == 0 {
		return m, true
	}
	for _, id := range h.SKUs {
		if matchesAny(patterns, id) {
			m.SKUs = append(m.SKUs, id)
		}
	}
	return m, len(m.SKUs) > 0
}

// region returns the region in which a destination lies.
func (b *Base) region(to *engine.Destination) string {
	places := b.Snapshot.Places
	row, ok := places.Lookup(cmp.Or(to.Country, "US"), to.Postal)
	if to.Point != nil {
		row, ok = places.Nearest(*to.Point)
	}
	if !ok {
		return ""
	}
	return places.Region(row)
}

// wants tells whether any order of the base's history is one that a change is about.
func (b *Base) wants(s *where, c *change, patterns Names) bool {
	m, some := s.match(b.History, c, patterns)
	return some && b.History.Matching(m, b.region) > 0
}

// A changed is a history that changes make of the base's.
type changed struct {
	once sync.Once
	h    *history.History
	bad  int // position of a change that cannot be made
	why  error
}

// historyOf returns the orders. Without a change of demand these are the base's own. With dry set nothing is made, only looked
// whether it can be, and the base's come back.
func historyOf(w *world, changes []*change, dry bool) *history.History {
	b, h := w.b, w.b.History
	var key strings.Builder
	var list []*change
	for _, c := range changes {
		switch c.op.(type) {
		case *demand, *flashSale:
			if !idle(c) {
				fmt.Fprintf(&key, "%q\n", c.text)
				list = append(list, c)
			}
		}
	}
	if len(list) == 0 || h == nil {
		return h
	}
	if dry {
		for _, c := range list {
			if o, ok := c.op.(*flashSale); ok && !b.wants(&o.where, &change{}, nil) {
				w.fault(c, c.path, "name a region to which something goes", "no order goes there, so nobody knows where those of the sale would go")
			}
		}
		return h
	}
	b.mu.Lock()
	if b.histories == nil {
		b.histories = map[string]*changed{}
	}
	made := b.histories[key.String()]
	if made == nil {
		made = &changed{}
		b.histories[key.String()] = made
	}
	b.mu.Unlock()
	made.once.Do(func() {
		made.h = h
		for i, c := range list {
			var err error
			if made.h, err = b.demanded(made.h, c); err != nil {
				made.bad, made.why = i, err
				return
			}
		}
	})
	if made.why != nil {
		c := list[made.bad]
		w.fault(c, c.path, "", "%v", made.why)
		return h
	}
	return made.h
}

// demanded returns the orders with one change.
func (b *Base) demanded(h *history.History, c *change) (*history.History, error) {
	switch o := c.op.(type) {
	case *demand:
		m, some := o.match(h, c, o.SKU)
		if !some {
			return h, nil
		}
		// The seed does not depend on the scale: the orders of +3% are among those of +6%.
		return h.Scale(b.seedOf("%q %q %q", o.Region, o.Postal, o.SKU), m, b.region, units.Percent(*o.Scale)), nil
	case *flashSale:
		m, _ := o.match(h, &change{}, nil) // from where orders come at any time
		return h.Inject(b.seedOf("%s", c.text), history.FlashSale{
			Name: "flash-" + o.SKU, SKU: o.SKU, Orders: int(o.Orders), Units: max(o.Units, 1), From: c.begin(), Until: c.end(), Value: o.Value, Match: m,
		}, b.region)
	}
	return h, nil
}

// seedOf returns a seed of a change's own.
func (b *Base) seedOf(format string, args ...any) uint64 {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%d ", b.Seed)
	fmt.Fprintf(sum, format, args...)
	return sum.Sum64()
}

// regions returns the regions of the network's places, sorted.
func (b *Base) regions() []string {
	b.placesOnce.Do(b.readPlaces)
	return b.regionNames
}

// hasPostal tells whether a postal code begins so.
func (b *Base) hasPostal(prefix string) bool {
	b.placesOnce.Do(b.readPlaces)
	i, _ := slices.BinarySearch(b.postals, prefix)
	return prefix != "" && i < len(b.postals) && strings.HasPrefix(b.postals[i], prefix)
}

func (b *Base) readPlaces() {
	p := b.Snapshot.Places
	seen := map[string]bool{}
	for i := range p.Len() {
		r := geo.Row(i)
		if name := p.Region(r); name != "" && !seen[name] {
			seen[name] = true
			b.regionNames = append(b.regionNames, name)
		}
		b.postals = append(b.postals, p.Postal(r))
	}
	slices.Sort(b.regionNames)
	slices.Sort(b.postals)
}
