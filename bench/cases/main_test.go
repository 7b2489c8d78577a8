package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/solver"
)

// generated writes a few cases and returns their directory.
func generated(t *testing.T, seed, seasons string) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"generate", "--seed", seed, "--orders", "40", "--large", "2", "--batches", "2", "--batches-large", "0", "--seasons", seasons, dir}
	if err := run(args, &bytes.Buffer{}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lines runs the command and returns what it printed, by file, and the summaries.
func lines(t *testing.T, args ...string) (map[string]result, []summary, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(args, &out, os.Stderr)
	results := map[string]result{}
	var summaries []summary
	for d := json.NewDecoder(&out); d.More(); {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte(`"summary":`)) {
			var r result
			if err := json.Unmarshal(raw, &r); err != nil {
				t.Fatal(err)
			}
			results[r.File] = r
			continue
		}
		var s summary
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		summaries = append(summaries, s)
	}
	return results, summaries, err
}

// The same seed gives the same files, and another one others.
func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	read := func(dir string) map[string]string {
		files, err := readSet(dir)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, f := range files {
			out[f.name] = string(f.data)
		}
		return out
	}
	a, b, c := read(generated(t, "3", "1")), read(generated(t, "3", "1")), read(generated(t, "4", "1"))
	if len(a) != 46 {
		t.Errorf("%d files", len(a))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs", name)
		}
		if name != "ratecard.json" && a[name] == c[name] {
			t.Errorf("%s is the same for another seed", name)
		}
	}
}

