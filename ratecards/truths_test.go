package ratecards

import (
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// The truths that naive rating code gets wrong, each with its test. Truth 4 (zones are charts, not distances) and
// truth 10 (calendars) are tested where zones and calendars live, in lanes and calendar; truth 8's missing zone is here.

func TestTruth01_WeightStepIsNotOver(t *testing.T) {
	c := files{
		"card.yaml":  head + "weight_steps: [{not_over: 15.999 oz, to: 1 oz}, {to: 1 lb}]\nstructures: [{name: p, kind: weight, prices: prices.csv}]\n",
		"prices.csv": "not_over,1\n4 oz,4.00\n8 oz,8.00\n12 oz,12.00\n15.999 oz,15.00\n1 lb,16.00\n2 lb,32.00\n70 lb,99.00\n",
	}.mustCompile(t, nil, "1")
	for _, k := range []struct{ weight, billable, want string }{
		{"0.01 oz", "1 oz", "4.00"}, {"3.999 oz", "4 oz", "4.00"}, {"4 oz", "4 oz", "4.00"}, {"4.0001 oz", "5 oz", "8.00"},
		{"15 oz", "15 oz", "15.00"}, {"15.2 oz", "15.999 oz", "15.00"}, {"15.999 oz", "15.999 oz", "15.00"},
		{"453.564020477 g", "15.999 oz", "15.00"}, {"453.564020478 g", "1 lb", "16.00"}, {"15.9995 oz", "1 lb", "16.00"},
		{"1 lb", "1 lb", "16.00"}, {"453.592370001 g", "2 lb", "32.00"}, {"1.01 lb", "2 lb", "32.00"}, {"2.000001 lb", "3 lb", "99.00"},
		{"70 lb", "70 lb", "99.00"},
	} {
		r := priced(t, c, parcel(t, k.weight, ""), 1, 0, "2024-06-01")
		if wantTotal(t, r, k.want); r.Billable != must(units.ParseWeight(k.billable)) {
			t.Errorf("%s is billed as %s, want %s", k.weight, r.Billable, k.billable)
		}
	}
	if r := priced(t, c, parcel(t, "70.0001 lb", ""), 1, 0, "2024-06-01"); r.Reason != NoStructure {
		t.Errorf("70.0001 lb: %s", r.Reason)
	}
}

const byPound = `dimensional:
  - {ship_to: 2025-08-17, divisor: 139 in3/lb, sides: {round: nearest, to: 1 in}}
  - {ship_from: 2025-08-18, divisor: 139 in3/lb, sides: {round: up, to: 1 in}}
weight_steps: [{to: 1 lb}]
structures: [{name: p, kind: weight, prices: prices.csv, unit: 1 lb}]
`

// perPound charges a dollar a pound, so that the price is the billable weight.
const perPound = "not_over,basis,1\n,per_unit,1.00\n"

func TestTruth02_SidesAreRoundedFirst(t *testing.T) {
	c := files{"card.yaml": head + byPound, "prices.csv": perPound}.mustCompile(t, nil, "1")
	for _, k := range []struct{ dims, ship, want string }{
		{"10x10.1x10.3 in", "2025-08-17", "8.00"},        // 10x10x10 / 139 = 7.19
		{"10x10.1x10.3 in", "2025-08-18", "9.00"},        // 10x11x11 / 139 = 8.71; unrounded sides would give 7.48 -> 8
		{"10.5x10x10 in", "2025-08-17", "8.00"},          // halves go up: 11x10x10 / 139 = 7.91
		{"10.4999x10x10 in", "2025-08-17", "8.00"},       // 10x10x10 / 139 = 7.19 -> 8
		{"11.1x8.5x6.2 in", "2025-08-18", "6.00"},        // 12x9x7 / 139 = 5.44
		{"139x1x1 in", "2025-08-18", "1.00"},             // exactly a pound
		{"139.000001x1x1 in", "2025-08-18", "1.00"},      // less than a micrometre over is no more
		{"139.0001x1x1 in", "2025-08-18", "2.00"},        // a hair over is another inch
		{"278x1x1 in", "2025-08-18", "2.00"},             // exactly two
		{"12 x 12 x 11.58334 in", "2025-08-18", "13.00"}, // 12x12x12 / 139 = 12.43; volume first would give exactly 12
	} {
		wantTotal(t, priced(t, c, parcel(t, "0.5 lb", k.dims), 1, 0, k.ship), k.want)
	}
}

func TestTruth03_DimensionalRulesDiffer(t *testing.T) {
	card := func(rule, steps string) *Card {
		return files{
			"card.yaml":  head + "dimensional: [" + rule + "]\nweight_steps: [{to: " + steps + "}]\nstructures: [{name: p, kind: weight, prices: prices.csv, unit: " + steps + "}]\n",
			"prices.csv": perPound,
		}.mustCompile(t, nil, "1")
	}
	usps := card("{divisor: 166 in3/lb, above_volume: 1728 in3, sides: {round: nearest, to: 1 in}}", "1 lb")
	ups := card("{divisor: 139 in3/lb, sides: {round: up, to: 1 in}}", "1 lb")
	correios := card("{divisor: 6000 cm3/kg, exempt_up_to: 5 kg}", "1 kg")
	auspost := card("{divisor: 250 kg/m3}", "1 kg")
	for _, k := range []struct {
		name               string
		card               *Card
		weight, dims, want string
	}{
		{"USPS one cubic foot is not above 1,728 in3", usps, "1 lb", "12x12x12 in", "1.00"},
		{"USPS sides are rounded before the 1,728 in3", usps, "1 lb", "12.4x12.4x12.4 in", "1.00"},
		{"USPS above one cubic foot", usps, "1 lb", "13x12x12 in", "12.00"}, // 1872 / 166 = 11.28
		{"UPS always", ups, "1 lb", "12x12x12 in", "13.00"},                 // 1728 / 139 = 12.43
		{"UPS own weight wins", ups, "20 lb", "12x12x12 in", "20.00"},
		{"Correios 5 kg by size is exempt", correios, "1 kg", "50x30x20 cm", "1.00"},
		{"Correios above 5 kg by size", correios, "1 kg", "50x30x20.01 cm", "6.00"},
		{"Correios own weight wins", correios, "9 kg", "40x30x20 cm", "9.00"},
		{"Australia Post 250 kg/m3", auspost, "1 kg", "40x40x25 cm", "10.00"}, // 0.04 m3
		{"Australia Post a hair more", auspost, "1 kg", "40x40x25.001 cm", "11.00"},
		{"sides not known: the scale alone counts", ups, "2.5 lb", "", "3.00"},
	} {
		t.Run(k.name, func(t *testing.T) {
			wantTotal(t, priced(t, k.card, parcel(t, k.weight, k.dims), 1, 0, "2024-06-01"), k.want)
		})
	}
}

func TestTruth05_ShipDateSelectsTheCard(t *testing.T) {
	card := func(period, price string) *Card {
		return files{"card.yaml": "carrier: Test\nservice: test\ncurrency: USD\nsource: {text: test}\n" + period +
			"\nstructures: [{name: p, kind: flat, price: " + price + "}]\n"}.mustCompile(t, nil, "1")
	}
	old := card("effective_from: 2025-01-06\neffective_to: 2026-01-04", "10.00")
	current := card("effective_from: 2026-01-05", "11.00")
	var fl faults.List
	tariff := NewTariff([]*Card{current, old}, &fl)
	if fl.Err() != nil {
		t.Fatal(fl.Err())
	}
	for ship, want := range map[string]*Card{"2025-01-05": nil, "2025-01-06": old, "2026-01-04": old, "2026-01-05": current, "2030-01-01": current} {
		if got := tariff.At(date(ship)); got != want {
			t.Errorf("ship date %s selects %v", ship, got)
		}
	}
	wantTotal(t, priced(t, old, parcel(t, "1 lb", ""), 1, 0, "2026-01-04"), "10.00")
	wantTotal(t, priced(t, current, parcel(t, "1 lb", ""), 1, 0, "2026-01-05"), "11.00")
	if r := priced(t, old, parcel(t, "1 lb", ""), 1, 0, "2026-01-05"); r.Reason != NotInForce {
		t.Errorf("a card priced a parcel after its last day: %s", r.Reason)
	}
	if cards := tariff.Cards(); len(cards) != 2 || cards[0] != old || cards[1] != current {
		t.Errorf("cards out of order")
	}

	NewTariff([]*Card{old, card("effective_from: 2026-01-04", "12.00")}, &fl)
	if fl.Len() != 1 {
		t.Errorf("overlapping periods: %v", fl.Err())
	}
}

// handling has the thresholds of UPS and FedEx in 2026: additional handling and, above it, large package.
const handling = `weight_steps: [{to: 1 lb}]
structures: [{name: p, kind: weight, prices: prices.csv, unit: 1 lb}]
surcharges:
  - name: large_package
    when: [{longest_over: 96 in}, {length_plus_girth_over: 130 in}, {volume_over: 17280 in3}, {weight_over: 110 lb}]
    amount: {flat: 1000.00}
    group: handling
    priority: 3
    minimum_billable: 90 lb
  - name: handling_weight
    when: [{weight_over: 50 lb}]
    amount: {flat: 300.00}
    group: handling
    priority: 2
  - name: handling_size
    when: [{longest_over: 48 in}, {second_over: 30 in}, {volume_over: 10368 in3}]
    amount: {flat: 200.00}
    group: handling
    priority: 1
    minimum_billable: 40 lb
`

func TestTruth06_ThresholdsAreStrictAndGroupsExclusive(t *testing.T) {
	c := files{"card.yaml": head + handling, "prices.csv": perPound}.mustCompile(t, nil, "1")
	for _, k := range []struct{ weight, dims, charged, want string }{
		{"10 lb", "48x10x10 in", "", "10.00"},
		{"10 lb", "48.01x10x10 in", "handling_size", "240.00"}, // billed as 40 lb
		{"10 lb", "40x30x5 in", "", "10.00"},
		{"10 lb", "40x30.01x5 in", "handling_size", "240.00"},
		{"10 lb", "48x18x12 in", "", "10.00"}, // 10,368 in3
		{"10 lb", "48x18x12.001 in", "handling_size", "240.00"},
		{"50 lb", "10x10x10 in", "", "50.00"},
		{"50.001 lb", "10x10x10 in", "handling_weight", "351.00"},
		{"45 lb", "49x10x10 in", "handling_size", "245.00"},   // above the minimum already
		{"55 lb", "49x10x10 in", "handling_weight", "355.00"}, // one of two
		{"20 lb", "70x20x10 in", "handling_size", "240.00"},   // length plus girth is 130
		{"20 lb", "70.01x20x10 in", "large_package", "1090.00"},
		{"110 lb", "10x10x10 in", "handling_weight", "410.00"},
		{"110.1 lb", "10x10x10 in", "large_package", "1111.00"},
		{"60 lb", "97x31x10 in", "large_package", "1090.00"}, // one of three; its minimum, not handling's
	} {
		r := priced(t, c, parcel(t, k.weight, k.dims), 1, 0, "2026-02-01")
		if wantTotal(t, r, k.want); charged(r) != k.charged {
			t.Errorf("%s %s: charged %q, want %q", k.weight, k.dims, charged(r), k.charged)
		}
	}
}

func TestTruth07_FuelHasItsOwnSubsetAndTable(t *testing.T) {
	card := func(on string) *Card {
		return files{
			"card.yaml": head + `structures: [{name: p, kind: flat, price: 100.00}]
discount: {percent: 40%}
fuel: {table: fuel.csv, on: ` + on + `}
surcharges:
  - {name: residential, amount: {flat: 10.00}, fuelable: true}
  - {name: declared, amount: {flat: 5.00}}
`,
			"fuel.csv": "from,to,percent\n2026-01-05,2026-01-11,20%\n2026-01-12,2026-01-18,10%\n",
		}.mustCompile(t, nil, "1")
	}
	p := parcel(t, "1 lb", "")
	// 60 net + 15 surcharges + 20 % of the net and of the residential surcharge alone: 14, not 60 % of it.
	wantTotal(t, priced(t, card("net"), p, 1, 0, "2026-01-05"), "89.00")
	wantTotal(t, priced(t, card("net"), p, 1, 0, "2026-01-11"), "89.00") // both ends of a week are in it
	wantTotal(t, priced(t, card("net"), p, 1, 0, "2026-01-12"), "82.00") // another week, 10 %
	wantTotal(t, priced(t, card("list"), p, 1, 0, "2026-01-05"), "97.00")
	wantTotal(t, priced(t, card("none"), p, 1, 0, "2026-01-05"), "77.00")
	for _, ship := range []string{"2026-01-04", "2026-01-19"} {
		if r := priced(t, card("net"), p, 1, 0, ship); r.Reason != NoFuel {
			t.Errorf("%s has no fuel percentage, but: %s", ship, r.Reason)
		}
	}
}

func TestTruth08_AMissingCellIsNotServed(t *testing.T) {
	c := files{
		"card.yaml":  head + "structures: [{name: p, kind: weight, prices: prices.csv}]\n",
		"prices.csv": "not_over,2,17\n1 lb,5.00,\n2 lb,,50.00\n",
	}.mustCompile(t, nil, "2", "17", "9")
	light, heavy := parcel(t, "1 lb", ""), parcel(t, "2 lb", "")
	wantTotal(t, priced(t, c, light, 1, 0, "2024-06-01"), "5.00")
	wantTotal(t, priced(t, c, heavy, 2, 0, "2024-06-01"), "50.00")
	for _, k := range []struct {
		p      *Parcel
		zone   uint8
		reason Reason
	}{
		{light, 2, NotServed}, // an empty cell
		{heavy, 1, NotServed},
		{light, 3, NotServed}, // a zone of the chart that the table has no column for
		{light, 0, NoZone},    // no zone at all
		{light, 200, NoZone},  // a zone no chart has
		{parcel(t, "2.1 lb", ""), 1, NoStructure},
	} {
		r := priced(t, c, k.p, lanes.Zone(k.zone), 0, "2024-06-01")
		if r.Reason != k.reason || r.Detail == "" || r.Total != 0 || len(r.Charges) != 0 {
			t.Errorf("zone %d: %s (%q), total %s, want %s with its figures", k.zone, r.Reason, r.Detail, r.Total, k.reason)
		}
	}
	for zone, want := range []bool{false, true, true, false} {
		if got := c.IsServed(lanes.Zone(zone)); got != want {
			t.Errorf("IsServed(%d) = %t", zone, got)
		}
	}
}

func TestTruth09_ThePriceIsPerParcel(t *testing.T) {
	c := files{
		"card.yaml":  head + "structures: [{name: p, kind: weight, prices: prices.csv}]\n",
		"prices.csv": "not_over,1\n5 lb,10.00\n10 lb,12.00\n",
	}.mustCompile(t, nil, "1")
	// Two parcels of 5 lb cost two prices for 5 lb; their weights together would cost 12.00.
	var q Prepared
	var total units.Money
	for range 2 {
		c.Prepare(&q, parcel(t, "5 lb", ""), 0, date("2024-06-01"))
		m, _ := q.Total(1)
		total += m
	}
	if total != money("20.00") {
		t.Errorf("two parcels of 5 lb cost %s", total)
	}
	wantTotal(t, priced(t, c, parcel(t, "10 lb", ""), 1, 0, "2024-06-01"), "12.00")
}
