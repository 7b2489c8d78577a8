package importers

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

func importUSPSZones(j *job) {
	origin := j.origin()
	if origin != nil && len(j.inputs) > 1 {
		j.option("origin", "import the files one by one, or leave it out", "one origin was given for %d files", len(j.inputs))
		return
	}
	var charts []zoneChart
	for i := range j.inputs {
		if c, ok := parseUSPSChart(&j.inputs[i], origin, j.faults); ok {
			j.noteExceptions(&c)
			charts = append(charts, c)
		}
	}
	j.putCharts(charts, "USPS zone chart of origin %s")
}

// noteExceptions warns of a mark '+' that promises exceptions which the chart does not hold, and of exceptions that
// no mark announces: either may mean that part of the chart is missing.
func (j *job) noteExceptions(c *zoneChart) {
	for _, cell := range c.cells {
		if !cell.exact && strings.Contains(cell.note, "+") &&
			!slices.ContainsFunc(c.cells, func(e zoneCell) bool { return e.exact && e.dest.overlaps(cell.dest) }) {
			j.report.warn("%s: %s: the zone of %s is marked +, but the chart has no exception there", c.file, cell.at, shortRange(cell.dest))
		}
		if cell.exact && !slices.ContainsFunc(c.cells, func(r zoneCell) bool {
			return !r.exact && strings.Contains(r.note, "+") && r.dest.overlaps(cell.dest)
		}) {
			j.report.warn("%s: %s: the exception for %s stands in a range that is not marked +", c.file, cell.at, cell.dest)
		}
	}
}

func importFedExZones(j *job) {
	var charts []zoneChart
	for i := range j.inputs {
		charts = append(charts, parseFedExZones(&j.inputs[i], j.faults)...)
	}
	j.putCharts(charts, "FedEx zone chart of origin %s")
}

func importZoneDays(j *job) {
	origin := j.origin()
	if origin == nil {
		if j.opt.Origin == "" {
			j.option("origin", "say it, as 43215", "the list does not name the ZIP it was made for")
		}
		origin = &zipRange{}
	}
	scope := cmp.Or(j.opt.Scope, fedexGround)
	if !isFileWord(scope) {
		j.option("scope", "write a word, as ground", "%q is no scope", clip(scope))
	}
	if len(j.inputs) > 1 {
		j.option("origin", "import the lists one by one", "one origin was given for %d lists", len(j.inputs))
		return
	}
	for i := range j.inputs {
		in := &j.inputs[i]
		rows, ok := parseZoneDays(in, j.faults)
		if !ok || j.faults.Len() > 0 {
			continue
		}
		source := lanes.Source{Text: fmt.Sprintf("FedEx zone and service days list of origin %s", shortRange(*origin)), Effective: j.opt.Effective}
		chart := &lanes.Chart{Source: source}
		transit := &lanes.TransitTable{Source: source}
		from := postalRange(*origin, true)
		for _, run := range runs(rows, func(d zoneDay) (zip, string) { return d.dest, d.zone }) {
			chart.Rows = append(chart.Rows, lanes.ZoneRow{OriginCountry: "US", Origin: from, Country: "US", Destination: postalRange(run.zips, false),
				Zone: run.value, Scope: scope})
		}
		for _, run := range runs(rows, func(d zoneDay) (zip, string) { return d.dest, fmt.Sprint(d.days) }) {
			days := must(lanes.ParseHistogram(run.value))
			transit.Rows = append(transit.Rows, lanes.TransitRow{OriginCountry: "US", Origin: from, Country: "US",
				Destination: postalRange(run.zips, false), Pair: true, Scope: scope, Days: days})
		}
		name := j.carrier + "/" + shortRange(*origin) + "." + scope + ".csv"
		j.putChart(in.name, "zones/"+name, chart)
		j.putTransit(in.name, "transit/"+name, transit)
	}
}

// A run is ZIPs that follow each other without a gap and have the same value. ZIPs that a list leaves out are not
// served, so a run never spans one.
type run struct {
	zips  zipRange
	value string
}

