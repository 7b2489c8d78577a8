package scenario

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate/history"
)

const exampleDir = "../../examples/us-parcel"

var example = sync.OnceValues(func() (*network.Source, error) { return network.Read(os.DirFS(exampleDir)) })

// exampleBase returns the example network as a base, with its season where orders are wanted.
func exampleBase(t testing.TB, orders bool) *Base {
	t.Helper()
	src, err := example()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBase(src, nil, 7)
	if err != nil {
		t.Fatal(err)
	}
	b.Files = os.DirFS(exampleDir + "/scenarios")
	if orders {
		h, _, err := history.Read(t.Context(), []history.File{history.OSFile(exampleDir + "/season.parquet")}, history.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.History = h
	}
	return b
}

// examples returns the scenarios of docs/scenarios.md by the line at which they begin. What are changes only becomes a scenario.
func examples(t *testing.T) map[int]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, at := range regexp.MustCompile("(?sm)^```yaml\n(.*?)^```$").FindAllSubmatchIndex(text, -1) {
		body := string(text[at[2]:at[3]])
		if strings.HasPrefix(body, "- ") {
			body = "name: example\nchanges:\n" + body
		}
		found[1+strings.Count(string(text[:at[2]]), "\n")] = body
	}
	return found
}

// TestDocumentIsTrue checks every example of the reference against the example network and its season, and that each operation has
// one. A control shows that a wrong name would have been found.
func TestDocumentIsTrue(t *testing.T) {
	b := exampleBase(t, true)
	seen := map[string]bool{}
	for line, body := range examples(t) {
		file := fmt.Sprintf("docs/scenarios.md from line %d", line)
		sc, err := Read(file, []byte(body))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, v := range sc.Runs() {
			for _, c := range v.changes {
				seen[c.kind] = true
			}
		}
		if strings.Contains(body, "reno") {
			wrong, err := Read(file, []byte(strings.ReplaceAll(body, "reno", "rneo")))
			if err == nil {
				err = named(b, wrong)
			}
			if err == nil || !strings.Contains(err.Error(), `did you mean "reno"?`) {
				t.Errorf("%s: a name that does not exist gets %v", file, err)
			}
		}
		if testing.Short() {
			if err := named(b, sc); err != nil {
				t.Error(err)
			}
			continue
		}
		warnings, err := sc.Check(b)
		if err != nil {
			t.Error(err)
		}
		for _, f := range warnings {
			t.Error(f)
		}
	}
	for _, kind := range Kinds() {
		if !seen[kind] && kind != "reopen" { // the example network has no closed warehouse
			t.Errorf("no example of %s", kind)
		}
	}
}

// named checks a scenario without compiling anything: names and contradictions.
func named(b *Base, sc *Scenario) error {
	for _, v := range sc.Runs() {
		w := newWorld(b, sc.File, v.changes)
		w.check(v.changes)
		if err := w.fl.Err(); err != nil {
			return err
		}
	}
	return nil
}

// TestDocumentNamesEveryKey: what can be written is in the reference.
func TestDocumentNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	others, err := os.ReadFile("../../docs/network.md") // of warehouses, services and policy
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds() {
		if !regexp.MustCompile("(?m)^#.*\\b"+kind+"\\b").Match(text) && kind != "policy" {
			t.Errorf("no section on %s", kind)
		}
		for _, key := range keysOf(kind) {
			if word := regexp.MustCompile("\\b" + key + "\\b"); !word.Match(text) && !word.Match(others) {
				t.Errorf("%s: key %s is not in the reference", kind, key)
			}
		}
	}
}

// TestExampleScenarios checks the scenarios of the example network, with its season: no faults and no warnings.
func TestExampleScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many networks")
	}
	b := exampleBase(t, true)
	files, err := os.ReadDir(exampleDir + "/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		text, err := os.ReadFile(exampleDir + "/scenarios/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		sc, err := Read(f.Name(), text)
		if err != nil {
			t.Error(err)
			continue
		}
		warnings, err := sc.Check(b)
		if err != nil || len(warnings) > 0 {
			t.Error(err, warnings)
		}
		if sc.Name+".yaml" != f.Name() {
			t.Errorf("%s is named %s", f.Name(), sc.Name)
		}
		runs += len(sc.Runs())
		var slugs []string
		for _, v := range sc.Runs() {
			slugs = append(slugs, v.Slug())
			in, err := v.Apply(b)
			if err != nil {
				t.Fatal(err)
			}
			if in.History != b.History {
				t.Errorf("%s: the orders are not the base's own", v.Name)
			}
			if len(in.Epochs) == 0 || in.Epochs[0].From >= b.History.At[0] {
				t.Errorf("%s: begins at %v", v.Name, in.Epochs)
			}
		}
		slices.Sort(slugs)
		if len(slices.Compact(slugs)) != len(sc.Runs()) {
			t.Errorf("%s: directories of runs are the same: %v", f.Name(), slugs)
		}
	}
	if runs < 15 {
		t.Errorf("%d runs", runs)
	}
	// Closed or not, three rates, two cut-offs: the networks of the time before December differ only by rates and cut-offs.
	if n := len(b.networks); n > 20 {
		t.Errorf("%d networks were compiled", n)
	}
}

// keysOf returns the keys of an operation.
func keysOf(kind string) []string {
	var keys []string
	for f := range reflect.TypeFor[Change]().Fields() {
		if f.Tag.Get("yaml") != kind || f.Type.Elem().Kind() != reflect.Struct {
			continue
		}
		for _, k := range reflect.VisibleFields(f.Type.Elem()) {
			name, _, _ := strings.Cut(k.Tag.Get("yaml"), ",")
			if name != "" && name != "-" && k.IsExported() {
				keys = append(keys, name)
			}
		}
	}
	return keys
}
