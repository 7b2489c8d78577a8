package workload

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// moments returns the first n moments of arrivals.
func moments(a Arrivals, n int) (out []time.Duration) {
	t := a.Times()
	for range n {
		at, ok := t.Next()
		if !ok {
			break
		}
		out = append(out, at)
	}
	return out
}

func TestConstant(t *testing.T) {
	a := Constant(4)
	if got, want := moments(a, 5), []time.Duration{0, 250e6, 500e6, 750e6, 1e9}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if a.Mean() != 4 || a.Rate(time.Hour) != 4 || a.Length() != forever || a.String() != "constant, 4/s" {
		t.Errorf("%v %v %v %s", a.Mean(), a.Rate(time.Hour), a.Length(), a)
	}
	twice := Scaled(a, 2.5)
	if got, want := moments(twice, 3), []time.Duration{0, 100e6, 200e6}; !slices.Equal(got, want) || twice.Mean() != 10 || twice.String() != "constant, 4/s x 2.5" {
		t.Errorf("%v, %v, %s", got, twice.Mean(), twice)
	}
	if got := Scaled(twice, 2).String(); got != "constant, 4/s x 5" {
		t.Error(got)
	}
	for _, f := range []func(){func() { Constant(0) }, func() { Constant(math.NaN()) }, func() { Poisson(1e9, 1) }, func() { Scaled(a, 0) }, func() { Scaled(a, math.Inf(1)) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("what is no rate was taken")
				}
			}()
			f()
		}()
	}
}

// TestPoisson holds the distances of one long sample against the exponential distribution: mean, spread and tail.
func TestPoisson(t *testing.T) {
	const n, rate = 200_000, 50.0
	at := moments(Poisson(rate, 5), n)
	sum, squares, tail := 0.0, 0.0, 0
	last := time.Duration(0)
	for _, m := range at {
		d := (m - last).Seconds() * rate
		last = m
		sum, squares = sum+d, squares+d*d
		if d > 3 {
			tail++
		}
	}
	if mean := sum / n; math.Abs(mean-1) > 0.015 {
		t.Errorf("mean %v", mean)
	}
	if square := squares / n; math.Abs(square-2) > 0.07 {
		t.Errorf("mean square %v", square)
	}
	if got, want := float64(tail)/n, math.Exp(-3); math.Abs(got-want) > 0.003 {
		t.Errorf("tail %v, want %v", got, want)
	}
	if slices.Equal(at[:100], moments(Poisson(rate, 6), 100)) {
		t.Error("another seed gives the same moments")
	}
}

// TestLogarithm holds the logarithm that is the same everywhere against that of the math package.
func TestLogarithm(t *testing.T) {
	check := func(n uint64) {
		if got, want := logOf(n), math.Log(float64(n)); math.Abs(got-want) > 1e-12*max(1, want) {
			t.Errorf("log %d = %v, want %v", n, got, want)
		}
	}
	for i := range 53 {
		check(1 << i)
		check(1<<i + 1)
		check(1<<(i+1) - 1)
		check(3 << i >> 1 * 1)
	}
	r := rng(1)
	for range 10_000 {
		check(r.next()>>11 | 1)
	}
}

// TestPower holds powers in whole numbers against those of the math package.
func TestPower(t *testing.T) {
	for _, s := range []Decimal{0, 1, 500, 800, 1_000, 1_001, 2_000, 3_000} {
		for _, k := range []uint64{1, 2, 3, 4, 7, 10, 1_000, 65_535, 65_536, 999_999, 2_000_000} {
			got, want := float64(power(k, s))/zipfOne, math.Pow(float64(k), -float64(s)/1000)
			if math.Abs(got-want) > 2e-10*want+2.0/zipfOne {
				t.Errorf("%d^-%s = %v, want %v", k, s, got, want)
			}
		}
	}
}

