package scenario

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/history"
)

// orders of the small base: twelve, one every third day of ten from 2026-11-20 on, to Nevada and New York in turn, and what is
// counted and delivered beside them.
func smallOrders() []byte {
	var b strings.Builder
	postal := []string{"89502", "10001", "43215"}
	sku := []string{"mug", "paint", "mug", "sticker"}
	for i := range 12 {
		fmt.Fprintf(&b, `{"id":"o-%d","orderedAt":"2026-%02d-%02dT10:00:00Z","lines":[{"sku":%q,"quantity":%d}],"to":{"postalCode":%q}}`+"\n",
			i, 11+(20+3*i)/31, (20+3*i)%31+min(1, (20+3*i)/31), sku[i%4], 1+i%3, postal[i%3])
	}
	return []byte(b.String())
}

var small = sync.OnceValues(func() (*network.Source, error) { return network.Read(os.DirFS("../../engine/network/testdata/small")) })

// smallBase returns a small network as a base; moves are lines of JSON beside its orders.
func smallBase(t testing.TB, moves ...string) *Base {
	t.Helper()
	src, err := small()
	if err != nil {
		t.Fatal(err)
	}
	files := []history.File{history.Bytes("moves.jsonl", []byte(strings.Join(moves, "\n"))), history.Bytes("orders.jsonl", smallOrders())}
	if len(moves) == 0 {
		files = files[1:]
	}
	h, _, err := history.Read(t.Context(), files, history.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBase(src, h, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.Files = fstest.MapFS{
		"flat.yaml":   {Data: []byte("carrier: USPS\nservice: any\ncurrency: USD\neffective_from: 2026-12-01\neffective_to: 2026-12-31\nsource: {text: made up}\nstructures:\n  - {name: run, kind: flat, price: 7.00}\n")},
		"ups.yaml":    {Data: []byte("carrier: UPS\nservice: any\ncurrency: USD\neffective_from: 2026-01-01\nsource: {text: made up}\nstructures:\n  - {name: run, kind: flat, price: 9.00}\n")},
		"broken.yaml": {Data: []byte("carrier: USPS\nservice: any\ncurrency: USD\neffective_from: 2026-12-01\nsource: {text: made up}\nstructures: []\n")},
		"yen.yaml":    {Data: []byte("carrier: USPS\nservice: any\ncurrency: JPY\neffective_from: 2026-12-01\nsource: {text: made up}\nstructures:\n  - {name: run, kind: flat, price: 7.00}\n")},
	}
	return b
}

// read reads a scenario of changes, which stand from line 3 on.
func read(t testing.TB, changes string) *Scenario {
	t.Helper()
	sc, err := Read("s.yaml", []byte("name: x\nchanges:\n"+changes))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// only returns the one variant of a scenario of changes.
func only(t testing.TB, changes string) *Variant {
	t.Helper()
	runs := read(t, changes).Runs()
	if len(runs) != 1 {
		t.Fatalf("%d runs", len(runs))
	}
	return &runs[0]
}

// told returns the lines of a faults.Error; nothing for nil.
func told(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	fe, ok := errors.AsType[*faults.Error](err)
	if !ok {
		t.Fatalf("%v is no list of faults", err)
	}
	var lines []string
	for _, f := range fe.Faults {
		lines = append(lines, f.String())
	}
	return lines
}
