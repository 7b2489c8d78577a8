package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

func small() design { return design{seed: 5, orders: 300, warehouses: 4, epochs: 2, seconds: 600} }

// wants fails unless err is a *faults.Error of exactly these faults, by what they print.
func wants(t *testing.T, err error, want ...string) {
	t.Helper()
	list, ok := errors.AsType[*faults.Error](err)
	if !ok {
		t.Fatalf("no faults: %v", err)
	}
	var got []string
	for _, f := range list.Faults {
		got = append(got, f.String())
	}
	if len(got) != len(want) {
		t.Fatalf("%d faults, and not %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("fault %d is\n%s\nand not\n%s", i, got[i], want[i])
		}
	}
}

func TestCheckListsEveryFault(t *testing.T) {
	in := small().make()
	in.Moves = nil
	h := in.History
	h.Moves = nil
	if err := Check(in); err != nil {
		t.Fatal(err)
	}
	sku := func(i int) int32 { return h.SKU[h.From[i]] }
	h.SKUs = append(slices.Clone(h.SKUs), strings.ToUpper(h.SKUs[sku(10)])+"x")
	h.SKU[h.From[10]] = int32(len(h.SKUs) - 1)
	h.Destinations[h.Dest[20]] = engine.Destination{Country: "US", Postal: "00001"}
	h.Promise[30] = units.Date(h.At[30]/86_400) - 2
	delete(h.Exact, 30)
	h.Units[h.From[40]] = 0
	h.Units[h.From[250]] = 2_000_000
	h.Row[250], h.Promise[250] = 0, units.Date(h.At[250]/86_400)-2
	delete(h.Exact, 250)
	orders := []string{
		"order " + h.ID(250) + " lines[0].quantity: 2000000 units; order from 1 to 100000 units in all",
		"order " + h.ID(250) + " promise.date:",
		`orders.jsonl:11 lines[0].sku: unknown SKU "S`, // with what was meant
		`orders.jsonl:21 to.postal_code: no place "00001" in "US"`,
		"orders.jsonl:31 promise.date:",
		"orders.jsonl:41 lines[0].quantity: 0 units",
	}
	wants(t, Check(in), orders...)
	if !strings.Contains(Check(in).Error(), "did you mean") {
		t.Error("nothing is suggested for a misspelt SKU")
	}

	in.Mishaps = []Mishap{{Carrier: "d", Lost: 10_001}, {Service: "b-0-01", Carrier: "a", Days: -1}, {Warehouse: "w0000", From: 9, Until: 8}}
	in.Moves = []history.Move{
		{At: h.At[0], Kind: history.Set, Warehouse: "w00000", SKU: h.SKUs[0], Quantity: -1},
		{At: h.At[0] - 1, Kind: 9, Warehouse: "w00000", SKU: "s000000"},
	}
	in.Stock = append(in.Stock, network.StockRow{Warehouse: "nowhere", SKU: h.SKUs[0], OnHand: -4, Line: 7})
	wants(t, Check(in), slices.Concat([]string{
		"stock moves[1]: the move comes",
		"stock moves[0]: -1 units; give 0 to 1000000000",
		`stock moves[1]: unknown SKU "s000000"; did you mean`,
		"stock moves[1]: the move is of kind 9",
		`mishaps[0].carrier: unknown carrier "d"`,
		"mishaps[0].lost: a chance of 100.01%",
		"mishaps[1].service: service b-0-01 is of carrier b, not of a",
		"mishaps[1].days: -1 days",
		`mishaps[2].warehouse: unknown warehouse "w0000"; did you mean`,
		"mishaps[2].until:",
	}, orders, []string{
		`stock.csv:7: unknown warehouse "nowhere"`,
		"stock.csv:7: -4 units on hand",
	})...)
}

