package history

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// A story is a history as plain orders and moves: what tests write files of.
type story struct {
	orders []told
	moves  []Move
}

type told struct {
	at    units.Instant
	value units.Money
	engine.Order
}

const start units.Instant = 1_793_000_000 // in October 2026

// randomStory has orders of all kinds, in time order, with moves between them.
func randomStory(rng *rand.Rand, n int) *story {
	s := &story{}
	names := []string{"mug", "skillet", "łyżka", `the "big" one`, "a,b", "cutting-board-xl-oak"}
	houses := []string{"reno", "columbus"}
	at := start
	for i := range n {
		at += units.Instant(rng.IntN(3))
		if rng.IntN(10) == 0 {
			m := Move{At: at, Kind: Kind(1 + rng.IntN(3)), Warehouse: houses[rng.IntN(2)], SKU: names[rng.IntN(len(names))], Quantity: 1 + rng.Int32N(500)}
			switch m.Kind {
			case Adjust:
				m.Quantity = -m.Quantity
			case Inbound:
				m.Due = at + units.Instant(rng.IntN(1_000_000))
			}
			s.moves = append(s.moves, m)
		}
		o := told{at: at, Order: engine.Order{ID: "o-" + strconv.Itoa(i)}}
		for range 1 + rng.IntN(4) {
			o.Lines = append(o.Lines, engine.Line{SKU: names[rng.IntN(len(names))], Quantity: 1 + rng.Int64N(9)})
		}
		switch rng.IntN(10) {
		case 0:
			o.CollectAt = houses[rng.IntN(2)]
		case 1:
			o.To = engine.Destination{Point: &geo.Point{Lat: rng.Float64()*180 - 90, Lng: float64(rng.IntN(360) - 180)}, TimeZone: "America/New_York"}
		default:
			o.To = engine.Destination{Postal: fmt.Sprintf("%05d", rng.IntN(50)), Commercial: rng.IntN(5) == 0}
			o.To.Country = []string{"", "US", "CA"}[rng.IntN(3)]
		}
		switch rng.IntN(5) {
		case 0:
			o.Promise.Instant = at + units.Instant(rng.IntN(900_000)) + 1
		case 1, 2, 3:
			o.Promise.Date = units.Date(at/86_400) + units.Date(rng.IntN(9))
		}
		if rng.IntN(6) == 0 {
			o.Services = [][]string{{"ground"}, {"ground", "two-day"}, {"two-day", "ground"}}[rng.IntN(3)]
		}
		if rng.IntN(2) == 0 {
			o.value = units.Money(rng.IntN(200_000_000))
		}
		s.orders = append(s.orders, o)
	}
	return s
}

// rows yields orders and moves in time order; a move comes before the orders of its moment.
func (s *story) rows(order func(o *told), move func(m *Move)) {
	next := 0
	for i := range s.orders {
		for ; next < len(s.moves) && s.moves[next].At <= s.orders[i].at; next++ {
			move(&s.moves[next])
		}
		order(&s.orders[i])
	}
	for ; next < len(s.moves); next++ {
		move(&s.moves[next])
	}
}

