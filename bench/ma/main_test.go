package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
)

func reports(t *testing.T, args ...string) []report {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	var all []report
	for d := json.NewDecoder(&out); d.More(); {
		var r report
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		r.Slowest = 0
		all = append(all, r)
	}
	return all
}

// A small run: no policy beats the bound, prices beat myopic, and the answer does not depend on the workers.
func TestRun(t *testing.T) {
	t.Parallel()
	args := []string{"--instances", "2", "--sequences", "1", "--horizon", "1500", "--steps", "400"}
	if testing.Short() {
		args = []string{"--instances", "2", "--sequences", "1", "--horizon", "500", "--steps", "150"}
	}
	one, two := reports(t, append(args, "--workers", "1")...), reports(t, append(args, "--workers", "2")...)
	if len(one) != 3 {
		t.Fatalf("%d lines", len(one))
	}
	for i, r := range one {
		if !reflect.DeepEqual(r, two[i]) {
			t.Errorf("%+v with one worker, %+v with two", r, two[i])
		}
		if r.Hindsight > r.Duals || r.Hindsight > r.Myopic || r.Hindsight > r.Nearest {
			t.Errorf("%+v: a policy beats the bound", r)
		}
	}
	if all := one[2]; all.Duals >= all.Myopic {
		t.Errorf("prices gain nothing: %+v", all)
	}
}

// Where no centre carries anything all is left, by every policy, and there is no gap to close.
func TestNothingCarried(t *testing.T) {
	t.Parallel()
	for _, r := range reports(t, "--carry", "0", "--instances", "1", "--sequences", "1", "--horizon", "100", "--steps", "50") {
		if r.Closed != nil || r.Myopic != r.Nearest || r.Myopic != r.Duals || r.Myopic <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

// The bound of a tiny network is the value of the linear program over all ways to fill each kind of order.
func TestBoundIsTheLinearProgram(t *testing.T) {
	t.Parallel()
	g := small()
	g.cities, g.centres = g.cities[:3], g.centres[:2]
	g.items, g.sizes, g.types, g.horizon = 4, 2, 2, 400
	in := g.instance(3, 0)
	times := make([]float64, len(in.types)*in.cities)
	for at := range times {
		times[at] = float64(in.horizon) * in.prob[at/in.cities] * in.population[at%in.cities]
	}
	got := in.bound(times, 4000)

	// Columns: every assignment of an order's items to centres; rows: orders, then stock with slacks.
	cells := in.items * (in.width - 1)
	rows := len(times) + cells
	var cost []float64
	var columns [][]float64
	for at := range times {
		items, city := in.types[at/in.cities], at%in.cities
		ways := int(math.Pow(float64(in.width), float64(len(items))))
		for way := range ways {
			column := make([]float64, rows)
			column[at] = 1
			c, used := int64(0), make([]bool, in.width)
			for x, l := way, 0; l < len(items); x, l = x/in.width, l+1 {
				k := x % in.width
				if used[k] = true; k < in.width-1 {
					column[len(times)+int(items[l])*(in.width-1)+k]++
				}
				c += in.unit[city*in.width+k]
			}
			for k, yes := range used {
				if yes {
					c += in.fixed[k]
				}
			}
			cost, columns = append(cost, float64(c)/micros), append(columns, column)
		}
	}
	for i := range cells {
		column := make([]float64, rows)
		column[len(times)+i] = 1
		cost, columns = append(cost, 0), append(columns, column)
	}
	a := mat.NewDense(rows, len(columns), nil)
	for j, column := range columns {
		a.SetCol(j, column)
	}
	b := append([]float64(nil), times...)
	for item := range in.items {
		for k := range in.width - 1 {
			b = append(b, float64(in.stock[item*in.width+k]))
		}
	}
	want, _, err := lp.Simplex(cost, a, b, 1e-9, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got > want*(1+1e-4) || got < want*(1-1e-3) { // times are rounded to thousandths
		t.Errorf("bound %.3f, linear program %.3f", got, want)
	}
}

// Stock follows the stated rule.
func TestInstance(t *testing.T) {
	t.Parallel()
	g := small()
	g.carry = 1
	in := g.instance(1, 0)
	sum := in.empty
	for _, p := range in.prob {
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 || len(in.types) != 25 {
		t.Errorf("%d types, together %v", len(in.types), sum)
	}
	for item := range in.items {
		for k := range g.centres {
			rate := 0.0
			for ty, items := range in.types {
				for _, i := range items {
					if int(i) != item {
						continue
					}
					for j := range g.cities {
						if in.nearest[item*in.cities+j] == int32(k) {
							rate += in.prob[ty] * in.population[j]
						}
					}
				}
			}
			want := math.Round(10000*rate + 0.5*math.Sqrt(10000*rate*(1-rate)))
			if got := float64(in.stock[item*in.width+k]); got != want {
				t.Errorf("item %d at centre %d: %v, want %v", item, k, got, want)
			}
		}
	}
	if d := haversine(g.cities[0], g.cities[1]); d < 2430 || d > 2460 {
		t.Errorf("New York to Los Angeles %.0f miles", d)
	}
	if far := in.unit[in.width-1]; math.Abs(float64(far)/micros-2*(0.423+0.000541*haversine(g.cities[0], g.centres[0]))) > 1e-5 {
		t.Errorf("unfilled in New York %d", far)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("A,B,x,1,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--carry", "2"}, {"--instances", "0"}, {"more"}, {"--items", "3"}, {"--sizes", "9"}, {"--cities", "no such file"}, {"--cities", bad},
	} {
		if err := run(args, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	good := filepath.Join(t.TempDir(), "good.csv")
	if err := os.WriteFile(good, []byte("A,B,40,-80,5\nC,D,41,-90,6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all := reports(t, "--cities", good, "--instances", "1", "--sequences", "1", "--horizon", "100", "--steps", "50"); len(all) != 2 {
		t.Errorf("%+v", all)
	}
}
