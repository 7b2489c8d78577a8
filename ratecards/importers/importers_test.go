package importers

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

var day = units.DateOf(2026, 1, 5)

// imports is one good import of every kind.
func imports(t testing.TB) []struct {
	kind  string
	files []string
	opt   Options
} {
	t.Helper()
	return []struct {
		kind  string
		files []string
		opt   Options
	}{
		{"usps-prices", []string{write(t, "ga.csv", groundSheet()), write(t, "pm.csv", prioritySheet()), write(t, "mm.csv", mediaSheet())}, Options{}},
		{"usps-zones", []string{write(t, "070.json", uspsChart)}, Options{}},
		{"fedex-rates", []string{write(t, "rates.csv", fedexRates())}, Options{Effective: day}},
		{"fedex-zones", []string{write(t, "zones.json", fedexChart)}, Options{}},
		{"fedex-zone-days", []string{write(t, "days.csv.gz", zipped(t, zoneDays))}, Options{Origin: "43215"}},
		{"delivery-areas", []string{write(t, "das.csv", areaZips)}, Options{}},
		{"holidays", []string{write(t, "days.csv", holidayRows)}, Options{}},
	}
}

func TestEveryKindImportsTwiceWithoutAChange(t *testing.T) {
	if len(imports(t)) != len(Kinds()) {
		t.Fatalf("%d kinds are tested of %d", len(imports(t)), len(Kinds()))
	}
	into := t.TempDir()
	for _, im := range imports(t) {
		im.opt.Into = into
		first := mustRun(t, im.kind, im.files, im.opt)
		if !first.Changed() || len(first.Files) == 0 || strings.Contains(first.String(), "nothing changed") {
			t.Errorf("%s: the first import wrote nothing: %s", im.kind, first)
		}
		if len(first.Moved) > 0 {
			t.Errorf("%s: a first import cannot move anything: %q", im.kind, first.Moved)
		}
		before := tree(t, into)
		again := mustRun(t, im.kind, im.files, im.opt)
		if again.Changed() || !strings.Contains(again.String(), "nothing changed") {
			t.Errorf("%s: the second import changed something: %s", im.kind, again)
		}
		if !maps.Equal(before, tree(t, into)) {
			t.Errorf("%s: the second import changed bytes", im.kind)
		}
	}
	want := []string{
		"areas/fedex.csv", "areas/usps.csv", "calendars/gb.csv", "calendars/us.csv",
		"cards/fedex_1day_freight-2026-01-05.prices.csv", "cards/fedex_1day_freight-2026-01-05.yaml",
		"cards/fedex_ground-2026-01-05.prices.csv", "cards/fedex_ground-2026-01-05.yaml", "cards/fedex_home_delivery-2026-01-05.yaml",
		"cards/fedex_standard_overnight-2026-01-05.envelope.csv", "cards/fedex_standard_overnight-2026-01-05.prices.csv",
		"cards/fedex_standard_overnight-2026-01-05.yaml",
		"cards/usps_ground_advantage-2026-04-07.oversized.csv", "cards/usps_ground_advantage-2026-04-07.prices.csv",
		"cards/usps_ground_advantage-2026-04-07.yaml",
		"cards/usps_media_mail-2026-04-07.prices.csv", "cards/usps_media_mail-2026-04-07.yaml",
		"cards/usps_priority_mail-2026-04-07.prices.csv", "cards/usps_priority_mail-2026-04-07.yaml",
		"transit/fedex/43215.ground.csv", "zones/fedex/070-076.csv", "zones/fedex/43215.ground.csv", "zones/fedex/89123-89130.csv", "zones/usps/070.csv",
	}
	if got := slices.Sorted(maps.Keys(tree(t, into))); !slices.Equal(got, want) {
		t.Errorf("the network has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnknownKindIsSuggested(t *testing.T) {
	_, err := Run("usps-zone", nil, Options{})
	if err == nil || !strings.Contains(err.Error(), `did you mean "usps-zones"?`) {
		t.Errorf("got %v", err)
	}
	_, err = Run("quantum", nil, Options{})
	if err == nil || !strings.Contains(err.Error(), "the kinds are usps-prices, ") {
		t.Errorf("got %v", err)
	}
	for _, k := range Kinds() {
		if k.Help == "" || strings.Contains(k.Help, "\n") {
			t.Errorf("%s: help %q", k.Name, k.Help)
		}
	}
}

func TestOptionsAndFilesAreFaultedTogether(t *testing.T) {
	broken := write(t, "broken.json", `{"originMin": "07000"`)
	_, err := Run("usps-zones", []string{broken, broken, "/nowhere/x.json"}, Options{Carrier: "US PS", Origin: "7", Effective: units.DateOf(1066, 10, 14)})
	for _, want := range []string{
		"option into: no directory was given", `option carrier: "US PS" cannot begin a file name`, `option origin: "7" is no origin`, "option effective: 1066-10-14",
		"given twice", "no such file",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if _, ok := errors.AsType[*faults.Error](err); !ok {
		t.Errorf("%T is no *faults.Error", err)
	}
	if _, err := Run("holidays", nil, Options{Into: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no file was given") {
		t.Errorf("got %v", err)
	}
}

func TestAFaultChangesNothing(t *testing.T) {
	into := t.TempDir()
	good, bad := write(t, "ga.csv", groundSheet()), write(t, "mm.csv", "Media Mail,,,Final,,4/7/2026\nWeight Not Over (lbs),Single Piece\n1,free\n")
	if _, err := Run("usps-prices", []string{good, bad}, Options{Into: into}); err == nil {
		t.Fatal("the faulty file was imported")
	}
	if files := tree(t, into); len(files) > 0 {
		t.Errorf("files were written: %v", slices.Sorted(maps.Keys(files)))
	}
}

func TestAFailureOfTheFileSystemLeavesEverythingAsItWas(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "holidays", []string{write(t, "a.csv", holidayRows)}, Options{Into: into})
	// A directory stands where the second of the two files of this import belongs, so that its rename fails after the
	// first was done.
	other := strings.ReplaceAll(holidayRows, "Thanksgiving Day", "Thanksgiving")
	if err := os.Remove(filepath.Join(into, "calendars", "us.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(into, "calendars", "us.csv", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := tree(t, into)
	if _, err := Run("holidays", []string{write(t, "b.csv", strings.ReplaceAll(other, "2 January", "Bank holiday"))}, Options{Into: into}); err == nil {
		t.Fatal("a directory was overwritten")
	}
	if after := tree(t, into); !maps.Equal(before, after) {
		t.Errorf("files changed: %v", after)
	}
}

func TestRenamesThatFailHalfwayAreUndone(t *testing.T) {
	into := t.TempDir()
	s := newStage(into)
	s.put("a/old.csv", []byte("old\n"), 1)
	if err := s.commit(&Report{}, false); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(into, "a", "z.csv", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := tree(t, into)
	s = newStage(into)
	s.files = []staged{
		{path: "a/new.csv", data: []byte("new\n"), outcome: Written},
		{path: "a/old.csv", data: []byte("newer\n"), outcome: Written, exists: true, old: []byte("old\n")},
		{path: "a/same.csv", outcome: Unchanged},
		{path: "a/z.csv", data: []byte("z\n"), outcome: Written},
	}
	if err := s.write(); err == nil {
		t.Fatal("a directory was overwritten")
	}
	if after := tree(t, into); !maps.Equal(before, after) {
		t.Errorf("files changed: %v", after)
	}
}

func TestAnEditedCardIsKept(t *testing.T) {
	into := t.TempDir()
	file := write(t, "mm.csv", mediaSheet())
	mustRun(t, "usps-prices", []string{file}, Options{Into: into})
	card := filepath.Join(into, "cards", "usps_media_mail-2026-04-07.yaml")
	text, err := os.ReadFile(card)
	if err != nil {
		t.Fatal(err)
	}
	edited := string(text) + "discount:\n  percent: 10%\n"
	if err := os.WriteFile(card, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	rep := mustRun(t, "usps-prices", []string{write(t, "mm.csv", strings.Replace(mediaSheet(), "1,4.75", "1,4.80", 1))}, Options{Into: into})
	want := []FileReport{
		{"cards/usps_media_mail-2026-04-07.prices.csv", Written, 70},
		{"cards/usps_media_mail-2026-04-07.yaml", Kept, 0},
	}
	if !slices.Equal(rep.Files, want) || !strings.Contains(rep.String(), "was edited and stays as it is") {
		t.Errorf("got %v", rep)
	}
	if now, _ := os.ReadFile(card); string(now) != edited {
		t.Errorf("the card is now\n%s", now)
	}
	if rep := mustRun(t, "usps-prices", []string{file}, Options{Into: into, Replace: true}); !rep.Changed() {
		t.Errorf("replace changed nothing: %v", rep)
	}
	if now, _ := os.ReadFile(card); string(now) != string(text) {
		t.Errorf("the card is now\n%s", now)
	}
}

func TestServicesAreSelected(t *testing.T) {
	into := t.TempDir()
	file := write(t, "rates.csv", fedexRates())
	rep := mustRun(t, "fedex-rates", []string{file}, Options{Into: into, Effective: day, Services: []string{"fedex_ground"}})
	if len(rep.Files) != 2 || !strings.Contains(rep.String(), "fedex_home_delivery is not imported") || !strings.Contains(rep.String(), "fedex_1day_freight is not imported") {
		t.Errorf("got %v", rep)
	}
	_, err := Run("fedex-rates", []string{file}, Options{Into: into, Effective: day, Services: []string{"fedex_grond"}})
	if err == nil || !strings.Contains(err.Error(), `did you mean "fedex_ground"?`) {
		t.Errorf("got %v", err)
	}
	rep = mustRun(t, "usps-prices", []string{write(t, "mm.csv", mediaSheet()), write(t, "ga.csv", groundSheet())},
		Options{Into: t.TempDir(), Services: []string{"usps_media_mail"}})
	if len(rep.Files) != 2 || !strings.Contains(rep.String(), "usps_ground_advantage is not imported") {
		t.Errorf("got %v", rep)
	}
}

func TestTwoFilesForOnePlaceAreAFault(t *testing.T) {
	for _, im := range []struct{ kind, text, want string }{
		{"usps-prices", mediaSheet(), "cards/usps_media_mail-2026-01-05.yaml already"},
		{"usps-zones", uspsChart, "zones/usps/070.csv already"},
		{"fedex-zones", fedexChart, "zones/fedex/070-076.csv already"},
		{"fedex-rates", fedexRates(), "cards/fedex_ground-2026-01-05.yaml already"},
		{"delivery-areas", areaZips, "2 lists were given"},
		{"fedex-zone-days", zoneDays, "one origin was given for 2 lists"},
	} {
		_, err := Run(im.kind, []string{write(t, "a", im.text), write(t, "b", im.text)}, Options{Into: t.TempDir(), Effective: day, Origin: originFor(im.kind)})
		if err == nil || !strings.Contains(err.Error(), im.want) {
			t.Errorf("%s: got %v", im.kind, err)
		}
	}
}

func originFor(kind string) string {
	if kind == "fedex-zone-days" {
		return "43215"
	}
	return ""
}

func TestFilesThatAreNoText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "the file is empty"},
		{"blank", " \r\n \n", "the file is empty"},
		{"bom only", "\xef\xbb\xbf\n", "the file is empty"},
		{"utf-16", "\xff\xfec\x00o\x00", "UTF-16"},
		{"binary", "country\x00date", "byte 0x00"},
		{"cut gzip", zipped(t, holidayRows)[:40], "gzip data is damaged or cut off"},
		{"gzip of nothing", "\x1f\x8b", "gzip data is damaged or cut off"},
	} {
		_, err := Run("holidays", []string{write(t, "x", c.text)}, Options{Into: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	if _, err := limited(endless{}); !errors.Is(err, errTooLarge) {
		t.Errorf("an endless file gives %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestOldCodePagesAreReadAndSaid(t *testing.T) {
	// 0xAE is the registered mark in Windows-1252, 0x96 the dash of "13–16".
	text := strings.NewReplacer("®", "\xae", "–", "\x96").Replace(fedexRates())
	into, plain := t.TempDir(), t.TempDir()
	rep := mustRun(t, "fedex-rates", []string{write(t, "rates.csv", text)}, Options{Into: into, Effective: day})
	if !strings.Contains(rep.String(), "are not UTF-8") || !strings.Contains(rep.String(), "read as Windows-1252") {
		t.Errorf("the report does not say so: %v", rep)
	}
	mustRun(t, "fedex-rates", []string{write(t, "rates.csv", fedexRates())}, Options{Into: plain, Effective: day})
	if !maps.Equal(tree(t, into), tree(t, plain)) {
		t.Error("the code page made a difference")
	}
	if got, n := repairUTF8([]byte("a\xae\x80\x81–\xff")); string(got) != "a®€\ufffd–ÿ" || n != 4 {
		t.Errorf("got %q, %d repaired", got, n)
	}
}

// Whatever becomes of a file on its way, an import ends with a report or with faults, never with half a network.
func TestDamagedFilesEndWell(t *testing.T) {
	for i, im := range imports(t) {
		text, err := os.ReadFile(im.files[0])
		if err != nil {
			t.Fatal(err)
		}
		for n, damaged := range damage(string(text), 60, uint64(i)) {
			im.opt.Into = filepath.Join(t.TempDir(), "net")
			rep, err := Run(im.kind, []string{write(t, filepath.Base(im.files[0]), damaged)}, im.opt)
			if _, statErr := os.Stat(im.opt.Into); (err == nil) != (statErr == nil) {
				t.Errorf("%s, damage %d: %v, but %v", im.kind, n, err, statErr)
			}
			if _, ok := errors.AsType[*faults.Error](err); err != nil && !ok {
				t.Errorf("%s, damage %d: %T %v is no list of faults", im.kind, n, err, err)
			}
			if err == nil && len(rep.Files) == 0 {
				t.Errorf("%s, damage %d: neither files nor faults", im.kind, n)
			}
		}
	}
}
