package network

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// large builds a network in code: warehouses at random ZIPs, services with zones by distance, SKUs with sizes.
func large(warehouses, services, skus int) *Source {
	rng := rand.New(rand.NewPCG(7, 7))
	us := geo.US()
	src := &Source{
		Settings: Settings{
			Name: "large", Currency: "USD", Policy: PolicySource{GuessZones: true},
			Calendars: map[string]CalendarSource{"carrier": {Week: units.MondayToFriday, Holidays: []string{"us"}}},
			Zones:     map[string]ZoneSetSource{"usps": {Distance: "usps"}},
			Carriers:  []CarrierSource{{ID: "carrier"}},
		},
		Holidays: calendar.Holidays{{Calendar: "us", Date: units.DateOf(2026, 11, 26)}},
	}
	days := int32(3)
	for i := range services {
		id := fmt.Sprintf("service-%02d", i)
		src.Settings.Services = append(src.Settings.Services, ServiceSource{
			ID: id, Carrier: "carrier", Zones: "usps", TransitDays: &days, Linehaul: "carrier", Delivery: "carrier",
			Pickup: PickupSource{Calendar: "carrier", Times: []units.Clock{17 * units.Hour}},
		})
		table := &ratecards.PriceTable{Zones: []string{ratecards.AnyZone}}
		for lb := range 70 {
			table.Rows = append(table.Rows, ratecards.PriceRow{NotOver: units.Weight(lb+1) * units.Pound, Prices: []units.Money{units.Money(500+lb*40) * units.Cent}})
		}
		src.Cards = append(src.Cards, &ratecards.Source{
			Carrier: "carrier", Service: id, Currency: "USD", EffectiveFrom: units.DateOf(2026, 1, 1), Source: ratecards.Citation{Text: "made up"},
			Structures: []ratecards.Structure{{Name: "package", Kind: ratecards.KindWeight, Table: table}},
		})
	}
	for i := range warehouses {
		cutoff := units.Clock(12+rng.IntN(6)) * units.Hour
		src.Warehouses = append(src.Warehouses, WarehouseRow{
			ID: fmt.Sprintf("w-%05d", i), Postal: us.Postal(geo.Row(rng.IntN(us.Len()))), Cutoff: &cutoff, Processing: int32(60 * rng.IntN(8)),
			Holidays: []string{"us"}, PerOrder: units.Money(rng.IntN(300)) * units.Cent,
		})
	}
	for i := range skus {
		side := func() units.Length { return units.Length(1+rng.IntN(20)) * units.Inch }
		src.SKUs = append(src.SKUs, SKURow{
			ID: fmt.Sprintf("sku-%07d", i), Weight: units.Weight(1+rng.IntN(200)) * units.Ounce, Sides: [3]units.Length{side(), side(), side()},
		})
	}
	return src
}

func BenchmarkCompile(b *testing.B) {
	for _, size := range []struct{ warehouses, services, skus int }{{50, 12, 1_000}, {10_000, 12, 1_000}, {50, 12, 1_000_000}} {
		b.Run(fmt.Sprintf("warehouses=%d/services=%d/skus=%d", size.warehouses, size.services, size.skus), func(b *testing.B) {
			src := large(size.warehouses, size.services, size.skus)
			for b.Loop() {
				if _, err := Compile(src, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestMemory bounds what a million SKUs weigh: as a snapshot about 100 bytes each with their ids in place, and while
// their file is read about ten times the file.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds")
	}
	const n = 200_000
	var file bytes.Buffer
	file.WriteString("sku,weight,length,width,height,class,value\n")
	for i := range n {
		fmt.Fprintf(&file, "sku-%07d,%d oz,%d in,4 in,3 in,plain,9.50\n", i, 1+i%300, 1+i%20)
	}
	files := edited(t, edit{"skus.csv", "", file.String()}, edit{"stock.csv", "", ""})
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var before, after runtime.MemStats
	start := held()
	runtime.ReadMemStats(&before)
	snap := load(t, files, nil)
	runtime.ReadMemStats(&after)
	if each := (held() - start) / n; each > 130 {
		t.Errorf("a SKU weighs %d bytes in a snapshot", each)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 1_500 {
		t.Errorf("a SKU takes %d bytes to read and compile", each)
	}
	if len(snap.SKUs.IDs) != n {
		t.Errorf("%d SKUs", len(snap.SKUs.IDs))
	}
	runtime.KeepAlive(files)
}
