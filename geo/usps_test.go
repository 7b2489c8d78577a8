package geo

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedFile returns the path of a file of the test data that lies beside the repository, and skips the test where
// there is none.
func sharedFile(t *testing.T, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			path := filepath.Join(append([]string{dir, "..", "shared", "data"}, parts...)...)
			if _, err := os.Stat(path); err != nil {
				t.Skipf("the carriers' published files are not beside the repository: %v", err)
			}
			return path
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// contiguous tells whether a 3-digit area lies in the 48 contiguous states or the District of Columbia.
func contiguous(p *Places, prefix string) bool {
	for n := range 100 {
		if r, ok := p.Lookup("US", fmt.Sprintf("%s%02d", prefix, n)); ok {
			switch p.Region(r) {
			case "AK", "HI", "PR", "VI", "GU", "AS", "MP", "FM", "MH", "PW", "AA", "AE", "AP":
				return false
			}
			return true
		}
	}
	return false
}

// TestUSPSBandsReproduceTheCharts measures the distance rule (DMM 608.9) on the Postal Service's charts of 2024-04.
func TestUSPSBandsReproduceTheCharts(t *testing.T) {
	dir := sharedFile(t, "zones", "usps-2024-04")
	charts, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(charts) == 0 {
		t.Fatalf("no charts in %s: %v", dir, err)
	}
	us, bands := US(), USPSBands()
	cells, off := 0, map[int]int{}
	for _, path := range charts {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var chart struct {
			Zip3s []struct{ ZipCodes, Zone string }
		}
		if err := json.Unmarshal(raw, &chart); err != nil {
			t.Fatal(err)
		}
		from, ok := us.AreaCentreOf("US", strings.TrimSuffix(filepath.Base(path), ".json"))
		if !ok {
			t.Fatalf("%s: origin unknown", path)
		}
		for _, r := range chart.Zip3s {
			first, last, isRange := strings.Cut(r.ZipCodes, "---")
			if !isRange {
				last = first
			}
			zone := strings.TrimRight(r.Zone, "*+")
			if len(first) != 3 || len(last) != 3 || zone < "1" || zone > "8" {
				continue // 5-digit exceptions, and zone 9
			}
			var lo, hi, want int
			if _, err := fmt.Sscanf(first+" "+last+" "+zone, "%d %d %d", &lo, &hi, &want); err != nil {
				t.Fatalf("%s %+v: %v", path, r, err)
			}
			for n := lo; n <= hi; n++ {
				prefix := fmt.Sprintf("%03d", n)
				to, ok := us.AreaCentreOf("US", prefix)
				if !ok || !contiguous(us, prefix) {
					continue
				}
				cells++
				off[int(math.Abs(float64(bands.Zone(Kilometres(from, to))+1-want)))]++
			}
		}
	}
	t.Logf("%d charts, %d cells of contiguous areas: %.2f %% exact, off by zones: %v", len(charts), cells, 100*float64(off[0])/float64(cells), off)
	if cells < 10_000 {
		t.Errorf("only %d cells were compared", cells)
	}
	if exact := float64(off[0]) / float64(cells); exact < 0.95 {
		t.Errorf("the distance rule gives %.2f %% of the cells their zone, want at least 95 %%", 100*exact)
	}
	if near := float64(off[0]+off[1]) / float64(cells); near < 0.999 {
		t.Errorf("the distance rule comes within one zone for %.2f %% of the cells, want 99.9 %%", 100*near)
	}
}