func runs[T any](rows []T, of func(T) (zip, string)) []run {
	var out []run
	for _, row := range rows {
		z, v := of(row)
		if n := len(out); n > 0 && out[n-1].value == v && out[n-1].zips.hi+1 == z {
			out[n-1].zips.hi = z
			continue
		}
		out = append(out, run{zipRange{z, z}, v})
	}
	return out
}

// shortRange prints a range by three digits where it holds whole three-digit areas.
func shortRange(r zipRange) string { return postalRange(r, true).String() }

// postalRange returns r as a network file writes it. short asks for three digits where r holds whole three-digit
// areas. Of two rows that hold for a pair the one with more digits wins: origins are written short, so that the list
// of one ZIP wins over the chart of its area, and so are the ranges of USPS charts but not their exceptions.
func postalRange(r zipRange, short bool) lanes.Range {
	lo, hi := r.lo.String(), r.hi.String()
	if short && r.lo%100 == 0 && r.hi%100 == 99 {
		lo, hi = lo[:3], hi[:3]
	}
	return lanes.Range{Lo: lo, Hi: hi}
}

// putCharts stages a chart for each origin. source is what the file will say of itself, with %s for the origin.
func (j *job) putCharts(charts []zoneChart, source string) {
	for _, c := range charts {
		if j.opt.Effective != 0 {
			c.effective = j.opt.Effective
		}
		origin := shortRange(c.origin)
		chart := &lanes.Chart{Source: lanes.Source{Text: fmt.Sprintf(source, origin), Effective: c.effective}}
		for _, cell := range c.cells {
			chart.Rows = append(chart.Rows, lanes.ZoneRow{
				OriginCountry: "US", Origin: postalRange(c.origin, true), Country: "US", Destination: cell.destination(),
				Zone: cell.zone, Scope: cell.scope, Notes: cell.note,
			})
		}
		j.putChart(c.file, "zones/"+j.carrier+"/"+origin+".csv", chart)
	}
}

// destination is written with the digits the chart gives it.
func (c *zoneCell) destination() lanes.Range { return postalRange(c.dest, !c.exact) }

func (j *job) putChart(from, path string, chart *lanes.Chart) {
	data, ok := j.written(from, path, chart.Write)
	if !ok {
		return
	}
	if old, ok := j.standing(path); ok && !bytes.Equal(old, data) {
		before := lanes.ReadZones(path, bytes.NewReader(old), &faults.List{})
		if j.outdated(from, path, before.Effective, chart.Effective) {
			return
		}
		j.moved(path, "zone", paintZones(before.Rows), paintZones(chart.Rows))
	}
	j.stage.put(path, data, len(chart.Rows))
}

func (j *job) putTransit(from, path string, t *lanes.TransitTable) {
	data, ok := j.written(from, path, t.Write)
	if !ok {
		return
	}
	if old, ok := j.standing(path); ok && !bytes.Equal(old, data) {
		before := lanes.ReadTransit(path, bytes.NewReader(old), &faults.List{})
		if j.outdated(from, path, before.Effective, t.Effective) {
			return
		}
		j.moved(path, "days", paintTransit(before.Rows), paintTransit(t.Rows))
	}
	j.stage.put(path, data, len(t.Rows))
}

