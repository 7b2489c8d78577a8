package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

func seed(t *testing.T) uint64 {
	t.Helper()
	s := seeds.New(t)
	t.Logf("seed %d", s)
	return s
}

func rounds(n int) int {
	if testing.Short() {
		return 1
	}
	return n
}

func open(t *testing.T, dir string) *Run {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOrdersComeBack: what is read back is what was decided.
func TestOrdersComeBack(t *testing.T) {
	first := seed(t)
	for round := range rounds(8) {
		m := random(first+uint64(round), 1+round*97, 1+round*17)
		dir := t.TempDir()
		m.record(t, dir, Options{}, 2)
		run := open(t, dir)
		h, snap := m.in.History, m.in.Epochs[0].Snapshot
		items := func(list []engine.Item) string {
			var parts []string
			for _, it := range list {
				parts = append(parts, fmt.Sprintf("%s:%d", snap.SKUs.IDs[it.SKU], it.Quantity))
			}
			return strings.Join(parts, ";")
		}
		n := 0
		for got, err := range run.Orders() {
			if err != nil {
				t.Fatal(err)
			}
			b := m.blocks[n/(1+round*17)]
			o := b.Orders[n-b.First]
			want := &Order{
				Position: n, ID: h.ID(n), At: h.At[n], Outcome: o.Outcome.String(), Late: o.Late, Cost: o.Cost, SplitCost: o.SplitCost, Gap: o.Gap,
				Status: o.Status.String(), Floor: o.Floor, Why: o.RunnerUp.Why, Postal: got.Postal, State: got.State, Cell: got.Cell,
			}
			if o.Malformed {
				want.Outcome, want.Status = "malformed", ""
			}
			exact, isExact := h.Exact[int32(n)]
			want.Promised = isExact || h.Promise[n] != 0
			if want.Promised && o.Outcome == engine.Planned && !o.Malformed {
				want.Missed = o.Late
				for _, s := range b.Shipments[o.Shipments[0]:o.Shipments[1]] {
					behind := s.DeliveryDate+units.Date(s.Delayed) > h.Promise[n]
					if h.Promise[n] == 0 {
						behind = s.Arrival+units.Instant(s.Delayed)*86_400 > exact
					}
					want.Missed = want.Missed || s.Lost || s.Delayed > 0 && behind
				}
			}
			if o.FloorOutcome != 0 {
				want.FloorOutcome = o.FloorOutcome.String()
			}
			if d := h.Dest[n]; d >= 0 && h.Destinations[d].Postal != got.Postal {
				t.Errorf("order %d goes to %q, not %q", n, h.Destinations[d].Postal, got.Postal)
			}
			if h.Value != nil {
				want.Value = h.Value[n]
			}
			var lines []engine.Item
			for l := h.From[n]; l < h.From[n+1]; l++ {
				lines = append(lines, engine.Item{SKU: h.SKU[l], Quantity: h.Units[l]})
			}
			want.Items = items(lines)
			if up := o.RunnerUp; up.Warehouse >= 0 {
				want.RunnerUpWarehouse, want.RunnerUpService, want.RunnerUpGap = snap.Warehouses[up.Warehouse].ID, snap.Services[up.Service].ID, up.Gap
			}
			want.Shipments = got.Shipments[:0:0]
			for k := o.Shipments[0]; k < o.Shipments[1]; k++ {
				s := b.Shipments[k]
				want.Shipments = append(want.Shipments, Shipment{
					Warehouse: snap.Warehouses[s.Warehouse].ID, Carrier: snap.Carriers[snap.Services[s.Service].Carrier], Service: snap.Services[s.Service].ID,
					Items: items(b.Items[s.Items[0]:s.Items[1]]), Units: s.Units, Parcels: s.Parcels, Weight: (s.Weight + 500_000) / 1_000_000 * 1_000_000,
					Zone: s.Zone, Cost: s.Cost, Freight: s.Freight, Costs: b.Costs[int(k)*len(testTerms) : int(k+1)*len(testTerms)], ShipDate: s.ShipDate,
					DeliveryDate: s.DeliveryDate, DaysLate: s.DaysLate, Metres: s.Metres, CO2Grams: s.CO2Grams, InTime: s.InTime, Delayed: s.Delayed, Lost: s.Lost,
				})
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("order %d:\n%+v\nwant\n%+v", n, got, want)
			}
			n++
		}
		if n != h.Len() {
			t.Fatalf("%d orders of %d", n, h.Len())
		}
		for _, err := range run.Orders() {
			if err != nil {
				t.Error(err)
			}
			break // whoever has seen enough may go
		}
	}
}

// table reads a CSV file as records by column.
func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		r := map[string]string{}
		for i, name := range rows[0] {
			if _, twice := r[name]; twice {
				t.Fatalf("two columns %s", name)
			}
			r[name] = row[i]
		}
		out = append(out, r)
	}
	return out
}

