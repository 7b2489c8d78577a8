package words

import (
	"math"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for got, want := range map[string]string{
		Nanos(0): "0", Nanos(999): "999 ns", Nanos(1500): "1.5 µs", Nanos(999.6): "1 µs", Nanos(12_345_678): "12.3 ms", Nanos(2e9): "2 s", Nanos(125e9): "125 s",
		Bytes(512): "512 B", Bytes(1 << 20): "1 MiB", Bytes(-1.5 * (1 << 30)): "−1.5 GiB",
		Digits(1234567.8): "1,234,568", Digits(0.01234): "0.0123", Digits(9.999): "10", Digits(99.96): "100", Digits(math.NaN()): "–", Digits(1e-9): "0",
		Percent(0): "0 %", Percent(1): "100 %", Percent(0.99999): "99.9990 %", Percent(0.9999999): "99.9999 %", Percent(0.0012): "0.12 %",
		Span(90 * time.Second): "1m30s", Span(2 * time.Hour): "2h", Span(1500 * time.Millisecond): "1.5 s", Span(10 * time.Minute): "10m",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
