package audit

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// TestWilson compares with published values and with the equation that the interval solves.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		// R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
		// table I, method 3.
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718},
	} {
		s := Wilson(c.k, c.n)
		if math.Abs(s.Low-c.low) > 0.00006 || math.Abs(s.High-c.high) > 0.00006 {
			t.Errorf("%d of %d: %v, want %v to %v", c.k, c.n, s, c.low, c.high)
		}
	}
	for n := range 60 {
		for k := range n + 1 {
			s := Wilson(k, n)
			if s.Low < 0 || s.Low > s.Value || s.Value > s.High || s.High > 1 {
				t.Fatalf("%d of %d: %v", k, n, s)
			}
			for _, p := range []float64{s.Low, s.High} { // |k/n - p| = z sqrt(p(1-p)/n)
				if p > 0 && p < 1 && n > 0 && math.Abs(math.Abs(s.Value-p)-1.959963984540054*math.Sqrt(p*(1-p)/float64(n))) > 1e-9 {
					t.Fatalf("%d of %d: %v is no end of the interval", k, n, p)
				}
			}
		}
	}
	if Wilson(0, 0) != (Share{High: 1}) {
		t.Error("nothing tells something")
	}
}

// example returns a copy of the example network, and the network.
func example(t testing.TB) (dir string, src *network.Source, snap *network.Snapshot) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/us-parcel")); err != nil {
		t.Fatal(err)
	}
	src, err := network.Read(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if snap, err = network.Compile(src, nil); err != nil {
		t.Fatal(err)
	}
	return dir, src, snap
}

type row struct {
	Carrier   string `parquet:"carrier"`
	Service   string `parquet:"service"`
	From      string `parquet:"from"`
	To        string `parquet:"to"`
	Ship      int32  `parquet:"ship_date,date"`
	Planned   *int64 `parquet:"planned_date,optional,timestamp(millisecond)"`
	Delivered *int32 `parquet:"delivered_date,optional,date"`
	Lost      bool   `parquet:"lost"`
	Damaged   string `parquet:"damaged"`
}

// shipments draws rows of the example's services.
func shipments(rng *rand.Rand, n int) []row {
	services := [][2]string{{"usps", "usps_ground_advantage"}, {"usps", "usps_priority_mail"}, {"fedex", "fedex_ground"}, {"fedex", "fedex_2day"}}
	froms, tos := []string{"89501", "43215"}, []string{"10001", "94103", "60601", "96813", "89502", "43004-1234"}
	rows := make([]row, n)
	for i := range rows {
		s := services[rng.IntN(len(services))]
		r := row{Carrier: s[0], Service: s[1], From: froms[rng.IntN(2)], To: tos[rng.IntN(len(tos))]}
		r.Ship = int32(units.DateOf(2026, 9, 1)) + rng.Int32N(40)
		if rng.IntN(10) > 0 {
			ms := int64(r.Ship+3) * 86_400_000
			r.Planned = &ms
		}
		if r.Lost = rng.IntN(50) == 0; !r.Lost {
			d := r.Ship + 1 + rng.Int32N(5)
			r.Delivered = &d
		}
		r.Damaged = []string{"", "no", "yes"}[rng.IntN(3)]
		rows[i] = r
	}
	return rows
}

