// Package deploy has no code. Its tests hold the dashboard and the alert rules against what a server tells.
package deploy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/goccy/go-yaml"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/codes"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/server/metrics"
)

// A vocabulary is what expressions may name: the series of a server by metric, each with its labels. Those of a target are not in it: a
// scrape puts instance and job to every series.
type vocabulary map[string][]map[string]string

func (v vocabulary) add(name string, l map[string]string, more ...string) {
	l = maps.Clone(l)
	for i := 0; i < len(more); i += 2 {
		l[more[i]] = more[i+1]
	}
	v[name] = append(v[name], l)
}

// target are the labels that a scrape adds.
var target = []string{"instance", "job"}

// told returns the series of a server that has a data directory and was called in all ways.
func told(t *testing.T) vocabulary {
	t.Helper()
	m := metrics.New()
	m.Disk(t.TempDir())
	s, err := server.New(server.Config{
		Files: os.DirFS("../server/testdata/network"), Log: slog.New(slog.DiscardHandler), Metrics: m,
		Now: func() time.Time { return time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, port := range []metrics.Port{metrics.GRPC, metrics.HTTP} {
		for code := range codes.Unauthenticated + 1 {
			m.Call(port, m.Method(allotv1.AllocationService_Allocate_FullMethodName), code, -1)
		}
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	v := vocabulary{"up": {{}}} // of Prometheus itself
	for _, f := range families {
		for _, one := range f.GetMetric() {
			l := map[string]string{}
			for _, pair := range one.GetLabel() {
				l[pair.GetName()] = pair.GetValue()
			}
			name := f.GetName()
			switch f.GetType() {
			case dto.MetricType_HISTOGRAM:
				v.add(name+"_sum", l)
				v.add(name+"_count", l)
				for _, b := range one.GetHistogram().GetBucket() {
					v.add(name+"_bucket", l, "le", fmt.Sprint(b.GetUpperBound()))
				}
			case dto.MetricType_SUMMARY:
				v.add(name+"_sum", l)
				v.add(name+"_count", l)
				for _, q := range one.GetSummary().GetQuantile() {
					v.add(name, l, "quantile", fmt.Sprint(q.GetQuantile()))
				}
			default:
				v.add(name, l)
			}
		}
	}
	return v
}

// The parts of an expression, as far as these tests read it; promtool reads the rest, see TestPromtool.
var (
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)`)
	selector = regexp.MustCompile(`\b([a-zA-Z_:][\w:]*)\s*(\{[^{}]*\}|\()?`)
	matcher  = regexp.MustCompile(`^\s*(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*$`)
	window   = regexp.MustCompile(`\[[0-9]+[smhd]\]`)
	operator = []string{"and", "or", "unless", "bool", "offset"}
)

// faults returns what is wrong with an expression: metrics and labels that nobody tells, selectors that no series has ever matched, groups
// by a label that nothing has.
func (v vocabulary) faults(expr string) (out []string) {
	groups := grouping.FindAllStringSubmatch(expr, -1)
	rest := window.ReplaceAllString(grouping.ReplaceAllString(expr, " "), " ")
	labels, found := slices.Clone(target), false
	for _, m := range selector.FindAllStringSubmatch(rest, -1) {
		name, braces := m[1], m[2]
		if braces == "(" || slices.Contains(operator, name) || braces == "" && slices.Contains([]string{"sum", "max", "min", "avg", "count"}, name) {
			continue // a function or an operator; an aggregation has lost what follows it
		}
		found = true
		series, there := v[name]
		if !there {
			out = append(out, "there is no metric "+name)
			continue
		}
		for label := range series[0] {
			labels = append(labels, label)
		}
		if fault := match(series, braces); fault != "" {
			out = append(out, name+": "+fault)
		}
	}
	if !found {
		out = append(out, "it has no metric")
	}
	for _, g := range groups {
		for label := range strings.SplitSeq(g[2], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(labels, label) {
				out = append(out, "nothing in it has the label "+label)
			}
		}
	}
	return out
}

// match returns what is wrong with the matchers within braces, which one of the series should satisfy.
func match(series []map[string]string, braces string) string {
	type condition struct {
		label string
		not   bool
		value *regexp.Regexp
	}
	var all []condition
	for text := range strings.SplitSeq(strings.Trim(braces, "{}"), ",") {
		if text == "" {
			continue
		}
		m := matcher.FindStringSubmatch(text)
		if m == nil {
			return text + " is no matcher"
		}
		pattern := m[3]
		if !strings.HasSuffix(m[2], "~") {
			pattern = regexp.QuoteMeta(pattern)
		}
		value, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return err.Error()
		}
		if !slices.Contains(target, m[1]) {
			all = append(all, condition{m[1], m[2][0] == '!', value})
		}
	}
	for _, l := range series {
		if !slices.ContainsFunc(all, func(c condition) bool {
			value, known := l[c.label]
			return !known || c.value.MatchString(value) == c.not
		}) {
			return ""
		}
	}
	return "no series is like " + braces
}

// TestFaultsAreNoticed is the control of the others.
func TestFaultsAreNoticed(t *testing.T) {
	v := told(t)
	for expr, want := range map[string]string{
		`rate(allot_cals_total[5m])`: "no metric allot_cals_total", `1 + 2`: "no metric",
		`allot_calls_total{cod="OK"}`: "no series", `allot_calls_total{code="OKAY"}`: "no series", `allot_calls_total{code=~"OK|X",instance="a"}`: "", `allot_calls_total{code!="OK", port!~"http|grpc"}`: "no series",
		`sum by (reason) (rate(allot_calls_total[5m]))`: "has the label reason", `sum(rate(allot_call_duration_seconds_count[5m])) by (le)`: "has the label le",
		`histogram_quantile(0.5, sum by (le, job) (rate(allot_call_duration_seconds_bucket[5m])))`: "", `go_gc_duration_seconds{quantile="0.3"}`: "no series",
	} {
		got := v.faults(expr)
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// A dashboard is what Grafana reads, as far as these tests do.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID          int
		Title, Type string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr, RefID string }
	}
}

func readDashboard(t *testing.T) (board dashboard) {
	t.Helper()
	raw, err := os.ReadFile("grafana/allot.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	return board
}

// plain puts something in the place of the dashboard's variables.
func plain(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(expr)
}

// TestDashboard wants every expression and variable of the dashboard to be sound, and panels that lie beside one another.
func TestDashboard(t *testing.T) {
	v, board := told(t), readDashboard(t)
	variables := map[string]bool{"__rate_interval": true}
	for _, one := range board.Templating.List {
		variables[one.Name] = true
		if one.Type != "query" {
			continue
		}
		m := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`).FindStringSubmatch(one.Definition)
		if m == nil || v[m[1]] == nil || !slices.Contains(target, m[2]) {
			t.Errorf("variable %s: %s", one.Name, one.Definition)
		}
	}
	named := regexp.MustCompile(`\$(\w+)`)
	exprs, ids, taken := 0, map[int]bool{}, map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.W < 1 || p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %s lies at %+v", p.Title, p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[at]; other != "" && other != p.Title {
					t.Fatalf("panels %s and %s lie on one another", other, p.Title)
				}
				taken[at] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s shows nothing", p.Title)
		}
		refs := map[string]bool{}
		for _, of := range p.Targets {
			exprs++
			if refs[of.RefID] {
				t.Errorf("panel %s: two queries %s", p.Title, of.RefID)
			}
			refs[of.RefID] = true
			for _, m := range named.FindAllStringSubmatch(of.Expr, -1) {
				if !variables[m[1]] {
					t.Errorf("panel %s: there is no variable %s", p.Title, m[1])
				}
			}
			for _, fault := range v.faults(plain(of.Expr)) {
				t.Errorf("panel %s: %s: %s", p.Title, of.Expr, fault)
			}
		}
	}
	if board.UID == "" || board.Title == "" || exprs < 30 {
		t.Errorf("%s, %s, %d expressions", board.UID, board.Title, exprs)
	}
}

