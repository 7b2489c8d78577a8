package server

import (
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

func TestStockFromTheNetwork(t *testing.T) {
	s, clock := newServer(t, nil)
	out, err := s.GetStock(t.Context(), &allotv1.GetStockRequest{Skus: []string{"poster", "mug"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []*allotv1.Stock{
		{Warehouse: "columbus", Sku: "poster", Inbound: 30},
		{Warehouse: "reno", Sku: "poster", OnHand: 40, Available: 40},
		{Warehouse: "columbus", Sku: "mug", OnHand: 100, Available: 100},
		{Warehouse: "reno", Sku: "mug", OnHand: 100, Safety: 10, Available: 90},
	}
	if !proto.Equal(out, &allotv1.GetStockResponse{Stock: want}) {
		t.Errorf("%v", out.GetStock())
	}
	// The posters come on the first of December, Columbus time.
	clock.advance(time.Date(2026, 12, 1, 4, 59, 59, 0, time.UTC).Sub(wednesday))
	if got := stockOf(t, s, "columbus", "poster"); got.GetOnHand() != 0 {
		t.Errorf("a second early: %v", got)
	}
	clock.advance(time.Second)
	if got := stockOf(t, s, "columbus", "poster"); got.GetOnHand() != 30 || got.GetInbound() != 0 {
		t.Errorf("on the day: %v", got)
	}
}

func TestSetAndAdjustStock(t *testing.T) {
	s, _ := newServer(t, nil)
	set := &allotv1.SetStockRequest{RequestId: "s1", Levels: []*allotv1.StockLevel{
		{Warehouse: "reno", Sku: "lamp", OnHand: 9, Safety: 2}, {Warehouse: "columbus", Sku: "lamp"},
	}}
	first, err := s.SetStock(t.Context(), set)
	want := []*allotv1.Stock{
		{Warehouse: "reno", Sku: "lamp", OnHand: 9, Safety: 2, Available: 7}, {Warehouse: "columbus", Sku: "lamp"},
	}
	if err != nil || !proto.Equal(first, &allotv1.SetStockResponse{Stock: want}) {
		t.Fatalf("%v, %v", first, err)
	}
	adjust := &allotv1.AdjustStockRequest{RequestId: "a1", Adjustments: []*allotv1.StockAdjustment{
		{Warehouse: "reno", Sku: "lamp", Change: -4}, {Warehouse: "columbus", Sku: "lamp", Change: 3},
	}}
	for range 2 { // the second is the first again
		out, err := s.AdjustStock(t.Context(), adjust)
		want := []*allotv1.Stock{
			{Warehouse: "reno", Sku: "lamp", OnHand: 5, Safety: 2, Available: 3}, {Warehouse: "columbus", Sku: "lamp", OnHand: 3, Available: 3},
		}
		if err != nil || !proto.Equal(out, &allotv1.AdjustStockResponse{Stock: want}) {
			t.Errorf("%v, %v", out, err)
		}
	}
}

func TestShortfallNamesTheHolds(t *testing.T) {
	s, _ := newServer(t, nil)
	var holds []string
	for i := range 2 {
		out, err := s.Allocate(t.Context(), allocate(fmt.Sprint(i), order("10001", "lamp", 2)))
		if err != nil {
			t.Fatal(err)
		}
		holds = append(holds, out.GetHold().GetId())
	}
	out, err := s.SetStock(t.Context(), setStock("s1", "columbus", "lamp", 3))
	want := []*allotv1.Shortfall{{Warehouse: "columbus", Sku: "lamp", Units: 1, HoldIds: holds, HoldCount: 2}}
	if err != nil || !proto.Equal(&allotv1.SetStockResponse{Stock: out.GetStock(), Shortfalls: want}, out) {
		t.Errorf("%v, %v", out, err)
	}
}

func TestBadStockRequests(t *testing.T) {
	s, _ := newServer(t, nil)
	before := stockOf(t, s, "columbus", "mug")
	set := func(levels ...*allotv1.StockLevel) func() error {
		return func() error {
			_, err := s.SetStock(t.Context(), &allotv1.SetStockRequest{RequestId: "r", Levels: levels})
			return err
		}
	}
	adjust := func(changes ...*allotv1.StockAdjustment) func() error {
		return func() error {
			_, err := s.AdjustStock(t.Context(), &allotv1.AdjustStockRequest{RequestId: "r", Adjustments: changes})
			return err
		}
	}
	get := func(skus []string, warehouses ...string) func() error {
		return func() error {
			_, err := s.GetStock(t.Context(), &allotv1.GetStockRequest{Skus: skus, Warehouses: warehouses})
			return err
		}
	}
	for name, tt := range map[string]struct {
		call   func() error
		fields []string
	}{
		"nothing to set": {set(), []string{"levels"}},
		"two faults in one level": {
			set(&allotv1.StockLevel{Warehouse: "columbus", Sku: "mug", OnHand: 1}, &allotv1.StockLevel{Warehouse: "denver", Sku: "cup", OnHand: -1, Safety: math.MaxInt32}),
			[]string{"levels[1].warehouse", "levels[1].sku", "levels[1].on_hand", "levels[1].safety"},
		},
		"twice": {
			set(&allotv1.StockLevel{Warehouse: "columbus", Sku: "mug", OnHand: 1}, &allotv1.StockLevel{Warehouse: "columbus", Sku: "mug", OnHand: 2}),
			[]string{"levels[1]"},
		},
		"no names": {set(&allotv1.StockLevel{OnHand: 1}), []string{"levels[0].warehouse", "levels[0].sku"}},
		"below zero": {
			adjust(&allotv1.StockAdjustment{Warehouse: "reno", Sku: "mug", Change: 1}, &allotv1.StockAdjustment{Warehouse: "columbus", Sku: "mug", Change: -101}),
			[]string{"adjustments[1].change"},
		},
		"no change":      {adjust(&allotv1.StockAdjustment{Warehouse: "reno", Sku: "mug"}), []string{"adjustments[0].change"}},
		"too much":       {adjust(&allotv1.StockAdjustment{Warehouse: "reno", Sku: "mug", Change: 1_000_000_000}), []string{"adjustments[0].change"}},
		"nothing to get": {get(nil), []string{"skus"}},
		"unknown to get": {get([]string{"mug", "cup"}, "reno", "denver"), []string{"skus[1]", "warehouses[1]"}},
		"too many":       {get(make([]string, 1_000_000)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			st := statusOf(tt.call())
			fields := violationsOf(st)
			if st.Code() != codes.InvalidArgument || tt.fields != nil && len(fields) != len(tt.fields) {
				t.Fatalf("%v: %q", st, fields)
			}
			for _, f := range tt.fields {
				if fields[f] == "" {
					t.Errorf("no fault of %s in %q", f, fields)
				}
			}
		})
	}
	if after := stockOf(t, s, "columbus", "mug"); !proto.Equal(before, after) {
		t.Errorf("a refused request changed %v to %v", before, after)
	}
}

// TestShortfallCountsWhatItDoesNotName hits more holds than an answer names.
func TestShortfallCountsWhatItDoesNotName(t *testing.T) {
	s, _ := newServer(t, nil)
	if _, err := s.SetStock(t.Context(), setStock("s0", "columbus", "lamp", 200)); err != nil {
		t.Fatal(err)
	}
	const holds = maxShortfallHolds + 20
	for i := range holds {
		if out, err := s.Allocate(t.Context(), allocate(fmt.Sprint(i), order("10001", "lamp", 1))); err != nil || out.GetHold() == nil {
			t.Fatal(out, err)
		}
	}
	out, err := s.AdjustStock(t.Context(), adjustStock("s1", "columbus", "lamp", -150))
	if err != nil || len(out.GetShortfalls()) != 1 {
		t.Fatal(out, err)
	}
	short := out.GetShortfalls()[0]
	if short.GetUnits() != holds-50 || short.GetHoldCount() != holds || len(short.GetHoldIds()) != maxShortfallHolds || short.GetHoldIds()[0] != "1" || short.GetHoldIds()[99] != "100" {
		t.Errorf("%v", short)
	}
}