func csvOf(rows []row) string {
	var b strings.Builder
	b.WriteString("\ufeffto,from,service,carrier,ship_date,planned_date,delivered_date,lost,damaged\n")
	for _, r := range rows {
		planned, delivered := "", ""
		if r.Planned != nil {
			planned = units.Date(*r.Planned / 86_400_000).String()
		}
		if r.Delivered != nil {
			delivered = units.Date(*r.Delivered).String()
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s,%v,%s,%s,%v,%s\n", r.To, r.From, r.Service, r.Carrier, units.Date(r.Ship), planned, delivered, r.Lost, r.Damaged)
	}
	return b.String()
}

func parquetOf(t testing.TB, rows []row) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func audited(t testing.TB, o Options, f history.File) *Audit {
	t.Helper()
	a, bad, err := Run(t.Context(), []history.File{f}, o)
	if err != nil || bad != nil {
		t.Fatalf("%v, %v", bad, err)
	}
	return a
}

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestCounts counts again, the plain way.
func TestCounts(t *testing.T) {
	rng := seeded(t)
	_, src, snap := example(t)
	rows := shipments(rng, 3_000)
	for _, o := range []Options{{}, {Source: src, Snapshot: snap}} {
		a := audited(t, o, history.Bytes("s.csv", []byte(csvOf(rows))))
		if b := audited(t, o, history.Bytes("s.parquet", parquetOf(t, rows))); !reflect.DeepEqual(a, b) {
			t.Error("CSV and Parquet differ")
		}
		want := map[string][5]int{}
		for _, r := range rows {
			for _, k := range []string{"carrier " + r.Carrier, "service " + r.Service} {
				c := want[k]
				c[0]++
				if r.Planned != nil && r.Delivered != nil {
					c[1]++
					if int64(*r.Delivered) > *r.Planned/86_400_000 {
						c[2]++
					}
				}
				if r.Lost {
					c[3]++
				}
				if r.Damaged == "yes" {
					c[4]++
				}
				want[k] = c
			}
		}
		sums := map[string][5]int{}
		for _, g := range a.Groups {
			got := [5]int{g.Shipments, g.Planned, g.Late, g.Lost, g.Damaged}
			days := 0
			for _, n := range g.Days {
				days += n
			}
			if days != g.Delivered || g.Delivered != g.Shipments-g.Lost {
				t.Errorf("%+v: its days sum to %d", g, days)
			}
			switch g.Level {
			case Carrier:
				if got != want["carrier "+g.Carrier] {
					t.Errorf("%+v, want %v", g, want["carrier "+g.Carrier])
				}
			case Service:
				if got != want["service "+g.Service] {
					t.Errorf("%+v, want %v", g, want["service "+g.Service])
				}
			case Lane:
				s := sums[g.Service]
				for i, n := range got {
					s[i] += n
				}
				sums[g.Service] = s
				if g.From != "895" && g.From != "432" {
					t.Errorf("a lane from %q", g.From)
				}
			}
		}
		for service, s := range sums {
			if s != want["service "+service] {
				t.Errorf("the lanes of %s sum to %v, want %v", service, s, want["service "+service])
			}
		}
	}
}

// TestTablesInPlace puts the tables that an audit writes into the network and checks it, and that promises rest on them.
func TestTablesInPlace(t *testing.T) {
	rng := seeded(t)
	dir, src, snap := example(t)
	a := audited(t, Options{Source: src, Snapshot: snap}, history.Bytes("s.csv", []byte(csvOf(shipments(rng, 20_000)))))
	out := t.TempDir()
	if err := os.Mkdir(filepath.Join(out, "transit"), 0o755); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, file := range a.Files() {
		var b bytes.Buffer
		if err := file.Write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, file.Name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file.Name)
	}
	if got := strings.Join(files, " "); got != "audit.csv audit.json transit/fedex.csv transit/fedex_express.csv transit/usps.csv" {
		t.Errorf("wrote %s", got)
	}
	if err := os.CopyFS(filepath.Join(dir, "new"), os.DirFS(filepath.Join(out, "transit"))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "transit")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "transit")); err != nil {
		t.Fatal(err)
	}
	if bad := network.Check(os.DirFS(dir)); len(bad) > 0 {
		t.Fatalf("the network is refused: %v", bad)
	}
	now, err := network.Read(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	// Every row that was there still is, those of zones that were measured with other days.
	changed := 0
	for name, tables := range src.Transits {
		after := map[[2]string]string{}
		for _, r := range now.Transits[name][0].Rows {
			after[[2]string{r.Scope, r.Zone}] = r.Days.String()
		}
		for _, r := range tables[0].Rows {
			days, ok := after[[2]string{r.Scope, r.Zone}]
			if !ok {
				t.Errorf("%s lost its row for zone %s of %s", name, r.Zone, r.Scope)
			}
			if days != r.Days.String() {
				changed++
			}
		}
	}
	if changed == 0 {
		t.Error("no row changed")
	}
	// Without a network, tables are read as well.
	a = audited(t, Options{}, history.Bytes("s.csv", []byte(csvOf(shipments(rng, 20_000)))))
	for _, table := range a.Transit {
		var b bytes.Buffer
		if err := table.Table.Write(&b); err != nil {
			t.Fatal(err)
		}
		var fl faults.List
		back := lanes.ReadTransit(table.Name, &b, &fl)
		lanes.CompileTransit([]*lanes.TransitTable{back}, nil, &fl)
		if fl.Len() > 0 || len(back.Rows) != len(table.Table.Rows) || table.Measured != len(back.Rows) {
			t.Errorf("%v", fl.Faults())
		}
	}
	if len(a.Transit) != 2 {
		t.Errorf("%d tables, want one for each carrier", len(a.Transit))
	}
}

