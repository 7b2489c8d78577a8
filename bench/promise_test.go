package bench

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestPromises(t *testing.T) {
	promises := []*Promise{
		AtLeast("ratio", 0.5, Ratios([]float64{1, 2, 3}, []float64{4, 4, 4})),
		AtLeast("rate", 100, []float64{90, 95, 99, 96}),
		AtMost("seconds", 5, []float64{1, 7, 6}),
		AtMost("time", 1_500, []float64{1_500}),
		Told("beside", []float64{7}),
	}
	for i, want := range []Promise{
		{Median: 0.5, Least: 0.25, Most: 0.75, Target: "at least 0.50", Holds: true},
		{Median: 95.5, Least: 90, Most: 99, Target: "at least 100"},
		{Median: 6, Least: 1, Most: 7, Target: "at most 5.00"},
		{Median: 1_500, Least: 1_500, Most: 1_500, Target: "at most 1500", Holds: true},
		{Median: 7, Least: 7, Most: 7, Holds: true},
	} {
		if p := promises[i]; p.Median != want.Median || p.Least != want.Least || p.Most != want.Most || p.Target != want.Target || p.Holds != want.Holds {
			t.Errorf("%+v, not %+v", p, want)
		}
	}
	var out strings.Builder
	table := func(w io.Writer) error { _, err := fmt.Fprintln(w, "the table"); return err }
	if err := Print(&out, promises, table, promises, false, true); err == nil || !strings.Contains(err.Error(), "rate: 95.5, and not at least 100") {
		t.Errorf("the first promise that does not hold is not told: %v", err)
	}
	if text := out.String(); strings.Count(text, "MISSED") != 2 || strings.Count(text, "holds") != 2 || !strings.HasPrefix(text, "the table") {
		t.Error(text)
	}
	out.Reset()
	if err := Print(&out, promises, table, promises, true, false); err != nil || strings.Contains(out.String(), "the table") || strings.Count(out.String(), `"holds": false`) != 2 {
		t.Errorf("%v\n%s", err, out.String())
	}
}