// jsonl writes JSON Lines, with names spelt either way where rng says so.
func (s *story) jsonl(rng *rand.Rand) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(rng.IntN(2) == 0)
	either := func(a, b string) string {
		if rng.IntN(2) == 0 {
			return a
		}
		return b
	}
	put := func(m map[string]any) {
		if err := e.Encode(m); err != nil {
			panic(err)
		}
	}
	s.rows(func(o *told) {
		m := map[string]any{"id": o.ID, either("orderedAt", "ordered_at"): o.at.String()}
		var lines []any
		for _, l := range o.Lines {
			q := any(l.Quantity)
			if rng.IntN(4) == 0 {
				q = strconv.FormatInt(l.Quantity, 10)
			}
			lines = append(lines, map[string]any{"sku": l.SKU, "quantity": q})
		}
		m["lines"] = lines
		to := map[string]any{}
		if o.To.Postal != "" {
			to[either("postalCode", "postal_code")] = o.To.Postal
		}
		if o.To.Country != "" {
			to["country"] = o.To.Country
		}
		if p := o.To.Point; p != nil {
			to["point"] = map[string]any{"latitude": p.Lat, "longitude": p.Lng}
		}
		if o.To.TimeZone != "" {
			to[either("timeZone", "time_zone")] = o.To.TimeZone
		}
		if o.To.Commercial {
			to["commercial"] = true
		}
		if len(to) > 0 {
			m["to"] = to
		}
		if o.Promise.Date != 0 {
			m[either("promiseDate", "promise_date")] = o.Promise.Date.String()
		}
		if o.Promise.Instant != 0 {
			m[either("promiseAt", "promise_at")] = o.Promise.Instant.String()
		}
		if o.CollectAt != "" {
			m[either("collectAt", "collect_at")] = o.CollectAt
		}
		if len(o.Services) > 0 {
			m["services"] = o.Services
		}
		if o.value != 0 {
			m["value"] = o.value.String()
		}
		put(m)
	}, func(v *Move) {
		m := map[string]any{
			"stock": []string{"", "adjust", "set", "inbound"}[v.Kind], "at": v.At.String(), "warehouse": v.Warehouse, "sku": v.SKU, "quantity": v.Quantity,
		}
		if v.Due != 0 {
			m["due"] = v.Due.String()
		}
		put(m)
	})
	return b.Bytes()
}

// csv writes CSV, with columns in any order and what holds for the whole order in the first row or in all.
func (s *story) csv(rng *rand.Rand) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	names := slices.Clone(columnNames[:])
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	put := func(row map[string]string) {
		fields := make([]string, len(names))
		for i, n := range names {
			fields[i] = row[n]
			delete(row, n)
		}
		if len(row) > 0 {
			panic(fmt.Sprint("no column for ", row))
		}
		if err := w.Write(fields); err != nil {
			panic(err)
		}
	}
	_ = w.Write(names)
	date := func(d units.Date) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	moment := func(t units.Instant) string {
		if t == 0 {
			return ""
		}
		return t.String()
	}
	s.rows(func(o *told) {
		all := rng.IntN(2) == 0
		for i, l := range o.Lines {
			row := map[string]string{"order_id": o.ID, "sku": l.SKU, "quantity": strconv.FormatInt(l.Quantity, 10)}
			if i == 0 || all {
				row["ordered_at"], row["postal_code"], row["country"], row["time_zone"] = o.at.String(), o.To.Postal, o.To.Country, o.To.TimeZone
				row["promise_date"], row["promise_at"], row["collect_at"] = date(o.Promise.Date), moment(o.Promise.Instant), o.CollectAt
				row["services"] = strings.Join(o.Services, ";")
				if o.To.Commercial {
					row["commercial"] = "yes"
				}
				if p := o.To.Point; p != nil {
					row["latitude"], row["longitude"] = strconv.FormatFloat(p.Lat, 'g', -1, 64), strconv.FormatFloat(p.Lng, 'g', -1, 64)
				}
				if o.value != 0 {
					row["value"] = o.value.String()
				}
			}
			put(row)
		}
	}, func(m *Move) {
		put(map[string]string{
			"event": []string{"", "adjust", "set", "inbound"}[m.Kind], "ordered_at": m.At.String(), "warehouse": m.Warehouse, "sku": m.SKU,
			"quantity": strconv.Itoa(int(m.Quantity)), "due": moment(m.Due),
		})
	})
	w.Flush()
	return b.Bytes()
}

func read(t testing.TB, o ReadOptions, files ...File) *History {
	t.Helper()
	h, bad, err := Read(t.Context(), files, o)
	if err != nil {
		t.Fatal(err)
	}
	if bad != nil {
		t.Fatalf("something was left out: %v %v", bad, bad.Faults)
	}
	return h
}

// bare is a history without where it came from.
func bare(h *History) History {
	c := *h
	c.Row, c.File, c.Files = nil, nil, nil
	c.Moves = slices.Clone(c.Moves)
	for i := range c.Moves {
		c.Moves[i].File, c.Moves[i].Row = 0, 0
	}
	if len(c.Moves) == 0 {
		c.Moves = nil
	}
	return c
}

