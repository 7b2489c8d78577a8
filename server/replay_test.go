package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/grpc/codes"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
)

// seed returns the seed of a random test: ALLOT_SEED, or a new one.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := seeds.New(t)
	if text := os.Getenv("ALLOT_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ALLOT_SEED=%d", n)
	return n
}

// A load is many callers of a server at once.
type load struct {
	s          *Server
	clock      *clock
	order      func(*rand.Rand) *allotv1.Order
	warehouses []string
	skus       []string
	networks   [][]*allotv1.NetworkFile // loaded in turn; may be none
	prefix     string                   // of request ids

	granted, refused, contended atomic.Int64
}

// run makes calls from as many goroutines: orders, what becomes of their holds, corrections of the stock, time that passes
// and networks that are loaded.
func (l *load) run(t *testing.T, seed uint64, callers, calls int) {
	t.Helper()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() { l.call(t, rand.New(rand.NewPCG(seed, uint64(caller))), caller, calls) })
	}
	all.Wait()
	t.Logf("%d granted, %d refused, %d contended", l.granted.Load(), l.refused.Load(), l.contended.Load())
}

func (l *load) call(t *testing.T, rng *rand.Rand, caller, calls int) {
	t.Helper()
	ctx := t.Context()
	var pending, confirmed []string
	take := func(of *[]string) string {
		i := rng.IntN(len(*of))
		id := (*of)[i]
		*of = slices.Delete(*of, i, i+1)
		return id
	}
	for i := range calls {
		id := fmt.Sprintf("%s%d/%d", l.prefix, caller, i)
		var err error
		switch n := rng.IntN(100); {
		case n < 60 || len(pending) == 0:
			var out *allotv1.AllocateResponse
			out, err = l.s.Allocate(ctx, allocate(id, l.order(rng)))
			switch {
			case err == nil && out.GetHold() != nil:
				l.granted.Add(1)
				pending = append(pending, out.GetHold().GetId())
			case err == nil:
				l.refused.Add(1)
			case statusOf(err).Code() == codes.Aborted:
				l.contended.Add(1)
				err = nil
			}
		case n < 70:
			h := take(&pending)
			if _, err = l.s.Confirm(ctx, &allotv1.ConfirmRequest{RequestId: id, HoldId: h}); err == nil {
				confirmed = append(confirmed, h)
			}
		case n < 80:
			_, err = l.s.Release(ctx, &allotv1.ReleaseRequest{RequestId: id, HoldId: take(&pending)})
		case n < 85 && len(confirmed) > 0:
			_, err = l.s.Ship(ctx, &allotv1.ShipRequest{RequestId: id, HoldId: take(&confirmed)})
		case n < 88 && len(confirmed) > 0:
			_, err = l.s.Cancel(ctx, &allotv1.CancelRequest{RequestId: id, HoldId: take(&confirmed)})
		case n < 97:
			_, err = l.s.AdjustStock(ctx, adjustStock(id, l.warehouses[rng.IntN(len(l.warehouses))], l.skus[rng.IntN(len(l.skus))], 1+rng.Int32N(3)))
		case n < 99 || len(l.networks) == 0:
			l.clock.advance(time.Duration(rng.IntN(120)) * time.Second)
		case caller == 0:
			_, err = l.s.Load(ctx, &allotv1.LoadRequest{RequestId: id, Files: l.networks[rng.IntN(len(l.networks))]})
		}
		if err != nil && statusOf(err).Code() != codes.FailedPrecondition { // expired meanwhile
			t.Errorf("call %s: %v", id, err)
			return
		}
	}
}

// replays makes decisions again and counts them by whether they came out the same. It stops at the first that did not,
// which it returns, unless all is set.
func replays(t *testing.T, past Past, o ReplayOptions, all bool) (same, different, unknown int, first *Replayed) {
	t.Helper()
	for one, err := range Replay(t.Context(), past, o) {
		switch {
		case err != nil:
			t.Fatal(err)
		case one.Unknown != nil:
			unknown++
		case one.Same():
			same++
		default:
			different++
			first = cmp.Or(first, one)
			if !all {
				return same, different, unknown, first
			}
		}
	}
	return same, different, unknown, first
}