// Generated cases are solved and nothing is contradicted.
func TestGeneratedCases(t *testing.T) {
	t.Parallel()
	results, _, err := lines(t, "--repeat", "1", generated(t, "5", "0"))
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 44 {
		t.Errorf("%d cases", len(results))
	}
	for name, r := range results {
		if r.Kind == "order" && r.Status != "optimal" && r.Status != "infeasible" || r.Status == notSolved {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Orders far beyond the exact search, with quantities that may be split or more than 64 lines: every plan keeps the rules,
// and the bound lies within a quarter of it. Without the multipliers it would lie at less than half.
func TestLargeOrdersAreBounded(t *testing.T) {
	t.Parallel()
	c, err := compile(generateCard())
	if err != nil {
		t.Fatal(err)
	}
	s := &orderSolver{card: c}
	for i, lines := range []int{13, 20, 30, 70} {
		w := &world{rand.New(rand.NewPCG(9, uint64(i)))}
		g := &generatedOrder{MaySplit: lines < 64, SplitCost: 15000}
		w.fill(g, lines, 50, 0.3, false)
		data, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		var o orderCase
		if err := json.Unmarshal(data, &o); err != nil {
			t.Fatal(err)
		}
		plan, cert := s.solve(&o, c.carriersOf(&o))
		if cert.Status != solver.Bounded {
			t.Fatalf("%d lines: %+v", lines, cert)
		}
		if err := verify(&o, c.rates, &plan); err != nil {
			t.Errorf("%d lines: %v", lines, err)
		}
		if cert.Bound > plan.Cost || cert.Bound < plan.Cost*3/4 {
			t.Errorf("%d lines: bound %d of a plan for %d", lines, cert.Bound, plan.Cost)
		}
	}
}

// Waves that are made in memory are solved, and each tells its time.
func TestGrowth(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run([]string{"growth", "--orders", "10,60"}, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	var got []growth
	for d := json.NewDecoder(&out); d.More(); {
		var g growth
		if err := d.Decode(&g); err != nil {
			t.Fatal(err)
		}
		got = append(got, g)
	}
	if len(got) != 2 || got[0].Orders != 10 || got[1].Orders != 60 || got[1].Gap == nil || *got[1].Gap < 0 || got[1].PerOrder <= 0 {
		t.Errorf("%+v", got)
	}
}

// Prices gain in a generated season.
func TestGeneratedSeason(t *testing.T) {
	if os.Getenv("ALLOT_LONG") == "" {
		t.Skip("set ALLOT_LONG=1 to decide 6,000 orders one by one")
	}
	t.Parallel()
	results, summaries, err := lines(t, "--only", "season", "--refresh", "750", generated(t, "5", "1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range results {
		if r.Status != "simulated" || r.Matches != nil || r.Closed == nil || *r.Closed < 0.2 || *r.Bound > *r.Cost || *r.Cost >= *r.Myopic {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if len(results) != 1 || len(summaries) != 1 || summaries[0].NotSolved != 0 || summaries[0].Optimal != 0 || summaries[0].MeanClosed == nil {
		t.Errorf("%d cases, summaries %+v", len(results), summaries)
	}
}

// A case that states something false makes the command fail and name it.
func TestContradictionsFail(t *testing.T) {
	t.Parallel()
	dir := generated(t, "6", "0")
	results, _, err := lines(t, "--repeat", "1", "--only", "order", dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(o map[string]any, cost int64){
		"true":       func(o map[string]any, cost int64) { o["status"], o["optimal_cost"] = "optimal", cost },
		"too high":   func(o map[string]any, cost int64) { o["status"], o["optimal_cost"] = "optimal", cost+1 },
		"too low":    func(o map[string]any, cost int64) { o["status"], o["optimal_cost"] = "optimal", cost-1 },
		"infeasible": func(o map[string]any, _ int64) { o["status"] = "infeasible" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := t.TempDir()
			if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			var spoilt string
			for file, r := range results {
				if r.Kind == "order" && r.Status == "optimal" && (spoilt == "" || file < spoilt) {
					spoilt = file
				}
			}
			path := filepath.Join(other, spoilt)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var o map[string]any
			if err := json.Unmarshal(data, &o); err != nil {
				t.Fatal(err)
			}
			spoil(o, *results[spoilt].Cost)
			if data, err = json.Marshal(o); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			again, _, err := lines(t, "--repeat", "1", "--only", "order", other)
			r := again[spoilt]
			if name == "true" {
				if err != nil || r.Matches == nil || !*r.Matches {
					t.Errorf("%v: %+v", err, r)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), spoilt) || r.Contradicted == "" || r.Matches == nil || *r.Matches {
				t.Errorf("%v: %+v", err, r)
			}
		})
	}
}

// verify refuses what breaks a rule of the case.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	r := generateCard()
	w := orderWarehouse{Zone: 1, Carriers: []string{"postal"}, PerShipment: 10, PerLine: 20, PerUnit: 1, UnitsLeft: 3, Stock: []int32{2, 1}}
	o := &orderCase{
		Promise: 9, SplitCost: 100, Lines: []orderLine{{2, 100, 100}, {1, 100, 100}}, Warehouses: []orderWarehouse{w, w},
	}
	rate := r.Services[0].Rates[1][2] // 300 g
	good := solver.Plan{Cost: 10 + 40 + 3 + rate, Shipments: []solver.Shipment{{Take: []int32{2, 1}}}}
	if err := verify(o, r, &good); err != nil {
		t.Fatal(err)
	}
	for name, plan := range map[string]solver.Plan{
		"another cost": {Cost: good.Cost + 1, Shipments: good.Shipments},
		"left":         {Cost: good.Cost, Shipments: []solver.Shipment{{Take: []int32{2, 0}}}},
		"twice":        {Cost: good.Cost, Shipments: []solver.Shipment{{Take: []int32{2, 0}}, {Take: []int32{0, 1}}}},
		"part":         {Cost: good.Cost, Shipments: []solver.Shipment{{Take: []int32{1, 1}}, {Warehouse: 1, Take: []int32{1, 0}}}},
		"over stock":   {Cost: good.Cost, Shipments: []solver.Shipment{{Take: []int32{2, 2}}}},
	} {
		if verify(o, r, &plan) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	o.Warehouses[0].UnitsLeft = 2
	if verify(o, r, &good) == nil {
		t.Error("over the unit capacity: accepted")
	}
}

// The published cases: every order is optimal or infeasible as HiGHS says, and nothing is contradicted.
func TestPublishedCases(t *testing.T) {
	t.Parallel()
	only, all := "order,order_large,batch", []string{"batch", "order", "order_large"}
	if testing.Short() {
		only, all = "order,order_large", all[1:]
	}
	results, summaries, err := lines(t, "--repeat", "1", "--only", only, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range results {
		if r.Kind == "order" && (r.Matches == nil || !*r.Matches) || r.Contradicted != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	var kinds []string
	for _, s := range summaries {
		if s.Lines == 0 {
			kinds = append(kinds, s.Summary)
		}
	}
	if !slices.Equal(kinds, all) {
		t.Errorf("kinds %v", kinds)
	}
}

// The cases whose optimum independent solvers have proven, from their archive.
func TestProvenCases(t *testing.T) {
	t.Parallel()
	archive := filepath.Join("..", "..", "..", "shared", "cases", "optimum")
	if _, err := os.Stat(archive); errors.Is(err, os.ErrNotExist) {
		t.Skip("the proven cases are not beside the repository")
	}
	only := "order" // package wave has a test with the waves
	if os.Getenv("ALLOT_LONG") != "" {
		only = "order,order_large,batch,batch_large"
	}
	results, _, err := lines(t, "--repeat", "1", "--only", only, archive)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) == 0 {
		t.Fatal("no cases")
	}
	for name, r := range results {
		if r.Kind == "order" && (r.Matches == nil || !*r.Matches) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--repeat", "0", "."}, {"--only", "parcels", "testdata"}, {"no such directory"}, {t.TempDir()}, {"generate"}, {"growth", "--orders", "5,x"}, {"growth", "testdata"}} {
		var out bytes.Buffer
		if err := run(args, &out, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
