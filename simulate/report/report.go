package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/report/svg"
	"github.com/allot-engine/allot/units"
)

//go:embed page.html
var pageText string

// How many rows of a table the page shows; compare.json and the CSV files have more.
const (
	shownMoves  = 15
	shownParts  = 15
	shownBands  = 12
	shownCharts = 12
)

// Write draws a comparison as one HTML page. Its errors are those of w. Names of warehouses, services, SKUs and runs may hold
// anything: they are text on the page.
func Write(w io.Writer, c *compare.Comparison) error {
	p := &page{Comparison: c}
	t, err := template.New("page").Funcs(p.functions()).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for i := range c.Runs {
		p.Sections = append(p.Sections, p.section(i))
	}
	return t.Execute(w, p)
}

// A page is what the template draws.
type page struct {
	*compare.Comparison
	Sections []section

	ids int
}

// A section is one run as the template draws it.
type section struct {
	*compare.Against
	ID        string
	Tiles     []compare.Figure
	Terms     []compare.Figure // figures of the cost's terms that are not zero in both
	Others    []compare.Figure // the rest
	Axis      float64          // end of the axes of relative changes
	Moved     []compare.Move   // orders that moved
	Switched  []compare.Move   // to another service
	Waterfall []compare.Step
	WaterSVG  template.HTML
	Map       template.HTML
	Legend    []key
	MapNote   string
	Flow      template.HTML
	CostSVG   template.HTML
	Charts    []chart
	States    []compare.Part
	Cells     []compare.Part
	SKUs      []compare.Part
}

// A chart is one of many small ones.
type chart struct {
	Name string
	SVG  template.HTML
}

var tileNames = []string{"cost_per_order", "total_cost", "filled_share", "on_time_share", "late_share", "split_share"}

func (p *page) section(i int) section {
	a := &p.Runs[i]
	s := section{Against: a, ID: fmt.Sprintf("run-%d", i+1), Waterfall: a.Waterfall}
	for _, name := range tileNames {
		for _, f := range a.Figures {
			if f.Name == name {
				s.Tiles = append(s.Tiles, f)
			}
		}
	}
	var sizes []float64
	for _, f := range a.Figures {
		zero := (f.Base.Value == 0 || !f.Base.Value.Defined()) && (f.Run.Value == 0 || !f.Run.Value.Defined())
		switch {
		case strings.HasPrefix(f.Name, "cost_") && f.Name != "cost_per_order":
			if !zero {
				s.Terms = append(s.Terms, f)
			}
		default:
			s.Others = append(s.Others, f)
		}
		if f.Relative.Value.Defined() && !zero {
			sizes = append(sizes, math.Abs(float64(f.Relative.Value)))
		}
	}
	s.Axis = 0.01
	if len(sizes) > 0 {
		slices.Sort(sizes)
		s.Axis = svg.Nice(max(sizes[len(sizes)*3/4], 0.01))
	}
	if !p.Single {
		s.WaterSVG = p.waterfall(a.Waterfall)
		s.Moved, s.Switched = moved(a.Moves.Rows), moved(a.Services.Rows)
		if len(s.Moved) > 0 {
			s.Flow = p.flow(s.Moved[:min(len(s.Moved), shownBands)])
		}
	}
	s.Map, s.Legend, s.MapNote = p.cells(&a.Cells, p.Currency)
	s.States, s.Cells, s.SKUs = top(a.States.Rows), top(a.Cells.Rows), top(a.SKUs.Rows)
	s.CostSVG = p.costByDay(a)
	s.Charts = p.loads(a)
	return s
}

func moved(rows []compare.Move) []compare.Move {
	var list []compare.Move
	for _, m := range rows {
		if m.From != m.To && len(list) < shownMoves {
			list = append(list, m)
		}
	}
	return list
}

func top(rows []compare.Part) []compare.Part { return rows[:min(len(rows), shownParts)] }

func (p *page) costByDay(a *compare.Against) template.HTML {
	var dates []units.Date
	base, run := line{class: "base"}, line{class: "run"}
	for _, d := range a.Days {
		dates = append(dates, d.Date)
		base.values = append(base.values, float64(d.Base)/float64(units.Currency))
		run.values = append(run.values, float64(d.Run)/float64(units.Currency))
	}
	lines := []line{base, run}
	if p.Single {
		lines = lines[1:]
	}
	return p.byDay("chart", 975, 240, "Cost by day of ordering", "The base is the dashed line, the run the full one. The table after it has each day.", dates, lines,
		func(v float64) string { return svg.Grouped(strconv.FormatFloat(v, 'f', -1, 64), 0) })
}

// loads draws what warehouses ship by day, the busiest ones.
func (p *page) loads(a *compare.Against) []chart {
	sites := slices.Clone(a.Sites)
	slices.SortStableFunc(sites, func(x, y compare.Site) int { return int(max(y.Base, y.Run) - max(x.Base, x.Run)) })
	var charts []chart
	for _, site := range sites[:min(len(sites), shownCharts)] {
		var dates []units.Date
		lines := []line{{class: "base"}, {class: "run"}, {class: "limit"}}
		limit := func(n *int64) float64 {
			if n == nil {
				return math.NaN()
			}
			return float64(*n)
		}
		for _, l := range a.Loads {
			if l.Warehouse != site.Warehouse {
				continue
			}
			dates = append(dates, l.Date)
			lines[0].values = append(lines[0].values, float64(l.Base))
			lines[1].values = append(lines[1].values, float64(l.Run))
			c := l.RunCapacity
			if c == nil {
				c = l.BaseCapacity
			}
			lines[2].values = append(lines[2].values, limit(c))
		}
		if p.Single {
			lines = lines[1:]
		}
		charts = append(charts, chart{site.Warehouse, p.byDay("small", 330, 130, "Shipments by day from "+site.Warehouse,
			"The base is the dashed line, the run the full one, capacity the dotted one. The table after the charts has totals and peaks.", dates, lines,
			func(v float64) string { return svg.Grouped(strconv.FormatFloat(v, 'f', -1, 64), 0) })})
	}
	return charts
}

