package server

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A season is what a live server did, order after order.
type season struct {
	orders    bytes.Buffer // a history
	moves     bytes.Buffer // another
	decisions [][]byte     // of the orders, in the wire format
	outcomes  map[engine.Outcome]int
	splits    int
}

// live makes calls of a server as a season does: orders come, leave when their carrier takes them, and stock is counted, found
// damaged and announced in between. Whatever happens at one moment happens as it does in a replay: what leaves, then what moves,
// then orders.
func (w *world) live(t *testing.T, s *Server, rng *rand.Rand, orders, seconds int) *season {
	t.Helper()
	ctx := t.Context()
	out := &season{outcomes: map[engine.Outcome]int{}}
	type parcel struct {
		at    time.Time
		hold  string
		items []*allotv1.HoldItem
	}
	var leaving []parcel // by time
	now := w.clock.now()
	number := 0
	id := func() string { number++; return fmt.Sprint("r", number) }
	until := func(at time.Time) {
		for len(leaving) > 0 && !leaving[0].at.After(at) {
			p := leaving[0]
			leaving = leaving[1:]
			w.clock.advance(p.at.Sub(w.clock.now()))
			if _, err := s.Ship(ctx, &allotv1.ShipRequest{RequestId: id(), HoldId: p.hold, Items: p.items}); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.advance(at.Sub(w.clock.now()))
		if err := s.ledger.Advance(s.now()); err != nil { // as Serve does every second
			t.Fatal(err)
		}
	}
	for i := range orders {
		pause := rng.IntN(2*seconds + 1)
		now = now.Add(time.Duration(pause) * time.Second)
		until(now)
		moves := max(0, rng.IntN(20)-17) // one or two, before one order in ten
		if pause == 0 {
			moves = 0 // they would come before the order of the same moment that is decided already
		}
		for range moves {
			warehouse, sku := pickOf(rng, w.source.Warehouses).ID, pickOf(rng, w.source.SKUs).ID
			c := cell{ledger.Warehouse(row(s.network.Load().snap.Warehouse(warehouse))), ledger.SKU(row(s.network.Load().snap.SKUs.Row(sku)))}
			stock, err := s.ledger.Stock(c.warehouse, c.sku)
			if err != nil {
				t.Fatal(err)
			}
			m := moveLine{At: now.UTC().Format(time.RFC3339), Warehouse: warehouse, SKU: sku}
			switch rng.IntN(3) {
			case 0:
				m.Stock, m.Quantity = "set", rng.Int32N(12)
				_, err = s.SetStock(ctx, &allotv1.SetStockRequest{RequestId: id(), Levels: []*allotv1.StockLevel{{Warehouse: warehouse, Sku: sku, OnHand: m.Quantity, Safety: stock.Safety}}})
			case 1:
				m.Stock, m.Quantity = "adjust", 1+rng.Int32N(8)
				if stock.OnHand > 0 && rng.IntN(2) == 0 {
					m.Quantity = -1 - rng.Int32N(stock.OnHand)
				}
				_, err = s.AdjustStock(ctx, adjustStock(id(), warehouse, sku, m.Quantity))
			default:
				m.Stock, m.Quantity = "inbound", 1+rng.Int32N(8)
				due := now.Add(time.Duration(1+rng.IntN(100*seconds)) * time.Second)
				m.Due = due.UTC().Format(time.RFC3339)
				err = s.ledger.AddReceipts(s.now(), ledger.Request{}, []ledger.Receipt{{Warehouse: c.warehouse, SKU: c.sku, Quantity: m.Quantity, From: units.Instant(due.Unix())}})
			}
			if err != nil {
				t.Fatal(err)
			}
			writeLine(&out.moves, m)
		}
		o := w.order(rng)
		o.Id = fmt.Sprint("o", i)
		if o.GetPromiseDate() != "" { // it was drawn for the first moment
			day := units.Date(now.Unix()/86_400) + 1 + units.Date(rng.IntN(7))
			o.Promise = &allotv1.Order_PromiseDate{PromiseDate: day.String()}
			if rng.IntN(10) == 0 {
				o.Promise = &allotv1.Order_PromiseAt{PromiseAt: timestamppb.New(now.Add(time.Duration(20+rng.IntN(100)) * time.Hour))}
			}
		}
		a, err := s.allocate(ctx, &allotv1.AllocateRequest{RequestId: id(), Order: o})
		if err != nil {
			t.Fatal(err)
		}
		out.decisions = append(out.decisions, a.decision)
		d, err := ReadDecision(a.decision)
		if err != nil {
			t.Fatal(err)
		}
		out.outcomes[engine.Outcome(d.GetOutcome())]++
		out.splits += max(0, len(d.GetShipments())-1)
		raw, err := protojson.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out.orders, "{\"orderedAt\":%q,%s\n", now.UTC().Format(time.RFC3339), raw[1:])
		if a.id == 0 {
			continue
		}
		hold := holdName(a.id)
		if _, err := s.Confirm(ctx, &allotv1.ConfirmRequest{RequestId: id(), HoldId: hold}); err != nil {
			t.Fatal(err)
		}
		for _, sh := range d.GetShipments() {
			p := parcel{at: sh.GetPickupAt().AsTime(), hold: hold}
			for _, it := range sh.GetItems() {
				p.items = append(p.items, &allotv1.HoldItem{Warehouse: sh.GetWarehouse(), Sku: it.GetSku(), Quantity: it.GetQuantity()})
			}
			at, _ := slices.BinarySearchFunc(leaving, p.at.Add(1), func(p parcel, at time.Time) int { return p.at.Compare(at) })
			leaving = slices.Insert(leaving, at, p)
		}
	}
	t.Logf("%d orders in %v: outcomes %v, %d splits, %d moves", orders, now.Sub(time.Unix(int64(enginetest.Start), 0)).Round(time.Hour), out.outcomes, out.splits, bytes.Count(out.moves.Bytes(), []byte("\n")))
	return out
}

