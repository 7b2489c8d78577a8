package ratecards

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
)

// Writers of the tables, for the tests that write at random and read back. The product writes cards in importers.

// writeCSV writes the table as ReadPrices reads it. The same table always gives the same bytes.
func writeCSV(w io.Writer, t *PriceTable) error {
	cubic := slices.ContainsFunc(t.Rows, func(r PriceRow) bool { return !r.Tier.IsZero() })
	based := slices.ContainsFunc(t.Rows, func(r PriceRow) bool { return r.Basis != BasisEach })
	weighed := slices.ContainsFunc(t.Rows, func(r PriceRow) bool { return r.NotOver != 0 }) || based
	var header []string
	if cubic || weighed {
		header = append(header, colNotOver)
	}
	if based {
		header = append(header, colBasis)
	}
	cw := csv.NewWriter(w)
	errs := []error{cw.Write(append(header, t.Zones...))}
	for _, row := range t.Rows {
		var record []string
		switch {
		case cubic:
			record = append(record, row.Tier.String())
		case weighed && row.NotOver == 0:
			record = append(record, "")
		case weighed:
			record = append(record, row.NotOver.String())
		}
		if based {
			record = append(record, row.Basis)
		}
		for _, p := range row.Prices {
			if p == NoPrice {
				record = append(record, "")
			} else {
				record = append(record, p.String())
			}
		}
		errs = append(errs, cw.Write(record))
	}
	cw.Flush()
	return errors.Join(append(errs, cw.Error())...)
}

// writeFuel writes fuel weeks as ReadFuel reads them.
func writeFuel(w io.Writer, weeks []FuelWeek) error {
	cw := csv.NewWriter(w)
	errs := []error{cw.Write([]string{"from", "to", "percent", "assumed"})}
	for _, f := range weeks {
		to, assumed := "", "no"
		if f.To != 0 {
			to = f.To.String()
		}
		if f.Assumed {
			assumed = "yes"
		}
		errs = append(errs, cw.Write([]string{f.From.String(), to, f.Percent.String(), assumed}))
	}
	cw.Flush()
	return errors.Join(append(errs, cw.Error())...)
}
