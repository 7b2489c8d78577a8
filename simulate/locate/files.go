package locate

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A File is one that a result is written to.
type File struct {
	Name string
	Text []byte
}

// Files returns a result as files: locate.json with all of it, curve.csv with a row for each number of sites, candidates.csv,
// and sites.geojson, a map of the candidates (RFC 7946). Equal results have equal files.
func (r *Result) Files() ([]File, error) {
	all, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("locate: %w", err)
	}
	places, err := r.places()
	if err != nil {
		return nil, fmt.Errorf("locate: %w", err)
	}
	return []File{{"locate.json", append(all, '\n')}, {"curve.csv", r.curve()}, {"candidates.csv", r.table()}, {"sites.geojson", places}}, nil
}

func table(rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		panic(err) // memory takes all
	}
	return b.Bytes()
}

// curve has a row for each number of sites; the first is the network as it is.
func (r *Result) curve() []byte {
	rows := [][]string{{
		"add", "sites", "saving", "share", "net", "bound", "swaps", "filled", "fill", "cost", "cost_per_order", "on_time_share", "paired", "replayed_saving", "replayed_net",
	}}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	row := func(add int, sites, saving, share, net, bound, swaps string, x *Replay) {
		cells := []string{strconv.Itoa(add), sites, saving, share, net, bound, swaps, "", "", "", "", "", "", "", ""}
		if x != nil {
			copy(cells[7:], []string{
				number(x.Filled), x.Fill.String(), x.Cost.String(), x.PerOrder.String(), x.InTime.String(), number(x.Paired), x.Saving.String(), x.Net.String(),
			})
		}
		rows = append(rows, cells)
	}
	row(0, "", "0.00", "0", "0.00", "0.00", "0", r.Base)
	for i := range r.Steps {
		s := &r.Steps[i]
		var ids []string
		for _, site := range s.Sites {
			ids = append(ids, site.ID)
		}
		row(s.Add, strings.Join(ids, ";"), s.Saving.String(), s.Share.String(), s.Net.String(), s.Bound.String(), strconv.Itoa(s.Swaps), s.Replay)
	}
	return table(rows)
}

func (r *Result) table() []byte {
	rows := [][]string{{"id", "h3", "country", "postal_code", "state", "latitude", "longitude", "orders", "saving", "ships", "reaches", "chosen_from"}}
	for i := range r.Candidates {
		c := &r.Candidates[i]
		chosen := ""
		if n := r.chosen(c.ID); len(n) > 0 {
			chosen = strconv.Itoa(n[0])
		}
		rows = append(rows, []string{
			c.ID, c.Cell, c.Country, c.Postal, c.State, degrees(c.Point.Lat), degrees(c.Point.Lng), strconv.FormatInt(c.Orders, 10), c.Saving.String(),
			strconv.FormatInt(c.Ships, 10), strconv.FormatInt(c.Reaches, 10), chosen,
		})
	}
	return table(rows)
}

// chosen are the numbers of sites with which a candidate is among them.
func (r *Result) chosen(id string) []int {
	out := []int{}
	for _, s := range r.Steps {
		if slices.ContainsFunc(s.Sites, func(x Site) bool { return x.ID == id }) {
			out = append(out, s.Add)
		}
	}
	return out
}

func degrees(d float64) string { return strconv.FormatFloat(d, 'f', 5, 64) }

// places is the map: a point for each candidate.
func (r *Result) places() ([]byte, error) {
	type geometry struct {
		Type        string         `json:"type"`
		Coordinates [2]json.Number `json:"coordinates"`
	}
	type properties struct {
		Candidate
		Chosen []int `json:"chosen"` // numbers of sites with which it is among them
	}
	type feature struct {
		Type       string     `json:"type"`
		ID         string     `json:"id"`
		Geometry   geometry   `json:"geometry"`
		Properties properties `json:"properties"`
	}
	b := []byte("{\"type\":\"FeatureCollection\",\"features\":[")
	for i := range r.Candidates {
		c := &r.Candidates[i]
		raw, err := json.Marshal(feature{
			"Feature", c.ID, geometry{"Point", [2]json.Number{json.Number(degrees(c.Point.Lng)), json.Number(degrees(c.Point.Lat))}}, properties{*c, r.chosen(c.ID)},
		})
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, '\n'), raw...)
	}
	return append(b, "\n]}\n"...), nil
}
