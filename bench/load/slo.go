package load

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/faults"
)

// An SLO is one condition of a service level objective.
type SLO struct {
	Text      string  // as it was written, without spaces
	Operation string  // by name; "all" where none was written
	Figure    string  // p50, p90, p95, p99, p99.9, p99.99, max, mean, errors or goodput
	Sign      string  // < <= > >=
	Limit     float64 // nanoseconds, a share of the intended operations, or operations a second
}

// Figures returns the names of what a condition can be about.
func Figures() []string { return append([]string(nil), figures...) }

var figures = []string{"p50", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean", "errors", "goodput"}

// ParseSLO reads conditions with commas between them, as "p99<20ms,errors<0.1%" or "allocate:p99<20ms". Latencies and errors are
// limited from above, by < or <=; goodput, in operations a second, from below, by > or >=. Errors are the share of what was
// intended that had no answer in time, for whatever reason. Faults are a *faults.Error that has all of them.
func ParseSLO(text string) ([]SLO, error) {
	var out []SLO
	var bad faults.List
	for part := range strings.SplitSeq(text, ",") {
		part = strings.Join(strings.Fields(part), "")
		if part == "" {
			bad.Addf("", 0, 0, "", "write conditions as p99<20ms,errors<0.1%", "a condition is missing")
			continue
		}
		out = append(out, parseCondition(part, &bad))
	}
	if bad.Len() > 0 {
		return nil, bad.Err()
	}
	return out, nil
}

func parseCondition(part string, bad *faults.List) SLO {
	s := SLO{Text: part, Operation: operations[0]}
	at := strings.IndexAny(part, "<>")
	if at < 0 {
		bad.Addf("", 0, 0, "", "write a figure, < or >, and a limit, as p99<20ms", "%.60q has no < or >", part)
		return s
	}
	s.Figure, s.Sign = part[:at], part[at:at+1]
	limit := part[at+1:]
	if strings.HasPrefix(limit, "=") {
		s.Sign, limit = s.Sign+"=", limit[1:]
	}
	if operation, figure, ok := strings.Cut(s.Figure, ":"); ok {
		s.Operation, s.Figure = operation, figure
		if !slices.Contains(operations[:], operation) {
			bad.Addf("", 0, 0, "", meant(operation, operations[:]), "unknown operation %.60q", operation)
		}
	}
	if !slices.Contains(figures, s.Figure) {
		bad.Addf("", 0, 0, "", meant(s.Figure, figures), "unknown figure %.60q", s.Figure)
		return s
	}
	var ok bool
	wanted, mend := "<", "write a time with its unit, as 20ms or 1.5s"
	switch s.Figure {
	case "errors":
		mend = "write a share, as 0.1% or 0.001"
		s.Limit, ok = parseShare(limit)
	case "goodput":
		wanted, mend = ">", "write operations a second, as 5000"
		s.Limit, ok = parsePlain(strings.TrimSuffix(limit, "/s"))
	default:
		d, err := time.ParseDuration(limit)
		s.Limit, ok = float64(d), err == nil && d > 0
	}
	if !ok {
		bad.Addf("", 0, 0, "", mend, "%s: %.60q is no limit of it", s.Figure, limit)
	}
	if s.Sign[:1] != wanted {
		bad.Addf("", 0, 0, "", fmt.Sprintf("write %s%s%s", s.Figure, wanted+s.Sign[1:], limit), "%s is limited the other way", s.Figure)
	}
	return s
}

func parsePlain(s string) (float64, bool) {
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && x >= 0 && !math.IsInf(x, 0)
}

func parseShare(s string) (float64, bool) {
	digits, percent := strings.CutSuffix(s, "%")
	x, ok := parsePlain(digits)
	if percent {
		x /= 100
	}
	return x, ok && x <= 1
}

// meant is the known name that is nearest to an unknown one, or else all of them.
func meant(got string, known []string) string {
	if s := faults.DidYouMean(got, known); s != "" {
		return s
	}
	return "there is " + strings.Join(known, ", ")
}

// Judge holds a result against conditions, keeps them as its Objectives, and tells whether all of them hold. A latency of an
// operation that had no answer at all does not hold.
func (r *Result) Judge(slo []SLO) bool {
	r.Objectives = nil
	all := true
	for _, s := range slo {
		o := Objective{Text: s.Text}
		if op := r.Operation(s.Operation); op != nil {
			var known bool
			o.Measured, known = op.figure(s.Figure, r.Duration)
			o.Holds = known && s.holds(o.Measured)
		}
		all = all && o.Holds
		r.Objectives = append(r.Objectives, o)
	}
	return all
}

func (s *SLO) holds(x float64) bool {
	switch s.Sign {
	case "<":
		return x < s.Limit
	case "<=":
		return x <= s.Limit
	case ">":
		return x > s.Limit
	default:
		return x >= s.Limit
	}
}

// Operation returns an operation by its name, nil where there was none of it.
func (r *Result) Operation(name string) *Operation {
	for i := range r.Operations {
		if r.Operations[i].Name == name {
			return &r.Operations[i]
		}
	}
	return nil
}

// Errors returns the share of the intended operations that had no answer in time: 0 to 1, and 0 where none was intended.
func (o *Operation) Errors() float64 {
	if o.Intended == 0 {
		return 0
	}
	return float64(o.Intended-o.Answered) / float64(o.Intended)
}

// figure returns what was measured, and whether it was: a latency is of what was answered.
func (o *Operation) figure(name string, d time.Duration) (float64, bool) {
	l := &o.Latency
	switch name {
	case "errors":
		return o.Errors(), o.Intended > 0
	case "goodput":
		if d <= 0 {
			return 0, false
		}
		return float64(o.Answered) / d.Seconds(), true
	case "mean":
		return l.Mean, l.Count > 0
	case "p50":
		return float64(l.P50), l.Count > 0
	case "p90":
		return float64(l.P90), l.Count > 0
	case "p95":
		return float64(l.P95), l.Count > 0
	case "p99":
		return float64(l.P99), l.Count > 0
	case "p99.9":
		return float64(l.P999), l.Count > 0
	case "p99.99":
		return float64(l.P9999), l.Count > 0
	default:
		return float64(l.Max), l.Count > 0
	}
}
