package units

import (
	"fmt"
	"strings"
)

// Weight is a mass in nanograms, in which an ounce (28.349523125 g) and a pound are whole numbers.
type Weight int64

// Units of weight. The avoirdupois pound is 0.45359237 kg by definition (NIST Handbook 44, appendix C).
const (
	Gram     Weight = 1_000_000_000
	Kilogram        = 1_000 * Gram
	Ounce    Weight = 28_349_523_125
	Pound           = 16 * Ounce
)

// MaxWeight bounds what ParseWeight accepts: 100 tonnes.
const MaxWeight = 100_000 * Kilogram

var weightUnits = map[string]Weight{"g": Gram, "kg": Kilogram, "oz": Ounce, "lb": Pound, "lbs": Pound, "mg": Gram / 1_000}

// ParseWeight reads a weight with its unit: "4.07 lb", "15.999 oz", "2 kg", "500 g" or "3 lb 4 oz". What is finer
// than a nanogram is rounded half-up, so that the same text is the same weight wherever it stands: 15.999 oz is
// 453,564,020,477 ng. A negative weight is an error.
func ParseWeight(s string) (Weight, error) {
	const mend = `write a number and g, kg, oz or lb, as "4.07 lb"`
	var total Weight
	rest := strings.TrimSpace(s)
	for first := true; first || rest != ""; first = false {
		end := strings.IndexFunc(rest, isLetter)
		if end < 0 {
			return 0, NewParseError("weight", s, ErrSyntax, mend)
		}
		stop := end + strings.IndexFunc(rest[end:], func(r rune) bool { return !isLetter(r) })
		if stop < end {
			stop = len(rest)
		}
		unit, ok := weightUnits[strings.ToLower(rest[end:stop])]
		if !ok {
			return 0, NewParseError("weight", s, ErrSyntax, mend)
		}
		n, err := decimal(strings.TrimSpace(rest[:end]), int64(unit), false)
		if err != nil {
			return 0, NewParseError("weight", s, err, mend)
		}
		if n < 0 || Weight(n) > MaxWeight-total {
			return 0, NewParseError("weight", s, ErrRange, mend)
		}
		total += Weight(n)
		rest = strings.TrimSpace(rest[stop:])
	}
	return total, nil
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// String prints the weight in the first of lb, oz, kg and g in which it has at most three decimals, else in
// grams with as many as it takes.
func (w Weight) String() string {
	for _, u := range [...]struct {
		per  Weight
		name string
	}{{Pound, "lb"}, {Ounce, "oz"}, {Kilogram, "kg"}} {
		if w >= u.per && w%(u.per/1_000) == 0 && w/(u.per/1_000)*(u.per/1_000) == w && u.per%1_000 == 0 {
			return formatDecimal(int64(w/(u.per/1_000)), 1_000, 0) + " " + u.name
		}
	}
	if w%Ounce == 0 && w != 0 {
		return fmt.Sprintf("%d oz", w/Ounce)
	}
	return formatDecimal(int64(w), int64(Gram), 0) + " g"
}

// MarshalText implements encoding.TextMarshaler.
func (w Weight) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseWeight.
func (w *Weight) UnmarshalText(b []byte) (err error) { *w, err = ParseWeight(string(b)); return err }

// Length is a distance in micrometres, in which an inch (25.4 mm) is a whole number.
type Length int64

// Units of length.
const (
	Millimetre Length = 1_000
	Centimetre        = 10 * Millimetre
	Metre             = 1_000 * Millimetre
	Inch       Length = 25_400
	Foot              = 12 * Inch
)

// MaxLength bounds what ParseLength accepts: 100 m.
const MaxLength = 100 * Metre

var lengthUnits = map[string]Length{"mm": Millimetre, "cm": Centimetre, "m": Metre, "in": Inch, "ft": Foot, `"`: Inch}

// ParseLength reads a length with its unit: "12.3 in", "40 cm", "1 m", "5 mm" or "2 ft". What is finer
// than a micrometre is rounded half-up; a negative length is an error.
func ParseLength(s string) (Length, error) {
	number, unit := splitUnit(s)
	return parseLength(s, number, unit)
}

func parseLength(s, number, unit string) (Length, error) {
	const mend = `write a number and mm, cm, m, in or ft, as "12.3 in"`
	per, ok := lengthUnits[strings.ToLower(unit)]
	if !ok {
		return 0, NewParseError("length", s, ErrSyntax, mend)
	}
	n, err := decimal(number, int64(per), false)
	if err == nil && (n < 0 || Length(n) > MaxLength) {
		err = ErrRange
	}
	if err != nil {
		return 0, NewParseError("length", s, err, mend)
	}
	return Length(n), nil
}

// ParseDims reads three sides with one unit, "12.3x9.5x3 in", in the order they are written.
func ParseDims(s string) ([3]Length, error) {
	var dims [3]Length
	numbers, unit := splitUnit(s)
	parts := strings.FieldsFunc(numbers, func(r rune) bool { return r == 'x' || r == 'X' || r == '×' })
	if len(parts) != 3 {
		return dims, NewParseError("size", s, ErrSyntax, `write three sides and a unit, as "12.3x9.5x3 in"`)
	}
	for i, p := range parts {
		side, err := parseLength(s, strings.TrimSpace(p), unit)
		if err != nil {
			return dims, err
		}
		dims[i] = side
	}
	return dims, nil
}

// String prints the length in inches where it has at most three decimals there, else in millimetres.
func (l Length) String() string {
	if mils := int64(l) * 1_000; l != 0 && mils%int64(Inch) == 0 {
		return formatDecimal(mils/int64(Inch), 1_000, 0) + " in"
	}
	return formatDecimal(int64(l), int64(Millimetre), 0) + " mm"
}

// MarshalText implements encoding.TextMarshaler.
func (l Length) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseLength.
func (l *Length) UnmarshalText(b []byte) (err error) { *l, err = ParseLength(string(b)); return err }

// LongestFirst returns three sides with the longest first and the shortest last.
func LongestFirst(s [3]Length) [3]Length {
	if s[0] < s[1] {
		s[0], s[1] = s[1], s[0]
	}
	if s[1] < s[2] {
		s[1], s[2] = s[2], s[1]
	}
	if s[0] < s[1] {
		s[0], s[1] = s[1], s[0]
	}
	return s
}