// written prints a file and checks that no other input has made it already.
func (j *job) written(from, path string, write func(io.Writer) error) ([]byte, bool) {
	if j.stage.find(path) != nil {
		j.faults.Addf(from, 0, 0, "", "import one of the two", "another file of this import makes %s already", path)
		return nil, false
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes(), true
}

// standing returns what stands at path, if anything does.
func (j *job) standing(path string) ([]byte, bool) {
	if j.opt.Into == "" {
		return nil, false
	}
	old, ok, err := j.stage.read(path)
	if err != nil {
		j.faults.Addf(path, 0, 0, "", "check that the file can be read", "%v", err)
	}
	return old, ok
}

// outdated adds a fault when the new figures are older than those that stand.
func (j *job) outdated(from, path string, before, after units.Date) bool {
	if j.opt.Replace || before == 0 || after == 0 || after >= before {
		return false
	}
	j.faults.Addf(from, 0, 0, "", "import the newer file, or use the option replace", "the figures hold from %s on, but %s has those from %s on",
		after, path, before)
	return true
}

// paint is what a file says of every destination ZIP, by scope; "" is nothing.
type paint map[string]*[100_000]string

// brush lays rows over each other in the order of ratecards/lanes: more digits win, then a scope.
type brush struct {
	dest         lanes.Range
	scope, value string
}

func paintRows(brushes []brush) paint {
	p := paint{"": new([100_000]string)}
	for _, b := range brushes {
		if p[b.scope] == nil {
			p[b.scope] = new([100_000]string)
		}
	}
	slices.SortStableFunc(brushes, func(a, b brush) int {
		return cmp.Or(cmp.Compare(len(a.dest.Lo), len(b.dest.Lo)), cmp.Compare(min(len(a.scope), 1), min(len(b.scope), 1)))
	})
	for _, b := range brushes {
		r, err := readRange(b.dest.Lo+"-"+b.dest.Hi, "-", len(b.dest.Lo))
		if err != nil || len(b.dest.Lo) == 0 {
			continue // a row written by hand that is no ZIP; it cannot have moved
		}
		for scope, zips := range p {
			if b.scope != "" && b.scope != scope {
				continue
			}
			for z := r.lo; z <= r.hi; z++ {
				zips[z] = b.value
			}
		}
	}
	return p
}

func paintZones(rows []lanes.ZoneRow) paint {
	brushes := make([]brush, len(rows))
	for i, r := range rows {
		brushes[i] = brush{r.Destination, r.Scope, r.Zone}
	}
	return paintRows(brushes)
}

func paintTransit(rows []lanes.TransitRow) paint {
	var brushes []brush
	for _, r := range rows {
		if r.Pair {
			brushes = append(brushes, brush{r.Destination, r.Scope, r.Days.String()})
		}
	}
	return paintRows(brushes)
}

// maxMoved bounds the lines of a report that say what moved in one file.
const maxMoved = 100

// moved reports the destinations whose value changed, each run of ZIPs once.
func (j *job) moved(path, what string, before, after paint) {
	scopes := make([]string, 0, len(after))
	for scope := range after {
		scopes = append(scopes, scope)
	}
	for scope := range before {
		if after[scope] == nil {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	at := func(p paint, scope string) *[100_000]string {
		if zips := p[scope]; zips != nil {
			return zips
		}
		return p[""]
	}
	said := map[string]bool{} // changes of all services need no line for each
	more := 0
	for _, scope := range scopes {
		old, now := at(before, scope), at(after, scope)
		for lo := 0; lo < len(now); {
			hi := lo + 1
			for hi < len(now) && old[hi] == old[lo] && now[hi] == now[lo] {
				hi++
			}
			if old[lo] != now[lo] {
				line := fmt.Sprintf("%s %s", zipRange{zip(lo), zip(hi - 1)}, change(what, old[lo], now[lo]))
				switch {
				case said[line]:
				case len(said) == maxMoved:
					more++
				default:
					said[line] = true
					if scope != "" {
						line += " for " + scope
					}
					j.report.Moved = append(j.report.Moved, path+": "+line)
				}
			}
			lo = hi
		}
	}
	if more > 0 {
		j.report.Moved = append(j.report.Moved, fmt.Sprintf("%s: and %d more", path, more))
	}
}

func change(what, before, after string) string {
	switch {
	case before == "":
		return fmt.Sprintf("is new, %s %s", what, after)
	case after == "":
		return fmt.Sprintf("is gone, was %s %s", what, before)
	}
	return fmt.Sprintf("from %s %s to %s", what, before, after)
}
