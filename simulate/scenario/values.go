package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// daySeconds is a day in UTC.
const daySeconds = 24 * 60 * 60

// A Names is one name or a list of them.
type Names []string

// UnmarshalText takes one name.
func (n *Names) UnmarshalText(b []byte) error { *n = Names{string(b)}; return nil }

// A Moment is a date, or an instant with its offset. A date is midnight UTC where something begins, and the end of the day,
// UTC, where something ends: both of its ends are included.
type Moment struct {
	At    units.Instant // of a date the midnight it begins with, in UTC
	Day   bool          // it was written as a date
	Given bool
}

// UnmarshalText reads 2026-12-01 or 2026-12-01T06:00:00-08:00.
func (m *Moment) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if strings.ContainsAny(text, "T:") {
		at, err := units.ParseInstant(text)
		*m = Moment{At: at, Given: true}
		return err
	}
	day, err := units.ParseDate(text)
	*m = Moment{At: units.Instant(day) * daySeconds, Day: true, Given: true}
	return err
}

// MarshalText prints the moment as UnmarshalText reads it; "" where none is given.
func (m Moment) MarshalText() ([]byte, error) {
	switch {
	case !m.Given:
		return nil, nil
	case m.Day:
		return []byte(m.date().String()), nil
	}
	return []byte(m.At.String()), nil
}

// date returns the day, in UTC, that the moment is on.
func (m Moment) date() units.Date { return dateOf(m.At) }

func dateOf(at units.Instant) units.Date {
	day := int64(at) / daySeconds
	if int64(at)%daySeconds < 0 {
		day--
	}
	return units.Date(day)
}

// A Scale is what a value is multiplied by, in basis points: 10,600 makes 6 % more of it.
type Scale units.Percent

// The Scale that changes nothing, the largest, and the least that is read without a sign: "6%" may mean 6 % more as well as 6 %
// of it.
const (
	unchanged = Scale(units.WholePercent)
	maxScale  = 100 * Scale(units.WholePercent)
	plainFrom = Scale(units.WholePercent) / 2
)

// UnmarshalText reads "+6%" and "-3%", a change, or "106%" and "97%", a multiple.
func (s *Scale) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	signed := strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-")
	p, err := units.ParsePercent(strings.TrimPrefix(text, "+"))
	*s = Scale(p)
	switch {
	case err != nil:
		return units.NewParseError("change", string(b), units.ErrSyntax, `write "+6%" or "-3%", or "106%" of what it was`)
	case signed:
		*s += Scale(units.WholePercent)
	case *s < plainFrom:
		return units.NewParseError("change", string(b), units.ErrSyntax, fmt.Sprintf(`write "+%v" for that much more, or "-%v" for %v of it`, p, units.WholePercent-p, p))
	}
	if *s < 0 || *s > maxScale {
		return units.NewParseError("change", string(b), units.ErrRange, `write "-100%" to "+9900%"`)
	}
	return nil
}

// MarshalText prints the scale as a multiple, with its sign where UnmarshalText asks for one.
func (s Scale) MarshalText() ([]byte, error) {
	if s < plainFrom {
		return []byte((units.Percent(s) - units.WholePercent).String()), nil
	}
	return []byte(units.Percent(s).String()), nil
}

// of returns the scale times m, rounded half away from zero.
func (s Scale) of(m units.Money) units.Money { return m.Times(int64(s), int64(units.WholePercent)) }

// count returns the scale times a number of things, rounded half-up.
func (s Scale) count(n int64) int64 { return int64(s.of(units.Money(n))) }

// An Amount is an amount of money, or a change of one in percent.
type Amount struct {
	Set   units.Money
	Scale Scale
	Of    bool // it is a Scale
}

// UnmarshalText reads "1.35" or "+10%".
func (a *Amount) UnmarshalText(b []byte) (err error) {
	if strings.Contains(string(b), "%") {
		a.Of = true
		return a.Scale.UnmarshalText(b)
	}
	a.Set, err = units.ParseMoney(string(b))
	return err
}

// MarshalText prints the amount as UnmarshalText reads it.
func (a Amount) MarshalText() ([]byte, error) {
	if a.Of {
		return a.Scale.MarshalText()
	}
	return a.Set.MarshalText()
}

// from returns what the amount makes of m.
func (a Amount) from(m units.Money) units.Money {
	if a.Of {
		return a.Scale.of(m)
	}
	return a.Set
}

// A Limit is a number from 1, or none.
type Limit struct {
	N    int32 // 0 is none
	Read bool
}

