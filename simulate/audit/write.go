package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/units"
)

// Columns are those of audit.csv. Shares are parts of 1; days is a histogram, as "2:31 3:9": 31 shipments took two days.
var Columns = []string{
	"level", "carrier", "service", "from", "to", "shipments", "delivered", "planned", "late", "late_share", "late_low", "late_high",
	"lost", "lost_share", "lost_low", "lost_high", "damaged", "damaged_share", "damaged_low", "damaged_high", "mean_days", "days",
}

func share(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

// DaysText prints the histogram of a group, as "2:31 3:9".
func (g *Group) DaysText() string {
	var b strings.Builder
	for days, n := range g.Days {
		if n > 0 {
			fmt.Fprintf(&b, "%d:%d ", days, n)
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}

// WriteCSV writes the groups, one row each, as Columns say.
func (a *Audit) WriteCSV(w io.Writer) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(Columns); err != nil {
		return err
	}
	for i := range a.Groups {
		g := &a.Groups[i]
		row := []string{g.Level, g.Carrier, g.Service, g.From, g.To, strconv.Itoa(g.Shipments), strconv.Itoa(g.Delivered), strconv.Itoa(g.Planned)}
		for _, x := range []struct {
			n int
			s Share
		}{{g.Late, g.LateShare}, {g.Lost, g.LostShare}, {g.Damaged, g.DamagedShare}} {
			row = append(row, strconv.Itoa(x.n), share(x.s.Value), share(x.s.Low), share(x.s.High))
		}
		row = append(row, strconv.FormatFloat(g.MeanDays(), 'f', 3, 64), g.DaysText())
		if err := cw.Write(row); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// The JSON of an audit.
type (
	jsonAudit struct {
		Network   string      `json:"network,omitempty"`
		Shipments int         `json:"shipments"`
		First     units.Date  `json:"firstShipDate"`
		Last      units.Date  `json:"lastShipDate"`
		Groups    []jsonGroup `json:"groups"`
		Transit   []jsonTable `json:"transit"`
		Notes     []string    `json:"notes"`
	}
	jsonGroup struct {
		Level     string         `json:"level"`
		Carrier   string         `json:"carrier"`
		Service   string         `json:"service,omitempty"`
		From      string         `json:"from,omitempty"`
		To        string         `json:"to,omitempty"`
		Shipments int            `json:"shipments"`
		Delivered int            `json:"delivered"`
		Planned   int            `json:"planned"`
		Late      jsonShare      `json:"late"`
		Lost      jsonShare      `json:"lost"`
		Damaged   jsonShare      `json:"damaged"`
		MeanDays  json.Number    `json:"meanDays"`
		Days      map[string]int `json:"days"`
	}
	jsonShare struct {
		Count int         `json:"count"`
		Share json.Number `json:"share"`
		Low   json.Number `json:"low"`
		High  json.Number `json:"high"`
	}
	jsonTable struct {
		File     string `json:"file"`
		Rows     int    `json:"rows"`
		Measured int    `json:"measured"`
	}
)

func shareJSON(n int, s Share) jsonShare {
	return jsonShare{n, json.Number(share(s.Value)), json.Number(share(s.Low)), json.Number(share(s.High))}
}

// MarshalJSON returns what audit.json holds.
func (a *Audit) MarshalJSON() ([]byte, error) {
	out := jsonAudit{Network: a.Network, Shipments: a.Shipments, First: a.First, Last: a.Last, Groups: []jsonGroup{}, Transit: []jsonTable{}, Notes: append([]string{}, a.Notes...)}
	for i := range a.Groups {
		g := &a.Groups[i]
		days := map[string]int{}
		for d, n := range g.Days {
			if n > 0 {
				days[strconv.Itoa(d)] = n
			}
		}
		out.Groups = append(out.Groups, jsonGroup{
			g.Level, g.Carrier, g.Service, g.From, g.To, g.Shipments, g.Delivered, g.Planned, shareJSON(g.Late, g.LateShare), shareJSON(g.Lost, g.LostShare),
			shareJSON(g.Damaged, g.DamagedShare), json.Number(strconv.FormatFloat(g.MeanDays(), 'f', 3, 64)), days,
		})
	}
	for _, t := range a.Transit {
		out.Transit = append(out.Transit, jsonTable{"transit/" + t.Name + ".csv", len(t.Table.Rows), t.Measured})
	}
	return json.Marshal(out)
}

// A File is one that an audit is written to.
type File struct {
	Name  string // a path, with slashes
	Write func(io.Writer) error
}

// Files returns an audit as files: audit.csv, audit.json and the tables in transit/*.csv.
func (a *Audit) Files() []File {
	files := []File{{"audit.csv", a.WriteCSV}, {"audit.json", func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(a)
	}}}
	for _, t := range a.Transit {
		files = append(files, File{"transit/" + t.Name + ".csv", t.Table.Write})
	}
	return files
}
