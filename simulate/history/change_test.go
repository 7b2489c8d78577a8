package history

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// ordersOf returns the orders of a history by id, with their times.
func ordersOf(t testing.TB, h *History) (ids []string, byID map[string]told) {
	t.Helper()
	byID = map[string]told{}
	for i := range h.Len() {
		var o told
		h.Order(i, &o.Order)
		o.at = h.At[i]
		if h.Value != nil {
			o.value = h.Value[i]
		}
		if _, twice := byID[o.ID]; twice {
			t.Fatalf("id %s stands twice", o.ID)
		}
		if i > 0 && o.at < h.At[i-1] {
			t.Fatalf("order %d is out of time order", i)
		}
		ids = append(ids, o.ID)
		byID[o.ID] = o
	}
	return ids, byID
}

func state(d *engine.Destination) string {
	if strings.HasPrefix(d.Postal, "0000") {
		return "MA"
	}
	return ""
}

// TestScale checks counts, ids, order and promises on random histories, factors and matches.
func TestScale(t *testing.T) {
	r := rng(t)
	rounds := 200
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		s := randomStory(r, 1+r.IntN(150))
		h := read(t, ReadOptions{}, Bytes("o.jsonl", s.jsonl(r)))
		var m Match
		if r.IntN(3) == 0 {
			m.From = start + units.Instant(r.IntN(100))
		}
		if r.IntN(3) == 0 {
			m.Until = start + units.Instant(r.IntN(200))
		}
		if r.IntN(3) == 0 {
			m.SKUs, m.SKUPrefixes = []string{"mug"}, []string{"cutting-"}
		}
		switch r.IntN(6) {
		case 0:
			m.Postal = []string{"0001", "0002"}
		case 1:
			m.Regions = []string{"MA"}
		case 2:
			m.Countries = []string{"US"}
		}
		factor := units.Percent(r.IntN(40_000))
		seed := r.Uint64()
		before := *h
		got := h.Scale(seed, m, state, factor)
		if !reflect.DeepEqual(*h, before) {
			t.Fatal("the history was changed")
		}
		matched := h.Matching(m, state)
		want := h.Len() - matched + (matched*int(factor)+5_000)/10_000
		if got.Len() != want {
			t.Fatalf("%d orders, %d matching, times %v: %d, want %d", h.Len(), matched, factor, got.Len(), want)
		}
		if again := h.Scale(seed, m, state, factor); again.Hash != got.Hash {
			t.Fatal("the same seed gave another history")
		}
		_, old := ordersOf(t, h)
		ids, all := ordersOf(t, got)
		last := -1
		for i, id := range ids {
			name, number, isCopy := strings.Cut(id, "+")
			o, from := all[id], old[name]
			if !isCopy {
				n, _ := strconv.Atoi(strings.TrimPrefix(id, "o-"))
				if n <= last || !reflect.DeepEqual(o, from) {
					t.Fatalf("an original is another or stands elsewhere: %+v, was %+v", o, from)
				}
				last = n
				continue
			}
			if number < "2" || number > "5" || got.Row[i] != 0 {
				t.Fatalf("a copy %q in row %d", id, got.Row[i])
			}
			if d := o.at - from.at; d < -jitter || d > jitter || o.at < m.From || m.Until != 0 && o.at >= m.Until {
				t.Fatalf("a copy of %v at %v", from.at, o.at)
			}
			if o.Promise.Instant != 0 && o.Promise.Instant-o.at != from.Promise.Instant-from.at {
				t.Fatal("a promised instant did not move with its copy")
			}
			if o.Promise.Date != 0 && o.at > from.at && o.Promise.Date < units.Date(o.at/86_400)+1 {
				t.Fatal("a copy came too late for its promise")
			}
			o.ID, o.at, o.Promise.Instant, from.at, from.Promise.Instant = from.ID, 0, 0, 0, 0
			if !reflect.DeepEqual(o, from) {
				t.Fatalf("a copy is another order: %+v of %+v", o, from)
			}
		}
		// A larger factor keeps what a smaller one has.
		if less := h.Scale(seed, m, state, factor/2); less != h {
			_, some := ordersOf(t, less)
			for id := range some {
				if _, ok := all[id]; !ok {
					t.Fatalf("%s is there at %v and not at %v", id, factor/2, factor)
				}
			}
		}
		// What was made reads back.
		if got.Len() > 0 {
			var b strings.Builder
			if err := got.WriteParquet(&b); err != nil {
				t.Fatal(err)
			}
			if back := read(t, ReadOptions{}, Bytes("o.parquet", []byte(b.String()))); back.Hash != got.Hash || !reflect.DeepEqual(bare(back), bare(got)) {
				t.Fatal("a scaled history does not read back")
			}
		}
	}
}