// TestDaysExplainDelivery holds the days in transit against how the engine adds them.
func TestDaysExplainDelivery(t *testing.T) {
	rng := seeded(t)
	_, src, snap := example(t)
	a := &auditing{o: Options{Source: src, Snapshot: snap}}
	for i := range snap.Services {
		svc := &snap.Services[i]
		if svc.Kind != network.Ship {
			continue
		}
		for range 300 {
			ship := units.DateOf(2026, 9, 1) + units.Date(rng.IntN(120))
			n := 1 + rng.IntN(6)
			there, ok := svc.Linehaul.Add(ship, n)
			if !ok {
				t.Fatal("outside of the calendar")
			}
			delivered, ok := svc.Delivery.OnOrAfter(there)
			if !ok {
				t.Fatal("outside of the calendar")
			}
			got := a.days(i, &shipment{ship: ship, delivered: delivered})
			back, _ := svc.Linehaul.Add(ship, got)
			if again, _ := svc.Delivery.OnOrAfter(back); got > n || again != delivered {
				t.Fatalf("%s: %d days from %v to %v, which took %d and would arrive %v", svc.ID, got, ship, delivered, n, again)
			}
		}
	}
}

// TestSmooth checks sums, weights and ends.
func TestSmooth(t *testing.T) {
	rng := seeded(t)
	for range 2_000 {
		var counts, all [lanes.MaxDays + 1]int
		for range 1 + rng.IntN(100) {
			d := rng.IntN(lanes.MaxDays + 1)
			counts[d]++
			all[d]++
		}
		for range rng.IntN(100) {
			all[rng.IntN(lanes.MaxDays+1)]++
		}
		h := smooth(&counts, nil, &all, rng.IntN(50))
		if _, err := lanes.ParseHistogram(h.String()); err != nil {
			t.Fatal(err)
		}
	}
	// 30 of a lane took 2 days, and the network said 3: (30+0)/50 and (0+20)/50.
	var counts [lanes.MaxDays + 1]int
	counts[2] = 30
	if got := smooth(&counts, lanes.Histogram{0, 0, 0, units.Certain}, &counts, 20).String(); got != "2:6000 3:4000" {
		t.Errorf("got %s", got)
	}
	if got := smooth(&counts, nil, &counts, 20).String(); got != "2" {
		t.Errorf("got %s", got)
	}
}