// TestCheckTellsOfOrdersWhateverElseIsWrong has orders, moves, stock and times at fault at once, in two epochs, with orders out of
// their order on both sides of the change: the orders are asked about the network of their own time, and all is told.
func TestCheckTellsOfOrdersWhateverElseIsWrong(t *testing.T) {
	in := small().make()
	in.Moves = nil
	h := in.History
	h.Moves = nil
	change := slices.IndexFunc(h.At, func(at units.Instant) bool { return at >= in.Epochs[1].From })
	if change < 20 || change > h.Len()-20 {
		t.Fatalf("the network changes at order %d of %d", change, h.Len())
	}
	bad := []int{10, change - 1, change, h.Len() - 1}
	for _, i := range bad {
		h.Units[h.From[i]] = 0
	}
	h.At[change-1], h.At[change] = h.At[change], h.At[change-1]
	h.At[h.Len()-1] = 1 << 60
	in.Moves = []history.Move{{At: h.At[0], Kind: history.Adjust, Warehouse: "nowhere", SKU: h.SKUs[0], Quantity: 1}}
	in.Stock = append(in.Stock, network.StockRow{Warehouse: "w00000", SKU: h.SKUs[0], OnHand: -4, Line: 7})
	want := []string{
		"orders.jsonl:" + fmt.Sprint(change+1) + ": order " + h.ID(change) + " came",
		"orders.jsonl:" + fmt.Sprint(h.Len()) + ": order " + h.ID(h.Len()-1) + " came at second",
		`stock moves[0]: unknown warehouse "nowhere"`,
		"stock.csv:7: -4 units on hand",
		"orders.jsonl:11 lines[0].quantity: 0 units",
		"orders.jsonl:" + fmt.Sprint(change) + " lines[0].quantity: 0 units",
		"orders.jsonl:" + fmt.Sprint(change+1) + " lines[0].quantity: 0 units",
	}
	told := func(err error, want []string) {
		t.Helper()
		list, ok := errors.AsType[*faults.Error](err)
		if !ok || len(list.Faults) != len(want) {
			t.Fatalf("%v, want %d faults", err, len(want))
		}
		for _, w := range want {
			if !slices.ContainsFunc(list.Faults, func(f faults.Fault) bool { return strings.Contains(f.String(), w) }) {
				t.Errorf("nothing says %q of\n%v", w, err)
			}
		}
	}
	told(Check(in), want)
	_, err := Run(t.Context(), in, Options{MaxBad: 2}, nil)
	told(err, want)
	_, err = Run(t.Context(), in, Options{MaxBad: 3}, nil)
	told(err, want[:4]) // those that are tolerated need no mending
}

func TestCheckOfTimesAndEpochs(t *testing.T) {
	in := small().make()
	h := in.History
	h.At[5], h.At[6] = h.At[6]+1, h.At[5]
	wants(t, Check(in), "orders.jsonl:7: order o6 came")
	in.History = &history.History{}
	wants(t, Check(in), "history: the history has no orders")
	wants(t, Check(&Input{}), "history: the history has no orders")
	in = small().make()
	in.Epochs[1].From = in.Epochs[0].From
	wants(t, Check(in), "epochs[1]: it begins")
	in.Epochs = []Epoch{{From: in.History.At[0] + 1, Snapshot: in.Epochs[0].Snapshot}}
	wants(t, Check(in), "epochs[0]: it begins")
	other := small()
	other.seed++
	other.warehouses++
	in.Epochs = []Epoch{{Snapshot: other.make().Epochs[0].Snapshot}, {From: in.History.At[0], Snapshot: in.Epochs[0].Snapshot}}
	wants(t, Check(in), "epochs[1]: its rows are not those of the network before it")
	in.Epochs = nil
	wants(t, Check(in), "epochs: there is no network")
}

func TestMalformedOrdersAreCountedAndTold(t *testing.T) {
	d := small()
	d.bad = 10
	in := d.make()
	err := Check(in)
	list, ok := errors.AsType[*faults.Error](err)
	if !ok {
		t.Fatalf("nothing is wrong: %v", err)
	}
	bad := map[int]bool{}
	for _, f := range list.Faults {
		bad[f.Row] = true
	}
	_, err = Run(t.Context(), in, Options{MaxBad: len(bad) - 1}, &keeper{})
	if again, ok := errors.AsType[*faults.Error](err); !ok || len(again.Faults) != len(list.Faults) {
		t.Fatalf("one more than is tolerated: %v", err)
	}
	var sink keeper
	rep, err := Run(t.Context(), in, Options{MaxBad: len(bad)}, &sink)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Malformed != len(bad) || !slices.Equal(rep.Faults, list.Faults[:min(100, len(list.Faults))]) {
		t.Errorf("%d malformed, and not %d; faults %v", rep.Malformed, len(bad), rep.Faults)
	}
	for i, o := range sink.blocks[0].Orders {
		if o.Malformed != bad[i+1] {
			t.Errorf("order %d: malformed %v", i, o.Malformed)
		}
	}
}

