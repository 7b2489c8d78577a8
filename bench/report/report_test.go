package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report/synth"
	"github.com/allot-engine/allot/bench/report/words"
)

func draw(t testing.TB, results ...*load.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, results...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pages are results of all kinds.
func pages() map[string][]*load.Result {
	soak := synth.Result(synth.Options{Seed: 5, Kind: "soak", Seconds: 7200, WarmUp: 60, Rate: 500, Leak: 90, Durable: true})
	long := synth.Result(synth.Options{Seed: 5, Seconds: 7200, WarmUp: 60, Rate: 500, Leak: 90, Durable: true})
	return map[string][]*load.Result{
		"run":      {synth.Result(synth.Options{Seed: 1, Durable: true})},
		"stall":    {synth.Result(synth.Options{Seed: 2, Stall: 30})},
		"wrong":    {synth.Result(synth.Options{Seed: 3, Wrong: true, Slow: true, Refuse: 0.2})},
		"saturate": {synth.Result(synth.Options{Seed: 4, Kind: "saturate", Rate: 9000})},
		"soak":     {soak},
		"long":     {long},
		"leak":     {synth.Result(synth.Options{Seed: 6, Kind: "soak", Seconds: 20, Leak: 400 * 400})},
		"two":      {synth.Result(synth.Options{Seed: 6}), synth.Result(synth.Options{Seed: 7, Slower: 1.25})},
	}
}

// wellFormed reads each picture as XML, and counts that tags of the page are closed.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	for _, p := range regexp.MustCompile(`(?s)<svg\b.*?</svg>`).FindAllString(html, -1) {
		d := xml.NewDecoder(strings.NewReader(p))
		d.Entity = xml.HTMLEntity
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%v in %.300s", err, p)
				break
			}
		}
		if strings.Contains(p, `role="img"`) && (!strings.Contains(p, "<title id=") || !strings.Contains(p, "<desc id=")) {
			t.Errorf("no title or description: %.200s", p)
		}
	}
	for _, tag := range []string{"table", "thead", "tbody", "tr", "td", "th", "section", "div", "ul", "li", "figure", "svg", "main", "details", "p", "html"} {
		open := len(regexp.MustCompile(`<`+tag+`[\s>]`).FindAllString(html, -1))
		if closed := strings.Count(html, "</"+tag+">"); open != closed {
			t.Errorf("%d of <%s>, %d closed", open, tag, closed)
		}
	}
	if m := regexp.MustCompile(`NaN|[^a-z]Inf\b|%!|ZgotmplZ|e\+[0-9]`).FindString(html); m != "" {
		t.Errorf("the page holds %q", m)
	}
	if ids := regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(html, -1); len(ids) > 0 {
		seen := map[string]bool{}
		for _, m := range ids {
			if seen[m[1]] {
				t.Errorf("two things have the id %s", m[1])
			}
			seen[m[1]] = true
		}
	}
}

// selfContained looks for whatever a browser would fetch, or follow away from where the page is.
func selfContained(t *testing.T, html string) {
	t.Helper()
	if !strings.Contains(html, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`) {
		t.Error("the page does not forbid requests")
	}
	for _, m := range regexp.MustCompile(`(?i)<[^>]*\s(src|href|xlink:href|action|srcset|poster|background)\s*=\s*"([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if !strings.HasPrefix(m[2], "#") && !strings.HasPrefix(m[2], "./") && m[2] != "data:," {
			t.Errorf("the page refers to %q", m[2])
		}
	}
	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	if m := regexp.MustCompile(`(?i)@import|url\((?:[^#)]|#[^)]*[^)a-z])[^)]*\)`).FindString(style); m != "" {
		t.Errorf("a style refers to %q", m)
	}
}

