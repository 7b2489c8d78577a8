package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// plain returns an event with nil for every empty list, to compare.
func plain(e *Event) Event {
	c := e.Clone()
	if c.Hold != nil {
		c.Hold.Answer = emptyIsNil(c.Hold.Answer)
		c.Hold.Stock, c.Hold.Shipments = emptyIsNil(c.Hold.Stock), emptyIsNil(c.Hold.Shipments)
	}
	c.Question, c.Items = emptyIsNil(c.Question), emptyIsNil(c.Items)
	c.Levels, c.Receipts, c.Limits = emptyIsNil(c.Levels), emptyIsNil(c.Receipts), emptyIsNil(c.Limits)
	c.Warehouses, c.SKUs, c.Services, c.Networks = emptyIsNil(c.Warehouses), emptyIsNil(c.SKUs), emptyIsNil(c.Services), emptyIsNil(c.Networks)
	return c
}

func emptyIsNil[S ~[]E, E any](s S) S {
	if len(s) == 0 {
		return nil
	}
	return s
}

// Every event comes back as it was, read into memory that other events were read into before, and so does the state that
// the read ones make, though their memory is used again.
func TestEventsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	events, s := history(seed, 4000)
	kinds := make(map[Kind]int)
	var read Event
	var b []byte
	other := NewState(Config{Retention: 86_400})
	for i := range events {
		e := &events[i]
		kinds[e.Kind]++
		b = AppendEvent(append(b[:0], "before"...), e)
		raw := b[len("before"):]
		if err := ReadEvent(raw, &read); err != nil {
			t.Fatalf("event %+v: %v", e, err)
		}
		if again := AppendEvent(nil, &read); !bytes.Equal(again, raw) {
			t.Fatalf("event %+v is %x, read again %x", e, raw, again)
		}
		clear(raw) // nothing of the event is there
		if got, want := plain(&read), plain(e); !reflect.DeepEqual(got, want) {
			t.Fatalf("event\n%+v %+v\nread as\n%+v %+v", want, want.Hold, got, got.Hold)
		}
		if err := other.Replay(&read); err != nil {
			t.Fatalf("event %+v: %v", &read, err)
		}
		if read.Hold != nil { // as the next one would
			h := read.Hold
			clear(h.Answer)
			clear(h.Stock)
			clear(h.Shipments)
		}
	}
	for k := Extended; k <= HoldShort; k++ {
		if kinds[k] == 0 {
			t.Errorf("no event is %v; the test must see every kind", k)
		}
	}
	other.advance(s.now)
	if a, b := dump(s), dump(other); a != b {
		t.Errorf("replayed:\n%s\nwant:\n%s", b, a)
	}
}

// Every prefix, every extension and every flipped bit of an event is refused, or is another event in its only form.
func TestDamagedEventsAreRefused(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	events, _ := history(seed, 300)
	var e Event
	refused, other := 0, 0
	check := func(raw []byte) {
		if err := ReadEvent(raw, &e); errors.Is(err, ErrFormat) {
			refused++
		} else if again := AppendEvent(nil, &e); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%x is read as %+v, which is %x: %v", raw, &e, again, err)
		} else {
			other++
		}
	}
	for i := range events {
		raw := AppendEvent(nil, &events[i])
		for n := range raw {
			if check(raw[:n:n]); other > 0 {
				t.Fatalf("the first %d bytes of %x are an event", n, raw)
			}
		}
		if check(append(slices.Clip(raw), 0)); other > 0 {
			t.Fatalf("%x with a zero behind it is an event", raw)
		}
	}
	for i := range events {
		raw := AppendEvent(nil, &events[i])
		for bit := range 8 * len(raw) {
			raw[bit/8] ^= 1 << (bit % 8)
			check(raw)
			raw[bit/8] ^= 1 << (bit % 8)
		}
	}
	if refused == 0 || other == 0 {
		t.Errorf("%d refused, %d read as another event", refused, other)
	}
}

