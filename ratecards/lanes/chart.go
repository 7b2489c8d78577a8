package lanes

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// A Source says what a file holds: the two note lines at its top.
type Source struct {
	File      string     // path, for faults; not written
	Text      string     // where the figures were published, one line; "" unknown
	Effective units.Date // first day they hold; 0 unknown
}

// A Chart is one zone file as read.
type Chart struct {
	Source
	Rows []ZoneRow
}

// A ZoneRow is one line of a chart; see the package comment for its meaning.
type ZoneRow struct {
	OriginCountry string // ISO 3166 alpha-2
	Origin        Range
	Country       string // of the destination, ISO 3166 alpha-2
	Destination   Range
	Zone          string // the carrier's name, or NotServed
	Scope         string // "" for every service
	Notes         string // the published marks
	Line          int    // in the file, from 1; not written
}

// NotServed stands in the zone column for a pair that the carrier refuses.
const NotServed = "-"

// MaxName is the greatest length of a zone's name in bytes.
const MaxName = 16

// lane columns, common to charts and transit files
var laneColumns = []table.Column{{Name: "origin_country"}, {Name: "country"}, {Name: "origin"}, {Name: "destination"}, {Name: "scope"}}

// ReadZones reads a chart. Every fault is added to fl, and the rows without one are returned.
func ReadZones(file string, r io.Reader, fl *faults.List) *Chart {
	src, t := readSourced(file, r, append([]table.Column{{Name: "zone", Required: true}, {Name: "notes"}}, laneColumns...), fl)
	c := &Chart{Source: src, Rows: make([]ZoneRow, 0, t.Len())}
	for row := range t.Rows() {
		before := fl.Len()
		z := ZoneRow{Zone: row.Required("zone"), Scope: row.Text("scope"), Notes: row.Text("notes"), Line: row.Line()}
		row.Required("origin")
		row.Required("destination")
		z.OriginCountry, z.Origin = readPlaces(row, "origin_country", "origin")
		z.Country, z.Destination = readPlaces(row, "country", "destination")
		checkName(row, "zone", z.Zone)
		if fl.Len() == before {
			c.Rows = append(c.Rows, z)
		}
	}
	return c
}

// checkName adds a fault for a zone name that is too long.
func checkName(row *table.Row, col, name string) {
	if len(name) > MaxName {
		row.Fault(col, fmt.Sprintf("shorten it to %d bytes", MaxName), "the zone name %q is too long", clip(name))
	}
}

// readPlaces reads a country, by default US, and a range of its postal codes.
func readPlaces(row *table.Row, countryCol, rangeCol string) (string, Range) {
	country := readCountry(row, countryCol)
	if !row.Has(rangeCol) {
		return country, Range{}
	}
	r, err := ParseRange(row.Text(rangeCol))
	if err != nil {
		row.Fault(rangeCol, "", "%v", err)
		return country, Range{}
	}
	if nation(country) == home {
		if _, _, ok := r.zips(); !ok {
			row.Fault(rangeCol, "write one to five digits", "%q is no range of US ZIP codes", clip(row.Text(rangeCol)))
		}
	}
	return country, r
}

func readCountry(row *table.Row, col string) string {
	country := strings.ToUpper(row.Text(col))
	if country == "" {
		return home
	}
	if len(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z' {
		row.Fault(col, "write two letters, as US", "%q is no ISO 3166 country code", clip(row.Text(col)))
		return home
	}
	return country
}

// readSourced reads a table and the note lines before its header.
func readSourced(file string, r io.Reader, columns []table.Column, fl *faults.List) (Source, *table.Table) {
	src := Source{File: file}
	br := bufio.NewReader(r)
	var seen bytes.Buffer // the note lines, given back to the table so that its line numbers stay right
	for line := 1; ; line++ {
		first, err := br.Peek(1)
		if line == 1 {
			if bom, _ := br.Peek(3); string(bom) == "\xef\xbb\xbf" {
				_, _ = br.Discard(3) // as peeked, it is there
				first, err = br.Peek(1)
			}
		}
		if err != nil || first[0] != '#' {
			break
		}
		text, err := br.ReadString('\n')
		seen.WriteString(text)
		key, value, _ := strings.Cut(strings.TrimLeft(text, "# "), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "source":
			src.Text = value
		case "effective":
			date, bad := units.ParseDate(value)
			if bad != nil {
				fl.Addf(file, line, 0, "effective", "", "%v", bad)
			}
			src.Effective = date
		}
		if err != nil {
			break
		}
	}
	return src, table.Read(file, io.MultiReader(&seen, br), columns, fl)
}

// writeSourced writes the note lines and a table. Columns that no row fills are left out, but for those in keep.
func writeSourced(w io.Writer, src Source, header []string, keep int, rows [][]string) error {
	var head strings.Builder
	if src.Effective != 0 {
		head.WriteString("# effective: " + src.Effective.String() + "\n")
	}
	if text := strings.Join(strings.Fields(src.Text), " "); text != "" {
		head.WriteString("# source: " + text + "\n")
	}
	if _, err := io.WriteString(w, head.String()); err != nil {
		return err
	}
	filled := make([]bool, len(header))
	for i := range header {
		filled[i] = i < keep
		for _, row := range rows {
			filled[i] = filled[i] || row[i] != ""
		}
	}
	cw := csv.NewWriter(w)
	for _, row := range append([][]string{header}, rows...) {
		var kept []string
		for i, field := range row {
			if filled[i] {
				kept = append(kept, field)
			}
		}
		if err := cw.Write(kept); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// Write writes the chart in the form ReadZones reads, rows in their order. The same chart gives the same bytes.
func (c *Chart) Write(w io.Writer) error {
	rows := make([][]string, len(c.Rows))
	for i, z := range c.Rows {
		rows[i] = []string{z.Origin.String(), z.Destination.String(), z.Zone, z.Scope, z.Notes, foreign(z.OriginCountry), foreign(z.Country)}
	}
	return writeSourced(w, c.Source, []string{"origin", "destination", "zone", "scope", "notes", "origin_country", "country"}, 3, rows)
}

// foreign returns a country as it is written: the default is left out.
func foreign(country string) string {
	if country == home {
		return ""
	}
	return country
}

// Find returns the row of the charts that holds for a pair, or nil when none does. It looks at every row and picks by
// the rules of the package comment: it is the specification of ZoneSet.Lookup, and serves to show a reader the
// published line. scope is a scope's name, "" for none in particular.
func Find(charts []*Chart, originCountry, origin, country, postal, scope string) *ZoneRow {
	originCountry, country = nation(originCountry), nation(country)
	if country == home {
		if _, ok := zip5(postal); !ok {
			return nil
		}
	}
	var best *ZoneRow
	for _, c := range charts {
		for i := range c.Rows {
			z := &c.Rows[i]
			if nation(z.OriginCountry) == originCountry && nation(z.Country) == country && (z.Scope == "" || z.Scope == scope) &&
				z.Origin.Has(origin) && z.Destination.Has(postal) && (best == nil || better(z, best)) {
				best = z
			}
		}
	}
	return best
}

// better tells whether a wins over b where both hold.
func better(a, b *ZoneRow) bool {
	if x, y := len(a.Origin.Lo), len(b.Origin.Lo); x != y {
		return x > y
	}
	if x, y := len(a.Destination.Lo), len(b.Destination.Lo); x != y {
		return x > y
	}
	return a.Scope != "" && b.Scope == ""
}
