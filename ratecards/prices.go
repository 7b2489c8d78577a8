package ratecards

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// Column names of the price and fuel tables.
const (
	colNotOver = "not_over"
	colBasis   = "basis"
)

// ReadPrices reads the price table of a structure of the given kind (KindWeight, KindCubic or KindFlat) from CSV as
// the package comment describes it. Faults go to fl under the name file; rows at fault are left out.
func ReadPrices(file string, r io.Reader, kind string, fl *faults.List) *PriceTable {
	t := &PriceTable{}
	raw, ok := readAll(file, r, fl)
	if !ok {
		return t
	}
	columns := []table.Column{}
	if kind != KindFlat {
		columns = append(columns, table.Column{Name: colNotOver, Required: true})
	}
	if kind == KindWeight {
		columns = append(columns, table.Column{Name: colBasis})
	}
	t.readHeader(file, raw, &columns, fl)
	rows := table.Read(file, bytes.NewReader(raw), columns, fl)
	if len(t.Zones) == 0 {
		return t
	}
	if rows.Len() > MaxSteps || kind == KindFlat && rows.Len() > 1 {
		limit := MaxSteps
		if kind == KindFlat {
			limit = 1
		}
		fl.Addf(file, 0, 0, "", fmt.Sprintf("give at most %d", limit), "the table has %d rows", rows.Len())
		return t
	}
	for row := range rows.Rows() {
		before := fl.Len()
		p := PriceRow{Line: row.Line(), Basis: row.Text(colBasis), Prices: make([]units.Money, len(t.Zones))}
		switch kind {
		case KindWeight:
			p.NotOver = row.Weight(colNotOver, 0)
			if row.Has(colNotOver) && p.NotOver == 0 && fl.Len() == before {
				row.Fault(colNotOver, "give a weight above 0", "a step ends at nothing")
			}
			if bases := []string{BasisPerUnit, BasisBeyond, BasisMinimum}; p.Basis != BasisEach && !slices.Contains(bases, p.Basis) {
				mend := faults.DidYouMean(p.Basis, bases)
				if mend == "" {
					mend = "leave it empty or write per_unit, beyond or minimum"
				}
				row.Fault(colBasis, mend, "unknown basis %q", clip(p.Basis))
			}
		case KindCubic:
			v, err := ParseVolume(row.Text(colNotOver))
			if err != nil {
				row.Fault(colNotOver, "", "%v", err)
			} else if v.IsZero() {
				row.Fault(colNotOver, "give a volume above 0", "a tier ends at nothing")
			}
			p.Tier = v
		}
		for i, zone := range t.Zones {
			p.Prices[i] = row.Money(zone, NoPrice)
			if row.Has(zone) && p.Prices[i] < 0 && fl.Len() == before {
				row.Fault(zone, "give an amount of 0 or more, or leave the cell empty where the service does not go", "the price is negative")
			}
			if p.Prices[i] == 0 && (p.Basis == BasisEach || p.Basis == BasisPerUnit) {
				row.Fault(zone, "leave the cell empty where the service does not go", "the price is 0")
			}
		}
		if kind == KindFlat && fl.Len() == before && !slices.ContainsFunc(p.Prices, func(m units.Money) bool { return m != NoPrice }) {
			row.Fault(t.Zones[0], "give a price in one zone at least", "the only row has no price")
		}
		if fl.Len() == before {
			t.Rows = append(t.Rows, p)
		}
	}
	if rows.Len() == 0 {
		fl.Addf(file, 0, 0, "", "add a row for each step", "the table has no rows")
	}
	return t
}

// readHeader takes the zone columns from the header, in order, and adds them to columns.
func (t *PriceTable) readHeader(file string, raw []byte, columns *[]table.Column, fl *faults.List) {
	cr := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	cr.Comment = '#'
	header, err := cr.Read()
	if err != nil {
		return // table.Read reports it
	}
	own := len(*columns)
	for i, name := range header {
		name = strings.TrimSpace(name)
		if slices.ContainsFunc((*columns)[:own], func(c table.Column) bool { return c.Name == name }) || slices.Contains(t.Zones, name) {
			continue
		}
		if own > 0 && name != "" && len(name) > 4 {
			// A zone has a short name; a long one near "not_over" or "basis" is a slip of the pen.
			known := make([]string, own)
			for j, c := range (*columns)[:own] {
				known[j] = c.Name
			}
			if faults.DidYouMean(name, known) != "" {
				continue // table.Read reports the unknown column with the suggestion
			}
		}
		if name == "" {
			continue // reported as an unknown column
		}
		t.Zones = append(t.Zones, name)
		t.columns = append(t.columns, i+1)
		*columns = append(*columns, table.Column{Name: name})
	}
	switch {
	case len(t.Zones) == 0:
		fl.Addf(file, 1, 0, "", "add a column for each zone, or one named any", "the table has no zones")
	case len(t.Zones) > MaxZones:
		fl.Addf(file, 1, 0, "", fmt.Sprintf("give at most %d", MaxZones), "the table has %d zones", len(t.Zones))
		t.Zones = nil
	}
}

func readAll(file string, r io.Reader, fl *faults.List) ([]byte, bool) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		fl.Addf(file, 0, 0, "", "check that the file can be read", "reading failed: %v", err)
		return nil, false
	}
	if len(raw) > MaxFileBytes {
		fl.Addf(file, 0, 0, "", "split the card", "the file is larger than %d bytes", MaxFileBytes)
		return nil, false
	}
	return raw, true
}

// ReadFuel reads a fuel table from CSV: columns from, to, percent and, perhaps, assumed. Weeks come back in order of
// date; a gap or an overlap between them is a fault.
func ReadFuel(file string, r io.Reader, fl *faults.List) []FuelWeek {
	raw, ok := readAll(file, r, fl)
	if !ok {
		return nil
	}
	t := table.Read(file, bytes.NewReader(raw), []table.Column{
		{Name: "from", Required: true}, {Name: "to", Required: true}, {Name: "percent", Required: true}, {Name: "assumed"},
	}, fl)
	if t.Len() == 0 || t.Len() > MaxSteps {
		fl.Addf(file, 0, 0, "", fmt.Sprintf("give 1 to %d", MaxSteps), "the table has %d rows", t.Len())
		return nil
	}
	type line struct {
		FuelWeek
		row *table.Row
	}
	var lines []line
	for row := range t.Rows() {
		before := fl.Len()
		row.Required("from")
		row.Required("percent")
		w := FuelWeek{From: row.Date("from", 0), To: row.Date("to", 0), Percent: row.Percent("percent", 0), Assumed: row.Bool("assumed", false)}
		if w.To != 0 && w.To < w.From {
			row.Fault("to", "put the earlier date first", "the period ends on %s, before it begins", w.To)
		}
		if w.Percent < 0 {
			row.Fault("percent", "give 0% or more", "the percentage is negative")
		}
		if fl.Len() == before {
			lines = append(lines, line{w, row})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.From) - int(b.From) })
	weeks := make([]FuelWeek, len(lines))
	for i, l := range lines {
		weeks[i] = l.FuelWeek
		if i == 0 {
			continue
		}
		switch last := lines[i-1].To; {
		case last == 0:
			l.row.Fault("from", "fill in the end of the period before", "the period before, from %s, has no end", lines[i-1].From)
		case l.From <= last:
			l.row.Fault("from", "let each day have one percentage", "the period overlaps the one that ends on %s", last)
		case l.From > last+1:
			l.row.Fault("from", "fill the gap", "no percentage is given from %s to %s", last+1, l.From-1)
		}
	}
	return weeks
}
