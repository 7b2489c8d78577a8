package ratecards

import (
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// shared opens a file of the published data beside the repository, and skips the test where it is not there.
func shared(t *testing.T, name string) *os.File {
	t.Helper()
	root := must(os.Getwd())
	for ; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the test")
		}
	}
	f, err := os.Open(filepath.Join(root, "..", "shared", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("the published data are not beside the repository: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// ratingCase returns the row of rating.csv with the given id, by column. A case that has gone, or whose published answer
// is another than the test was written for, fails the test.
func ratingCase(t *testing.T, id string) map[string]string {
	t.Helper()
	rows := must(csv.NewReader(shared(t, "cases/rating.csv")).ReadAll())
	for _, row := range rows[1:] {
		if row[0] == id {
			c := map[string]string{}
			for i, name := range rows[0] {
				c[name] = row[i]
			}
			return c
		}
	}
	t.Fatalf("rating.csv has no case %s", id)
	return nil
}

// says checks that a published answer still has the figures a test relies on.
func says(t *testing.T, answer string, figures ...string) {
	t.Helper()
	for _, f := range figures {
		if !strings.Contains(answer, f) {
			t.Fatalf("the published answer is %q, without %q", answer, f)
		}
	}
}

// uspsRules are the dimensional rules of Ground Advantage and Priority Mail since 2023 (Domestic Mail Manual 223.1):
// above 1,728 in3, each side rounded to the nearest inch, divided by 166, 0.785 for other shapes than boxes.
const uspsRules = `dimensional:
  - {divisor: 166 in3/lb, above_volume: 1728 in3, sides: {round: nearest, to: 1 in}, nonrectangular: 0.785, round: {to: 1 lb}}
weight_steps: [{not_over: 15.999 oz, to: 1 oz}, {to: 1 lb}]
`

// divide139 is the rule of UPS and FedEx, which changed on 2025-08-18.
const divide139 = `dimensional:
  - {ship_to: 2025-08-17, divisor: 139 in3/lb, sides: {round: nearest, to: 1 in}}
  - {ship_from: 2025-08-18, divisor: 139 in3/lb, sides: {round: up, to: 1 in}}
weight_steps: [{to: 1 lb}]
`

const anyPrice = "structures: [{name: p, kind: flat, price: 1.00}]\n"

func TestCaseU1_GroundAdvantageOversized(t *testing.T) {
	k := ratingCase(t, "U1")
	says(t, k["expected_price_usd"], "91.62 + 4.00 (len>22) + 18.00 (vol>2cuft) = 113.62")
	c := files{
		"card.yaml": head + uspsRules + `limits: {weight: 70 lb, length_plus_girth: 130 in}
structures:
  - {name: weight, kind: weight, prices: prices.csv, limits: {length_plus_girth: 108 in}}
  - {name: oversized, kind: flat, prices: oversized.csv, when: [{length_plus_girth_over: 108 in}]}
surcharges:
  - {name: length over 30 in, when: [{longest_over: 30 in}], amount: {flat: 7.00}, group: length, priority: 2}
  - {name: length over 22 in, when: [{longest_over: 22 in}], amount: {flat: 4.00}, group: length, priority: 1}
  - {name: volume over 2 ft3, when: [{volume_over: 2 ft3}], amount: {flat: 18.00}}
`,
		"prices.csv":    "not_over,1\n70 lb,60.00\n",
		"oversized.csv": "1\n91.62\n",
	}.mustCompile(t, nil, k["expected_zone"])
	r := priced(t, c, parcel(t, k["weight"], k["dims"]), 1, 0, k["ship_date"])
	wantTotal(t, r, "113.62")
	if r.Billable != 106*units.Pound || r.Structure != "oversized" || charged(r) != "length over 22 in volume over 2 ft3" {
		t.Errorf("billed as %s, %s, %q", r.Billable, r.Structure, charged(r))
	}
}

func TestCaseU4_PriorityNonrectangular(t *testing.T) {
	k := ratingCase(t, "U4")
	says(t, k["expected_price_usd"], "40.72 + 30.00 = 70.72")
	c := files{
		"card.yaml": head + uspsRules + `structures: [{name: weight, kind: weight, prices: prices.csv}]
surcharges: [{name: volume over 2 ft3, when: [{volume_over: 2 ft3}], amount: {flat: 30.00}}]
`,
		"prices.csv": "not_over,1\n43 lb,39.00\n44 lb,40.72\n70 lb,60.00\n",
	}.mustCompile(t, nil, "1")
	r := priced(t, c, parcel(t, k["weight"], k["dims"], must2(ParseFlag(k["flags"]))), 1, 0, k["ship_date"])
	wantTotal(t, r, "70.72")
	if r.Billable.String() != k["expected_billable"]+" lb" {
		t.Errorf("billed as %s, want %s lb", r.Billable, k["expected_billable"])
	}
}

func TestCaseU7_CubicBeatsWeight(t *testing.T) {
	k := ratingCase(t, "U7")
	says(t, k["expected_price_usd"], "8.31", "9.70")
	c := priorityCubic.mustCompile(t, nil, "1")
	r := priced(t, c, parcel(t, k["weight"], k["dims"]), 1, 0, k["ship_date"])
	wantTotal(t, r, "8.31")
	if r.Structure != "cubic" || len(r.Offers) != 2 || r.Offers[0].Price != money("9.70") {
		t.Errorf("%s of %+v", r.Structure, r.Offers)
	}
}

// priorityCubic prices by weight or by cubic tier: up to 20 lb, 18 in and 0.5 ft3, sides rounded down to a quarter inch
// (Domestic Mail Manual 223.1.4).
var priorityCubic = files{
	"card.yaml": head + uspsRules + `structures:
  - {name: weight, kind: weight, prices: prices.csv}
  - {name: cubic, kind: cubic, prices: cubic.csv, sides: {round: down, to: 0.25 in}, limits: {weight: 20 lb, longest: 18 in}}
`,
	"prices.csv": "not_over,1\n5 lb,9.70\n70 lb,60.00\n",
	"cubic.csv":  "not_over,1\n0.1 ft3,8.31\n0.2 ft3,8.55\n0.3 ft3,8.71\n0.4 ft3,8.89\n0.5 ft3,9.09\n",
}

func TestCaseD8_CubicTier(t *testing.T) {
	k := ratingCase(t, "D8")
	says(t, k["expected_billable"], "12.25x9.5x3=349.125", "tier 0.3")
	c := priorityCubic.mustCompile(t, nil, "1")
	wantTotal(t, priced(t, c, parcel(t, "5 lb", k["dims"]), 1, 0, "2024-06-01"), "8.71") // the 0.3 tier
	// Sides as measured, or rounded to the quarter above, would miss the tiers' ends elsewhere:
	wantTotal(t, priced(t, c, parcel(t, "5 lb", "12.24x9.6x3 in"), 1, 0, "2024-06-01"), "8.55") // 12 x 9.5 x 3 = 342 in3 <= 345.6
}

func TestCasesD_Dimensional(t *testing.T) {
	for _, k := range []struct {
		id, rules, weight string
		ship              []string
		want              []string // billable weight on each ship date
		says              []string
		flags             []ParcelFlags
		volume            string
	}{
		{id: "D1", rules: divide139, weight: "1 lb", ship: []string{"2025-08-18"}, want: []string{"6 lb"}, says: []string{"12x9x7=756 -> 5.44 -> 6"}},
		{id: "D3", rules: divide139, weight: "1 lb", ship: []string{"2025-10-01", "2025-08-18", "2025-08-17"}, want: []string{"9 lb", "9 lb", "8 lb"},
			says: []string{"8.71 -> 9", "7.19 -> 8"}},
		{id: "D4", rules: divide139, ship: []string{"2025-08-17", "2026-01-05"}, want: []string{"8 lb", "8 lb"}, says: []string{"8 (actual 6)"}},
		{id: "D6", rules: uspsRules, ship: []string{"2026-01-05"}, want: []string{"3 lb"}, says: []string{"no dim"}},
		{id: "D7", rules: uspsRules, weight: "1 lb", ship: []string{"2026-01-05"}, want: []string{"1 lb"}, says: []string{"150.7 cu in"},
			flags: []ParcelFlags{Tube}, volume: "150.72 in3"},
		{id: "D11", rules: "dimensional: [{divisor: 6000 cm3/kg, exempt_up_to: 5 kg}]\n", ship: []string{"2026-01-05"}, want: []string{"16.666666666667 kg"}, says: []string{"16.667"}},
		{id: "D12", rules: "dimensional: [{divisor: 6000 cm3/kg, exempt_up_to: 5 kg}]\n", ship: []string{"2026-01-05"}, want: []string{"9 kg"}, says: []string{"exempt"}},
	} {
		t.Run(k.id, func(t *testing.T) {
			row := ratingCase(t, k.id)
			says(t, row["expected_billable"], k.says...)
			c := files{"card.yaml": head + k.rules + anyPrice}.mustCompile(t, nil, "1")
			weight := row["weight"]
			if weight == "" {
				weight = k.weight // the case is about the size alone
			}
			for i, ship := range k.ship {
				r := priced(t, c, parcel(t, weight, row["dims"], k.flags...), 1, 0, ship)
				if want := must(units.ParseWeight(k.want[i])); r.Billable != want {
					t.Errorf("%s: billed as %s, want %s", ship, r.Billable, want)
				}
				if k.volume != "" && r.Volume != must(ParseVolume(k.volume)) {
					t.Errorf("volume %s, want %s", r.Volume, k.volume)
				}
			}
		})
	}
	// D4 without its size: the scale alone.
	c := files{"card.yaml": head + divide139 + anyPrice}.mustCompile(t, nil, "1")
	if r := priced(t, c, parcel(t, "5.4 lb", ""), 1, 0, "2026-01-05"); r.Billable != 6*units.Pound {
		t.Errorf("5.4 lb is billed as %s", r.Billable)
	}
}

func TestCaseD15_LargePackage(t *testing.T) {
	k := ratingCase(t, "D15")
	says(t, k["dims"], "longest>96", "L+G>130", "vol>17280", "wt>110")
	says(t, k["expected_billable"]+k["expected_price_usd"], "min billable 90 lb; AHS not also charged")
	c := files{"card.yaml": head + handling, "prices.csv": perPound}.mustCompile(t, nil, "1")
	for _, p := range []*Parcel{
		parcel(t, "5 lb", "96.5x10x5 in"), parcel(t, "5 lb", "60x20x15.1 in"), parcel(t, "5 lb", "26x26x26 in"),
	} {
		if r := priced(t, c, p, 1, 0, k["ship_date"]); r.Billable != 90*units.Pound || charged(r) != "large_package" {
			t.Errorf("%v: billed as %s, charged %q", p.Sides, r.Billable, charged(r))
		}
	}
	if r := priced(t, c, parcel(t, "110.5 lb", "10x10x10 in"), 1, 0, k["ship_date"]); r.Billable != 111*units.Pound || charged(r) != "large_package" {
		t.Errorf("110.5 lb: billed as %s, charged %q", r.Billable, charged(r))
	}
	if r := priced(t, c, parcel(t, "5 lb", "96x10x5 in"), 1, 0, k["ship_date"]); charged(r) != "handling_size" {
		t.Errorf("96 in is not over 96 in, but charged %q", charged(r))
	}
}

func TestCaseD16_AdditionalHandling(t *testing.T) {
	k := ratingCase(t, "D16")
	says(t, k["dims"], "longest>48", "2nd>30", "vol>10368", "weight>50")
	says(t, k["expected_billable"]+k["expected_price_usd"], "min billable 40 lb")
	c := files{"card.yaml": head + handling, "prices.csv": perPound}.mustCompile(t, nil, "1")
	for _, q := range []struct {
		p    *Parcel
		want string
		bill units.Weight
	}{
		{parcel(t, "5 lb", "48x5x5 in"), "", 5}, {parcel(t, "5 lb", "48.1x5x5 in"), "handling_size", 40},
		{parcel(t, "5 lb", "31x30x5 in"), "", 5}, {parcel(t, "5 lb", "31x30.1x5 in"), "handling_size", 40},
		{parcel(t, "5 lb", "24x24x18 in"), "", 5}, {parcel(t, "5 lb", "24x24x18.1 in"), "handling_size", 40},
		{parcel(t, "50 lb", "5x5x5 in"), "", 50}, {parcel(t, "50.1 lb", "5x5x5 in"), "handling_weight", 51},
	} {
		if r := priced(t, c, q.p, 1, 0, "2026-01-26"); charged(r) != q.want || r.Billable != q.bill*units.Pound {
			t.Errorf("%v: charged %q, billed as %s", q.p, charged(r), r.Billable)
		}
	}
}

// publishedTable reads the rows of a carrier's price file for the P cases: not-over weight and one price a zone. The
// importers turn the same files into whole cards; here they only feed the rating.
func publishedTable(t *testing.T, carrier, service string) (weights []string, zones []string, prices map[[2]string]string) {
	t.Helper()
	prices = map[[2]string]string{}
	add := func(weight, zone, price string) {
		if !slices.Contains(weights, weight) {
			weights = append(weights, weight)
		}
		if !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
		prices[[2]string{weight, zone}] = price
	}
	switch carrier {
	case "USPS":
		file := map[string]string{"GA retail": "USPS Ground Advantage Retail.csv", "PM retail": "PM Retail.csv"}[service]
		cr := csv.NewReader(shared(t, "data/tariffs/usps/"+file))
		cr.FieldsPerRecord, cr.LazyQuotes = -1, true
		unit := ""
		for {
			row, err := cr.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch first := strings.ToLower(row[0]); {
			case strings.HasPrefix(first, "weight not over (ounces"):
				unit = " oz"
			case strings.HasPrefix(first, "weight not over (pounds"), strings.HasPrefix(first, "weight not over (lbs"):
				unit = " lb"
			case unit != "" && strings.Trim(first, "0123456789.") == "" && first != "":
				weight := strings.TrimSuffix(first, "000000000001") + unit // 15.999000000000001 in the file
				for z := 1; z <= 9; z++ {
					add(weight, string(rune('0'+z)), row[z])
				}
			}
		}
	case "FedEx":
		rows := must(csv.NewReader(shared(t, "data/tariffs/fedex/fedex_ground_retail_2026.csv")).ReadAll())
		for _, row := range rows[1:] {
			if strings.HasPrefix(row[0], "FedEx Ground") && row[4] == "flat" {
				add(row[3]+" lb", row[5], row[6])
			}
		}
	}
	return weights, zones, prices
}

func TestCasesP_PublishedTables(t *testing.T) {
	cards := map[string]*Card{}
	zoneNames := map[string][]string{}
	for _, id := range []string{"P1", "P2", "P4", "P5", "P7", "P10", "P12", "P14", "P16", "P18"} {
		t.Run(id, func(t *testing.T) {
			k := ratingCase(t, id)
			key := k["carrier"] + " " + k["service"]
			if cards[key] == nil {
				weights, zones, prices := publishedTable(t, k["carrier"], k["service"])
				var b strings.Builder
				b.WriteString("not_over," + strings.Join(zones, ",") + "\n")
				for _, w := range weights {
					b.WriteString(w)
					for _, z := range zones {
						b.WriteString("," + prices[[2]string{w, z}])
					}
					b.WriteString("\n")
				}
				rules := uspsRules
				if k["carrier"] == "FedEx" {
					rules = divide139
				}
				cards[key] = files{
					"card.yaml":  head + rules + "structures: [{name: weight, kind: weight, prices: prices.csv}]\n",
					"prices.csv": b.String(),
				}.mustCompile(t, nil, zones...)
				zoneNames[key] = zones
			}
			zone := lanes.Zone(slices.Index(zoneNames[key], k["expected_zone"]) + 1)
			r := priced(t, cards[key], parcel(t, k["weight"], k["dims"]), zone, 0, k["ship_date"])
			wantTotal(t, r, k["expected_price_usd"])
			if want := k["expected_billable"]; want != "" && r.Billable.String() != want+" lb" {
				t.Errorf("billed as %s, want %s lb", r.Billable, want)
			}
		})
	}
}

func must2[T any](v T, ok bool) T {
	if !ok {
		panic("unknown")
	}
	return v
}
