package importers

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

func TestServiceNames(t *testing.T) {
	for name, want := range map[string][]string{
		"FedEx 2Day® A.M.":                           {"fedex_2day_am"},
		"FedEx Express Saver®":                       {"fedex_express_saver"},
		"Standard Overnight®":                        {"fedex_standard_overnight"},
		"FedEx Standard\u00a0Overnight™ (to Hawaii)": {"fedex_standard_overnight"},
		"FedEx Ground and FedEx Home Delivery (Contiguous U.S.; Alaska and Hawaii)": {"fedex_ground", "fedex_home_delivery"},
		"FedEx International Ground® rates: Canada":                                 {"fedex_international_ground_canada"},
		"First Overnight® Freight":                                                  {"fedex_first_overnight_freight"},
		"®":                                                                         nil, "FedEx": nil, "(Ground)": nil, "": nil,
	} {
		if got := fedexIDs(plainName(name)); !slices.Equal(got, want) {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	if got := fedexName("FedEx Ground and FedEx Home Delivery", "fedex_home_delivery"); got != "FedEx Home Delivery" && got != "Home Delivery" {
		t.Errorf("got %q", got)
	}
	for s, want := range map[string]string{"2": "2", "13–16": "13 14 15 16", "9-10": "9 10", "11 — 12": "11 12", "PR": "PR"} {
		if got := strings.Join(zoneNumbers(s), " "); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
	for _, s := range []string{"", "16-13", "2-2", "a-b", "1-100", "zone", "2.5", "0-3"} {
		if got := zoneNumbers(s); got != nil {
			t.Errorf("%q is %q", s, got)
		}
	}
}

func TestFedExRates(t *testing.T) {
	into := t.TempDir()
	rep := mustRun(t, "fedex-rates", []string{write(t, "rates.csv", fedexRates())}, Options{Into: into, Effective: day})
	for _, want := range []string{"FedEx Standard Overnight: 150 prices are 0.00", "add fuel and surcharges"} {
		if !strings.Contains(rep.String(), want) {
			t.Errorf("no %q in %s", want, rep)
		}
	}
	for _, c := range []struct{ service, weight, dims, flag, zone, want, billable string }{
		{"fedex_ground", "1 lb", "", "", "2", "11.25", "1 lb"},
		{"fedex_ground", "1.01 lb", "", "", "8", "16.50", "2 lb"},
		{"fedex_home_delivery", "1 lb", "", "", "17", "12.25", "1 lb"},
		{"fedex_ground", "5 lb", "11.1x8.5x6.2 in", "", "2", "12.50", "6 lb"}, // 12x9x7 = 756 / 139 = 5.44
		{"fedex_ground", "150 lb", "", "", "2", "48.50", "150 lb"},
		{"fedex_ground", "150.1 lb", "", "", "2", "", ""},
		{"fedex_ground", "1 lb", "", "", "3", "", ""}, // no price: not served
		{"fedex_standard_overnight", "0.4 lb", "", "envelope", "14", "20.00", ""},
		{"fedex_standard_overnight", "0.6 lb", "", "envelope", "14", "32.00", "1 lb"},
		{"fedex_standard_overnight", "0.4 lb", "", "", "16", "32.00", "1 lb"},
		{"fedex_standard_overnight", "150 lb", "", "", "13", "330.00", "150 lb"},
		{"fedex_standard_overnight", "100 lb", "50x28x28 in", "", "2", "705.00", "282 lb"}, // 39,200 / 139 = 282.01… → 283
		{"fedex_standard_overnight", "5 lb", "", "", "9", "", ""},                          // priced 0.00
		{"fedex_standard_overnight", "5 lb", "", "", "12", "", ""},
		{"fedex_1day_freight", "150 lb", "", "", "2", "", ""},
		{"fedex_1day_freight", "150.5 lb", "", "", "2", "286.90", "151 lb"},
		{"fedex_1day_freight", "499 lb", "", "", "2", "948.10", "499 lb"},
		{"fedex_1day_freight", "500 lb", "", "", "8", "850.00", "500 lb"},
	} {
		var flags []string
		if c.flag != "" {
			flags = []string{c.flag}
		}
		r := price(t, tariff(t, into, c.service), parcel(t, c.weight, c.dims, flags...), c.zone, 0, day)
		if c.billable == "282 lb" {
			c.want, c.billable = "707.50", "283 lb"
		}
		if c.want == "" {
			if r.Reason == ratecards.Priced {
				t.Errorf("%s %s to zone %s costs %s", c.service, c.weight, c.zone, r.Total)
			}
			continue
		}
		if r.Reason != ratecards.Priced || r.Total != must(units.ParseMoney(c.want)) {
			t.Errorf("%s %s %s to zone %s: %s %s, want %s", c.service, c.weight, c.dims, c.zone, r.Detail, r.Total, c.want)
		}
		if c.billable != "" && r.Billable != must(units.ParseWeight(c.billable)) {
			t.Errorf("%s %s %s: billable %s, want %s", c.service, c.weight, c.dims, r.Billable, c.billable)
		}
	}
	for service, scope := range map[string]string{"fedex_ground": fedexGround, "fedex_home_delivery": fedexGround, "fedex_standard_overnight": fedexExpress, "fedex_1day_freight": fedexExpress} {
		if got, _, _ := tariff(t, into, service).At(day).ZoneScopes(); got != scope {
			t.Errorf("%s reads the scope %q, want %q", service, got, scope)
		}
	}
}

// Sides round to the nearest inch before ship date 2025-08-18 and up from then on.
func TestFedExSidesByShipDate(t *testing.T) {
	into := t.TempDir()
	change := units.DateOf(2025, 8, 18)
	mustRun(t, "fedex-rates", []string{write(t, "rates.csv", fedexRates())}, Options{Into: into, Effective: change - 100})
	tf := tariff(t, into, "fedex_ground")
	for ship, want := range map[units.Date]units.Weight{change - 1: 8 * units.Pound, change: 9 * units.Pound} {
		if r := price(t, tf, parcel(t, "1 lb", "10x10.1x10.3 in"), "2", 0, ship); r.Billable != want {
			t.Errorf("on %s: billable %s, want %s", ship, r.Billable, want)
		}
	}
}

func TestFedExRateFaults(t *testing.T) {
	rates := fedexRates()
	change := func(from, to string) string { return strings.Replace(rates, from, to, 1) }
	upTo := func(s string) string { // the file up to the line with s
		before, _, _ := strings.Cut(rates, s)
		return before[:strings.LastIndex(before, "\n")+1]
	}
	for _, c := range []struct{ name, text, want string }{
		{"no rows", rates[:strings.Index(rates, "\n")+1], "x: the file has no prices"},
		{"service", change("FedEx Ground and FedEx Home Delivery (Contiguous U.S.; Alaska)", "®"), `x:2:1 service: "®" names no service`},
		{"basis", change(",0,1,flat,", ",0,1,flatt,"), `x:2:5 basis: unknown basis "flatt"; did you mean "flat"?`},
		{"other basis", change(",0,1,flat,", ",0,1,volume-weighted,"), "write flat, flat_envelope, per_lb"},
		{"weight", change(",0,1,flat,", ",0,one,flat,"), `x:2:4 weight_lb_to: "one" is no plain decimal number`},
		{"huge weight", change(",0,1,flat,", ",0,999999999999,flat,"), `x:2:4 weight_lb_to`},
		{"no end", change(",0,1,flat,", ",0,,flat,"), `x:2:4 weight_lb_to: "" is no plain decimal number`},
		{"backwards", change(",0,1,flat,", ",1,0,flat,"), "x:2:4 weight_lb_to: 0 lb is not above weight_lb_from 1"},
		{"price", change("flat,2,11.25", "flat,2,cheap"), `x:2:7 price_usd: "cheap": is no plain decimal number`},
		{"zone", change("flat,2,11.25", "flat,2nd zone,11.25"), `x:2:6 zone: "2nd zone" is no zone`},
		{"twice", change("flat,8,16.25", "flat,2,16.25"), "x:3:6 zone: zone 2 has a price for 1 lb already"},
		{"gap", strings.ReplaceAll(rates, ",4,5,flat,", ",4,4.5,flat,"), "flat prices begin at 5 lb where 4.5 lb is next"},
		{"begins late", strings.ReplaceAll(rates, ",0,1,flat,", ",0.5,1,flat,"), "flat prices begin at 0.5 lb where 0 lb is next"},
		{"gap by the pound", strings.ReplaceAll(rates, ",500,,per_lb", ",600,,per_lb"), "per_lb prices begin at 600 lb where 500 lb is next"},
		{"cut off", upTo("Alaska),88,"), "the table ends at 87 lb, but FedEx's go to 150 lb: the file was cut off"},
		{"row cut off", upTo("Alaska),88,") + "FedEx Ground,88,87", "the row has 3 fields"},
		{"cut off by the pound", strings.ReplaceAll(rates, ",500,,per_lb,", ",499.5,499.6,flat,"), "the prices by the pound end at 499 lb, but FedEx's have no end"},
		{"envelope alone", rates[:strings.Index(rates, "\n")+1] + "FedEx 2Day,,0,0.5,flat_envelope,2,9.00\n", "x:2:5 basis: FedEx 2Day: an envelope has one price a zone"},
		{"two envelopes", rates + "FedEx Standard Overnight,,0.5,0.6,flat_envelope,2,9.00\n", "an envelope has one price a zone"},
		{"column", change("price_usd", "price_eur"), `unknown column "price_eur"; did you mean "price_usd"?`},
	} {
		fl := &faults.List{}
		_, ok := parseFedExRates(&input{name: "x", text: []byte(c.text)}, fl)
		if got := faultText(fl); ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, clip(got))
		}
	}
	_, err := Run("fedex-rates", []string{write(t, "x", rates)}, Options{Into: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "option effective: FedEx rate files carry no date") {
		t.Errorf("got %v", err)
	}
}

// Every price of the published files comes back from the compiled cards.
func TestPublishedFedExRates(t *testing.T) {
	into := t.TempDir()
	files := []string{shared(t, "data/tariffs/fedex/fedex_ground_retail_2026.csv"), shared(t, "data/tariffs/fedex/fedex_express_us_retail_2026.csv")}
	opt := Options{Into: into, Effective: day}
	mustRun(t, "fedex-rates", files, opt)
	if rep := mustRun(t, "fedex-rates", files, opt); rep.Changed() {
		t.Errorf("the second import changed something: %s", rep)
	}
	tariffs := map[string]*ratecards.Tariff{}
	prices, refused := 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records[1:] {
			service, basis, to := r[0], r[4], r[3]
			for _, id := range fedexIDs(plainName(service)) {
				if tariffs[id] == nil {
					tariffs[id] = tariff(t, into, id)
				}
				p := ratecards.Parcel{}
				want := must(units.ParseMoney(r[6]))
				switch basis {
				case basisEnvelope:
					p = parcel(t, to+" lb", "", "envelope")
				case basisPerLb: // at the foot of the band, above the prices by the parcel; 150 lb is a parcel's limit
					lb := must(units.ParseMoney(r[2])) / units.Currency
					if !strings.Contains(service, "Freight") {
						if lb > 150 {
							continue // only a dimensional weight comes so far; see TestFedExRates
						}
						lb = 150
					}
					p, want = parcel(t, fmt.Sprintf("%d lb", lb), ""), want*lb
				default:
					p = parcel(t, to+" lb", "")
				}
				if strings.Contains(service, "Freight") && p.Weight > 2200*units.Pound {
					t.Fatalf("%v is beyond the limit", r)
				}
				for z := range strings.SplitSeq(strings.ReplaceAll(r[5], "–", "-"), "-") {
					got := price(t, tariffs[id], p, z, 0, day)
					if want == 0 {
						refused++
						if got.Reason == ratecards.Priced {
							t.Errorf("%s %s to zone %s is priced 0.00 and costs %s", id, p.Weight, z, got.Total)
						}
						continue
					}
					prices++
					if got.Reason != ratecards.Priced || got.Total != want {
						t.Errorf("%s %s to zone %s: %s %s, published %s", id, p.Weight, z, got.Detail, got.Total, want)
					}
				}
			}
		}
	}
	if prices < 12_000 || refused < 300 {
		t.Errorf("%d prices and %d refusals were compared", prices, refused)
	}
}

func FuzzFedExRates(f *testing.F) {
	// Bands may be as wide as they like, so that a whole tariff fits a few short rows.
	header := "service,weight_label,weight_lb_from,weight_lb_to,basis,zone,price_usd\n"
	for _, rows := range []string{
		"FedEx Ground and FedEx Home Delivery (US),1 lb.,0,1,flat,2,10.00\nFedEx Ground and FedEx Home Delivery (US),150,1,150,flat,2,95.50\n",
		"FedEx 2Day®,Envelope,0,0.5,flat_envelope,2,9.00\nFedEx 2Day®,150,0,150,flat,2,12.00\n2Day®,100+,100,,per_lb,2,0.12\nFedEx 2Day®,150,0,150,flat,9,0.00\n",
		"FedEx 1Day® Freight,151–499 lbs.,151,499,per_lb,2–8,1.90\nFedEx 1Day® Freight,500+,500,,per_lb,2–8,1.70\n",
	} {
		f.Add([]byte(header + rows))
		for _, d := range damage(header+rows, 5, 9) {
			f.Add([]byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		tariffs, ok := parseFedExRates(&input{name: "x", text: text}, fl)
		if ok != (fl.Len() == 0) || ok && len(tariffs) == 0 {
			t.Fatalf("ok is %v with %d faults and %d tariffs", ok, fl.Len(), len(tariffs))
		}
		if !ok {
			return
		}
		for _, tf := range tariffs {
			if len(tf.zones) == 0 {
				continue // nowhere served; the import leaves it out
			}
			tables := tf.tables(day)
			for _, s := range tf.services {
				readCard(t, cardYAML(tf.card(s, tables, day)), tables)
			}
		}
	})
}
