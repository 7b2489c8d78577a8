package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/allot-engine/allot/units"
)

// The forecast of the example is what its README says to fit.
func TestExampleForecastIsFitted(t *testing.T) {
	t.Parallel()
	network, into := repository(t, example), t.TempDir()
	code, out, errs := allot(t, time.Unix(0, 0), "", "forecast", "fit", "--network", network, "--orders", filepath.Join(network, "history.csv"),
		"--share", "10%", "--cycle", "14d", "--next", "2026-12-07", "-o", filepath.Join(into, "forecast.yaml"))
	if code != exitDone {
		t.Fatalf("code %d: %s%s", code, out, errs)
	}
	for _, name := range []string{"forecast.yaml", "forecast.types.csv", "forecast.regions.csv"} {
		got, err := os.ReadFile(filepath.Join(into, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(network, "forecast", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what is committed; fit it again as %s/README.md says", name, example)
		}
	}
}

// Wherever orderedAt stands in an order, the rest stays as it was.
func TestOrderedAt(t *testing.T) {
	t.Parallel()
	want, err := units.ParseInstant("2026-11-02T15:04:05Z")
	if err != nil {
		t.Fatal(err)
	}
	for text, rest := range map[string]string{
		`{"orderedAt":"2026-11-02T15:04:05Z"}`:               `{                                  }`,
		`{"orderedAt" : "2026-11-02T15:04:05Z" , "id":"o"}`:  `{                                       "id":"o"}`,
		`{"id":"o","orderedAt":"2026-11-02T15:04:05Z"}`:      `{"id":"o"                                   }`,
		`{"a":1,"orderedAt":"2026-11-02T15:04:05Z", "b":[]}`: `{"a":1                                   , "b":[]}`,
	} {
		at, got, err := orderedAt([]byte(text))
		if err != nil || at != want || string(got) != rest {
			t.Errorf("%s: %v, %v\n%s, want\n%s", text, at, err, got, rest)
		}
	}
	for _, text := range []string{
		``, `{`, `[]`, `null`, `{"orderedAt"`, `{"orderedAt":`, `{"orderedAt":"`, `{"to":{"orderedAt":"2026-11-02T15:04:05Z"}}`, `["orderedAt","2026-11-02T15:04:05Z"]`,
	} {
		if at, got, err := orderedAt([]byte(text)); err != nil || at != 0 || string(got) != text {
			t.Errorf("%s: %v, %v, %s", text, at, err, got)
		}
	}
	if _, _, err := orderedAt([]byte(`{"orderedAt":3}`)); err == nil {
		t.Error("3 is no moment")
	}
}
