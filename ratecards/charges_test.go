package ratecards

import (
	"maps"
	"testing"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// compareCharges holds AddCharges of a prepared parcel against the charges of its Rating. It is part of compareTwins, which
// random cards and the cases of all card tests go through.
func compareCharges(t fataler, c *Card, q *Prepared, p *Parcel, z lanes.Zone, r Rating) {
	t.Helper()
	names, can := c.ChargeNames(), c.CanCharge()
	if len(can) != len(names) {
		t.Fatalf("%d names of charges, %d of which it is told whether they can be", len(names), len(can))
	}
	at, sums := make([]int32, len(names)), make([]units.Money, len(names))
	for i := range at {
		at[i] = int32(len(at) - 1 - i) // any order will do
	}
	if ok := q.AddCharges(sums, at, p, z); ok != (r.Reason == Priced) {
		t.Fatalf("AddCharges is %t, Rate says %q", ok, r.Reason)
	}
	got, want := map[string]units.Money{}, map[string]units.Money{}
	for i, name := range names {
		amount := sums[at[i]]
		if amount != 0 && !can[i] {
			t.Fatalf("%q is charged, and cannot be", name)
		}
		if amount != 0 {
			got[name] += amount
		}
	}
	for _, charge := range r.Charges {
		if charge.Amount != 0 {
			want[charge.Name] += charge.Amount
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("AddCharges gives %v, Rate %v\nparcel %+v, zone %d, ship date %v", got, want, *p, z, q)
	}
}

func TestAddChargesAllocatesNothing(t *testing.T) {
	c := groundCard(t)
	p := &Parcel{Weight: 3 * units.Pound, Sides: [3]units.Length{10 * units.Inch, 8 * units.Inch, 4 * units.Inch}}
	at := make([]int32, len(c.ChargeNames()))
	sums := make([]units.Money, 1)
	var q Prepared
	charged := false
	n := testing.AllocsPerRun(100, func() {
		c.Prepare(&q, p, 0, benchShip)
		charged = q.AddCharges(sums, at, p, 1)
	})
	total, ok := q.Total(1)
	if n != 0 || !ok || !charged || sums[0] != 101*total {
		t.Errorf("%v allocations, %v, %v, %v of %v", n, ok, charged, sums[0], total)
	}
}
