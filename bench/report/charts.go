package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/allot-engine/allot/bench/report/words"
	"github.com/allot-engine/allot/simulate/report/svg"
)

// The box of every chart, in user units. A column of a wide page, and a telephone, show it at about its size.
const (
	width  = 480
	height = 250
	left   = 58
	right  = 14
	top    = 26
	bottom = 34
)

// A tick is a labelled place on an axis.
type tick struct {
	at    float64
	label string
}

// An axis puts values between 0 and 1.
type axis struct {
	low, high float64
	log       bool
	ticks     []tick
}

func (a *axis) share(v float64) float64 {
	if a.log {
		return math.Log(max(v, a.low)/a.low) / math.Log(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}

// linear is an axis from 0 to what is at least high, with so many steps at most.
func linear(high float64, steps int, label func(float64) string) axis {
	if !(high > 0) {
		high = 1
	}
	step := svg.Nice(high / float64(steps))
	n := int(math.Ceil(high/step - 1e-9))
	a := axis{high: float64(n) * step}
	for i := range n + 1 {
		a.ticks = append(a.ticks, tick{float64(i) * step, label(float64(i) * step)})
	}
	return a
}

// binary is linear, for bytes: its steps are whole in the unit that people read.
func binary(high float64, steps int) axis {
	unit := math.Pow(1024, math.Max(0, math.Floor(math.Log2(math.Max(high, 1))/10)))
	a := linear(high/unit, steps, func(v float64) string { return words.Bytes(v * unit) })
	for i := range a.ticks {
		a.ticks[i].at *= unit
	}
	a.high *= unit
	return a
}

// logarithmic is an axis that holds low and high, both above 0.
func logarithmic(low, high float64, label func(float64) string) axis {
	if !(low > 0) {
		low = 1
	}
	high = max(high, low*1.01)
	mantissas := []float64{1, 2, 5}
	from := math.Pow(10, math.Floor(math.Log10(low)))
	var all []float64
	for power := from; power < high*10; power *= 10 {
		for _, m := range mantissas {
			all = append(all, m*power)
		}
	}
	first, last := 0, 0
	for i, v := range all {
		if v <= low*(1+1e-9) {
			first = i
		}
		if last == 0 && v >= high*(1-1e-9) {
			last = i
		}
	}
	a := axis{low: all[first], high: all[last], log: true}
	for i := first; i <= last; i++ {
		if last-first <= 6 || i%3 == 0 {
			a.ticks = append(a.ticks, tick{all[i], label(all[i])})
		}
	}
	return a
}

// A series is a line of a chart. Where a value is not a number, there is a gap.
type series struct {
	name  string
	class string // c1 to c6: colour and dashes
	x, y  []float64
	bars  bool // from the ground up, for what happens now and then
}

// A plot is a chart as it is drawn.
type plot struct {
	*svg.Drawing
	x, y axis
}

func (p *plot) px(v float64) float64 { return left + (width-left-right)*p.x.share(v) }
func (p *plot) py(v float64) float64 { return height - bottom - (height-bottom-top)*p.y.share(v) }

// begin draws the frame of a chart: grid, ticks, what the axes say.
func (b *builder) begin(title, desc string, x, y axis, xName, yName string) *plot {
	b.ids++
	p := &plot{svg.New(b.ids, "chart", 0, 0, width, height, title, desc), x, y}
	for _, t := range y.ticks {
		p.Add(`<path class="grid" d="M%d %.1fH%d"/><text class="tick" text-anchor="end" x="%d" y="%.1f">%s</text>`, left, p.py(t.at), width-right, left-5, p.py(t.at)+4, t.label)
	}
	taken := 0.0 // by labels so far
	for _, t := range x.ticks {
		at, half := p.px(t.at), 3.1*float64(len([]rune(t.label)))
		p.Add(`<path class="grid" d="M%.1f %dV%d"/>`, at, top, height-bottom)
		if middle := min(at, width-half); middle-half > taken {
			p.Add(`<text class="tick" text-anchor="middle" x="%.1f" y="%d">%s</text>`, middle, height-bottom+14, t.label)
			taken = middle + half + 4
		}
	}
	p.Add(`<text class="tick" x="2" y="12">%s</text><text class="tick" text-anchor="end" x="%d" y="%d">%s</text>`, yName, width-right, height-4, xName)
	return p
}

// line draws a series.
func (p *plot) line(s series) {
	var path strings.Builder
	pen := "M"
	for i := range s.x {
		if math.IsNaN(s.y[i]) || math.IsInf(s.y[i], 0) {
			pen = "M"
			continue
		}
		x, y := p.px(s.x[i]), p.py(min(s.y[i], p.y.high))
		if s.bars {
			fmt.Fprintf(&path, "M%.1f %dV%.1f", x, height-bottom, y)
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x, y)
		if pen = "L"; len(s.x) == 1 {
			path.WriteString("h4")
		}
	}
	if path.Len() > 0 {
		p.Add(`<path class="line %s" d="%s"/>`, s.class, path.String())
	}
}

// before hatches what lies left of a moment, and says what it is.
func (p *plot) before(x float64, name string) {
	if !(x > p.x.low) {
		return
	}
	p.Add(`<rect class="warm" x="%d" y="%d" width="%.1f" height="%d"/>`, left, top, p.px(min(x, p.x.high))-left, height-bottom-top)
	p.Add(`<text class="tick" x="%d" y="%d">%s</text>`, left+4, top+12, name)
}

// A key is a line of a legend.
type key struct{ Class, Text string }

// A figure is a chart with its name and its legend.
type figure struct {
	Name string
	Keys []key
	SVG  template.HTML
	Note string
}

// draw draws all series into a figure.
func (p *plot) draw(name, note string, list []series) figure {
	f := figure{Name: name, Note: note}
	for _, s := range list {
		p.line(s)
		f.Keys = append(f.Keys, key{s.class, s.name})
	}
	f.SVG = p.End()
	return f
}

// extent is the least value above 0 and the greatest of all.
func extent(list []series) (low, high float64) {
	low = math.Inf(1)
	for _, s := range list {
		for _, v := range s.y {
			if v > 0 && !math.IsInf(v, 0) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if high == 0 {
		return 1, 1
	}
	return low, high
}

// nines is where a share stands on the axis of a percentile plot: 0.9 at 1, 0.99 at 2, 0.999 at 3.
func nines(share float64) float64 { return -math.Log10(1 - share) }

var shares = []struct {
	share float64
	label string
}{{0, "0 %"}, {0.5, "50 %"}, {0.9, "90 %"}, {0.99, "99 %"}, {0.999, "99.9 %"}, {0.9999, "99.99 %"}, {0.99999, "99.999 %"}, {0.999999, "99.9999 %"}}
