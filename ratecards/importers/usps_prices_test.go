package importers

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

var april = units.DateOf(2026, 4, 7)

func TestGroundAdvantageByOuncesAndPounds(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "usps-prices", []string{write(t, "ga.csv", groundSheet())}, Options{Into: into})
	tf := tariff(t, into, "usps_ground_advantage")
	for _, c := range []struct {
		weight string
		step   int
	}{
		{"1 g", 0}, {"4 oz", 0}, {"4.001 oz", 1}, {"8 oz", 1}, {"12 oz", 2}, {"12.001 oz", 3}, {"15.999 oz", 3}, {"15.9991 oz", 4}, {"1 lb", 4}, {"1.0001 lb", 5},
		{"69.5 lb", 73}, {"70 lb", 73},
	} {
		for z := 1; z <= 9; z++ {
			r := price(t, tf, parcel(t, c.weight, "6x4x4 in"), fmt.Sprint(z), 0, april)
			if want := must(units.ParseMoney(groundPrice(c.step, z))); r.Reason != ratecards.Priced || r.Total != want {
				t.Errorf("%s to zone %d: %v %s, want %s", c.weight, z, r.Reason, r.Total, want)
			}
		}
	}
	if r := price(t, tf, parcel(t, "70.001 lb", ""), "1", 0, april); r.Reason == ratecards.Priced {
		t.Errorf("70.001 lb costs %s", r.Total)
	}
	if tf.At(april-1) != nil {
		t.Error("the card holds before its date")
	}
}

func TestGroundAdvantageSizeAndFees(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "usps-prices", []string{write(t, "ga.csv", groundSheet())}, Options{Into: into})
	tf := tariff(t, into, "usps_ground_advantage")
	for _, c := range []struct {
		name, weight, dims, flag string
		step                     int
		fees                     string
	}{
		{"small, no dimensional weight", "2 lb", "12x12x12 in", "", 5, "0"},
		{"dimensional weight over a cubic foot", "2 lb", "14x13x10 in", "", 14, "0"}, // 1,820 / 166 = 10.96
		{"no box: 0.785 of the volume", "2 lb", "16x14x12 in", "nonrectangular", 16, "0"},
		{"length reached", "2 lb", "22x4x4 in", "", 5, "0"},
		{"length passed", "2 lb", "22.1x4x4 in", "", 5, "4.50"},
		{"only the longer length fee", "2 lb", "30.1x4x4 in", "", 5, "10.00"},
		{"volume", "40 lb", "20x18x12 in", "", 43, "21.00"}, // 4,320 in3; 26 lb dimensional
		{"oversized with both fees", "1 lb", "30x20x20 in", "", 74, "25.50"},
		{"tube", "2 lb", "12x4x4 in", "tube", 5, "4.25"},
		{"plants", "2 lb", "12x4x4 in", "perishable", 5, "7.50"},
	} {
		var flags []string
		if c.flag != "" {
			flags = []string{c.flag}
		}
		r := price(t, tf, parcel(t, c.weight, c.dims, flags...), "3", 0, april)
		want := must(units.ParseMoney(groundPrice(c.step, 3))) + must(units.ParseMoney(c.fees))
		if r.Reason != ratecards.Priced || r.Total != want {
			t.Errorf("%s: %v %s %v, want %s", c.name, r.Reason, r.Total, r.Charges, want)
		}
	}
	if r := price(t, tf, parcel(t, "1 lb", "50x20.1x20 in"), "3", 0, april); r.Reason == ratecards.Priced {
		t.Errorf("130.2 in of length plus girth cost %s", r.Total)
	}
}

