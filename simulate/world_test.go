package simulate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A builder makes a history order by order.
type builder struct {
	history.History
	skus, warehouses map[string]int32
}

func newBuilder() *builder {
	b := &builder{skus: map[string]int32{}, warehouses: map[string]int32{}}
	b.From, b.IDFrom, b.Files, b.Exact = []uint32{0}, []uint64{0}, []string{"orders.jsonl"}, map[int32]units.Instant{}
	return b
}

func row(of map[string]int32, list *[]string, id string) int32 {
	at, ok := of[id]
	if !ok {
		at = int32(len(*list))
		of[id], *list = at, append(*list, id)
	}
	return at
}

func (b *builder) add(at units.Instant, o *engine.Order) {
	i := len(b.At)
	b.At, b.Promise = append(b.At, at), append(b.Promise, o.Promise.Date)
	if o.Promise.Instant != 0 {
		b.Exact[int32(i)] = o.Promise.Instant
	}
	b.Dest = append(b.Dest, int32(len(b.Destinations)))
	b.Destinations = append(b.Destinations, o.To)
	b.Collect, b.Allowed = append(b.Collect, -1), append(b.Allowed, -1)
	if o.CollectAt != "" {
		b.Collect[i] = row(b.warehouses, &b.Warehouses, o.CollectAt)
	}
	if len(o.Services) > 0 {
		b.Allowed[i] = int32(len(b.ServiceSets))
		b.ServiceSets = append(b.ServiceSets, o.Services)
	}
	for _, l := range o.Lines {
		b.SKU, b.Units = append(b.SKU, row(b.skus, &b.SKUs, l.SKU)), append(b.Units, int32(l.Quantity))
	}
	b.From, b.Row, b.File = append(b.From, uint32(len(b.SKU))), append(b.Row, uint32(i+1)), append(b.File, 0)
	b.IDText += o.ID
	b.IDFrom = append(b.IDFrom, uint64(len(b.IDText)))
}

// A design says what a random input is like.
type design struct {
	seed                       uint64
	orders, warehouses, epochs int
	seconds                    int // between orders
	config                     enginetest.Config
	bad                        int // percent of orders that are malformed
	mishaps                    bool
	tight                      bool // few units in every warehouse, which ships 1 to 3 times a day
}

// world returns the world of a design.
func (d design) world() enginetest.Config {
	cfg := d.config
	cfg.Seed, cfg.Warehouses = d.seed, d.warehouses
	cfg.SKUs, cfg.Services, cfg.Places, cfg.Lines, cfg.Stocked = 8, 4, 6, 4, 60
	return cfg
}

// make makes the input of a design. It panics where that does not compile.
func (d design) make() *Input {
	in, _ := d.build()
	return in
}

