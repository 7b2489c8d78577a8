package workload

import (
	"testing"

	"github.com/allot-engine/allot/engine/network"
)

func TestBuiltins(t *testing.T) {
	for _, name := range Builtins() {
		t.Run(name, func(t *testing.T) {
			if name == "large" {
				t.Skip("takes seconds")
			}
			s, ok := Builtin(name)
			if !ok || s.Name != name {
				t.Fatalf("%v %v", s, ok)
			}
			w, err := New(s, 1)
			if err != nil {
				t.Fatal(err)
			}
			a, err := network.Compile(w.Source(), nil)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := w.WriteNetwork(dir); err != nil {
				t.Fatal(err)
			}
			b, stock, err := network.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if a.Version != b.Version || len(stock.Rows) != len(w.Source().Stock) {
				t.Errorf("%s %s", a.Version, b.Version)
			}
			t.Log(w.Hash(), w.Cells(), w.Places(), w.Arrivals(), w.Arrivals().Mean())
			st := w.Events(w.Arrivals())
			var e Event
			n := map[Kind]int{}
			for range 200_000 {
				if !st.Next(&e) {
					break
				}
				n[e.Kind]++
			}
			t.Log(n, e.Due, st.InFlight())
		})
	}
}

func BenchmarkStream(b *testing.B) {
	for _, name := range Builtins() {
		b.Run(name, func(b *testing.B) {
			s, _ := Builtin(name)
			w, err := New(s, 1)
			if err != nil {
				b.Fatal(err)
			}
			st := w.Events(w.Arrivals())
			var e Event
			b.ReportAllocs()
			for b.Loop() {
				st.Next(&e)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
