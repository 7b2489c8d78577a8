package importers

import (
	"fmt"
	"strings"
	"time"

	"github.com/allot-engine/allot/units"
)

// readLongDate reads "April 1, 2024".
func readLongDate(s string) (units.Date, error) { return readDate("January 2, 2006", s) }

// readUSDate reads a date as American spreadsheets print it, month first: "4/7/2026".
func readUSDate(s string) (units.Date, error) { return readDate("1/2/2006", s) }

// readMonth reads "2024-04" as the first day of that month.
func readMonth(s string) (units.Date, error) { return readDate("2006-01", s) }

func readDate(layout, s string) (units.Date, error) {
	t, err := time.Parse(layout, strings.TrimSpace(s))
	if err != nil || t.Year() < 1990 || t.Year() > 2099 {
		return 0, fmt.Errorf("%q is no date", clip(s))
	}
	return units.DateOf(t.Year(), int(t.Month()), t.Day()), nil
}
