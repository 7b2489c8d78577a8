package units

import (
	"errors"
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	_ "github.com/allot-engine/allot/internal/seeds"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Money
		err  error
	}{
		{"8.20", 8_200_000, nil}, {"-1", -Currency, nil}, {"+0.000001", 1, nil}, {" 5 ", 5 * Currency, nil},
		{"0.0000001", 0, ErrPrecision}, {"1000000000000", MaxMoney, nil}, {"1000000000000.000001", 0, ErrRange},
		{"99999999999999999999999", 0, ErrRange}, {"NaN", 0, ErrSyntax}, {"1e3", 0, ErrSyntax}, {"", 0, ErrSyntax},
		{".5", 0, ErrSyntax}, {"5.", 0, ErrSyntax}, {"--1", 0, ErrSyntax}, {"1,000", 0, ErrSyntax}, {"$8", 0, ErrSyntax},
	} {
		got, err := ParseMoney(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseMoney(%q) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestParseWeight(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Weight
		err  error
	}{
		{"1 lb", 453_592_370_000, nil}, {"16 oz", Pound, nil}, {"15.999 oz", 453_564_020_477, nil}, {"499 g", 499 * Gram, nil},
		{"3 lb 4 oz", 3*Pound + 4*Ounce, nil}, {"2kg", 2 * Kilogram, nil}, {"0.5LB", Pound / 2, nil}, {"0 g", 0, nil},
		{"-1 lb", 0, ErrRange}, {"100000 kg", MaxWeight, nil}, {"100000.001 kg", 0, ErrRange}, {"4", 0, ErrSyntax},
		{"lb", 0, ErrSyntax}, {"4 stone", 0, ErrSyntax}, {"", 0, ErrSyntax}, {"1 lb 2", 0, ErrSyntax}, {"NaN kg", 0, ErrSyntax},
	} {
		got, err := ParseWeight(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseWeight(%q) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestParseSizes(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Length
		err  error
	}{
		{"12.3 in", 312_420, nil}, {"40cm", 400_000, nil}, {"2 ft", 609_600, nil}, {"1 m", Metre, nil}, {`22"`, 22 * Inch, nil},
		{"100.1 m", 0, ErrRange}, {"-1 in", 0, ErrRange}, {"12", 0, ErrSyntax}, {"in", 0, ErrSyntax},
	} {
		got, err := ParseLength(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseLength(%q) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
	dims, err := ParseDims("12.3x9.5 x 3 in")
	if want := [3]Length{312_420, 241_300, 76_200}; dims != want || err != nil {
		t.Errorf("ParseDims = %v, %v; want %v", dims, err, want)
	}
	for _, bad := range []string{"12x9 in", "12x9x3", "axbxc in", "1x2x3x4 in", ""} {
		if _, err := ParseDims(bad); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseDims(%q) = %v, want ErrSyntax", bad, err)
		}
	}
}

func TestParseTimes(t *testing.T) {
	if d, err := ParseDate("2026-11-27"); err != nil || d != DateOf(2026, 11, 27) || d.Weekday() != 4 {
		t.Errorf("ParseDate = %v, %v", d, err)
	}
	for _, bad := range []string{"2026-02-29", "2026-13-01", "26-1-1", "tomorrow", "", "0001-01-01"} {
		if _, err := ParseDate(bad); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseDate(%q) = %v, want ErrSyntax", bad, err)
		}
	}
	if d, _ := ParseDate("1969-12-31"); d != -1 || d.Weekday() != 2 {
		t.Errorf("the day before the epoch is %d, weekday %d", d, d.Weekday())
	}
	for in, want := range map[string]Clock{"00:00": 0, "14:30": 14*Hour + 30*Minute, "14:00:05": 14*Hour + 5, "24:00": EndOfDay} {
		if c, err := ParseClock(in); c != want || err != nil {
			t.Errorf("ParseClock(%q) = %v, %v", in, c, err)
		}
	}
	for _, bad := range []string{"25:00", "24:01", "14", "1:30", "14:60", "aa:bb", "-1:00", "14:00:00:00"} {
		if c, err := ParseClock(bad); err == nil {
			t.Errorf("ParseClock(%q) = %v, want an error", bad, c)
		}
	}
	if i, err := ParseInstant("2026-11-27T14:00:00-05:00"); err != nil || i.String() != "2026-11-27T19:00:00Z" {
		t.Errorf("ParseInstant = %v, %v", i, err)
	}
	if _, err := ParseInstant("2026-11-27T14:00:00"); !errors.Is(err, ErrSyntax) {
		t.Errorf("an instant without an offset: %v, want ErrSyntax", err)
	}
	for in, want := range map[string]Weekdays{
		"mon-fri": MondayToFriday, "daily": EveryDay, "none": 0, "mon,wed,sat": 0b010_0101, "sat-mon": 0b110_0001, "Tue": 0b10,
	} {
		if w, err := ParseWeekdays(in); w != want || err != nil {
			t.Errorf("ParseWeekdays(%q) = %b, %v", in, w, err)
		}
	}
	for _, bad := range []string{"", "monday", "mon-", ","} {
		if w, err := ParseWeekdays(bad); err == nil {
			t.Errorf("ParseWeekdays(%q) = %v, want an error", bad, w)
		}
	}
}

func TestPercent(t *testing.T) {
	p, err := ParsePercent("12.5 %")
	if p != 1_250 || err != nil || p.Of(9_550_000) != 1_193_750 || p.String() != "12.5%" {
		t.Errorf("12.5 %% = %d, %v", p, err)
	}
	for _, bad := range []string{"12.5", "%", "0.001%", "20000%"} {
		if _, err := ParsePercent(bad); err == nil {
			t.Errorf("ParsePercent(%q) succeeded", bad)
		}
	}
	for _, bad := range []string{"-1%", "100.01%", "x"} {
		if _, err := ParseProbability(bad); err == nil {
			t.Errorf("ParseProbability(%q) succeeded", bad)
		}
	}
	if q, err := ParseProbability("95%"); q != 9_500 || err != nil {
		t.Errorf("ParseProbability(95%%) = %v, %v", q, err)
	}
}

func TestRoundTo(t *testing.T) {
	for _, c := range []struct{ in, want Money }{
		{4_999, 0}, {5_000, Cent}, {14_999, Cent}, {15_000, 2 * Cent}, {-5_000, -Cent}, {-4_999, 0},
	} {
		if got := c.in.RoundTo(Cent); got != c.want {
			t.Errorf("%d rounded to the cent = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestTimesMatchesBigArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Int64Range(-int64(MaxMoney), int64(MaxMoney)).Draw(t, "m")
		n := rapid.Int64Range(-10_000, 10_000).Draw(t, "n")
		d := rapid.Int64Range(10_000, 1<<40).Draw(t, "d")
		num := new(big.Int).Mul(big.NewInt(m), big.NewInt(n))
		sign := num.Sign()
		num.Abs(num).Mul(num, big.NewInt(2)).Add(num, big.NewInt(d)).Quo(num, big.NewInt(2*d))
		if want := Money(num.Int64() * int64(sign)); Money(m).Times(n, d) != want {
			t.Fatalf("%d * %d / %d = %d, want %d", m, n, d, Money(m).Times(n, d), want)
		}
	})
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64Range(-int64(MaxMoney), int64(MaxMoney)).Draw(t, "money"))
		roundTrip(t, m, &m)
		w := Weight(rapid.Int64Range(0, int64(MaxWeight)).Draw(t, "weight"))
		if rapid.Bool().Draw(t, "pounds") {
			w = w / 1e9 * (Pound / 1000)
			w = min(w, MaxWeight)
		}
		roundTrip(t, w, &w)
		l := Length(rapid.Int64Range(0, int64(MaxLength)).Draw(t, "length"))
		roundTrip(t, l, &l)
		p := Percent(rapid.Int32Range(-1_000_000, 1_000_000).Draw(t, "percent"))
		roundTrip(t, p, &p)
		c := Probability(rapid.Int32Range(0, 10_000).Draw(t, "probability"))
		roundTrip(t, c, &c)
		d := Date(rapid.Int32Range(-20_000, 300_000).Draw(t, "date"))
		roundTrip(t, d, &d)
		k := Clock(rapid.Int32Range(0, int32(EndOfDay)).Draw(t, "clock"))
		roundTrip(t, k, &k)
		i := Instant(rapid.Int64Range(-1_000_000_000, 30_000_000_000).Draw(t, "instant"))
		roundTrip(t, i, &i)
		s := Weekdays(rapid.Uint8Range(0, 127).Draw(t, "weekdays"))
		roundTrip(t, s, &s)
	})
}

type text[T any] interface {
	*T
	UnmarshalText([]byte) error
	MarshalText() ([]byte, error)
}

func roundTrip[T comparable, P text[T]](t *rapid.T, v T, p P) {
	b, err := p.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := P(&back).UnmarshalText(b); err != nil || back != v {
		t.Fatalf("%v prints %q, which reads %v, %v", v, b, back, err)
	}
}

func TestDateMatchesTimePackage(t *testing.T) {
	for d := Date(-10_000); d < 40_000; d++ {
		when := time.Unix(int64(d)*86_400, 0).UTC()
		y, m, day := d.Civil()
		if want := (int(when.Weekday()) + 6) % 7; d.Weekday() != want || DateOf(y, m, day) != d {
			t.Fatalf("%v: weekday %d want %d, civil %d-%d-%d", d, d.Weekday(), want, y, m, day)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"8.20", "4.07 lb", "15.999 oz", "3 lb 4 oz", "12.3x9.5x3 in", "40 cm", "12.5%", "2026-11-27",
		"14:00", "2026-11-27T14:00:00-05:00", "mon-fri", "sat-mon", "NaN", "-0", "1e9 kg", "\xff", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := ParseMoney(s); err == nil {
			if again, err := ParseMoney(m.String()); again != m || err != nil {
				t.Errorf("money %q = %d prints %q", s, m, m)
			}
		}
		if w, err := ParseWeight(s); err == nil {
			if again, err := ParseWeight(w.String()); again != w || err != nil || w < 0 || w > MaxWeight {
				t.Errorf("weight %q = %d prints %q", s, w, w)
			}
		}
		if l, err := ParseLength(s); err == nil {
			if again, err := ParseLength(l.String()); again != l || err != nil {
				t.Errorf("length %q = %d prints %q", s, l, l)
			}
		}
		if dims, err := ParseDims(s); err == nil && max(dims[0], dims[1], dims[2]) > MaxLength {
			t.Errorf("size %q = %v", s, dims)
		}
		if c, err := ParseClock(s); err == nil && (c < 0 || c > EndOfDay) {
			t.Errorf("clock %q = %d", s, c)
		}
		if p, err := ParsePercent(s); err == nil && (int64(p) > math.MaxInt32 || p.String() == "") {
			t.Errorf("percent %q = %d", s, p)
		}
		_, _ = ParseDate(s)
		_, _ = ParseInstant(s)
		_, _ = ParseWeekdays(s)
		_, _ = ParseProbability(s)
	})
}