func TestEventsThatNoLedgerWritesAreRefused(t *testing.T) {
	t.Parallel()
	good := func() Event {
		return Event{
			Kind: Held, Sequence: 3, At: noon, HoldID: 2, Status: Pending, Request: Request{ID: "r"},
			Hold: &Hold{
				ID: 2, Granted: noon, Expires: noon + 60,
				Stock: []Claim{{StockClaim: StockClaim{1, 1, 2}}, {StockClaim: StockClaim{2, 1, 2}}}, Shipments: []ShipmentClaim{{1, 0, 5, 1}, {1, 1, 5, 1}},
			},
		}
	}
	var read Event
	if e := good(); ReadEvent(AppendEvent(nil, &e), &read) != nil {
		t.Fatal("the good one is refused")
	}
	for name, spoil := range map[string]func(*Event){
		"no kind":             func(e *Event) { e.Kind = 0 },
		"unknown kind":        func(e *Event) { e.Kind = HoldShort + 1 },
		"time after 9999":     func(e *Event) { e.At = maxInstant + 1 },
		"negative time":       func(e *Event) { e.At = -1 },
		"long request":        func(e *Event) { e.Request.ID = string(make([]byte, MaxIDLength+1)) },
		"malformed request":   func(e *Event) { e.Request.ID = "\xff" },
		"malformed order":     func(e *Event) { e.Hold.Order = "\xff" },
		"no id":               func(e *Event) { e.Hold.ID = 0 },
		"no time to live":     func(e *Event) { e.Hold.Expires = e.Hold.Granted },
		"a year to live":      func(e *Event) { e.Hold.Expires = e.Hold.Granted + YearSeconds },
		"no claims":           func(e *Event) { e.Hold.Stock = nil },
		"claims out of order": func(e *Event) { slices.Reverse(e.Hold.Stock) },
		"claim twice":         func(e *Event) { e.Hold.Stock[1] = e.Hold.Stock[0] },
		"claim of nothing":    func(e *Event) { e.Hold.Stock[1].Quantity = 0 },
		"negative claim":      func(e *Event) { e.Hold.Stock[1].Quantity = -1 },
		"claim of too much":   func(e *Event) { e.Hold.Stock[1].Quantity = MaxQuantity + 1 },
		"negative row":        func(e *Event) { e.Hold.Stock[1].Warehouse = -1 },
		"days out of order":   func(e *Event) { slices.Reverse(e.Hold.Shipments) },
		"any service":         func(e *Event) { e.Hold.Shipments[0].Service = AnyService },
		"negative basis":      func(e *Event) { e.Basis.Network = -1 },
		"basis after 9999":    func(e *Event) { e.Basis.At = maxInstant + 1 },
		"items when confirmed": func(e *Event) {
			e.Kind, e.Items = HoldConfirmed, []StockClaim{{1, 1, 1}}
		},
		"items out of order": func(e *Event) { e.Kind, e.Items = HoldShipped, []StockClaim{{2, 1, 1}, {1, 1, 1}} },
		"no status":          func(e *Event) { e.Kind, e.Status = HoldShipped, 0 },
		"negative level":     func(e *Event) { e.Kind, e.Levels = StockSet, []StockLevel{{0, 0, -1, 0}} },
		"too high a limit":   func(e *Event) { e.Kind, e.Limits = LimitSet, []CapacityLimit{{0, 0, 0, MaxQuantity + 1}} },
		"empty receipt":      func(e *Event) { e.Kind, e.Receipts = Planned, []Receipt{{0, 0, 0, 5}} },
		"empty name":         func(e *Event) { e.Kind, e.SKUs = Extended, []string{""} },
	} {
		e := good()
		spoil(&e)
		if err := ReadEvent(AppendEvent(nil, &e), &read); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := good()
	raw := AppendEvent(nil, &e)
	raw[0]++
	if err := ReadEvent(raw, &read); !errors.Is(err, ErrFormat) {
		t.Errorf("newer version: %v", err)
	}
	long := append([]byte{eventVersion, byte(Extended), 0x83, 0x00}, raw...) // the sequence with a zero too much
	if err := ReadEvent(long, &read); !errors.Is(err, ErrFormat) {
		t.Errorf("overlong number: %v", err)
	}
}

// What the first version wrote, with all of SHA-256 for each request's body, is read as what this one writes: testdata has 300
// commands' events, each behind its length, and the state that they came to.
func TestTheFirstVersionIsRead(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/events.v1")
	must(err)
	asked, s := 0, NewState(Config{Retention: 86_400})
	for e := new(Event); len(raw) > 0; {
		n, size := binary.Uvarint(raw)
		wide := raw[size:][:n]
		raw = raw[size:][n:]
		if wide[0] != wideVersion {
			t.Fatalf("an event of version %d", wide[0])
		}
		if err := ReadEvent(wide, e); err != nil {
			t.Fatal(err)
		}
		narrow := len(wide)
		if e.Request.ID != "" {
			asked++
			narrow -= len(e.Request.Body)
		}
		if again := AppendEvent(nil, e); len(again) != narrow || again[0] != eventVersion {
			t.Fatalf("%x is read as %+v, which is %x", wide, e, again)
		}
		if err := s.Replay(e); err != nil {
			t.Fatal(err)
		}
	}
	if asked < 50 {
		t.Errorf("%d events with a request", asked)
	}
	state, err := os.ReadFile("testdata/state.v1")
	must(err)
	read := readState(t, state)
	s.advance(read.now) // refused commands move the clock, too
	if a, b := dump(read), dump(s); a != b || s.holds.len() < 3 || s.answered.len() < 3 || s.refused.len() < 2 {
		t.Errorf("read:\n%s\nof the events:\n%s", a, b)
	}
	if a, b := written(t, read), written(t, s); !bytes.Equal(a, b) {
		t.Errorf("read and written:\n%q\nof the events:\n%q", a, b)
	}
}

// FuzzReadEvent: no bytes panic, and what is read is written as the same bytes; a state either follows or stays as it is.
func FuzzReadEvent(f *testing.F) {
	events, _ := history(1, 150)
	for i := range events {
		f.Add(AppendEvent(nil, &events[i]))
	}
	f.Add(binary.AppendUvarint([]byte{eventVersion, byte(StockSet), 1, 1, 0}, 1<<40)) // a list that is not there
	s := replayed(f, events)
	before := dump(s)
	var e Event
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := ReadEvent(raw, &e); err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if again := AppendEvent(nil, &e); !bytes.Equal(again, raw) && raw[0] != wideVersion {
			t.Fatalf("%x is read as %+v, which is %x", raw, &e, again)
		}
		e.Sequence, e.At = s.sequence+1, s.now // a refusal may move the clock, which would show
		if s.Replay(&e) == nil {
			_ = written(t, readState(t, written(t, s)))
			s = replayed(t, events)
		} else if after := dump(s); after != before {
			t.Fatalf("%+v was refused but changed the state:\n%s\nwas\n%s", &e, after, before)
		}
	})
}

