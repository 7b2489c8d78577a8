package lanes

import (
	"fmt"
	"strings"
)

// MaxCode is the greatest length of a postal code, blanks and hyphens left out. The longest in use have 10.
const MaxCode = 12

// A code is a postal code in normal form (capitals and digits only), left-aligned in sixteen bytes of two numbers, so
// that codes sort as their texts do and compare without a loop.
type code struct{ hi, lo uint64 }

func (c code) less(d code) bool { return c.hi < d.hi || c.hi == d.hi && c.lo < d.lo }

func compareCodes(a, b code) int {
	switch {
	case a.less(b):
		return -1
	case b.less(a):
		return 1
	}
	return 0
}

// with returns c with byte b at position i.
func (c code) with(i int, b byte) code {
	if i < 8 {
		c.hi |= uint64(b) << (56 - 8*i)
	} else {
		c.lo |= uint64(b) << (120 - 8*i)
	}
	return c
}

// at returns the byte at position i.
func (c code) at(i int) byte {
	if i < 8 {
		return byte(c.hi >> (56 - 8*i))
	}
	return byte(c.lo >> (120 - 8*i))
}

// after returns the least code that is greater than every code which begins with the n bytes of c. The end of all
// codes comes after an empty beginning.
func (c code) after(n int) code {
	switch {
	case n == 0:
		return code{^uint64(0), ^uint64(0)}
	case n <= 8:
		return code{c.hi + 1<<(64-8*n), 0} // no byte of a normal code is 255, so nothing carries into the next
	default:
		return code{c.hi, c.lo + 1<<(128-8*n)}
	}
}

// normal returns a postal code in normal form and its length. ok is false where the text holds anything but letters,
// digits, blanks and hyphens, or too much.
func normal(text string) (c code, n int, ok bool) {
	for i := range len(text) {
		b := text[i]
		switch {
		case b >= 'a' && b <= 'z':
			b -= 'a' - 'A'
		case b == ' ' || b == '-':
			continue
		case (b < '0' || b > '9') && (b < 'A' || b > 'Z'):
			return code{}, 0, false
		}
		if n == MaxCode {
			return code{}, 0, false
		}
		c = c.with(n, b)
		n++
	}
	return c, n, true
}

// A Range is a run of postal codes: all that begin with Lo, with Hi, or with something between. Lo and Hi are in
// normal form and of equal length; both empty, the Range holds every code.
type Range struct{ Lo, Hi string }

// ParseRange reads "100", "10001", "006-009", "K1A-K1Z" or "*".
func ParseRange(text string) (Range, error) {
	const mend = "write a code, the beginning of one, a range of two as 006-009, or *"
	lo, hi, isRange := strings.Cut(text, "-")
	if !isRange {
		hi = lo
	}
	r := Range{squeeze(lo), squeeze(hi)}
	if r.Lo == "*" && !isRange {
		return Range{}, nil
	}
	for _, s := range []string{r.Lo, r.Hi} {
		if _, n, ok := normal(s); !ok || n == 0 || n != len(s) {
			return Range{}, fmt.Errorf("%q is no range of postal codes; %s", clip(text), mend)
		}
	}
	if len(r.Lo) != len(r.Hi) {
		return Range{}, fmt.Errorf("the ends of %q differ in length; write both to the same digit, and codes that have a hyphen without it", clip(text))
	}
	if r.Lo > r.Hi {
		return Range{}, fmt.Errorf("%q runs backwards; write the lower code first", clip(text))
	}
	return r, nil
}

// squeeze returns a code as it is compared: without blanks, in capitals.
func squeeze(s string) string { return strings.ToUpper(strings.ReplaceAll(s, " ", "")) }

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// String prints the range as ParseRange reads it.
func (r Range) String() string {
	switch {
	case r.Lo == "":
		return "*"
	case r.Lo == r.Hi:
		return r.Lo
	}
	return r.Lo + "-" + r.Hi
}

// Has tells whether the range holds a postal code, in any spelling.
func (r Range) Has(postal string) bool {
	c, _, ok := normal(postal)
	lo, hi := r.bounds()
	return ok && !c.less(lo) && c.less(hi)
}

// bounds returns the range as the half-open interval lo <= code < hi.
func (r Range) bounds() (lo, hi code) {
	lo, _, _ = normal(r.Lo)
	last, n, _ := normal(r.Hi)
	return lo, last.after(n)
}

// home is the country of five-digit codes kept in pages, and the default of the files.
const home = "US"

// nation returns the country whose postal codes a country uses: the United States for its territories, which ISO 3166
// also lists as countries.
func nation(country string) string {
	switch country {
	case "PR", "VI", "GU", "AS", "MP", "FM", "MH", "PW":
		return home
	}
	return country
}

// zip5 returns the first five digits of a US code as a number. ok is false unless the text has five digits, or nine,
// a ZIP+4.
func zip5(postal string) (zip int, ok bool) {
	if len(postal) == 5 { // the common spelling, ten times as fast
		for i := range 5 {
			b := postal[i] - '0'
			if b > 9 {
				return zip5Spelled(postal)
			}
			zip = zip*10 + int(b)
		}
		return zip, true
	}
	return zip5Spelled(postal)
}

// zip5Spelled is zip5 for every spelling.
func zip5Spelled(postal string) (zip int, ok bool) {
	c, n, ok := normal(postal)
	if !ok || n != 5 && n != 9 {
		return 0, false
	}
	for i := range n {
		b := c.at(i)
		if b < '0' || b > '9' {
			return 0, false
		}
		if i < 5 {
			zip = zip*10 + int(b-'0')
		}
	}
	return zip, true
}

// zips returns the five-digit codes lo to hi, both included, of a range of US codes. ok is false for a range that is
// not of digits or has more than five.
func (r Range) zips() (lo, hi int, ok bool) {
	if len(r.Lo) > 5 {
		return 0, 0, false
	}
	for i := range 5 {
		a, b := byte('0'), byte('9')
		if i < len(r.Lo) {
			a, b = r.Lo[i], r.Hi[i]
		}
		if a < '0' || a > '9' || b < '0' || b > '9' {
			return 0, 0, false
		}
		lo, hi = lo*10+int(a-'0'), hi*10+int(b-'0')
	}
	return lo, hi, true
}
