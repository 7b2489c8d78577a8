package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/report/svg"
	"github.com/allot-engine/allot/units"
)

func (p *page) begin(class string, width, height int, title, desc string) *svg.Drawing {
	p.ids++
	if class == "map" { // cells reach over its edges
		const margin = 20
		return svg.New(p.ids, class, -margin, -margin, width+2*margin, height+2*margin, title, desc)
	}
	return svg.New(p.ids, class, 0, 0, width, height, title, desc)
}

// dearer and cheaper are told by hatching, too.
func direction(change int64) string {
	switch {
	case change > 0:
		return "up"
	case change < 0:
		return "down"
	}
	return "same"
}

// folded is the kind of a step that stands for several.
const folded = "folded"

// fold makes one step of the terms that are too small to be seen, where there are several; the table has them one by one.
func fold(steps []compare.Step) []compare.Step {
	whole := units.Money(0)
	small := func(s compare.Step) bool { return s.Kind == "term" && 100*max(s.Amount, -s.Amount) < whole }
	for _, s := range steps[1 : len(steps)-1] {
		whole += max(s.Amount, -s.Amount)
	}
	first := slices.IndexFunc(steps, small)
	if first < 0 { // terms come by size, so those after the first small one are small, too
		return steps
	}
	last := first
	for last+1 < len(steps) && small(steps[last+1]) {
		last++
	}
	if last-first < 2 {
		return steps
	}
	one := compare.Step{Name: fmt.Sprintf("%d smaller terms", last-first+1), Kind: folded, Level: steps[last].Level}
	for _, s := range steps[first : last+1] {
		one.Amount += s.Amount
	}
	return slices.Replace(slices.Clone(steps), first, last+1, one)
}

func (p *page) waterfall(steps []compare.Step) template.HTML {
	steps = fold(steps)
	const row, left, right, width = 24, 250, 800, 975
	low, high := units.Money(math.MaxInt64), units.Money(math.MinInt64)
	for _, s := range steps {
		low, high = min(low, s.Level), max(high, s.Level)
	}
	low, high = low-(high-low)/8-1, high+(high-low)/20+1
	if float64(low) < 0.4*float64(high) {
		low = min(0, low)
	}
	x := func(m units.Money) float64 { return left + (right-left)*float64(m-low)/float64(high-low) }
	d := p.begin("chart", width, row*len(steps)+24, "Where the change of the total cost comes from",
		"One bar a step, from the base's total cost at the top to the run's at the bottom. The table after it has each of them.")
	level := units.Money(0)
	for i, s := range steps {
		y := i * row
		from, to := level, s.Level
		class := direction(int64(s.Amount))
		if s.Kind == "base" || s.Kind == "run" {
			from, class = low, "total"
		}
		d.Add(`<text x="%d" y="%d" text-anchor="end">%s<title>%s</title></text>`, left-10, y+16, svg.Short(stepName(s), 32), stepName(s))
		a, b := min(x(from), x(to)), max(x(from), x(to))
		d.Add(`<rect class="bar %s" x="%.1f" y="%d" width="%.1f" height="16"/>`, class, a, y+4, max(b-a, 1.5))
		if class != "total" {
			d.Add(`<rect class="hatch %s" x="%.1f" y="%d" width="%.1f" height="16"/>`, class, a, y+4, max(b-a, 1.5))
		}
		if i+1 < len(steps) {
			d.Add(`<path class="link" d="M%.1f %dv8"/>`, x(to), y+20)
		}
		text := signed(s.Amount, 2)
		switch {
		case class == "total":
			text = amount(s.Amount, 2)
		case s.Kind == folded:
			text = "see the table"
		}
		d.Add(`<text x="%d" y="%d" text-anchor="end" class="num">%s</text>`, width-4, y+16, text)
		level = s.Level
	}
	if low > 0 {
		d.Add(`<text x="%d" y="%d" class="note">bars begin at %s, not at zero</text>`, left, row*len(steps)+16, amount(low, 0))
	}
	return d.End()
}

