package importers

import (
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// fedexScopes are the two answers that FedEx gives for Alaska and Hawaii, where ground and express zones differ.
const (
	fedexGround  = "ground"
	fedexExpress = "express"
)

// parseFedExZones reads FedEx zone charts joined into one file: origins, each a range of ZIPs with its
// destinations. A contiguous destination has one zoneId for all services; any other has a groundZoneId and an
// expressZoneId, of which either may be missing: then that service does not go there. "read" is the month in which
// the charts were fetched ("2024-04"); the charts themselves carry no date.
func parseFedExZones(in *input, fl *faults.List) []zoneChart {
	root, ok := readJSON(in, fl)
	if !ok {
		return nil
	}
	before := fl.Len()
	var read units.Date
	if s, ok := root.member("read").optional(); ok && s != "" {
		d, err := readMonth(s)
		if err != nil {
			root.member("read").fault(`write the year and month, as "2024-04"`, "%q is no month", clip(s))
		}
		read = d
	}
	origins := root.member("origins").items()
	charts := make([]zoneChart, 0, len(origins))
	for _, o := range origins {
		had := fl.Len()
		c := zoneChart{file: in.name, effective: read, origin: fedexRange(o, "originMin", "originMax")}
		for _, d := range o.member("destinations").items() {
			c.cells = append(c.cells, fedexCells(d)...)
		}
		if fl.Len() == had && len(c.cells) == 0 {
			o.fault("fetch the chart again", "the origin has no destinations")
		}
		c.arrange(fl, had)
		for _, other := range charts {
			if fl.Len() == had && other.origin.overlaps(c.origin) {
				o.fault("take one of the two out", "the origin %s overlaps %s", c.origin, other.origin)
			}
		}
		charts = append(charts, c)
	}
	if fl.Len() == before && len(charts) == 0 {
		root.member("origins").fault("fetch the file again", "the file has no origins")
	}
	return charts
}

func fedexRange(n node, first, last string) zipRange {
	var ends [2]zip
	good := true
	for i, name := range []string{first, last} {
		m := n.member(name)
		s, ok := m.text()
		if ok {
			var err error
			if ends[i], err = readZip(s); err != nil {
				m.fault("write five digits", "%v", err)
				ok = false
			}
		}
		good = good && ok
	}
	if good && ends[1] < ends[0] {
		n.member(last).fault("exchange the two", "the range %s-%s runs backwards", ends[0], ends[1])
	}
	return zipRange{lo: ends[0], hi: ends[1]}
}

func fedexCells(d node) []zoneCell {
	r := fedexRange(d, "destMin", "destMax")
	kind, ok := d.member("type").text()
	if !ok {
		return nil
	}
	cell := func(name, scope string) []zoneCell {
		n := d.member(name)
		s, ok := n.text()
		if !ok {
			return nil
		}
		if s = strings.TrimSpace(s); !isZoneName(s) {
			n.fault("write the zone's number", "%q is no zone", clip(s))
		}
		return []zoneCell{{dest: r, zone: s, scope: scope, at: d.path}}
	}
	switch kind {
	case "contiguous":
		return cell("zoneId", "")
	case "non-contiguous":
		var cells []zoneCell
		if !d.has("groundZoneId") && !d.has("expressZoneId") {
			d.fault("give groundZoneId, expressZoneId or both", "the destination has no zone")
		}
		if d.has("groundZoneId") {
			cells = append(cells, cell("groundZoneId", fedexGround)...)
		}
		if d.has("expressZoneId") {
			cells = append(cells, cell("expressZoneId", fedexExpress)...)
		}
		return cells
	}
	mend := faults.DidYouMean(kind, []string{"contiguous", "non-contiguous"})
	if mend == "" {
		mend = `write "contiguous" or "non-contiguous"`
	}
	d.member("type").fault(mend, "unknown type %q", clip(kind))
	return nil
}

// isZoneName tells whether s can name a zone: one to three digits or letters.
func isZoneName(s string) bool {
	if len(s) == 0 || len(s) > 3 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
