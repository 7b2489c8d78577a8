package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
	"github.com/parquet-go/parquet-go"
)

// monday is 2026-11-23, 15:00 UTC.
const monday = units.Instant(1_795_446_000)

// planOf is an answer that ships what is claimed, a shipment from each warehouse.
func planOf(claims []ledger.StockClaim) []byte {
	p := Plan{Cost: 12_340_005, Currency: "USD", NetworkVersion: "v1", ArrivesAt: monday + 3*86_400}
	for w, name := range testWarehouses {
		s := PlannedShipment{
			Warehouse: name, Carrier: "roads", Service: "ground", ArrivesAt: p.ArrivesAt,
			ShipDate: units.DateOf(2026, 11, 24), DeliveryDate: units.DateOf(2026, 11, 27),
		}
		for _, c := range claims {
			if int(c.Warehouse) == w {
				s.SKUs = append(s.SKUs, testSKUs[c.SKU])
			}
		}
		if s.SKUs != nil {
			p.Shipments = append(p.Shipments, s)
		}
	}
	raw, err := json.Marshal(&p)
	if err != nil {
		panic(err)
	}
	return raw
}

func readTestPlan(answer []byte) (*Plan, error) {
	p := &Plan{}
	return p, json.Unmarshal(answer, p)
}

var (
	testWarehouses = []string{"columbus", "reno, NV"}
	testSKUs       = []string{"mug", `lamp "tall"`, "poster"}
)