// A line is a series of a chart by day; NaN where there is none.
type line struct {
	class  string
	values []float64
}

// byDay draws series over days, from zero up.
func (p *page) byDay(class string, width, height int, title, desc string, dates []units.Date, lines []line, label func(float64) string) template.HTML {
	const left, top, bottom = 60, 10, 22
	d := p.begin(class, width, height, title, desc)
	if len(dates) == 0 {
		return d.End()
	}
	high, limit := 0.0, 0.0
	for _, l := range lines {
		for _, v := range l.values {
			if l.class == "limit" && v > limit {
				limit = v
			} else if l.class != "limit" && v > high {
				high = v
			}
		}
	}
	if limit <= 3*high { // else the loads would be lines on the ground
		high, limit = max(high, limit), 0
	}
	high = svg.Nice(max(high, 1))
	if limit > 0 {
		d.Add(`<text class="tick" text-anchor="end" x="%d" y="%d">capacity up to %s, above the chart</text>`, width-12, top+12, label(limit))
	}
	span := max(float64(dates[len(dates)-1]-dates[0]), 1)
	x := func(date units.Date) float64 { return left + (float64(width)-left-12)*float64(date-dates[0])/span }
	y := func(v float64) float64 {
		return float64(height) - bottom - (float64(height)-bottom-top)*v/high
	}
	for _, v := range []float64{0, high / 2, high} {
		d.Add(`<path class="grid" d="M%d %.1fH%d"/><text class="tick" text-anchor="end" x="%d" y="%.1f">%s</text>`, left, y(v), width-12, left-5, y(v)+4, label(v))
	}
	d.Add(`<text class="tick" x="%d" y="%d">%s</text><text class="tick" text-anchor="end" x="%d" y="%d">%s</text>`,
		left, height-5, dates[0].String(), width-12, height-5, dates[len(dates)-1].String())
	for _, l := range lines {
		var path strings.Builder
		pen := "M"
		for i, v := range l.values {
			if math.IsNaN(v) || v > high {
				pen = "M"
				continue
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", pen, x(dates[i]), y(v))
			if pen = "L"; len(l.values) == 1 {
				fmt.Fprintf(&path, "h4")
			}
		}
		if path.Len() > 0 {
			d.Add(`<path class="line %s" d="%s"/>`, l.class, path.String())
		}
	}
	return d.End()
}

// flow draws where orders went, as bands from left to right.
func (p *page) flow(moves []compare.Move) template.HTML {
	const width, height, gap, least, left, right = 975, 380, 6, 13, 250, 725 // least: height of a name
	total, from, to := int64(0), map[string]int64{}, map[string]int64{}
	for i := range moves {
		total += moves[i].Orders
		from[moves[i].From] += moves[i].Orders
		to[moves[i].To] += moves[i].Orders
	}
	d := p.begin("chart", width, height, "Which orders moved from where to where", "Bands from the base's answer on the left to the run's on the right, as wide as the orders that moved. The table after it has the same numbers.")
	scale := float64(height-20-(gap+least)*max(len(from), len(to))) / float64(max(total, 1))
	stack := func(sizes map[string]int64, x int, anchor string, text int) map[string]float64 {
		names := make([]string, 0, len(sizes))
		for name := range sizes {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sizes[b], sizes[a]), strings.Compare(a, b)) })
		at, y := map[string]float64{}, 10.0
		for _, name := range names {
			h := float64(sizes[name]) * scale
			at[name] = y
			d.Add(`<rect class="node" x="%d" y="%.1f" width="10" height="%.1f"/><text x="%d" y="%.1f" text-anchor="%s">%s<title>%s</title></text>`,
				x, y, max(h, 1), text, y+max(h/2, 3)+4, anchor, svg.Short(name, 34), name)
			y += max(h, least) + gap
		}
		return at
	}
	leftAt, rightAt := stack(from, left, "end", left-8), stack(to, right-10, "start", right+8)
	for i := range moves {
		m := &moves[i]
		h := float64(m.Orders) * scale
		a, b := leftAt[m.From], rightAt[m.To]
		leftAt[m.From], rightAt[m.To] = a+h, b+h
		middle := (left + right) / 2
		shape := fmt.Sprintf("M%d %.1fC%d %.1f %d %.1f %d %.1fV%.1fC%d %.1f %d %.1f %d %.1fZ", left+10, a, middle, a, middle, b, right-10, b, b+h, middle, b+h, middle, a+h, left+10, a+h)
		for _, class := range []string{"band", "hatch"} {
			d.Add(`<path class="%s %s" d="%s"><title>%s to %s: %s orders, %s</title></path>`, class, direction(int64(m.Change)), shape, m.From, m.To, svg.Grouped(fmt.Sprint(m.Orders), 0), signed(m.Change, 2))
		}
	}
	return d.End()
}

