package importers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A uspsProduct is what the Domestic Mail Manual (DMM) says of a product and its price file does not.
type uspsProduct struct {
	title       string // as the file's title begins
	service     string // id
	limits      ratecards.Limits
	dimensional bool // DMM 123.1.4, 283.1.4: above 1,728 cubic inches
	ounces      bool // priced by the ounce below a pound
	oversized   bool // taken up to 130 in of length plus girth, over 108 in at the oversized price
	zones       ratecards.Zones
}

// girthLimit is the length plus girth that mail may have (DMM 201.7.1), and over which Ground Advantage is oversized.
const girthLimit = 108 * units.Inch

// The scopes of the exceptions in USPS zone charts, in the carrier's words.
const (
	scopePriority = "Priority Mail service"
	scopeLight    = "USPS Ground Advantage (< 16 oz.)"
)

var uspsProducts = []uspsProduct{
	{
		title: "USPS Ground Advantage", service: "usps_ground_advantage", dimensional: true, ounces: true, oversized: true,
		limits: ratecards.Limits{Weight: 70 * units.Pound, LengthPlusGirth: 130 * units.Inch},
		zones:  ratecards.Zones{LightScope: scopeLight, LightBelow: units.Pound},
	},
	{
		title: "Priority Mail", service: "usps_priority_mail", dimensional: true,
		limits: ratecards.Limits{Weight: 70 * units.Pound, LengthPlusGirth: girthLimit},
		zones:  ratecards.Zones{Scope: scopePriority},
	},
	{
		title: "Media Mail", service: "usps_media_mail",
		limits: ratecards.Limits{Weight: 70 * units.Pound, LengthPlusGirth: girthLimit},
	},
}

func uspsProductOf(title string) *uspsProduct {
	title = plainName(title)
	for i, p := range uspsProducts {
		if rest, ok := strings.CutPrefix(title, p.title); ok && !strings.HasPrefix(strings.TrimSpace(rest), "Express") {
			return &uspsProducts[i]
		}
	}
	return nil
}

// A flatRate is a container of the Postal Service's own whose price depends on neither weight nor zone.
type flatRate struct {
	title  string // as its row begins
	name   string // of the card's structure
	flag   string // a parcel's flag that says it travels in one
	limits ratecards.Limits
	area   string // destinations it is for; "" all
}

// The legal envelope has no flag of its own: it is the envelope that is longer than 12.5 inches. The sides are those
// of the Postal Service's catalogue: 12.5 x 9.5 and 15 x 9.5 inches.
var flatRates = []flatRate{
	{title: "Flat Rate Envelope", name: "flat_rate_envelope", flag: "envelope", limits: envelope(125)},
	{title: "Legal Flat Rate Envelope", name: "legal_flat_rate_envelope", flag: "envelope", limits: envelope(150)},
	{title: "Padded Flat Rate Envelope", name: "padded_flat_rate_envelope", flag: "pak"},
	{title: "Small Flat Rate Box", name: "small_flat_rate_box", flag: "small_box"},
	{title: "Medium Flat Rate Box", name: "medium_flat_rate_box", flag: "medium_box"},
	{title: "Large Flat Rate Box", name: "large_flat_rate_box", flag: "large_box"},
	{title: "APO/FPO/DPO Large Flat Rate Box", name: "military_large_flat_rate_box", flag: "large_box", area: militaryArea},
}

// militaryArea is the destination attribute of military post, ZIPs 090-099, 340 and 962-966.
const militaryArea = "military"

func envelope(tenths units.Length) ratecards.Limits {
	return ratecards.Limits{Longest: tenths * units.Inch / 10, Second: 19 * units.Inch / 2}
}

func flatRateOf(title string) *flatRate {
	for i, f := range flatRates {
		if rest, ok := strings.CutPrefix(title, f.title); ok && (rest == "" || rest == "s" || rest == "es") {
			return &flatRates[i]
		}
	}
	return nil
}

func importUSPSPrices(j *job) {
	var held []string
	for i := range j.inputs {
		s, ok := parseUSPSPrices(&j.inputs[i], j.faults)
		if !ok {
			continue
		}
		service := s.service()
		held = append(held, service)
		if !j.selects(service) {
			j.report.warn("%s: %s is not imported: it is not among the services asked for", s.file, service)
			continue
		}
		if j.opt.Effective != 0 {
			s.effective = j.opt.Effective
		}
		if s.effective == 0 {
			j.faults.Addf(s.file, 1, 0, "", "say it with the option effective, as 2026-04-07", "the title has no date")
			continue
		}
		card, tables := s.card()
		j.putCard(s.file, card, tables)
		if slices.ContainsFunc(s.boxes, func(b uspsBox) bool { return b.box.area == militaryArea }) {
			j.putMilitary(s.file, service)
		}
		for _, n := range s.notes {
			j.report.warn("%s: %s", s.file, n)
		}
	}
	j.unknown(held)
}

// putMilitary stages the list of destinations that a price for military post asks for. It is the merchant's to extend.
// Source: USPS Publication 65: ZIPs 090-099 (AE), 340 (AA) and 962-966 (AP).
func (j *job) putMilitary(from, service string) {
	path := "areas/" + j.carrier + ".csv"
	list := &lanes.AreaList{Source: lanes.Source{Text: "USPS Publication 65, military post offices"}}
	for _, r := range []lanes.Range{{Lo: "090", Hi: "099"}, {Lo: "340", Hi: "340"}, {Lo: "962", Hi: "966"}} {
		list.Rows = append(list.Rows, lanes.AreaRow{Country: "US", Postal: r, Attributes: []string{militaryArea}})
	}
	if j.stage.find(path) != nil {
		return // another price file of this import asks for it too
	}
	if data, ok := j.written(from, path, list.Write); ok {
		j.stage.putOnce(path, data, len(list.Rows))
		j.report.warn("%s: a container has a price of its own to military post: let the service %s read the area list %q", from, service, j.carrier)
	}
}

