package importers

import (
	"fmt"
	"strconv"
	"strings"
)

// A zip is a five-digit United States ZIP code as a number, 0 <= zip <= 99999.
type zip int32

func (z zip) String() string { return fmt.Sprintf("%05d", int32(z)) }

// A zipRange is every ZIP from lo to hi, both included; lo <= hi.
type zipRange struct{ lo, hi zip }

func (r zipRange) String() string {
	if r.lo == r.hi {
		return r.lo.String()
	}
	return r.lo.String() + "-" + r.hi.String()
}

func (r zipRange) overlaps(o zipRange) bool { return r.lo <= o.hi && o.lo <= r.hi }

// readZip reads exactly five digits.
func readZip(s string) (zip, error) {
	r, err := readPrefix(s, 5)
	return r.lo, err
}

// readPrefix reads a ZIP prefix with the given number of digits as the range of all ZIPs that begin with it.
func readPrefix(s string, digits int) (zipRange, error) {
	if len(s) != digits || !allDigits(s) {
		return zipRange{}, fmt.Errorf("%q is no %d-digit ZIP code", clip(s), digits)
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return zipRange{}, err
	}
	span := 1
	for range 5 - digits {
		span *= 10
	}
	return zipRange{lo: zip(n * span), hi: zip(n*span + span - 1)}, nil
}

// readRange reads "AAA" or "AAA<sep>BBB" of prefixes with the given number of digits.
func readRange(s, sep string, digits int) (zipRange, error) {
	from, to, two := strings.Cut(strings.TrimSpace(s), sep)
	lo, err := readPrefix(strings.TrimSpace(from), digits)
	if err != nil || !two {
		return lo, err
	}
	hi, err := readPrefix(strings.TrimSpace(to), digits)
	if err != nil {
		return zipRange{}, err
	}
	if hi.lo < lo.lo {
		return zipRange{}, fmt.Errorf("%q runs backwards", clip(s))
	}
	return zipRange{lo: lo.lo, hi: hi.hi}, nil
}

// readOrigin reads the origin that a caller names for a file that does not: a ZIP ("43215"), a three-digit prefix
// ("432") or a range of either ("43000-43299").
func readOrigin(s string) (zipRange, error) {
	digits := 5
	if from, _, _ := strings.Cut(s, "-"); len(strings.TrimSpace(from)) == 3 {
		digits = 3
	}
	r, err := readRange(s, "-", digits)
	if err != nil {
		return zipRange{}, fmt.Errorf("%q is no origin", clip(s))
	}
	return r, nil
}