// A scale puts values into classes: -3 to 3 of a change, 1 to 5 of a level.
type scale struct {
	single bool
	limits []float64 // ascending: of changes their size, of levels where the next class begins
}

func newScale(values []float64, single bool) scale {
	sizes := slices.Clone(values)
	if !single {
		for i := range sizes {
			sizes[i] = math.Abs(sizes[i])
		}
	}
	slices.Sort(sizes)
	if len(sizes) == 0 {
		sizes = []float64{1}
	}
	at := func(share float64) float64 { return sizes[int(share*float64(len(sizes)-1))] }
	if single {
		return scale{true, []float64{at(0.2), at(0.4), at(0.6), at(0.8)}}
	}
	top := svg.Nice(max(at(0.9), 0.01))
	return scale{false, []float64{top / 4, top / 2}}
}

func (s scale) class(v float64) int {
	if s.single {
		c := 1
		for _, l := range s.limits {
			if v > l {
				c++
			}
		}
		return c
	}
	c := 1
	for _, l := range s.limits {
		if math.Abs(v) > l {
			c++
		}
	}
	switch {
	case v == 0:
		return 0
	case v < 0:
		return -c
	}
	return c
}

func className(c int) string {
	if c < 0 {
		return fmt.Sprintf("m%d", -c)
	}
	return fmt.Sprintf("p%d", c)
}

// mark says a class without colour.
func (s scale) mark(c int) string {
	switch {
	case s.single:
		return fmt.Sprint(c)
	case c < 0:
		return strings.Repeat("−", -c)
	}
	return strings.Repeat("+", c)
}

// on is the class of a mark that stands on a class's colour.
func (s scale) on(c int) string {
	if s.single {
		return []string{"", "", "", "on2", "on2", "on3"}[c]
	}
	return []string{"", "", "on2", "on3"}[max(c, -c)]
}

// A key is a line of a legend.
type key struct{ Class, On, Mark, Text string }

func (s scale) legend() []key {
	var rows []key
	add := func(c int, text string) {
		name := className(c)
		if s.single {
			name = fmt.Sprintf("s%d", c)
		}
		rows = append(rows, key{name, s.on(c), s.mark(c), text})
	}
	if s.single {
		for c := range 5 {
			switch c {
			case 0:
				add(1, fmt.Sprintf("up to %.2f", s.limits[0]))
			case 4:
				add(5, fmt.Sprintf("over %.2f", s.limits[3]))
			default:
				add(c+1, fmt.Sprintf("to %.2f", s.limits[c]))
			}
		}
		return rows
	}
	a, b := trim(s.limits[0]), trim(s.limits[1])
	add(-3, "cheaper by over "+b)
	add(-2, "by "+a+" to "+b)
	add(-1, "by up to "+a)
	add(0, "same")
	add(1, "dearer by up to "+a)
	add(2, "by "+a+" to "+b)
	add(3, "by over "+b)
	return rows
}

