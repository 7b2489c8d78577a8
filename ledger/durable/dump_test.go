package durable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// eventful returns a journal with restarts, snapshots, networks and, if wanted, trimmed records.
func eventful(tb testing.TB, rng *rand.Rand, trimmed bool, commands int) journal.Journal {
	tb.Helper()
	j := keep{journal.NewMemory()}
	o := options()
	if !trimmed {
		o.Keep = -1
	}
	s := mustOpen(tb, j, o)
	setUp(tb, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	for i := range 4 {
		u.steps(tb, commands)
		if i != 2 {
			if err := s.Snapshot(); err != nil {
				tb.Fatal(err)
			}
		}
		if i == 1 {
			if err := s.PutNetwork("version-1", fstest.MapFS{"a": {Data: noise(rng, 100)}}); err != nil {
				tb.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			tb.Fatal(err)
		}
		s = mustOpen(tb, j, o)
		u.ledger = s.Ledger()
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	if trimmed == (s.Oldest() == 0) {
		tb.Fatalf("the oldest is %d", s.Oldest())
	}
	return j
}

func dump(tb testing.TB, j journal.Journal) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := Dump(j, &b, nil); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestDumpRestoreDumpAreEqual(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for _, trimmed := range []bool{false, true} {
		from := eventful(t, rng, trimmed, 100)
		one := dump(t, from)
		to := journal.NewMemory()
		var done, total uint64
		if err := Restore(to, bytes.NewReader(one), func(d, of uint64) { done, total = d, of }); err != nil {
			t.Fatal(err)
		}
		if done != total || done == 0 {
			t.Errorf("progress ended at %d of %d", done, total)
		}
		if two := dump(t, to); !bytes.Equal(one, two) {
			t.Errorf("trimmed %v: another dump of %d bytes instead of %d", trimmed, len(two), len(one))
		}
		a, err := Verify(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Verify(to, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.State != b.State || a.Last != b.Last || a.Snapshots != b.Snapshots || b.Networks != 1 {
			t.Errorf("%+v\n%+v", a, b)
		}
		s := mustOpen(t, to, options())
		if err := s.Ledger().Extend(midnight+1<<20, []string{"it goes on"}, nil, nil, nil); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestADumpReadsWell(t *testing.T) {
	j := keep{journal.NewMemory()}
	s := mustOpen(t, j, options())
	l := s.Ledger()
	setUp(t, l)
	h, err := l.Allocate(&ledger.Allocation{
		Request: ledger.Request{ID: "r<1>", Body: body("r")}, Order: "order-1", At: midnight, TTL: 60,
		Stock: []ledger.StockClaim{{Warehouse: 1, SKU: 2, Quantity: 3}}, Shipments: []ledger.ShipmentClaim{{Warehouse: 1, Service: 1, Date: today, Shipments: 1}},
		Basis: ledger.Basis{Network: 1, Sequence: 3, At: midnight - 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Release(midnight+1, h.ID, ledger.Request{}, []ledger.StockClaim{{Warehouse: 1, SKU: 2, Quantity: 2}}); err != nil {
		t.Fatal(err)
	}
	if err := l.AddReceipts(midnight+1, ledger.Request{}, []ledger.Receipt{{Warehouse: 0, SKU: 0, Quantity: 1, From: midnight + 2}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Advance(midnight + 60); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for in := bufio.NewScanner(bytes.NewReader(dump(t, j))); in.Scan(); {
		var l struct {
			Type  string          `json:"type"`
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if l.Type == "record" {
			got = append(got, string(l.Event))
		}
	}
	want := []string{
		`{"sequence":1,"at":"2026-09-21T00:00:00Z","kind":"extended","warehouses":["warehouse-0","warehouse-1","warehouse-2"],` +
			`"skus":["sku-0","sku-1","sku-2","sku-3","sku-4"],"services":["service-0","service-1"],"networks":["version-1"]}`,
		``,
		`{"sequence":3,"at":"2026-09-21T00:00:00Z","kind":"capacity set","limits":[{"warehouse":"warehouse-0","shipments":50},` +
			`{"warehouse":"warehouse-1","service":"service-1","date":"2026-09-22","shipments":3}]}`,
		`{"sequence":4,"at":"2026-09-21T00:00:00Z","kind":"held","request_id":"r<1>","hold":1,"order":"order-1","status":"pending","expires":"2026-09-21T00:01:00Z",` +
			`"basis":{"network":"version-1","sequence":3,"at":"2026-09-20T23:59:59Z"},"items":[{"warehouse":"warehouse-1","sku":"sku-2","quantity":3}],` +
			`"shipments":[{"warehouse":"warehouse-1","service":"service-1","date":"2026-09-21","shipments":1}]}`,
		`{"sequence":5,"at":"2026-09-21T00:00:01Z","kind":"released","hold":1,"status":"pending","items":[{"warehouse":"warehouse-1","sku":"sku-2","quantity":2}]}`,
		`{"sequence":6,"at":"2026-09-21T00:00:01Z","kind":"receipts planned","receipts":[{"warehouse":"warehouse-0","sku":"sku-0","quantity":1,"from":"2026-09-21T00:00:02Z"}]}`,
		`{"sequence":7,"at":"2026-09-21T00:00:02Z","kind":"receipt arrived","receipts":[{"warehouse":"warehouse-0","sku":"sku-0","quantity":1,"from":"2026-09-21T00:00:02Z"}]}`,
		`{"sequence":8,"at":"2026-09-21T00:01:00Z","kind":"expired","hold":1,"status":"expired"}`,
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if want[i] != "" && got[i] != want[i] {
			t.Errorf("record %d\n got %s\nwant %s", i+1, got[i], want[i])
		}
	}
}

// TestADumpThatWasCutOrChangedIsRefused cuts a dump at every line and inside lines, and flips bits all over it.
func TestADumpThatWasCutOrChangedIsRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	whole := dump(t, eventful(t, rng, true, 10))
	check := func(what string, at int, text []byte) {
		t.Helper()
		j := journal.NewMemory()
		err := Restore(j, bytes.NewReader(text), nil)
		if err == nil {
			t.Fatalf("%s at byte %d of %d was restored: %.200q", what, at, len(whole), text[max(0, at-100):])
		}
		if !errors.Is(err, ErrDump) && !errors.Is(err, journal.ErrFormat) {
			t.Fatalf("%s at byte %d: %v", what, at, err)
		}
		if text := err.Error(); strings.Contains(text, "durable: ") || strings.Contains(text, "journal: ") || strings.Contains(text, "journal is damaged") {
			t.Fatalf("%s at byte %d is told as %q", what, at, text)
		}
		if _, err := Open(keep{j}, options()); err == nil {
			if _, end := j.Bounds(); end.Sequence > 0 {
				t.Fatalf("%s at byte %d: what was restored of it can be opened", what, at)
			}
		} else if !errors.Is(err, ErrUnfinished) && !errors.Is(err, ErrNetwork) {
			t.Fatalf("%s at byte %d: opening: %v", what, at, err)
		}
	}
	step := max(1, len(whole)/1500)
	switch {
	case long():
		step = 1
	case testing.Short():
		step *= 10
	}
	for at := rng.IntN(step); at < len(whole); at += step {
		check("a cut", at, whole[:at])
		text := bytes.Clone(whole)
		text[at] ^= 1 << rng.IntN(8)
		check("a flip", at, text)
	}
	for at := range whole {
		if whole[at] == '\n' && at+1 < len(whole) {
			check("a cut", at+1, whole[:at+1])
		}
	}
	check("another spelling", len(whole)-1, bytes.Replace(whole, []byte(`{"type":"end"`), []byte(`{"Type":"end"`), 1))
	check("more", len(whole), append(bytes.Clone(whole), '\n'))
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for i := range len(lines) - 1 {
		check("a missing line", i, bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil))
	}
	if err := Restore(journal.NewMemory(), bytes.NewReader(whole), nil); err != nil {
		t.Errorf("the control: %v", err)
	}
}

func TestRestoreNeedsAnEmptyJournal(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	j := eventful(t, rng, false, 10)
	text := dump(t, j)
	if err := Restore(j, bytes.NewReader(text), nil); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "new directory") {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(dump(t, j), text) {
		t.Error("the journal was changed")
	}
}

func TestVerifyFindsASnapshotThatTheRecordsDoNotMake(t *testing.T) {
	j := keep{journal.NewMemory()}
	o := options()
	o.Keep = -1
	s := mustOpen(t, j, o)
	setUp(t, s.Ledger())
	state, err := s.StateAt(s.Last())
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Extend(midnight, []string{"nobody's"}, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledger().Extend(midnight, []string{"somebody's"}, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, end := j.Bounds()
	if _, err := j.WriteSnapshot(s.epoch, end, state.Write); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(j, nil); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "not what the records before it make") || r.Last != end.Sequence {
		t.Errorf("%+v %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
