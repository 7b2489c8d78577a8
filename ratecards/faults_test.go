package ratecards

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// compileFaults reads and compiles card.yaml and returns all its faults, a line each.
func (f files) compileFaults() []string {
	var fl faults.List
	f.read(&fl).Compile([]string{"", "2", "3", "17"}, []string{"das", "remote"}, &fl)
	var lines []string
	for _, fault := range fl.Faults() {
		lines = append(lines, fault.String())
	}
	return lines
}

// TestFaultsOfACard changes the documented card in one place at a time: that place must be named, with a mend, and
// nothing else.
func TestFaultsOfACard(t *testing.T) {
	for _, k := range []struct{ file, old, text, want string }{
		{"", "carrier: FedEx\n", "", "carrier: the value is missing"},
		{"", "service: fedex_ground ", "service: fedex ground", "2:10 service: \"fedex ground\" has blanks"},
		{"", "service: fedex_ground ", "servise: fedex_ground ", "unknown key \"servise\"; did you mean \"service\"?"},
		{"", "currency: USD", "currency: usd", "4:11 currency: \"usd\" is no currency code"},
		{"", "minor_unit: 0.01", "minor_unit: -0.01", "minor_unit: the minor unit -0.01 is out of range"},
		{"", "minor_unit: 0.01", "minor_unit: 0.10", "prices.csv:2:3 2: the price 13.85 is finer than 0.10"},
		{"", "minor_unit: 0.01", "minor_unit: NaN", "minor_unit: \"NaN\" is no amount of money"},
		{"", "rounding: each_charge", "rounding: each_charg", "unknown \"each_charg\"; did you mean \"each_charge\"?"},
		{"", "rounding: each_charge", "rounding: sometimes", "write one of none, total, each_charge"},
		{"", "effective_from: 2026-01-05", "effective_from: 2026-02-30", "effective_from: \"2026-02-30\""},
		{"", "effective_from: 2026-01-05", "effective_from:", "effective_from: the date is missing"},
		{"", "effective_from: 2026-01-05", "effective_from: 1926-01-05", "effective_from: 1926-01-05 is out of range"},
		{"", "effective_to: 2027-01-03", "effective_to: 2025-01-03", "effective_to: the card ends on 2025-01-03 and begins on 2026-01-05"},
		{"", "text: \"FedEx Service Guide, retail list rates\", ", "", "source.text: the value is missing"},
		{"", "scope: ground", "scope: ground, light_below: 16 oz", "zones: light_scope and light_below stand one without the other"},
		{"", "weight: 150 lb, longest", "weight: 150, longest", "limits.weight: \"150\" is no weight"},
		{"", "refuses: [live_animal]", "refuses: [live_animals]", "refuses[0]: unknown parcel flag \"live_animals\"; did you mean \"live_animal\"?"},
		{"", "refuses: [live_animal]", "refuses: [xyzzyx]", "the flags are nonrectangular, tube"},
		{"", "refuses: [live_animal]", "refuses: live_animal", "\"live_animal\" stands where a list belongs; write a list"},
		{"", "refuses: [live_animal]", "refuses: {a: 1}", "keys and values stand where none belong"},
		{"", "ship_to: 2025-08-17", "ship_to: 2025-08-18", "dimensional[1]: the period overlaps that of dimensional[0]"},
		{"", "{ship_from: 2025-08-18, ", "{ship_from: 2025-08-18, ship_to: 2025-08-17, ", "the rule ends on 2025-08-17 and begins on 2025-08-18"},
		{"", "{ship_from: 2025-08-18, divisor: 139 in3/lb, ", "{ship_from: 2025-08-18, ", "dimensional[1].divisor: the divisor is missing"},
		{"", "2025-08-18, divisor: 139 in3/lb", "2025-08-18, divisor: 139", "is no divisor"},
		{"", "2025-08-18, divisor: 139 in3/lb", "2025-08-18, divisor: 0 in3/lb", "is no divisor"},
		{"", "2025-08-18, divisor: 139 in3/lb, sides: {round: up, to: 1 in}", "2025-08-18, nonrectangular: 0.987653, divisor: 139.999999 in3/lb, sides: {round: up, to: 7.77 mm}", "too many digits"},
		{"", "sides: {round: up, to: 1 in}", "sides: {round: upp, to: 1 in}", "dimensional[1].sides.round: unknown \"upp\"; did you mean \"up\"?"},
		{"", "sides: {round: up, to: 1 in}", "sides: {round: up, to: 2 m}", "is no length to round to"},
		{"", "sides: {round: up, to: 1 in}, round: {to: 1 lb}", "sides: {round: up, to: 1 in}, round: {round: up}", "dimensional[1].round.to: the weight to round to is missing"},
		{"", "- {to: 1 lb} ", "- {not_over: 5 lb} ", "weight_steps[0].to: the weight to round to is missing"},
		{"", "- {to: 1 lb} ", "- {not_over: 5 lb, to: 1 oz} ", "weight_steps[0].not_over: the last band has an end"},
		{"", "- {to: 1 lb} ", "- {to: 1 oz}\n  - {to: 1 lb} ", "weight_steps[0].not_over: a band before the last has no end"},
		{"", "- {to: 1 lb} ", "- {not_over: 2 lb, to: 1 oz}\n  - {not_over: 1 lb, to: 1 oz}\n  - {to: 1 lb} ", "weight_steps[1].not_over: the band ends at 1 lb, not above the one before"},
		{"", "name: package, kind: weight", "name: small cubic, kind: weight", "structures[1].name: \"small cubic\" is named twice"},
		{"", "{name: package, kind: weight", "{kind: weight", "structures[0].name: the name is missing"},
		{"", "kind: flat", "kind: flatt", "structures[2].kind: unknown \"flatt\"; did you mean \"flat\"?"},
		{"", "kind: flat, ", "", "structures[2].kind: the kind is missing"},
		{"", "kind: weight, prices", "kind: weight, sides: {to: 1 in}, prices", "only a cubic structure rounds the sides itself"},
		{"", "price: 24.80", "price: -24.80", "structures[2].price: the amount -24.80 is out of range"},
		{"", "price: 24.80", "price: 24.805", "the price 24.805 is finer than 0.01"},
		{"", "price: 24.80", "price: 24.80, prices: fedex_ground.cubic.csv", "the structure has a price and a table"},
		{"", "price: 24.80, ", "", "structures[2].prices: the structure has no prices"},
		{"", "prices: fedex_ground.prices.csv", "price: 3.00, prices: fedex_ground.prices.csv", "only a flat structure has one price"},
		{"", "prices: fedex_ground.prices.csv", "prices: fedex_ground.price.csv", "did you mean \"fedex_ground.prices.csv\"?"},
		{"", "prices: fedex_ground.prices.csv", "prices: ../prices.csv", "structures[0].prices: \"prices.csv\" cannot be read"},
		{"", "unit: 1 lb}", "limits: {}}", "structures[0].unit: the unit is missing"},
		{"", "kind: cubic\n", "kind: cubic\n    unit: 1 lb\n", "structures[1].unit: no row of the table counts units"},
		{"", "percent: 20%", "percent: 120%", "discount.percent: the percentage 120% is out of range"},
		{"", "percent: 20%", "percent: 20", "discount.percent: \"20\" is no percentage"},
		{"", "minimum_net: 9.50", "minimum_net: 9999999999.50", "discount.minimum_net: the amount 9999999999.50 is out of range"},
		{"", "fuel: {table: fedex_ground.fuel.csv, on: net}", "fuel: {on: net}", "fuel.table: the fuel table is missing"},
		{"", "on: net}", "on: nett}", "fuel.on: unknown \"nett\"; did you mean \"net\"?"},
		{"", "table: fedex_ground.fuel.csv", "table: fedex_ground.feul.csv", "fuel.table: \"cards/fedex_ground.feul.csv\" cannot be read"},
		{"", "- {longest_over: 96 in}", "- {}", "surcharges[0].when[0]: the condition asks nothing"},
		{"", "- {longest_over: 96 in}", "- {flags: [tub]}", "surcharges[0].when[0].flags[0]: unknown parcel flag \"tub\"; did you mean \"tube\"?"},
		{"", "areas: [das]", "areas: [das_remote]", "surcharges[2].when[0].areas[0]: unknown area \"das_remote\""},
		{"", "areas: [das]", "areas: [remot]", "did you mean \"remote\"?"},
		{"", "value_over: 100.00", "value_over: -1", "surcharges[5].when[0].value_over: the amount -1.00 is out of range"},
		{"", ", other: 300.00}", "}", "surcharges[0].amount.by_zone: zone \"17\" has prices but no amount here"},
		{"", "by_zone: {\"2\": 255.00", "by_zone: {\"2\": -1", "surcharges[0].amount.by_zone.2: the amount -1.00 is out of range"},
		{"", "amount: {flat: 29.50}", "amount: {}", "surcharges[1].amount: 0 kinds of amount are given"},
		{"", "amount: {flat: 29.50}", "amount: {flat: 29.50, percent_of_base: 1%}", "surcharges[1].amount: 2 kinds of amount are given"},
		{"", "amount: {flat: 29.50}", "amount: {flat: 29.50, minimum: 1.00}", "surcharges[1].amount.minimum: only a percentage has a minimum"},
		{"", "percent_of_value: 1%", "percent_of_value: 501%", "surcharges[5].amount.percent_of_value: the percentage 501% is out of range"},
		{"", "{amount: 3.50}]", "{not_over: 99 lb, amount: 3.50}]", "surcharges[4].amount.by_weight[1].not_over: the last band has an end"},
		{"", "{not_over: 70 lb, amount: 2.00}", "{amount: 2.00}", "surcharges[4].amount.by_weight[0].not_over: a band before the last has no end"},
		{"", "{not_over: 70 lb, amount: 2.00}", "{not_over: 70 lb, amount: 2.00}, {not_over: 60 lb, amount: 2.00}", "not above the one before"},
		{"", "priority: 20", "priority: 40", "surcharges[1].priority: \"oversize\" has the same priority in group \"handling\""},
		{"", "fuelable: true}            #", "fuelable: true, priority: 1}            #", "surcharges[3].priority: a priority without a group decides nothing"},
		{"", "depends_on: [residential]", "depends_on: [residental]", "surcharges[6].depends_on[0]: unknown surcharge \"residental\"; did you mean \"residential\"?"},
		{"", "depends_on: [residential]", "depends_on: [zzzzzzzz]", "name a surcharge of this card"},
		{"", "depends_on: [residential]", "depends_on: [peak_residential]", "\"peak_residential\" depends on another itself"},
		{"", "depends_on: [residential]", "depends_on: [residential]\n    minimum_billable: 5 lb", "a dependent surcharge is charged after the price is known"},
		{"", "depends_on: [residential]", "depends_on: [residential]\n    group: handling\n    priority: 7", "mixes surcharges that depend on others with some that do not"},
		{"", "from: 2026-10-26, to: 2027-01-17", "from: 2027-10-26, to: 2027-01-17", "surcharges[6].windows[0]: the window is from 2027-10-26 to 2027-01-17"},
		{"", "tax: {percent: 0%}", "tax: {percent: -1%}", "tax.percent: the percentage -1% is out of range"},
		{"", "tax: {percent: 0%}", "tax: [1]", "a list stands where none belongs; write keys and values"},
		{"", "assumed: true}\nfuel", "assumed: maybe}\nfuel", "\"maybe\" is neither true nor false"},
		{"", "priority: 20", "priority: high", "surcharges[1].priority: \"high\" is no whole number"},
		{"", "tax: {percent: 0%}", "tax: &t {percent: 0%}", "anchors, aliases and tags are not read"},
		{"", "tax: {percent: 0%}", "tax: {percent: 0%", "; check indentation, quotes and brackets"},

		{"prices.csv", "not_over,basis", "not_ovr,basis", "did you mean \"not_over\"?"},
		{"prices.csv", ",2,3,17", ",2,3,3", "the column stands twice"},
		{"prices.csv", "2 lb,,14.92", "1 lb,,14.92", "prices.csv:3 not_over: the step ends at 1 lb, not above the one before"},
		{"prices.csv", "2 lb,,14.92", ",,14.92", "prices.csv:3 not_over: a step before the last has no end"},
		{"prices.csv", "2 lb,,14.92", "0 lb,,14.92", "prices.csv:3:1 not_over: a step ends at nothing"},
		{"prices.csv", "2 lb,,14.92", "2 pints,,14.92", "prices.csv:3:1 not_over: \"2 pints\" is no weight"},
		{"prices.csv", "2 lb,,14.92", "2 lb,,0", "prices.csv:3:3 2: the price is 0; leave the cell empty"},
		{"prices.csv", "2 lb,,14.92", "2 lb,,-1", "prices.csv:3:3 2: the price is negative"},
		{"prices.csv", "2 lb,,14.92", "2 lb,,1e3", "prices.csv:3:3 2: \"1e3\" is no amount of money"},
		{"prices.csv", "2 lb,,14.92", "2 lb,,99999999", "prices.csv:3:3 2: the price 99999999.00 is finer than 0.01 or too large for it"},
		{"prices.csv", "2 lb,,14.92", "2 lb,,2000000000", "prices.csv:3:3 2: the price 2000000000.00 is too large"},
		{"prices.csv", "2 lb,,14.92", "2 lb,", "prices.csv:3: the row has 4 fields"},
		{"prices.csv", "2 lb,,14.92", "2 lb,beyon,14.92", "prices.csv:3:2 basis: unknown basis \"beyon\"; did you mean \"beyond\"?"},
		{"prices.csv", "2 lb,,14.92", "2 lb,zzzzzzzzz,14.92", "leave it empty or write per_unit, beyond or minimum"},
		{"prices.csv", "1 lb,,13.85", "1 lb,beyond,13.85", "prices.csv:2 basis: the first row goes beyond nothing"},
		{"prices.csv", "2 lb,,14.92", "2 lb,minimum,14.92", "prices.csv:3 basis: a minimum stands by itself"},
		{"prices.csv", ",beyond,0.95", ",,0.95", "prices.csv:5 not_over: a price without an upper end would hold for any weight"},
		{"prices.csv", ",beyond,0.95,1.10,", ",beyond,0.95,1.10,1.20", "prices.csv:5:5 17: the row before has no price in zone \"17\""},
		{"prices.csv", ",beyond,0.95,1.10,", ",beyond,900000000,1.10,", "prices.csv:5:3 2: step 4 costs more than"},
		{"cubic.csv", "0.5 ft3", "0.05 ft3", "cubic.csv:3 not_over: the tier ends at"},
		{"cubic.csv", "0.5 ft3", "0 ft3", "cubic.csv:3:1 not_over: a tier ends at nothing"},
		{"cubic.csv", "0.5 ft3", "half", "cubic.csv:3:1 not_over: \"half\" is no volume"},
		{"cubic.csv", "not_over,2,3", "not_over,,", "the table has no zones"},
		{"fuel.csv", "2026-01-12,,", "2026-01-11,,", "fuel.csv:3:1 from: the period overlaps the one that ends on 2026-01-11"},
		{"fuel.csv", "2026-01-12,,", "2026-01-14,,", "fuel.csv:3:1 from: no percentage is given from 2026-01-12 to 2026-01-13"},
		{"fuel.csv", "2026-01-05,2026-01-11", "2026-01-05,", "fuel.csv:3:1 from: the period before, from 2026-01-05, has no end"},
		{"fuel.csv", "2026-01-05,2026-01-11", "2026-01-05,2026-01-04", "fuel.csv:2:2 to: the period ends on 2026-01-04, before it begins"},
		{"fuel.csv", "18.00%", "-18.00%", "fuel.csv:2:3 percent: the percentage is negative"},
		{"fuel.csv", "18.00%", "501%", "fuel.table: the percentage 501% is out of range"},
		{"fuel.csv", "18.00%", "", "fuel.csv:2:3 percent: the value is missing"},
	} {
		name := "card.yaml"
		if k.file != "" {
			name = "fedex_ground." + k.file
		}
		t.Run(name+" "+k.text, func(t *testing.T) {
			f := documented(t)
			if !strings.Contains(f[name], k.old) {
				t.Fatalf("the documented card has no %q", k.old)
			}
			f[name] = strings.Replace(f[name], k.old, k.text, 1)
			got := f.compileFaults()
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, k.want) }) {
				t.Errorf("no fault says %q:\n%s", k.want, strings.Join(got, "\n"))
			}
			for _, s := range got {
				if !strings.HasPrefix(s, "cards/") {
					t.Errorf("a fault does not name its file: %s", s)
				}
			}
		})
	}
}

