package compare

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/faults"
)

// Thresholds say what makes a run a go: all of them hold.
type Thresholds []Threshold

// A Threshold bounds a figure of a run, or how it changes from the base. It is written
//
//	cost<=+1%  on-time>=-0.5pp  late-share<=5%  filled>=-0.1% surely
//
// a figure, one of < <= > >=, and a limit. A limit with a sign bounds the change from the base: with % as a share of the
// base's value, with pp in percentage points of a share, with neither in the figure's own unit (money, km, g, days). A limit
// without a sign bounds the run's own value, in percent for shares. The figures are those of a Comparison by name, with the shorter
// names that FigureNames lists; the terms of cost are cost_TERM.
//
// It is judged on the figure as it is, without rounding; with "surely" behind it, on the end of the confidence interval that is
// worse for it, so that it holds at the comparison's confidence and not just in this sample.
type Threshold struct {
	Figure string // by its full name
	Op     string // "<", "<=", ">" or ">="
	Limit  *big.Rat
	Kind   LimitKind
	Surely bool

	text string
}

// String returns the threshold as it was written.
func (t Threshold) String() string { return t.text }

// A LimitKind says what a limit bounds.
type LimitKind uint8

// The kinds of limits.
const (
	Value    LimitKind = iota // the run's own value; shares as 0 to 1
	Change                    // run less base; percentage points as 0 to 1
	Relative                  // run less base over base; 0.01 is 1 %
)

// short names of figures in thresholds.
var aliases = [][2]string{
	{"cost", "cost_per_order"}, {"total", "total_cost"}, {"filled", "filled_share"}, {"on-time", "on_time_share"},
	{"late", "late_share"}, {"lost", "lost_share"}, {"splits", "split_share"}, {"split", "split_share"}, {"shipments", "shipments_per_order"},
	{"distance", "km_per_order"}, {"km", "km_per_order"}, {"emissions", "co2_per_order"}, {"co2", "co2_per_order"},
	{"transit", "transit_days"}, {"floor", "floor_per_order"}, {"freight", "freight_per_order"},
}

// FigureNames returns what thresholds may name, short names first; any "cost_TERM" may be named besides.
func FigureNames() []string {
	var names []string
	for _, a := range aliases {
		names = append(names, a[0])
	}
	for _, s := range specs(nil) {
		names = append(names, s.name)
	}
	return names
}

// ParseThresholds reads thresholds, separated by commas or semicolons. Its errors are *faults.Error: all that is wrong, each with
// its column. Nothing but blanks is none.
func ParseThresholds(text string) (Thresholds, error) {
	var list Thresholds
	var wrong faults.List
	at := 0
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		column := at + strings.Index(text[at:], part)
		at = column + len(part)
		if strings.TrimSpace(part) == "" {
			continue
		}
		if t, problem, mend := parseThreshold(strings.TrimSpace(part)); problem != "" {
			wrong.Addf("thresholds", 1, column+1, "", mend, "%s", problem)
		} else {
			list = append(list, t)
		}
	}
	return list, wrong.Err()
}

func parseThreshold(text string) (t Threshold, problem, mend string) {
	t.text = text
	i := strings.IndexAny(text, "<>=")
	if i <= 0 {
		return t, fmt.Sprintf("%q is no threshold", text), "write a figure, <= or >=, and a limit, as cost<=+1%"
	}
	name, rest := strings.TrimSpace(text[:i]), text[i:]
	switch {
	case strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		t.Op, rest = rest[:2], rest[2:]
	case rest[0] == '<', rest[0] == '>':
		t.Op, rest = rest[:1], rest[1:]
	default:
		return t, fmt.Sprintf("%q asks for equality", text), "use <= or >="
	}
	if t.Figure = figureName(name); t.Figure == "" {
		mend = faults.DidYouMean(name, FigureNames())
		if mend == "" {
			mend = "the figures are " + strings.Join(FigureNames(), ", ")
		}
		return t, fmt.Sprintf("there is no figure %q", name), mend
	}
	rest = strings.TrimSpace(rest)
	rest, t.Surely = strings.CutSuffix(rest, "surely")
	rest = strings.TrimSpace(rest)
	number, unit := rest, ""
	switch {
	case strings.HasSuffix(rest, "%"):
		number, unit = strings.TrimSpace(rest[:len(rest)-1]), "%"
	case strings.HasSuffix(rest, "pp"):
		number, unit = strings.TrimSpace(rest[:len(rest)-2]), "pp"
	}
	// People write the sign that word processors make of it.
	number = strings.Replace(number, "\u2212", "-", 1)
	signed := strings.HasPrefix(number, "+") || strings.HasPrefix(number, "-")
	limit, ok := new(big.Rat).SetString(number)
	if !ok || len(number) > 30 || strings.ContainsAny(number, "/eExXbBoO_pP") {
		return t, fmt.Sprintf("%q is no limit", rest), "write a number, as +1%, -0.5pp or 0.25"
	}
	share := t.unit() == Share
	t.Limit, t.Kind = limit, Value
	hundredth := big.NewRat(1, 100)
	switch {
	case unit == "pp" && !share:
		return t, fmt.Sprintf("%s is no share, so it has no percentage points", name), "bound its change with %, as +1%"
	case unit == "pp" && !signed && limit.Sign() != 0:
		return t, fmt.Sprintf("%q has no sign", rest), "write +" + rest + " or -" + rest + ", since percentage points are a change"
	case unit == "pp":
		t.Kind = Change
		limit.Mul(limit, hundredth)
	case unit == "%" && signed:
		t.Kind = Relative
		limit.Mul(limit, hundredth)
	case unit == "%" && share:
		limit.Mul(limit, hundredth)
	case unit == "%":
		return t, fmt.Sprintf("%q has no sign", rest), "write +" + rest + " or -" + rest + " for a change from the base"
	case signed && share:
		return t, fmt.Sprintf("%q says no unit", rest), "write " + rest + "pp for percentage points, or " + rest + "% of the base's share"
	case share:
		return t, fmt.Sprintf("%q says no unit", rest), "write " + rest + "%"
	case signed:
		t.Kind = Change
	}
	return t, "", ""
}

