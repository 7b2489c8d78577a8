package units

import (
	"math/bits"
	"strings"
)

// Money is an amount in micros of the network's currency: 1 USD is 1,000,000.
type Money int64

// Amounts of money in one currency whose minor unit is a hundredth.
const (
	Micro    Money = 1
	Cent     Money = 10_000
	Currency Money = 1_000_000
)

// MaxMoney bounds what ParseMoney accepts (a trillion units of currency), so that sums of a few thousand amounts
// cannot overflow.
const MaxMoney = 1_000_000_000_000 * Currency

// ParseMoney reads a plain decimal amount such as "8.20" or "-1", with at most six decimals.
func ParseMoney(s string) (Money, error) {
	const mend = `write a decimal amount, as "8.20"`
	n, err := decimal(strings.TrimSpace(s), int64(Currency), true)
	if err != nil {
		return 0, NewParseError("amount of money", s, err, mend)
	}
	if m := Money(n); m > MaxMoney || m < -MaxMoney {
		return 0, NewParseError("amount of money", s, ErrRange, mend)
	}
	return Money(n), nil
}

// String prints the amount with at least two decimals: "8.20", "0.000001".
func (m Money) String() string { return formatDecimal(int64(m), int64(Currency), 2) }

// MarshalText implements encoding.TextMarshaler.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseMoney.
func (m *Money) UnmarshalText(b []byte) (err error) { *m, err = ParseMoney(string(b)); return err }

// RoundTo rounds to a multiple of minor, halves away from zero ("half-up" for the non-negative amounts of tariffs).
// minor must be positive.
func (m Money) RoundTo(minor Money) Money {
	if m < 0 {
		return -(-m).RoundTo(minor)
	}
	return (m + minor/2) / minor * minor
}

// Times returns m * n / d rounded half away from zero, exact in between. d must be positive; the result must fit.
func (m Money) Times(n, d int64) Money {
	neg := (m < 0) != (n < 0)
	hi, lo := bits.Mul64(magnitude(int64(m)), magnitude(n))
	lo, carry := bits.Add64(lo, uint64(d)/2, 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(d))
	if neg {
		return -Money(q)
	}
	return Money(q)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// Percent is a share in basis points: 1 % is 100.
type Percent int32

// WholePercent is all of it: 100 %.
const WholePercent Percent = 10_000

// ParsePercent reads "12.5%" or "12.5 %", with at most two decimals and at most 10,000 %.
func ParsePercent(s string) (Percent, error) {
	const mend = `write a percentage, as "12.5%"`
	number, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	if !ok {
		return 0, NewParseError("percentage", s, ErrSyntax, mend)
	}
	n, err := decimal(strings.TrimSpace(number), 100, true)
	if err != nil {
		return 0, NewParseError("percentage", s, err, mend)
	}
	if n > 100*int64(WholePercent) || n < -100*int64(WholePercent) {
		return 0, NewParseError("percentage", s, ErrRange, mend)
	}
	return Percent(n), nil
}

// Of returns the share p of m, rounded half away from zero to the micro.
func (p Percent) Of(m Money) Money { return m.Times(int64(p), int64(WholePercent)) }

// String prints the share as ParsePercent reads it.
func (p Percent) String() string { return formatDecimal(int64(p), 100, 0) + "%" }

// MarshalText implements encoding.TextMarshaler.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParsePercent.
func (p *Percent) UnmarshalText(b []byte) (err error) { *p, err = ParsePercent(string(b)); return err }

// Probability is a chance in parts per 10,000: certainty is 10,000.
type Probability int32

// Certain is the probability of what always happens.
const Certain Probability = 10_000

// ParseProbability reads a chance as a percentage from "0%" to "100%".
func ParseProbability(s string) (Probability, error) {
	p, err := ParsePercent(s)
	if err == nil && (p < 0 || p > WholePercent) {
		err = NewParseError("probability", s, ErrRange, `write a share from "0%" to "100%"`)
	}
	return Probability(p), err
}

// String prints the chance as a percentage.
func (p Probability) String() string { return Percent(p).String() }

// MarshalText implements encoding.TextMarshaler.
func (p Probability) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseProbability.
func (p *Probability) UnmarshalText(b []byte) (err error) {
	*p, err = ParseProbability(string(b))
	return err
}
