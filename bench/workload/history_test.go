package workload

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// write writes a history as a Parquet file and returns its path.
func write(t *testing.T, dir, name string, h *history.History) string {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.WriteParquet(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHistory holds a season against the events of the stream, and against what comes back from a file.
func TestHistory(t *testing.T) {
	w := made(t, tiny, 4)
	const d = 45 * time.Second // a sale and something after it
	h, err := w.History(d)
	if err != nil {
		t.Fatal(err)
	}
	s := w.Events(w.Arrivals())
	orders, moves := 0, 0
	var got engine.Order
	for e := (Event{}); s.Next(&e) && e.Due < d; {
		at := w.Start() + units.Instant(e.Due/time.Second)
		switch e.Kind {
		case Allocate:
			if h.Order(orders, &got); !reflect.DeepEqual(got, e.Order) || h.At[orders] != at {
				t.Fatalf("order %d is %+v, want %+v", orders, got, e.Order)
			}
			orders++
		case Restock:
			if m := h.Moves[moves]; m.At != at || m.Kind != history.Adjust || m.Warehouse != e.Warehouse || m.SKU != e.SKU || m.Quantity != e.Quantity {
				t.Fatalf("move %d is %+v, want %+v", moves, m, e)
			}
			moves++
		}
	}
	if orders != h.Len() || moves != len(h.Moves) || orders < 4_000 || moves < 1_500 {
		t.Errorf("%d orders and %d moves of %d and %d", orders, moves, h.Len(), len(h.Moves))
	}
	back, _, err := history.Read(t.Context(), []history.File{history.OSFile(write(t, t.TempDir(), "season.parquet", h))}, history.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash != h.Hash {
		t.Errorf("what was written has hash %s, want %s", back.Hash, h.Hash)
	}
	if _, err := w.History(0); err == nil {
		t.Error("a season without length was made")
	}
	if _, err := w.History(1); err == nil {
		t.Error("a season without orders was made")
	}
}

// A replayed is what a run tells of: by order, the units of every SKU that are shipped.
type replayed struct {
	ids    []string
	orders map[int]map[string]int64
}

// Prepare implements simulate.Sink.
func (r *replayed) Prepare(b *simulate.Block) (any, error) {
	out := map[int]map[string]int64{}
	for i := range b.Orders {
		o := &b.Orders[i]
		if o.Malformed {
			return nil, fmt.Errorf("order %d is malformed", b.First+i)
		}
		n := map[string]int64{}
		for _, sh := range b.Shipments[o.Shipments[0]:o.Shipments[1]] {
			for _, it := range b.Items[sh.Items[0]:sh.Items[1]] {
				n[r.ids[it.SKU]] += int64(it.Quantity)
			}
		}
		out[b.First+i] = n
	}
	return out, nil
}

// Write implements simulate.Sink.
func (r *replayed) Write(prepared any) error {
	maps.Copy(r.orders, prepared.(map[int]map[string]int64))
	return nil
}

// TestReplay replays a season on the workload's own network, whose stock is plenty: what is shipped is what the orders of the stream
// ask for.
func TestReplay(t *testing.T) {
	w := made(t, tiny, 6)
	d := 35 * time.Second
	if testing.Short() {
		d = 3 * time.Second
	}
	h, err := w.History(d)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := network.Compile(w.Source(), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &simulate.Input{Name: "replay", Epochs: []simulate.Epoch{{Snapshot: snap}}, Stock: w.Source().Stock, History: h}
	sink := &replayed{ids: snap.SKUs.IDs, orders: map[int]map[string]int64{}}
	rep, err := simulate.Run(context.Background(), in, simulate.Options{}, sink)
	if err != nil {
		t.Fatal(err)
	}
	s := w.Events(w.Arrivals())
	n := 0
	for e := (Event{}); s.Next(&e) && e.Due < d; {
		if e.Kind != Allocate {
			continue
		}
		want := map[string]int64{}
		for _, ln := range e.Order.Lines {
			want[ln.SKU] += ln.Quantity
		}
		if !reflect.DeepEqual(sink.orders[n], want) {
			t.Fatalf("order %d ships %v, want %v", n, sink.orders[n], want)
		}
		n++
	}
	if n != rep.Orders || n != len(sink.orders) || rep.Clamped > 0 || len(rep.Faults) > 0 {
		t.Errorf("%d orders, and %+v", n, rep)
	}
}
