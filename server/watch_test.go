package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/ledger/durable"
)

// events receives from a watch of the first port until enough says so, and leaves.
func (s *site) events(t *testing.T, request *allotv1.WatchDecisionsRequest, enough func(*allotv1.WatchDecisionsResponse) bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	stream, err := s.allocation.WatchDecisions(ctx, request)
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetType() != typeProgress && enough(m) {
			return nil
		}
	}
}

func after(n uint64, types ...string) *allotv1.WatchDecisionsRequest {
	return &allotv1.WatchDecisionsRequest{AfterSequence: &n, Types: types}
}

// TestWatchTellsEverything has every kind of event happen and looks at each.
func TestWatchTellsEverything(t *testing.T) {
	s := serve(t, stored(t, newTape(), nil))
	ctx := t.Context()
	mugs := func(id, request string, n int) *allotv1.AllocateResponse {
		o := order("10001", "mug", n)
		o.Id = id
		out, err := s.Allocate(ctx, allocate(request, o))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first, second, third := mugs("o-1", "a1", 5), mugs("o-2", "a2", 1), mugs("o-3", "a3", 1)
	refused, nameless := mugs("o-4", "a4", 900), mugs("", "a5", 900)
	hold := first.GetHold().GetId()
	part := []*allotv1.HoldItem{{Warehouse: "columbus", Sku: "mug", Quantity: 1}}
	_, err1 := s.Confirm(ctx, &allotv1.ConfirmRequest{RequestId: "c", HoldId: hold})
	_, err2 := s.Ship(ctx, &allotv1.ShipRequest{RequestId: "s1", HoldId: hold, Items: part})
	_, err3 := s.ShortPick(ctx, &allotv1.ShortPickRequest{RequestId: "p", HoldId: hold, Items: part})
	_, err4 := s.Cancel(ctx, &allotv1.CancelRequest{RequestId: "x", HoldId: hold, Items: part})
	_, err5 := s.Ship(ctx, &allotv1.ShipRequest{RequestId: "s2", HoldId: hold})
	_, err6 := s.Release(ctx, &allotv1.ReleaseRequest{RequestId: "r", HoldId: second.GetHold().GetId()})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(11 * time.Minute)
	stockOf(t, s.Server, "columbus", "mug") // which tells the ledger the time

	const pending, confirmed = allotv1.HoldState_HOLD_STATE_PENDING, allotv1.HoldState_HOLD_STATE_CONFIRMED
	version := s.network.Load().snap.Version
	want := []*allotv1.WatchDecisionsResponse{
		{Type: "granted", Subject: "holds/1", Data: &allotv1.DecisionEvent{HoldId: "1", OrderId: "o-1", RequestId: "a1", State: pending, Decision: first.GetDecision(), NetworkVersion: version}},
		{Type: "granted", Subject: "holds/2", Data: &allotv1.DecisionEvent{HoldId: "2", OrderId: "o-2", RequestId: "a2", State: pending, Decision: second.GetDecision(), NetworkVersion: version}},
		{Type: "granted", Subject: "holds/3", Data: &allotv1.DecisionEvent{HoldId: "3", OrderId: "o-3", RequestId: "a3", State: pending, Decision: third.GetDecision(), NetworkVersion: version}},
		{Type: "refused", Subject: "orders/o-4", Data: &allotv1.DecisionEvent{OrderId: "o-4", RequestId: "a4", Decision: refused.GetDecision(), NetworkVersion: version}},
		{Type: "refused", Data: &allotv1.DecisionEvent{RequestId: "a5", Decision: nameless.GetDecision(), NetworkVersion: version}},
		{Type: "confirmed", Subject: "holds/1", Data: &allotv1.DecisionEvent{HoldId: "1", OrderId: "o-1", RequestId: "c", State: confirmed}},
		{Type: "shipped", Subject: "holds/1", Data: &allotv1.DecisionEvent{HoldId: "1", OrderId: "o-1", RequestId: "s1", State: confirmed, Items: part}},
		{Type: "short", Subject: "holds/1", Data: &allotv1.DecisionEvent{HoldId: "1", OrderId: "o-1", RequestId: "p", State: confirmed, Items: part}},
		{Type: "cancelled", Subject: "holds/1", Data: &allotv1.DecisionEvent{HoldId: "1", OrderId: "o-1", RequestId: "x", State: confirmed, Items: part}},
		{Type: "shipped", Subject: "holds/1", Data: &allotv1.DecisionEvent{HoldId: "1", OrderId: "o-1", RequestId: "s2", State: allotv1.HoldState_HOLD_STATE_SHIPPED}},
		{Type: "released", Subject: "holds/2", Data: &allotv1.DecisionEvent{HoldId: "2", OrderId: "o-2", RequestId: "r", State: allotv1.HoldState_HOLD_STATE_RELEASED}},
		{Type: "expired", Subject: "holds/3", Data: &allotv1.DecisionEvent{HoldId: "3", OrderId: "o-3", State: allotv1.HoldState_HOLD_STATE_EXPIRED}},
	}
	var got []*allotv1.WatchDecisionsResponse
	last := uint64(0)
	err := s.events(t, after(0), func(m *allotv1.WatchDecisionsResponse) bool {
		if m.GetSequence() <= last || m.GetId() != fmt.Sprint(m.GetSequence()) || m.GetSpecversion() != "1.0" || m.GetSource() != "/allot/corner%20shop" ||
			m.GetDatacontenttype() != "application/json" || m.GetTime().AsTime().Before(wednesday) {
			t.Errorf("after %d: %v", last, m)
		}
		last = m.GetSequence()
		got = append(got, m)
		return len(got) == len(want)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range got {
		w := want[i]
		if m.GetType() != "allot.v1.hold."+w.GetType() || m.GetSubject() != w.GetSubject() || !proto.Equal(m.GetData(), w.GetData()) {
			t.Errorf("event %d: %v\nwant %v", i, m, w)
		}
	}

	// A filter tells the same events, and only those.
	var shipped []uint64
	if err := s.events(t, after(0, "allot.v1.hold.shipped", "allot.v1.hold.expired"), func(m *allotv1.WatchDecisionsResponse) bool {
		shipped = append(shipped, m.GetSequence())
		return len(shipped) == 3
	}); err != nil || shipped[0] != got[6].GetSequence() || shipped[1] != got[9].GetSequence() || shipped[2] != got[11].GetSequence() {
		t.Errorf("filtered: %v, %v", shipped, err)
	}

	// From now on: the first message says from where.
	stream, err := s.allocation.WatchDecisions(ctx, &allotv1.WatchDecisionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	if err != nil || m.GetType() != typeProgress || m.GetSequence() < last || m.GetData() != nil || m.GetId() != fmt.Sprint(m.GetSequence(), "/progress") {
		t.Errorf("begins with %v, %v", m, err)
	}
	mugs("o-9", "a9", 1)
	if m, err = stream.Recv(); err != nil || m.GetData().GetOrderId() != "o-9" {
		t.Errorf("then %v, %v", m, err)
	}
}

// A follower is an order system: it deals with events in order and remembers the last it has dealt with.
type follower struct {
	last   uint64
	states map[string]allotv1.HoldState
	told   int
}

func (f *follower) take(t *testing.T, m *allotv1.WatchDecisionsResponse) {
	t.Helper()
	if m.GetType() == typeProgress {
		return
	}
	if m.GetSequence() <= f.last {
		t.Errorf("event %d after %d", m.GetSequence(), f.last)
	}
	f.last = m.GetSequence()
	f.told++
	if id := m.GetData().GetHoldId(); id != "" {
		if _, known := f.states[id]; known != (m.GetType() != "allot.v1.hold.granted") {
			t.Errorf("%v, known %v", m, known)
		}
		f.states[id] = m.GetData().GetState()
	}
}

// TestWatchResumesWithoutLoss follows a load while its connection breaks after every few events, the server drains and
// restarts: in the end it knows every hold and its state, and each event came once.
func TestWatchResumesWithoutLoss(t *testing.T) {
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 99))
	j := newTape()
	f := &follower{states: map[string]allotv1.HoldState{}}
	granted, breaks := int64(0), 0
	clock := &clock{at: wednesday}
	for life := range 3 {
		store := openStore(t, j, nil)
		s := serve(t, func(c *Config) { c.Store, c.Load, c.Files, c.Now = store, cornerShop, nil, clock.now })
		l := cornerLoad(t, s.Server, clock)
		l.networks = nil
		var loaded sync.WaitGroup
		done := make(chan struct{})
		loaded.Go(func() {
			defer close(done)
			l.prefix = fmt.Sprint(life, " ")
			l.run(t, seed+uint64(life), 4, 60)
		})
		for over := false; !over; breaks++ {
			left := 1 + rng.IntN(20)
			ctx, cancel := context.WithCancel(t.Context())
			stream, err := s.allocation.WatchDecisions(ctx, after(f.last))
			if err != nil {
				t.Fatal(err)
			}
			for ; left > 0; left-- {
				select {
				case <-done: // the drain ends it
					if left == 1 {
						left = 1 << 30
						go func() { _ = s.stop() }() // its error is looked at by the cleanup
					}
				default:
				}
				m, err := stream.Recv()
				if err != nil {
					if st := status.Convert(err); st.Code() != codes.Unavailable || reasonOf(st) != ReasonDraining {
						t.Errorf("ended by %v", err)
					}
					over = true
					break
				}
				f.take(t, m)
			}
			cancel()
		}
		loaded.Wait()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		granted += l.granted.Load()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, func(c *Config) {
		stored(t, j, nil)(c)
		c.Now = clock.now
	})
	end := s.cfg.Store.Last()
	if f.last < end { // what the last drain cut off
		mug, err := s.Allocate(t.Context(), allocate("end", order("10001", "poster", 900)))
		if err != nil || mug.GetHold() != nil {
			t.Fatal(mug, err)
		}
		if err := s.events(t, after(f.last), func(m *allotv1.WatchDecisionsResponse) bool {
			f.take(t, m)
			return m.GetData().GetRequestId() == "end"
		}); err != nil {
			t.Fatal(err)
		}
	}
	if int64(len(f.states)) != granted {
		t.Errorf("%d holds are known of %d", len(f.states), granted)
	}
	for id, state := range f.states {
		h, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: id})
		if err != nil || h.GetHold().GetState() != state {
			t.Errorf("hold %s is %v to the follower: %v, %v", id, state, h.GetHold(), err)
		}
	}
	t.Logf("%d events over %d connections and 4 lives of the server", f.told, breaks)
}

