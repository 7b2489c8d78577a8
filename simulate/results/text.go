package results

import (
	"strconv"

	"github.com/allot-engine/allot/units"
)

// appendQuoted appends a field of CSV, in quotes where it needs them.
func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	quote := len(s) > 0 && s[0] == ' '
	for i := 0; i < len(s) && !quote; i++ {
		quote = s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r'
	}
	if !quote {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// appendDecimal appends n over 10^places, with at least so many places.
func appendDecimal(dst []byte, n int64, places, least int) []byte {
	u := uint64(n)
	if n < 0 {
		dst, u = append(dst, '-'), -u
	}
	scale := uint64(1)
	for range places {
		scale *= 10
	}
	whole, part := u/scale, u%scale
	dst = strconv.AppendUint(dst, whole, 10)
	if part == 0 && least == 0 {
		return dst
	}
	dst = append(dst, '.')
	end := len(dst) + least
	for part > 0 || len(dst) < end {
		scale /= 10
		dst = append(dst, byte('0'+part/scale))
		part %= scale
	}
	return dst
}

// appendMoney appends an amount as units.Money prints it.
func appendMoney(dst []byte, m units.Money) []byte {
	if m == 0 {
		return append(dst, "0.00"...)
	}
	if cents := m / 10_000; cents*10_000 == m && m > 0 { // nearly all
		dst = strconv.AppendInt(dst, int64(cents/100), 10)
		rest := cents % 100
		return append(dst, '.', byte('0'+rest/10), byte('0'+rest%10))
	}
	return appendDecimal(dst, int64(m), 6, 2)
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// A dateText remembers how the last date was written: those of neighbouring rows are mostly few.
type dateText struct {
	dates [64]units.Date
	texts [64][10]byte
}

// append appends a date as units.Date prints it, and nothing for none.
func (t *dateText) append(dst []byte, d units.Date) []byte {
	if d == 0 {
		return dst
	}
	i := uint32(d) % uint32(len(t.dates))
	if t.dates[i] != d {
		s := d.String()
		if len(s) != len(t.texts[i]) {
			return append(dst, s...)
		}
		t.dates[i] = d
		copy(t.texts[i][:], s)
	}
	return append(dst, t.texts[i][:]...)
}

// instant appends a moment as RFC 3339 in UTC, and nothing for none.
func (t *dateText) instant(dst []byte, at units.Instant) []byte {
	if at == 0 {
		return dst
	}
	days, seconds := int64(at)/secondsADay, int(int64(at)%secondsADay)
	if seconds < 0 {
		days, seconds = days-1, seconds+secondsADay
	}
	if days == 0 {
		return append(dst, at.String()...)
	}
	dst = append(t.append(dst, units.Date(days)), 'T')
	dst = append(appendTwo(dst, seconds/3_600), ':')
	dst = append(appendTwo(dst, seconds/60%60), ':')
	return append(appendTwo(dst, seconds%60), 'Z')
}

const secondsADay = 86_400

// kilograms is a weight in millionths of a kilogram, rounded half-up.
func kilograms(w units.Weight) int64 { return (int64(w) + 500_000) / 1_000_000 }

func kilogramText(w units.Weight) string { return string(appendDecimal(nil, kilograms(w), 6, 0)) }