func (r *Replayed) describe(t *testing.T) string {
	t.Helper()
	recorded, err := ReadDecision(r.Recorded)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadDecision(r.Decided)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("event %d on %+v (%s by %s):\n%v\n%v %v", r.Sequence, r.Basis, r.NetworkVersion, r.By, recorded, again, r.Refused)
}

// cornerLoad is a load on the corner shop, where capacities are tight and everybody wants the same three SKUs.
func cornerLoad(t *testing.T, s *Server, c *clock) *load {
	t.Helper()
	return &load{s: s, clock: c, warehouses: []string{"columbus", "reno"}, skus: []string{"mug", "lamp", "poster"},
		order: func(rng *rand.Rand) *allotv1.Order {
			o := order([]string{"10001", "94105", "60601", "99501"}[rng.IntN(4)], []string{"mug", "lamp", "poster"}[rng.IntN(3)], 1+rng.IntN(3))
			o.Id = fmt.Sprint("o-", rng.IntN(1000))
			if rng.IntN(2) == 0 {
				o.Lines = append(o.Lines, &allotv1.Line{Sku: "mug", Quantity: 1})
			}
			if rng.IntN(3) == 0 {
				o.Promise = &allotv1.Order_PromiseDate{PromiseDate: []string{"2026-11-20", "2026-11-24", "2026-12-01"}[rng.IntN(3)]}
			}
			return o
		},
		networks: [][]*allotv1.NetworkFile{
			shopFiles("", "", ""),
			shopFiles("warehouses.csv", "columbus,43215,14:00,2,1000,1.00", "columbus,43215,14:00,2,40,9.00"),
			shopFiles("skus.csv", "lamp,", "candle,1 lb,4 in,4 in,4 in\nlamp,"),
		},
	}
}

// TestEveryDecisionReplays makes all decisions of a concurrent load again, on the corner shop with networks changing, and in
// a larger world. Each must come out byte for byte the same, with one control: from other stock than was recorded some
// come out otherwise.
func TestEveryDecisionReplays(t *testing.T) {
	callers, calls := 16, 300
	if testing.Short() || enginetest.RaceDetector {
		calls = 50
	}
	if os.Getenv("ALLOT_LONG") != "" {
		calls = 10_000
	}
	check := func(t *testing.T, s *Server, o ReplayOptions, l *load) {
		t.Helper()
		store := s.cfg.Store
		same, different, unknown, first := replays(t, store, o, false)
		if different > 0 {
			t.Fatalf("after %d that are the same: %s", same, first.describe(t))
		}
		if want := l.granted.Load() + l.refused.Load(); int64(same) != want || unknown > 0 {
			t.Errorf("%d decisions replay, %d are unknown, want %d", same, unknown, want)
		}
		_, different, _, _ = replays(t, shifted{store}, o, true)
		t.Logf("%d replay; %d differ on other stock than they name", same, different)
		if different == 0 {
			t.Error("the stock that a decision names does not matter: the test says nothing")
		}
	}
	t.Run("corner shop", func(t *testing.T) {
		seed := seed(t)
		s, clock := newServer(t, func(c *Config) {
			stored(t, newTape(), nil)(c)
			c.Files = shopFS("warehouses.csv", "reno,89502,15:00,2,1000", "reno,89502,15:00,2,60")
		})
		defer s.stop(t)
		l := cornerLoad(t, s, clock)
		l.run(t, seed, callers, calls)
		check(t, s, ReplayOptions{}, l)
	})
	for name, config := range map[string]enginetest.Config{
		"world":      {Warehouses: 60, Services: 12, SKUs: 40, Stocked: 50, Lines: 3, Capacity: true, Classes: true, Policy: network.PolicySource{MaxShipments: 3, SplitCost: 1_000_000}},
		"late world": {Warehouses: 20, Services: 8, SKUs: 20, Stocked: 30, Lines: 4, Carbon: true, Policy: network.PolicySource{Late: "allow", LateCost: 2_000_000, Partial: "fill"}},
	} {
		t.Run(name, func(t *testing.T) {
			seed := seed(t)
			config.Seed = seed
			w := newWorld(t, config)
			s, _ := newServer(t, w.configure(t))
			defer s.stop(t)
			l := &load{s: s, clock: w.clock, skus: w.Snapshot.SKUs.IDs, order: w.order}
			for i := range w.Snapshot.Warehouses {
				l.warehouses = append(l.warehouses, w.Snapshot.Warehouses[i].ID)
			}
			l.run(t, seed, callers, calls)
			check(t, s, w.replay(), l)
		})
	}
}

