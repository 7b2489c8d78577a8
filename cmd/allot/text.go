package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// Decisions for people. It reads the messages of the contract, so that what is read here is what the API says.

// printText writes an order and what became of it in a few lines.
func printText(w io.Writer, o *filedOrder, d *decided) error {
	var b strings.Builder
	name := o.order.GetId()
	if name == "" {
		name = fmt.Sprintf("%s:%d", o.file, o.row)
	}
	fmt.Fprintf(&b, "%s  %s\n", name, orderWords(o.order))
	decisionText(&b, o.order, d)
	b.WriteByte('\n')
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// orderWords says an order in a line: "3 mug-16oz-moss to US 98005 by 2026-12-01".
func orderWords(o *allotv1.Order) string {
	var b strings.Builder
	lines := make([]string, len(o.GetLines()))
	for i, l := range o.GetLines() {
		lines[i] = fmt.Sprintf("%d %s", l.GetQuantity(), l.GetSku())
	}
	b.WriteString(strings.Join(lines, " + "))
	to := o.GetTo()
	switch {
	case o.GetCollectAt() != "":
		b.WriteString(", collected at " + o.GetCollectAt())
	case to.GetPostalCode() != "":
		country := to.GetCountry()
		if country == "" {
			country = "US"
		}
		fmt.Fprintf(&b, " to %s %s", country, to.GetPostalCode())
	case to.GetPoint() != nil:
		fmt.Fprintf(&b, " to %g, %g", to.GetPoint().GetLatitude(), to.GetPoint().GetLongitude())
	}
	if to.GetCommercial() {
		b.WriteString(" (business)")
	}
	switch p := o.GetPromise().(type) {
	case *allotv1.Order_PromiseDate:
		b.WriteString(" by " + p.PromiseDate)
	case *allotv1.Order_PromiseAt:
		b.WriteString(" by " + instantWords(p.PromiseAt))
	}
	if len(o.GetServices()) > 0 {
		b.WriteString(", only by " + strings.Join(o.GetServices(), ", "))
	}
	return b.String()
}

// instantWords says an instant in UTC, to the minute where that is exact.
func instantWords(t *timestamppb.Timestamp) string {
	at := t.AsTime().UTC()
	if at.Second() == 0 {
		return at.Format("2006-01-02 15:04Z")
	}
	return at.Format(time.DateTime + "Z")
}

func outcomeWords(o allotv1.Outcome) string {
	return strings.ToLower(strings.ReplaceAll(engine.Outcome(o).String(), "_", " "))
}

func constraintWords(c allotv1.Constraint, detail string) string {
	why := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(c.String(), "CONSTRAINT_"), "_", " "))
	if detail != "" {
		why += ": " + detail
	}
	return why
}

func money(micros int64) string { return units.Money(micros).String() }

// weightWords says a weight as a label does: to the hundredth of a pound, or to the gram.
func weightWords(w units.Weight, metric bool) string {
	if metric {
		grams := (w + units.Gram/2) / units.Gram
		return fmt.Sprintf("%d.%03d kg", grams/1_000, grams%1_000)
	}
	hundredths := (w + units.Pound/200) / (units.Pound / 100)
	return fmt.Sprintf("%d.%02d lb", hundredths/100, hundredths%100)
}

// exactWeight says a weight in pounds or ounces where it has at most three decimals there, but for the nanogram that
// 15.999 oz is rounded to; else as it is.
func exactWeight(w units.Weight) string {
	for _, unit := range []struct {
		per  units.Weight
		name string
	}{{units.Pound, "lb"}, {units.Ounce, "oz"}} {
		if w > math.MaxInt64/2_000 {
			break // nothing that a parcel weighs
		}
		thousandths := (w*1_000 + unit.per/2) / unit.per
		if off := w - thousandths*unit.per/1_000; thousandths > 0 && -1 <= off && off <= 1 {
			text := fmt.Sprintf("%d.%03d", thousandths/1_000, thousandths%1_000)
			return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " " + unit.name
		}
	}
	return w.String()
}

func decisionText(b *strings.Builder, o *allotv1.Order, d *decided) {
	metric := o.GetTo().GetCountry() != "" && o.GetTo().GetCountry() != "US"
	m := d.decision
	certificate := m.GetCertificate()
	if m.GetOutcome() != allotv1.Outcome_OUTCOME_PLANNED {
		fmt.Fprintf(b, "  refused: %s\n", outcomeWords(m.GetOutcome()))
		explanationText(b, d)
		return
	}
	fmt.Fprintf(b, "  %s %s, ", money(m.GetCostMicros()), m.GetCurrency())
	switch certificate.GetStatus() {
	case allotv1.CertificateStatus_CERTIFICATE_STATUS_BOUNDED:
		best := "the best"
		if d.joint {
			best = "what it would cost alone"
		}
		fmt.Fprintf(b, "at most %s above %s", money(certificate.GetGapMicros()), best)
	default:
		b.WriteString(strings.ToLower(strings.TrimPrefix(certificate.GetStatus().String(), "CERTIFICATE_STATUS_")))
	}
	fmt.Fprintf(b, ", arrives %s", instantWords(m.GetArrivesAt()))
	if m.GetLate() {
		b.WriteString(", late")
	}
	if m.GetSplitCostMicros() != 0 {
		fmt.Fprintf(b, ", %s of it for the split", money(m.GetSplitCostMicros()))
	}
	b.WriteByte('\n')
	for i, s := range m.GetShipments() {
		var terms []*allotv1.Term
		if i < len(d.explanation.GetShipments()) {
			terms = d.explanation.GetShipments()[i].GetTerms()
		}
		shipmentText(b, s, terms, metric)
	}
	if len(m.GetUnfilled()) > 0 {
		fmt.Fprintf(b, "  not filled: %s\n", items(m.GetUnfilled()))
	}
	explanationText(b, d)
}