// UnmarshalText reads "1200" or "none".
func (l *Limit) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	l.Read = true
	if text == none {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return units.NewParseError("number a day", string(b), units.ErrSyntax, "write a number from 1, or none for no limit")
	}
	l.N = int32(n)
	return nil
}

// MarshalText prints the limit as UnmarshalText reads it.
func (l Limit) MarshalText() ([]byte, error) {
	if l.N == 0 {
		return []byte(none), nil
	}
	return strconv.AppendInt(nil, int64(l.N), 10), nil
}

// none stands in place of what there is none of.
const none = "none"

// Points are percentage points, in hundredths.
type Points units.Percent

// UnmarshalText reads "2pp" or "-1.5pp".
func (p *Points) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	number, ok := strings.CutSuffix(text, "pp")
	n, err := units.ParsePercent(strings.TrimPrefix(strings.TrimSpace(number), "+") + "%")
	if !ok || err != nil {
		return units.NewParseError("change in percentage points", string(b), units.ErrSyntax, "write 2pp or -1.5pp")
	}
	*p = Points(n)
	return nil
}

// MarshalText prints the points as UnmarshalText reads them.
func (p Points) MarshalText() ([]byte, error) {
	return []byte(strings.TrimSuffix(units.Percent(p).String(), "%") + "pp"), nil
}

// A Minutes is a time of a warehouse's clock to move something by.
type Minutes int32

// UnmarshalText reads "+2h", "-30m" or "1h30m".
func (m *Minutes) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(strings.TrimPrefix(strings.TrimSpace(string(b)), "+"))
	if err != nil || d%time.Minute != 0 || d > 24*time.Hour || d < -24*time.Hour {
		return units.NewParseError("time to move it by", string(b), units.ErrSyntax, "write +2h, -30m or 1h30m, within a day")
	}
	*m = Minutes(d / time.Minute)
	return nil
}

// MarshalText prints the minutes as UnmarshalText reads them.
func (m Minutes) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%dm", m), nil }

// Hours are hours in whole minutes, as processing_hours of warehouses.csv has them.
type Hours int32

// UnmarshalText reads "4" or "1.5".
func (h *Hours) UnmarshalText(b []byte) error {
	n, err := units.ParseMoney(string(b)) // the exact decimal at hand
	if err != nil || n < 0 || n > 60*24*units.Currency || n*60%units.Currency != 0 {
		return units.NewParseError("time", string(b), units.ErrSyntax, "write hours as 4 or 1.5, in whole minutes, up to 1440")
	}
	*h = Hours(n * 60 / units.Currency)
	return nil
}

// MarshalText prints the hours as UnmarshalText reads them.
func (h Hours) MarshalText() ([]byte, error) {
	return units.Money(int64(h) * int64(units.Currency) / 60).MarshalText()
}

// A degree is a latitude or longitude, kept as the latitude of a point.
type degree geo.Point

// UnmarshalText reads decimal degrees.
func (d *degree) UnmarshalText(b []byte) error {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil || !(f >= -180 && f <= 180) { // not a number fails every comparison
		return units.NewParseError("degree", string(b), units.ErrSyntax, "write decimal degrees, as 39.53 or -119.81")
	}
	d.Lat = f
	return nil
}

// MarshalText prints the degree as UnmarshalText reads it.
func (d degree) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, d.Lat, 'g', -1, 64), nil
}

// A stockSource is what a copied warehouse has on hand: "none", "copy" for as much as the other, or "share 30%" for a part of
// what the other has, which it gives away.
type stockSource struct {
	Copy  bool
	Share units.Percent
	Read  bool
}

// UnmarshalText reads "none", "copy" or "share 30%".
func (s *stockSource) UnmarshalText(b []byte) error {
	s.Read = true
	const mend = `write none, copy, or as "share 50%"`
	word, share, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	switch {
	case word == none && share == "":
	case word == "copy" && share == "":
		s.Copy = true
	case word == "share":
		p, err := units.ParsePercent(share)
		if err != nil || p <= 0 || p > units.WholePercent {
			return units.NewParseError("share", string(b), units.ErrSyntax, mend)
		}
		s.Share = p
	default:
		return units.NewParseError("stock", string(b), units.ErrSyntax, mend)
	}
	return nil
}

// MarshalText prints it as UnmarshalText reads it.
func (s stockSource) MarshalText() ([]byte, error) {
	switch {
	case s.Copy:
		return []byte("copy"), nil
	case s.Share > 0:
		return []byte("share " + s.Share.String()), nil
	}
	return []byte(none), nil
}
