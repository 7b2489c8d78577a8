package seeds

import (
	"flag"
	"fmt"
	"testing"
)

// TestFixedSeeds asks for seeds as a run with ALLOT_SEED and one without do.
func TestFixedSeeds(t *testing.T) {
	was := fixed
	t.Cleanup(func() { fixed = was })

	fixed = read("7")
	if a, b := New(t), New(t); a != b || a != of(7, t.Name()) {
		t.Errorf("a fixed seed came as %d and then as %d", a, b)
	}
	if of(7, "A") == of(7, "B") || of(7, "A") == of(8, "A") {
		t.Error("another test or another number has the same seed")
	}
	fixed = read("")
	if a, b := New(t), New(t); a == b {
		t.Errorf("a new seed came twice: %d", a)
	}
}

// TestRapidIsSeeded looks at the flag that rapid reads: it is ALLOT_SEED's, 0 where none is given.
func TestRapidIsSeeded(t *testing.T) {
	if got := flag.Lookup("rapid.seed").DefValue; got != "0" {
		t.Errorf("rapid's seed is %s by default; New's comment counts on 0", got)
	}
	if got, want := flag.Lookup("rapid.seed").Value.String(), fmt.Sprint(fixed); got != want {
		t.Skipf("rapid's seed is %s by flag, not %s", got, want)
	}
}

func TestReadPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a seed that is no number was taken")
		}
	}()
	read("seven")
}