func items(list []*allotv1.Item) string {
	out := make([]string, len(list))
	for i, it := range list {
		out[i] = fmt.Sprintf("%d %s", it.GetQuantity(), it.GetSku())
	}
	return strings.Join(out, " + ")
}

func shipmentText(b *strings.Builder, s *allotv1.Shipment, terms []*allotv1.Term, metric bool) {
	fmt.Fprintf(b, "  %s by %s", s.GetWarehouse(), s.GetService())
	if s.GetZone() != "" {
		fmt.Fprintf(b, ", zone %s", s.GetZone())
		if s.GetZoneGuessed() {
			b.WriteString(" (guessed)")
		}
	}
	parcels := map[string]int{}
	var order []string
	for _, p := range s.GetParcels() {
		name := p.GetBox()
		if name == "" {
			name = "as it is"
		}
		name = name + ", " + weightWords(units.Weight(p.GetWeightNg()), metric)
		if parcels[name]++; parcels[name] == 1 {
			order = append(order, name)
		}
	}
	for i, name := range order {
		if n := parcels[name]; n > 1 {
			order[i] = fmt.Sprintf("%d × %s", n, name)
		}
	}
	fmt.Fprintf(b, ": %s [%s]\n", items(s.GetItems()), strings.Join(order, "; "))
	fmt.Fprintf(b, "    ships %s, delivered %s", s.GetShipDate(), s.GetDeliveryDate())
	if s.GetDaysLate() > 0 {
		fmt.Fprintf(b, ", %s late", count(int(s.GetDaysLate()), "day"))
	}
	if s.GetLatestOrderAt() != nil {
		fmt.Fprintf(b, "; in time when ordered by %s", instantWords(s.GetLatestOrderAt()))
	}
	if terms == nil {
		terms = []*allotv1.Term{
			{Name: "freight", AmountMicros: s.GetFreightMicros()}, {Name: "handling", AmountMicros: s.GetHandlingMicros()},
			{Name: "other", AmountMicros: s.GetOtherMicros()},
		}
	}
	fmt.Fprintf(b, "\n    %s\n", sum(terms))
}

// sum writes terms and what they add up to: "base 9.10 + fuel 1.40 - discount 0.50 = 10.00".
func sum(terms []*allotv1.Term) string {
	var b strings.Builder
	total := int64(0)
	for i, term := range terms {
		amount := term.GetAmountMicros()
		total += amount
		switch {
		case amount < 0:
			b.WriteString(" - ")
			amount = -amount
		case i > 0:
			b.WriteString(" + ")
		}
		fmt.Fprintf(&b, "%s %s", term.GetName(), money(amount))
	}
	return strings.TrimSpace(fmt.Sprintf("%s = %s", b.String(), money(total)))
}

// explanationText writes what an explanation says beside the terms of the shipments.
func explanationText(b *strings.Builder, d *decided) {
	x := d.explanation
	if x == nil {
		return
	}
	if r := x.GetRunnerUp(); r != nil {
		fmt.Fprintf(b, "  runner-up %s by %s: %s more\n", r.GetWarehouse(), r.GetService(), money(x.GetGapMicros()))
	}
	if len(x.GetCandidates()) > 0 {
		g := grid{names: []string{"candidate", "service", ">cost", "ships", "delivered", "terms, or what rules it out"}}
		for _, c := range x.GetCandidates() {
			if c.GetConstraint() != allotv1.Constraint_CONSTRAINT_UNSPECIFIED {
				g.add(c.GetWarehouse(), c.GetService(), "", c.GetShipDate(), c.GetDeliveryDate(), constraintWords(c.GetConstraint(), c.GetDetail()))
				continue
			}
			g.add(c.GetWarehouse(), c.GetService(), money(c.GetCostMicros()), c.GetShipDate(), c.GetDeliveryDate(), sum(c.GetTerms()))
		}
		g.print(b, "  ")
		if more := int(x.GetCandidateCount()) - len(x.GetCandidates()); more > 0 {
			fmt.Fprintf(b, "  and %s\n", count(more, "further candidate"))
		}
	}
	for _, what := range x.GetWhatIfs() {
		fmt.Fprintf(b, "  %s\n", what.GetText())
	}
}
