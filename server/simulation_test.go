package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/ledger"
)

// simulating makes servers keep results in a directory of the test, read the corner shop from its files, and take their time
// from nobody.
func simulating(t testing.TB, change func(*Config)) func(*Config) {
	t.Helper()
	dir := t.TempDir()
	return func(c *Config) {
		c.Load, c.Files = nil, os.DirFS("testdata/network")
		c.Simulations, c.SimulateShare = filepath.Join(dir, "simulations"), 1
		if change != nil {
			change(c)
		}
	}
}

// bought are so many orders of the corner shop, a minute apart.
func bought(orders int) *allotv1.SimulatedOrders {
	out := &allotv1.SimulatedOrders{}
	zips := []string{"10001", "94103", "60601", "33101"}
	for i := range orders {
		o := order(zips[i%len(zips)], "mug", 1+i%3)
		if i%7 == 0 {
			o.Lines = append(o.Lines, &allotv1.Line{Sku: "lamp", Quantity: 1})
		}
		o.Id = fmt.Sprint("s", i)
		out.Orders = append(out.Orders, &allotv1.SimulatedOrder{
			Order: o, OrderedAt: timestamppb.New(wednesday.Add(time.Duration(i) * time.Minute)), ValueMicros: 20_000_000,
		})
	}
	return out
}

func simulated(id string, orders *allotv1.SimulatedOrders) *allotv1.SimulationServiceRunRequest {
	return &allotv1.SimulationServiceRunRequest{RequestId: id, Orders: &allotv1.SimulationServiceRunRequest_Inline{Inline: orders}}
}

// closeReno is a scenario without Reno.
const closeReno = `
name: close reno
changes:
  - close: reno
`

// runs calls Run within the process and returns what it told, in order.
func (s *Server) runs(ctx context.Context, request *allotv1.SimulationServiceRunRequest) (told []*allotv1.Simulation, err error) {
	err = s.runSimulation(ctx, request, func(m *allotv1.SimulationServiceRunResponse) error {
		told = append(told, m.GetSimulation())
		return nil
	})
	return told, err
}

