// Package units holds the exact integer quantities that Allot computes with: money, weight, length, shares and time.
//
// Quantities are types, so that dollars cannot be added to grams by accident. Each is scaled to an integer once, at
// the edge, and compared and added as an integer from then on; no float stands between a tariff and a price.
// Parsing accepts what people write ("4.07 lb", "12.3x9.5x3 in", "8.20", "2026-11-27"); printing gives text that
// parses back to the same value.
package units

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// ErrSyntax reports text that is not of the form a quantity is written in.
var ErrSyntax = errors.New("units: malformed quantity")

// ErrRange reports a quantity too large for its type, or outside the range that makes sense for it.
var ErrRange = errors.New("units: quantity out of range")

// ErrPrecision reports digits finer than the type's smallest step.
var ErrPrecision = errors.New("units: too many decimals")

// decimal reads a signed decimal number ("-12.345") and returns it times scale. What is finer than one is
// ErrPrecision when exact is set, else rounded half away from zero.
func decimal(s string, scale int64, exact bool) (int64, error) {
	digits, neg := s, false
	switch {
	case strings.HasPrefix(s, "-"):
		digits, neg = s[1:], true
	case strings.HasPrefix(s, "+"):
		digits = s[1:]
	}
	whole, frac, dotted := strings.Cut(digits, ".")
	if whole == "" || (dotted && frac == "") || len(whole) > 19 || len(frac) > 18 {
		if len(whole) > 19 {
			return 0, ErrRange
		}
		if len(frac) > 18 {
			return 0, ErrPrecision
		}
		return 0, ErrSyntax
	}
	var mantissa, power uint64 = 0, 1
	for i := range len(whole) + len(frac) {
		var c byte
		if i < len(whole) {
			c = whole[i]
		} else {
			c = frac[i-len(whole)]
			power *= 10
		}
		if c < '0' || c > '9' {
			return 0, ErrSyntax
		}
		hi, lo := bits.Mul64(mantissa, 10)
		sum, carry := bits.Add64(lo, uint64(c-'0'), 0)
		if hi != 0 || carry != 0 {
			return 0, ErrRange
		}
		mantissa = sum
	}
	hi, lo := bits.Mul64(mantissa, uint64(scale))
	if hi >= power {
		return 0, ErrRange
	}
	quo, rem := bits.Div64(hi, lo, power)
	if rem != 0 && exact {
		return 0, ErrPrecision
	}
	if rem >= power-rem {
		quo++
	}
	if quo > math.MaxInt64 {
		return 0, ErrRange
	}
	if neg {
		return -int64(quo), nil
	}
	return int64(quo), nil
}

// formatDecimal prints n/scale (scale a power of ten) with at least minPlaces decimals and no other trailing zeros.
func formatDecimal(n, scale int64, minPlaces int) string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	places := 0
	for p := scale; p > 1; p /= 10 {
		places++
	}
	frac := fmt.Sprintf("%0*d", places, u%uint64(scale))
	if places == 0 {
		frac = ""
	}
	for len(frac) > minPlaces && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if frac == "" {
		return fmt.Sprintf("%s%d", sign, u/uint64(scale))
	}
	return fmt.Sprintf("%s%d.%s", sign, u/uint64(scale), frac)
}

// splitUnit separates "12.3 in" into its number and its unit; the blank between them is optional.
func splitUnit(s string) (number, unit string) {
	s = strings.TrimSpace(s)
	i := strings.LastIndexAny(s, "0123456789.") + 1
	return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i:])
}

// A ParseError is text refused as a quantity, with what to write instead.
type ParseError struct {
	Text   string // what was given, cut short where it is long
	Kind   string // what it should have been: "weight", "time of day"
	Reason error  // ErrSyntax, ErrRange or ErrPrecision
	Mend   string // "write hh:mm, as 14:00"
}

// NewParseError returns a ParseError about text.
func NewParseError(kind, text string, reason error, mend string) *ParseError {
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return &ParseError{Text: text, Kind: kind, Reason: reason, Mend: mend}
}

// Error says it in one line: `"25:00" is no time of day: out of range; write hh:mm, as 14:00`.
func (e *ParseError) Error() string {
	why := ""
	switch {
	case errors.Is(e.Reason, ErrRange):
		why = ": out of range"
	case errors.Is(e.Reason, ErrPrecision):
		why = ": too many decimals"
	}
	return fmt.Sprintf("%q is no %s%s; %s", e.Text, e.Kind, why, e.Mend)
}

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Reason }