func pickOf[T any](rng *rand.Rand, of []T) *T { return &of[rng.IntN(len(of))] }

func row(row int32, ok bool) int32 {
	if !ok {
		panic("no such row")
	}
	return row
}

// replay replays a season on a network with the stock that the server began with, and returns each decision as the server writes
// it.
func (w *world) resimulate(t *testing.T, h *history.History, src *network.Source, prices *engine.Prices, workers int) ([][]byte, *simulate.Report) {
	t.Helper()
	snap, err := network.Compile(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &simulate.Input{Name: "again", Epochs: []simulate.Epoch{{Snapshot: snap}}, Stock: src.Stock, History: h, Prices: prices}
	decisions := make([][]byte, 0, h.Len())
	rep, err := simulate.Run(t.Context(), in, simulate.Options{
		Workers: workers, NoFloor: workers > 1,
		Decided: func(i int, _ *engine.Order, _ units.Instant, d *engine.Decision) {
			if i != len(decisions) {
				t.Errorf("order %d is told after %d others", i, len(decisions))
			}
			decisions = append(decisions, appendDecision(nil, snap, d, told{prices: prices.Version()}))
		},
	}, nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	return decisions, rep
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) Prepare(*simulate.Block) (any, error) { return nil, nil }
func (nowhere) Write(any) error                      { return nil }

func (s *season) history(t *testing.T) *history.History {
	t.Helper()
	files := []history.File{history.Bytes("orders.jsonl", s.orders.Bytes()), history.Bytes("moves.jsonl", s.moves.Bytes())}
	h, _, err := history.Read(context.Background(), files, history.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestReplayIsTheLiveServer replays what a live server did, with no change: every decision comes out byte for byte, its
// certificate included, on one core and on two. The control: on a network with another cut-off some come out otherwise.
func TestReplayIsTheLiveServer(t *testing.T) {
	orders := 1_500
	if testing.Short() || enginetest.RaceDetector {
		orders = 250
	}
	for name, config := range map[string]enginetest.Config{
		"limits": {Warehouses: 12, Services: 8, SKUs: 50, Stocked: 60, Lines: 4, Places: 200, Capacity: true, Classes: true,
			Policy: network.PolicySource{MaxShipments: 3, SplitCost: 500_000, SplitLines: true}},
		"late": {Warehouses: 30, Services: 6, SKUs: 30, Stocked: 30, Lines: 5, Places: 100, Carbon: true, Capacity: true,
			Policy: network.PolicySource{MaxShipments: 4, Late: "allow", LateCost: 2_000_000, Partial: "fill"}},
		"prices": {Warehouses: 10, Services: 8, SKUs: 30, Stocked: 60, Lines: 3, Places: 200, Capacity: true, Prices: true,
			Policy: network.PolicySource{MaxShipments: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			seed := seed(t)
			config.Seed = seed
			w := newWorld(t, config)
			rng := rand.New(rand.NewPCG(seed, 50))
			for i := range w.source.Stock { // some is kept back, some is on its way
				row := &w.source.Stock[i]
				switch rng.IntN(6) {
				case 0:
					row.Safety = rng.Int32N(3)
				case 1:
					row.AvailableFrom = units.Date(int64(enginetest.Start)/86_400) + units.Date(rng.IntN(4))
				}
			}
			s, _ := newServer(t, func(c *Config) { c.Load, c.Now = w.compile, w.clock.now })
			defer s.Close()
			if config.Prices {
				if err := s.SetPrices(w.Stock.Prices); err != nil {
					t.Fatal(err)
				}
			}
			live := w.live(t, s, rng, orders, 120)
			h := live.history(t)
			var hashes []string
			for _, workers := range []int{1, 2} {
				again, rep := w.resimulate(t, h, &w.source, s.prices(), workers)
				if rep.Done != orders || rep.Malformed > 0 || rep.Clamped > 0 || len(again) != orders {
					t.Fatalf("%d workers: %+v, %d told", workers, rep, len(again))
				}
				if i := firstDifference(live.decisions, again); i >= 0 {
					t.Fatalf("%d workers: order %d: live %s\nagain %s", workers, i, decisionText(t, live.decisions[i]), decisionText(t, again[i]))
				}
				hashes = append(hashes, rep.State)
			}
			if hashes[0] != hashes[1] {
				t.Errorf("the states at the end are %v", hashes)
			}

			changed := w.source
			changed.Warehouses = slices.Clone(changed.Warehouses)
			for i := range changed.Warehouses {
				early := units.Clock(60)
				changed.Warehouses[i].Cutoff = &early
			}
			again, _ := w.resimulate(t, h, &changed, s.prices(), 2)
			for i := range again { // whose version is another, of course
				again[i] = withoutVersion(t, again[i])
				live.decisions[i] = withoutVersion(t, live.decisions[i])
			}
			if firstDifference(live.decisions, again) < 0 {
				t.Error("with another cut-off everywhere all decisions are the same: the comparison shows nothing")
			}
			if live.outcomes[engine.Planned] == 0 || live.outcomes[engine.Planned] == orders {
				t.Logf("outcomes %v: the season says little", live.outcomes)
			}
		})
	}
}

// prices returns those in force.
func (s *Server) prices() *engine.Prices {
	if p := s.network.Load().prices.Load(); p != nil {
		return p.prices
	}
	return nil
}

func firstDifference(a, b [][]byte) int {
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

func decisionText(t *testing.T, wire []byte) string {
	t.Helper()
	d, err := ReadDecision(wire)
	if err != nil {
		t.Fatal(err)
	}
	return protojson.Format(d)
}

func withoutVersion(t *testing.T, wire []byte) []byte {
	t.Helper()
	d, err := ReadDecision(wire)
	if err != nil {
		t.Fatal(err)
	}
	d.NetworkVersion = ""
	return []byte(protojson.Format(d))
}