func TestAllFaultsAreListedAtOnce(t *testing.T) {
	f := files{"card.yaml": `carrier: FedEx
service: fedex_ground
curency: USD
currency: dollars
efective_from: 2026-01-05
weight_steps: [{to: 0 lb}]
structures:
  - {name: a, kind: weight, prices: nowhere.csv}
  - {name: a, kind: cube, price: 5.00}
tax: {percent: 7}
`}
	got := f.compileFaults()
	want := []string{
		"cards/card.yaml:1:1 source.text: the value is missing; say where the figures were published, or \"assumed\"",
		"cards/card.yaml:1:1 effective_from: the date is missing; give the first ship date, as 2026-01-05",
		"cards/card.yaml:3:1 curency: unknown key \"curency\"; did you mean \"currency\"?",
		"cards/card.yaml:4:11 currency: \"dollars\" is no currency code; write an ISO 4217 code, as USD",
		"cards/card.yaml:5:1 efective_from: unknown key \"efective_from\"; did you mean \"effective_from\"?",
		"cards/card.yaml:6:21 weight_steps[0].to: the weight to round to is missing; give a weight above 0, as 1 lb",
		"cards/card.yaml:8:37 structures[0].prices: \"cards/nowhere.csv\" cannot be read: file does not exist; check the file name",
		"cards/card.yaml:9:12 structures[1].name: \"a\" is named twice; give each its own name",
		"cards/card.yaml:9:21 structures[1].kind: unknown \"cube\"; did you mean \"cubic\"?",
		"cards/card.yaml:9:34 structures[1].price: only a flat structure has one price; name a table under prices",
		"cards/card.yaml:10:16 tax.percent: \"7\" is no percentage; write a percentage, as \"12.5%\"",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCeilings(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "#", string(rune('a'+i/26%26))+string(rune('a'+i%26))+many(i/676, "x")))
		}
		return b.String()
	}
	const flat = "structures: [{name: p, kind: flat, price: 1.00}]\n"
	for name, k := range map[string]struct {
		f    files
		want string
	}{
		"no structures":   {files{"card.yaml": head}, "the card has no structures"},
		"structures":      {files{"card.yaml": head + "structures:\n" + numbered(9, "  - {name: #, kind: flat, price: 1.00}\n")}, "the card has 9 structures"},
		"surcharges":      {files{"card.yaml": head + flat + "surcharges:\n" + numbered(65, "  - {name: #, amount: {flat: 1.00}}\n")}, "the card has 65 surcharges"},
		"conditions":      {files{"card.yaml": head + flat + "surcharges: [{name: u, amount: {flat: 1.00}, when: [" + many(257, "{weight_over: 1 lb},") + "]}]\n"}, "the card has 257 conditions"},
		"zones":           {files{"card.yaml": head + "structures: [{name: p, kind: flat, prices: p.csv}]\n", "p.csv": strings.TrimSuffix(numbered(256, "#,"), ",") + "\n"}, "the table has 256 zones"},
		"rows":            {files{"card.yaml": head + "structures: [{name: p, kind: flat, prices: p.csv}]\n", "p.csv": "2\n1.00\n1.00\n"}, "the table has 2 rows; give at most 1"},
		"empty table":     {files{"card.yaml": head + "structures: [{name: p, kind: flat, prices: p.csv}]\n", "p.csv": "2\n"}, "the table has no rows"},
		"empty file":      {files{"card.yaml": head + "structures: [{name: p, kind: flat, prices: p.csv}]\n", "p.csv": ""}, "the file is empty"},
		"large file":      {files{"card.yaml": head + "structures: [{name: p, kind: flat, prices: p.csv}]\n", "p.csv": many(MaxFileBytes+1, "x")}, "the file is larger than"},
		"large fuel file": {files{"card.yaml": head + flat + "fuel: {table: p.csv}\n", "p.csv": many(MaxFileBytes+1, "x")}, "the file is larger than"},
		"no fuel":         {files{"card.yaml": head + flat + "fuel: {table: p.csv}\n", "p.csv": "from,to,percent\n"}, "the table has 0 rows"},
		"strange zones":   {files{"card.yaml": head + "structures: [{name: p, kind: flat, prices: p.csv}]\n", "p.csv": "zone 9\n1.00\n"}, "no price column is a zone of the service's chart, whose zones are 2, 3, 17"},
		"any zone":        {files{"card.yaml": head + flat + "surcharges: [{name: u, amount: {by_zone: {\"2\": 1.00}}}]\n"}, "but no amount for every one here"},
		"requirements":    {files{"card.yaml": head + flat + "surcharges: [{name: u, amount: {flat: 1.00}, when: [" + numbered65() + "]}]\n"}, "need 66 different requirements"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(k.f.compileFaults(), "\n")
			if !strings.Contains(got, k.want) {
				t.Errorf("got %.500s, want %q", got, k.want)
			}
		})
	}
}

