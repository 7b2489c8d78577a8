package importers

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
)

// A zoneDay is what a carrier says of one destination ZIP, seen from the list's origin.
type zoneDay struct {
	line  int
	state string // of the United States, two letters
	dest  zip
	days  int // business days in transit, 1 to 30
	zone  string
}

// maxServiceDays bounds the days that a list may name: the longest ground transit to Alaska or Hawaii is 7.
const maxServiceDays = 30

// parseZoneDays reads FedEx's list of zones and service days from one origin, which the file does not name: a row
// for each ZIP with its state, service days and zone ("004" is zone 4). The rows may come in any order; they are
// returned by ZIP.
func parseZoneDays(in *input, fl *faults.List) ([]zoneDay, bool) {
	const state, dest, days, zone = "State/Province", "Dest Zip/Postal Code", "Service Days", "Zone"
	before := fl.Len()
	t := table.Read(in.name, bytes.NewReader(in.text), []table.Column{
		{Name: state, Required: true}, {Name: dest, Required: true}, {Name: days, Required: true}, {Name: zone, Required: true},
	}, fl)
	rows := make([]zoneDay, t.Len())
	lines := map[zip]int{}
	i := 0
	for r := range t.Rows() {
		d := &rows[i]
		i++
		d.line = r.Line()
		d.state = r.Text(state)
		if len(d.state) != 2 {
			r.Fault(state, "write the state's two letters", "%q is no state", clip(d.state))
		}
		d.days = int(r.Int(days, 0, 1, maxServiceDays))
		r.Required(days)
		d.zone = strings.TrimLeft(r.Text(zone), "0")
		if !isZoneName(d.zone) {
			r.Fault(zone, "write the zone's number", "%q is no zone", clip(r.Text(zone)))
		}
		z, err := readZip(r.Text(dest))
		if err != nil {
			r.Fault(dest, "write five digits", "%v", err)
			continue
		}
		d.dest = z
		if first, doubled := lines[z]; doubled {
			r.Fault(dest, "take one of the two out", "%s stands in line %d already", z, first)
			continue
		}
		lines[z] = d.line
	}
	if fl.Len() == before && len(rows) == 0 {
		fl.Addf(in.name, 0, 0, "", "fetch the file again", "the list has no rows")
	}
	slices.SortFunc(rows, func(a, b zoneDay) int { return cmp.Compare(a.dest, b.dest) })
	return rows, fl.Len() == before
}