func figureName(name string) string {
	name = strings.ToLower(name)
	for _, a := range aliases {
		if name == a[0] {
			return a[1]
		}
	}
	under := strings.ReplaceAll(name, "-", "_")
	if slices.Contains(FigureNames(), under) {
		return under
	}
	if strings.HasPrefix(name, "cost_") && len(name) > len("cost_") {
		return name // a term, which only a comparison knows
	}
	return ""
}

func (t *Threshold) unit() Unit {
	for _, s := range specs(nil) {
		if s.name == t.Figure {
			return s.unit
		}
	}
	return MoneyUnit
}

// judge holds a run's figures against the thresholds. Its error is a *faults.Error for terms that there are none of.
func (list Thresholds) judge(figures []Figure) (Verdict, error) {
	v := Verdict{Go: true}
	var wrong faults.List
	for _, t := range list {
		i := slices.IndexFunc(figures, func(f Figure) bool { return strings.EqualFold(f.Name, t.Figure) })
		if i < 0 {
			var names []string
			for _, f := range figures {
				names = append(names, f.Name)
			}
			wrong.Addf("thresholds", 0, 0, t.text, faults.DidYouMean(t.Figure, names), "there is no figure %q in these runs", t.Figure)
			continue
		}
		j := t.judge(&figures[i])
		v.Go = v.Go && j.Pass
		v.Judgings = append(v.Judgings, j)
	}
	return v, wrong.Err()
}

func (t *Threshold) judge(f *Figure) Judgment {
	limit, _ := t.Limit.Float64()
	j := Judgment{Threshold: t.text, Figure: f.Name, Limit: Number(limit)}
	estimate, what := f.Run, f.Label
	exact := f.run.exact()
	switch t.Kind {
	case Change, Relative:
		estimate, what = f.Change, "the change of "+strings.ToLower(f.Label[:1])+f.Label[1:]
		base := f.base.exact()
		if exact != nil && base != nil {
			exact = new(big.Rat).Sub(exact, base)
			if t.Kind == Relative {
				if base.Sign() == 0 {
					exact = nil
				} else {
					exact.Quo(exact, base)
				}
			}
		} else {
			exact = nil
		}
		if t.Kind == Relative {
			estimate = f.Relative
		}
	}
	j.Observed = estimate.Value
	text := func(n float64) string {
		switch {
		case t.Kind == Relative, f.Unit == Share && t.Kind == Value:
			return strconv.FormatFloat(100*n, 'f', 3, 64) + "%"
		case f.Unit == Share:
			return strconv.FormatFloat(100*n, 'f', 3, 64) + "pp"
		case f.Unit == Plain || f.Unit == MoneyUnit:
			return strconv.FormatFloat(n, 'f', 4, 64)
		}
		return strconv.FormatFloat(n, 'f', 3, 64) + " " + string(f.Unit)
	}
	order := 0 // of what is judged to the limit
	switch {
	case exact == nil:
		j.Reason = fmt.Sprintf("no-go: %s has no value, since there is nothing to divide by (%s)", what, f.Among)
		return j
	case t.Surely && estimate.Interval == nil:
		j.Reason = fmt.Sprintf("no-go: there are too few orders to be sure about %s", what)
		return j
	case t.Surely:
		end, which := estimate.Interval.High, "upper"
		if t.Op[0] == '>' {
			end, which = estimate.Interval.Low, "lower"
		}
		j.Observed = Number(end)
		order = cmp.Compare(end, limit)
		what = "the " + which + " end of the interval of " + what
	default:
		order = exact.Cmp(t.Limit)
	}
	switch t.Op {
	case "<":
		j.Pass = order < 0
	case "<=":
		j.Pass = order <= 0
	case ">":
		j.Pass = order > 0
	default:
		j.Pass = order >= 0
	}
	word := "go"
	if !j.Pass {
		word = "no-go"
	}
	j.Reason = fmt.Sprintf("%s: %s is %s; the limit is %s %s", word, what, text(float64(j.Observed)), t.Op, text(limit))
	return j
}