// numbered65 is 33 conditions that each need two thresholds of their own.
func numbered65() string {
	var b strings.Builder
	for i := range 33 {
		b.WriteString("{weight_over: " + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ".5 lb, longest_over: " + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ".5 in},")
	}
	return b.String()
}

func TestReadDir(t *testing.T) {
	fsys := fstest.MapFS{
		"cards/b.yaml":     {Data: []byte(head + anyPrice)},
		"cards/a.yaml":     {Data: []byte(strings.Replace(head, "service: test", "service: other", 1) + anyPrice)},
		"cards/prices.csv": {Data: []byte("2\n1.00\n")},
		"cards/old/c.yaml": {Data: []byte("no card")},
	}
	var fl faults.List
	cards := ReadDir(fsys, "cards", &fl)
	if fl.Err() != nil || len(cards) != 2 || cards[0].Service != "other" || cards[1].File != "cards/b.yaml" {
		t.Errorf("%d cards, %v", len(cards), fl.Err())
	}
	if ReadDir(fsys, "nowhere", &fl); fl.Len() != 1 {
		t.Errorf("a directory that is not there: %v", fl.Err())
	}
	if s := Read(fsys, "cards/bb.yaml", &fl); fl.Len() != 2 || !strings.Contains(fl.Faults()[0].String(), "did you mean \"b.yaml\"?") || s.Compile([]string{"", "2"}, nil, &fl) != nil {
		t.Errorf("a card that is not there: %v", fl.Err())
	}
}