func (s *Server) runToEnd(t testing.TB, request *allotv1.SimulationServiceRunRequest) *allotv1.Simulation {
	t.Helper()
	told, err := s.runs(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return told[len(told)-1]
}

// TestSimulationOverTheWire runs, compares, lists, gets and repeats simulations on both ports.
func TestSimulationOverTheWire(t *testing.T) {
	site := serve(t, simulating(t, nil))
	ctx := t.Context()
	client := allotv1.NewSimulationServiceClient(site.conn)
	web := allotv1connect.NewSimulationServiceClient(http.DefaultClient, site.web, connect.WithProtoJSON())

	stream, err := client.Run(ctx, simulated("base", bought(60)))
	if err != nil {
		t.Fatal(err)
	}
	var base *allotv1.Simulation
	messages := 0
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		base = m.GetSimulation()
		messages++
	}
	sum := base.GetSummary()
	if base.GetState() != allotv1.SimulationState_SIMULATION_STATE_COMPLETE || base.GetName() != "base" || base.GetBytes() == 0 || base.GetEndedAt() == nil {
		t.Fatalf("%v", base)
	}
	if o := sum.GetOrders(); o.GetDone() != 60 || o.GetHistory() != 60 || o.GetFilled()+o.GetRefused() != 60 || o.GetValueMicros() != 20_000_000*o.GetFilled() {
		t.Errorf("%v", o)
	}
	terms := sum.GetCost().GetSplitMicros()
	for _, term := range sum.GetCost().GetTerms() {
		terms += term.GetTotalMicros()
	}
	if terms != sum.GetCost().GetTotalMicros() || terms == 0 {
		t.Errorf("terms sum to %d: %v", terms, sum.GetCost())
	}
	if sum.GetNetworkVersions()[0] != site.network.Load().snap.Version {
		t.Errorf("replayed on %v", sum.GetNetworkVersions())
	}

	closed := simulated("closed", bought(60))
	closed.Scenario = closeReno
	run, err := web.Run(ctx, closed)
	if err != nil {
		t.Fatal(err)
	}
	var without *allotv1.Simulation
	for run.Receive() {
		without = run.Msg().GetSimulation()
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	if without.GetName() != "close reno" || without.GetSummary().GetOrders().GetDone() != 60 {
		t.Fatalf("%v", without)
	}
	for _, w := range without.GetSummary().GetWarehouses() {
		if w.GetWarehouse() == "reno" && w.GetShipments() > 0 {
			t.Errorf("a closed warehouse ships: %v", w)
		}
	}

	for _, get := range []func(context.Context, *allotv1.SimulationServiceGetRequest) (*allotv1.SimulationServiceGetResponse, error){
		func(ctx context.Context, r *allotv1.SimulationServiceGetRequest) (*allotv1.SimulationServiceGetResponse, error) {
			return client.Get(ctx, r)
		}, web.Get,
	} {
		if got, err := get(ctx, &allotv1.SimulationServiceGetRequest{SimulationId: base.GetId()}); err != nil || !proto.Equal(got.GetSimulation(), base) {
			t.Errorf("Get: %v, %v", got, err)
		}
	}
	list, err := client.List(ctx, &allotv1.SimulationServiceListRequest{})
	if err != nil || len(list.GetSimulations()) != 2 || list.GetSimulations()[0].GetId() != without.GetId() || list.GetSimulations()[1].GetSummary() != nil {
		t.Errorf("List: %v, %v", list, err)
	}

	same, err := site.runs(ctx, simulated("base", bought(60)))
	if err != nil || len(same) != 1 || !proto.Equal(same[0], base) {
		t.Errorf("the same request again: %v, %v", same, err)
	}
	if _, err := site.runs(ctx, simulated("base", bought(61))); statusOf(err).Code() != codes.AlreadyExists {
		t.Errorf("another request under its id: %v", err)
	}

	compared, err := client.Compare(ctx, &allotv1.SimulationServiceCompareRequest{
		BaseId: base.GetId(), RunIds: []string{without.GetId(), base.GetId()}, Thresholds: "filled>=-0.1%, cost<+1000%",
	})
	if err != nil {
		t.Fatal(err)
	}
	over, err := web.Compare(ctx, &allotv1.SimulationServiceCompareRequest{
		BaseId: base.GetId(), RunIds: []string{without.GetId(), base.GetId()}, Thresholds: "filled>=-0.1%, cost<+1000%",
	})
	if err != nil || !proto.Equal(over, compared) {
		t.Errorf("the second port compares otherwise: %v", err)
	}
	if len(compared.GetRuns()) != 2 || compared.GetBase().GetOrders() != 60 || compared.GetBase().GetCostMicros() != sum.GetCost().GetTotalMicros() {
		t.Fatalf("%v", compared)
	}
	other, itself := compared.GetRuns()[0], compared.GetRuns()[1]
	if want := without.GetSummary().GetCost().GetTotalMicros() - sum.GetCost().GetTotalMicros(); other.GetChangeMicros() != want || want == 0 {
		t.Errorf("change %d, want %d", other.GetChangeMicros(), want)
	}
	if itself.GetChangeMicros() != 0 || !itself.GetGo() || itself.GetPaired() != 60 {
		t.Errorf("a run against itself: %v", itself)
	}
	if len(other.GetJudgments()) != 2 || other.GetGo() == compared.GetGo() != true || len(other.GetFigures()) < 10 {
		t.Errorf("%v", other.GetJudgments())
	}
	for _, f := range other.GetFigures() {
		if f.GetName() == "cost_per_order" && (f.GetChange().Value == nil || f.GetChange().Low == nil || f.GetChange().GetLow() > f.GetChange().GetHigh()) {
			t.Errorf("%v", f)
		}
	}
	t.Logf("%d messages; %s", messages, protojson.Format(other.GetJudgments()[0]))
}

// TestSimulationIsDeterministic runs the same orders again and again, from the wire and from a file, with other ids: one hash.
func TestSimulationIsDeterministic(t *testing.T) {
	orders := bought(200)
	files := inlineFiles(orders)
	f, err := files[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, simulating(t, func(c *Config) { c.Histories = fstest.MapFS{"season.jsonl": {Data: raw}} }))
	defer s.Close()
	hashes := map[string]int{}
	for i := range 3 {
		hashes[s.runToEnd(t, simulated(fmt.Sprint("i", i), orders)).GetSummary().GetHash()]++
		file := simulated(fmt.Sprint("f", i), nil)
		file.Orders = &allotv1.SimulationServiceRunRequest_History{History: "season.jsonl"}
		hashes[s.runToEnd(t, file).GetSummary().GetHash()]++
	}
	if len(hashes) != 1 {
		t.Errorf("%v", hashes)
	}
}

// TestSimulationRefusals sends what nobody should: every fault is named by its field, or by line and column.
func TestSimulationRefusals(t *testing.T) {
	histories := fstest.MapFS{
		"season.jsonl": {Data: []byte("{\"id\":\"a\",\"orderedAt\":\"2026-11-18T15:00:00Z\",\"lines\":[{\"sku\":\"mug\",\"quantity\":1}],\"to\":{\"postalCode\":\"10001\"}}\n")},
		"bad.jsonl": {Data: []byte("{\"id\":\"a\",\"orderedAt\":\"2026-11-18T15:00:00Z\",\"lines\":[{\"sku\":\"mug\",\"quantity\":1}],\"to\":{\"postalCode\":\"10001\"}}\n" +
			"{\"id\":\"b\",\"orderedAt\":\"2026-11-18T14:00:00Z\",\"lines\":[{\"sku\":\"mugg\",\"quantity\":0}],\"to\":{\"postalCode\":\"10001\"}}\n")},
		"unknown.jsonl":   {Data: []byte("{\"id\":\"a\",\"orderedAt\":\"2026-11-18T15:00:00Z\",\"lines\":[{\"sku\":\"mugg\",\"quantity\":1}],\"to\":{\"postalCode\":\"10001\"}}\n")},
		"empty.jsonl":     {},
		"secret/in.jsonl": {Data: []byte("{}")},
		"notes.txt":       {Data: []byte("x")},
	}
	s, _ := newServer(t, simulating(t, func(c *Config) { c.Histories = histories }))
	defer s.Close()
	from := func(name string) func(*allotv1.SimulationServiceRunRequest) {
		return func(r *allotv1.SimulationServiceRunRequest) {
			r.Orders = &allotv1.SimulationServiceRunRequest_History{History: name}
		}
	}
	inline := func(change func(*allotv1.SimulatedOrders)) func(*allotv1.SimulationServiceRunRequest) {
		return func(r *allotv1.SimulationServiceRunRequest) { change(r.GetInline()) }
	}
	for name, tt := range map[string]struct {
		change func(*allotv1.SimulationServiceRunRequest)
		field  string // of the BadRequest; "" for another refusal
		says   string
		reason string
	}{
		"no orders":     {func(r *allotv1.SimulationServiceRunRequest) { r.Orders = nil }, "orders", "", ReasonInvalid},
		"empty orders":  {inline(func(o *allotv1.SimulatedOrders) { o.Orders = nil }), "inline.orders", "", ReasonInvalid},
		"no request id": {func(r *allotv1.SimulationServiceRunRequest) { r.RequestId = "" }, "request_id", "", ReasonInvalid},
		"no time":       {inline(func(o *allotv1.SimulatedOrders) { o.Orders[1].OrderedAt = nil }), "inline.orders[1].ordered_at", "", ReasonInvalid},
		"no order":      {inline(func(o *allotv1.SimulatedOrders) { o.Orders[1].Order = nil }), "inline.orders[1].order", "", ReasonInvalid},
		"no quantity":   {inline(func(o *allotv1.SimulatedOrders) { o.Orders[2].Order.Lines[0].Quantity = 0 }), "inline.orders[2].order.lines[0].quantity", "", ReasonInvalid},
		"unknown SKU":   {inline(func(o *allotv1.SimulatedOrders) { o.Orders[2].Order.Lines[0].Sku = "mugg" }), "inline.orders[2].order.lines[0].sku", "mug", ReasonInvalid},
		"unknown place": {inline(func(o *allotv1.SimulatedOrders) { o.Orders[2].Order.To.PostalCode = "00000" }), "inline.orders[2].order.to.postal_code", "", ReasonInvalid},
		"out of order": {inline(func(o *allotv1.SimulatedOrders) {
			o.Orders[0].OrderedAt = timestamppb.New(wednesday.Add(time.Hour * 100))
		}), "inline.orders[1]", "", ReasonInvalid},
		"unknown warehouse": {inline(func(o *allotv1.SimulatedOrders) {
			o.Moves = []*allotv1.StockMove{{Kind: allotv1.StockMoveKind_STOCK_MOVE_KIND_SET, At: timestamppb.New(wednesday), Warehouse: "rena", Sku: "mug", Quantity: 4}}
		}), "inline.moves[0]", "", ReasonInvalid},
		"no kind of move": {inline(func(o *allotv1.SimulatedOrders) {
			o.Moves = []*allotv1.StockMove{{At: timestamppb.New(wednesday), Warehouse: "reno", Sku: "mug", Quantity: 4}}
		}), "inline.moves[0].kind", "", ReasonInvalid},
		"a path up":            {from("../season.jsonl"), "history", "no name of a file", ReasonInvalid},
		"a path down":          {from("secret/in.jsonl"), "history", "no name of a file", ReasonInvalid},
		"a Windows path":       {from(`secret\in.jsonl`), "history", "no name of a file", ReasonInvalid},
		"a drive":              {from(`c:in.jsonl`), "history", "no name of a file", ReasonInvalid},
		"an absolute path":     {from("/etc/passwd"), "history", "no name of a file", ReasonInvalid},
		"dots":                 {from(".."), "history", "no name of a file", ReasonInvalid},
		"a zero byte":          {from("season.jsonl\x00"), "history", "", ReasonInvalid},
		"a directory":          {from("secret"), "history", "", ReasonInvalid},
		"no history":           {from("seasn.jsonl"), "history", "season.jsonl", ReasonInvalid},
		"not a history":        {from("notes.txt"), "history", ".parquet", ReasonInvalid},
		"an empty file":        {from("empty.jsonl"), "empty.jsonl", "", ReasonInvalid},
		"a bad row":            {from("bad.jsonl"), "bad.jsonl:2", "", ReasonInvalid},
		"an unknown SKU":       {from("unknown.jsonl"), "unknown.jsonl:1", "mug", ReasonInvalid},
		"YAML that is none":    {func(r *allotv1.SimulationServiceRunRequest) { r.Scenario = "name: x\nchanges: [" }, "scenario:2", "", ReasonInvalid},
		"an unknown operation": {func(r *allotv1.SimulationServiceRunRequest) { r.Scenario = "name: x\nchanges:\n  - clos: reno\n" }, "scenario:3:5", "close", ReasonInvalid},
		"no such warehouse":    {func(r *allotv1.SimulationServiceRunRequest) { r.Scenario = "name: x\nchanges:\n  - close: rena\n" }, "scenario:3:", "reno", ReasonInvalid},
		"a variant of nothing": {func(r *allotv1.SimulationServiceRunRequest) { r.Variant = "x" }, "variant", "", ReasonInvalid},
		"too long a scenario":  {func(r *allotv1.SimulationServiceRunRequest) { r.Scenario = strings.Repeat("#", 2<<20) }, "scenario", "", ReasonInvalid},
		"a network with faults": {func(r *allotv1.SimulationServiceRunRequest) {
			r.Files = shopFiles("warehouses.csv", "43215", "00000")
		}, "warehouses.csv:2", "", ReasonInvalid},
		"a network with a path up": {func(r *allotv1.SimulationServiceRunRequest) {
			r.Files = []*allotv1.NetworkFile{{Name: "../network.yaml"}}
		}, "files[0].name", "", ReasonInvalid},
		"recorded, in memory": {func(r *allotv1.SimulationServiceRunRequest) {
			r.Orders = &allotv1.SimulationServiceRunRequest_Recorded{Recorded: &allotv1.RecordedOrders{Since: timestamppb.New(wednesday)}}
		}, "", "", ReasonNoJournal},
	} {
		t.Run(name, func(t *testing.T) {
			request := simulated(name, bought(5))
			tt.change(request)
			told, err := s.runs(t.Context(), request)
			st := statusOf(err)
			if err == nil || reasonOf(st) != tt.reason {
				t.Fatalf("%v, %v", told, err)
			}
			if tt.field == "" {
				return
			}
			found := ""
			for field, says := range violationsOf(st) {
				if strings.HasPrefix(field, tt.field) && strings.Contains(says, tt.says) {
					found = field
				}
			}
			if found == "" {
				t.Errorf("nothing about %s with %q in %v", tt.field, tt.says, violationsOf(st))
			}
			if len(told) > 0 { // it had begun: it is told of later as well
				got, err := simulationService{s: s}.Get(t.Context(), &allotv1.SimulationServiceGetRequest{SimulationId: told[0].GetId()})
				if err != nil || got.GetSimulation().GetState() != allotv1.SimulationState_SIMULATION_STATE_FAILED || len(got.GetSimulation().GetFaults()) == 0 || got.GetSimulation().GetProblem() == "" {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
	t.Run("no histories", func(t *testing.T) {
		s, _ := newServer(t, simulating(t, nil))
		defer s.Close()
		request := simulated("x", nil)
		from("season.jsonl")(request)
		if _, err := s.runs(t.Context(), request); reasonOf(statusOf(err)) != ReasonNoHistories {
			t.Error(err)
		}
	})
	t.Run("no files", func(t *testing.T) {
		s, _ := newServer(t, nil)
		defer s.Close()
		if _, err := s.runs(t.Context(), simulated("x", bought(1))); reasonOf(statusOf(err)) != ReasonNoFiles {
			t.Error(err)
		}
	})
	t.Run("links do not lead out", func(t *testing.T) {
		dir := t.TempDir()
		inside := filepath.Join(dir, "histories")
		if err := errors.Join(os.Mkdir(inside, 0o755), os.WriteFile(filepath.Join(dir, "out.jsonl"), histories["season.jsonl"].Data, 0o644),
			os.Symlink("../out.jsonl", filepath.Join(inside, "link.jsonl"))); err != nil {
			t.Skip(err)
		}
		root, err := os.OpenRoot(inside)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		s, _ := newServer(t, simulating(t, func(c *Config) { c.Histories = root.FS() }))
		defer s.Close()
		request := simulated("x", nil)
		from("link.jsonl")(request)
		if _, err := s.runs(t.Context(), request); violationsOf(statusOf(err))["history"] == "" {
			t.Error(err)
		}
	})
	for _, tt := range []struct {
		request *allotv1.SimulationServiceCompareRequest
		reason  string
	}{
		{&allotv1.SimulationServiceCompareRequest{BaseId: "x", RunIds: []string{"y"}}, ReasonNoSimulation},
		{&allotv1.SimulationServiceCompareRequest{BaseId: "x"}, ReasonInvalid},
		{&allotv1.SimulationServiceCompareRequest{BaseId: "x", RunIds: slices.Repeat([]string{"y"}, 17)}, ReasonInvalid},
		{&allotv1.SimulationServiceCompareRequest{BaseId: "x", RunIds: []string{"y"}, Thresholds: "costs<1%"}, ReasonInvalid},
	} {
		if _, err := (simulationService{s: s}).Compare(t.Context(), tt.request); reasonOf(statusOf(err)) != tt.reason {
			t.Errorf("%v: %v", tt.request, err)
		}
	}
	if _, err := (simulationService{s: s}).Get(t.Context(), &allotv1.SimulationServiceGetRequest{SimulationId: "../x"}); reasonOf(statusOf(err)) != ReasonNoSimulation {
		t.Error(err)
	}
	if _, err := (simulationService{s: s}).Cancel(t.Context(), &allotv1.SimulationServiceCancelRequest{}); reasonOf(statusOf(err)) != ReasonInvalid {
		t.Error(err)
	}
}

// TestSimulationCancelled cancels a simulation when its first block is replayed. What it has until then is kept, marked as
// partial.
func TestSimulationCancelled(t *testing.T) {
	s, _ := newServer(t, simulating(t, nil))
	defer s.Close()
	ctx := t.Context()
	begun := make(chan struct{})
	s.replayed = func(ctx context.Context, done int) {
		if done == 4096 {
			close(begun)
			<-ctx.Done()
		}
	}
	ended := make(chan error, 1)
	var told []*allotv1.Simulation
	go func() {
		var err error
		told, err = s.runs(ctx, simulated("long", bought(13_000)))
		ended <- err
	}()
	<-begun
	list, err := simulationService{s: s}.List(ctx, nil)
	if err != nil || len(list.GetSimulations()) != 1 {
		t.Fatal(list, err)
	}
	id := list.GetSimulations()[0].GetId()
	if p := list.GetSimulations()[0].GetProgress(); p.GetStage() != allotv1.SimulationStage_SIMULATION_STAGE_REPLAYING || p.GetDone() != 4096 || p.GetTotal() != 13_000 {
		t.Errorf("progress %v", p)
	}
	answer, err := simulationService{s: s}.Cancel(ctx, &allotv1.SimulationServiceCancelRequest{SimulationId: id})
	if err != nil {
		t.Fatal(err)
	}
	got := answer.GetSimulation()
	if got.GetState() != allotv1.SimulationState_SIMULATION_STATE_CANCELLED || !got.GetSummary().GetPartial() || got.GetSummary().GetOrders().GetDone()%4096 != 0 || got.GetProblem() == "" {
		t.Errorf("%v", got)
	}
	if done := got.GetSummary().GetOrders().GetDone(); done < 4096 || done >= 13_000 {
		t.Errorf("%d orders are done", done)
	}
	if err := <-ended; err != nil || !proto.Equal(told[len(told)-1], got) {
		t.Errorf("the stream ends with %v, %v", told[len(told)-1], err)
	}
	// It can be compared, and begun anew.
	if c, err := (simulationService{s: s}).Compare(ctx, &allotv1.SimulationServiceCompareRequest{BaseId: id, RunIds: []string{id}}); err != nil || !c.GetBase().GetPartial() {
		t.Errorf("%v, %v", c, err)
	}
	s.replayed = nil
	if again := s.runToEnd(t, simulated("long", bought(13_000))); again.GetId() == id || again.GetState() != allotv1.SimulationState_SIMULATION_STATE_COMPLETE {
		t.Errorf("%v", again)
	}
}

// waiting is work that waits until its context ends, and then has nothing.
func waiting(begun chan<- string) simulationWork {
	return func(ctx context.Context, dir string, _ func(allotv1.SimulationStage, int64, int64)) (*allotv1.SimulationSummary, error) {
		begun <- dir
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
}

func call(id string) ledger.Request { return ledger.Request{ID: id} }

// TestSimulationQueue lets two be at work and one wait; the next is refused with the time after which to come back, whether it
// is a simulation or a comparison. Whoever leaves makes room for the next in line.
func TestSimulationQueue(t *testing.T) {
	s, _ := newServer(t, simulating(t, func(c *Config) { c.MaxSimulations, c.MaxSimulationsQueued = 2, 1 }))
	defer s.Close()
	all := s.simulations
	done := s.runToEnd(t, simulated("done", bought(3)))
	begun := make(chan string, 10)
	var of []*simulation
	for i := range 3 {
		one, err := all.begin(call(fmt.Sprint(i)), "", true, waiting(begun))
		if err != nil {
			t.Fatal(err)
		}
		of = append(of, one)
	}
	<-begun
	<-begun
	if told, _, _ := all.now(of[2]); told.GetState() != allotv1.SimulationState_SIMULATION_STATE_QUEUED {
		t.Errorf("the third is %v", told.GetState())
	}
	_, err := s.runs(t.Context(), simulated("next", bought(3)))
	st := statusOf(err)
	if st.Code() != codes.ResourceExhausted || reasonOf(st) != ReasonTooManySimulations || retryOf(st) != simulationRetry {
		t.Errorf("the fourth: %v", st)
	}
	compared := &allotv1.SimulationServiceCompareRequest{BaseId: done.GetId(), RunIds: []string{done.GetId()}}
	if _, err := (simulationService{s: s}).Compare(t.Context(), compared); reasonOf(statusOf(err)) != ReasonTooManySimulations {
		t.Errorf("a comparison: %v", err)
	}
	if one, err := all.begin(call("1"), "", true, nil); err != nil || one != of[1] { // it is known, and takes no place
		t.Errorf("%v, %v", one, err)
	}
	cancel := func(one *simulation) {
		if _, err := (simulationService{s: s}).Cancel(t.Context(), &allotv1.SimulationServiceCancelRequest{SimulationId: one.id}); err != nil {
			t.Error(err)
		}
	}
	cancel(of[0])
	if dir := <-begun; !strings.Contains(dir, of[2].id) {
		t.Errorf("the next is %s", dir)
	}
	cancel(of[1])
	cancel(of[2])
	if _, err := s.runs(t.Context(), simulated("next", bought(3))); err != nil {
		t.Error(err)
	}
	queued, err := all.line.enter()
	if err != nil {
		t.Fatal(err)
	}
	queued.leave()
	if _, err := (simulationService{s: s}).Compare(t.Context(), compared); err != nil {
		t.Error(err)
	}
}

// TestSimulationWithoutItsCaller ends with the last caller who waits for it, and with none where one has detached it.
func TestSimulationWithoutItsCaller(t *testing.T) {
	s, _ := newServer(t, simulating(t, func(c *Config) { c.MaxSimulations = 3 }))
	defer s.Close()
	begun := make(chan string, 10)
	all := s.simulations
	state := func(one *simulation) allotv1.SimulationState { told, _, _ := all.now(one); return told.GetState() }
	one, err := all.begin(call("a"), "", false, waiting(begun))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := all.begin(call("a"), "", false, nil); err != nil || again != one {
		t.Fatal(again, err)
	}
	<-begun
	all.leave(one)
	if one.ctx.Err() != nil || state(one) != allotv1.SimulationState_SIMULATION_STATE_RUNNING {
		t.Error("the first of two callers has ended it")
	}
	all.leave(one)
	<-one.ctx.Done()
	for state(one) == allotv1.SimulationState_SIMULATION_STATE_RUNNING {
		_, changed, _ := all.now(one)
		if state(one) == allotv1.SimulationState_SIMULATION_STATE_RUNNING {
			<-changed
		}
	}
	if told, _, _ := all.now(one); told.GetState() != allotv1.SimulationState_SIMULATION_STATE_CANCELLED || told.GetProblem() != errSimulationLeft.Error() {
		t.Errorf("%v", told)
	}
	two, err := all.begin(call("b"), "", true, waiting(begun))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := all.begin(call("b"), "", false, nil); err != nil || again != two {
		t.Fatal(again, err)
	}
	<-begun
	all.leave(two)
	if two.ctx.Err() != nil {
		t.Error("a detached simulation ended with a caller")
	}

	// Over the wire: the caller's context ends, and so does what it began.
	ctx, cancel := context.WithCancel(t.Context())
	running := make(chan struct{})
	s.replayed = func(ctx context.Context, _ int) {
		close(running)
		<-ctx.Done()
	}
	ended := make(chan error, 1)
	go func() { _, err := s.runs(ctx, simulated("c", bought(10))); ended <- err }()
	<-running
	cancel()
	if err := <-ended; statusOf(err).Code() != codes.Canceled {
		t.Error(err)
	}
}

// TestSimulationDetached answers at once, and Get tells what becomes of it.
func TestSimulationDetached(t *testing.T) {
	s, _ := newServer(t, simulating(t, nil))
	defer s.Close()
	request := simulated("d", bought(20))
	request.Detach = true
	told, err := s.runs(t.Context(), request)
	if err != nil || len(told) != 1 {
		t.Fatal(told, err)
	}
	joined := s.runToEnd(t, simulated("d", bought(20))) // the same, attached: it is joined
	if joined.GetId() != told[0].GetId() || joined.GetSummary().GetOrders().GetDone() != 20 {
		t.Errorf("%v", joined)
	}
}

// TestSimulationsOutliveTheServer keeps what ended in the directory, and forgets what did not. Nobody else can have it meanwhile.
func TestSimulationsOutliveTheServer(t *testing.T) {
	change := simulating(t, nil)
	s, clock := newServer(t, change)
	request := simulated("a", bought(20))
	want := s.runToEnd(t, request)
	clock.advance(time.Second)
	begun := make(chan string, 1)
	open, err := s.simulations.begin(call("b"), "open", true, waiting(begun))
	if err != nil {
		t.Fatal(err)
	}
	dir := <-begun
	var cfg Config
	change(&cfg)
	if other, err := New(cfg); err == nil {
		other.Close()
		t.Error("two servers have one directory of simulations")
	} else {
		t.Log(err)
	}
	told, _, _ := s.simulations.now(open)
	s.Close()
	lost := proto.CloneOf(told) // as a server that is lost leaves it
	fallen := filepath.Join(filepath.Dir(filepath.Dir(dir)), "fallen")
	lost.Id = "fallen"
	raw := []byte(`{"simulation":` + protojson.Format(lost) + "}")
	foreign := filepath.Join(filepath.Dir(fallen), "foreign")
	if err := errors.Join(os.Mkdir(fallen, 0o755), os.Mkdir(foreign, 0o755), os.WriteFile(filepath.Join(fallen, simulationFile), raw, 0o644)); err != nil {
		t.Fatal(err)
	}

	s, _ = newServer(t, change)
	defer s.Close()
	list, err := simulationService{s: s}.List(t.Context(), nil)
	if err != nil || len(list.GetSimulations()) != 2 {
		t.Fatal(list, err)
	}
	if last := list.GetSimulations()[0]; last.GetId() != open.id || last.GetState() != allotv1.SimulationState_SIMULATION_STATE_CANCELLED || last.GetProblem() != errSimulationShutdown.Error() {
		t.Errorf("%v", last)
	}
	got, err := simulationService{s: s}.Get(t.Context(), &allotv1.SimulationServiceGetRequest{SimulationId: want.GetId()})
	if err != nil || !proto.Equal(got.GetSimulation(), want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := (simulationService{s: s}).Compare(t.Context(), &allotv1.SimulationServiceCompareRequest{BaseId: want.GetId(), RunIds: []string{want.GetId()}}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(fallen); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what has no end is there: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a directory of others: %v", err)
	}
	if again := s.runToEnd(t, request); !proto.Equal(again, want) {
		t.Errorf("the same request to the next server: %v", again)
	}
}

// TestSimulationsAreBounded keeps as many as it may, and as large: the oldest go, but none that is being compared, and never the
// latest.
func TestSimulationsAreBounded(t *testing.T) {
	s, _ := newServer(t, simulating(t, func(c *Config) { c.KeepSimulations = 3 }))
	defer s.Close()
	var ids []string
	run := func() {
		ids = append(ids, s.runToEnd(t, simulated(fmt.Sprint(len(ids)), bought(3))).GetId())
	}
	kept := func() (out []int) {
		list, err := simulationService{s: s}.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Backward(list.GetSimulations()) {
			out = append(out, slices.Index(ids, m.GetId()))
		}
		return out
	}
	for range 4 {
		run()
	}
	if got := kept(); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("kept %v", got)
	}
	_, release, err := s.simulations.use(ids[1:2])
	if err != nil {
		t.Fatal(err)
	}
	run()
	run()
	if got := kept(); !slices.Equal(got, []int{1, 4, 5}) {
		t.Errorf("kept %v beside one in use", got)
	}
	release()
	s.cfg.KeepSimulationBytes = 1
	run()
	if got := kept(); !slices.Equal(got, []int{6}) {
		t.Errorf("kept %v in no room", got)
	}
	s.simulations.work.Wait() // directories go a moment after all is told
	entries, err := os.ReadDir(s.cfg.Simulations)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, e.Name())
		}
	}
	if !slices.Equal(dirs, ids[6:]) {
		t.Errorf("directories %v", dirs)
	}
	if _, _, err := s.simulations.use(ids[:1]); reasonOf(statusOf(err)) != ReasonNoSimulation {
		t.Error(err)
	}
}

// TestSimulationsCannotBeWritten tells so: at the start where the directory is none, and of each simulation where the disk fails.
func TestSimulationsCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := New(Config{Files: os.DirFS("testdata/network"), Simulations: filepath.Join(file, "in it")}); err == nil {
		s.Close()
		t.Error("a server keeps simulations below a file")
	} else if bad, ok := asFaults(err); !ok || bad[0].Field != "Simulations" {
		t.Error(err)
	}
	s, _ := newServer(t, simulating(t, nil))
	defer s.Close()
	s.simulations.dir = filepath.Join(file, "in it") // as if it were gone
	_, err := s.runs(t.Context(), simulated("a", bought(3)))
	if st := statusOf(err); st.Code() != codes.Unavailable || reasonOf(st) != ReasonNotKept || strings.Contains(st.Message(), file) {
		t.Error(st)
	}
	if list, err := (simulationService{s: s}).List(t.Context(), nil); err != nil || len(list.GetSimulations()) != 0 {
		t.Error(list, err)
	}
	s.simulations.dir = s.cfg.Simulations
	failing := func(_ context.Context, dir string, _ func(allotv1.SimulationStage, int64, int64)) (*allotv1.SimulationSummary, error) {
		return nil, notKept(&os.PathError{Op: "write", Path: dir, Err: errDisk})
	}
	one, err := s.simulations.begin(call("b"), "", false, failing)
	if err != nil {
		t.Fatal(err)
	}
	told := one.end(s.simulations)
	if told.GetState() != allotv1.SimulationState_SIMULATION_STATE_FAILED || !strings.Contains(told.GetProblem(), errDisk.Error()) || strings.Contains(told.GetProblem(), one.dir) {
		t.Errorf("%v", told)
	}
	panics := func(context.Context, string, func(allotv1.SimulationStage, int64, int64)) (*allotv1.SimulationSummary, error) {
		panic("oh")
	}
	if one, err = s.simulations.begin(call("c"), "", false, panics); err != nil {
		t.Fatal(err)
	}
	if told := one.end(s.simulations); told.GetState() != allotv1.SimulationState_SIMULATION_STATE_FAILED || strings.Contains(told.GetProblem(), "oh") {
		t.Errorf("%v", told)
	}
}

// end waits for the end of a simulation.
func (one *simulation) end(all *simulations) *allotv1.Simulation {
	for {
		told, changed, _ := all.now(one)
		if hasEnded(told) {
			return told
		}
		<-changed
	}
}

// TestSimulationsDrain ends every simulation when the server shuts down: the caller is told to come back.
func TestSimulationsDrain(t *testing.T) {
	site := serve(t, simulating(t, nil))
	running := make(chan struct{})
	site.replayed = func(ctx context.Context, _ int) { // a block, which is not all
		close(running)
		<-ctx.Done()
	}
	stream, err := allotv1.NewSimulationServiceClient(site.conn).Run(t.Context(), simulated("a", bought(9_000)))
	if err != nil {
		t.Fatal(err)
	}
	<-running
	if err := site.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if st := statusOf(err); st.Code() != codes.Unavailable || reasonOf(st) != ReasonDraining || retryOf(st) == 0 {
		t.Error(st)
	}
	if _, err := site.runs(t.Context(), simulated("b", bought(1))); reasonOf(statusOf(err)) != ReasonDraining {
		t.Error(err)
	}
}

// TestTemporarySimulations leaves nothing behind.
func TestTemporarySimulations(t *testing.T) {
	s, _ := newServer(t, simulating(t, func(c *Config) { c.Simulations = "" }))
	if s.simulations.dir != "" {
		t.Error("there is a directory for nothing")
	}
	s.runToEnd(t, simulated("a", bought(3)))
	dir := s.simulations.dir
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// TestSimulationShare works out how many goroutines a simulation has, and what part of a processor each works.
func TestSimulationShare(t *testing.T) {
	for _, tt := range []struct {
		share       float64
		cores, runs int
		workers     int
		of          float64
	}{
		{0.25, 2, 1, 1, 0.5}, {0.25, 4, 1, 1, 1}, {0.25, 16, 1, 4, 1}, {0.25, 6, 1, 1, 1}, {1, 2, 1, 2, 1}, {0.25, 2, 2, 1, 0.25}, {0.5, 16, 4, 2, 1}, {0.01, 1, 1, 1, 0.01},
	} {
		c := Config{SimulateShare: tt.share, MaxSimulations: tt.runs}
		workers, of := c.hands(tt.cores)
		if workers != tt.workers || of != tt.of {
			t.Errorf("%v of %d processors for %d: %d goroutines at %v, want %d at %v", tt.share, tt.cores, tt.runs, workers, of, tt.workers, tt.of)
		}
		if float64(workers*tt.runs)*of > tt.share*float64(tt.cores)+1e-9 {
			t.Errorf("%+v: more than its share", tt)
		}
	}
}
