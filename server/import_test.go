package server

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/engine/network"
)

func stockRow(warehouse, sku string, onHand int32) *allotv1.StockRow {
	return &allotv1.StockRow{Warehouse: warehouse, Sku: sku, OnHand: onHand}
}

// imports sends messages and returns the answer.
func imports(ctx context.Context, c allotv1.InventoryServiceClient, messages ...*allotv1.ImportStockRequest) (*allotv1.ImportStockResponse, error) {
	stream, err := c.ImportStock(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			break // the answer says why
		}
	}
	return stream.CloseAndRecv()
}

func named(id string, first int64, rows ...*allotv1.StockRow) *allotv1.ImportStockRequest {
	return &allotv1.ImportStockRequest{ImportId: id, FirstRow: first, Rows: rows}
}

func nextRow(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()["next_row"]
		}
	}
	return ""
}

// manySKUs is the corner shop with so many SKUs more.
func manySKUs(n int) *Config {
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(&rows, "sku-%d,1 lb,4 in,4 in,4 in\n", i)
	}
	return &Config{Files: shopFS("skus.csv", "lamp,", rows.String()+"lamp,")}
}

func skuRows(n int, onHand int32) []*allotv1.StockRow {
	rows := make([]*allotv1.StockRow, n)
	for i := range rows {
		rows[i] = stockRow("reno", fmt.Sprint("sku-", i), onHand)
	}
	return rows
}

func TestImport(t *testing.T) {
	for name, change := range map[string]func(*Config){"in memory": nil, "with a store": stored(t, newTape(), nil)} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, change)
			held, err := s.Allocate(t.Context(), allocate("a", order("10001", "lamp", 2)))
			if err != nil || held.GetHold() == nil {
				t.Fatal(held, err)
			}
			rows := []*allotv1.StockRow{
				stockRow("columbus", "mug", 7),
				stockRow("columbia", "mug", 1),
				{Warehouse: "reno", Sku: "mug", OnHand: 9, Safety: 4},
				stockRow("columbus", "lamp", 1), // of which two are held
				{Warehouse: "reno", Sku: "lamp", OnHand: 30, AvailableFrom: "2026-12-24"},
				{Warehouse: "reno", Sku: "lamp", OnHand: 3, AvailableFrom: "2026-11-01"}, // has come
				stockRow("columbus", "poster", -1),
				{Warehouse: "columbus", Sku: "poster", OnHand: math.MaxInt32, Safety: -5},
				{Warehouse: "columbus", Sku: "poster", OnHand: 3, AvailableFrom: "2026-02-30"},
				{Warehouse: "columbus", Sku: "poster", OnHand: 3, AvailableFrom: "soon"},
				{Warehouse: "columbus", Sku: "poster", OnHand: 3, Safety: 1, AvailableFrom: "2026-12-24"},
				stockRow("columbus", "poster", 1_000_000_000), // 30 are on their way
				stockRow("", "", 1),
				{Warehouse: "reno", Sku: "poster", OnHand: 1_000_000_000, AvailableFrom: "2026-12-24"}, // 40 are there
				stockRow("columbus", "mug", 8), // the later one counts
			}
			request := []*allotv1.ImportStockRequest{named("i1", 0, rows[:4]...), named("", 0), named("i1", 0, rows[4:]...)}
			out, err := imports(t.Context(), s.inventory, request...)
			if err != nil {
				t.Fatal(err)
			}
			faults := map[string]string{}
			for _, f := range out.GetFaults() {
				faults[fmt.Sprint(f.GetRow(), " ", f.GetField())] = f.GetProblem() + "; " + f.GetMend()
			}
			for _, want := range []string{
				"2 warehouse", "7 on_hand", "8 on_hand", "8 safety", "9 available_from", "10 available_from", "11 safety", "12 on_hand",
				"13 warehouse", "13 sku", "14 on_hand",
			} {
				if faults[want] == "" {
					t.Errorf("no fault of %s", want)
				}
				delete(faults, want)
			}
			if len(faults) > 0 {
				t.Errorf("also told: %v", faults)
			}
			if out.GetRows() != 15 || out.GetRefused() != 9 || out.GetAccepted() != 6 || out.GetNextRow() != 16 {
				t.Errorf("%v", out)
			}
			want := []*allotv1.Shortfall{{Warehouse: "columbus", Sku: "lamp", Units: 1, HoldIds: []string{held.GetHold().GetId()}, HoldCount: 1}}
			if len(out.GetShortfalls()) != 1 || !proto.Equal(out.GetShortfalls()[0], want[0]) || out.GetShortfallCount() != 1 {
				t.Errorf("shortfalls %v", out.GetShortfalls())
			}
			stock := func() string {
				var text []string
				for _, cell := range [][2]string{{"columbus", "mug"}, {"reno", "mug"}, {"columbus", "lamp"}, {"reno", "lamp"}, {"columbus", "poster"}, {"reno", "poster"}} {
					got := stockOf(t, s.Server, cell[0], cell[1])
					text = append(text, fmt.Sprintf("%d-%d+%d", got.GetOnHand(), got.GetSafety(), got.GetInbound()))
				}
				return strings.Join(text, " ")
			}
			const now = "8-0+0 9-4+0 1-0+0 3-0+30 0-0+30 40-0+0"
			if got := stock(); got != now {
				t.Errorf("stock %s, want %s", got, now)
			}

			// Sent again, nothing is done again, though the stock has changed meanwhile.
			if _, err := s.AdjustStock(t.Context(), adjustStock("later", "columbus", "mug", 5)); err != nil {
				t.Fatal(err)
			}
			again, err := imports(t.Context(), s.inventory, request...)
			out.Accepted, out.Refused = out.GetAccepted()+2, out.GetRefused()-2 // what lay there too much for rows 12 and 14 is not looked at again
			out.Faults = slices.DeleteFunc(out.Faults, func(f *allotv1.ImportFault) bool { return f.GetRow() == 12 || f.GetRow() == 14 })
			if err != nil || !proto.Equal(again, out) {
				t.Errorf("again: %v, %v; want %v", again, err, out)
			}
			if got, want := stock(), "13"+now[1:]; got != want {
				t.Errorf("stock %s, want %s", got, want)
			}
			rows[0] = stockRow("columbus", "mug", 99)
			_, err = imports(t.Context(), s.inventory, named("i1", 0, rows...))
			if st := status.Convert(err); st.Code() != codes.AlreadyExists || nextRow(st) != "1" {
				t.Errorf("other rows under a known id: %v", err)
			}
		})
	}
}