func TestPriorityMailFlatRates(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "usps-prices", []string{write(t, "pm.csv", prioritySheet())}, Options{Into: into})
	tf := tariff(t, into, "usps_priority_mail")
	for _, c := range []struct {
		flag, dims, structure, want string
		area                        lanes.Mask
	}{
		{"envelope", "12.5x9.5x1 in", "flat_rate_envelope", "12.90", 0},
		{"envelope", "15x9.5x1 in", "legal_flat_rate_envelope", "13.25", 0},
		{"pak", "", "padded_flat_rate_envelope", "14.00", 0},
		{"small_box", "8.6x5.4x1.6 in", "small_flat_rate_box", "13.65", 0},
		{"medium_box", "", "medium_flat_rate_box", "24.80", 0},
		{"large_box", "", "large_flat_rate_box", "34.00", 0},
		{"large_box", "", "military_large_flat_rate_box", "32.55", 1},
		{"nonrectangular", "", "parcel", groundPrice(69, 9), 0},
	} {
		// 70 lb to zone 9 cost 19.90 by weight: dear enough for envelopes, and a medium box is not bought for it.
		r := price(t, tf, parcel(t, "70 lb", c.dims, c.flag), "9", c.area, april)
		want, byWeight := must(units.ParseMoney(c.want)), must(units.ParseMoney(groundPrice(69, 9)))
		at := slices.IndexFunc(r.Offers, func(o ratecards.Offer) bool { return o.Structure == c.structure })
		if at < 0 || r.Offers[at].Price != want || r.Total != min(want, byWeight) {
			t.Errorf("%s %s: %s of %v, want %s offered by %s", c.flag, c.dims, r.Total, r.Offers, want, c.structure)
		}
	}
	long := price(t, tf, parcel(t, "70 lb", "15x9.5x1 in", "envelope"), "9", 0, april)
	if long.Structure != "legal_flat_rate_envelope" {
		t.Errorf("an envelope of 15 in goes by %s", long.Structure)
	}
	areas := tables(t, into, "areas", lanes.ReadAreas)
	for zip, want := range map[string]bool{"09012": true, "34002": true, "96345": true, "10001": false, "33999": false, "96701": false} {
		if got := slices.Contains(lanes.FindAreas(areas, "US", zip), militaryArea); got != want {
			t.Errorf("%s is military: %v", zip, got)
		}
	}
}

func TestMediaMailHasOnePriceForAllZones(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "usps-prices", []string{write(t, "mm.csv", mediaSheet())}, Options{Into: into})
	tf := tariff(t, into, "usps_media_mail")
	for _, z := range []string{"1", "9"} {
		if r := price(t, tf, parcel(t, "2.5 lb", "30x10x10 in"), z, 0, april); r.Total != 6_250_000 {
			t.Errorf("zone %s: %s %v", z, r.Total, r.Charges)
		}
	}
}

func TestNewPricesEndTheCardBefore(t *testing.T) {
	into := t.TempDir()
	older := write(t, "old.csv", strings.Replace(mediaSheet(), "4/7/2026", "1/18/2026", 1))
	newer := write(t, "new.csv", strings.Replace(mediaSheet(), "1,4.75", "1,5.00", 1))
	mustRun(t, "usps-prices", []string{older}, Options{Into: into})
	rep := mustRun(t, "usps-prices", []string{newer}, Options{Into: into})
	if want := []string{"cards/usps_media_mail-2026-01-18.yaml: ends on 2026-04-06"}; !slices.Equal(rep.Moved, want) {
		t.Errorf("moved %q", rep.Moved)
	}
	if rep := mustRun(t, "usps-prices", []string{older}, Options{Into: into}); rep.Changed() {
		t.Errorf("the older file changed something: %s", rep)
	}
	tf := tariff(t, into, "usps_media_mail")
	for ship, want := range map[units.Date]units.Money{april - 1: 4_750_000, april: 5_000_000} {
		if r := price(t, tf, parcel(t, "1 lb", ""), "1", 0, ship); r.Total != want {
			t.Errorf("on %s: %s", ship, r.Total)
		}
	}
	// Both at once, in whatever order, give the same network.
	other := t.TempDir()
	mustRun(t, "usps-prices", []string{newer, older}, Options{Into: other})
	for name, text := range tree(t, into) {
		if tree(t, other)[name] != text {
			t.Errorf("%s differs:\n%s\n%s", name, text, tree(t, other)[name])
		}
	}
}