// TestAlias adds up what the slots of an alias give to each position.
func TestAlias(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 10), rapid.Uint64Range(1, 1<<40)), 1, 50).Draw(t, "weights")
		weights[0]++
		a, sum := newAlias(weights), 0.0
		got := make([]float64, len(weights))
		for i, s := range a {
			keep := float64(s.keep) / (1 << 32)
			if int(s.other) == i {
				keep = 1
			}
			got[i] += keep / float64(len(a))
			got[s.other] += (1 - keep) / float64(len(a))
		}
		for _, w := range weights {
			sum += float64(w)
		}
		for i, w := range weights {
			if math.Abs(got[i]-float64(w)/sum) > 1e-9 {
				t.Fatalf("position %d is drawn with %v, want %v", i, got[i], float64(w)/sum)
			}
		}
		r := rng(rapid.Uint64().Draw(t, "seed"))
		for range 100 {
			if i := a.draw(r.next()); weights[i] == 0 {
				t.Fatalf("position %d, of weight 0, was drawn", i)
			}
		}
	})
}

// TestRamp goes along ramps and back.
func TestRamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.001, 1e6))
		r := ramp{rapid.Float64Range(0.001, 1e5).Draw(t, "length"), rate.Draw(t, "from"), rate.Draw(t, "to")}
		all := r.orders(r.length)
		n := all * rapid.Float64Range(0, 0.999).Draw(t, "part")
		at := r.when(n)
		if !(at >= 0 && at <= r.length) {
			t.Fatalf("%+v: %v orders after %v", r, n, at)
		}
		if back := r.orders(at); math.Abs(back-n) > 1e-6*all {
			t.Fatalf("%+v: %v orders after %v, and then %v", r, n, at, back)
		}
	})
}

// count returns how many orders come in [from, until).
func count(at []time.Duration, from, until time.Duration) int {
	i, _ := slices.BinarySearch(at, from)
	j, _ := slices.BinarySearch(at, until)
	return j - i
}

