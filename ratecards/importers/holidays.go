package importers

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// A holiday is one day on which a country, or one region of it, rests.
type holiday struct {
	line    int
	country string // ISO 3166-1, two letters
	region  string // of the country, as its own list names it; "" is the whole country
	date    units.Date
	name    string
	kind    string // "public", "bank"
}

// parseHolidays reads a CSV of country, region, date, name and type. The rows are returned by country, region,
// date and name.
func parseHolidays(in *input, fl *faults.List) ([]holiday, bool) {
	before := fl.Len()
	t := table.Read(in.name, bytes.NewReader(in.text), []table.Column{
		{Name: "country", Required: true}, {Name: "region"}, {Name: "date", Required: true}, {Name: "name", Required: true}, {Name: "type"},
	}, fl)
	rows := make([]holiday, 0, t.Len())
	lines := map[holiday]int{}
	for r := range t.Rows() {
		h := holiday{country: r.Text("country"), region: r.Text("region"), date: r.Date("date", 0), name: r.Text("name"), kind: r.Text("type")}
		if !isUpper(h.country, 2, 2) {
			r.Fault("country", "write two capital letters, as US", "%q is no country", clip(h.country))
		}
		if h.region != "" && !isUpper(h.region, 1, 3) {
			r.Fault("region", "write one to three capital letters or digits, as ENG", "%q is no region", clip(h.region))
		}
		r.Required("date")
		r.Required("name")
		if h.kind != "" && !isWord(h.kind) {
			r.Fault("type", "write a word as public or bank", "%q is no type", clip(h.kind))
		}
		if first, doubled := lines[h]; doubled {
			r.Fault("date", "take one of the two out", "the row repeats line %d", first)
			continue
		}
		lines[h] = r.Line()
		h.line = r.Line()
		rows = append(rows, h)
	}
	if fl.Len() == before && len(rows) == 0 {
		fl.Addf(in.name, 0, 0, "", "fetch the file again", "the file has no holidays")
	}
	slices.SortFunc(rows, func(a, b holiday) int {
		return cmp.Or(cmp.Compare(a.country, b.country), cmp.Compare(a.region, b.region), cmp.Compare(a.date, b.date),
			cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind), cmp.Compare(a.line, b.line))
	})
	return rows, fl.Len() == before
}

func isUpper(s string, least, most int) bool {
	for i := range len(s) {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