// service returns the id of the sheet's service. Retail is what a price file is where it says nothing else.
func (s *uspsSheet) service() string {
	if strings.EqualFold(s.level, "retail") {
		return s.product.service
	}
	return s.product.service + "_" + slug(s.level)
}

// card turns the sheet into a rate card. What the file does not say comes from the Domestic Mail Manual: limits
// (201.7.1), dimensional weight with divisor 166 above 1,728 cubic inches, sides to the nearest inch and 0.785 for
// what is no box (123.1.4 and 283.1.4), which 604.7.1.3 rounds up to the pound.
func (s *uspsSheet) card() (*ratecards.Source, []cardTable) {
	p := s.product
	base := s.service() + "-" + s.effective.String()
	c := &ratecards.Source{
		Carrier: "USPS", Service: s.service(), Name: p.title, Currency: "USD", EffectiveFrom: s.effective,
		Source: ratecards.Citation{Text: fmt.Sprintf("USPS Notice 123, %s, %s; Domestic Mail Manual", p.title, strings.ToLower(s.level)), Date: s.effective},
		Zones:  p.zones, Limits: p.limits,
	}
	if !strings.EqualFold(s.level, "retail") {
		c.Name += " (" + strings.ToLower(s.level) + ")"
	}
	if p.dimensional {
		c.Dimensional = []ratecards.Dimension{{
			Divisor: ratecards.Divisor{Volume: must(ratecards.ParseVolume("166 in3")), Weight: units.Pound}, AboveVolume: must(ratecards.ParseVolume("1728 in3")),
			Sides: &ratecards.SideRounding{Round: "nearest", To: units.Inch}, Nonrectangular: 785_000,
			Round: &ratecards.WeightRounding{To: units.Pound},
		}}
	}
	c.WeightSteps = []ratecards.WeightStep{{To: units.Pound}}
	if p.ounces {
		c.WeightSteps = slices.Insert(c.WeightSteps, 0, ratecards.WeightStep{NotOver: must(units.ParseWeight("15.999 oz")), To: units.Ounce})
	}
	prices := cardTable{file: base + ".prices.csv", zones: s.zones}
	for _, step := range s.steps {
		prices.rows = append(prices.rows, tableRow{notOver: step.limit.String(), prices: step.prices})
	}
	tables := []cardTable{prices}
	parcel := ratecards.Structure{Name: "parcel", Kind: ratecards.KindWeight, Prices: prices.file}
	if p.oversized {
		parcel.Limits.LengthPlusGirth = girthLimit
	}
	c.Structures = []ratecards.Structure{parcel}
	if s.oversized != nil {
		t := cardTable{file: base + ".oversized.csv", zones: s.zones, flat: true, rows: []tableRow{{prices: s.oversized}}}
		tables = append(tables, t)
		c.Structures = append(c.Structures, ratecards.Structure{
			Name: "oversized", Kind: ratecards.KindFlat, Prices: t.file, When: []ratecards.Condition{{LengthPlusGirthOver: girthLimit}},
		})
	}
	for _, b := range s.boxes {
		when := ratecards.Condition{Flags: []string{b.box.flag}}
		if b.box.area != "" {
			when.Areas = []string{b.box.area}
		}
		c.Structures = append(c.Structures, ratecards.Structure{
			Name: b.box.name, Kind: ratecards.KindFlat, Price: &b.price, Limits: b.box.limits, When: []ratecards.Condition{when},
		})
	}
	c.Surcharges = s.surcharges()
	return c, tables
}

// surcharges turns the fees into surcharges. The length fees exclude each other: the longest threshold passed is
// charged. All others add up (DMM 201.7.2).
func (s *uspsSheet) surcharges() []ratecards.Surcharge {
	var out []ratecards.Surcharge
	for _, f := range s.fees {
		amount := ratecards.Amount{Flat: &f.amount}
		switch f.kind {
		case feeLength:
			inches, _ := f.over.thousandths() // digits only, as the pattern that found them has it
			out = append(out, ratecards.Surcharge{
				Name: "nonstandard_length_over_" + f.over.number, Amount: amount, Group: "nonstandard_length", Priority: int(inches / 1000),
				When: []ratecards.Condition{{LongestOver: units.Length(inches) * units.Inch / 1000}},
			})
		case feeVolume:
			out = append(out, ratecards.Surcharge{
				Name: "nonstandard_volume", Amount: amount,
				When: []ratecards.Condition{{VolumeOver: must(ratecards.ParseVolume(f.over.String()))}},
			})
		case feePerishable:
			out = append(out, ratecards.Surcharge{
				Name: "live_animal_and_perishable", Amount: amount,
				When: []ratecards.Condition{{Flags: []string{"live_animal", "perishable"}}},
			})
		case feeCharacteristic:
			out = append(out, ratecards.Surcharge{
				Name: "nonstandard_characteristic", Amount: amount,
				When: []ratecards.Condition{{Flags: []string{"tube", "nonstandard"}}},
			})
		}
	}
	return out
}

// must returns v. It is for literals and for text that a pattern has checked: an error is a bug here.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
