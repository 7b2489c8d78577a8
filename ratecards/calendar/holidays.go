package calendar

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// A Holiday is one row of a holiday file: a day on which the places that use the list do not work.
type Holiday struct {
	Calendar string
	Date     units.Date
	Name     string // free text, may be empty
}

// Holidays are the lists of one or more holiday files, sorted by calendar and date, no day twice in a calendar.
type Holidays []Holiday

// ReadHolidays reads a holiday file; see the package comment for its form. Every fault is added to fl, and the rows
// without one are returned.
func ReadHolidays(file string, r io.Reader, fl *faults.List) Holidays {
	t := table.Read(file, r, []table.Column{{Name: "calendar", Required: true}, {Name: "date", Required: true}, {Name: "name"}}, fl)
	type key struct {
		calendar string
		date     units.Date
	}
	lines := map[key]int{}
	var hs Holidays
	for row := range t.Rows() {
		before := fl.Len()
		h := Holiday{Calendar: row.Required("calendar"), Name: row.Text("name")}
		row.Required("date")
		h.Date = row.Date("date", 0)
		if strings.HasPrefix(h.Calendar, "#") {
			row.Fault("calendar", "begin the name with a letter", "%q would read as a note", h.Calendar)
		}
		if fl.Len() > before {
			continue
		}
		k := key{h.Calendar, h.Date}
		if line, doubled := lines[k]; doubled {
			row.Fault("date", "leave one of the two rows out", "calendar %q names %v already on line %d", h.Calendar, h.Date, line)
			continue
		}
		lines[k] = row.Line()
		hs = append(hs, h)
	}
	hs.sort()
	return hs
}

func (hs Holidays) sort() {
	slices.SortFunc(hs, func(a, b Holiday) int {
		if c := strings.Compare(a.Calendar, b.Calendar); c != 0 {
			return c
		}
		return int(a.Date) - int(b.Date)
	})
}

// Names returns the calendars of the lists, sorted.
func (hs Holidays) Names() []string {
	var names []string
	for _, h := range hs {
		names = append(names, h.Calendar)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Dates returns the days of one calendar, ascending, as New takes them; nil when the lists have no such calendar.
func (hs Holidays) Dates(calendar string) []units.Date {
	var dates []units.Date
	for _, h := range hs {
		if h.Calendar == calendar {
			dates = append(dates, h.Date)
		}
	}
	slices.Sort(dates)
	return slices.Compact(dates)
}

// Write writes the lists as a holiday file, sorted by calendar and date, so that the same lists give the same bytes.
func (hs Holidays) Write(w io.Writer) error {
	sorted := slices.Clone(hs)
	sorted.sort()
	cw := csv.NewWriter(w)
	rows := [][]string{{"calendar", "date", "name"}}
	for _, h := range sorted {
		rows = append(rows, []string{h.Calendar, h.Date.String(), h.Name})
	}
	return cw.WriteAll(rows)
}
