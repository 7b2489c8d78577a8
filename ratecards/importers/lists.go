package importers

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// importAreas writes each class under the name of its column's services: class DAS_EXTENDED of column das_type_hd is
// the attribute hd_das_extended, for surcharges of home delivery to ask for.
func importAreas(j *job) {
	if len(j.inputs) > 1 {
		j.option("files", "import one list; it replaces the one that stands", "%d lists were given", len(j.inputs))
		return
	}
	for i := range j.inputs {
		list, ok := parseAreas(&j.inputs[i], j.faults)
		if !ok {
			continue
		}
		out := &lanes.AreaList{Source: lanes.Source{Text: "delivery-area list of " + j.carrier, Effective: j.opt.Effective}}
		for _, r := range runs(list.zips, func(a areaZip) (zip, string) { return a.zip, list.attributes(a) }) {
			out.Rows = append(out.Rows, lanes.AreaRow{Country: "US", Postal: postalRange(r.zips, false), Attributes: strings.Fields(r.value)})
		}
		path := "areas/" + j.carrier + ".csv"
		data, ok := j.written(list.file, path, out.Write)
		if !ok {
			continue
		}
		if old, ok := j.standing(path); ok && !bytes.Equal(old, data) {
			before := lanes.ReadAreas(path, bytes.NewReader(old), &faults.List{})
			if j.outdated(list.file, path, before.Effective, out.Effective) {
				continue
			}
			j.moved(path, "class", paintAreas(before.Rows), paintAreas(out.Rows))
		}
		j.stage.put(path, data, len(out.Rows))
	}
}

// attributes returns the attributes of a ZIP, sorted, with blanks between.
func (l *areaList) attributes(a areaZip) string {
	var names []string
	for i, class := range a.classes {
		if class != "" {
			names = append(names, l.services[i]+"_"+class)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func paintAreas(rows []lanes.AreaRow) paint {
	brushes := make([]brush, len(rows))
	for i, r := range rows {
		brushes[i] = brush{dest: r.Postal, value: strings.Join(slices.Sorted(slices.Values(r.Attributes)), " ")}
	}
	return paintRows(brushes)
}

// importHolidays writes one file a country. Its lists are the country's (us), each region's (gb_sct), whose rows are
// taken as complete, and, where a list has bank holidays, a second one that rests on those too (us_bank).
func importHolidays(j *job) {
	byCountry := map[string]map[calendarDay][]string{} // names of the day
	var countries []string
	years := map[string]map[int]bool{} // of each country
	for i := range j.inputs {
		rows, ok := parseHolidays(&j.inputs[i], j.faults)
		if !ok {
			continue
		}
		banks := map[string]bool{} // lists with bank holidays
		for _, h := range rows {
			if h.kind == "bank" {
				banks[h.list()] = true
			}
		}
		for _, h := range rows {
			country := strings.ToLower(h.country)
			if byCountry[country] == nil {
				byCountry[country], years[country] = map[calendarDay][]string{}, map[int]bool{}
				countries = append(countries, country)
			}
			year, _, _ := h.date.Civil()
			years[country][year] = true
			var lists []string
			if h.kind != "bank" {
				lists = append(lists, h.list())
			}
			if banks[h.list()] {
				lists = append(lists, h.list()+"_bank")
			}
			for _, list := range lists {
				day := calendarDay{list, h.date}
				if !slices.Contains(byCountry[country][day], h.name) {
					byCountry[country][day] = append(byCountry[country][day], h.name)
				}
			}
		}
	}
	slices.Sort(countries)
	for _, country := range countries {
		j.putHolidays(country, byCountry[country], years[country])
	}
}

type calendarDay struct {
	list string
	date units.Date
}

// list returns the name of the calendar that a holiday belongs to.
func (h *holiday) list() string {
	name := strings.ToLower(h.country)
	if h.region != "" {
		name += "_" + strings.ToLower(h.region)
	}
	return name
}

// putHolidays stages the file of one country: the new days, and of the file that stands the years and lists of which
// the new ones do not speak.
func (j *job) putHolidays(country string, days map[calendarDay][]string, years map[int]bool) {
	path := "calendars/" + country + ".csv"
	lists := map[string]bool{}
	var hs calendar.Holidays
	for day, names := range days {
		lists[day.list] = true
		slices.Sort(names)
		hs = append(hs, calendar.Holiday{Calendar: day.list, Date: day.date, Name: strings.Join(names, "; ")})
	}
	if old, ok := j.standing(path); ok {
		fl := &faults.List{}
		before := calendar.ReadHolidays(path, bytes.NewReader(old), fl)
		if err := fl.Err(); err != nil {
			j.faults.Addf(path, 0, 0, "", "mend the file or take it away", "the list that stands cannot be read: %v", err)
			return
		}
		for _, h := range before {
			year, _, _ := h.Date.Civil()
			if !lists[h.Calendar] || !years[year] {
				hs = append(hs, h)
			} else if _, stays := days[calendarDay{h.Calendar, h.Date}]; !stays {
				j.report.Moved = append(j.report.Moved, fmt.Sprintf("%s: %s %s %s is gone", path, h.Calendar, h.Date, h.Name))
			}
		}
		for _, day := range sortedDays(days) {
			if !slices.ContainsFunc(before, func(h calendar.Holiday) bool { return h.Calendar == day.list && h.Date == day.date }) {
				j.report.Moved = append(j.report.Moved, fmt.Sprintf("%s: %s %s %s is new", path, day.list, day.date, strings.Join(days[day], "; ")))
			}
		}
	}
	data, ok := j.written(path, path, hs.Write)
	if ok {
		j.stage.put(path, data, len(hs))
	}
}

func sortedDays(days map[calendarDay][]string) []calendarDay {
	sorted := make([]calendarDay, 0, len(days))
	for day := range days {
		sorted = append(sorted, day)
	}
	slices.SortFunc(sorted, func(a, b calendarDay) int {
		if c := strings.Compare(a.list, b.list); c != 0 {
			return c
		}
		return int(a.date - b.date)
	})
	return sorted
}