// Pages of all kinds are words.Whole, ask nobody for anything, and are the same each time.
func TestPages(t *testing.T) {
	for name, results := range pages() {
		html := draw(t, results...)
		wellFormed(t, html)
		selfContained(t, html)
		if draw(t, results...) != html {
			t.Errorf("%s: drawn again it is another", name)
		}
		if len(html) > 500_000 {
			t.Errorf("%s: the page has %d bytes", name, len(html))
		}
		if dir := os.Getenv("REPORT_OUT"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(html), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a page must say of a run, and must not say of another.
func TestSaid(t *testing.T) {
	all := pages()
	for name, said := range map[string]struct{ with, without []string }{
		"run": {
			[]string{"✓ Correct", "✓ Objectives held", "0 ✓ none", "Groups made durable", "name: peak-day", `href="./cpu.pprof"`, "with its journal on disk", "None refused, none timed out, none dropped."},
			[]string{"✗", "The generator was the bottleneck", "Windows"},
		},
		"wrong":    {[]string{"✗ Wrong", "3 ✗ wrong", "1 ✗ wrong", "hold h-17 was acknowledged", "⚠ The generator was the bottleneck", "RESOURCE_EXHAUSTED", "✗ Objectives missed"}, []string{"✓ Correct"}},
		"saturate": {[]string{"Highest rate that holds", "✗ missed p99&lt;20ms", "○ held the objectives"}, []string{"The course, as a table"}},
		"soak":     {[]string{"✓ Heap stays", "Heap that stays", "hours of the server&#39;s clock", "A point is 31 seconds.", "minutes"}, []string{"trend of its lows"}},
		"leak":     {[]string{"✗ Heap grows", "40.00 %"}, nil},
		"long":     {[]string{"The lows change by", "trend of its lows", "A point is 31 seconds.", "minutes"}, []string{"Heap that stays"}},
		"stall":    {[]string{"None refused.<", ">timed out</li>", ">dropped</li>", "DEADLINE_EXCEEDED", "✗ Objectives missed"}, nil},
		"two":      {[]string{"2 load tests: peak-day", `id="run-2"`, `href="#run-1"`, "Whether a difference is more than chance"}, nil},
	} {
		html := draw(t, all[name]...)
		for _, want := range append(said.with, "prefers-color-scheme:dark", "@media print", `lang="en"`, "coordinated omission", "result.json") {
			if !strings.Contains(html, want) {
				t.Errorf("%s: the page does not say %q", name, want)
			}
		}
		for _, not := range said.without {
			if strings.Contains(html, not) {
				t.Errorf("%s: the page says %q", name, not)
			}
		}
	}
}

// Names are text, whatever they hold.
func TestHostileNames(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=http://evil.example/x onerror=alert(1)>` + "\x00\u202e{{.}}</svg></pre></title>javascript:alert(1)"
	r := synth.Result(synth.Options{Seed: 3, Wrong: true, Slow: true, Seconds: 10})
	r.Build, r.Kind, r.Mode, r.Args = evil, evil, evil, []string{evil}
	r.Workload = load.Workload{Name: evil, Hash: evil, Text: evil}
	r.Machine.CPU, r.Target.Address, r.Target.Network = evil, evil, evil
	r.Operations[1].Name, r.Operations[1].Codes[evil] = evil, 3
	r.Objectives[0].Text, r.Generator.Why, r.Correctness.Examples, r.Correctness.Skipped = evil, evil, []string{evil}, evil
	r.Files = []load.File{{Name: "javascript:alert(1)", What: evil}, {Name: "//evil.example/x", What: "a host"}, {Name: evil}, {Name: "http://evil.example/"}}
	r.Windows = []load.Window{{Rate: 1, Objectives: r.Objectives}}
	for _, html := range []string{draw(t, r), draw(t, r, r)} {
		if !strings.Contains(html, "&lt;script&gt;") {
			t.Fatal("control: the names are not on the page")
		}
		for _, tag := range regexp.MustCompile(`(?i)<\s*/?\s*(script|img|iframe|object|embed|base|form|video|audio|source)\b`).FindAllString(html, -1) {
			t.Errorf("the page has a %s", tag)
		}
		if strings.ContainsAny(html, "\x00\u202e") {
			t.Error("control characters reach the page")
		}
		selfContained(t, html)
		wellFormed(t, html)
	}
}

// A page is drawn of whatever a result can be: nothing, one second, no server, a distribution without a curve, odd numbers.
func TestOddResults(t *testing.T) {
	noCurve := synth.Result(synth.Options{Seed: 1, Seconds: 3})
	for i := range noCurve.Operations {
		noCurve.Operations[i].Latency.Curve, noCurve.Operations[i].Service.Curve = nil, nil
	}
	noServer := synth.Result(synth.Options{Seed: 1, Seconds: 30})
	noServer.Server = nil
	for i := range noServer.Seconds {
		noServer.Seconds[i].Heap, noServer.Seconds[i].ServerCPU = 0, 0
	}
	silent := synth.Result(synth.Options{Seed: 1, Seconds: 3})
	for i := range silent.Seconds {
		silent.Seconds[i] = load.Second{At: float64(i), Intended: 10, TimedOut: 10}
	}
	silent.Operations = []load.Operation{{Name: "all", Intended: 30, Codes: map[string]int64{"UNAVAILABLE": 30}}}
	cut := synth.Result(synth.Options{Seed: 1, Seconds: 3})
	cut.Duration = 2500 * time.Millisecond
	odd := synth.Result(synth.Options{Seed: 1, Seconds: 2, WarmUp: 1, Rate: 1e9})
	odd.Offered, odd.Operations[0].Latency.Max = math.MaxFloat64, math.MaxInt64
	one := &load.Result{Operations: []load.Operation{{Name: "all", Latency: load.Latency{Count: 1, Min: 5, P50: 5, P90: 5, P95: 5, P99: 5, P999: 5, P9999: 5, Max: 5}}}, Seconds: []load.Second{{}}}
	windows := &load.Result{Kind: "saturate", Windows: []load.Window{{}, {Rate: 5}}}
	for name, r := range map[string]*load.Result{"nothing": {}, "no curve": noCurve, "no server": noServer, "silent": silent, "cut": cut, "odd": odd, "one": one, "windows": windows} {
		html := draw(t, r)
		wellFormed(t, html)
		selfContained(t, html)
		if name == "nothing" && !strings.Contains(html, "– not checked") {
			t.Error("a result in which nothing was checked is said to be right")
		}
	}
	if moments, _ := course(cut); len(moments) != 5+2 {
		t.Errorf("%d seconds of a run whose last was cut short", len(moments))
	}
	defer func() {
		if recover() == nil {
			t.Error("a page of no result is drawn")
		}
	}()
	_ = Write(io.Discard)
}

// Sums over parts of a long run are the run's own, and its worst second stays.
func TestCourse(t *testing.T) {
	r := synth.Result(synth.Options{Seed: 9, Seconds: 3600, Stall: 1800, Rate: 50})
	moments, each := course(r)
	if each != 16 || len(moments) != (3605+15)/16 {
		t.Fatalf("%d parts of %d seconds", len(moments), each)
	}
	var want, got int64
	longest, most := 0.0, int64(0)
	for i := range r.Seconds {
		want, most = want+r.Seconds[i].Answered, max(most, r.Seconds[i].Max)
	}
	for i := range moments {
		got, longest = got+moments[i].answered, max(longest, moments[i].longest)
	}
	if want != got || longest != float64(most) {
		t.Errorf("%d answered and %v the longest, want %d and %d", got, longest, want, most)
	}
}

// The trend of a heap's lows finds what stays, and nothing where nothing does.
func TestHeapTrend(t *testing.T) {
	for _, leak := range []float64{0, 250, 1000} {
		r := synth.Result(synth.Options{Seed: 9, Seconds: 3600, Rate: 500, Leak: leak + 1e-9})
		tr := heapTrend(r)
		if tr == nil {
			t.Fatal("no trend of an hour")
		}
		perSecond := (tr.last - tr.first) / (tr.to - tr.from)
		if want := leak * 500 * 0.6; math.Abs(perSecond-want) > 0.05*want+2000 {
			t.Errorf("%.0f bytes stay an operation: the trend is %.0f a second, want %.0f", leak, perSecond, want)
		}
	}
	if heapTrend(synth.Result(synth.Options{Seed: 9, Seconds: 60})) != nil {
		t.Error("a minute has a trend")
	}
}

func TestLink(t *testing.T) {
	for name, want := range map[string]string{"a b/c.pprof": "./a%20b/c.pprof", "javascript:x": "./javascript:x", "../x/cpu.pprof": "./../x/cpu.pprof", "//host/x": ".///host/x"} {
		if got := link(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestAxes(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{1, 1}, {0.8e6, 21e6}, {3, 4}, {1, 1e12}, {999, 1001}} {
		a := logarithmic(c.low, c.high, words.Digits)
		if a.low > c.low || a.high < c.high || len(a.ticks) < 2 || len(a.ticks) > 14 {
			t.Errorf("%v: from %v to %v with %d ticks", c, a.low, a.high, len(a.ticks))
		}
		if a.share(a.low) != 0 || math.Abs(a.share(a.high)-1) > 1e-9 || a.share(0) != 0 {
			t.Errorf("%v: its ends stand at %v and %v", c, a.share(a.low), a.share(a.high))
		}
	}
	for _, high := range []float64{0, 0.3, 1, 7, 12345} {
		if a := linear(high, 5, words.Digits); a.high < high || len(a.ticks) < 2 || len(a.ticks) > 7 || a.share(0) != 0 {
			t.Errorf("%v: to %v with %d ticks", high, a.high, len(a.ticks))
		}
	}
	if a := binary(300<<20, 4); a.ticks[1].label != "100 MiB" || a.high != 300<<20 {
		t.Errorf("bytes: %+v", a)
	}
}