// A cell is a number in a table: as compare.json has it, and as people read it.
type cell struct{ Raw, Text string }

func (p *page) functions() template.FuncMap {
	return template.FuncMap{
		"money":  func(m units.Money) cell { return cell{m.String(), amount(m, 2)} },
		"change": func(m units.Money) cell { return cell{m.String(), signed(m, 2)} },
		"price":  func(m units.Money) cell { return cell{m.String(), amount(m, 4)} },
		"each":   func(m units.Money) cell { return cell{m.String(), signed(m, 4)} }, // a change an order
		"count":  func(n int64) cell { return cell{strconv.FormatInt(n, 10), svg.Grouped(strconv.FormatInt(n, 10), 0)} },
		"more": func(n int64) cell {
			text := svg.Grouped(strconv.FormatInt(n, 10), 0)
			if n > 0 {
				text = "+" + text
			}
			return cell{strconv.FormatInt(n, 10), text}
		},
		"share": func(n compare.Number) cell { return cell{raw(n), percent(n, false)} },
		"level": func(f compare.Figure, e compare.Estimate) cell {
			return cell{raw(e.Value), p.text(f, float64(e.Value), false)}
		},
		"diff": func(f compare.Figure, e compare.Estimate) cell {
			return cell{raw(e.Value), p.text(f, float64(e.Value), true)}
		},
		"relative": func(e compare.Estimate) cell { return cell{raw(e.Value), percent(e.Value, true)} },
		"low":      func(f compare.Figure, e compare.Estimate, signed bool) cell { return p.bound(f, e, signed, true) },
		"high":     func(f compare.Figure, e compare.Estimate, signed bool) cell { return p.bound(f, e, signed, false) },
		"word":     word,
		"forest":   func(f compare.Figure, axis float64) template.HTML { return p.forest(f.Relative, f.Better, axis) },
		"percent":  func(f float64) string { return strconv.FormatFloat(100*f, 'g', 6, 64) + " %" },
		"place": func(s string) string {
			if s == "" {
				return "not known"
			}
			return svg.Clean(s)
		},
		"clean": svg.Clean,
		"style": func() template.CSS { return svg.Style },
		"step":  stepName,
		"list":  func(lists ...[]compare.Figure) [][]compare.Figure { return lists },
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[pairs[i].(string)] = pairs[i+1]
			}
			return m
		},
	}
}

func (p *page) bound(f compare.Figure, e compare.Estimate, signed, low bool) cell {
	if e.Interval == nil {
		return cell{}
	}
	v := e.Interval.High
	if low {
		v = e.Interval.Low
	}
	return cell{raw(compare.Number(v)), p.text(f, v, signed)}
}

// stepName tells the ends of a waterfall from a term of cost of the same name.
func stepName(s compare.Step) string {
	if s.Kind == "base" || s.Kind == "run" {
		return "total of " + svg.Clean(s.Name)
	}
	return svg.Clean(s.Name)
}

// word says what a change is to whoever does not see it.
func word(f compare.Figure) string {
	switch {
	case f.Change.Value == 0:
		return "same"
	case !f.Change.Clear():
		return "not clear"
	case f.Better == 0:
		return "changed"
	case (f.Change.Value > 0) == (f.Better > 0):
		return "better"
	}
	return "worse"
}

func raw(n compare.Number) string {
	if !n.Defined() {
		return ""
	}
	return strconv.FormatFloat(float64(n), 'g', -1, 64)
}

// text writes a figure for people.
func (p *page) text(f compare.Figure, v float64, sign bool) string {
	if math.IsNaN(v) {
		return "–"
	}
	plus := ""
	if sign && v > 0 {
		plus = "+"
	}
	switch f.Unit {
	case compare.Share:
		if sign {
			return plus + minus(strconv.FormatFloat(100*v, 'f', 3, 64)) + " pp"
		}
		return strconv.FormatFloat(100*v, 'f', 2, 64) + " %"
	case compare.MoneyUnit:
		if f.Name == "total_cost" {
			return plus + svg.Grouped(strconv.FormatFloat(v, 'f', 2, 64), 2)
		}
		return plus + svg.Grouped(strconv.FormatFloat(v, 'f', 4, 64), 4)
	case compare.Km, compare.Grams:
		return plus + svg.Grouped(strconv.FormatFloat(v, 'f', 1, 64), 1) + " " + string(f.Unit)
	case compare.DaysUnit:
		return plus + minus(strconv.FormatFloat(v, 'f', 3, 64)) + " days"
	}
	return plus + minus(strconv.FormatFloat(v, 'f', 4, 64))
}

func percent(n compare.Number, sign bool) string {
	if !n.Defined() {
		return "–"
	}
	plus := ""
	if sign && n > 0 {
		plus = "+"
	}
	return plus + minus(strconv.FormatFloat(100*float64(n), 'f', 2, 64)) + " %"
}

func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

// amount writes money rounded to so many decimals.
func amount(m units.Money, places int) string {
	minor := units.Currency
	for range places {
		minor /= 10
	}
	return svg.Grouped(m.RoundTo(minor).String(), places)
}

// signed writes a change of money with so many decimals.
func signed(m units.Money, places int) string {
	text := amount(m, places)
	if m > 0 {
		return "+" + text
	}
	return text
}
