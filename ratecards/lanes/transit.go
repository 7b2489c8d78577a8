package lanes

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// MaxDays bounds the days in transit.
const MaxDays = 90

// A Histogram is the share of parcels, in parts per 10,000, by days in transit: h[n] took n linehaul days. It sums to
// 10,000 and its last entry is not 0.
type Histogram []units.Probability

// ParseHistogram reads "3" (every parcel takes three days) or "2:5500 3:4000 4:500", days ascending.
func ParseHistogram(text string) (Histogram, error) {
	const mend = `write days, as 3, or days:parts of 10,000, as 2:9600 3:350 4:50`
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return nil, errors.New("no days; " + mend)
	}
	var h Histogram
	sum := units.Probability(0)
	for _, f := range fields {
		d, p, isPair := strings.Cut(f, ":")
		if !isPair && len(fields) == 1 {
			p = "10000"
		}
		days, err := strconv.ParseUint(d, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%q are no days; %s", clip(f), mend)
		}
		if days > MaxDays {
			return nil, fmt.Errorf("%d days are more than %d", days, MaxDays)
		}
		parts, err := strconv.ParseUint(p, 10, 16)
		if err != nil || parts == 0 || units.Probability(parts) > units.Certain {
			return nil, fmt.Errorf("%q has no parts from 1 to 10,000; %s", clip(f), mend)
		}
		if int(days) < len(h) {
			return nil, fmt.Errorf("%q is out of order; write the days ascending, each once", clip(f))
		}
		h = append(h, make(Histogram, int(days)-len(h)+1)...)
		h[days] = units.Probability(parts)
		sum += h[days]
	}
	if sum != units.Certain {
		return nil, fmt.Errorf("the parts of %q sum to %d, not to 10,000", clip(text), sum)
	}
	return h, nil
}

// String prints the histogram as ParseHistogram reads it.
func (h Histogram) String() string {
	var fields []string
	for days, p := range h {
		if p == units.Certain {
			return strconv.Itoa(days)
		}
		if p > 0 {
			fields = append(fields, fmt.Sprintf("%d:%d", days, p))
		}
	}
	return strings.Join(fields, " ")
}

// Days returns the smallest n with P(transit <= n) >= target. A target below 1 counts as 1, and one over 10,000 as
// 10,000: no promise is made on days that never occurred.
func (h Histogram) Days(target units.Probability) int {
	target = min(max(target, 1), units.Certain)
	sum := units.Probability(0)
	for days, p := range h {
		if sum += p; sum >= target {
			return days
		}
	}
	return len(h) - 1
}

// Within returns P(transit <= n); 0 for a negative n.
func (h Histogram) Within(n int) units.Probability {
	sum := units.Probability(0)
	for days, p := range h {
		if days > n {
			break
		}
		sum += p
	}
	return sum
}

// Mean returns the mean days times 10,000, exactly. It serves to compare services, not to promise: about half of all
// parcels take longer.
func (h Histogram) Mean() int {
	sum := 0
	for days, p := range h {
		sum += days * int(p)
	}
	return sum
}

// A TransitTable is one transit file as read.
type TransitTable struct {
	Source
	Rows []TransitRow
}

// A TransitRow is one line: for a pair, for a zone, or for all; see the package comment.
type TransitRow struct {
	OriginCountry string
	Origin        Range
	Country       string // of the destination
	Destination   Range
	Pair          bool   // Origin and Destination count; else Zone does, or, that empty, the row is for all
	Zone          string // the carrier's name
	Scope         string // "" for every service
	Days          Histogram
	Line          int // in the file, from 1; not written
}

// ReadTransit reads a transit file. Every fault is added to fl, and the rows without one are returned.
func ReadTransit(file string, r io.Reader, fl *faults.List) *TransitTable {
	src, t := readSourced(file, r, append([]table.Column{{Name: "zone"}, {Name: "days", Required: true}}, laneColumns...), fl)
	tt := &TransitTable{Source: src, Rows: make([]TransitRow, 0, t.Len())}
	for row := range t.Rows() {
		before := fl.Len()
		x := TransitRow{Zone: row.Text("zone"), Scope: row.Text("scope"), Line: row.Line()}
		checkName(row, "zone", x.Zone)
		x.Pair = row.Has("origin") || row.Has("destination")
		if x.Pair {
			row.Required("origin")
			row.Required("destination")
			if x.Zone != "" {
				row.Fault("zone", "leave the zone out, or the origin and destination", "the row is for a pair and for a zone")
			}
		}
		x.OriginCountry, x.Origin = readPlaces(row, "origin_country", "origin")
		x.Country, x.Destination = readPlaces(row, "country", "destination")
		h, err := ParseHistogram(row.Text("days"))
		if err != nil {
			row.Fault("days", "", "%v", err)
		}
		x.Days = h
		if fl.Len() == before {
			tt.Rows = append(tt.Rows, x)
		}
	}
	return tt
}

// Write writes the table in the form ReadTransit reads, rows in their order. The same table gives the same bytes.
func (tt *TransitTable) Write(w io.Writer) error {
	rows := make([][]string, len(tt.Rows))
	for i, x := range tt.Rows {
		rows[i] = []string{x.Days.String(), "", "", x.Zone, x.Scope, "", ""}
		if x.Pair {
			rows[i][1], rows[i][2] = x.Origin.String(), x.Destination.String()
			rows[i][5], rows[i][6] = foreign(x.OriginCountry), foreign(x.Country)
		}
	}
	return writeSourced(w, tt.Source, []string{"days", "origin", "destination", "zone", "scope", "origin_country", "country"}, 1, rows)
}

// A Time is the dense position of a histogram in one Transit; 0 is unknown. It is never stored or sent.
type Time uint16

