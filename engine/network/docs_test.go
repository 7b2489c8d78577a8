package network

import (
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/table"
)

// TestDocs holds docs/network.md to what the code reads: every column and key is documented and no other, the parcel
// flags are all named, and the examples are a network that loads.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/network.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := func(of []table.Column) (names []string) {
		for _, c := range of {
			names = append(names, c.Name)
		}
		return names
	}
	keys := func(of reflect.Type) (names []string) {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			names = append(names, name)
		}
		return names
	}
	want := map[string][]string{
		"network.yaml": keys(reflect.TypeFor[Settings]()), "policy": keys(reflect.TypeFor[PolicySource]()), "defaults": keys(reflect.TypeFor[Defaults]()),
		"calendars": keys(reflect.TypeFor[CalendarSource]()), "zones": keys(reflect.TypeFor[ZoneSetSource]()), "bands": keys(reflect.TypeFor[BandSource]()),
		"classes": keys(reflect.TypeFor[ClassSource]()), "carriers": keys(reflect.TypeFor[CarrierSource]()), "services": keys(reflect.TypeFor[ServiceSource]()),
		"pickup": keys(reflect.TypeFor[PickupSource]()), "delivery_by_area": keys(reflect.TypeFor[AreaDeliverySource]()), "boxes": keys(reflect.TypeFor[BoxSource]()),
		"warehouses.csv": columns(warehouseColumns), "skus.csv": columns(skuColumns), "stock.csv": columns(stockColumns), "pickups.csv": columns(pickupColumns),
	}
	got := map[string][]string{}
	files := fstest.MapFS{}
	section, file := "", ""
	named := regexp.MustCompile("`([a-z0-9_]+)`")
	for line := range strings.SplitSeq(string(raw), "\n") {
		switch title, isTitle := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); {
		case strings.HasPrefix(line, "```"):
			_, file, _ = strings.Cut(line, " ")
			if file != "" {
				files[file] = &fstest.MapFile{}
			}
		case file != "":
			files[file].Data = append(files[file].Data, line+"\n"...)
		case strings.HasPrefix(line, "##") && isTitle:
			section = title
		case strings.HasPrefix(line, "| `"):
			first, _, _ := strings.Cut(line[2:], " |")
			for _, m := range named.FindAllStringSubmatch(first, -1) {
				got[section] = append(got[section], m[1])
			}
		}
	}
	for section, names := range want {
		slices.Sort(names)
		slices.Sort(got[section])
		if !slices.Equal(names, got[section]) {
			t.Errorf("%s: documented %v, read %v", section, got[section], names)
		}
	}
	for section := range got {
		if _, ok := want[section]; !ok {
			t.Errorf("section %q documents keys of nothing", section)
		}
	}
	for _, flag := range ratecards.FlagNames() {
		if !strings.Contains(string(raw), "`"+flag+"`") {
			t.Errorf("the flag %q is not documented", flag)
		}
	}
	for _, region := range regions {
		if !strings.Contains(string(raw), "`"+region+"`") {
			t.Errorf("the region %q is not documented", region)
		}
	}

	for _, f := range Check(files) {
		t.Errorf("the example: %v", f)
	}
	for _, want := range []string{SettingsFile, WarehousesFile, SKUsFile, StockFile, PickupsFile, CardsDir, ZonesDir, AreasDir, TransitDir, CalendarsDir} {
		if _, err := fs.Stat(files, want); err != nil {
			t.Errorf("there is no example of %s", want)
		}
	}
}