// strictly reads a YAML file, which may have nothing that is not asked for.
func strictly(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(raw, into, yaml.DisallowUnknownField()); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// TestRules wants every rule to be sound: its expression, what it is named, and the templates of what it says.
func TestRules(t *testing.T) {
	v := told(t)
	var file struct {
		Groups []struct {
			Name     string
			Interval string
			Rules    []struct {
				Record, Alert, Expr, For string
				Labels, Annotations      map[string]string
			}
		}
	}
	strictly(t, "prometheus/allot.rules.yml", &file)
	helpers := template.FuncMap{}
	for _, name := range []string{"humanize", "humanizePercentage", "humanizeDuration"} {
		helpers[name] = func(x float64) string { return fmt.Sprint(x) }
	}
	data := struct {
		Labels map[string]string
		Value  float64
	}{map[string]string{"instance": "here:1"}, 0.5}
	alerts := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			name := r.Record + r.Alert
			for _, fault := range v.faults(r.Expr) {
				t.Errorf("%s: %s", name, fault)
			}
			for _, d := range []string{g.Interval, r.For} {
				if _, err := time.ParseDuration(d); d != "" && err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if r.Record != "" {
				if !regexp.MustCompile(`^[a-z]+:\w+:\w+$`).MatchString(r.Record) || r.Alert != "" {
					t.Errorf("a rule is named %q", name)
				}
				v.add(r.Record, nil)
				continue
			}
			if alerts[name] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("alert %q: %v, %v", name, r.Labels, r.Annotations)
			}
			alerts[name] = true
			for key, text := range r.Annotations {
				made, err := template.New(name).Funcs(helpers).Option("missingkey=error").Parse("{{ $labels := .Labels }}{{ $value := .Value }}" + text)
				if err == nil {
					err = made.Execute(&strings.Builder{}, data)
				}
				if err != nil {
					t.Errorf("%s, %s: %v", name, key, err)
				}
			}
		}
	}
	if len(alerts) < 10 {
		t.Errorf("%d alerts", len(alerts))
	}
}