func TestProfile(t *testing.T) {
	p, err := ReadProfile("dir/burst.yaml", []byte(`
kind: constant
steps:
  - {for: 2s, rate: 10/s}
  - {for: 1s, rate: 0/s}
  - {for: 2s, from: 50%, rate: 150%}
  - {for: 1s, rate: 600/m}
`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Arrivals(0, 1); err == nil || !p.Relative() {
		t.Error("percentages of nothing were taken")
	}
	a, err := p.Arrivals(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := moments(a, 10_000)
	for i, want := range []struct {
		from, until time.Duration
		n           int
	}{{0, 2e9, 20}, {2e9, 3e9, 0}, {3e9, 4e9, 75}, {4e9, 5e9, 125}, {5e9, 6e9, 10}} {
		if got := count(at, want.from, want.until); got < want.n-1 || got > want.n+1 {
			t.Errorf("step %d: %d orders, want %d", i, got, want.n)
		}
	}
	if len(at) < 229 || len(at) > 231 || a.Length() != 6*time.Second || math.Abs(a.Mean()-230.0/6) > 1e-9 || a.String() != "profile burst" {
		t.Errorf("%d orders in %s, %v a second, %s", len(at), a.Length(), a.Mean(), a)
	}
	if got := a.Rate(4 * time.Second); math.Abs(got-100) > 1e-9 || a.Rate(7*time.Second) != 0 {
		t.Errorf("%v, %v", got, a.Rate(7*time.Second))
	}
	based, err := ReadProfile("x.yaml", []byte("base: 20/s\nsteps: [{for: 1s, rate: 50%}, {rate: 200%}]"))
	if err != nil || based.Relative() {
		t.Fatal(err)
	}
	endless, err := based.Arrivals(0, 9)
	if err != nil || endless.Length() != forever || endless.Mean() != 40 || endless.Rate(time.Hour) != 40 || endless.Rate(0) != 10 {
		t.Errorf("%v %v", endless, err)
	}
	if n := len(moments(endless, 500)); n != 500 {
		t.Errorf("%d", n)
	}
	if _, err := based.Arrivals(1e9, 1); err == nil {
		t.Error("a rate over the highest was taken")
	}
}

func TestDay(t *testing.T) {
	if testing.Short() {
		t.Skip("days of orders are counted")
	}
	w := made(t, "name: x\nnetwork: {warehouses: 1, skus: 5}\narrivals: {kind: day, rate: 2/s, peak: {at: 20h, for: 2h, times: 6}}", 1)
	a := w.Arrivals()
	if math.Abs(a.Mean()-2) > 1e-9 || a.Length() != forever {
		t.Errorf("%v in the mean", a.Mean())
	}
	at := moments(a, 400_000)
	if day := count(at, 0, 24*time.Hour); math.Abs(float64(day)-172_800) > 6*math.Sqrt(172_800) {
		t.Errorf("%d orders on the first day", day)
	}
	if top := a.Rate(20 * time.Hour); top < 5.9*a.Rate(18*time.Hour+59*time.Minute) || math.Abs(a.Rate(44*time.Hour)-top) > 1e-9 || a.Rate(4*time.Hour) > 1 {
		t.Errorf("the peak is %v, an hour before %v, at night %v", top, a.Rate(19*time.Hour), a.Rate(4*time.Hour))
	}
	// The rates that it tells are those by which it comes.
	for h := range 24 {
		want := 0.0
		for m := range 60 {
			want += 60 * a.Rate(time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+30*time.Second)
		}
		got := count(at, time.Duration(h)*time.Hour, time.Duration(h+1)*time.Hour)
		if math.Abs(float64(got)-want) > 6*math.Sqrt(want)+want/500 {
			t.Errorf("hour %d: %d orders, want %.0f", h, got, want)
		}
	}
	only := made(t, "name: x\nnetwork: {warehouses: 1, skus: 5}\narrivals: {kind: day, rate: 1/s, hours: [0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0]}", 1)
	first := moments(only.Arrivals(), 10)
	if first[0] < 11*time.Hour+30*time.Minute || first[9] > 13*time.Hour+30*time.Minute {
		t.Errorf("noon is at %s", first)
	}
}

func TestRecorded(t *testing.T) {
	r, err := parseRecord("x.txt", []byte("# counts\n2\n0\n\n4\r\n"))
	if err != nil || r.Seconds() != 3 || r.Orders() != 6 {
		t.Fatal(r, err)
	}
	w := &Workload{spec: &Spec{Arrivals: ArrivalSpec{Kind: KindRecorded, Speed: One}}, record: r}
	if got, want := moments(w.Arrivals(), 9), []time.Duration{0, 500e6, 2e9, 2250e6, 2500e6, 2750e6}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	w.spec.Arrivals.Speed, w.spec.Arrivals.Again = 2*One, true
	got := moments(w.Arrivals(), 600)
	if n := count(got, 15e8, 3e9); n != 6 || w.Arrivals().Mean() != 4 || w.Arrivals().Length() != forever {
		t.Errorf("%d in the second round, %v", n, w.Arrivals().Mean())
	}
	for _, bad := range []string{"", "# none", "0\n0", "1\nx", "-1", "1.5", "10000001"} {
		if _, err := parseRecord("x.txt", []byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "x.txt") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	dir := t.TempDir()
	h, err := made(t, tiny, 1).History(20 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, dir, "orders.parquet", h)
	if r, err = ReadRecord(file); err != nil || r.Orders() != int64(h.Len()) || r.Seconds() > 20 {
		t.Errorf("%+v, %v", r, err)
	}
}

// others are arrivals that are not this package's.
type others struct{ Arrivals }

func TestScaledOthers(t *testing.T) {
	a := Scaled(others{Constant(10)}, 0.25)
	if got := len(moments(a, 100)); got != 100 || a.Mean() != 2.5 || a.Rate(0) != 2.5 || a.String() != "constant, 10/s x 0.25" {
		t.Errorf("%d %v %s", got, a.Mean(), a)
	}
	if got := count(moments(a, 100), 0, 20*time.Second); got != 50 {
		t.Errorf("%d in 20 seconds, want 50", got)
	}
	if got := count(moments(Scaled(others{Constant(10)}, 3), 1_000), 0, 10*time.Second); got != 300 {
		t.Errorf("%d in 10 seconds, want 300", got)
	}
}

// TestSurge writes out repeating days until the last sale.
func TestSurge(t *testing.T) {
	w := made(t, `
name: x
network: {warehouses: 1, skus: 5}
arrivals: {kind: day, rate: 1/s}
flash:
  - {at: 30h, for: 2h, share: 10%, surge: 0.5}
  - {at: 1h, for: 30m, share: 10%, surge: 4}
  - {at: 4h, for: 1h, share: 10%}
`, 1)
	plain := newPaced(paced{again: day(&w.spec.Arrivals)})
	a := w.Arrivals()
	for at := time.Duration(0); at < 60*time.Hour; at += 7 * time.Minute {
		want := plain.Rate(at)
		switch {
		case at >= time.Hour && at < 90*time.Minute:
			want *= 4
		case at >= 30*time.Hour && at < 32*time.Hour:
			want *= 0.5
		}
		if got := a.Rate(at); math.Abs(got-want) > 1e-6 {
			t.Errorf("at %s %v, want %v", at, got, want)
		}
	}
	if a.Mean() != plain.Mean() {
		t.Errorf("%v in the mean, of %v", a.Mean(), plain.Mean())
	}
}

func TestTexts(t *testing.T) {
	for _, tc := range []struct {
		into interface {
			UnmarshalText([]byte) error
		}
		good, bad map[string]string
	}{
		{new(Rate), map[string]string{"5000/s": "5000/s", "300/m": "5/s", "7": "7/s", "3600/h": "1/s", "86400/d": "1/s", "0.5/s": "0.5/s", "0": "0/s", "10000000/s": "10000000/s", "36000000000/h": "10000000/s"},
			map[string]string{"": "is no ", "/s": "is no ", "x/s": "is no ", "1/y": "is no ", "1.": "is no ", "-1/s": "is no ", "10000000.1/s": "range", "0.0000001/s": "range", "1e3": "is no "}},
		{new(Decimal), map[string]string{"0": "0", "0.8": "0.8", "12.345": "12.345", "1000000": "1000000", "3.10": "3.1"}, map[string]string{"": "is no ", ".5": "is no ", "1.": "is no ", "0.1234": "is no ", "-1": "is no ", "1000000.001": "is no "}},
		{new(Duration), map[string]string{"90s": "1m30s", "24h": "24h0m0s", "0s": "0s", "24000h": "24000h0m0s"}, map[string]string{"90": "unit", "-1s": "range", "24001h": "range"}},
		{new(StockLevel), map[string]string{"plenty": "plenty", "30 days": "30 days", "1 day": "1 days", "500000 orders": "500000 orders"}, map[string]string{"": "plenty", "30": "plenty", "0 days": "range", "-3 days": "range", "2 weeks": "plenty", "many": "plenty"}},
		{new(Level), map[string]string{"5/s": "5/s", "150%": "150%"}, map[string]string{"": "is no ", "%": "is no ", "x%": "is no "}},
	} {
		for text, want := range tc.good {
			if err := tc.into.UnmarshalText([]byte(text)); err != nil {
				t.Errorf("%T %q: %v", tc.into, text, err)
			} else if got := tc.into.(interface{ String() string }).String(); got != want {
				t.Errorf("%T %q is %s, want %s", tc.into, text, got, want)
			}
		}
		for text, want := range tc.bad {
			if err := tc.into.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%T %q: %v, want %s", tc.into, text, err, want)
			}
		}
	}
}