// benchmarkEvents returns the bytes of n events of a usual mix, and the state before them: of 16 holds with 2 lines
// each, 12 are confirmed and shipped, 2 released and 2 expire.
func benchmarkEvents(n int) (before, events []byte, ends []int) {
	const warehouses, skus = 50, 20_000
	s := NewState(Config{Sink: func(e *Event) {
		events = AppendEvent(events, e)
		ends = append(ends, len(events))
	}})
	must(s.Extend(noon, ids("warehouse-", warehouses), ids("sku-", skus), ids("service-", 8), []string{"v1"}))
	levels := make([]StockLevel, 0, skus)
	for w := range Warehouse(warehouses) {
		levels = levels[:0]
		for sku := range SKU(skus) {
			levels = append(levels, StockLevel{w, sku, 1_000_000, 2})
		}
		_, err := s.SetStock(noon, Request{}, levels)
		must(err)
		must(s.SetCapacity(noon, []CapacityLimit{{w, AnyService, EveryDay, 500_000_000}}))
	}
	var b bytes.Buffer
	must(s.Write(&b))
	events, ends = nil, nil // only the mix is measured
	rng := rand.New(rand.NewPCG(5, 5))
	question, answer := make([]byte, 150), make([]byte, 350)
	for at := noon; len(ends) < n; at++ {
		for i := range 16 {
			w, w2 := Warehouse(rng.IntN(warehouses)), Warehouse(rng.IntN(warehouses))
			req := Request{ID: fmt.Sprintf("request-%d-%d", at, i)}
			h, err := s.Allocate(&Allocation{
				Request: req, At: at, Order: "order-1234567", TTL: 3,
				Stock:     []StockClaim{{w, SKU(rng.IntN(skus)), 1}, {w2, SKU(rng.IntN(skus)), 2}},
				Shipments: []ShipmentClaim{{w, 1, units.Date(at / 86_400), 1}, {w2, 1, units.Date(at / 86_400), 1}},
				Basis:     Basis{Network: 1, Sequence: s.sequence, At: at}, Question: question, Answer: answer,
			})
			must(err)
			switch {
			case i < 12:
				_, err = s.Confirm(at, h.ID, Request{})
				must(err)
				_, err = s.Ship(at, h.ID, Request{}, nil)
				must(err)
			case i < 14:
				_, err = s.Release(at, h.ID, Request{}, nil)
				must(err)
			}
		}
	}
	return b.Bytes(), events, ends
}

// BenchmarkReplay decodes events and applies them, as a restart does.
func BenchmarkReplay(b *testing.B) {
	before, events, ends := benchmarkEvents(400_000)
	b.SetBytes(int64(len(events)))
	b.ReportAllocs()
	var e Event
	for b.Loop() {
		b.StopTimer()
		s, err := ReadState(bytes.NewReader(before), Config{})
		must(err)
		runtime.GC()
		b.StartTimer()
		at := 0
		for _, end := range ends {
			must(ReadEvent(events[at:end], &e))
			must(s.Replay(&e))
			at = end
		}
	}
	b.ReportMetric(float64(len(ends)*b.N)/b.Elapsed().Seconds(), "events/s")
}

// TestBodyHashesStay has what others say is XXH3 of 128 bits: the reference implementation of nothing, an online calculator of
// abc (emn178.github.io/online-tools/xxhash128), and the manual of a data pipeline of the rest (docs.edgedelta.com/converter-xxh128).
// Holds are kept with their hashes.
func TestBodyHashesStay(t *testing.T) {
	for asked, want := range map[string]string{
		"":              "99aa06d3014798d86001c324468d497f",
		"abc":           "06b05ab6733a618578af5f94892f3950",
		"Hello, World!": "531df2844447dd5077db03842cd75395",
		"The quick brown fox jumps over the lazy dog": "ddd650205ca3e7fa24a1cc2e3a8a7651",
	} {
		if got := fmt.Sprintf("%x", HashBody([]byte(asked))); got != want {
			t.Errorf("HashBody(%q) is %s, not %s", asked, got, want)
		}
	}
}