// A world is a network that is in no files, with its stock and orders.
type world struct {
	*enginetest.World
	source network.Source
	clock  *clock
}

func newWorld(t *testing.T, config enginetest.Config) *world {
	t.Helper()
	w := &world{World: enginetest.New(config), clock: &clock{at: time.Unix(int64(enginetest.Start), 0)}}
	t.Cleanup(w.Close)
	w.source = *w.Source
	for sku, id := range w.Snapshot.SKUs.IDs {
		for i := range w.Snapshot.Warehouses {
			if n := w.Stock.Available[sku*w.Stock.Stride+i]; n > 0 {
				w.source.Stock = append(w.source.Stock, network.StockRow{Warehouse: w.Snapshot.Warehouses[i].ID, SKU: id, OnHand: n})
			}
		}
	}
	return w
}

func (w *world) compile(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
	snap, err := network.Compile(&w.source, prev)
	return snap, &network.Stock{Rows: w.source.Stock}, err
}

// configure makes servers serve the world and keep everything in a journal.
func (w *world) configure(t *testing.T) func(*Config) {
	t.Helper()
	return func(c *Config) {
		stored(t, newTape(), nil)(c)
		c.Files, c.Load, c.Now = nil, w.compile, w.clock.now
	}
}

// replay compiles the world for making decisions again.
func (w *world) replay() ReplayOptions {
	return ReplayOptions{Network: func(_ string, prev *network.Rows) (*network.Snapshot, *network.Stock, error) { return w.compile(prev) }}
}

func (w *world) order(rng *rand.Rand) *allotv1.Order {
	o, _ := w.Order(rng, 0)
	m := &allotv1.Order{Id: o.ID, To: &allotv1.Destination{Country: o.To.Country, PostalCode: o.To.Postal, Commercial: o.To.Commercial}}
	for _, line := range o.Lines {
		m.Lines = append(m.Lines, &allotv1.Line{Sku: line.SKU, Quantity: int32(line.Quantity)})
	}
	if o.Promise.Date != 0 {
		m.Promise = &allotv1.Order_PromiseDate{PromiseDate: o.Promise.Date.String()}
	}
	return m
}

// shifted is a past in which decisions name the stock a little before that which they saw.
type shifted struct{ *durable.Store }