// TestCompileChecksCardsMadeByPrograms: a Source that no file gave is checked when it is compiled.
func TestCompileChecksCardsMadeByPrograms(t *testing.T) {
	price := units.Currency
	good := Source{
		Carrier: "C", Service: "s", Currency: "USD", EffectiveFrom: date("2026-01-01"), Source: Citation{Text: "a test"},
		Structures: []Structure{{Name: "p", Kind: KindFlat, Price: &price}},
	}
	var fl faults.List
	if c := good.Compile([]string{"", "2"}, nil, &fl); c == nil {
		t.Fatal(fl.Err())
	} else if s := c.Source(); s != &good {
		t.Error("another source")
	} else if first, last := c.Effective(); first != good.EffectiveFrom || last != lastDate {
		t.Errorf("effective from %s to %s", first, last)
	}
	for name, spoil := range map[string]func(*Source){
		"no structures": func(s *Source) { s.Structures = nil },
		"no table":      func(s *Source) { s.Structures = []Structure{{Name: "p", Kind: KindWeight}} },
		"empty table": func(s *Source) {
			s.Structures = []Structure{{Name: "p", Kind: KindWeight, Table: &PriceTable{Zones: []string{"2"}}}}
		},
		"open-ended row": func(s *Source) {
			s.Structures = []Structure{{Name: "p", Kind: KindWeight, Table: &PriceTable{Zones: []string{"2"}, Rows: []PriceRow{{Prices: []units.Money{price}}}}}}
		},
		"fuel gap": func(s *Source) {
			s.Fuel = &Fuel{Weeks: []FuelWeek{{From: 20_000, To: 20_006}, {From: 20_008}}}
		},
		"negative fuel": func(s *Source) { s.Fuel = &Fuel{Weeks: []FuelWeek{{From: 20_000, Percent: -1}}} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			spoil(&bad)
			var fl faults.List
			if bad.Compile([]string{"", "2"}, nil, &fl) != nil || fl.Len() == 0 {
				t.Errorf("compiled, with %d faults", fl.Len())
			}
		})
	}
}

func TestTariffFaults(t *testing.T) {
	card := func(text string) *Card { return files{"card.yaml": text + anyPrice}.mustCompile(t, nil, "2") }
	first := card(strings.Replace(head, "currency", "effective_to: 2024-12-31\ncurrency", 1))
	other := card("carrier: Other\nservice: test\ncurrency: EUR\neffective_from: 2025-01-01\nsource: {text: made for a test}\n")
	var fl faults.List
	tariff := NewTariff([]*Card{first, other}, &fl)
	got := fl.Faults()
	if len(got) != 2 || got[0].Field != "carrier" || got[1].Field != "currency" || got[1].Row != 3 {
		t.Errorf("faults %v", got)
	}
	if f, ok := tariff.ZoneFloor(1, units.Pound); f != units.Currency || !ok {
		t.Errorf("floor %s, %t", f, ok)
	}
	empty := NewTariff(nil, &fl)
	if _, ok := empty.ZoneFloor(1, 1); ok || empty.At(0) != nil || empty.AreaFloor(1) != 0 {
		t.Error("a tariff without cards has a price")
	}
}
