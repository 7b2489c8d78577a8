package lanes

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/faults"
)

// synthetic returns the chart of n origins of their own, five digits each, in the manner of a published one: some 65
// runs of three-digit areas, the zone rising with the distance on a line, and a dozen five-digit exceptions of which some
// hold for one service.
func synthetic(n int, seed uint64) *Chart {
	rng := rand.New(rand.NewPCG(seed, 0))
	c := &Chart{}
	for i := range n {
		at := i * (99_000 / n)
		code := fmt.Sprintf("%05d", at)
		row := func(lo, hi, zone, scope string) {
			c.Rows = append(c.Rows, ZoneRow{OriginCountry: home, Origin: Range{code, code}, Country: home, Destination: Range{lo, hi}, Zone: zone, Scope: scope})
		}
		for zip3 := 5; zip3 < 1000; {
			end := min(zip3+1+rng.IntN(30), 1000)
			away := max(at/100-zip3, zip3-at/100)
			row(fmt.Sprintf("%03d", zip3), fmt.Sprintf("%03d", end-1), fmt.Sprint(1+min(away/90+rng.IntN(2), 8)), "")
			zip3 = end
		}
		row("09000", "09999", fmt.Sprint(1+rng.IntN(8)), "priority")
		row("96200", "96699", fmt.Sprint(1+rng.IntN(8)), "priority")
		for _, x := range [][2]string{{"96900", "96938"}, {"96945", "96959"}, {"96961", "96969"}, {"96971", "96999"}} {
			row(x[0], x[1], fmt.Sprint(1+rng.IntN(8)), "")
		}
	}
	return c
}

// Ten thousand warehouses, each in a ZIP with a chart of its own, are the worst a network can hold; as published,
// charts are by three-digit area, of which there are some 900.
func TestTenThousandOriginsTakeSaneMemory(t *testing.T) {
	for _, c := range []struct{ origins, most int }{{1, 9_000}, {100, 7_000}, {10_000, 5_500}} {
		z := compile(t, nil, synthetic(c.origins, 1))
		each := z.Bytes() / z.Origins()
		t.Logf("%d origins: %d bytes each, %d pages, %d directories", z.Origins(), each, len(z.grid.pages), len(z.grid.directories))
		if each > c.most || z.Origins() != c.origins {
			t.Errorf("%d origins, %d bytes each, want at most %d", z.Origins(), each, c.most)
		}
	}
	// Warehouses that share a chart share its bytes.
	shared := synthetic(1, 1)
	for i := range shared.Rows {
		shared.Rows[i].Origin = Range{"0", "9"}
	}
	if z := compile(t, nil, shared); z.Origins() != 1 || z.Bytes() > 9_000 {
		t.Errorf("%d origins, %d bytes", z.Origins(), z.Bytes())
	}
}

// hotPath returns a zone set, areas and a transit table of a hundred origins.
func hotPath(t testing.TB) (*ZoneSet, *Areas, *Transit) {
	t.Helper()
	c := synthetic(100, 2)
	c.Rows = append(c.Rows, ZoneRow{OriginCountry: home, Country: "CA", Destination: Range{"K1A", "K1Z"}, Zone: "9"})
	z := compile(t, usps(), c)
	tt := &TransitTable{}
	for i, r := range c.Rows {
		tt.Rows = append(tt.Rows, TransitRow{OriginCountry: r.OriginCountry, Origin: r.Origin, Country: r.Country, Destination: r.Destination,
			Pair: true, Scope: r.Scope, Days: make(Histogram, i%5, 6)})
		h := &tt.Rows[i].Days
		*h = append(*h, 10_000)
	}
	var fl faults.List
	a := CompileAreas([]*AreaList{areaList(t, "postal,residential,country\n100-109,das,\nK1A,remote,CA\n")}, &fl)
	tr := CompileTransit([]*TransitTable{tt}, z, &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return z, a, tr
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	z, a, tr := hotPath(t)
	o, _ := z.Origin("US", "09900")
	from, _ := tr.Origin("US", "09900")
	s, _ := z.Scope("priority")
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		for _, place := range [...][2]string{{"US", "10001-1234"}, {"US", "96201"}, {"CA", "k1b 4n4"}, {"PR", "00901"}} {
			country, postal := place[0], place[1]
			zone, _ := z.Lookup(o, country, postal, s)
			d := z.Dest(country, postal)
			guess, basis := z.Resolve(NoOrigin, d, s, 1_000, RegionOf("US", "07001"), RegionOf(country, postal))
			at := tr.Lookup(from, tr.Dest(country, postal), 0, zone)
			days, _ := tr.Days(at, 9_500)
			sum += int(zone) + int(guess) + int(basis) + int(a.Of(country, postal)) + days + int(tr.Histogram(at).Within(3))
		}
		_, ok := z.Origin("US", "10001")
		if ok {
			sum++
		}
	}); n != 0 {
		t.Errorf("%v allocations a lookup, want 0 (sum %d)", n, sum)
	}
}

func BenchmarkLookup(b *testing.B) {
	z, _, _ := hotPath(b)
	o, _ := z.Origin("US", "09900")
	s, _ := z.Scope("priority")
	for _, place := range [][2]string{{"US", "10001"}, {"US", "96201"}, {"CA", "K1B 4N4"}} {
		b.Run("to="+place[0]+place[1], func(b *testing.B) {
			b.ReportAllocs()
			sum := Zone(0)
			for b.Loop() {
				zone, _ := z.Lookup(o, place[0], place[1], s)
				sum += zone
			}
			_ = sum
		})
	}
}

// BenchmarkAt is the share of a lookup that each further origin costs once the destination is resolved.
func BenchmarkAt(b *testing.B) {
	z, _, _ := hotPath(b)
	d, sum := z.Dest("US", "10001"), Zone(0)
	b.ReportAllocs()
	for b.Loop() {
		for o := range Origin(100) {
			sum += z.At(o, d, 0)
		}
	}
	_ = sum
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/lookup")
}

// BenchmarkFind is the scan that At stands for.
func BenchmarkFind(b *testing.B) {
	charts := []*Chart{synthetic(100, 2)}
	for b.Loop() {
		_ = Find(charts, "US", "09900", "US", "10001", "priority")
	}
}

func BenchmarkAreasOf(b *testing.B) {
	_, a, _ := hotPath(b)
	b.ReportAllocs()
	sum := Mask(0)
	for b.Loop() {
		sum += a.Of("US", "10001")
	}
	_ = sum
}

func BenchmarkTransitLookup(b *testing.B) {
	_, _, tr := hotPath(b)
	from, _ := tr.Origin("US", "09900")
	d, sum := tr.Dest("US", "10001"), 0
	b.ReportAllocs()
	for b.Loop() {
		days, _ := tr.Days(tr.Lookup(from, d, 0, 1), 9_500)
		sum += days
	}
	_ = sum
}

func BenchmarkCompile(b *testing.B) {
	charts := []*Chart{synthetic(1_000, 3)}
	for b.Loop() {
		var fl faults.List
		Compile(charts, nil, "", &fl)
	}
}
