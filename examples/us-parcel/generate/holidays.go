package main

import (
	"bytes"

	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// The years of calendars/holidays.csv. Nobody rests by it after the last.
const (
	firstYear = 2026
	lastYear  = 2030
)

// holidaysCSV prints the days on which nothing moves:
//
//	federal   the legal public holidays of the United States (5 U.S.C. 6103), on which the Postal Service neither
//	          collects nor delivers; one on a Sunday is kept on the Monday after
//	fedex     the six on which FedEx closes (assumed: its list differs by service and year)
//	merchant  the same six, in the distribution centres
//	stores    Thanksgiving and Christmas, on which the stores are shut
func holidaysCSV() []byte {
	const (
		monday   = 0
		thursday = 3
	)
	var list calendar.Holidays
	for year := firstYear; year <= lastYear; year++ {
		for _, h := range []struct {
			name        string
			date        units.Date
			six, stores bool
		}{
			{"New Year's Day", units.DateOf(year, 1, 1), true, false},
			{"Martin Luther King Jr. Day", nth(year, 1, monday, 3), false, false},
			{"Washington's Birthday", nth(year, 2, monday, 3), false, false},
			{"Memorial Day", nth(year, 6, monday, 1) - 7, true, false},
			{"Juneteenth", units.DateOf(year, 6, 19), false, false},
			{"Independence Day", units.DateOf(year, 7, 4), true, false},
			{"Labor Day", nth(year, 9, monday, 1), true, false},
			{"Columbus Day", nth(year, 10, monday, 2), false, false},
			{"Veterans Day", units.DateOf(year, 11, 11), false, false},
			{"Thanksgiving Day", nth(year, 11, thursday, 4), true, true},
			{"Christmas Day", units.DateOf(year, 12, 25), true, true},
		} {
			kept := h.date
			if kept.Weekday() == 6 {
				kept++
			}
			add := func(calendarName string, date units.Date) {
				list = append(list, calendar.Holiday{Calendar: calendarName, Date: date, Name: h.name})
			}
			add("federal", kept)
			if h.six {
				add("fedex", kept)
				add("merchant", kept)
			}
			if h.stores {
				add("stores", h.date)
			}
		}
	}
	var b bytes.Buffer
	if err := list.Write(&b); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// nth returns the n-th such weekday of a month, 0 being Monday.
func nth(year, month, weekday, n int) units.Date {
	first := units.DateOf(year, month, 1)
	return first + units.Date((weekday-first.Weekday()+7)%7+7*(n-1))
}
