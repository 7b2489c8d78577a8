package report

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

func thresholds(t testing.TB, text string) compare.Thresholds {
	t.Helper()
	list, err := compare.ParseThresholds(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// closing compares a season with what it had been without reno from its middle on.
func closing(t testing.TB) *compare.Comparison {
	t.Helper()
	c, err := compare.Sources(context.Background(), season("base", 6000, 6000, 0), []compare.Source{season("close reno", 6000, 2500, 0)},
		compare.Options{Replicates: 200, Thresholds: thresholds(t, "cost<=+2%, on-time>=-0.5pp surely, filled>=-1%")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func draw(t testing.TB, c *compare.Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// jsonValues returns every number and text of compare.json.
func jsonValues(t testing.TB, c *compare.Comparison) map[string]bool {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	values := map[string]bool{"": true}
	d := json.NewDecoder(&b)
	d.UseNumber()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			t.Fatal(err)
		}
		switch v := token.(type) {
		case json.Number:
			f, err := v.Float64()
			if err != nil {
				t.Fatal(err)
			}
			values[strconv.FormatFloat(f, 'g', -1, 64)] = true
			values[v.String()] = true
		case string:
			values[v] = true
		}
	}
}

var (
	numberCell = regexp.MustCompile(`<(td class="n"|span class="v")( data-value="([^"]*)")?>([^<]*)</`)
	anyValue   = regexp.MustCompile(`data-value="([^"]*)"`)
)

// unescape undoes what html/template does to a number in an attribute.
func unescape(s string) string { return strings.NewReplacer("&#43;", "+", "&#34;", `"`).Replace(s) }

// Every figure on the page is in compare.json, and says what it is there up to rounding.
func TestEveryFigureIsInTheFiles(t *testing.T) {
	single, err := compare.One(t.Context(), season("base", 3000, 3000, 0), compare.Options{Replicates: 50})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*compare.Comparison{"comparison": closing(t), "single": single} {
		html, known := draw(t, c), jsonValues(t, c)
		cells := numberCell.FindAllStringSubmatch(html, -1)
		if len(cells) < 300 {
			t.Fatalf("%s: only %d cells with numbers", name, len(cells))
		}
		for _, m := range anyValue.FindAllStringSubmatch(html, -1) {
			if !known[unescape(m[1])] {
				t.Errorf("%s: %s is not in compare.json", name, m[1])
			}
		}
		for _, m := range cells {
			if m[2] == "" {
				t.Errorf("%s: %q has no data-value", name, m[0])
				continue
			}
			if !agrees(unescape(m[3]), unescape(m[4])) {
				t.Errorf("%s: %q is shown as %q", name, m[3], m[4])
			}
		}
	}
	if known := jsonValues(t, single); known["123456.789"] {
		t.Error("control: a number that is nowhere is found")
	}
	if agrees("1.23", "1.24") || agrees("-5", "5") || agrees("0.1234", "12.30 %") {
		t.Error("control: other numbers agree")
	}
}

// agrees says whether text shows the number raw, in its own precision.
func agrees(raw, text string) bool {
	if raw == "" {
		return text == "" || text == "–"
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return false
	}
	number, percent := strings.TrimPrefix(strings.NewReplacer(",", "", "−", "-").Replace(text), "+"), false
	for _, unit := range []string{" %", " pp", " km", " g", " days"} {
		if cut, ok := strings.CutSuffix(number, unit); ok {
			number, percent = cut, unit == " %" || unit == " pp"
		}
	}
	shown, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return false
	}
	if percent {
		f *= 100
	}
	_, decimals, _ := strings.Cut(number, ".")
	return math.Abs(f-shown) <= 0.51*math.Pow(10, -float64(len(decimals)))
}

// Names are text, whatever they hold, and the page asks nobody for anything.
func TestHostileNames(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=http://evil.example/x onerror=alert(1)>` + "\x00\u202e{{.}}</svg></title>javascript:alert(1)"
	base, run := season("base", 400, 400, 0), season(evil, 400, 100, 0)
	for _, s := range []*compare.Source{&base, &run} {
		inner := s.Orders
		s.Terms = []string{evil, "b" + evil, "c", "d"}
		s.Sources = map[string]string{evil: evil}
		s.Orders = func() iter.Seq2[*results.Order, error] {
			return func(yield func(*results.Order, error) bool) {
				for o, err := range inner() {
					c := *o
					c.Shipments = append([]results.Shipment(nil), o.Shipments...)
					c.ID, c.State, c.Items = c.ID+evil, evil, evil+":2"
					for i := range c.Shipments {
						c.Shipments[i].Warehouse += evil
						c.Shipments[i].Service += evil
					}
					c.Why, c.RunnerUpWarehouse = evil, c.RunnerUpWarehouse+evil
					if !yield(&c, err) {
						return
					}
				}
			}
		}
	}
	c, err := compare.Sources(t.Context(), base, []compare.Source{run}, compare.Options{Replicates: 20, Thresholds: thresholds(t, "cost<=+1%")})
	if err != nil {
		t.Fatal(err)
	}
	html := draw(t, c)
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

// selfContained looks for whatever a browser would fetch.
func selfContained(t *testing.T, html string) {
	t.Helper()
	if !strings.Contains(html, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`) {
		t.Error("the page does not forbid requests")
	}
	for _, m := range regexp.MustCompile(`(?i)<[^>]*\s(src|href|xlink:href|action|srcset|poster|background)\s*=\s*"([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if !strings.HasPrefix(m[2], "#") && m[2] != "data:," {
			t.Errorf("the page refers to %q", m[2])
		}
	}
	if m := regexp.MustCompile(`(?i)@import|url\((?:[^#)]|#[^)]*[^)a-z])[^)]*\)`).FindString(styles(html)); m != "" {
		t.Errorf("a style refers to %q", m)
	}
}

func styles(html string) string {
	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	return style
}

// wellFormed reads each picture as XML, and counts that tags of the page are closed.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	pictures := regexp.MustCompile(`(?s)<svg\b.*?</svg>`).FindAllString(html, -1)
	if len(pictures) < 5 {
		t.Errorf("%d pictures", len(pictures))
	}
	for _, p := range pictures {
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
		if strings.Contains(p, "NaN") || strings.Contains(p, "Inf") || strings.Contains(p, "%!") {
			t.Errorf("no number: %.300s", p)
		}
	}
	for _, tag := range []string{"table", "thead", "tbody", "tr", "td", "th", "section", "div", "ul", "figure", "svg", "main"} {
		open := len(regexp.MustCompile(`<`+tag+`[\s>]`).FindAllString(html, -1))
		if closed := strings.Count(html, "</"+tag+">"); open != closed {
			t.Errorf("%d of <%s>, %d closed", open, tag, closed)
		}
	}
}

func TestPage(t *testing.T) {
	c := closing(t)
	html := draw(t, c)
	selfContained(t, html)
	wellFormed(t, html)
	for _, want := range []string{"No-go", "close reno", "reno closed or empty: it ships nothing any more", "prefers-color-scheme:dark", "@media print", `scope="col"`, `lang="en"`, "compare_states.csv"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if draw(t, c) != html {
		t.Error("drawn again it is another")
	}
	if size := len(html); size > 400_000 {
		t.Errorf("the page has %d bytes", size)
	}
	if out := os.Getenv("REPORT_OUT"); out != "" {
		if err := os.WriteFile(out, []byte(html), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A page is drawn of whatever a comparison can be: nothing, several runs, places that are no cells or not in the US.
func TestOddComparisons(t *testing.T) {
	empty := season("empty", 1, 1, 0)
	empty.Orders = func() iter.Seq2[*results.Order, error] {
		return func(func(*results.Order, error) bool) {}
	}
	abroad := season("abroad", 50, 50, 0)
	inner := abroad.Orders
	abroad.Orders = func() iter.Seq2[*results.Order, error] {
		return func(yield func(*results.Order, error) bool) {
			cells := []string{"831fa3fffffffff", "831fa4fffffffff", "831faafffffffff", "nonsense", ""}
			i := 0
			for o, err := range inner() {
				c := *o
				c.Cell, c.State = cells[i%len(cells)], ""
				i++
				if !yield(&c, err) {
					return
				}
			}
		}
	}
	for _, runs := range [][]compare.Source{{empty, empty}, {season("a", 30, 30, 0), empty}, {empty, season("a", 30, 30, 0)}, {abroad, abroad}, {season("a", 1, 1, 0), season("b", 1, 1, 0.1)},
		{season("a", 300, 300, 0), season("b", 300, 100, 0), season("c", 300, 300, 0.1)}} {
		c, err := compare.Sources(t.Context(), runs[0], runs[1:], compare.Options{Replicates: 20})
		if err != nil {
			t.Fatal(err)
		}
		html := draw(t, c)
		selfContained(t, html)
		if len(runs) > 2 && strings.Count(html, "<section") != len(runs)-1 {
			t.Errorf("%d sections of %d runs", strings.Count(html, "<section"), len(runs)-1)
		}
		if runs[0].Name == "abroad" && !strings.Contains(html, "without borders") {
			t.Error("cells of another continent are drawn on the map of the US, or not at all")
		}
		if strings.Contains(html, "NaN") || strings.Contains(html, "%!") {
			t.Errorf("%s against %s: no number on the page", runs[1].Name, runs[0].Name)
		}
	}
}

// The projection puts places where d3's geoAlbersUsa, of which us-atlas says that it fits 975 by 610, has them.
func TestProjection(t *testing.T) {
	for _, place := range []struct {
		name           string
		lng, lat, x, y float64
	}{
		{"centre of the projection", -96.6, 38.7, 487.5, 305},
		{"Alaska's", -156, 58.5, 487.5 - 0.307*1300, 305 + 0.201*1300},
		{"Hawaii's", -160, 19.9, 487.5 - 0.205*1300, 305 + 0.212*1300},
	} {
		f, ok := frame(place.lng, place.lat)
		x, y := f.project(place.lng, place.lat)
		if !ok || math.Abs(x-place.x) > 0.01 || math.Abs(y-place.y) > 0.01 {
			t.Errorf("%s is at %.2f %.2f, want %.2f %.2f", place.name, x, y, place.x, place.y)
		}
	}
	if _, ok := frame(2.3, 48.9); ok {
		t.Error("Paris is on the map")
	}
	path := bordersPath()
	for _, m := range regexp.MustCompile(`-?[0-9.]+ -?[0-9.]+`).FindAllString(path, -1) {
		var x, y float64
		xs, ys, _ := strings.Cut(m, " ")
		x, _ = strconv.ParseFloat(xs, 64)
		y, _ = strconv.ParseFloat(ys, 64)
		if x < 0 || x > mapWidth || y < 0 || y > mapHeight {
			t.Errorf("a border is off the map at %s", m)
		}
	}
	if len(path) < 10_000 || len(path) > 150_000 {
		t.Errorf("the borders take %d bytes", len(path))
	}
}

func TestFold(t *testing.T) {
	steps := func(amounts ...int64) []compare.Step {
		level := units.Money(1000)
		list := []compare.Step{{Name: "base", Kind: "base", Amount: level, Level: level}}
		for _, a := range amounts {
			level += units.Money(a)
			list = append(list, compare.Step{Name: "t", Kind: "term", Amount: units.Money(a), Level: level})
		}
		return append(list, compare.Step{Name: "run", Kind: "run", Amount: level, Level: level})
	}
	for _, c := range []struct {
		amounts []int64
		want    int
	}{{nil, 2}, {[]int64{500}, 3}, {[]int64{500, 2, -1}, 5}, {[]int64{500, -3, 2, 1}, 4}, {[]int64{1, 1, 1}, 5}} {
		all := steps(c.amounts...)
		got := fold(all)
		sum := units.Money(0)
		for _, s := range got[1 : len(got)-1] {
			sum += s.Amount
		}
		if len(got) != c.want || sum != all[len(all)-1].Amount-1000 {
			t.Errorf("%v: %d steps that sum to %v, want %d: %+v", c.amounts, len(got), sum, c.want, got)
		}
	}
}