func (s shifted) Events(after uint64) iter.Seq2[*ledger.Event, error] {
	const shift = 20
	return func(yield func(*ledger.Event, error) bool) {
		named := after // the latest event with names, which a decision must not see the stock before
		for e, err := range s.Store.Events(after) {
			if err == nil && e.Kind == ledger.Extended {
				named = e.Sequence
			}
			if err == nil && (e.Kind == ledger.Held || e.Kind == ledger.Declined) && e.Basis.Sequence >= named+shift {
				e.Basis.Sequence -= shift
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestReplaySelects picks decisions by what they are for.
func TestReplaySelects(t *testing.T) {
	s, _ := newServer(t, stored(t, newTape(), nil))
	defer s.stop(t)
	var holds []string
	for i, id := range []string{"o-1", "o-2", "o-1", ""} {
		o := order("10001", "mug", 1+i)
		o.Id = id
		out, err := s.Allocate(t.Context(), allocate(fmt.Sprint("r", i), o))
		if err != nil {
			t.Fatal(err)
		}
		holds = append(holds, out.GetHold().GetId())
	}
	if _, err := s.Allocate(t.Context(), allocate("r4", order("10001", "lamp", 9))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		o    ReplayOptions
		want string
	}{
		{ReplayOptions{}, "r0 r1 r2 r3 r4"},
		{ReplayOptions{Orders: []string{"o-1"}}, "r0 r2 r4"},
		{ReplayOptions{Orders: []string{"o-2", "none"}, Requests: []string{"r3"}}, "r1 r3"},
		{ReplayOptions{Holds: []string{holds[2]}}, "r2"},
		{ReplayOptions{Holds: []string{"99"}}, ""},
		{ReplayOptions{Orders: []string{""}}, ""},
	} {
		var got []string
		for one, err := range Replay(t.Context(), s.cfg.Store, tt.o) {
			if err != nil || !one.Same() || one.NetworkVersion != s.network.Load().snap.Version || one.By != one.NetworkVersion {
				t.Fatalf("%+v, %v", one, err)
			}
			if refused := one.Request == "r4"; refused != (one.Hold == "") {
				t.Errorf("%s has hold %q", one.Request, one.Hold)
			}
			got = append(got, one.Request)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: %v, want %s", tt.o, got, tt.want)
		}
	}
}

// TestReplayWithAnotherNetwork decides by changed networks what was decided: by another tariff, by one with more
// warehouses and SKUs, by one without the SKU, and with another capacity of the day.
func TestReplayWithAnotherNetwork(t *testing.T) {
	s, _ := newServer(t, func(c *Config) {
		stored(t, newTape(), nil)(c)
		c.Files = shopFS("warehouses.csv", "columbus,43215,14:00,2,1000", "columbus,43215,14:00,2,2")
	})
	defer s.stop(t)
	var from []string
	for i := range 3 {
		out, err := s.Allocate(t.Context(), allocate(fmt.Sprint("r", i), order("10001", "mug", 1)))
		if err != nil {
			t.Fatal(err)
		}
		from = append(from, out.GetDecision().GetShipments()[0].GetWarehouse()+" "+out.GetDecision().GetShipments()[0].GetShipDate())
	}
	for _, tt := range []struct {
		name string
		with fs.FS
		want []string // warehouse and ship date of each decision; nil: as they were
	}{
		{"a dear warehouse", shopFS("warehouses.csv", "columbus,43215,14:00,2,1000,1.00", "columbus,43215,14:00,2,2,90.00"), []string{"reno 2026-11-18", "reno 2026-11-18", "reno 2026-11-18"}},
		{"a larger capacity", shopFS("", "", ""), []string{"columbus 2026-11-18", "columbus 2026-11-18", "columbus 2026-11-18"}},
		{"a smaller capacity", shopFS("warehouses.csv", "columbus,43215,14:00,2,1000", "columbus,43215,14:00,2,1"), []string{"columbus 2026-11-18", from[2], from[2]}},
		{"another warehouse", shopFS("warehouses.csv", "reno,", "boston,02110,14:00,2,1000,1.00,0.10,roads\nakron,44301,14:00,2,1000,1.00,0.10,roads\nreno,"), []string{"columbus 2026-11-18", "columbus 2026-11-18", "columbus 2026-11-18"}},
		{"another SKU", shopFS("skus.csv", "lamp,", "candle,1 lb,4 in,4 in,4 in\nlamp,"), []string{"columbus 2026-11-18", "columbus 2026-11-18", "columbus 2026-11-18"}},
	} {
		var got []string
		o := ReplayOptions{With: func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
			return network.LoadFS(tt.with, prev)
		}}
		for one, err := range Replay(t.Context(), s.cfg.Store, o) {
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			d, err := ReadDecision(one.Decided)
			if err != nil || one.Same() || one.By == one.NetworkVersion || d.GetNetworkVersion() != one.By {
				t.Fatalf("%s: %v, %+v", tt.name, err, one)
			}
			got = append(got, d.GetShipments()[0].GetWarehouse()+" "+d.GetShipments()[0].GetShipDate())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v (decided was %v)", tt.name, got, tt.want, from)
		}
	}

	// What the network does not sell is a fault of the order, and an answer.
	gone := shopFS("skus.csv", "mug,", "cup,").(fstest.MapFS)
	gone["stock.csv"] = &fstest.MapFile{Data: []byte("warehouse,sku,on_hand\n")}
	for one, err := range Replay(t.Context(), s.cfg.Store, ReplayOptions{With: func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) { return network.LoadFS(gone, prev) }}) {
		if err != nil || one.Refused == nil || one.Decided != nil || one.Same() {
			t.Errorf("%+v, %v", one, err)
		}
	}

	// A network that cannot be read is an error.
	for one, err := range Replay(t.Context(), s.cfg.Store, ReplayOptions{With: edited("network.yaml", "currency: USD", "currency: gold")}) {
		if err == nil {
			t.Errorf("%+v", one)
		}
	}
}

// TestReplayOfWhatIsTrimmed has old records dropped: decisions on stock that is no longer known say so, the others replay.
func TestReplayOfWhatIsTrimmed(t *testing.T) {
	s, clock := newServer(t, stored(t, newTape(), func(o *durable.Options) { o.SnapshotEvery, o.Keep = 50, 1 }))
	defer s.stop(t)
	l := cornerLoad(t, s, clock)
	for deadline := 0; s.cfg.Store.Oldest() == 0; deadline++ {
		if deadline == 100 {
			t.Fatal("nothing was trimmed")
		}
		l.run(t, uint64(deadline), 1, 100)
		if err := s.cfg.Store.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	o := order("10001", "poster", 1)
	if _, err := s.Allocate(t.Context(), allocate("last", o)); err != nil {
		t.Fatal(err)
	}
	same, different, _, first := replays(t, s.cfg.Store, ReplayOptions{}, true)
	if same < 1 || different > 0 {
		t.Errorf("%d same, %d different: %v", same, different, first)
	}
}

// TestReplayNoticesDamage holds replay to its word: a recorded answer with one byte changed, and an archive whose tariff is
// another under the old version, do not pass.
func TestReplayNoticesDamage(t *testing.T) {
	s, _ := newServer(t, stored(t, newTape(), nil))
	defer s.stop(t)
	if _, err := s.Allocate(t.Context(), allocate("r", order("10001", "mug", 1))); err != nil {
		t.Fatal(err)
	}
	if _, different, _, _ := replays(t, altered{s.cfg.Store, true, nil}, ReplayOptions{}, true); different != 1 {
		t.Errorf("an answer with another byte: %d differ", different)
	}
	for _, err := range Replay(t.Context(), altered{s.cfg.Store, false, shopFS("warehouses.csv", "1.00,0.10", "2.00,0.10")}, ReplayOptions{}) {
		if err == nil || !strings.Contains(err.Error(), "comes out as") {
			t.Errorf("another tariff in the archive: %v", err)
		}
	}
	for one, err := range Replay(t.Context(), altered{s.cfg.Store, false, fstest.MapFS{}}, ReplayOptions{}) {
		if err != nil || !errors.Is(one.Unknown, journal.ErrNoValue) || one.Same() {
			t.Errorf("no archive: %+v, %v", one, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for one, err := range Replay(ctx, s.cfg.Store, ReplayOptions{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after the caller left: %+v, %v", one, err)
		}
	}
}

// altered is a past with another answer, or another network.
type altered struct {
	*durable.Store
	answer  bool
	network fs.FS
}

func (a altered) Network(version string) (fs.FS, error) {
	switch files, ok := a.network.(fstest.MapFS); {
	case a.network == nil:
		return a.Store.Network(version)
	case ok && len(files) == 0:
		return nil, journal.ErrNoValue
	}
	return a.network, nil
}

func (a altered) Events(after uint64) iter.Seq2[*ledger.Event, error] {
	return func(yield func(*ledger.Event, error) bool) {
		for e, err := range a.Store.Events(after) {
			if err == nil && e.Hold != nil && a.answer {
				e.Hold.Answer = append(bytes.Clone(e.Hold.Answer), 0)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestQuestionIsTheOrder reads back what was asked: nothing of the order is lost.
func TestQuestionIsTheOrder(t *testing.T) {
	o := &engine.Order{
		ID: "o", Lines: []engine.Line{{SKU: "a", Quantity: 1}, {SKU: "b", Quantity: math.MaxInt32}}, CollectAt: "w", Services: []string{"s", "t"},
		To:      engine.Destination{Country: "US", Postal: "1", Point: &geo.Point{Lat: -1.5, Lng: 2}, TimeZone: "z", Commercial: true},
		Promise: engine.Promise{Instant: 1 << 31},
	}
	question := appendOrder(nil, o)
	m, err := ReadQuestion(question)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadOrder(m)
	if err != nil || !sameOrder(back, o) {
		t.Errorf("%+v, %v; want %+v", back, err, o)
	}
}

// TestDecideBudgetStopsTheSearch gives decisions no time: they have plans that say that they were stopped, and replay tells of
// those that come out otherwise. What is refused, late or in part is not so for want of time.
func TestDecideBudgetStopsTheSearch(t *testing.T) {
	seed := seed(t)
	w := newWorld(t, enginetest.Config{Seed: seed, Warehouses: 20, Services: 6, SKUs: 60, Stocked: 40, Lines: -14, Policy: network.PolicySource{MaxShipments: 6, Late: "allow"}})
	s, _ := newServer(t, func(c *Config) {
		w.configure(t)(c)
		c.DecideBudget = 1
	})
	defer s.stop(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	stopped := 0
	for i := range 12 {
		o := w.order(rng)
		explained, err := s.Explain(t.Context(), &allotv1.ExplainRequest{Order: o}) // which has all the time it wants
		if err != nil || explained.GetDecision().GetCertificate().GetStopped() {
			t.Fatal(explained, err)
		}
		out, err := s.Allocate(t.Context(), allocate(fmt.Sprint("r", i), o))
		if err != nil {
			t.Fatal(err)
		}
		d, want := out.GetDecision(), explained.GetDecision()
		if d.GetOutcome() != want.GetOutcome() || d.GetLate() != want.GetLate() || len(d.GetUnfilled()) != len(want.GetUnfilled()) {
			t.Errorf("%v, and with time %v", d, want)
		}
		if d.GetCertificate().GetStopped() {
			stopped++
			if d.GetCostMicros() < want.GetCertificate().GetBoundMicros() || d.GetCertificate().GetBoundMicros() > want.GetCostMicros() {
				t.Errorf("%v, and with time %v", d, want)
			}
		}
	}
	if stopped == 0 {
		t.Errorf("%d decisions were stopped", stopped)
	}
	told := 0
	for one, err := range Replay(t.Context(), s.cfg.Store, w.replay()) {
		switch {
		case err != nil || one.Joint || one.Decided == nil:
			t.Fatalf("%+v, %v", one, err)
		case one.Stopped:
			told++
		case !one.Same():
			t.Error(one.describe(t))
		}
	}
	if told != stopped {
		t.Errorf("replay tells of %d that were stopped, want %d", told, stopped)
	}
}
