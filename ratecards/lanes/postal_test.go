package lanes

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRange(t *testing.T) {
	for _, c := range []struct{ text, want, bad string }{
		{"100", "100", ""},
		{"10001", "10001", ""},
		{"006-009", "006-009", ""},
		{" 006 - 009 ", "006-009", ""},
		{"k1a-K1z", "K1A-K1Z", ""},
		{"SW1A 1AA", "SW1A1AA", ""},
		{"070-070", "070", ""},
		{"*", "*", ""},
		{"", "", "no range"},
		{"-", "", "no range"},
		{"*-*", "", "no range"},
		{"1-*", "", "no range"},
		{"100-", "", "no range"},
		{"10-200", "", "differ in length"},
		{"01310-100", "", "without it"},
		{"100-2-3", "", "no range"},
		{"200-100", "", "backwards"},
		{"10,01", "", "no range"},
		{"é", "", "no range"},
		{"1234567890123", "", "no range"},
	} {
		r, err := ParseRange(c.text)
		switch {
		case c.bad == "" && (err != nil || r.String() != c.want):
			t.Errorf("ParseRange(%q) = %v, %v, want %s", c.text, r, err, c.want)
		case c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)):
			t.Errorf("ParseRange(%q) = %v, %v, want an error with %q", c.text, r, err, c.bad)
		}
	}
}

// hasNaive compares texts.
func hasNaive(r Range, postal string) bool {
	c := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(postal))
	if len(c) > MaxCode || strings.ContainsFunc(c, func(x rune) bool { return (x < '0' || x > '9') && (x < 'A' || x > 'Z') }) {
		return false
	}
	return r.Lo == "" || c >= r.Lo && (c <= r.Hi || strings.HasPrefix(c, r.Hi))
}

func TestRangeMatchesNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, MaxCode).Draw(t, "length")
		code := rapid.StringOfN(rapid.SampledFrom([]rune("0189AKZ")), n, n, -1)
		r := Range{code.Draw(t, "lo"), code.Draw(t, "hi")}
		if r.Lo > r.Hi {
			r.Lo, r.Hi = r.Hi, r.Lo
		}
		if back, err := ParseRange(r.String()); err != nil || back != r {
			t.Fatalf("%v reads back as %v, %v", r, back, err)
		}
		for range 10 {
			postal := rapid.OneOf(
				rapid.StringOfN(rapid.SampledFrom([]rune("0189AKZkz -")), 0, MaxCode+2, -1),
				rapid.Map(rapid.StringOfN(rapid.SampledFrom([]rune("09AZ")), 0, 3, -1), func(s string) string { return r.Hi + s }),
				rapid.Map(rapid.StringOfN(rapid.SampledFrom([]rune("09AZ")), 0, 3, -1), func(s string) string { return r.Lo + s }),
				rapid.String(),
			).Draw(t, "postal")
			if got, want := r.Has(postal), hasNaive(r, postal); got != want {
				t.Fatalf("%v has %q: %v, want %v", r, postal, got, want)
			}
		}
	})
}

func TestZip5(t *testing.T) {
	for text, want := range map[string]int{
		"10001": 10001, "00501": 501, "10001-1234": 10001, "100011234": 10001, "1 0001": 10001,
		"": -1, "100": -1, "1000": -1, "100011": -1, "1000A": -1, "10001-123A": -1, "10001-12345": -1, "१०००१": -1,
	} {
		got, ok := zip5(text)
		if !ok {
			got = -1
		}
		if slow, ok := zip5Spelled(text); ok != (want >= 0) || ok && slow != want {
			t.Errorf("zip5Spelled(%q) = %d %v, want %d", text, slow, ok, want)
		}
		if got != want {
			t.Errorf("zip5(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestRegionOf(t *testing.T) {
	for _, c := range []struct{ country, postal, want string }{
		{"US", "10001", "US"}, {"US", "00501", "US"}, {"US", "00601", "US-PR"}, {"PR", "00901", "US-PR"}, {"US", "00802", "US-VI"},
		{"US", "09012", "US-AE"}, {"US", "34002", "US-AA"}, {"US", "34101", "US"}, {"US", "96201", "US-AP"}, {"US", "96701", "US-HI"},
		{"US", "96799", "US-AS"}, {"AS", "96799", "US-AS"}, {"US", "96813", "US-HI"}, {"GU", "96910", "US-GU"}, {"US", "96939", "US-PW"},
		{"US", "96941", "US-FM"}, {"US", "96950", "US-MP"}, {"US", "96960", "US-MH"}, {"US", "96970", "US-MH"}, {"US", "97001", "US"},
		{"US", "99401", "US"}, {"US", "99501", "US-AK"}, {"US", "99950-0001", "US-AK"}, {"BR", "01310-100", "BR"}, {"US", "1000", "unknown"},
		{"USA", "10001", "unknown"}, {"", "", "unknown"},
	} {
		if got := RegionOf(c.country, c.postal).String(); got != c.want {
			t.Errorf("RegionOf(%s, %s) = %s, want %s", c.country, c.postal, got, c.want)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"100", "006-009", "*", "K1A-K1Z", "01310-100", "", "-", "9-0", "\xff", "SW1A 1AA"} {
		f.Add(seed, "10001")
	}
	f.Fuzz(func(t *testing.T, text, postal string) {
		r, err := ParseRange(text)
		if err != nil {
			return
		}
		if back, err := ParseRange(r.String()); err != nil || back != r {
			t.Fatalf("%q reads as %v, which reads back as %v, %v", text, r, back, err)
		}
		if r.Has(postal) != hasNaive(r, postal) {
			t.Fatalf("%v has %q: %v", r, postal, r.Has(postal))
		}
		if !r.Has(r.Lo) || !r.Has(r.Hi) {
			t.Fatalf("%v lacks an end", r)
		}
	})
}

func ExampleParseRange() {
	r, err := ParseRange("006-009")
	fmt.Println(r, err, r.Has("00901"), r.Has("010"))
	// Output: 006-009 <nil> true false
}