func rng(t testing.TB) *rand.Rand {
	t.Helper()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestFormatsReadEqual reads one history from three formats, with several numbers of workers, and against what was told.
func TestFormatsReadEqual(t *testing.T) {
	r := rng(t)
	for round := range 30 {
		n := r.IntN(200) + 1
		if round == 0 && !testing.Short() {
			n = 20_000 // several pieces of a file
		}
		s := randomStory(r, n)
		h := read(t, ReadOptions{Workers: 1}, Bytes("o.jsonl", s.jsonl(r)))
		if h.Len() != len(s.orders) || len(h.Moves) != len(s.moves) {
			t.Fatalf("%d orders and %d moves of %d and %d", h.Len(), len(h.Moves), len(s.orders), len(s.moves))
		}
		var o engine.Order
		for i := range s.orders {
			want := &s.orders[i]
			h.Order(i, &o)
			value := units.Money(0)
			if h.Value != nil {
				value = h.Value[i]
			}
			if h.At[i] != want.at || value != want.value || !reflect.DeepEqual(o, want.Order) {
				t.Fatalf("order %d: %+v at %v of %v, want %+v", i, o, h.At[i], value, want)
			}
		}
		for i, m := range h.Moves {
			m.Row, m.File = 0, 0
			if m != s.moves[i] {
				t.Fatalf("move %d: %+v, want %+v", i, m, s.moves[i])
			}
		}
		var table bytes.Buffer
		if err := h.WriteParquet(&table); err != nil {
			t.Fatal(err)
		}
		want := bare(h)
		for _, f := range []File{Bytes("o.jsonl", s.jsonl(r)), Bytes("o.csv", s.csv(r)), Bytes("o.parquet", table.Bytes())} {
			for _, workers := range []int{1, 3} {
				got := bare(read(t, ReadOptions{Workers: workers}, f))
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s, %d workers: not the same\n%+v\n%+v", f.Name, workers, got, want)
				}
			}
		}
	}
}

// TestHashTellsApart changes one thing at a time.
func TestHashTellsApart(t *testing.T) {
	const base = `{"id":"a","orderedAt":"2026-11-02T15:04:05Z","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"},"value":"5"}`
	seen := map[string]string{}
	for _, line := range []string{
		base,
		strings.Replace(base, `"a"`, `"b"`, 1),
		strings.Replace(base, `:05Z`, `:06Z`, 1),
		strings.Replace(base, `mug`, `cup`, 1),
		strings.Replace(base, `:2}`, `:3}`, 1),
		strings.Replace(base, `10001`, `10002`, 1),
		strings.Replace(base, `"5"`, `"6"`, 1),
		strings.Replace(base, `,"value":"5"`, ``, 1),
		strings.Replace(base, `"value"`, `"collectAt":"reno","value"`, 1),
		strings.Replace(base, `"value"`, `"services":["ground"],"value"`, 1),
		strings.Replace(base, `"value"`, `"promiseDate":"2026-11-05","value"`, 1),
		strings.Replace(base, `"value"`, `"promiseAt":"2026-11-05T00:00:00Z","value"`, 1),
		strings.Replace(base, `"postalCode"`, `"commercial":true,"postalCode"`, 1),
		base + "\n" + `{"stock":"set","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":0}`,
		base + "\n" + `{"stock":"set","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1}`,
	} {
		h := read(t, ReadOptions{}, Bytes("o.jsonl", []byte(line)))
		if was, ok := seen[h.Hash]; ok {
			t.Errorf("one hash for\n%s\n%s", was, line)
		}
		seen[h.Hash] = line
	}
	if a, b := read(t, ReadOptions{}, Bytes("o.jsonl", []byte(base))), read(t, ReadOptions{}, Bytes("other.jsonl", []byte("\n\n"+base+"\r\n"))); a.Hash != b.Hash {
		t.Error("the hash depends on where an order stands")
	}
}

func faultsOf(t testing.TB, err error) []faults.Fault {
	t.Helper()
	fe, ok := errors.AsType[*faults.Error](err)
	if !ok {
		t.Fatalf("not faults: %v", err)
	}
	return fe.Faults
}

func refused(t testing.TB, o ReadOptions, files ...File) string {
	t.Helper()
	h, _, err := Read(t.Context(), files, o)
	if err == nil {
		t.Fatalf("it was read: %+v", h)
	}
	var lines []string
	for _, f := range faultsOf(t, err) {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}