// Transit are the compiled times of one carrier or service. It is immutable and safe to share.
type Transit struct {
	grid       *grid
	histograms []Histogram // by Time; histograms[0] is nil
	byZone     []Time      // scope*zoneCount+zone; a zone without a row has that of the row for all, which zone 0 is
	zoneCount  int         // of the ZoneSet, 0 included
	sources    []Source
}

// CompileTransit compiles transit tables. zones names the zones that rows may be for, and may be nil when none is.
// Unknown zones, contradictions and every other fault are added to fl.
func CompileTransit(tables []*TransitTable, zones *ZoneSet, fl *faults.List) *Transit {
	t := &Transit{histograms: []Histogram{nil}, zoneCount: 1}
	if zones != nil {
		t.zoneCount = len(zones.names)
	}
	known := map[string]cell{}
	var rows []gridRow
	var others []other
	for _, tt := range tables {
		t.sources = append(t.sources, tt.Source)
		for i := range tt.Rows {
			x := &tt.Rows[i]
			text := x.Days.String()
			at, ok := known[text]
			if !ok {
				if len(t.histograms) > maxCells {
					fl.Addf(tt.File, x.Line, 0, "days", "round the parts, so that lanes share histograms", "more than %d different histograms", maxCells)
					break
				}
				at = cell(len(t.histograms))
				t.histograms = append(t.histograms, x.Days)
				known[text] = at
			}
			r := gridRow{originCountry: nation(x.OriginCountry), origin: x.Origin, country: nation(x.Country), destination: x.Destination,
				scope: x.Scope, says: text, cell: at, file: tt.File, line: x.Line, column: "days"}
			if x.Pair {
				rows = append(rows, r)
				continue
			}
			o := other{gridRow: r}
			if x.Zone != "" {
				if o.zone, ok = zoneOf(zones, x.Zone); !ok {
					mend := "name a zone of the chart or of the distance rule"
					if zones != nil {
						if m := faults.DidYouMean(x.Zone, zones.names[1:]); m != "" {
							mend = m
						}
					}
					fl.Addf(tt.File, x.Line, 0, "zone", mend, "unknown zone %q", x.Zone)
					continue
				}
			}
			others = append(others, o)
		}
	}
	var scopes []string
	for i := range others {
		if s := others[i].scope; s != "" {
			scopes = append(scopes, s)
		}
	}
	t.grid = compileGrid(rows, scopes, true, fl)
	t.zoneRows(others, fl)
	return t
}

// An other is a row that is for a zone, or, zone 0, for all.
type other struct {
	gridRow
	zone Zone
}

func zoneOf(zones *ZoneSet, name string) (Zone, bool) {
	if zones == nil {
		return 0, false
	}
	return zones.Zone(name)
}

// zoneRows fills byZone so that one load answers for a scope and a zone.
func (t *Transit) zoneRows(others []other, fl *faults.List) {
	t.byZone = make([]Time, (len(t.grid.scopes)+1)*t.zoneCount)
	type key struct {
		scope Scope
		zone  Zone
	}
	first := map[key]*other{}
	for i := range others {
		o := &others[i]
		s, _ := t.grid.scope(o.scope)
		k := key{s, o.zone}
		if old := first[k]; old == nil {
			first[k] = o
		} else if old.cell != o.cell {
			fl.Addf(o.file, o.line, 0, "days", "leave one of the two rows out", "the same zone and scope take %s here and %s at %s:%d",
				o.says, old.says, old.file, old.line)
		}
	}
	for s := range Scope(len(t.grid.scopes) + 1) {
		for z := range t.zoneCount {
			o := first[key{s, Zone(z)}]
			if o == nil {
				o = first[key{s, 0}]
			}
			if o != nil {
				t.byZone[int(s)*t.zoneCount+z] = Time(o.cell)
			}
		}
	}
}

// Origin returns the origin of a postal code, or NoOrigin and false when no row for pairs covers it.
func (t *Transit) Origin(country, postal string) (Origin, bool) { return t.grid.find(country, postal) }

// Dest resolves a destination for Lookup. It does not allocate.
func (t *Transit) Dest(country, postal string) Dest { return t.grid.dest(country, postal) }

// Scope returns the scope of a name; "" is 0. ok is false when no row is scoped so, and 0 then answers as such a
// scope would.
func (t *Transit) Scope(name string) (s Scope, ok bool) {
	if name == "" {
		return 0, true
	}
	return t.grid.scope(name)
}

// Lookup returns the time in transit of a pair whose zone is known, or 0 where no row holds. It does not allocate.
// zone is of the ZoneSet the table was compiled with; 0 when it is not served or there is none.
func (t *Transit) Lookup(o Origin, d Dest, s Scope, zone Zone) Time {
	if int(zone) >= t.zoneCount {
		zone = 0
	}
	for {
		if at := t.grid.at(o, d, s); at != 0 {
			return Time(at)
		}
		if at := t.byZone[int(s)*t.zoneCount+int(zone)]; at != 0 || s == 0 {
			return at
		}
		s = 0
	}
}

// Histogram returns the days of a Time, nil for 0. It must not be changed.
func (t *Transit) Histogram(at Time) Histogram { return t.histograms[at] }

// Days returns the days to promise for a target probability; see Histogram.Days. ok is false for Time 0.
func (t *Transit) Days(at Time, target units.Probability) (days int, ok bool) {
	if at == 0 {
		return 0, false
	}
	return t.histograms[at].Days(target), true
}

// Sources returns what the files say of themselves, in the order they were given.
func (t *Transit) Sources() []Source { return t.sources }

// Bytes returns the size of the compiled table of pairs.
func (t *Transit) Bytes() int { return t.grid.size() }
