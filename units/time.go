package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a civil date: days since 1970-01-01 in the zone of the place it is about.
type Date int32

// DateOf returns the date of a year, month and day of month, normalised as time.Date does.
func DateOf(year, month, day int) Date {
	return Date(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
}

const daySeconds = 86_400

// ParseDate reads "2026-11-27". A date that does not exist, such as 2026-02-30, is an error.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(s))
	if err != nil || t.Year() < 1900 || t.Year() > 2999 {
		return 0, NewParseError("date", s, ErrSyntax, "write an existing day as yyyy-mm-dd")
	}
	return Date(floorDiv(t.Unix(), daySeconds)), nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Civil returns the year, month and day of month.
func (d Date) Civil() (year, month, day int) {
	y, m, dd := time.Unix(int64(d)*daySeconds, 0).UTC().Date()
	return y, int(m), dd
}

// Weekday returns the day of the week, 0 for Monday to 6 for Sunday.
func (d Date) Weekday() int {
	w := (int(d) + 3) % 7 // 1970-01-01 was a Thursday
	if w < 0 {
		w += 7
	}
	return w
}

// String prints the date as yyyy-mm-dd.
func (d Date) String() string {
	return time.Unix(int64(d)*daySeconds, 0).UTC().Format(time.DateOnly)
}

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseDate.
func (d *Date) UnmarshalText(b []byte) (err error) { *d, err = ParseDate(string(b)); return err }

// Clock is a local time of day: seconds after midnight, 0 to EndOfDay.
type Clock int32

// Times of day in whole hours and minutes, and the end of a day.
const (
	Minute   Clock = 60
	Hour           = 60 * Minute
	EndOfDay       = 24 * Hour
)

// ParseClock reads "14:00" or "14:00:30"; "24:00" is the end of the day.
func ParseClock(s string) (Clock, error) {
	const mend = "write hh:mm, as 14:00"
	parts := strings.Split(strings.TrimSpace(s), ":")
	if len(parts) != 2 && len(parts) != 3 {
		return 0, NewParseError("time of day", s, ErrSyntax, mend)
	}
	var c Clock
	pers := [...]Clock{Hour, Minute, 1}
	for i, per := range pers[:len(parts)] {
		if len(parts[i]) != 2 {
			return 0, NewParseError("time of day", s, ErrSyntax, mend)
		}
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil {
			return 0, NewParseError("time of day", s, ErrSyntax, mend)
		}
		if i > 0 && n > 59 {
			return 0, NewParseError("time of day", s, ErrRange, mend)
		}
		c += Clock(n) * per
	}
	if c > EndOfDay {
		return 0, NewParseError("time of day", s, ErrRange, mend)
	}
	return c, nil
}

// String prints the time as hh:mm, with seconds only where there are some.
func (c Clock) String() string {
	s := fmt.Sprintf("%02d:%02d", c/Hour, c%Hour/Minute)
	if sec := c % Minute; sec != 0 {
		s += fmt.Sprintf(":%02d", sec)
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseClock.
func (c *Clock) UnmarshalText(b []byte) (err error) { *c, err = ParseClock(string(b)); return err }

// Instant is a moment: UTC Unix seconds.
type Instant int64

// ParseInstant reads RFC 3339 with its offset, "2026-11-27T14:00:00-05:00". Fractions of a second are cut off.
func ParseInstant(s string) (Instant, error) {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	if err != nil || t.Year() < 1900 || t.Year() > 2999 {
		return 0, NewParseError("instant", s, ErrSyntax, "write RFC 3339 with an offset, as 2026-11-27T14:00:00-05:00")
	}
	return Instant(t.Unix()), nil
}

// String prints the instant as RFC 3339 in UTC.
func (t Instant) String() string { return time.Unix(int64(t), 0).UTC().Format(time.RFC3339) }

// MarshalText implements encoding.TextMarshaler.
func (t Instant) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseInstant.
func (t *Instant) UnmarshalText(b []byte) (err error) { *t, err = ParseInstant(string(b)); return err }

// Weekdays is a set of days of the week: bit 0 is Monday, bit 6 Sunday.
type Weekdays uint8

// Sets of weekdays.
const (
	MondayToFriday Weekdays = 0b001_1111
	EveryDay       Weekdays = 0b111_1111
)

var weekdayNames = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// ParseWeekdays reads days and ranges of days separated by commas or blanks, "mon-fri" or "mon,wed,sat", or one of
// the words daily and none. A range may wrap, as "sat-mon".
func ParseWeekdays(s string) (Weekdays, error) {
	const mend = "write days as mon-fri or mon,wed,sat, or daily, or none"
	switch text := strings.ToLower(strings.TrimSpace(s)); text {
	case "daily":
		return EveryDay, nil
	case "none":
		return 0, nil
	default:
		var set Weekdays
		parts := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
		for _, p := range parts {
			from, to, isRange := strings.Cut(p, "-")
			if !isRange {
				to = from
			}
			a, b := weekdayIndex(from), weekdayIndex(to)
			if a < 0 || b < 0 {
				return 0, NewParseError("set of weekdays", s, ErrSyntax, mend)
			}
			for d := a; ; d = (d + 1) % 7 {
				set |= 1 << d
				if d == b {
					break
				}
			}
		}
		if len(parts) == 0 {
			return 0, NewParseError("set of weekdays", s, ErrSyntax, mend)
		}
		return set, nil
	}
}

func weekdayIndex(name string) int {
	for i, n := range weekdayNames {
		if n == name {
			return i
		}
	}
	return -1
}

// Has tells whether the set has the weekday, 0 for Monday to 6 for Sunday.
func (w Weekdays) Has(weekday int) bool { return w>>weekday&1 == 1 }

// String prints the set as ParseWeekdays reads it.
func (w Weekdays) String() string {
	switch w & EveryDay {
	case EveryDay:
		return "daily"
	case 0:
		return "none"
	case MondayToFriday:
		return "mon-fri"
	}
	var days []string
	for i, n := range weekdayNames {
		if w.Has(i) {
			days = append(days, n)
		}
	}
	return strings.Join(days, ",")
}

// MarshalText implements encoding.TextMarshaler.
func (w Weekdays) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseWeekdays.
func (w *Weekdays) UnmarshalText(b []byte) (err error) {
	*w, err = ParseWeekdays(string(b))
	return err
}
