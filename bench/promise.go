package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A Promise is a number of every round of a measurement, and what its median is held to.
type Promise struct {
	Name   string    `json:"name"`
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Target string    `json:"target"` // empty where nothing is promised
	Holds  bool      `json:"holds"`
}

// AtMost returns the promise that the median over the rounds, of which there is at least one, is at most the target.
func AtMost(name string, target float64, rounds []float64) *Promise {
	p := promise(name, "at most "+Number(target), rounds)
	p.Holds = p.Median <= target
	return p
}

// AtLeast returns the promise that the median over the rounds is at least the target.
func AtLeast(name string, target float64, rounds []float64) *Promise {
	p := promise(name, "at least "+Number(target), rounds)
	p.Holds = p.Median >= target
	return p
}

// Told returns a figure that stands beside promises and is none.
func Told(name string, rounds []float64) *Promise {
	p := promise(name, "", rounds)
	p.Holds = true
	return p
}

func promise(name, target string, rounds []float64) *Promise {
	return &Promise{Name: name, Target: target, Rounds: rounds, Median: Median(rounds), Least: slices.Min(rounds), Most: slices.Max(rounds)}
}

// Ratios returns a/b, round by round.
func Ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

// Median returns the median of at least one number.
func Median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Number prints a number with as many decimals as it deserves.
func Number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < 0.1:
		return fmt.Sprintf("%.4f", x)
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// Print writes a result, as JSON or by its own table and that of its promises. With check the first promise that does not
// hold is the error.
func Print(w io.Writer, result any, table func(io.Writer) error, promises []*Promise, asJSON, check bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(result); err != nil {
			return err
		}
	} else {
		if err := table(w); err != nil {
			return err
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "\npromise\tmedian\tleast\tmost\tpromised\t")
		for _, p := range promises {
			verdict := "holds"
			switch {
			case p.Target == "":
				verdict = ""
			case !p.Holds:
				verdict = "MISSED"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, Number(p.Median), Number(p.Least), Number(p.Most), p.Target, verdict)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, p := range promises {
		if check && !p.Holds {
			return fmt.Errorf("%s: %s, and not %s", p.Name, Number(p.Median), p.Target)
		}
	}
	return nil
}
