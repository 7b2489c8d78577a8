package report

import (
	"cmp"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report/words"
	"github.com/allot-engine/allot/simulate/report/svg"
)

//go:embed page.html
var pageText string

// Write draws results, one or several, as one HTML page; several are also drawn over one another. It panics without any. Its errors
// are those of w. Names in results may hold anything: they are text on the page. Files of a result are linked by their names,
// relative to where the page is.
func Write(w io.Writer, results ...*load.Result) error {
	if len(results) == 0 {
		panic("report: no result")
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"clean": svg.Clean, "style": func() template.CSS { return svg.Style },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	b := &builder{}
	p := &page{Title: title(results[0])}
	for i, r := range results {
		s := b.section(r)
		s.ID = fmt.Sprintf("run-%d", i+1)
		if len(results) > 1 {
			s.Name = fmt.Sprintf("%d: %s", i+1, s.Name)
		}
		p.Sections = append(p.Sections, s)
	}
	if len(results) > 1 {
		p.Title = fmt.Sprintf("%d load tests: %s", len(results), results[0].Workload.Name)
		p.Both = b.together(results)
	}
	return t.Execute(w, p)
}

// A builder makes the parts of a page.
type builder struct{ ids int }

// A page is what the template draws.
type page struct {
	Title    string
	Both     *together
	Sections []*section
}

// A together is what is drawn of several results at once.
type together struct {
	Figures []figure
	Table   table
}

// A section is one result.
type section struct {
	ID, Name   string
	Said       string // in a sentence, what was done
	Verdicts   []verdict
	Bottleneck string
	Checks     []tile
	Checked    string
	Examples   []string
	Skipped    string
	Tiles      []tile
	Objectives *table
	Figures    []figure
	Tables     []table
	Folded     []table
	Files      []file
	Workload   string
	Args       string
}

// A verdict is a badge.
type verdict struct{ Class, Text, Why string }

// A tile is a figure that matters.
type tile struct {
	Name, Value string
	Lines       []string
	Wrong       bool
}

// A table is rows of text; the first column names them.
type table struct {
	Name, Caption string
	Head          []column
	Rows          [][]string
}

// A column is of numbers or of text.
type column struct {
	Name   string
	Number bool
}

// A file is a link.
type file struct {
	Link       string
	Name, What string
}

// part is a part of a whole as a share; 0 of nothing.
func part(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func columns(names ...string) []column {
	list := make([]column, len(names))
	for i, name := range names {
		list[i].Name, list[i].Number = strings.CutPrefix(name, ">")
	}
	return list
}

func kindWords(kind string) string {
	switch kind {
	case "run":
		return "Load test"
	case "saturate":
		return "Saturation"
	case "soak":
		return "Soak test"
	}
	return kind
}

func title(r *load.Result) string { return kindWords(r.Kind) + ": " + r.Workload.Name }

// all is the operation that holds all others.
func all(r *load.Result) *load.Operation {
	if len(r.Operations) == 0 {
		return &load.Operation{Name: "all"}
	}
	return &r.Operations[0]
}

func (b *builder) section(r *load.Result) *section {
	s := &section{Name: title(r), Workload: svgText(r.Workload.Text), Args: strings.Join(r.Args, " ")}
	s.Said = said(r)
	s.verdicts(r)
	s.correctness(r)
	s.tiles(r)
	s.objectives(r)
	if len(r.Windows) > 0 {
		s.Figures = append(s.Figures, b.windows(r))
		s.Tables = append(s.Tables, windowTable(r))
	}
	if r.HeapGrowth != nil && len(r.HeapGrowth.Samples) > 1 {
		s.Figures = append(s.Figures, b.stays(r))
	}
	if all(r).Latency.Count > 0 {
		s.Figures = append(s.Figures, b.percentiles(r))
	}
	moments, each := course(r)
	s.Figures = append(s.Figures, b.overTime(r, moments, each)...)
	if len(r.Operations) > 0 {
		s.Tables = append(s.Tables, operationTable(r), latencyTable(r))
	}
	s.Tables = append(s.Tables, resources(r))
	s.Folded = append(s.Folded, curveTable(r), courseTable(moments, each), machineTable(r))
	for _, f := range r.Files {
		s.Files = append(s.Files, file{link(f.Name), f.Name, f.What})
	}
	return s
}

// svgText is clean but for line feeds.
func svgText(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = svg.Clean(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// link makes a path relative to the page an address; whatever it holds, it stays a path.
func link(name string) string { return "./" + (&url.URL{Path: name}).EscapedPath() }

func said(r *load.Result) string {
	how := "one order a call"
	switch {
	case r.Mode == "stream":
		how = fmt.Sprintf("streams of %d orders a message", r.PerMessage)
	case r.Mode == "batch":
		how = fmt.Sprintf("batches of %d orders", r.PerMessage)
	}
	where := "a server at " + r.Target.Address
	if r.Target.Own {
		where = "a server of its own on the same machine"
		if r.Target.Durable {
			where += ", with its journal on disk"
		} else {
			where += ", in memory"
		}
	}
	return fmt.Sprintf("%s, %s after a warm-up of %s: %s, on %d connections by at most %d callers, against %s.",
		r.Started.UTC().Format("2006-01-02 15:04 UTC"), words.Span(r.Duration), words.Span(r.WarmUp), how, r.Connections, r.Callers, where)
}

func (s *section) verdicts(r *load.Result) {
	c := &r.Correctness
	checked := c.Holds + c.Cells + c.Repeats + c.Decisions
	switch {
	case c.Failures() > 0:
		s.Verdicts = append(s.Verdicts, verdict{"wrong", "✗ Wrong", "The accounting of the callers found " + words.Whole(c.Failures()) + " failures. Its speed is worth nothing until they are gone."})
	case checked == 0:
		s.Verdicts = append(s.Verdicts, verdict{"soft", "– Not checked", "Nobody checked whether the answers were right."})
	default:
		s.Verdicts = append(s.Verdicts, verdict{"go", "✓ Correct", "Nothing was found wrong."})
	}
	if len(r.Objectives) > 0 {
		held := 0
		for _, o := range r.Objectives {
			if o.Holds {
				held++
			}
		}
		if held == len(r.Objectives) {
			s.Verdicts = append(s.Verdicts, verdict{"go", "✓ Objectives held", "All of them."})
		} else {
			s.Verdicts = append(s.Verdicts, verdict{"nogo", "✗ Objectives missed", fmt.Sprintf("%d of %d.", len(r.Objectives)-held, len(r.Objectives))})
		}
	}
	if g := r.HeapGrowth; g != nil && g.Before > 0 {
		v := verdict{"go", "✓ Heap stays", ""}
		if !g.Holds {
			v = verdict{"nogo", "✗ Heap grows", ""}
		}
		v.Why = fmt.Sprintf("%s from one day to the next, where less than %s is allowed.", change(g.Growth), words.Percent(g.Limit))
		s.Verdicts = append(s.Verdicts, v)
	}
	if r.Generator.Bottleneck {
		s.Bottleneck = cmp.Or(r.Generator.Why, "it could not keep up with its own schedule")
	}
}

// change writes a share by which something grew, with its sign.
func change(v float64) string {
	return strings.ReplaceAll(fmt.Sprintf("%+.2f %%", 100*v), "-", "−")
}

func (s *section) correctness(r *load.Result) {
	c := &r.Correctness
	for _, k := range []struct {
		name     string
		n, of    int64
		what, it string
	}{
		{"Oversells", c.Oversells, c.Cells, "units promised beyond what was there", "cells of warehouse and SKU"},
		{"Duplicate effects", c.DuplicateEffects, c.Repeats, "requests with more than one effect, or two answers", "repeated requests"},
		{"Lost acknowledgements", c.LostAcks, c.Holds, "holds that are not there as acknowledged", "holds"},
		{"On time, but late", c.LateOnTime, c.Decisions, "decisions labelled on time that arrive late", "decisions"},
	} {
		t := tile{Name: k.name, Value: "0 ✓ none", Lines: []string{k.what, "of " + words.Whole(k.of) + " " + k.it + " checked"}}
		switch {
		case k.n > 0:
			t.Value, t.Wrong = words.Whole(k.n)+" ✗ wrong", true
		case k.of == 0:
			t.Value, t.Lines[1] = "– not checked", ""
		}
		s.Checks = append(s.Checks, t)
	}
	s.Examples, s.Skipped = c.Examples, c.Skipped
}

// best is the window of the highest rate that held, or nil.
func best(r *load.Result) *load.Window {
	var w *load.Window
	for i := range r.Windows {
		if r.Windows[i].Holds && (w == nil || r.Windows[i].Rate > w.Rate) {
			w = &r.Windows[i]
		}
	}
	return w
}

func (s *section) tiles(r *load.Result) {
	op := all(r)
	add := func(name, value string, lines ...string) {
		s.Tiles = append(s.Tiles, tile{Name: name, Value: value, Lines: lines})
	}
	if r.Kind == "saturate" {
		if w := best(r); w != nil {
			add("Highest rate that holds", words.Digits(w.Rate)+"/s", "p99 there "+words.Nanos(float64(w.Latency.P99)))
		} else {
			add("Highest rate that holds", "none", fmt.Sprintf("of %d that were tried", len(r.Windows)))
		}
	}
	if g := r.HeapGrowth; g != nil && g.Before > 0 {
		add("Heap growth", change(g.Growth), "in a day of the peak, from "+words.Bytes(float64(g.Before))+" to "+words.Bytes(float64(g.After)), "by what forced collections left")
	}
	add("Offered", words.Digits(r.Offered)+"/s", "operations that were due")
	add("Answered in time", words.Digits(r.Achieved)+"/s", words.Percent(part(op.Answered, op.Intended))+" of what was due")
	if l := &op.Latency; l.Count > 0 {
		add("p50 latency", words.Nanos(float64(l.P50)), "half take at most this, from the intended start")
		add("p99 latency", words.Nanos(float64(l.P99)), "all but one in 100; service time alone "+words.Nanos(float64(op.Service.P99)))
		add("p99.9 latency", words.Nanos(float64(l.P999)), "all but one in 1,000; service time alone "+words.Nanos(float64(op.Service.P999)))
		add("Longest", words.Nanos(float64(l.Max)), "one operation; the mean is "+words.Nanos(l.Mean))
	}
	if v := r.Server; v != nil {
		add("Processor time", words.Nanos(float64(v.CPUPerOp)), "of the server an operation", words.Digits(v.CPU)+" processors in use")
		growth := ""
		if v.HeapStart > 0 {
			growth = fmt.Sprintf("%+.1f %% from first to last", 100*(float64(v.HeapEnd)/float64(v.HeapStart)-1))
		}
		add("Heap", words.Bytes(float64(v.HeapEnd)), "in use at the end", strings.ReplaceAll(growth, "-", "−"))
	}
}

// measured writes what an objective measured: a share, a rate, or nanoseconds.
func measured(o *load.Objective) string {
	switch {
	case strings.Contains(o.Text, "%") || strings.Contains(o.Text, "errors"):
		return words.Percent(o.Measured)
	case strings.Contains(o.Text, "goodput"):
		return words.Digits(o.Measured) + "/s"
	}
	return words.Nanos(o.Measured)
}

func (s *section) objectives(r *load.Result) {
	if len(r.Objectives) == 0 {
		return
	}
	t := table{Name: "Objectives", Caption: "What was asked for, and what was measured.", Head: columns("Objective", ">Measured", "")}
	for i := range r.Objectives {
		o := &r.Objectives[i]
		word := "✓ held"
		if !o.Holds {
			word = "✗ missed"
		}
		t.Rows = append(t.Rows, []string{o.Text, measured(o), word})
	}
	s.Objectives = &t
}

// curve is a distribution for drawing; where a result has none, of its percentiles.
func curve(l *load.Latency) []load.Quantile {
	if len(l.Curve) > 0 {
		return l.Curve
	}
	return []load.Quantile{{Share: 0, Value: l.Min}, {Share: 0.5, Value: l.P50}, {Share: 0.9, Value: l.P90}, {Share: 0.95, Value: l.P95}, {Share: 0.99, Value: l.P99}, {Share: 0.999, Value: l.P999}, {Share: 0.9999, Value: l.P9999}, {Share: 1, Value: l.Max}}
}

// distribution is a line of a percentile plot. The share beyond the last value is half a value: there the greatest one stands.
func distribution(name, class string, l *load.Latency) series {
	s := series{name: name, class: class}
	end := nines(1 - 0.5/float64(max(l.Count, 1)))
	for _, q := range curve(l) {
		x := end
		if q.Share < 1 {
			x = min(nines(q.Share), end)
		}
		s.x, s.y = append(s.x, x), append(s.y, float64(q.Value))
	}
	return s
}

func (b *builder) distributions(name, note string, list []series) figure {
	low, high := extent(list)
	x := axis{high: 1}
	for _, s := range list {
		for _, v := range s.x {
			x.high = max(x.high, v)
		}
	}
	for _, t := range shares {
		if at := nines(t.share); at <= x.high {
			x.ticks = append(x.ticks, tick{at, t.label})
		}
	}
	p := b.begin("Latency by the share of operations that took at most as long", "The further right, the rarer: each step of the axis is a tenth of what is left. The tables have the percentiles.",
		x, logarithmic(low, high, words.Nanos), "share of operations", "latency")
	return p.draw(name, note, list)
}

func (b *builder) percentiles(r *load.Result) figure {
	op := all(r)
	list := []series{distribution("from the intended start, as callers feel it", "c1", &op.Latency)}
	if op.Service.Count > 0 {
		list = append(list, distribution("service time, from the real start", "c2", &op.Service))
	}
	return b.distributions("Latency by share", "Where the lines part, work waited to be sent: a closed loop would have hidden that.", list)
}

// A moment is a part of a run, in sums and extremes.
type moment struct {
	at                                                          float64 // seconds since the start
	seconds                                                     float64
	warm                                                        bool
	intended, answered, granted, refused, timedOut, dropped, gc int64
	p50, p99, longest, generator, server, heap, low, inFlight   float64
}

const mostMoments = 240

// course gathers the seconds of a run into as many parts as can be drawn, and tells how many seconds each has. Of a part p50 and
// processors are means, p99, the longest, heap and in flight its worst second. A last second that was cut short is left out.
func course(r *load.Result) (list []moment, each int) {
	seconds := r.Seconds
	if n := len(seconds); n > 1 && seconds[n-1].At+1 > (r.WarmUp+r.Duration).Seconds()+0.05 {
		seconds = seconds[:n-1]
	}
	each = max(1, (len(seconds)+mostMoments-1)/mostMoments)
	for from := 0; from < len(seconds); from += each {
		some := seconds[from:min(from+each, len(seconds))]
		m := moment{at: some[0].At, seconds: float64(len(some)), warm: some[0].Warm}
		var with float64
		for i := range some {
			s := &some[i]
			m.intended, m.answered, m.granted, m.refused = m.intended+s.Intended, m.answered+s.Answered, m.granted+s.Granted, m.refused+s.Refused
			m.timedOut, m.dropped, m.gc = m.timedOut+s.TimedOut, m.dropped+s.Dropped, m.gc+s.GCs
			m.generator, m.server = m.generator+s.GeneratorCPU/m.seconds, m.server+s.ServerCPU/m.seconds
			m.p99, m.longest = max(m.p99, float64(s.P99)), max(m.longest, float64(s.Max))
			m.heap, m.inFlight = max(m.heap, float64(s.Heap)), max(m.inFlight, float64(s.InFlight))
			if s.Heap > 0 && (m.low == 0 || float64(s.Heap) < m.low) {
				m.low = float64(s.Heap)
			}
			if s.Answered > 0 {
				m.p50, with = m.p50+float64(s.P50), with+1
			}
		}
		if with > 0 {
			m.p50 /= with
		}
		list = append(list, m)
	}
	return list, each
}

func (b *builder) overTime(r *load.Result, moments []moment, each int) []figure {
	if len(moments) == 0 {
		return nil
	}
	last := moments[len(moments)-1]
	total := last.at + last.seconds
	unit, name := 1.0, "seconds"
	switch {
	case total > 3*3600:
		unit, name = 3600, "hours"
	case total > 300:
		unit, name = 60, "minutes"
	}
	x := linear(total/unit, 6, words.Digits)
	x.high = max(total/unit, 1e-9)
	x.ticks = slices.DeleteFunc(x.ticks, func(t tick) bool { return t.at > x.high*(1+1e-9) })
	of := func(name, class string, value func(*moment) float64) series {
		s := series{name: name, class: class}
		for i := range moments {
			m := &moments[i]
			s.x, s.y = append(s.x, (m.at+m.seconds/2)/unit), append(s.y, value(m))
		}
		return s
	}
	note := ""
	if each > 1 {
		note = fmt.Sprintf("A point is %d seconds.", each)
	}
	chart := func(title, desc string, y axis, yName, note string, list []series) figure {
		p := b.begin(title+" over time", desc+" The table of the course has the figures.", x, y, name, yName)
		p.before(r.WarmUp.Seconds()/unit, "warm-up")
		return p.draw(title, note, list)
	}
	none := math.NaN()
	orNone := func(v float64) float64 {
		if v == 0 {
			return none
		}
		return v
	}
	var figures []figure

	rate := func(value func(*moment) int64) func(*moment) float64 {
		return func(m *moment) float64 { return float64(value(m)) / m.seconds }
	}
	list := []series{of("offered", "c3", rate(func(m *moment) int64 { return m.intended })), of("answered in time", "c1", rate(func(m *moment) int64 { return m.answered }))}
	var quiet []string
	for _, k := range []struct {
		name, class string
		value       func(*moment) int64
	}{
		{"refused", "c2", func(m *moment) int64 { return m.refused }}, {"timed out", "c4", func(m *moment) int64 { return m.timedOut }}, {"dropped", "c5", func(m *moment) int64 { return m.dropped }},
	} {
		s := of(k.name, k.class, rate(k.value))
		if _, high := extent([]series{s}); slices.Max(s.y) > 0 && high > 0 {
			list = append(list, s)
		} else {
			quiet = append(quiet, k.name)
		}
	}
	said := note
	if len(quiet) > 0 {
		said = strings.TrimSpace("None " + strings.Join(quiet, ", none ") + ". " + note)
	}
	_, high := extent(list)
	figures = append(figures, chart("Throughput", "Operations a second: offered, answered in time, refused by the server, timed out, dropped unsent.", linear(high, 5, words.Digits), "operations a second", said, list))

	list = []series{
		of("longest", "c2", func(m *moment) float64 { return orNone(m.longest) }), of("p99", "c1", func(m *moment) float64 { return orNone(m.p99) }),
		of("p50", "c3", func(m *moment) float64 { return orNone(m.p50) }),
	}
	low, high := extent(list)
	figures = append(figures, chart("Latency", "From the intended start, of what was answered: half of the operations, all but 1 %, the longest.", logarithmic(low, high, words.Nanos), "latency", note, list))

	list = []series{of("generator", "c3", func(m *moment) float64 { return m.generator })}
	if r.Server != nil {
		list = append(list, of("server", "c1", func(m *moment) float64 { return m.server }))
	}
	_, high = extent(list)
	cores := float64(r.Machine.Cores)
	if cores <= 4*high {
		high = max(high, cores)
		list = append(list, series{name: fmt.Sprintf("%d processors of the machine", r.Machine.Cores), class: "c6", x: []float64{0, x.high}, y: []float64{cores, cores}})
	}
	figures = append(figures, chart("Processors in use", "By the server and by the generator of the load.", linear(high, 4, words.Digits), "processors", note, list))

	list = []series{of("heap", "c1", func(m *moment) float64 { return orNone(m.heap) })}
	if _, high = extent(list); high > 1 {
		if each > 1 {
			list[0].name = "highest"
			list = append(list, of("lowest", "c3", func(m *moment) float64 { return orNone(m.low) }))
		}
		said := note
		if t := heapTrend(r); t != nil && r.HeapGrowth == nil { // by the hour of the day it rises and falls
			trend := series{name: "trend of its lows", class: "c6", x: []float64{t.from / unit, t.to / unit}, y: []float64{t.first, t.last}}
			list = append(list, trend)
			said = strings.TrimSpace(fmt.Sprintf("The lows change by %s an hour. %s", signed(words.Bytes, (t.last-t.first)/(t.to-t.from)*3600), note))
		}
		figures = append(figures, chart("Heap of the server", "Bytes in use; each fall is a collection.", binary(high, 4), "bytes in use", said, list))
		list = []series{of("collections a second", "c1", func(m *moment) float64 { return float64(m.gc) / m.seconds })}
		list[0].bars = true
		_, high = extent(list)
		figures = append(figures, chart("Garbage collections", "Of the server's heap.", linear(high, 4, words.Digits), "a second", note, list))
	}

	list = []series{of("in flight", "c1", func(m *moment) float64 { return m.inFlight })}
	_, high = extent(list)
	figures = append(figures, chart("In flight", "Operations sent and not answered at the end of each second.", linear(high, 4, words.Digits), "operations", note, list))
	return figures
}

// signed writes a change with its sign.
func signed(write func(float64) string, v float64) string {
	if v > 0 {
		return "+" + write(v)
	}
	return write(v)
}

// A trend is a straight line through points of time.
type trend struct{ from, to, first, last float64 }

// heapTrend is the least squares line through the lows of the heap in twenty parts of the measured time; a heap rises and falls with each
// collection, and what stays shows in its lows. It is nil where seconds are too few to have lows.
func heapTrend(r *load.Result) *trend {
	var at, heap []float64
	for i := range r.Seconds {
		if s := &r.Seconds[i]; !s.Warm && s.Heap > 0 {
			at, heap = append(at, s.At), append(heap, float64(s.Heap))
		}
	}
	const parts = 20
	if len(at) < 10*parts {
		return nil
	}
	var x, y []float64
	for i := range parts {
		from, to := i*len(at)/parts, (i+1)*len(at)/parts
		low := from
		for k := from; k < to; k++ {
			if heap[k] < heap[low] {
				low = k
			}
		}
		x, y = append(x, at[low]), append(y, heap[low])
	}
	var mx, my, sxy, sxx float64
	for i := range x {
		mx, my = mx+x[i]/parts, my+y[i]/parts
	}
	for i := range x {
		sxy, sxx = sxy+(x[i]-mx)*(y[i]-my), sxx+(x[i]-mx)*(x[i]-mx)
	}
	slope := sxy / sxx
	t := &trend{from: at[0], to: at[len(at)-1]}
	t.first, t.last = my+slope*(t.from-mx), my+slope*(t.to-mx)
	return t
}

// stays draws what collections left of the heap in a soak, by the server's clock.
func (b *builder) stays(r *load.Result) figure {
	g := r.HeapGrowth
	left := series{name: "after a forced collection", class: "c1"}
	for _, s := range g.Samples {
		left.x, left.y = append(left.x, s.At.Hours()), append(left.y, float64(s.Bytes))
	}
	x := linear(left.x[len(left.x)-1], 6, words.Digits)
	x.high = left.x[len(left.x)-1]
	x.ticks = slices.DeleteFunc(x.ticks, func(t tick) bool { return t.at > x.high*(1+1e-9) })
	_, high := extent([]series{left})
	p := b.begin("Heap that stays, over the hours of the server's clock", "Its peaks are those of the day; the same hours of both days are compared.", x, binary(high, 4), "hours of the server's clock", "bytes")
	p.before(r.WarmUp.Seconds()*g.Speed/3600, "warm-up")
	note := "The windows that are compared were too short."
	if g.Before > 0 {
		note = change(g.Growth) + " in a day, by " + g.How + "."
	}
	return p.draw("Heap that stays", note, []series{left})
}

// windows draws what saturate tried.
func (b *builder) windows(r *load.Result) figure {
	tried := slices.Clone(r.Windows)
	slices.SortStableFunc(tried, func(a, b load.Window) int { return cmp.Compare(a.Rate, b.Rate) })
	p50, p99 := series{name: "p50", class: "c3"}, series{name: "p99", class: "c1"}
	for i := range tried {
		w := &tried[i]
		p50.x, p50.y = append(p50.x, w.Rate), append(p50.y, float64(w.Latency.P50))
		p99.x, p99.y = append(p99.x, w.Rate), append(p99.y, float64(w.Latency.P99))
	}
	low, high := extent([]series{p50, p99})
	p := b.begin("Latency by the rate that was offered", "Circles are windows that held the objectives, crosses those that did not. The table of windows has the figures.",
		linear(tried[len(tried)-1].Rate, 5, words.Digits), logarithmic(low, high, words.Nanos), "orders a second", "latency")
	p.line(p50)
	p.line(p99)
	for i := range tried {
		w := &tried[i]
		if w.Latency.P99 <= 0 {
			continue
		}
		x, y := p.px(w.Rate), p.py(float64(w.Latency.P99))
		if w.Holds {
			p.Add(`<circle class="held" cx="%.1f" cy="%.1f" r="4.5"><title>%s a second: held</title></circle>`, x, y, words.Digits(w.Rate))
		} else {
			p.Add(`<path class="missed" d="M%.1f %.1fl9 9m0-9l-9 9"><title>%s a second: missed</title></path>`, x-4.5, y-4.5, words.Digits(w.Rate))
		}
	}
	f := figure{Name: "Latency by rate", Keys: []key{{"c1", "p99"}, {"c3", "p50"}}, Note: "○ held the objectives, ✗ did not.", SVG: p.End()}
	return f
}

func windowTable(r *load.Result) table {
	t := table{Name: "Windows", Caption: "What was tried, in order.", Head: columns("Orders a second", ">Operations answered a second", ">p50", ">p99", ">p99.9", ">Longest", ">Without an answer in time", "Objectives")}
	for i := range r.Windows {
		w := &r.Windows[i]
		word := "✓ held"
		if !w.Holds {
			var missed []string
			for k := range w.Objectives {
				if o := &w.Objectives[k]; !o.Holds {
					missed = append(missed, o.Text+": "+measured(o))
				}
			}
			word = "✗ missed " + strings.Join(missed, ", ")
		}
		if w.Bottleneck {
			word += " (the generator was the bottleneck)"
		}
		l := &w.Latency
		t.Rows = append(t.Rows, []string{words.Digits(w.Rate), words.Digits(w.Achieved), words.Nanos(float64(l.P50)), words.Nanos(float64(l.P99)), words.Nanos(float64(l.P999)), words.Nanos(float64(l.Max)), words.Percent(w.Errors), word})
	}
	return t
}

// codesWords says errors by their codes, most first.
func codesWords(codes map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(codes), func(a, b string) int {
		return cmp.Or(cmp.Compare(codes[b], codes[a]), strings.Compare(a, b))
	})
	var list []string
	for _, name := range names {
		if codes[name] > 0 {
			list = append(list, words.Whole(codes[name])+" "+name)
		}
	}
	return strings.Join(list, ", ")
}

func operationTable(r *load.Result) table {
	t := table{Name: "Operations", Caption: "What became of what was due in the measured part.", Head: columns("Operation", ">Due", ">Answered in time", ">Of what was due", ">Granted", ">Dropped unsent", "Errors")}
	for i := range r.Operations {
		o := &r.Operations[i]
		t.Rows = append(t.Rows, []string{o.Name, words.Whole(o.Intended), words.Whole(o.Answered), words.Percent(part(o.Answered, o.Intended)), words.Whole(o.Granted), words.Whole(o.Dropped), cmp.Or(codesWords(o.Codes), "none")})
	}
	return t
}

func latencyTable(r *load.Result) table {
	t := table{Name: "Latencies", Caption: "From the intended start; beneath it the service time of the same operations, from when they were really sent; and how fast errors came back.",
		Head: columns("Operation", ">Count", ">Mean", ">p50", ">p90", ">p95", ">p99", ">p99.9", ">p99.99", ">Longest")}
	add := func(name string, l *load.Latency) {
		if l.Count == 0 {
			return
		}
		row := []string{name, words.Whole(l.Count), words.Nanos(l.Mean)}
		for _, v := range []int64{l.P50, l.P90, l.P95, l.P99, l.P999, l.P9999, l.Max} {
			row = append(row, words.Nanos(float64(v)))
		}
		t.Rows = append(t.Rows, row)
	}
	for i := range r.Operations {
		o := &r.Operations[i]
		add(o.Name, &o.Latency)
		add(o.Name+", service time", &o.Service)
		add(o.Name+", errors", &o.Refusals)
	}
	return t
}

func resources(r *load.Result) table {
	t := table{Name: "Server and generator", Caption: "What they took in the measured part.", Head: columns("What", ">How much", "")}
	add := func(name, value, note string) { t.Rows = append(t.Rows, []string{name, value, note}) }
	if v := r.Server; v != nil {
		add("Server, processors in use", words.Digits(v.CPU), "on average")
		add("Server, processor time an operation", words.Nanos(float64(v.CPUPerOp)), "answered in time")
		add("Heap at the start", words.Bytes(float64(v.HeapStart)), "after a forced collection")
		add("Heap at the end", words.Bytes(float64(v.HeapEnd)), "after a forced collection")
		add("Heap at most", words.Bytes(float64(v.HeapMost)), "")
		add("Memory of the process", words.Bytes(float64(v.Resident)), "resident, at the end")
		add("Garbage collections", words.Whole(v.GCs), "paused for "+words.Nanos(float64(v.GCPause))+" in all")
		if v.Groups > 0 {
			add("Groups made durable", words.Whole(v.Groups), words.Digits(v.Records)+" records a group on average")
			add("Making a group durable", words.Nanos(float64(v.Fsync)), "median")
		}
		add("Refused by the limits of the server", words.Whole(v.Refused), "")
		if v.Trouble != "" {
			add("Not told by the server", "–", v.Trouble)
		}
	} else {
		add("Server", "–", "not known: the target has no admin port")
	}
	g := &r.Generator
	add("Generator, processors in use", words.Digits(g.CPU), "on average")
	if g.Others > 0 {
		add("Other programs, processors in use", words.Digits(g.Others), "of the machine of the generator, on average")
	}
	add("Generator, handed out late", words.Percent(g.Late), "of the operations, by over 1 ms")
	add("Generator, latest", words.Nanos(float64(g.WorstLate)), "by its own clock")
	return t
}

// curveTable has the distribution of all operations at the shares that it is drawn with, thinned out.
func curveTable(r *load.Result) table {
	op := all(r)
	t := table{Name: "Latency by share, as a table", Caption: "All operations. The whole curve is in result.json.", Head: columns("Share of operations", ">At most, from the intended start", ">Service time")}
	at := func(l *load.Latency, share float64) string {
		for _, q := range curve(l) {
			if q.Share >= share-1e-12 {
				return words.Nanos(float64(q.Value))
			}
		}
		return "–"
	}
	for _, share := range []float64{0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1} {
		if op.Latency.Count == 0 || share < 1 && (1-share)*float64(op.Latency.Count) < 1 {
			continue
		}
		t.Rows = append(t.Rows, []string{strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", 100*share), "0"), ".") + " %", at(&op.Latency, share), at(&op.Service, share)})
	}
	return t
}

func courseTable(moments []moment, each int) table {
	caption := "Each second is in result.json."
	if each > 1 {
		caption = fmt.Sprintf("A row is %d seconds: sums, and of p99, longest, heap and in flight the worst second. ", each) + caption
	}
	t := table{Name: "The course, as a table", Caption: caption, Head: columns("From second", ">Due", ">Answered", ">Granted", ">Refused", ">Timed out", ">Dropped", ">p50", ">p99", ">Longest", ">Server, processors", ">Generator", ">Heap", ">Collections", ">In flight")}
	for i := range moments {
		m := &moments[i]
		name := words.Digits(m.at)
		if m.warm {
			name += " (warm-up)"
		}
		t.Rows = append(t.Rows, []string{name, words.Whole(m.intended), words.Whole(m.answered), words.Whole(m.granted), words.Whole(m.refused), words.Whole(m.timedOut), words.Whole(m.dropped),
			words.Nanos(m.p50), words.Nanos(m.p99), words.Nanos(m.longest), words.Digits(m.server), words.Digits(m.generator), words.Bytes(m.heap), words.Whole(m.gc), words.Digits(m.inFlight)})
	}
	return t
}

func machineTable(r *load.Result) table {
	t := table{Name: "Machine, target, method", Caption: "", Head: columns("What", "")}
	add := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, []string{name, value})
		}
	}
	m := &r.Machine
	add("Processor", m.CPU)
	add("Processors", fmt.Sprintf("%d, of which the generator may use %d", m.Cores, m.GOMAXPROCS))
	if m.Memory > 0 {
		add("Memory", words.Bytes(float64(m.Memory)))
	}
	add("System", strings.TrimSpace(m.OS+" "+m.Kernel))
	add("Go", m.Go)
	add("Build", r.Build)
	add("Target", r.Target.Address)
	add("Network in service", r.Target.Network)
	add("Workload", fmt.Sprintf("%s, seed %d, hash %s", r.Workload.Name, r.Workload.Seed, r.Workload.Hash))
	add("Arrivals", r.Arrivals)
	add("Mode", fmt.Sprintf("%s, %d a message", r.Mode, r.PerMessage))
	add("Connections", words.Whole(int64(r.Connections)))
	add("Callers", words.Whole(int64(r.Callers)))
	add("Timeout", words.Span(r.Timeout))
	add("Begun", r.Started.UTC().Format(time.RFC3339))
	add("Warm-up", words.Span(r.WarmUp))
	add("Measured", words.Span(r.Duration))
	return t
}

// together draws several results over one another.
func (b *builder) together(results []*load.Result) *together {
	var list []series
	t := table{Name: "All of them", Caption: "The runs beside each other. Latencies are from the intended start. Whether a difference is more than chance is said by \"allot bench compare\".",
		Head: columns("Run", ">Offered", ">Answered", ">p50", ">p99", ">p99.9", ">Longest", ">Processor time an operation", ">Without an answer in time", "Right?")}
	for i, r := range results {
		op := all(r)
		name := fmt.Sprintf("%d: %s", i+1, title(r))
		if i < 6 && op.Latency.Count > 0 {
			list = append(list, distribution(name, fmt.Sprintf("c%d", i+1), &op.Latency))
		}
		cpu := "–"
		if r.Server != nil {
			cpu = words.Nanos(float64(r.Server.CPUPerOp))
		}
		right := "✓ nothing wrong"
		if n := r.Correctness.Failures(); n > 0 {
			right = "✗ " + words.Whole(n) + " failures"
		} else if r.Correctness.Holds+r.Correctness.Cells+r.Correctness.Repeats+r.Correctness.Decisions == 0 {
			right = "– not checked"
		}
		l := &op.Latency
		t.Rows = append(t.Rows, []string{name, words.Digits(r.Offered), words.Digits(r.Achieved), words.Nanos(float64(l.P50)), words.Nanos(float64(l.P99)), words.Nanos(float64(l.P999)), words.Nanos(float64(l.Max)), cpu, words.Percent(1 - part(op.Answered, op.Intended)), right})
	}
	both := &together{Table: t}
	if len(list) > 0 {
		both.Figures = []figure{b.distributions("Latency by share, from the intended start", "", list)}
	}
	return both
}