// TestImportResumes breaks an import off in every way: the connection, the server's drain, and the end of its life. Sent
// again, whole or from where it was told, it ends with all rows done once.
func TestImportResumes(t *testing.T) {
	const total = 3_500
	j := newTape()
	shop := manySKUs(total)
	serving := func() *site {
		store := openStore(t, j, nil)
		return serve(t, func(c *Config) { c.Store, c.Load, c.Files = store, nil, shop.Files })
	}
	rows := skuRows(total, 5)
	rows[17].Warehouse = "nowhere"
	receipt := &allotv1.StockRow{Warehouse: "reno", Sku: "sku-0", OnHand: 100, AvailableFrom: "2027-01-01"}
	rows[20] = receipt
	done := func(s *site) (n int) {
		var skus []string
		for i := range total {
			skus = append(skus, fmt.Sprint("sku-", i))
		}
		for len(skus) > 0 {
			part := skus[:min(len(skus), 100)]
			skus = skus[len(part):]
			out, err := s.GetStock(t.Context(), &allotv1.GetStockRequest{Skus: part, Warehouses: []string{"reno"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, stock := range out.GetStock() {
				if stock.GetOnHand() > 0 {
					n++
				}
			}
		}
		return n
	}

	s := serving()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := s.inventory.ImportStock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < 2_600; at += 100 {
		first := int64(0)
		if at == 0 {
			first = 1
		}
		if err := stream.Send(named("i", first, rows[at:at+100]...)); err != nil {
			t.Fatal(err)
		}
	}
	for done(s) < 1_998 { // what was sent is on its way
		time.Sleep(time.Millisecond)
	}
	cancel() // as if the connection broke
	if n := done(s); n != 1_998 {
		t.Errorf("%d rows are done, want those of two batches but for one with a fault and one that is on its way", n)
	}

	// The server drains while the import is sent again.
	if stream, err = s.inventory.ImportStock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(named("i", 0, rows[:3_200]...)); err != nil {
		t.Fatal(err)
	}
	for done(s) < 2_998 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	err = stream.RecvMsg(&allotv1.ImportStockResponse{})
	st := status.Convert(err)
	if st.Code() != codes.Unavailable || reasonOf(st) != ReasonDraining || nextRow(st) != "3001" || retryOf(st) != drainRetry {
		t.Errorf("drained: %v %v", err, st.Details())
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if err := s.cfg.Store.Close(); err != nil {
		t.Fatal(err)
	}

	s = serving()
	if n := done(s); n != 2_998 {
		t.Errorf("%d rows after a restart", n)
	}
	out, err := imports(t.Context(), s.inventory, named("i", 3_001, rows[3_000:]...))
	if err != nil || out.GetRows() != 500 || out.GetAccepted() != 500 || out.GetNextRow() != total+1 {
		t.Errorf("the rest: %v, %v", out, err)
	}
	out, err = imports(t.Context(), s.inventory, named("i", 0, rows...))
	if err != nil || out.GetRows() != total || out.GetAccepted() != total-1 || out.GetNextRow() != total+1 || out.GetFaults()[0].GetRow() != 18 {
		t.Errorf("the whole: %v, %v", out, err)
	}
	if n := done(s); n != total-2 {
		t.Errorf("%d rows in the end", n)
	}
	if got := stockOf(t, s.Server, "reno", "sku-0"); got.GetInbound() != 100 {
		t.Errorf("announced twice: %v", got)
	}
}

func TestBadImports(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxMessage = 256 << 10 })
	row := stockRow("columbus", "mug", 1)
	for name, tt := range map[string]struct {
		messages []*allotv1.ImportStockRequest
		field    string
	}{
		"nothing":               {nil, "import_id"},
		"no id":                 {[]*allotv1.ImportStockRequest{named("", 0, row)}, "import_id"},
		"a long id":             {[]*allotv1.ImportStockRequest{named(strings.Repeat("i", 129), 0, row)}, "import_id"},
		"another id":            {[]*allotv1.ImportStockRequest{named("b1", 0, row), named("b2", 0, row)}, "import_id"},
		"within a batch":        {[]*allotv1.ImportStockRequest{named("b", 1000, row)}, "first_row"},
		"before the first":      {[]*allotv1.ImportStockRequest{named("b", -1, row)}, "first_row"},
		"the first row again":   {[]*allotv1.ImportStockRequest{named("b", 1, row), named("", 1001, row)}, "first_row"},
		"too many in a message": {[]*allotv1.ImportStockRequest{named("b", 1, make([]*allotv1.StockRow, maxRows+1)...)}, "rows"},
	} {
		_, err := imports(t.Context(), s.inventory, tt.messages...)
		st := status.Convert(err)
		if _, told := violationsOf(st)[tt.field]; st.Code() != codes.InvalidArgument || !told {
			t.Errorf("%s: %v %v, want %s", name, err, violationsOf(st), tt.field)
		}
	}
	_, err := imports(t.Context(), s.inventory, named("b", 1, stockRow(strings.Repeat("w", 300<<10), "mug", 1)))
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted {
		t.Errorf("too large: %v", err)
	}
	if got := stockOf(t, s.Server, "columbus", "mug"); got.GetOnHand() != 100 {
		t.Errorf("something was done: %v", got)
	}
	// No rows are no fault, and rows of nothing but faults neither.
	if out, err := imports(t.Context(), s.inventory, named("empty", 0)); err != nil || !proto.Equal(out, &allotv1.ImportStockResponse{NextRow: 1}) {
		t.Errorf("empty: %v, %v", out, err)
	}
	bad := make([]*allotv1.StockRow, 3_000)
	for i := range bad {
		bad[i] = &allotv1.StockRow{}
	}
	if out, err := imports(t.Context(), s.inventory, named("bad", 0, bad...)); err != nil || out.GetRefused() != 3_000 || len(out.GetFaults()) != maxImportFaults {
		t.Errorf("all bad: %d of %d refused, %d told, %v", out.GetRefused(), out.GetRows(), len(out.GetFaults()), err)
	}
}

// TestImportOnTheSecondPort imports by Connect, slower than a call may be and by more than a message may hold, and by
// the bytes that a shell can send.
func TestImportOnTheSecondPort(t *testing.T) {
	const limit = 3 * time.Second // which a busy machine does not use up by itself
	if testing.Short() {
		t.Skip("it waits for longer than a call may take")
	}
	s := serve(t, func(c *Config) {
		c.Load, c.Files = nil, manySKUs(2_000).Files
		c.ReadTimeout, c.MaxMessage = limit, 64<<10
	})
	client := allotv1connect.NewInventoryServiceClient(http.DefaultClient, s.web)
	stream, err := client.ImportStock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows := skuRows(2_000, 3)
	for at := 0; at < len(rows); at += 250 {
		time.Sleep(limit / 6)
		if err := stream.Send(named("i", 0, rows[at:at+250]...)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := stream.CloseAndReceive()
	if err != nil || out.GetAccepted() != 2_000 {
		t.Fatalf("%v, %v", out, err)
	}
	if got := stockOf(t, s.Server, "reno", "sku-1999"); got.GetOnHand() != 3 {
		t.Errorf("%v", got)
	}

	message := `{"importId": "curl", "rows": [{"warehouse": "reno", "sku": "mug", "onHand": 5}, {"warehouse": "reno", "sku": "mugs"}]}`
	frame := "\x00" + string([]byte{0, 0, byte(len(message) >> 8), byte(len(message))}) + message
	send := func(body string) string {
		answer, err := http.Post(s.web+"/allot.v1.InventoryService/ImportStock", "application/connect+json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %s, %v", answer.StatusCode, got, err)
		}
		return string(got)
	}
	if got := send(frame); !strings.Contains(got, `"nextRow":`) || !strings.Contains(got, `unknown SKU`) {
		t.Errorf("%q", got)
	}
	if got := send("\x00\x00\x00\x00\x05{nope"); !strings.Contains(got, ReasonMalformed) && !strings.Contains(got, "malformed") {
		t.Errorf("malformed: %q", got)
	}
	// A caller who stops sending in the middle is not waited for for ever.
	slow, writer := io.Pipe()
	go func() { _, _ = writer.Write([]byte(frame)) }() // and then nothing
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+"/allot.v1.InventoryService/ImportStock", slow)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/connect+json")
	answer, err := http.DefaultClient.Do(request)
	if err == nil {
		got, _ := io.ReadAll(answer.Body) // the connection may be cut
		_ = answer.Body.Close()
		if strings.Contains(string(got), `"nextRow"`) {
			t.Errorf("an import without an end is answered: %q", got)
		}
	}
	_ = writer.Close()
}

// TestDrainEndsAnImportOnTheSecondPort drains while a caller of plain HTTP is silent in the middle of an import.
func TestDrainEndsAnImportOnTheSecondPort(t *testing.T) {
	s := serve(t, nil)
	body, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+"/allot.v1.InventoryService/ImportStock", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/connect+json")
	message := `{"importId": "curl"}`
	go func() {
		_, _ = writer.Write(append([]byte{0, 0, 0, 0, byte(len(message))}, message...)) // and then nothing
		for s.gate.inFlight.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		_ = s.stop() // the cleanup looks at its error
	}()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || !strings.Contains(string(got), "unavailable") || !strings.Contains(string(got), "shuts down") {
		t.Errorf("%q, %v", got, err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestImportIsTheNetworksStock reads a network's stock.csv as an import does: the stock is the same as that of a start.
func TestImportIsTheNetworksStock(t *testing.T) {
	want, _ := newServer(t, nil)
	s := serve(t, func(c *Config) {
		c.Load = edited("stock.csv", "columbus,mug,100,0,\nreno,mug,100,10,\ncolumbus,lamp,5,0,\nreno,poster,40,0,\ncolumbus,poster,30,,2026-12-01\n", "")
	})
	_, stock, err := cornerShop(&network.Rows{})
	if err != nil {
		t.Fatal(err)
	}
	var rows []*allotv1.StockRow
	for _, r := range stock.Rows {
		row := &allotv1.StockRow{Warehouse: r.Warehouse, Sku: r.SKU, OnHand: r.OnHand, Safety: r.Safety}
		if r.AvailableFrom != 0 {
			row.AvailableFrom = r.AvailableFrom.String()
		}
		rows = append(rows, row)
	}
	if out, err := imports(t.Context(), s.inventory, named("all", 0, rows...)); err != nil || out.GetRefused() > 0 {
		t.Fatal(out, err)
	}
	everything := &allotv1.GetStockRequest{Skus: []string{"mug", "lamp", "poster"}}
	a, err1 := want.GetStock(t.Context(), everything)
	b, err2 := s.GetStock(t.Context(), everything)
	if err1 != nil || err2 != nil || !proto.Equal(a, b) {
		t.Errorf("%v, %v; want %v, %v", b, err2, a, err1)
	}
}
