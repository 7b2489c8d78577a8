package importers

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

func importFedExRates(j *job) {
	if j.opt.Effective == 0 {
		j.option("effective", "say from which day the rates hold, as 2026-01-05", "FedEx rate files carry no date")
	}
	var held []string
	for i := range j.inputs {
		tariffs, ok := parseFedExRates(&j.inputs[i], j.faults)
		if !ok {
			continue
		}
		name := j.inputs[i].name
		for _, t := range tariffs {
			held = append(held, t.services...)
			if t.zero > 0 {
				j.report.warn("%s: %s: %d prices are 0.00, which stands for a dash: those zones are not served", name, t.name, t.zero)
			}
			if len(t.zones) == 0 {
				j.report.warn("%s: %s is not imported: it is served nowhere", name, t.name)
				continue
			}
			var wanted, skipped []string
			for _, s := range t.services {
				if j.selects(s) {
					wanted = append(wanted, s)
				} else {
					skipped = append(skipped, s)
				}
			}
			if len(skipped) > 0 {
				j.report.warn("%s: %s is not imported: it is not among the services asked for", name, strings.Join(skipped, " and "))
			}
			tables := t.tables(j.opt.Effective)
			for _, s := range wanted {
				j.putCard(name, t.card(s, tables, j.opt.Effective), tables)
			}
		}
		j.report.warn("%s: the file has base prices alone: add fuel and surcharges, which FedEx publishes elsewhere, to the cards", name)
	}
	j.unknown(held)
}

// express tells whether the service reads the express zones of a chart; all but ground and home delivery do.
func (t *fedexTariff) express() bool {
	return !slices.ContainsFunc(t.services, func(s string) bool { return strings.Contains(s, "ground") || strings.Contains(s, "home_delivery") })
}

// freight tells whether the service takes only what is too heavy for a parcel.
func (t *fedexTariff) freight() bool { return len(t.bands[basisFlat]) == 0 }

// tables returns the price table by weight, and that of the envelope where there is one.
func (t *fedexTariff) tables(from units.Date) []cardTable {
	base := t.services[0] + "-" + from.String()
	zones := slices.SortedFunc(maps.Keys(t.zones), func(a, b string) int {
		x, _ := strconv.Atoi(a) // a zone that is no number sorts first
		y, _ := strconv.Atoi(b)
		if x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	row := func(b *band, basis string) tableRow {
		r := tableRow{basis: basis, prices: make([]units.Money, len(zones))}
		if b.to < openEnd {
			r.notOver = b.limit.String()
		}
		for i, z := range zones {
			p, ok := b.prices[z]
			if !ok {
				p = noPrice
			}
			r.prices[i] = p
		}
		return r
	}
	prices := cardTable{file: base + ".prices.csv", zones: zones}
	last := int64(0)
	for _, b := range t.bands[basisFlat] {
		prices.rows = append(prices.rows, row(b, ratecards.BasisEach))
		last = b.to
	}
	perLb := t.bands[basisPerLb]
	if len(perLb) > 0 && last == 0 && perLb[0].from > 1000 {
		// Billable weights are whole pounds: a band that begins with 151 lb begins above 150 lb, up to which the
		// service takes nothing.
		below := band{to: perLb[0].from - 1000}
		below.limit = quantity{number: thousandthsText(below.to), unit: "lb"}
		prices.rows = append(prices.rows, row(&below, ratecards.BasisEach))
	}
	for _, b := range perLb {
		if b.to > last { // up to there the prices by the parcel say the same
			prices.rows = append(prices.rows, row(b, ratecards.BasisPerUnit))
		}
	}
	tables := []cardTable{prices}
	if e := t.bands[basisEnvelope]; len(e) > 0 && len(e[0].prices) > 0 { // else no zone takes an envelope
		tables = append(tables, cardTable{file: base + ".envelope.csv", zones: zones, flat: true, rows: []tableRow{row(e[0], ratecards.BasisEach)}})
	}
	return tables
}

// card turns the tariff into the rate card of one of its services. What the file does not say comes from the FedEx
// Service Guide: billable weights in whole pounds, dimensional weight with divisor 139, every side up to the whole
// inch from ship date 2025-08-18 on and to the nearest before, and the size limits.
func (t *fedexTariff) card(service string, tables []cardTable, from units.Date) *ratecards.Source {
	divisor := must(ratecards.ParseDivisor("139 in3/lb"))
	rule := func(round string) ratecards.Dimension {
		return ratecards.Dimension{Divisor: divisor, Sides: &ratecards.SideRounding{Round: round, To: units.Inch},
			Round: &ratecards.WeightRounding{To: units.Pound}}
	}
	nearest, up := rule("nearest"), rule("up")
	change := units.DateOf(2025, 8, 18)
	nearest.ShipTo, up.ShipFrom = change-1, change
	c := &ratecards.Source{
		Carrier: "FedEx", Service: service, Name: fedexName(t.name, service), Currency: "USD", Rounding: "each_charge", EffectiveFrom: from,
		Source:      ratecards.Citation{Text: "FedEx published rates, " + t.name + "; FedEx Service Guide", Date: from},
		Zones:       ratecards.Zones{Scope: fedexGround},
		Limits:      ratecards.Limits{Weight: 150 * units.Pound, Longest: 108 * units.Inch, LengthPlusGirth: 165 * units.Inch},
		Dimensional: []ratecards.Dimension{nearest, up},
		WeightSteps: []ratecards.WeightStep{{To: units.Pound}},
		Structures:  []ratecards.Structure{{Name: "package", Kind: ratecards.KindWeight, Prices: tables[0].file}},
	}
	if len(t.bands[basisPerLb]) > 0 {
		c.Structures[0].Unit = units.Pound
	}
	if from >= change {
		c.Dimensional = []ratecards.Dimension{rule("up")}
	}
	if t.express() {
		c.Zones.Scope = fedexExpress
		c.Limits.Longest = 119 * units.Inch
	}
	if t.freight() {
		c.Limits = ratecards.Limits{Weight: 2200 * units.Pound, Longest: 119 * units.Inch}
		c.Structures[0].Name = "freight"
	}
	if len(tables) > 1 {
		limit := must(units.ParseWeight(t.bands[basisEnvelope][0].limit.String()))
		c.Structures = append(c.Structures, ratecards.Structure{
			Name: "envelope", Kind: ratecards.KindFlat, Prices: tables[1].file,
			Limits: ratecards.Limits{Weight: limit}, When: []ratecards.Condition{{Flags: []string{"envelope"}}},
		})
	}
	return c
}

// fedexName returns the part of a tariff's name that is the given service's.
func fedexName(name, service string) string {
	for part := range strings.SplitSeq(name, " and FedEx ") {
		if ids := fedexIDs(part); len(ids) == 1 && ids[0] == service {
			if !strings.HasPrefix(part, "FedEx") {
				part = "FedEx " + part
			}
			return part
		}
	}
	return service
}