func TestARunIsStoppedBetweenBlocks(t *testing.T) {
	in := small().make()
	for _, workers := range []int{1, 2, 5} {
		var whole, part keeper
		full := must(Run(t.Context(), in, Options{Workers: workers, size: 16}, &whole))
		ctx, cancel := context.WithCancel(t.Context())
		rep, err := Run(ctx, in, Options{Workers: workers, size: 16, Progress: func(done, total int) {
			if total != in.History.Len() {
				t.Errorf("%d in all", total)
			}
			if done >= 100 {
				cancel()
			}
		}}, &part)
		cancel()
		if err != nil || !rep.Stopped || rep.State != "" || rep.Hash == full.Hash {
			t.Fatalf("%+v, %v", rep, err)
		}
		if rep.Done != 112 || len(part.blocks) != rep.Done/16 {
			t.Errorf("%d orders done in %d blocks", rep.Done, len(part.blocks))
		}
		for i := range part.blocks {
			same(t, "a block", (&keeper{blocks: part.blocks[i : i+1]}).text(), (&keeper{blocks: whole.blocks[i : i+1]}).text())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rep, err := Run(ctx, in, Options{}, &keeper{})
	if err != nil || !rep.Stopped {
		t.Errorf("stopped before it began: %+v, %v", rep, err)
	}
}

func TestTheSinksErrorsAreTheRuns(t *testing.T) {
	in := small().make()
	full := errors.New("disk full")
	for _, workers := range []int{1, 3} {
		rep, err := Run(t.Context(), in, Options{Workers: workers, size: 16}, &keeper{fail: func(b *Block) error {
			if b.First >= 96 {
				return full
			}
			return nil
		}})
		if !errors.Is(err, full) || rep == nil || rep.Done > 96 || rep.Stopped {
			t.Errorf("%+v, %v", rep, err)
		}
		rep, err = Run(t.Context(), in, Options{Workers: workers, size: 16}, fullDisk{full})
		if !errors.Is(err, full) || rep.Done != 0 {
			t.Errorf("%+v, %v", rep, err)
		}
	}
}

type fullDisk struct{ err error }

func (fullDisk) Prepare(*Block) (any, error) { return nil, nil }
func (d fullDisk) Write(any) error           { return d.err }

func TestWorkersAreNeverMoreThanAsked(t *testing.T) {
	in := small().make()
	for _, workers := range []int{1, 2, 3} {
		seats := make(chan struct{}, workers)
		enter := func() {
			select {
			case seats <- struct{}{}:
			default:
				t.Errorf("more than %d at work", workers)
			}
		}
		rep := must(Run(t.Context(), in, Options{Workers: workers, size: 8, Pause: func() { enter(); <-seats }}, &keeper{fail: func(*Block) error {
			enter()
			<-seats
			return nil
		}}))
		if rep.Done != rep.Orders {
			t.Error(rep)
		}
	}
}

func TestMishaps(t *testing.T) {
	d := small()
	d.orders, d.epochs = 2_000, 1
	in := d.make()
	var sink keeper
	in.Mishaps = []Mishap{{Carrier: "a", Days: 2}, {Days: 1, Lost: 2_500}}
	must(Run(t.Context(), in, Options{NoFloor: true}, &sink))
	snap := in.Epochs[0].Snapshot
	lost, all := 0, 0
	for _, s := range sink.blocks[0].Shipments {
		want := int32(1)
		if snap.Carriers[snap.Services[s.Service].Carrier] == "a" {
			want = 3
		}
		if s.Delayed != want {
			t.Fatalf("delayed by %d days, and not %d", s.Delayed, want)
		}
		if all++; s.Lost {
			lost++
		}
	}
	if share := float64(lost) / float64(all); all < 500 || share < 0.2 || share > 0.3 {
		t.Errorf("%d of %d are lost, which should be a quarter", lost, all) // the same for ever: the seed is fixed
	}
	seeds := map[units.Probability]bool{}
	for i := range 100 {
		seeds[draw(1, fmt.Sprint(i), 0, 0)] = true
	}
	if len(seeds) < 90 {
		t.Errorf("%d different draws of 100", len(seeds))
	}
}

func TestTheLastUnitIsTold(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 2, Services: 3, SKUs: 1, Lines: -1, Places: 1, Promised: -1})
	defer w.Close()
	sku := w.Snapshot.SKUs.IDs[0]
	b := newBuilder()
	for i := range 5 {
		b.add(enginetest.Start+units.Instant(i*60), &engine.Order{ID: fmt.Sprint(i), Lines: []engine.Line{{SKU: sku, Quantity: 1}}, To: engine.Destination{Postal: "10001"}})
	}
	b.Moves = []history.Move{{At: enginetest.Start + 150, Kind: history.Set, Warehouse: "w00001", SKU: sku}} // breakage
	in := &Input{
		Epochs: []Epoch{{Snapshot: w.Snapshot}}, History: &b.History,
		Stock: []network.StockRow{{Warehouse: "w00000", SKU: sku, OnHand: 2}, {Warehouse: "w00001", SKU: sku, OnHand: 9}},
	}
	var sink keeper
	must(Run(t.Context(), in, Options{}, &sink))
	orders, shipments := sink.blocks[0].Orders, sink.blocks[0].Shipments
	near := shipments[0].Warehouse
	var want []StockOut
	if near == 0 { // the first two are sent from there
		want = []StockOut{{enginetest.Start + 60, 0, 0}, {enginetest.Start + 150, 0, 1}, {enginetest.Start + 150, 0, -1}}
	} else {
		want = []StockOut{{enginetest.Start + 150, 0, 1}, {enginetest.Start + 240, 0, 0}, {enginetest.Start + 240, 0, -1}}
	}
	if !slices.Equal(sink.blocks[0].StockOuts, want) {
		t.Errorf("%+v, and not %+v; orders %+v", sink.blocks[0].StockOuts, want, orders)
	}
}