func TestScaleByNothing(t *testing.T) {
	r := rng(t)
	h := read(t, ReadOptions{}, Bytes("o.jsonl", randomStory(r, 50).jsonl(r)))
	if h.Scale(1, Match{}, nil, units.WholePercent) != h || h.Scale(1, Match{SKUs: []string{"no such"}}, nil, 5_000) != h {
		t.Error("a change of nothing made another history")
	}
	if h.Scale(1, Match{}, nil, 5_000).Hash == h.Scale(2, Match{}, nil, 5_000).Hash {
		t.Error("the seed decides nothing")
	}
	if none := h.Scale(1, Match{}, nil, 0); none.Len() != 0 || len(none.SKUs) != 0 {
		t.Error("times 0 is not nothing")
	}
	// Twice doubled: no id stands twice.
	if ids, _ := ordersOf(t, h.Scale(1, Match{}, nil, 20_000).Scale(1, Match{}, nil, 20_000)); len(ids) != 200 {
		t.Errorf("%d orders, want 200", len(ids))
	}
}

func TestInject(t *testing.T) {
	r := rng(t)
	for range 100 {
		s := randomStory(r, 20+r.IntN(100))
		h := read(t, ReadOptions{}, Bytes("o.jsonl", s.jsonl(r)))
		sale := FlashSale{
			Name: "flash", SKU: []string{"mug", "new"}[r.IntN(2)], Orders: 1 + r.IntN(50), Units: 1 + r.Int32N(3),
			From: start + 10, Until: start + 10 + units.Instant(1+r.IntN(100)), Value: units.Money(r.IntN(2)) * units.Currency,
		}
		seed := r.Uint64()
		before := *h
		got, err := h.Inject(seed, sale, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*h, before) {
			t.Fatal("the history was changed")
		}
		_, old := ordersOf(t, h)
		ids, all := ordersOf(t, got)
		sold := 0
		for i, id := range ids {
			o := all[id]
			if from, ok := old[id]; ok {
				if !reflect.DeepEqual(o, from) {
					t.Fatalf("an original is another: %+v, was %+v", o, from)
				}
				continue
			}
			sold++
			if id != "flash-"+strconv.Itoa(sold) || got.Row[i] != 0 || o.at < sale.From || o.at >= sale.Until || o.value != sale.Value*units.Money(sale.Units) ||
				!reflect.DeepEqual(o.Lines, []engine.Line{{SKU: sale.SKU, Quantity: int64(sale.Units)}}) {
				t.Fatalf("a sale order %+v of %+v", o, sale)
			}
			if o.To == (engine.Destination{}) || o.CollectAt != "" {
				t.Fatal("a sale order goes nowhere")
			}
		}
		if sold != sale.Orders || len(ids) != len(old)+sold {
			t.Fatalf("%d sale orders, want %d", sold, sale.Orders)
		}
		if again, _ := h.Inject(seed, sale, nil); again.Hash != got.Hash {
			t.Fatal("the same seed gave another history")
		}
		if twice, err := got.Inject(seed, sale, nil); err != nil || twice.Len() != got.Len()+sold {
			t.Fatalf("a second sale: %v", err)
		} else {
			ordersOf(t, twice)
		}
	}
	h := read(t, ReadOptions{}, Bytes("o.jsonl", randomStory(r, 50).jsonl(r)))
	good := FlashSale{Name: "f", SKU: "mug", Orders: 1, Units: 1, From: start, Until: start + 1}
	for _, spoil := range []func(*FlashSale){
		func(s *FlashSale) { s.Name = "" }, func(s *FlashSale) { s.SKU = "" }, func(s *FlashSale) { s.Orders = 0 }, func(s *FlashSale) { s.Units = 0 },
		func(s *FlashSale) { s.Until = s.From }, func(s *FlashSale) { s.Value = -1 }, func(s *FlashSale) { s.Match.Postal = []string{"X"} },
	} {
		s := good
		spoil(&s)
		if _, err := h.Inject(1, s, nil); err == nil {
			t.Errorf("%+v is a sale", s)
		}
	}
}