// TestConfiguration wants the least configuration to name the files that there are, and the job that the rules name.
func TestConfiguration(t *testing.T) {
	var file struct {
		Global        map[string]string
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string                       `yaml:"job_name"`
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	strictly(t, "prometheus/prometheus.yml", &file)
	for _, name := range file.RuleFiles {
		if _, err := os.Stat("prometheus/" + name); err != nil {
			t.Error(err)
		}
	}
	if len(file.RuleFiles) != 1 || len(file.ScrapeConfigs) != 1 || file.ScrapeConfigs[0].JobName != "allot" {
		t.Errorf("%+v", file)
	}
}

// TestPromtool has Prometheus itself read the configuration, the rules, and the expressions of the dashboard. It runs where promtool is,
// which comes with Prometheus, when ALLOT_LONG is set.
func TestPromtool(t *testing.T) {
	if os.Getenv("ALLOT_LONG") == "" {
		t.Skip("set ALLOT_LONG=1 to call promtool")
	}
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip(err)
	}
	type rule struct{ Record, Expr string }
	type group struct {
		Name  string
		Rules []rule
	}
	var rules []rule
	for _, p := range readDashboard(t).Panels {
		for i, of := range p.Targets {
			rules = append(rules, rule{fmt.Sprintf("panel:%d:%d", p.ID, i), plain(of.Expr)})
		}
	}
	check := func(kind, file string) error {
		out, err := exec.CommandContext(t.Context(), program, "check", kind, file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("promtool check %s %s: %w\n%s", kind, file, err, out)
		}
		return nil
	}
	made := func(rules ...rule) string {
		raw, err := yaml.Marshal(map[string][]group{"groups": {{"dashboard", rules}}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "rules.yml")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, err := range []error{check("config", "prometheus/prometheus.yml"), check("rules", "prometheus/allot.rules.yml"), check("rules", made(rules...))} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range []string{"rate(up)", "sum(up"} {
		if check("rules", made(rule{"wrong", wrong})) == nil {
			t.Errorf("%s is no PromQL, and promtool takes it", wrong)
		}
	}
}
