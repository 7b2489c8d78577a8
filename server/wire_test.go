package server

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// randomDecision draws any decision on a snapshot, sensible or not.
func randomDecision(t *rapid.T, snap *network.Snapshot) *engine.Decision {
	money := rapid.Custom(func(t *rapid.T) units.Money {
		return units.Money(rapid.OneOf(rapid.Int64Range(-200, 200), rapid.Int64()).Draw(t, "money"))
	})
	instant := rapid.Custom(func(t *rapid.T) units.Instant { return units.Instant(rapid.Int64Range(0, 1<<33).Draw(t, "instant")) })
	date := rapid.Custom(func(t *rapid.T) units.Date { return units.Date(rapid.Int32Range(-30_000, 380_000).Draw(t, "date")) })
	items := func(most int) (out []engine.Item) {
		for range rapid.IntRange(0, most).Draw(t, "items") {
			out = append(out, engine.Item{
				SKU: rapid.Int32Range(0, int32(len(snap.SKUs.IDs))-1).Draw(t, "sku"), Quantity: rapid.Int32Range(0, math.MaxInt32).Draw(t, "quantity"),
			})
		}
		return out
	}
	d := &engine.Decision{
		Outcome: engine.Outcome(rapid.IntRange(0, 6).Draw(t, "outcome")), Cost: money.Draw(t, "cost"), SplitCost: money.Draw(t, "split"),
		Arrival: instant.Draw(t, "arrival"), Late: rapid.Bool().Draw(t, "late"), Unfilled: items(3),
		Certificate: engine.Certificate{
			Status: engine.Status(rapid.IntRange(0, 3).Draw(t, "status")), Bound: money.Draw(t, "bound"), Gap: money.Draw(t, "gap"),
			Candidates: rapid.Int32().Draw(t, "candidates"), Scored: rapid.Int64().Draw(t, "scored"), States: rapid.Int64().Draw(t, "states"),
			Stopped: rapid.Bool().Draw(t, "stopped"),
		},
	}
	for range rapid.IntRange(0, 3).Draw(t, "shipments") {
		s := engine.Shipment{
			Warehouse: rapid.Int32Range(0, int32(len(snap.Warehouses))-1).Draw(t, "warehouse"),
			Service:   rapid.Int32Range(0, int32(len(snap.Services))-1).Draw(t, "service"),
			Items:     items(40), Freight: money.Draw(t, "freight"), Handling: money.Draw(t, "handling"), Other: money.Draw(t, "other"),
			Guessed: rapid.Bool().Draw(t, "guessed"), Ready: instant.Draw(t, "ready"), Pickup: instant.Draw(t, "pickup"),
			ShipDate: date.Draw(t, "ship"), DeliveryDate: date.Draw(t, "deliver"), Arrival: instant.Draw(t, "arrives"),
			LatestOrder: instant.Draw(t, "latest"), DaysLate: rapid.Int32().Draw(t, "days"), StockPrice: money.Draw(t, "stock price"), CapacityPrice: money.Draw(t, "capacity price"),
		}
		if zones := snap.Services[s.Service].Zones; zones != nil {
			s.Zone = lanes.Zone(rapid.IntRange(1, len(zones.Names())).Draw(t, "zone"))
		}
		for range rapid.IntRange(0, 200).Draw(t, "parcels") {
			side := rapid.Int64Range(0, 1<<40)
			s.Parcels = append(s.Parcels, engine.Parcel{
				Parcel: ratecards.Parcel{
					Weight: units.Weight(rapid.Int64Range(0, 1<<60).Draw(t, "weight")),
					Sides:  [3]units.Length{units.Length(side.Draw(t, "l")), units.Length(side.Draw(t, "w")), units.Length(side.Draw(t, "h"))},
				},
				Box: rapid.Int32Range(-1, int32(len(snap.Boxes))-1).Draw(t, "box"), Units: rapid.Int32().Draw(t, "units"),
			})
		}
		d.Shipments = append(d.Shipments, s)
	}
	return d
}

// TestWireIsTheMessage compares the bytes that are written by hand with those of the messages.
func TestWireIsTheMessage(t *testing.T) {
	s, _ := newServer(t, nil)
	snap := s.network.Load().snap
	rapid.Check(t, func(t *rapid.T) {
		d := randomDecision(t, snap)
		with := told{prices: rapid.StringN(0, 64, 64).Draw(t, "prices"), joint: rapid.Bool().Draw(t, "joint")}
		m := writeDecision(snap, d, with)
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got := appendDecision(nil, snap, d, with)
		if !bytes.Equal(got, want) {
			back := &allotv1.Decision{}
			t.Fatalf("decoding %v:\n%v\n%v", proto.Unmarshal(got, back), back, m)
		}
		h := ledger.Hold{
			ID: ledger.HoldID(rapid.Uint64Min(1).Draw(t, "hold")), Order: rapid.StringN(0, 128, 128).Draw(t, "order"), Status: ledger.Pending,
			Expires: units.Instant(rapid.Int64Range(0, 1<<33).Draw(t, "expires")),
		}
		whole, err := proto.MarshalOptions{Deterministic: true}.Marshal(&allotv1.AllocateResponse{Decision: m, Hold: writeHold(snap, &h)})
		if err != nil {
			t.Fatal(err)
		}
		a := answer{decision: got, id: h.ID, order: h.Order, expires: h.Expires}
		if !bytes.Equal(a.appendTo(nil), whole) {
			t.Fatalf("the answer differs for hold %+v", h)
		}
	})
}

// TestFieldsAreProtowires compares what is written by hand with what protowire writes, where one byte becomes two and five six.
func TestFieldsAreProtowires(t *testing.T) {
	for _, field := range []protowire.Number{1, 15, 16, 2047} {
		for _, v := range []int64{1, 127, 128, 1<<28 - 1, 1 << 28, 1<<35 - 1, 1 << 35, math.MaxInt64, -1} {
			varint := protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), uint64(v))
			if got := appendInt(nil, field, v); !bytes.Equal(got, varint) {
				t.Errorf("appendInt(%d, %d) = %x, want %x", field, v, got, varint)
			}
			inside := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(v))
			want := protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), inside)
			if got := appendInstant(nil, field, units.Instant(v)); !bytes.Equal(got, want) {
				t.Errorf("appendInstant(%d, %d) = %x, want %x", field, v, got, want)
			}
		}
		for _, n := range []int{1, 127, 128, 16383, 16384, 1<<21 - 1, 1 << 21} {
			text := strings.Repeat("x", n)
			want := protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), text)
			if got := appendText(nil, field, text); !bytes.Equal(got, want) {
				t.Errorf("appendText(%d) of %d bytes differs", field, n)
			}
			whole, at := begin(nil, field)
			if got := end(append(whole, text...), at); !bytes.Equal(got, want) {
				t.Errorf("begin and end of field %d around %d bytes differ", field, n)
			}
			long, at := beginLong(nil, field)
			if got := endLong(append(long, text...), at); !bytes.Equal(got, want) {
				t.Errorf("beginLong and endLong of field %d around %d bytes differ", field, n)
			}
		}
	}
}
