package ratecards

import (
	"fmt"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// groundCard is of the size and shape of a national ground tariff: 150 pounds by 8 zones, a cubic table beside it, a
// dimensional rule that changed, weekly fuel, and the surcharges of the package comment.
func groundCard(t testing.TB) *Card {
	t.Helper()
	f := documented(t)
	var b strings.Builder
	b.WriteString("not_over,2,3,4,5,6,7,8,17\n")
	for lb := 1; lb <= 150; lb++ {
		fmt.Fprintf(&b, "%d lb", lb)
		for z := range 8 {
			fmt.Fprintf(&b, ",%d.%02d", 10+lb/2+z*lb/10, (lb*7+z)%100)
		}
		b.WriteString("\n")
	}
	f["fedex_ground.prices.csv"] = b.String()
	f["card.yaml"] = strings.Replace(f["card.yaml"], ", unit: 1 lb}", "}", 1)
	return f.mustCompile(t, []string{"das"}, "2", "3", "4", "5", "6", "7", "8", "17")
}

var (
	benchShip   = date("2026-11-20")
	benchParcel = &Parcel{Weight: 5*units.Pound + 3*units.Ounce, Sides: [3]units.Length{12 * units.Inch, 9*units.Inch + 100, 8 * units.Inch}}
	benchTotal  units.Money
)

// BenchmarkPrepareTotal prices one parcel in one zone: "quiet" with no surcharge but those every parcel pays, "firing"
// with additional handling by size in a delivery area.
func BenchmarkPrepareTotal(b *testing.B) {
	c := groundCard(b)
	long := &Parcel{Weight: 20 * units.Pound, Sides: [3]units.Length{50 * units.Inch, 9 * units.Inch, 8 * units.Inch}}
	for _, k := range []struct {
		name string
		p    *Parcel
		area lanes.Mask
	}{{"quiet", benchParcel, 0}, {"firing", long, 1}} {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			var q Prepared
			for b.Loop() {
				c.Prepare(&q, k.p, k.area, benchShip)
				benchTotal, _ = q.Total(5)
			}
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	c := groundCard(b)
	b.ReportAllocs()
	var q Prepared
	for b.Loop() {
		c.Prepare(&q, benchParcel, 0, benchShip)
	}
}

func BenchmarkTotal(b *testing.B) {
	c := groundCard(b)
	b.ReportAllocs()
	var q Prepared
	c.Prepare(&q, benchParcel, 0, benchShip)
	z := lanes.Zone(1)
	for b.Loop() {
		benchTotal, _ = q.Total(z)
		z = z&7 + 1
	}
}

// BenchmarkAddCharges is BenchmarkTotal with every charge by itself.
func BenchmarkAddCharges(b *testing.B) {
	c := groundCard(b)
	b.ReportAllocs()
	var q Prepared
	c.Prepare(&q, benchParcel, 0, benchShip)
	at := make([]int32, len(c.ChargeNames()))
	for i := range at {
		at[i] = int32(i)
	}
	sums := make([]units.Money, len(at))
	z := lanes.Zone(1)
	for b.Loop() {
		q.AddCharges(sums, at, benchParcel, z)
		z = z&7 + 1
	}
}

func BenchmarkLeastBillable(b *testing.B) {
	c := groundCard(b)
	for b.Loop() {
		benchTotal = units.Money(c.LeastBillable(benchParcel))
	}
}

// BenchmarkRate is the specification, for what the twin saves.
func BenchmarkRate(b *testing.B) {
	c := groundCard(b)
	b.ReportAllocs()
	for b.Loop() {
		benchTotal = c.Rate(benchParcel, 5, 0, benchShip).Total
	}
}

func BenchmarkCompile(b *testing.B) {
	var fl faults.List
	c := groundCard(b)
	b.ReportAllocs()
	for b.Loop() {
		if c.source.Compile(c.zones, c.areas, &fl) == nil {
			b.Fatal("no card")
		}
	}
}

func TestPricingDoesNotAllocate(t *testing.T) {
	c := groundCard(t)
	heavy := &Parcel{Weight: 60 * units.Pound, Sides: [3]units.Length{50 * units.Inch, 40 * units.Inch, 20 * units.Inch}, Flags: MediumBox, Value: money("500.00")}
	for name, p := range map[string]*Parcel{"quiet": benchParcel, "firing": heavy, "refused": {Weight: -1}} {
		var q Prepared
		if n := testing.AllocsPerRun(100, func() {
			c.Prepare(&q, p, 1, benchShip)
			for z := range lanes.Zone(10) {
				benchTotal, _ = q.Total(z)
			}
			c.LeastBillable(benchParcel)
		}); n != 0 {
			t.Errorf("%s: %v allocations a parcel", name, n)
		}
	}
}
