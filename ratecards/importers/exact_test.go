package importers

import (
	"errors"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

func TestPlainDecimal(t *testing.T) {
	for s, want := range map[string]string{
		"15.999000000000001": "15.999", "15.999": "15.999", "4": "4", "007.50": "7.5", "$1,234.50": "1234.5", " 8.20 ": "8.2", "0": "0", "0.000": "0",
		"0.30000000000000004": "0.3", "9.9999999999999999": "10", "999999999999999.9": "1000000000000000", "1,000,000": "1000000", "$ 3": "3",
		"0.1234567890123456": "0.123456789012346",
	} {
		if got, err := plainDecimal(s); err != nil || got != want {
			t.Errorf("plainDecimal(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "+1", "1e3", "1.", ".5", "1.2.3", "NaN", "Inf", "1,00", ",100", "1000,000", "0x10", "٣", "12345678901234567890123456789012345678901"} {
		if got, err := plainDecimal(s); err == nil {
			t.Errorf("plainDecimal(%q) = %q, want an error", s, got)
		}
	}
}

// What a spreadsheet prints of a number with up to 15 digits always reads as that number.
func TestPlainDecimalUndoesSpreadsheets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 999_999_999).Draw(t, "n")
		places := rapid.IntRange(0, 6).Draw(t, "places")
		want := new(big.Rat).SetFrac(big.NewInt(n), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
		f, _ := want.Float64()
		printed := strconv.FormatFloat(f, 'f', 17, 64) // two digits more than a double holds
		got, err := plainDecimal(printed)
		if err != nil {
			t.Fatalf("%s: %v", printed, err)
		}
		if r, _ := new(big.Rat).SetString(got); r.Cmp(want) != 0 {
			t.Fatalf("%s reads as %s, want %s", printed, got, want.RatString())
		}
	})
}

func TestReadPrice(t *testing.T) {
	if m, err := readPrice("1,270.00"); err != nil || m != 1270*units.Currency {
		t.Errorf("got %v, %v", m, err)
	}
	for _, s := range []string{"8.205", "-4.50", "free", "", "99999999999999999"} {
		if m, err := readPrice(s); err == nil || errors.Is(err, errZero) {
			t.Errorf("readPrice(%q) = %v, %v", s, m, err)
		}
	}
	if _, err := readPrice("0.00"); !errors.Is(err, errZero) {
		t.Errorf("got %v", err)
	}
}

func TestQuantity(t *testing.T) {
	for s, want := range map[string]int64{"15.999000000000001": 15999, "70": 70000, "0.5": 500, "0": 0} {
		q, err := readQuantity(s, "oz")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := q.thousandths(); err != nil || n != want {
			t.Errorf("%q is %d thousandths, %v; want %d", s, n, err, want)
		}
	}
	for _, s := range []string{"0.0001", "1234567890123456789"} {
		q, err := readQuantity(s, "lb")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := q.thousandths(); err == nil {
			t.Errorf("%q is %d thousandths, want an error", s, n)
		}
	}
	if got := thousandthsText(15999) + " " + thousandthsText(500) + " " + thousandthsText(70_000) + " " + thousandthsText(openEnd); got != "15.999 0.5 70 unlimited" {
		t.Errorf("got %s", got)
	}
}

func TestWeightText(t *testing.T) {
	for _, s := range []string{"15.999 oz", "4 oz", "70 lb", "0.5 lb"} {
		w := must(units.ParseWeight(s))
		if back := must(units.ParseWeight(weightText(w))); back != w {
			t.Errorf("%s prints as %s", s, weightText(w))
		}
	}
	if got := weightText(must(units.ParseWeight("15.999 oz"))); got != "15.999 oz" {
		t.Errorf("got %s", got)
	}
}

func TestPublishedDates(t *testing.T) {
	april := units.DateOf(2024, 4, 1)
	for _, c := range []struct {
		read func(string) (units.Date, error)
		text string
	}{{readLongDate, "April 1, 2024"}, {readUSDate, "4/1/2024"}, {readMonth, "2024-04"}} {
		if d, err := c.read(c.text); err != nil || d != april {
			t.Errorf("%q reads as %v, %v", c.text, d, err)
		}
	}
	for _, s := range []string{"2/30/2024", "13/1/2024", "4/1/1066", "", "4/1/24"} {
		if d, err := readUSDate(s); err == nil {
			t.Errorf("%q reads as %v", s, d)
		}
	}
}

func TestZIPRanges(t *testing.T) {
	for s, want := range map[string]string{"43215": "43215", "432": "432", "430-432": "430-432", "43000-43299": "430-432", "43215 - 43217": "43215-43217"} {
		r, err := readOrigin(s)
		if err != nil || shortRange(r) != want {
			t.Errorf("origin %q is %s, %v; want %s", s, shortRange(r), err, want)
		}
	}
	for _, s := range []string{"", "4321", "43a15", "432-430", "432-43000", "43215-432", "٤٣٢١٥"} {
		if r, err := readOrigin(s); err == nil {
			t.Errorf("origin %q is %s", s, r)
		}
	}
	a := zipRange{100, 199}
	if !a.overlaps(zipRange{199, 300}) || a.overlaps(zipRange{200, 300}) || a.String() != "00100-00199" {
		t.Errorf("ranges do not overlap as they should: %s", a)
	}
}