// build is make, with the source of the first network.
func (d design) build() (*Input, *network.Source) {
	rng := rand.New(rand.NewPCG(d.seed, 11))
	cfg := d.world()
	w := enginetest.New(cfg)
	defer w.Close()
	in := &Input{Name: "made", Seed: d.seed, Epochs: []Epoch{{Snapshot: w.Snapshot}}}
	span := units.Instant(d.orders * d.seconds)
	if d.tight {
		for i := range w.Source.Warehouses {
			w.Source.Warehouses[i].Capacity = 1 + rng.Int32N(3)
		}
		in.Epochs[0].Snapshot = must(network.Compile(w.Source, nil))
	}
	src := *w.Source
	snap := in.Epochs[0].Snapshot
	var ids []string
	for _, wh := range src.Warehouses {
		ids = append(ids, wh.ID)
	}
	for e := 1; e < d.epochs; e++ {
		src.Warehouses = slices.Clone(src.Warehouses)
		switch rng.IntN(4) {
		case 0:
			src.Warehouses[rng.IntN(len(src.Warehouses))].Closed = true
		case 1:
			next := src.Warehouses[rng.IntN(len(src.Warehouses))]
			next.ID, next.Closed = fmt.Sprintf("new%d", e), false
			src.Warehouses = append([]network.WarehouseRow{next}, src.Warehouses...)
			ids = append(ids, next.ID)
		case 2:
			src.Warehouses[rng.IntN(len(src.Warehouses))].Capacity = int32(rng.IntN(4))
		default:
			if at := rng.IntN(len(src.Warehouses)); len(src.Warehouses) > 2 {
				src.Warehouses = slices.Delete(src.Warehouses, at, at+1)
			}
		}
		if !slices.ContainsFunc(src.Warehouses, func(w network.WarehouseRow) bool { return !w.Closed && len(w.Carriers) == 0 }) {
			src.Warehouses[0].Closed, src.Warehouses[0].Carriers = false, nil
		}
		snap = must(network.Compile(&src, snap.Rows()))
		in.Epochs = append(in.Epochs, Epoch{From: enginetest.Start + span*units.Instant(e)/units.Instant(d.epochs) + units.Instant(e), Snapshot: snap})
	}
	last := snap
	for _, id := range last.Rows().Warehouses {
		for _, sku := range last.SKUs.IDs {
			switch rng.IntN(5) {
			case 0:
			case 1:
				in.Stock = append(in.Stock, network.StockRow{Warehouse: id, SKU: sku, OnHand: rng.Int32N(9), AvailableFrom: units.Date(int64(enginetest.Start)/86_400) + units.Date(rng.IntN(5))})
			default:
				most := int32(3 + d.orders/20)
				if d.tight {
					most = 4
				}
				in.Stock = append(in.Stock, network.StockRow{Warehouse: id, SKU: sku, OnHand: rng.Int32N(most), Safety: rng.Int32N(2)})
			}
		}
	}
	b := newBuilder()
	at := enginetest.Start
	for i := range d.orders {
		o, _ := w.Order(rng, i)
		at += units.Instant(rng.IntN(2*d.seconds + 1))
		if o.Promise.Date != 0 {
			o.Promise.Date = units.Date(int64(at)/86_400) + 1 + units.Date(rng.IntN(7))
			if rng.IntN(10) == 0 {
				o.Promise = engine.Promise{Instant: at + units.Instant(86_400*(1+rng.IntN(5)))}
			}
		}
		if rng.IntN(20) == 0 {
			o.To = engine.Destination{Point: &geo.Point{Lat: 30 + 15*rng.Float64(), Lng: -115 + 35*rng.Float64()}}
		}
		if rng.IntN(20) == 0 {
			o.Services = []string{src.Settings.Services[rng.IntN(4)].ID, src.Settings.Services[rng.IntN(4)].ID}
		}
		if rng.IntN(100) < d.bad {
			switch rng.IntN(6) {
			case 0:
				o.Lines[0].SKU = "unheard-of"
			case 1:
				o.To = engine.Destination{Country: "US", Postal: "00000"}
			case 2:
				o.Promise = engine.Promise{Date: units.Date(int64(at)/86_400) - 3}
			case 3:
				o.Lines[0].Quantity = 0
			case 4:
				o.Services = []string{"pigeon"}
			default:
				o.To.TimeZone = "Mars/Olympus"
			}
		}
		b.add(at, &o)
	}
	for range rng.IntN(1 + d.orders/3) {
		m := history.Move{
			At: enginetest.Start + units.Instant(rng.Int64N(int64(span)*5/4+1)), Warehouse: ids[rng.IntN(len(ids))], SKU: last.SKUs.IDs[rng.IntN(len(last.SKUs.IDs))],
			Kind: history.Kind(1 + rng.IntN(3)), Quantity: rng.Int32N(6),
		}
		switch m.Kind {
		case history.Adjust:
			m.Quantity -= 2
		case history.Inbound:
			m.Quantity++
			m.Due = m.At + units.Instant(rng.IntN(200_000)-20_000)
		}
		if rng.IntN(3) == 0 { // at the moment of an order
			m.At = b.At[rng.IntN(len(b.At))]
		}
		if rng.IntN(2) == 0 {
			b.Moves = append(b.Moves, m)
		} else {
			in.Moves = append(in.Moves, m)
		}
	}
	byTime := func(a, b history.Move) int { return cmp.Compare(a.At, b.At) }
	slices.SortStableFunc(b.Moves, byTime)
	slices.SortStableFunc(in.Moves, byTime)
	if d.mishaps {
		day := units.Date(int64(enginetest.Start) / 86_400)
		in.Mishaps = []Mishap{
			{Carrier: "a", Days: 2, From: day + 1}, {Service: src.Settings.Services[1].ID, Lost: 3_000}, {Warehouse: ids[0], Days: 1, Lost: 500, Until: day + 3},
		}
	}
	in.History = &b.History
	if cfg.Prices {
		in.Prices = w.Stock.Prices
	}
	return in, w.Source
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A keeper is a sink that keeps everything.
type keeper struct {
	mu     sync.Mutex
	blocks []*Block
	fail   func(b *Block) error
}

func (k *keeper) Prepare(b *Block) (any, error) {
	if k.fail != nil {
		if err := k.fail(b); err != nil {
			return nil, err
		}
	}
	c := *b
	c.Orders, c.Shipments, c.Items = slices.Clone(b.Orders), slices.Clone(b.Shipments), slices.Clone(b.Items)
	c.Costs, c.StockOuts = slices.Clone(b.Costs), slices.Clone(b.StockOuts)
	return &c, nil
}

func (k *keeper) Write(prepared any) error {
	if !k.mu.TryLock() {
		panic("two writes at once")
	}
	defer k.mu.Unlock()
	k.blocks = append(k.blocks, prepared.(*Block))
	return nil
}

// text prints all that a sink got, order by order, so that it does not tell where blocks end.
func (k *keeper) text() []string {
	var lines []string
	var outs []string
	for _, b := range k.blocks {
		for i := range b.Orders {
			o := b.Orders[i]
			list := b.Shipments[o.Shipments[0]:o.Shipments[1]]
			terms := 0
			if len(b.Shipments) > 0 {
				terms = len(b.Costs) / len(b.Shipments)
			}
			at := int(o.Shipments[0])
			o.Shipments = [2]int32{}
			var line strings.Builder
			fmt.Fprintf(&line, "%d %+v", b.First+i, o)
			for n, s := range list {
				items := b.Items[s.Items[0]:s.Items[1]]
				if int(s.Order) != i {
					line.WriteString(" astray")
				}
				s.Order, s.Items = 0, [2]int32{}
				fmt.Fprintf(&line, "\n\t%+v %v %v", s, items, b.Costs[(at+n)*terms:(at+n+1)*terms])
			}
			lines = append(lines, line.String())
		}
		for _, s := range b.StockOuts {
			outs = append(outs, fmt.Sprintf("out %+v", s))
		}
	}
	return append(lines, outs...)
}

// A tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// same fails the test at the first line that differs.
func same(t tester, what string, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: line %d:\n%s\nand not\n%s", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d lines, and not %d", what, len(got), len(want))
	}
}
