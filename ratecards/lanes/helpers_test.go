package lanes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
)

// shared returns the path of a file of public carrier data kept beside the repository, and skips the test without it.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no go.mod above the test: the carriers' files cannot be looked for")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared", "data"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the carriers' published files are not beside the repository: %v", err)
	}
	return path
}

// chart reads a chart that must be without fault.
func chart(t testing.TB, text string) *Chart {
	t.Helper()
	var fl faults.List
	c := ReadZones("chart.csv", strings.NewReader(text), &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// compile compiles charts that must be without fault.
func compile(t testing.TB, fallback *Fallback, charts ...*Chart) *ZoneSet {
	t.Helper()
	var fl faults.List
	z := Compile(charts, fallback, "carrier.yaml", &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

// zoneOfPair returns the name of the charted zone of a pair of US codes, "" where it is not served.
func zoneOfPair(z *ZoneSet, origin, postal, scope string) string {
	o, _ := z.Origin("US", origin)
	s, _ := z.Scope(scope)
	zone, _ := z.Lookup(o, "US", postal, s)
	return z.Name(zone)
}