func TestHandWrittenCardsMakeRoom(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"open end", "service: usps_media_mail\neffective_from: 2025-01-19\nname: mine\n", "effective_from: 2025-01-19\neffective_to: \"2026-04-06\"\nname"},
		{"late end", "service: usps_media_mail\neffective_to: 2026-12-31 # soon\neffective_from: 2025-01-19\n", "effective_to: \"2026-04-06\"\neffective_from"},
		{"early end", "service: usps_media_mail\neffective_from: 2025-01-19\neffective_to: 2025-12-31\n", "effective_to: 2025-12-31\n"},
		{"another service", "service: courier\neffective_from: 2025-01-19\n", "effective_from: 2025-01-19\n"},
		{"no lines", "{service: usps_media_mail, effective_from: 2025-01-19}\n", "{service"},
		{"the same day", "service: usps_media_mail\neffective_from: 2026-04-07\n", "effective_from: 2026-04-07\n"},
		{"later", "service: usps_media_mail\neffective_from: 2026-07-12\n", "effective_from: 2026-07-12\n"},
		{"no YAML", "service: [\n", "service: ["},
	} {
		into := t.TempDir()
		if err := os.MkdirAll(filepath.Join(into, "cards"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(into, "cards", "mine.yaml"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		rep := mustRun(t, "usps-prices", []string{write(t, "mm.csv", mediaSheet())}, Options{Into: into})
		files := tree(t, into)
		if !strings.Contains(files["cards/mine.yaml"], c.want) {
			t.Errorf("%s: the card is now\n%s", c.name, files["cards/mine.yaml"])
		}
		if says := strings.Contains(rep.String(), "add effective_to: 2026-04-06"); says != (c.name == "no lines") {
			t.Errorf("%s: %s", c.name, rep)
		}
		if says := strings.Contains(rep.String(), "from the same day on"); says != (c.name == "the same day") {
			t.Errorf("%s: %s", c.name, rep)
		}
		if ends := strings.Contains(files["cards/usps_media_mail-2026-04-07.yaml"], `effective_to: "2026-07-11"`); ends != (c.name == "later") {
			t.Errorf("%s: the imported card is\n%s", c.name, files["cards/usps_media_mail-2026-04-07.yaml"])
		}
	}
}

func TestCommercialPricesAreAServiceOfTheirOwn(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "usps-prices", []string{
		write(t, "a.csv", strings.Replace(groundSheet(), "Retail,", "Commercial,", 1)),
		write(t, "b.csv", strings.Replace(prioritySheet(), "Priority Mail - Retail", "Priority Mail - Commercial", 1)),
	}, Options{Into: into, Effective: day})
	for _, s := range []string{"usps_ground_advantage_commercial", "usps_priority_mail_commercial"} {
		if name := tariff(t, into, s).At(day).Source().Name; !strings.HasSuffix(name, "(commercial)") {
			t.Errorf("%s is named %s", s, name)
		}
	}
}

func TestUSPSPriceFaults(t *testing.T) {
	ga := groundSheet()
	for _, c := range []struct{ name, text, want string }{
		{"another product", "First-Class Mail,Final,,4/7/2026\n", `x:1:1: "First-Class Mail" is no product known here; give a price file of USPS Ground Advantage`},
		{"express", "Priority Mail Express - Retail,4/7/2026\n", "no product known here"},
		{"no date", strings.Replace(ga, "4/7/2026", "", 1), "x:1: the title has no date; say it with the option effective"},
		{"impossible date", strings.Replace(ga, "4/7/2026", "2/30/2026", 1), `x:1:4: "2/30/2026" is no date`},
		{"price is a word", strings.Replace(ga, "\n4,5.00", "\n4,five", 1), `x:5:2 Zone 1: "five" is no plain decimal number; write dollars and cents`},
		{"price of nothing", strings.Replace(ga, "\n4,5.00", "\n4,0.00", 1), `"0.00" is no price above zero`},
		{"price in mills", strings.Replace(ga, "\n4,5.00", "\n4,5.005", 1), "no price in whole cents"},
		{"row cut off", ga[:strings.Index(ga, "\n30,")+15], "x:39: the row has 3 prices where 9 are due"},
		{"table cut off", ga[:strings.Index(ga, "\n30,")+1], "x:38:1: the table ends at 29 lb, but the Postal Service's go to 70 lb: the file was cut off"},
		{"cut off before the prices", "USPS Ground Advantage,Final,,4/7/2026\r\nRetail,,,\r\n", "the file has no prices by weight"},
		{"a pound is missing", strings.Replace(ga, "\r\n5,", "\r\nnote,", 1), "rows between 4 lb and 6 lb are missing"},
		{"out of order", strings.Replace(ga, "\r\n5,", "\r\n3,", 1), "3 lb is not above 4 lb of line 13"},
		{"too heavy", strings.Replace(ga, "\r\n70,", "\r\n71,", 1), "is no weight up to 70 lb"},
		{"ounce of nothing", strings.Replace(ga, "\r\n4,", "\r\n0,", 1), "is no weight up to 70 lb"},
		{"fine weight", strings.Replace(ga, "\r\n4,", "\r\n4.0001,", 1), "has more than three decimals"},
		{"no unit", strings.Replace(ga, "(ounces)", "(stone)", 1), "names no unit"},
		{"weight before a section", "Media Mail,4/7/2026\n1,4.47\n", "a weight before any section says its unit"},
		{"price before the zones", "Media Mail,4/7/2026\nWeight Not Over (lbs)\n1,4.47\n", "prices before any row says their zones"},
		{"zone twice", strings.Replace(ga, "Zone 2", "Zone 1", 1), `x:4:3: "Zone 1" is no zone`},
		{"zones twice", strings.Replace(ga, "\r\n4,", "\r\n,Zone 1\r\n4,", 1), "the zones are named twice"},
		{"no name", strings.Replace(ga, "\r\n4,", "\r\n,5\r\n4,", 1), "a row without a name"},
		{"oversized twice", ga + "Oversized,1,1,1,1,1,1,1,1,1\n", "x:87:1 Oversized: the row stands twice"},
		{"fee twice", ga + "Nonstandard Characteristic fee,4.50\n", "the fee stands in line 86 already"},
		{"fee without a price", strings.Replace(ga, "Nonstandard Characteristic fee,4.25", "Nonstandard Characteristic fee,tbd", 1), `x:86:2 Nonstandard Characteristic fee: "tbd" is no plain decimal`},
		{"container twice", strings.Replace(prioritySheet(), ",,,\r\n\"L", "Small Flat Rate Box,1.00\r\n\"L", 1), "the container stands in line 6 already"},
		{"container without a price", strings.Replace(prioritySheet(), "13.65", "", 1), `Small Flat Rate Box: "" is no plain decimal`},
	} {
		fl := &faults.List{}
		s, ok := parseUSPSPrices(&input{name: "x", text: []byte(c.text)}, fl)
		if ok && s.effective == 0 && c.name == "no date" {
			_, err := Run("usps-prices", []string{write(t, "x", c.text)}, Options{Into: t.TempDir()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got := faultText(fl); ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
}

func TestUSPSPriceFaultsAreAllListed(t *testing.T) {
	text := strings.NewReplacer("\n4,5.00", "\n4,five", "\r\n5,", "\r\n3,", "Nonstandard Characteristic fee,4.25", "Nonstandard Characteristic fee,?").Replace(groundSheet())
	fl := &faults.List{}
	parseUSPSPrices(&input{name: "x", text: []byte(text)}, fl)
	if fl.Len() < 3 {
		t.Errorf("only %d faults:\n%s", fl.Len(), faultText(fl))
	}
}

func TestRowsWithoutARuleAreSaid(t *testing.T) {
	text := groundSheet() + "Signature Confirmation,4.35\n"
	text = strings.Replace(text, "Oversized,", "Overweight,", 1)
	rep := mustRun(t, "usps-prices", []string{write(t, "x.csv", text)}, Options{Into: t.TempDir()})
	for _, want := range []string{`"Signature Confirmation" (4.35) is not imported`, `the file has no row "Oversized"`} {
		if !strings.Contains(rep.String(), want) {
			t.Errorf("no %q in %s", want, rep)
		}
	}
}

// Every cell of the published files comes back from the compiled card.
func TestPublishedUSPSPrices(t *testing.T) {
	into := t.TempDir()
	dir := shared(t, "data/tariffs/usps")
	files := []string{filepath.Join(dir, "USPS Ground Advantage Retail.csv"), filepath.Join(dir, "PM Retail.csv"), filepath.Join(dir, "Media Mail.csv")}
	rep := mustRun(t, "usps-prices", files, Options{Into: into})
	if rep := mustRun(t, "usps-prices", files, Options{Into: into}); rep.Changed() {
		t.Errorf("the second import changed something: %s", rep)
	}
	if strings.Contains(rep.String(), "not imported") {
		t.Errorf("something was left out: %s", rep)
	}
	for i, service := range []string{"usps_ground_advantage", "usps_priority_mail", "usps_media_mail"} {
		tf := tariff(t, into, service)
		raw, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		cr := csv.NewReader(strings.NewReader(string(raw)))
		cr.LazyQuotes, cr.FieldsPerRecord = true, -1
		records, err := cr.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		cells, unit := 0, ""
		for _, rec := range records {
			switch {
			case strings.Contains(rec[0], "ounces"):
				unit = " oz"
			case strings.Contains(strings.ToLower(rec[0]), "not over"):
				unit = " lb"
			}
			weight, dims := rec[0]+unit, ""
			if rec[0] == "Oversized" {
				weight, dims = "1 lb", "22x21.6x21.6 in" // 108.4 in of length plus girth
			} else if rec[0] == "" || rec[0][0] < '0' || rec[0][0] > '9' {
				continue
			}
			if strings.HasPrefix(weight, "15.999") {
				weight = "15.999 oz"
			}
			for z := 1; z <= 9; z++ {
				want := rec[1]
				if service != "usps_media_mail" {
					want = rec[z]
				}
				r := price(t, tf, parcel(t, weight, dims), fmt.Sprint(z), 0, april)
				base := units.Money(0)
				for _, c := range r.Charges {
					if c.Kind == ratecards.ChargeBase {
						base = c.Amount
					}
				}
				if base != must(units.ParseMoney(want)) {
					t.Errorf("%s, %s to zone %d: %v %s, published %s", service, weight, z, r.Reason, base, want)
				}
				cells++
			}
		}
		if want := [3]int{75 * 9, 70 * 9, 70 * 9}[i]; cells != want {
			t.Errorf("%s: %d cells, want %d", service, cells, want)
		}
	}
}

func FuzzUSPSPrices(f *testing.F) {
	for _, s := range []string{groundSheet(), prioritySheet(), mediaSheet()} {
		f.Add([]byte(s))
		for _, d := range damage(s, 5, 7) {
			f.Add([]byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		s, ok := parseUSPSPrices(&input{name: "x", text: text}, fl)
		if ok != (fl.Len() == 0) {
			t.Fatalf("ok is %v with %d faults", ok, fl.Len())
		}
		if !ok {
			return
		}
		s.effective = april
		card, tables := s.card()
		yaml := cardYAML(card)
		back := readCard(t, yaml, tables)
		if back.Service != card.Service || len(back.Structures) != len(card.Structures) || len(back.Surcharges) != len(card.Surcharges) {
			t.Fatalf("the card does not read as it was written:\n%s", yaml)
		}
	})
}