// story is a state in which one hold was shipped in part, one was released, and one is pending.
func story(t *testing.T) *ledger.State {
	t.Helper()
	s := ledger.NewState(ledger.Config{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Extend(monday, testWarehouses, testSKUs, []string{"ground"}, []string{"v1"}))
	_, err := s.SetStock(monday, ledger.Request{}, []ledger.StockLevel{{Warehouse: 0, SKU: 0, OnHand: 100, Safety: 1}, {Warehouse: 1, SKU: 1, OnHand: 5}})
	must(err)
	must(s.AddReceipts(monday, ledger.Request{}, []ledger.Receipt{{Warehouse: 1, SKU: 2, Quantity: 30, From: monday + 86_400}}))
	for i, claims := range [][]ledger.StockClaim{
		{{Warehouse: 0, SKU: 0, Quantity: 6}, {Warehouse: 1, SKU: 1, Quantity: 2}}, {{Warehouse: 1, SKU: 1, Quantity: 3}}, {{Warehouse: 0, SKU: 0, Quantity: 1}},
	} {
		h, err := s.Allocate(&ledger.Allocation{
			Request: ledger.Request{ID: fmt.Sprint("r", i+1)}, At: monday + units.Instant(i), Order: fmt.Sprint("=order ", i+1), TTL: 600, Stock: claims,
			Basis: ledger.Basis{Network: 1, Sequence: s.Sequence(), At: monday}, Question: []byte("?"), Answer: planOf(claims),
		})
		must(err)
		if int(h.ID) != i+1 {
			t.Fatalf("hold %d", h.ID)
		}
	}
	_, err = s.Confirm(monday+10, 1, ledger.Request{})
	must(err)
	_, err = s.Ship(monday+20, 1, ledger.Request{}, []ledger.StockClaim{{Warehouse: 0, SKU: 0, Quantity: 4}})
	must(err)
	_, err = s.ShortPick(monday+30, 1, ledger.Request{}, []ledger.StockClaim{{Warehouse: 1, SKU: 1, Quantity: 1}})
	must(err)
	_, err = s.Release(monday+40, 2, ledger.Request{}, nil)
	must(err)
	return s
}

func write(t *testing.T, name string, f Format, s *ledger.State, o Options) []byte {
	t.Helper()
	for _, table := range Tables() {
		if table.Name == name {
			var out bytes.Buffer
			o.Plan = readTestPlan
			if _, err := table.Write(t.Context(), &out, f, s, o); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	t.Fatalf("no table %s", name)
	return nil
}

// TestStory is what people see of a small ledger.
func TestStory(t *testing.T) {
	s := story(t)
	for name, want := range map[string]string{
		"holds": `hold_id,order_id,request_id,status,granted_at,expires_at,changed_at,units,held,shipped,short,returned,warehouses,cost,currency,arrives_at,late,network_version,granted_sequence,changed_sequence
1,=order 1,r1,confirmed,2026-11-23T15:00:00Z,2026-11-23T15:10:00Z,2026-11-23T15:00:30Z,8,3,4,1,0,2,12.340005,USD,2026-11-26T15:00:00Z,false,v1,4,9
2,=order 2,r2,released,2026-11-23T15:00:01Z,2026-11-23T15:10:01Z,2026-11-23T15:00:40Z,3,0,0,0,3,1,12.340005,USD,2026-11-26T15:00:00Z,false,v1,5,10
3,=order 3,r3,pending,2026-11-23T15:00:02Z,2026-11-23T15:10:02Z,2026-11-23T15:00:02Z,1,1,0,0,0,1,12.340005,USD,2026-11-26T15:00:00Z,false,v1,6,6
`,
		"shipments": `hold_id,order_id,hold_status,warehouse,carrier,service,ship_date,delivery_date,arrives_at,sku,units,held,shipped,short,returned
1,=order 1,confirmed,columbus,roads,ground,2026-11-24,2026-11-27,2026-11-26T15:00:00Z,mug,6,2,4,0,0
1,=order 1,confirmed,"reno, NV",roads,ground,2026-11-24,2026-11-27,2026-11-26T15:00:00Z,"lamp ""tall""",2,1,0,1,0
2,=order 2,released,"reno, NV",roads,ground,2026-11-24,2026-11-27,2026-11-26T15:00:00Z,"lamp ""tall""",3,0,0,0,3
3,=order 3,pending,columbus,roads,ground,2026-11-24,2026-11-27,2026-11-26T15:00:00Z,mug,1,1,0,0,0
`,
		"stock": `warehouse,sku,on_hand,held,safety,available,inbound
columbus,mug,96,3,1,92,0
"reno, NV","lamp ""tall""",4,1,0,3,0
"reno, NV",poster,0,0,0,0,30
`,
	} {
		if got := string(write(t, name, CSV, s, Options{})); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestParquetSaysWhatCSVSays reads every table back with its types and compares it, cell by cell, with the CSV.
func TestParquetSaysWhatCSVSays(t *testing.T) {
	for name, s := range map[string]*ledger.State{"story": story(t), "nothing": ledger.NewState(ledger.Config{}), "random": random(t, 2_500)} {
		for _, table := range Tables() {
			t.Run(name+"/"+table.Name, func(t *testing.T) {
				want, err := csv.NewReader(bytes.NewReader(write(t, table.Name, CSV, s, Options{}))).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				got := readBack(t, &table, write(t, table.Name, Parquet, s, Options{}))
				if !slices.EqualFunc(got, want, slices.Equal) {
					t.Errorf("%d rows %.300q, CSV has %d rows %.300q", len(got), got, len(want), want)
				}
			})
		}
	}
}

// readBack returns a Parquet file as CSV would have it, from nothing but the file's own schema.
func readBack(t *testing.T, table *Table, raw []byte) [][]string {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	fields := file.Schema().Fields()
	var head []string
	for i, f := range fields {
		head = append(head, f.Name())
		kind := kindNumber
		if logical := f.Type().LogicalType(); logical != nil {
			switch text := logical.String(); {
			case strings.HasPrefix(text, "STRING"):
				kind = kindText
			case strings.HasPrefix(text, "TIMESTAMP(isAdjustedToUTC=true"):
				kind = kindTimestamp
			case strings.HasPrefix(text, "DATE"):
				kind = kindDate
			case strings.HasPrefix(text, "DECIMAL"):
				kind = kindMoney
			}
		} else if f.Type().Kind() == parquet.Boolean {
			kind = kindFlag
		}
		if kind != table.Columns[i].Type {
			t.Errorf("column %s is a %s (%v), documented as %s", f.Name(), kind, f.Type(), table.Columns[i].Type)
		}
	}
	out := [][]string{head}
	rows := parquet.NewReader(bytes.NewReader(raw))
	defer rows.Close()
	buffer := make([]parquet.Row, 100)
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			record := make([]string, len(fields))
			for i, v := range row {
				record[i] = cell(table.Columns[i].Type, v)
			}
			out = append(out, record)
		}
		if err != nil {
			return out
		}
	}
}

func cell(kind string, v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	switch kind {
	case kindText:
		return string(v.ByteArray())
	case kindTimestamp:
		return time.UnixMilli(v.Int64()).UTC().Format(time.RFC3339)
	case kindDate:
		return time.Unix(int64(v.Int32())*86_400, 0).UTC().Format(time.DateOnly)
	case kindMoney:
		return units.Money(v.Int64()).String()
	case kindFlag:
		return strconv.FormatBool(v.Boolean())
	}
	if v.Kind() == parquet.Int32 {
		return strconv.Itoa(int(v.Int32()))
	}
	return strconv.FormatInt(v.Int64(), 10)
}

// random is a state after some number of commands.
func random(t *testing.T, commands int) *ledger.State {
	t.Helper()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := ledger.NewState(ledger.Config{})
	if err := s.Extend(monday, testWarehouses, testSKUs, []string{"ground"}, []string{"v1"}); err != nil {
		t.Fatal(err)
	}
	at := monday
	for i := range commands {
		at += units.Instant(rng.IntN(30))
		id := ledger.HoldID(1 + rng.IntN(i+1))
		var err error
		switch rng.IntN(7) {
		case 0:
			_, err = s.AdjustStock(at, ledger.Request{}, []ledger.StockChange{{
				Warehouse: ledger.Warehouse(rng.IntN(2)), SKU: ledger.SKU(rng.IntN(3)), Delta: int32(rng.IntN(40) - 10),
			}})
		case 1, 2, 3:
			claims := []ledger.StockClaim{{Warehouse: ledger.Warehouse(rng.IntN(2)), SKU: ledger.SKU(rng.IntN(3)), Quantity: 1 + rng.Int32N(4)}}
			_, err = s.Allocate(&ledger.Allocation{At: at, TTL: 600, Stock: claims, Answer: planOf(claims)})
		case 4:
			_, err = s.Confirm(at, id, ledger.Request{})
		case 5:
			_, err = s.Ship(at, id, ledger.Request{}, nil)
		case 6:
			_, err = s.Cancel(at, id, ledger.Request{}, nil)
		}
		if errors.Is(err, ledger.ErrReplay) {
			t.Fatal(err)
		}
	}
	return s
}

// TestTablesAgree: what shipments and holds have held is what stock has held.
func TestTablesAgree(t *testing.T) {
	s := random(t, 5_000)
	held := map[string]int{}
	perHold := map[string]int{}
	for _, r := range records(t, "shipments", s) {
		n, _ := strconv.Atoi(r["held"])
		held[r["warehouse"]+"/"+r["sku"]] += n
		perHold[r["hold_id"]] += n
	}
	open := 0
	for _, r := range records(t, "holds", s) {
		n, _ := strconv.Atoi(r["held"])
		if perHold[r["hold_id"]] != n {
			t.Errorf("hold %s has %d in holds, %d in shipments", r["hold_id"], n, perHold[r["hold_id"]])
		}
		if n > 0 {
			open++
		}
	}
	if open == 0 || open != s.Open() {
		t.Errorf("%d holds hold something, the state has %d open", open, s.Open())
	}
	for _, r := range records(t, "stock", s) {
		n, _ := strconv.Atoi(r["held"])
		if held[r["warehouse"]+"/"+r["sku"]] != n {
			t.Errorf("%s in %s: %d held in stock, %d in shipments", r["sku"], r["warehouse"], n, held[r["warehouse"]+"/"+r["sku"]])
		}
	}
}

func records(t *testing.T, name string, s *ledger.State) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(write(t, name, CSV, s, Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		r := map[string]string{}
		for i, c := range row {
			r[rows[0][i]] = c
		}
		out = append(out, r)
	}
	return out
}

// TestSameBytes: the same state gives the same files, and metadata goes into them.
func TestSameBytes(t *testing.T) {
	s := story(t)
	o := Options{Metadata: map[string]string{"allot.sequence": "10", "allot.network": "v1"}}
	for _, table := range Tables() {
		for _, f := range Formats() {
			once := write(t, table.Name, f, s, o)
			if !bytes.Equal(once, write(t, table.Name, f, s, o)) {
				t.Errorf("%s as %s: other bytes the second time", table.Name, f)
			}
			if f != Parquet {
				continue
			}
			file, err := parquet.OpenFile(bytes.NewReader(once), int64(len(once)))
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := file.Lookup("allot.sequence"); !ok || got != "10" {
				t.Errorf("metadata allot.sequence is %q", got)
			}
		}
	}
}

// A failing writer takes some bytes and no more.
type failing struct{ left int }

var errDisk = errors.New("disk full")

func (w *failing) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

// TestWriteFails returns what the writer says, and ends with the context.
func TestWriteFails(t *testing.T) {
	s := random(t, 5_000)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, table := range Tables() {
		for _, f := range Formats() {
			for _, room := range []int{0, 10, 100} {
				if _, err := table.Write(t.Context(), &failing{room}, f, s, Options{}); !errors.Is(err, errDisk) {
					t.Errorf("%s as %s into %d bytes: %v", table.Name, f, room, err)
				}
			}
			var out bytes.Buffer
			if n, err := table.Write(ended, &out, f, s, Options{}); table.Name == "holds" && (!errors.Is(err, context.Canceled) || n > batchRows) {
				t.Errorf("%s as %s, interrupted: %d rows, %v", table.Name, f, n, err)
			}
		}
		if _, err := table.Write(t.Context(), &failing{0}, "xlsx", s, Options{}); err == nil || !strings.Contains(err.Error(), `unknown format "xlsx"`) {
			t.Errorf("unknown format: %v", err)
		}
	}
}

// TestForeignAnswers: a hold whose answer is no plan, or one that ships something else, is named.
func TestForeignAnswers(t *testing.T) {
	for name, answer := range map[string][]byte{"bytes": {0xff}, "another plan": planOf(nil)} {
		s := story(t)
		if _, err := s.Allocate(&ledger.Allocation{
			At: monday, TTL: 60, Stock: []ledger.StockClaim{{Quantity: 1}}, Answer: answer,
		}); err != nil {
			t.Fatal(err)
		}
		for _, table := range Tables() {
			if table.Name != "shipments" {
				continue
			}
			if _, err := table.Write(t.Context(), &bytes.Buffer{}, CSV, s, Options{Plan: readTestPlan}); err == nil || !strings.Contains(err.Error(), "table shipments: hold 4: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestNobodyReadsPlans: without Options.Plan the ledger's own columns are there.
func TestNobodyReadsPlans(t *testing.T) {
	s := story(t)
	for _, table := range Tables() {
		var out bytes.Buffer
		if n, err := table.Write(t.Context(), &out, CSV, s, Options{}); err != nil || n != 3 && n != 4 {
			t.Errorf("%s: %d rows, %v", table.Name, n, err)
		}
		if table.Name == "shipments" && !strings.Contains(out.String(), "1,=order 1,confirmed,columbus,,,,,,mug,6,2,4,0,0\n") {
			t.Errorf("shipments:\n%s", &out)
		}
	}
}

// TestColumns: names are unique, every one is explained, and the Parquet schema has the same in the same order.
func TestColumns(t *testing.T) {
	for _, table := range Tables() {
		schema := map[string]*parquet.Schema{
			"holds": parquet.SchemaOf(Hold{}), "shipments": parquet.SchemaOf(Shipment{}), "stock": parquet.SchemaOf(Stock{}),
		}[table.Name]
		var names []string
		for _, f := range schema.Fields() {
			names = append(names, f.Name())
		}
		for i, c := range table.Columns {
			if i >= len(names) || names[i] != c.Name || c.Help == "" || slices.Contains(names[:i], c.Name) {
				t.Errorf("%s: column %d is %+v, in Parquet %v", table.Name, i, c, names)
			}
		}
		if len(names) != len(table.Columns) {
			t.Errorf("%s has %d columns, its schema %d", table.Name, len(table.Columns), len(names))
		}
	}
}

// BenchmarkExport writes 100,000 holds.
func BenchmarkExport(b *testing.B) {
	s := ledger.NewState(ledger.Config{})
	if err := s.Extend(monday, testWarehouses, testSKUs, []string{"ground"}, []string{"v1"}); err != nil {
		b.Fatal(err)
	}
	if _, err := s.SetStock(monday, ledger.Request{}, []ledger.StockLevel{{OnHand: ledger.MaxQuantity}}); err != nil {
		b.Fatal(err)
	}
	claims := []ledger.StockClaim{{Quantity: 1}}
	answer := planOf(claims)
	plan, err := readTestPlan(answer)
	if err != nil {
		b.Fatal(err)
	}
	const holds = 100_000
	for i := range holds {
		id := strconv.Itoa(i)
		if _, err := s.Allocate(&ledger.Allocation{Request: ledger.Request{ID: id}, At: monday, Order: id, TTL: 600, Stock: claims, Answer: answer}); err != nil {
			b.Fatal(err)
		}
	}
	for _, table := range Tables()[:2] {
		for _, f := range Formats() {
			b.Run(fmt.Sprintf("%s/%s", table.Name, f), func(b *testing.B) {
				rows := int64(0)
				for b.Loop() {
					n, err := table.Write(b.Context(), io.Discard, f, s, Options{Plan: func([]byte) (*Plan, error) { return plan, nil }})
					if err != nil {
						b.Fatal(err)
					}
					rows += n
				}
				b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