func TestFaults(t *testing.T) {
	_, src, snap := example(t)
	const head = "carrier,service,from,to,ship_date,planned_date,delivered_date,lost,damaged\n"
	const good = "usps,usps_priority_mail,89501,10001,2026-09-01,2026-09-04,2026-09-03,,\n"
	for _, c := range []struct{ text, want string }{
		{"", "s.csv:1: the file is empty"},
		{head, "there are no shipments"},
		{"carrier,servis,from,to,ship_date,delivered_date\n", `s.csv:1:2: unknown column "servis"; did you mean "service"?`},
		{"carrier,servis,from,to,ship_date,delivered_date\n", "service: a required column is missing"},
		{head + "usps,usps_priority_mail,,10001,2026-09-01,,2026-09-03,,\n", "s.csv:2:3 from: the value is missing"},
		{head + "usps,usps_priority_mail,89501,10001,09/01/2026,,2026-09-03,,\n", "s.csv:2:5 ship_date:"},
		{head + "usps,usps_priority_mail,89501,10001,2026-09-01,,,,\n", "it was neither delivered nor lost"},
		{head + "usps,usps_priority_mail,89501,10001,2026-09-01,,2026-09-03,yes,\n", "it was lost, and delivered on 2026-09-03"},
		{head + "usps,usps_priority_mail,89501,10001,2026-09-01,,2026-08-03,,\n", "2026-08-03 is before 2026-09-01"},
		{head + "usps,usps_priority_mail,89501,10001,2026-09-01,2026-08-03,2026-09-03,,\n", "planned_date: 2026-08-03 is before"},
		{head + "usps,usps_priority_mail,89501,10001,2026-09-01,,2026-09-03,maybe,\n", `lost: "maybe" is neither yes nor no`},
		{head + "usps,usps_priorty_mail,89501,10001,2026-09-01,,2026-09-03,,\n", `service: unknown service "usps_priorty_mail"; did you mean "usps_priority_mail"?`},
		{head + "fedex,usps_priority_mail,89501,10001,2026-09-01,,2026-09-03,,\n", `service usps_priority_mail is not of carrier "fedex"; write "usps"`},
		{head + "uspss,usps_priority_mail,89501,10001,2026-09-01,,2026-09-03,,\n", `unknown carrier "uspss"; did you mean "usps"?`},
		{head + "usps,usps_priority_mail,89501,00000,2026-09-01,,2026-09-03,,\n", `to: no place "00000" in "US"`},
		{head + "usps,usps_priority_mail,89501\n", "s.csv:2: the row has 3 fields; give 9"},
	} {
		_, _, err := Run(t.Context(), []history.File{history.Bytes("s.csv", []byte(c.text))}, Options{Source: src, Snapshot: snap})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
	text := head + strings.Repeat(good, 99) + "usps,usps_priority_mail,89501,10001,2026-09-01,,,,\n"
	a, bad, err := Run(t.Context(), []history.File{history.Bytes("s.csv", []byte(text))}, Options{Source: src, Snapshot: snap, MaxBad: 100})
	if err != nil || bad == nil || bad.Rows != 1 || bad.Of != 100 || a.Shipments != 99 {
		t.Errorf("%v %v", bad, err)
	}
	if _, _, err := Run(t.Context(), []history.File{history.Bytes("s.csv", []byte(text))}, Options{MaxBad: 99}); err == nil {
		t.Error("1 % of bad rows is not more than 0.99 %")
	}
	if _, _, err := Run(t.Context(), []history.File{history.Bytes("s.parquet", []byte("PAR1"))}, Options{}); !isFaults(err) {
		t.Errorf("got %v", err)
	}
	if _, _, err := Run(t.Context(), []history.File{history.Bytes("s.jsonl", nil)}, Options{}); !isFaults(err) {
		t.Errorf("got %v", err)
	}
}

func isFaults(err error) bool {
	_, ok := errors.AsType[*faults.Error](err)
	return ok
}

func FuzzRead(f *testing.F) {
	f.Add("carrier,service,from,to,ship_date,planned_date,delivered_date,lost,damaged\nusps,ground,89501,10001,2026-09-01,2026-09-04,2026-09-03,,yes\n")
	f.Add("carrier,service,from,to,ship_date,delivered_date\n,\"")
	f.Fuzz(func(t *testing.T, text string) {
		a, _, err := Run(t.Context(), []history.File{history.Bytes("s.csv", []byte(text))}, Options{MinShipments: 1, MaxBad: units.Certain})
		if err != nil {
			return
		}
		for _, table := range a.Transit {
			var b bytes.Buffer
			var fl faults.List
			if err := table.Table.Write(&b); err != nil {
				t.Fatal(err)
			}
			if lanes.ReadTransit("t", &b, &fl); fl.Len() > 0 {
				t.Fatalf("%v", fl.Faults())
			}
		}
	})
}
