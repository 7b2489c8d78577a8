package importers

import (
	"errors"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/units"
)

// Published files pass through spreadsheets, which keep a number as a binary double and may print all the digits
// it takes to tell that double from its neighbours: the ounce limit 15.999 stands in the Ground Advantage file as
// 15.999000000000001. A double carries every decimal of at most 15 significant digits faithfully and none beyond
// (IEEE 754, DBL_DIG = 15). So the rule is: a number of more than 15 significant digits means the one of 15 that
// is nearest to it, half away from zero. The rounding is done on the digits as written, never on a float.
const spreadsheetDigits = 15

var errNumber = errors.New("is no plain decimal number")

// plainDecimal checks a published number ("1,234.50", "$8.20", " 15.999000000000001") and returns it in plain
// digits with no sign, currency mark, thousands separator, needless zero or digit beyond the fifteenth
// significant one ("1234.5", "8.2", "15.999"). A sign, an exponent and anything else is an error.
func plainDecimal(s string) (string, error) {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "$"))
	whole, frac, dotted := strings.Cut(s, ".")
	if groups := strings.Split(whole, ","); len(groups) > 1 {
		if len(groups[0]) == 0 || len(groups[0]) > 3 {
			return "", errNumber
		}
		for _, g := range groups[1:] {
			if len(g) != 3 {
				return "", errNumber
			}
		}
		whole = strings.Join(groups, "")
	}
	if !allDigits(whole) || dotted && !allDigits(frac) || len(whole)+len(frac) > 40 {
		return "", errNumber
	}
	digits := []byte(whole + frac)
	point := len(whole)
	lead := 0
	for lead < len(digits) && digits[lead] == '0' {
		lead++
	}
	if cut := lead + spreadsheetDigits; cut < len(digits) {
		up := digits[cut] >= '5'
		for i := cut; i < len(digits); i++ {
			digits[i] = '0'
		}
		for i := cut - 1; up && i >= 0; i-- {
			if up = digits[i] == '9'; up {
				digits[i] = '0'
			} else {
				digits[i]++
			}
		}
		if up {
			digits = append([]byte{'1'}, digits...)
			point++
		}
	}
	w := strings.TrimLeft(string(digits[:point]), "0")
	f := strings.TrimRight(string(digits[point:]), "0")
	if w == "" {
		w = "0"
	}
	if f == "" {
		return w, nil
	}
	return w + "." + f, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// errZero is a price of nothing. No carrier ships for nothing, so it is never a price.
var errZero = errors.New("is no price above zero")

// readPrice reads a published price, which is above zero and has whole cents.
func readPrice(s string) (units.Money, error) {
	d, err := plainDecimal(s)
	if err != nil {
		return 0, err
	}
	m, err := units.ParseMoney(d)
	if err != nil {
		return 0, err
	}
	if m == 0 {
		return 0, errZero
	}
	if m%units.Cent != 0 {
		return 0, errors.New("is no price in whole cents")
	}
	return m, nil
}

// A quantity is a published number with the unit its column or section names, kept as written so that Allot's
// file says "15.999 oz" as the tariff does.
type quantity struct {
	number string // plain decimal
	unit   string // "oz" or "lb"
}

func (q quantity) String() string { return q.number + " " + q.unit }

// thousandths returns the number in thousandths of its unit, for comparing.
func (q quantity) thousandths() (int64, error) {
	whole, frac, _ := strings.Cut(q.number, ".")
	if len(frac) > 3 {
		return 0, errors.New("has more than three decimals")
	}
	n, err := strconv.ParseInt(whole+(frac + "000")[:3], 10, 64)
	if err != nil || n > 1e12 {
		return 0, errors.New("is out of range")
	}
	return n, nil
}

func readQuantity(s, unit string) (quantity, error) {
	d, err := plainDecimal(s)
	return quantity{number: d, unit: unit}, err
}
