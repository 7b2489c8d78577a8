package ratecards

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// files is a directory of card files by name.
type files map[string]string

func (f files) read(fl *faults.List) *Source {
	fsys := fstest.MapFS{}
	for name, text := range f {
		fsys["cards/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Read(fsys, "cards/card.yaml", fl)
}

// mustCompile compiles card.yaml of a directory and fails the test on any fault. Zones are named in the order of the
// arguments, from lanes.Zone 1 on.
func (f files) mustCompile(t testing.TB, areas []string, zones ...string) *Card {
	t.Helper()
	var fl faults.List
	c := f.read(&fl).Compile(append([]string{""}, zones...), areas, &fl)
	if err := fl.Err(); err != nil {
		t.Fatalf("faults in a good card:\n%v", err)
	}
	return c
}

const head = `carrier: Test
service: test
currency: USD
effective_from: 2024-01-01
source: {text: made for a test}
`

func parcel(t testing.TB, weight, dims string, flags ...ParcelFlags) *Parcel {
	t.Helper()
	p := &Parcel{Weight: must(units.ParseWeight(weight))}
	if dims != "" {
		p.Sides = must(units.ParseDims(dims))
	}
	for _, f := range flags {
		p.Flags |= f
	}
	return p
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func date(s string) units.Date { return must(units.ParseDate(s)) }

func money(s string) units.Money { return must(units.ParseMoney(s)) }

// priced prices by Rate and by Prepare and Total, and fails the test where they differ.
func priced(t testing.TB, c *Card, p *Parcel, z lanes.Zone, area lanes.Mask, ship string) Rating {
	t.Helper()
	r := c.Rate(p, z, area, date(ship))
	compareTwins(t, c, p, z, area, date(ship), r)
	return r
}

// A fataler is a testing.TB or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func compareTwins(t fataler, c *Card, p *Parcel, z lanes.Zone, area lanes.Mask, ship units.Date, r Rating) {
	t.Helper()
	var q Prepared
	c.Prepare(&q, p, area, ship)
	total, ok := q.Total(z)
	if ok != (r.Reason == Priced) || total != r.Total {
		t.Fatalf("Total = %s, %t; Rate = %s, %s (%s)\nparcel %+v, zone %d, area %b, ship %s", total, ok, r.Total, r.Reason, r.Detail, *p, z, area, ship)
	}
	if q.Reason != Priced && q.Reason != r.Reason || q.Reason == Priced && r.Reason != Priced && r.Reason != NotServed && r.Reason != NoZone {
		t.Fatalf("Prepare's reason is %q, Rate's %q (%s)", q.Reason, r.Reason, r.Detail)
	}
	if q.Reason == Priced && q.Billable != r.Billable {
		t.Fatalf("Prepare's billable weight is %s, Rate's %s", q.Billable, r.Billable)
	}
	if q.Light != c.IsLight(p.Weight) {
		t.Fatalf("Light is %t for %s", q.Light, p.Weight)
	}
	var sum units.Money
	for _, charge := range r.Charges {
		sum += charge.Amount
	}
	if sum != r.Total {
		t.Fatalf("charges sum to %s, not to the total %s: %+v", sum, r.Total, r.Charges)
	}
	compareCharges(t, c, &q, p, z, r)
	if !ok {
		return
	}
	if floor, known := c.ZoneFloor(z, c.LeastBillable(p)); !known || floor+c.AreaFloor(area) > total {
		t.Fatalf("ZoneFloor(%d, %s) = %s, %t, and AreaFloor = %s, but it costs %s", z, c.LeastBillable(p), floor, known, c.AreaFloor(area), total)
	}
}

// wantTotal checks a price.
func wantTotal(t testing.TB, r Rating, want string) {
	t.Helper()
	if r.Reason != Priced || r.Total != money(want) {
		t.Errorf("total %s (%s %s), want %s; charges %+v", r.Total, r.Reason, r.Detail, want, r.Charges)
	}
}

// charged returns the names of the surcharges in a rating.
func charged(r Rating) string {
	var names []string
	for _, c := range r.Charges {
		if c.Kind == ChargeSurcharge {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

// documented returns the example card of the package comment, with the tables it shows.
func documented(t testing.TB) files {
	t.Helper()
	raw, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	var block strings.Builder
	for line := range strings.Lines(string(raw)) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			block.WriteString(text)
		} else if block.Len() > 0 {
			blocks = append(blocks, block.String())
			block.Reset()
		}
	}
	if len(blocks) < 3 {
		t.Fatalf("the package comment has %d examples", len(blocks))
	}
	f := files{"card.yaml": blocks[0], "fedex_ground.cubic.csv": "not_over,2,3\n0.1 ft3,8.50,8.90\n0.5 ft3,12.00,13.00\n"}
	for _, b := range blocks[1:] {
		switch {
		case strings.HasPrefix(b, "not_over,basis"):
			f["fedex_ground.prices.csv"] = b
		case strings.HasPrefix(b, "from,to"):
			f["fedex_ground.fuel.csv"] = b
		}
	}
	return f
}

func TestDocumentedCardIsPricedAsItSays(t *testing.T) {
	c := documented(t).mustCompile(t, []string{"das"}, "2", "3", "17")
	// 5 lb to zone 3: the table's next step is 150 lb at 140.15; 20 % off is 112.12; residential 6.45; fuel 18 % on
	// both is 21.34 (21.3426); the delivery area is not hit.
	r := priced(t, c, parcel(t, "5 lb", ""), 2, 0, "2026-01-08")
	wantTotal(t, r, "139.91")
	// The second fuel week, a delivery area, and the peak window, which depends on the residential surcharge.
	r = priced(t, c, parcel(t, "5 lb", ""), 2, 1, "2026-11-30")
	if got := charged(r); got != "delivery_area residential peak_residential" {
		t.Errorf("charged %q", got)
	}
	// 112.12 + 4.45 + 6.45 = 123.02; x 18.25 % = 22.45; + 0.55
	wantTotal(t, r, "146.02")
	// Beyond 150 lb by the pound: the card's limit refuses it.
	if r := priced(t, c, parcel(t, "151 lb", ""), 1, 0, "2026-01-08"); r.Reason != TooHeavy {
		t.Errorf("151 lb: %s", r.Reason)
	}
	// ... but a dimensional weight may be beyond: 40x40x14 in is 22,400 in3, 161.2 -> 162 lb: 120.40 + 12 x 0.95 =
	// 131.80; 20 % off 105.44; oversize (22,400 > 17,280) 255.00 in zone 2; residential 6.45; fuel 18 % of 366.89 = 66.04.
	r = priced(t, c, parcel(t, "40 lb", "40x40x14 in"), 1, 0, "2026-01-08")
	wantTotal(t, r, "432.93")
	if got := charged(r); got != "oversize residential" {
		t.Errorf("charged %q", got)
	}
}