func TestWatchRefusals(t *testing.T) {
	memory := serve(t, nil)
	if err := memory.events(t, after(0), func(*allotv1.WatchDecisionsResponse) bool { return true }); reasonOf(status.Convert(err)) != ReasonNoJournal {
		t.Errorf("without a journal: %v", err)
	}
	s := serve(t, stored(t, newTape(), func(o *durable.Options) { o.SnapshotEvery, o.Keep = 1, 1 }))
	for i := range 20 {
		if _, err := s.Allocate(t.Context(), allocate(fmt.Sprint(i), order("10001", "mug", 1))); err != nil {
			t.Fatal(err)
		}
	}
	for s.cfg.Store.Oldest() != s.cfg.Store.Last() { // until there is nothing left that the background could trim meanwhile
		if err := s.cfg.Store.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		request *allotv1.WatchDecisionsRequest
		code    codes.Code
		reason  string
	}{
		"trimmed":      {after(0), codes.OutOfRange, ReasonTrimmed},
		"ahead":        {after(1_000_000), codes.OutOfRange, ReasonAhead},
		"unknown type": {after(30, "allot.v1.hold.lost"), codes.InvalidArgument, ReasonInvalid},
	} {
		err := s.events(t, tt.request, func(*allotv1.WatchDecisionsResponse) bool { return true })
		st := status.Convert(err)
		if st.Code() != tt.code || reasonOf(st) != tt.reason {
			t.Errorf("%s: %v", name, err)
		}
		if tt.code != codes.OutOfRange {
			continue
		}
		for _, d := range st.Details() {
			if info, ok := d.(*errdetails.ErrorInfo); ok && (info.GetMetadata()["oldest"] != fmt.Sprint(s.cfg.Store.Oldest()) || info.GetMetadata()["latest"] != fmt.Sprint(s.cfg.Store.Last())) {
				t.Errorf("%s: %v, kept are %d to %d", name, info, s.cfg.Store.Oldest(), s.cfg.Store.Last())
			}
		}
	}
	stream, err := s.inventory.WatchStock(t.Context(), &allotv1.WatchStockRequest{AfterSequence: proto.Uint64(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); reasonOf(status.Convert(err)) != ReasonTrimmed {
		t.Errorf("stock: %v", err)
	}
}

// TestWatchOnTheSecondPort watches by Connect and by plain HTTP, for longer than a call may take there.
func TestWatchOnTheSecondPort(t *testing.T) {
	const limit = 3 * time.Second // which a busy machine does not use up by itself
	if testing.Short() {
		t.Skip("it waits for longer than a call may take")
	}
	s := serve(t, func(c *Config) {
		stored(t, newTape(), nil)(c)
		c.ReadTimeout, c.WriteTimeout = limit, limit
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	client := allotv1connect.NewAllocationServiceClient(http.DefaultClient, s.web)
	stream, err := client.WatchDecisions(ctx, after(0))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.web+"/v1/events?after=0&type=allot.v1.hold.granted", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := s.Allocate(ctx, allocate(fmt.Sprint(i), order("10001", "mug", 1))); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("content type %q", got)
	}
	lines := bufio.NewScanner(answer.Body)
	next := func() map[string]any {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the lines end: %v", lines.Err())
		}
		var event map[string]any
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		return event
	}
	if event := next(); !stream.Receive() || stream.Msg().GetType() != typeProgress || event["type"] != typeProgress || event["id"] != "0/progress" {
		t.Fatalf("they begin with %v, %v and %v", stream.Msg(), stream.Err(), event)
	}
	for i := range 3 {
		if i == 2 { // it stays open for longer than any deadline of one read or write
			time.Sleep(limit + limit/4)
			if _, err := s.Allocate(ctx, allocate("late", order("10001", "mug", 1))); err != nil {
				t.Fatal(err)
			}
		}
		if !stream.Receive() {
			t.Fatalf("the stream ends: %v", stream.Err())
		}
		m, event := stream.Msg(), next()
		if m.GetData().GetHoldId() != fmt.Sprint(i+1) {
			t.Errorf("event %d: %v", i, m)
		}
		for attribute, want := range map[string]any{
			"specversion": "1.0", "id": m.GetId(), "source": "/allot/corner%20shop", "type": "allot.v1.hold.granted", "subject": m.GetSubject(),
			"datacontenttype": "application/json", "sequence": m.GetId(), "time": m.GetTime().AsTime().Format(time.RFC3339),
		} {
			if event[attribute] != want {
				t.Errorf("%s is %v, want %v", attribute, event[attribute], want)
			}
		}
		if data := event["data"].(map[string]any); data["holdId"] != fmt.Sprint(i+1) || data["state"] != "HOLD_STATE_PENDING" {
			t.Errorf("data %v", data)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if lines.Scan() || stream.Receive() {
		t.Error("more after the drain")
	}
	if ce := stream.Err(); ce == nil || !strings.Contains(ce.Error(), "shuts down") {
		t.Errorf("the stream ends by %v", ce)
	}
}

func TestEventsRefusals(t *testing.T) {
	s := serve(t, stored(t, newTape(), nil))
	for query, want := range map[string]string{
		"?after=x":       "INVALID_REQUEST",
		"?after=-1":      "INVALID_REQUEST",
		"?since=1":       "INVALID_REQUEST",
		"?type=lost":     "INVALID_REQUEST",
		"?after=9999999": "SEQUENCE_AHEAD",
	} {
		answer, err := http.Get(s.web + "/v1/events" + query)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // it was only read
		if err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s, %v", query, answer.StatusCode, body, err)
		}
	}
}

// TestWatchStockFollows keeps a copy of the stock by the changes that are told, while a load runs and the connection
// breaks, and compares it with the stock in the end.
func TestWatchStockFollows(t *testing.T) {
	seed := seed(t)
	s := serve(t, stored(t, newTape(), nil))
	l := cornerLoad(t, s.Server, s.clock)
	everything := &allotv1.GetStockRequest{Skus: l.skus}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	stream, err := s.inventory.WatchStock(ctx, &allotv1.WatchStockRequest{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	if err != nil || len(m.GetStock()) != 0 || m.GetSequence() == 0 {
		t.Fatalf("a watch from now on begins with %v, %v", m, err)
	}
	before, err := s.GetStock(ctx, everything)
	if err != nil {
		t.Fatal(err)
	}
	copied := map[string]*allotv1.Stock{}
	for _, stock := range before.GetStock() {
		copied[stock.GetWarehouse()+"/"+stock.GetSku()] = stock
	}
	end := make(chan uint64, 1)
	go func() {
		l.run(t, seed, 4, 100)
		s.clock.advance(11 * time.Minute) // whatever is pending expires
		if _, err := s.SetStock(ctx, setStock("the end", "reno", "lamp", 777)); err != nil {
			t.Error(err)
		}
		end <- s.cfg.Store.Last()
		if _, err := s.SetStock(ctx, setStock("once more", "reno", "lamp", 777)); err != nil { // for a message after it
			t.Error(err)
		}
	}()
	at, messages, last := m.GetSequence(), 0, uint64(math.MaxUint64)
	for at < last {
		select {
		case last = <-end:
			continue
		default:
		}
		if messages++; messages%5 == 0 {
			if stream, err = s.inventory.WatchStock(ctx, &allotv1.WatchStockRequest{AfterSequence: &at}); err != nil {
				t.Fatal(err)
			}
		}
		if m, err = stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if m.GetSequence() < at {
			t.Errorf("sequence %d after %d", m.GetSequence(), at)
		}
		at = m.GetSequence()
		for _, stock := range m.GetStock() {
			copied[stock.GetWarehouse()+"/"+stock.GetSku()] = stock
		}
	}
	now, err := s.GetStock(ctx, everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, stock := range now.GetStock() {
		if key := stock.GetWarehouse() + "/" + stock.GetSku(); !proto.Equal(copied[key], stock) {
			t.Errorf("%s: copied %v, is %v", key, copied[key], stock)
		}
	}
	t.Logf("%d messages up to event %d", messages, at)
}