func trim(f float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", f), "0"), ".")
}

// cells draws the map.
func (p *page) cells(parts *compare.Parts, currency string) (drawn template.HTML, legend []key, note string) {
	all, us, hidden := tiles(parts.Rows)
	if len(all) == 0 {
		return "", nil, "No order says where it goes, so there is no map."
	}
	value := func(t tile) (float64, bool) {
		if p.Single {
			return float64(t.part.RunEach) / float64(units.Currency), t.part.RunFilled > 0
		}
		return float64(t.part.AlikeEach) / float64(units.Currency), t.part.Both > 0
	}
	var values []float64
	for _, t := range all {
		if v, ok := value(t); ok {
			values = append(values, v)
		}
	}
	s := newScale(values, p.Single)
	title := "By how much an order costs more or less, by region"
	if p.Single {
		title = "What an order costs, by region"
	}
	d := p.begin("map", mapWidth, mapHeight, title, "Hexagons are H3 cells. Plus signs are dearer, minus signs cheaper, the more the more; the tables after it list the largest changes.")
	for _, t := range all {
		v, ok := value(t)
		class, mark, on, money := "none", "", "", "not filled in both runs"
		if ok {
			c := s.class(v)
			class, mark, on = className(c), s.mark(c), s.on(c)
			money = signed(t.part.AlikeEach, 2) + " " + currency + " an order"
			if p.Single {
				class = fmt.Sprintf("s%d", c)
				money = amount(t.part.RunEach, 2) + " " + currency + " an order"
			}
		}
		raw, n := t.part.AlikeEach.String(), t.part.Both
		if p.Single {
			raw, n = t.part.RunEach.String(), t.part.RunFilled
		}
		d.Add(`<path class="cell %s" d="%s" data-value="%s"><title>%s: %s, %d orders</title></path>`, class, t.path, raw, t.part.Key, money, n)
		if mark != "" && t.size > 16 {
			d.Add(`<text class="mark %s" x="%.1f" y="%.1f" aria-hidden="true">%s</text>`, on, t.x, t.y+3.5, mark)
		}
	}
	if us {
		d.Add(`<path class="frame" d="M0 470H150L210 530V610M210 530H330L340 540V610"/>`)
		d.Add(`<path class="border" d="%s"/>`, bordersPath())
	}
	switch {
	case parts.Rest != nil:
		note = fmt.Sprintf("The map shows the %d cells that changed most of %d; compare_cells.csv has all. ", len(all), parts.Count)
	case !us:
		note = "The orders lie outside of the map of the US, so cells are drawn by longitude and latitude, without borders. "
	}
	if hidden > 0 {
		note += fmt.Sprintf("%d orders lie outside of the map or say no place.", hidden)
	}
	return d.End(), s.legend(), note
}

// forest draws a figure's relative change with its interval, in a cell of a table. limit is the end of the axis.
func (p *page) forest(e compare.Estimate, better int, limit float64) template.HTML {
	if !e.Value.Defined() || limit <= 0 {
		return ""
	}
	const width, height = 180, 16
	x := func(v float64) float64 { return width/2 + (width/2-4)*max(-1, min(1, v/limit)) }
	d := &svg.Drawing{}
	d.Add(`<svg class="forest" viewBox="0 0 %d %d" aria-hidden="true"><path class="grid" d="M%d 0v%d"/>`, width, height, width/2, height)
	if e.Interval != nil {
		d.Add(`<path class="whisker" d="M%.1f 8H%.1f"/>`, x(e.Interval.Low), x(e.Interval.High))
	}
	class := "same"
	if e.Clear() {
		class = map[bool]string{true: "down", false: "up"}[(e.Value > 0) == (better > 0)]
	}
	d.Add(`<circle class="dot %s" cx="%.1f" cy="8" r="4"/>`, class, x(float64(e.Value)))
	return d.End()
}
