package faults

import (
	"errors"
	"strings"
	"testing"
)

func TestFaultString(t *testing.T) {
	for _, c := range []struct {
		f    Fault
		want string
	}{
		{Fault{File: "w.csv", Row: 12, Column: 4, Field: "cutoff", Problem: "bad", Mend: "write hh:mm"}, "w.csv:12:4 cutoff: bad; write hh:mm"},
		{Fault{File: "w.csv", Problem: "missing"}, "w.csv: missing"},
		{Fault{Field: "lines[2].sku", Problem: "unknown"}, "lines[2].sku: unknown"},
		{Fault{Problem: "empty"}, "empty"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestListSortsByPlaceAndKeepsOrderWithin(t *testing.T) {
	var l List
	if l.Err() != nil {
		t.Fatal("an empty list is an error")
	}
	l.Addf("b.csv", 1, 0, "", "", "third")
	l.Addf("a.csv", 2, 1, "", "", "second %d", 2)
	l.Addf("a.csv", 1, 9, "", "", "first")
	l.Addf("b.csv", 1, 0, "", "", "fourth")
	err := l.Err()
	fe, ok := errors.AsType[*Error](err)
	if !ok || len(fe.Faults) != 4 || l.Len() != 4 {
		t.Fatalf("got %v", err)
	}
	if want := "a.csv:1:9: first\na.csv:2:1: second 2\nb.csv:1: third\nb.csv:1: fourth"; err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"reno", "columbus", "edison", "warehouse", "warehouses"}
	for got, want := range map[string]string{
		"rneo": "reno", "Colombus": "columbus", "edisno": "edison", "warehuose": "warehouse", "WAREHOUSES": "warehouses",
		"xyzzy": "", "": "", strings.Repeat("a", 5_000): "",
	} {
		w := ""
		if want != "" {
			w = `did you mean "` + want + `"?`
		}
		if s := DidYouMean(got, known); s != w {
			t.Errorf("DidYouMean(%.20q) = %q, want %q", got, s, w)
		}
	}
}
