package importers

import (
	"cmp"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A zoneCell says that parcels from a chart's origin to the ZIPs of dest are in zone.
type zoneCell struct {
	dest  zipRange
	zone  string
	scope string // mail service as the chart names it, when the cell holds for that alone; else ""
	note  string // the chart's marks
	exact bool   // a five-digit exception, which wins over a three-digit range
	at    string // where in the file it stands
}

// A zoneChart is everything one carrier says about one origin.
type zoneChart struct {
	file      string
	origin    zipRange
	effective units.Date // 0: the file does not say
	cells     []zoneCell // by destination; cells of one scope and exactness do not overlap
}

// parseUSPSChart reads the answer of the Postal Service's zone chart (postcalc.usps.com, GetZoneChart) in either of
// the shapes in which it is kept: as the service sends it, with the ranges in Column0 to Column3 and the exceptions
// in Zip5Digit; or saved beside its request, with zip3s and zip5s and the origin in originMin and originMax.
//
// ZipCodes is "AAA" or "AAA---BBB". Zone is a digit and marks: '*' (origin and destination are served by the same
// network distribution centre) and '+' (the range has five-digit exceptions); both are kept as the cell's note.
// MailService restricts an exception to one service. The service's own shape does not say its origin: then the
// caller does.
func parseUSPSChart(in *input, origin *zipRange, fl *faults.List) (zoneChart, bool) {
	root, ok := readJSON(in, fl)
	if !ok {
		return zoneChart{}, false
	}
	before := fl.Len()
	for _, name := range []string{"ZIPCodeError", "OriginError", "ShippingDateError", "PageError"} {
		if n := root.member(name); n.ok {
			if msg, ok := n.text(); ok && msg != "" {
				n.fault("ask the carrier's site again with a valid origin and date", "the site answered with an error: %q", clip(msg))
			}
		}
	}
	c := zoneChart{file: in.name}
	c.origin = uspsOrigin(root, origin)
	for _, name := range []string{"effectiveDateRaw", "EffectiveDate"} {
		if n := root.member(name); n.ok {
			if s, ok := n.text(); ok {
				d, err := readLongDate(s)
				if err != nil {
					n.fault("write it as \"April 1, 2024\"", "%q is no date", clip(s))
				}
				c.effective = d
			}
		}
	}
	ranges, exceptions := []string{"zip3s"}, "zip5s"
	if !root.has("zip3s") && root.has("Column0") {
		ranges, exceptions = []string{"Column0", "Column1", "Column2", "Column3"}, "Zip5Digit"
	}
	for _, name := range ranges {
		if name == "zip3s" || root.has(name) {
			for _, n := range root.member(name).items() {
				c.cells = append(c.cells, uspsCell(n, 3))
			}
		}
	}
	for _, n := range root.member(exceptions).items() {
		c.cells = append(c.cells, uspsCell(n, 5))
	}
	if fl.Len() == before && !slices.ContainsFunc(c.cells, func(c zoneCell) bool { return !c.exact }) {
		root.fault("fetch the chart again", "the chart has no ranges")
	}
	c.arrange(fl, before)
	return c, fl.Len() == before
}

func uspsOrigin(root node, given *zipRange) zipRange {
	if !root.has("originMin") && !root.has("originMax") {
		if given == nil {
			root.fault("say it with the option origin, as 070", "the file does not name its origin")
			return zipRange{}
		}
		return *given
	}
	var ends [2]zip
	good := true
	for i, name := range []string{"originMin", "originMax"} {
		n := root.member(name)
		s, ok := n.text()
		if ok {
			var err error
			if ends[i], err = readZip(s); err != nil {
				n.fault("write five digits", "%v", err)
				ok = false
			}
		}
		good = good && ok
	}
	r := zipRange{lo: ends[0], hi: ends[1]}
	switch {
	case good && r.hi < r.lo:
		root.member("originMax").fault("exchange the two", "the origin %s-%s runs backwards", r.lo, r.hi)
	case good && given != nil && *given != r:
		root.member("originMin").fault("leave the option origin out, or give the chart of that origin",
			"the chart is that of %s, not of %s", r, *given)
	}
	return r
}

func uspsCell(n node, digits int) zoneCell {
	c := zoneCell{exact: digits == 5, at: n.path}
	codes := n.member("ZipCodes")
	if s, ok := codes.text(); ok {
		r, err := readRange(s, "---", digits)
		if err != nil {
			mend := `write "AAA" or "AAA---BBB"`
			if digits == 5 {
				mend = `write "AAAAA" or "AAAAA---BBBBB"`
			}
			codes.fault(mend, "%v", err)
		}
		c.dest = r
	}
	zone := n.member("Zone")
	if s, ok := zone.text(); ok {
		digit := strings.TrimRight(s, "*+")
		if len(digit) != 1 || digit[0] < '1' || digit[0] > '9' || len(s) > 3 {
			zone.fault("write 1 to 9 and the marks * and +", "%q is no zone", clip(s))
		}
		c.zone, c.note = digit, s[len(digit):]
	}
	if s, ok := n.member("MailService").optional(); ok {
		c.scope = strings.TrimSpace(s)
	}
	return c
}

// arrange sorts the cells and adds a fault for each that overlaps another of the same kind: a lookup would have
// two answers. It does nothing when the chart has faults already, for then its ranges mean nothing.
func (c *zoneChart) arrange(fl *faults.List, before int) {
	if fl.Len() > before {
		return
	}
	slices.SortStableFunc(c.cells, func(a, b zoneCell) int {
		exact := 0
		if a.exact != b.exact {
			exact = 1
			if b.exact {
				exact = -1
			}
		}
		return cmp.Or(exact, cmp.Compare(a.scope, b.scope), cmp.Compare(a.dest.lo, b.dest.lo), cmp.Compare(a.dest.hi, b.dest.hi))
	})
	kept := c.cells[:0]
	for i, cell := range c.cells {
		if i > 0 {
			last := kept[len(kept)-1]
			if last.exact == cell.exact && last.scope == cell.scope && last.dest.overlaps(cell.dest) {
				if last.dest == cell.dest && last.zone == cell.zone && last.note == cell.note {
					continue // the chart repeats itself
				}
				fl.Addf(c.file, 0, 0, cell.at, "fetch the chart again, or take one of the two out",
					"%s overlaps %s of %s", cell.dest, last.dest, last.at)
				continue
			}
		}
		kept = append(kept, cell)
	}
	c.cells = kept
}
