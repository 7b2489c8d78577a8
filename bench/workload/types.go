package workload

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/units"
)

// A Decimal is a plain number with at most three decimals, in thousandths: an exponent, a ratio.
type Decimal int64

// One is the Decimal 1.
const One Decimal = 1_000

// String prints it as UnmarshalText reads it.
func (d Decimal) String() string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%03d", d/One, d%One), "0"), ".")
}

// UnmarshalText reads "0.85". It is not negative and at most 1,000,000.
func (d *Decimal) UnmarshalText(b []byte) error {
	n, ok := decimal(string(b), 3)
	if !ok {
		return units.NewParseError("number", string(b), units.ErrSyntax, "write a number with at most three decimals, as 0.85")
	}
	*d = Decimal(n)
	return nil
}

// decimal reads a number from 0 to a million with so many decimals, by ten to their power.
func decimal(s string, places int) (int64, bool) {
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || len(whole) > 7 || len(frac) > places || dot && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", places-len(frac)), 10, 64)
	scale := int64(1)
	for range places {
		scale *= 10
	}
	return n, err == nil && n <= 1_000_000*scale
}

// A Duration is a time.Duration that is read from text: "90s", "1m30s", "24h".
type Duration time.Duration

// MaxDuration is the longest Duration that can be written: 1,000 days.
const MaxDuration = 24_000 * time.Hour

// String prints it as UnmarshalText reads it.
func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalText reads what time.ParseDuration reads, from 0 to MaxDuration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return units.NewParseError("duration", string(b), units.ErrSyntax, "write it with its unit, as 90s, 5m or 24h")
	}
	if v < 0 || v > MaxDuration {
		return units.NewParseError("duration", string(b), units.ErrRange, "write 0s to 24000h")
	}
	*d = Duration(v)
	return nil
}

// A Rate is how often something happens, in millionths a second.
type Rate int64

// MaxRate is the highest Rate, ten million a second.
const MaxRate = 10_000_000 * 1_000_000 * Rate(1)

// PerSecond returns the rate as a number a second.
func (r Rate) PerSecond() float64 { return float64(r) / 1e6 }

// String prints it as UnmarshalText reads it.
func (r Rate) String() string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%06d", r/1e6, r%1e6), "0"), ".") + "/s"
}

// UnmarshalText reads "5000/s", "300/m", "20/h" or "100/d"; a bare number is a second's.
func (r *Rate) UnmarshalText(b []byte) error {
	text, unit, given := strings.Cut(string(b), "/")
	per := map[string]int64{"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "day": 86_400}[unit]
	if !given {
		per = 1
	}
	text = strings.TrimSpace(text)
	whole, frac, dot := strings.Cut(text, ".")
	if per == 0 || whole == "" || dot && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return units.NewParseError("rate", string(b), units.ErrSyntax, "write a number and its time, as 5000/s, 300/m or 20/h")
	}
	if len(whole) > 12 || len(frac) > 6 {
		return units.NewParseError("rate", string(b), units.ErrRange, "write at most six decimals and 10000000/s")
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 6-len(frac)), 10, 64)
	if n /= per; err != nil || n > int64(MaxRate) {
		return units.NewParseError("rate", string(b), units.ErrRange, "write at most 10000000/s")
	}
	*r = Rate(n)
	return nil
}

// A StockLevel says with how much stock a generated network begins. The zero value is plenty: what no workload sells out.
type StockLevel struct {
	Days   int64 // what the demand of so many days takes, by the workload's own mean rate
	Orders int64 // what so many orders take
}

// String prints it as UnmarshalText reads it.
func (s StockLevel) String() string {
	switch {
	case s.Days > 0:
		return fmt.Sprintf("%d days", s.Days)
	case s.Orders > 0:
		return fmt.Sprintf("%d orders", s.Orders)
	}
	return "plenty"
}

// UnmarshalText reads "plenty", "30 days" or "500000 orders".
func (s *StockLevel) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if text == "plenty" {
		*s = StockLevel{}
		return nil
	}
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	unit = strings.TrimSpace(unit)
	if err != nil || unit != "days" && unit != "day" && unit != "orders" {
		return units.NewParseError("level of stock", string(b), units.ErrSyntax, "write plenty, or how long it is to last, as 30 days or 500000 orders")
	}
	if n < 1 || n > 1_000_000_000 {
		return units.NewParseError("level of stock", string(b), units.ErrRange, "write 1 to 1000000000")
	}
	if *s = (StockLevel{Orders: n}); unit != "orders" {
		*s = StockLevel{Days: n}
	}
	return nil
}