// TestParquetSaysWhatCSVSays reads the tables with nothing but the library and their own schema.
func TestParquetSaysWhatCSVSays(t *testing.T) {
	m := random(seed(t), 400, 64)
	dir := t.TempDir()
	m.record(t, dir, Options{CSV: true}, 2)
	for _, name := range []string{"decisions", "daily"} {
		raw, err := os.ReadFile(filepath.Join(dir, name+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		want := table(t, filepath.Join(dir, name+".csv"))
		if f.NumRows() != int64(len(want)) {
			t.Errorf("%s: %d rows, CSV has %d", name, f.NumRows(), len(want))
		}
		fields := f.Schema().Fields()
		if len(fields) != len(want[0]) {
			t.Errorf("%s: %d columns, CSV has %d", name, len(fields), len(want[0]))
		}
		rows := parquet.NewReader(bytes.NewReader(raw))
		buffer := make([]parquet.Row, 33)
		at := 0
		for {
			n, err := rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				for i, v := range row {
					if got := cellText(fields[i], v); got != want[at][fields[i].Name()] {
						t.Fatalf("%s, row %d, column %s: %q, CSV has %q", name, at, fields[i].Name(), got, want[at][fields[i].Name()])
					}
				}
				at++
			}
			if err != nil {
				break
			}
		}
		if at != len(want) {
			t.Errorf("%s: read %d rows, CSV has %d", name, at, len(want))
		}
		rows.Close()
	}
}

func cellText(f parquet.Field, v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	logical := ""
	if l := f.Type().LogicalType(); l != nil {
		logical = l.String()
	}
	n := int64(0)
	switch v.Kind() {
	case parquet.ByteArray:
		return string(v.ByteArray())
	case parquet.Boolean:
		return strconv.FormatBool(v.Boolean())
	case parquet.Int32:
		n = int64(v.Int32())
	default:
		n = v.Int64()
	}
	switch {
	case strings.HasPrefix(logical, "DATE"):
		return units.Date(n).String()
	case strings.HasPrefix(logical, "TIMESTAMP"):
		return time.UnixMilli(n).UTC().Format(time.RFC3339)
	case logical == "DECIMAL(18,6)" && f.Name() != "weight_kg":
		return units.Money(n).String()
	case strings.HasPrefix(logical, "DECIMAL"):
		scale := map[string]int{"DECIMAL(18,6)": 6, "DECIMAL(18,3)": 3, "DECIMAL(9,4)": 4}[logical]
		text := fmt.Sprintf("%0*d", scale+1, n)
		whole, part := text[:len(text)-scale], strings.TrimRight(text[len(text)-scale:], "0")
		if part == "" {
			return whole
		}
		return whole + "." + part
	}
	return strconv.FormatInt(n, 10)
}

// money reads an amount.
func money(t *testing.T, s string) int64 {
	t.Helper()
	if s == "" {
		return 0
	}
	m, err := units.ParseMoney(s)
	if err != nil {
		t.Fatal(err)
	}
	return int64(m)
}

// recount adds a summary's figures up again, from nothing but the CSV of decisions.
func recount(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	sum := map[string]int64{}
	last := ""
	for _, r := range table(t, filepath.Join(dir, "decisions.csv")) {
		if r["order"] != last {
			last = r["order"]
			sum["orders"]++
			switch r["outcome"] {
			case "PLANNED":
				sum["filled"]++
				sum["cost"] += money(t, r["order_cost"])
				sum["split"] += money(t, r["split_cost"])
				sum["value"] += money(t, r["value"])
				sum["splits "+r["shipments"]]++
				if r["floor_outcome"] == "PLANNED" {
					sum["floor orders"]++
					sum["floor"] += money(t, r["floor"])
					sum["gap"] += money(t, r["order_cost"]) - money(t, r["floor"])
				}
			case "malformed":
				sum["malformed"]++
			default:
				sum["refused"]++
				sum["refused "+r["outcome"]]++
			}
			if r["h3"] != "" && r["h3"] != "0" {
				sum["orders in "+r["h3"]]++
				sum["cost in "+r["h3"]] += money(t, r["order_cost"])
			}
		}
		if r["shipment"] == "" {
			continue
		}
		sum["shipments"]++
		n, _ := strconv.Atoi(r["units"])
		sum["units"] += int64(n)
		n, _ = strconv.Atoi(r["parcels"])
		sum["parcels"] += int64(n)
		n, _ = strconv.Atoi(r["co2_grams"])
		sum["grams"] += int64(n)
		sum["freight"] += money(t, r["freight"])
		terms := int64(0)
		for name, text := range r {
			if strings.HasPrefix(name, "cost_") {
				sum["term "+name] += money(t, text)
				terms += money(t, text)
			}
		}
		if terms != money(t, r["cost"]) {
			t.Errorf("order %s: the terms of a shipment sum to %d, not %s", r["order"], terms, r["cost"])
		}
		for _, by := range []string{"warehouse", "service", "carrier"} {
			sum["shipments of "+by+" "+r[by]]++
			sum["freight of "+by+" "+r[by]] += money(t, r["freight"])
		}
		sum["leave "+r["warehouse"]+" "+r["ship_date"]]++
		if r["lost"] == "true" {
			sum["lost"]++
		}
		if r["delayed"] != "0" {
			sum["delayed"]++
		}
	}
	return sum
}

// figures are those of a summary, a daily table and a map that recount finds, too.
func figures(s *Summary, days []Day, regions []Region) map[string]int64 {
	sum := map[string]int64{
		"orders": s.Orders.Done, "filled": s.Orders.Filled, "refused": s.Orders.Refused, "malformed": s.Orders.Malformed, "cost": int64(s.Cost.Total),
		"split": int64(s.Cost.Split), "floor orders": s.Floor.Orders, "floor": int64(s.Floor.Total), "gap": int64(s.Floor.Gap),
		"shipments": s.Shipping.Shipments, "units": s.Orders.Units, "parcels": s.Shipping.Parcels, "grams": s.Shipping.CO2Grams,
		"freight": int64(s.Cost.Freight), "lost": s.Mishaps.Lost, "delayed": s.Mishaps.Delayed,
	}
	if s.Orders.Value != nil {
		sum["value"] = int64(*s.Orders.Value)
	}
	for _, x := range s.Orders.Refusals {
		sum["refused "+x.Outcome] = x.Orders
	}
	for _, x := range s.Splits {
		sum[fmt.Sprint("splits ", x.Shipments)] = x.Orders
	}
	columns := []string{"cost_base", "cost_fuel__weekly", "cost_fuel__weekly_2", "cost__odd_", "cost_clearance"}
	for i, x := range s.Cost.Terms {
		sum["term "+columns[i]] = int64(x.Total)
	}
	for _, x := range s.Warehouses {
		sum["shipments of warehouse "+x.Warehouse], sum["freight of warehouse "+x.Warehouse] = x.Shipments, int64(x.Freight)
	}
	for _, x := range s.Services {
		sum["shipments of service "+x.Service], sum["freight of service "+x.Service] = x.Shipments, int64(x.Spend)
	}
	for _, x := range s.Carriers {
		sum["shipments of carrier "+x.Carrier], sum["freight of carrier "+x.Carrier] = x.Shipments, int64(x.Spend)
	}
	for _, d := range days {
		if d.Service == "" {
			sum["leave "+d.Warehouse+" "+d.Date.String()] = d.Shipments
		}
	}
	for _, x := range regions {
		sum["orders in "+x.Cell], sum["cost in "+x.Cell] = x.Orders, int64(x.Cost)
	}
	return sum
}

// differences tells in which figures two sums differ; what one does not have is 0.
func differences(a, b map[string]int64) (out []string) {
	for _, of := range []map[string]int64{a, b} {
		for k := range of {
			if a[k] != b[k] && !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestSummaryIsWhatTheTablesSay adds everything up again from the CSV.
func TestSummaryIsWhatTheTablesSay(t *testing.T) {
	first := seed(t)
	for round := range rounds(4) {
		m := random(first+uint64(round), 500, 70)
		dir := t.TempDir()
		s := m.record(t, dir, Options{CSV: true}, 3)
		run := open(t, dir)
		if !reflect.DeepEqual(s, run.Summary) {
			t.Errorf("the summary is read back as\n%+v\nnot\n%+v", run.Summary, s)
		}
		days, err := run.Daily()
		if err != nil {
			t.Fatal(err)
		}
		regions, err := run.Regions()
		if err != nil {
			t.Fatal(err)
		}
		want, got := recount(t, dir), figures(run.Summary, days, regions)
		if d := differences(got, want); len(d) > 0 {
			for _, k := range d[:min(len(d), 10)] {
				t.Errorf("%s: %d, the table has %d", k, got[k], want[k])
			}
		}
		terms := s.Cost.Split
		for _, x := range s.Cost.Terms {
			terms += x.Total
		}
		if terms != s.Cost.Total {
			t.Errorf("terms and split cost are %v, cost %v", terms, s.Cost.Total)
		}
		// Control: whatever figure were off by one, it would be seen.
		for k := range want {
			off := figures(run.Summary, days, regions)
			if off[k]++; len(differences(off, want)) != 1 {
				t.Fatalf("nobody would notice %s", k)
			}
		}
		// Nothing is held when all has left.
		for _, d := range days {
			if d.Backlog < 0 {
				t.Errorf("%+v", d)
			}
		}
		if last := days[len(days)-1]; last.Backlog != 0 {
			t.Errorf("at the end %+v", last)
		}
	}
}

// TestBacklog compares the backlog with shipments that are counted one by one.
func TestBacklog(t *testing.T) {
	m := random(seed(t), 200, 30)
	dir := t.TempDir()
	m.record(t, dir, Options{}, 1)
	days, err := open(t, dir).Daily()
	if err != nil {
		t.Fatal(err)
	}
	snap := m.in.Epochs[0].Snapshot
	for _, d := range days {
		n := int64(0)
		for _, b := range m.blocks {
			for _, s := range b.Shipments {
				w := snap.Warehouses[s.Warehouse]
				zone, err := time.LoadLocation(w.TimeZone)
				if err != nil {
					t.Fatal(err)
				}
				y, mo, da := time.Unix(int64(m.in.History.At[b.First+int(s.Order)]), 0).In(zone).Date()
				if w.ID == d.Warehouse && (d.Service == "" || d.Service == snap.Services[s.Service].ID) &&
					units.DateOf(y, int(mo), da) <= d.Date && s.ShipDate > d.Date {
					n++
				}
			}
		}
		// A shipment that is said to leave on the day before its order, in a time zone behind UTC, was never waiting.
		if n != d.Backlog {
			t.Errorf("%v %s %s: backlog %d, counted %d", d.Date, d.Warehouse, d.Service, d.Backlog, n)
		}
	}
}

func readDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(raw)
	}
	return out
}

// TestSameBytes: equal runs have equal files, whoever prepared which block when.
func TestSameBytes(t *testing.T) {
	m := random(seed(t), 300, 40)
	var want map[string]string
	for workers := 1; workers <= 4; workers++ {
		dir := t.TempDir()
		m.record(t, dir, Options{CSV: true}, workers)
		got := readDir(t, dir)
		if len(got) != len(fileNames) {
			t.Fatalf("%d files", len(got))
		}
		if want == nil {
			want = got
		}
		for name := range got {
			if got[name] != want[name] {
				t.Errorf("%s differs with %d workers", name, workers)
			}
		}
	}
}

// TestPartial: what was done before a run was stopped stands, and says so.
func TestPartial(t *testing.T) {
	m := random(seed(t), 300, 40)
	m.blocks = m.blocks[:3]
	m.rep.Done, m.rep.Stopped = 120, true
	dir := t.TempDir()
	m.record(t, dir, Options{}, 2)
	run := open(t, dir)
	if !run.Summary.Partial || run.Summary.Orders.Done != 120 || run.Summary.Orders.History != 300 {
		t.Errorf("%+v", run.Summary.Orders)
	}
	n := 0
	for _, err := range run.Orders() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 120 {
		t.Errorf("%d orders", n)
	}
	// Stopped before anything was done.
	m.blocks, m.rep.Done = nil, 0
	m.record(t, dir, Options{CSV: true}, 1)
	run = open(t, dir)
	for o, err := range run.Orders() {
		t.Errorf("%v %v", o, err)
	}
	if days, err := run.Daily(); err != nil || len(days) != 0 || run.Summary.Orders.Done != 0 {
		t.Errorf("%v %v %+v", days, err, run.Summary.Orders)
	}
}

// TestDirectory: one run at a time, nothing of others is touched, and what an earlier run left goes.
func TestDirectory(t *testing.T) {
	m := random(seed(t), 50, 20)
	dir := filepath.Join(t.TempDir(), "deep", "run")
	r, err := Create(dir, m.in, Options{Terms: m.terms})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, m.in, Options{Terms: m.terms}); err == nil || !strings.Contains(err.Error(), "another run is writing") {
		t.Errorf("two runs at a time: %v", err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "has no results") {
		t.Errorf("results of a run that has not ended: %v", err)
	}
	if err := r.Abandon(); err != nil {
		t.Error(err)
	}
	if left := readDir(t, dir); len(left) != 0 {
		t.Errorf("an abandoned run leaves %v", left)
	}
	m.record(t, dir, Options{CSV: true}, 1)
	m.record(t, dir, Options{}, 1) // replaces it
	left := readDir(t, dir)
	if _, ok := left["decisions.csv"]; ok || len(left) != 4 {
		t.Errorf("an earlier run's tables are left: %d files", len(left))
	}
	if err := os.Remove(filepath.Join(dir, summaryFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, m.in, Options{Terms: m.terms}); err == nil || !strings.Contains(err.Error(), "files of another kind (daily.parquet, ") {
		t.Errorf("files of nobody: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, summaryFile), []byte(`{"format": "mine"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, m.in, Options{Terms: m.terms}); err == nil {
		t.Error("files of somebody else are replaced")
	}
	if _, ok := readDir(t, dir)[lockFile]; ok {
		t.Error("a refusal leaves its lock")
	}
}

// TestFilesBelongTogether: files of two runs are not read as one.
func TestFilesBelongTogether(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	s := seed(t)
	random(s, 50, 20).record(t, a, Options{}, 1)
	random(s+1, 50, 20).record(t, b, Options{}, 1)
	for _, name := range []string{"decisions.parquet", "daily.parquet", "regions.geojson"} {
		raw, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			t.Fatal(err)
		}
		mine, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(a, name), raw, 0o666); err != nil {
			t.Fatal(err)
		}
		run, err := Open(a)
		if err == nil {
			_, err = run.Regions()
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of another run: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(a, name), mine, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// A damaged byte is noticed where it is read.
	path := filepath.Join(a, "decisions.parquet")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[100] ^= 4 // of the first column's page
	if err := os.WriteFile(path, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	run := open(t, a)
	for _, err = range run.Orders() {
		if err != nil {
			break
		}
	}
	if err == nil {
		t.Error("a damaged byte is read as if nothing were")
	}
}

// A fullDisk fails from the n-th operation on.
type fullDisk struct {
	system
	n *int
}

var errFull = errors.New("no space left on device")

func (d fullDisk) spend() error {
	if *d.n--; *d.n < 0 {
		return errFull
	}
	return nil
}

func (d fullDisk) Create(path string, exclusive bool) (file, error) {
	if err := d.spend(); err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f, err := d.system.Create(path, exclusive)
	if err != nil {
		return nil, err
	}
	return fullFile{f, d}, nil
}

func (d fullDisk) Rename(from, to string) error {
	if err := d.spend(); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return d.system.Rename(from, to)
}

type fullFile struct {
	file
	d fullDisk
}

func (f fullFile) Write(b []byte) (int, error) {
	if err := f.d.spend(); err != nil {
		return 0, err
	}
	return f.file.Write(b)
}

func (f fullFile) Sync() error {
	if err := f.d.spend(); err != nil {
		return err
	}
	return f.file.Sync()
}

// TestDiskFull lets the disk fill up at every point of a run: the error names a file, there are no results, and the next
// run finds the directory free.
func TestDiskFull(t *testing.T) {
	m := random(seed(t), 60, 20)
	for n := 0; ; n++ {
		dir := t.TempDir()
		left := n
		err := func() error {
			r, err := Create(dir, m.in, Options{Terms: m.terms, CSV: true, disk: fullDisk{n: &left}})
			if err != nil {
				return err
			}
			for _, b := range m.blocks {
				x, err := r.Prepare(b)
				if err == nil {
					err = r.Write(x)
				}
				if err != nil {
					return errors.Join(err, r.Abandon())
				}
			}
			_, err = r.Finish(m.rep)
			return err
		}()
		if err == nil {
			if n < 20 {
				t.Errorf("a run makes %d operations", n)
			}
			return
		}
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("after %d operations: %v", n, err)
		}
		if _, err := Open(dir); err == nil {
			t.Fatalf("after %d operations there are results", n)
		}
		if _, locked := readDir(t, dir)[lockFile]; locked {
			t.Fatalf("after %d operations the directory is locked", n)
		}
		r, err := Create(dir, m.in, Options{Terms: m.terms})
		if err != nil {
			t.Fatalf("after %d operations: %v", n, err)
		}
		if err := r.Abandon(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSummaryCSV has every figure of the JSON.
func TestSummaryCSV(t *testing.T) {
	m := random(seed(t), 60, 20)
	dir := t.TempDir()
	s := m.record(t, dir, Options{CSV: true}, 1)
	got := map[string]string{}
	for _, r := range table(t, filepath.Join(dir, "summary.csv")) {
		got[r["figure"]] = r["value"]
	}
	for name, want := range map[string]string{
		"name": "made, by hand", "orders.done": "60", "cost.total": s.Cost.Total.String(), "cost.terms.1.term": "fuel, weekly",
		"on_time.share": s.OnTime.Share.String(), "partial": "false", "sources.orders": "abc", "seed": fmt.Sprint(m.in.Seed),
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
}

// TestColumns: what is said of the columns is what the table has.
func TestColumns(t *testing.T) {
	dir := t.TempDir()
	random(1, 5, 5).record(t, dir, Options{CSV: true}, 1)
	raw, err := os.ReadFile(filepath.Join(dir, "decisions.csv"))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(raw), "\n")
	var names []string
	for _, c := range Columns() {
		names = append(names, c.Name)
		if c.Type == "" || c.Help == "" {
			t.Errorf("nothing is said of %+v", c)
		}
	}
	if want := strings.Join(names, ",") + ",cost_base,cost_fuel__weekly,cost_fuel__weekly_2,cost__odd_,cost_clearance"; head != want {
		t.Errorf("the table has\n%s\nnot\n%s", head, want)
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		n, d int64
		want string
	}{{1, 3, "0.333333"}, {2, 3, "0.666667"}, {1, 1, "1"}, {0, 0, "0"}, {5, 4, "1.25"}, {1, 2_000_000, "0.000001"}} {
		s := ShareOf(c.n, c.d)
		if s.String() != c.want {
			t.Errorf("%d/%d is %v, not %s", c.n, c.d, s, c.want)
		}
		raw, err := json.Marshal(s)
		var back Share
		if err != nil || json.Unmarshal(raw, &back) != nil || back != s {
			t.Errorf("%s is read back as %v", raw, back)
		}
	}
	if got := Share(-1_500_000).String(); got != "-1.5" {
		t.Error(got)
	}
}

// What reading left out stands in the summary, with its share and its first faults, and is kept when the run is opened again.
func TestSkipped(t *testing.T) {
	t.Parallel()
	m := random(5, 40, 40)
	bad := &history.Bad{Rows: 150, Of: 1_000}
	for row := range 150 {
		bad.Faults = append(bad.Faults, faults.Fault{File: "a.csv", Row: row + 2, Problem: "the order has no lines"})
	}
	dir := t.TempDir()
	m.record(t, dir, Options{Skipped: bad}, 1)
	run, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &run.Summary.Skipped
	if s.Rows != 150 || s.Of != 1_000 || s.Share != 150_000 || len(s.Faults) != 100 || s.Faults[99] != "a.csv:101: the order has no lines" {
		t.Errorf("%d of %d, %v, %d faults to %q", s.Rows, s.Of, s.Share, len(s.Faults), s.Faults[len(s.Faults)-1])
	}
	if o := &run.Summary.Orders; o.Unusable != ShareOf(o.Malformed, o.Done) {
		t.Errorf("%v of %d malformed of %d", o.Unusable, o.Malformed, o.Done)
	}
}
