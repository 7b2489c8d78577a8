package geo

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestCellOf(t *testing.T) {
	// The example of H3's documentation, the Statue of Liberty, is in 8a2a1072b59ffff at resolution 10, a child of this.
	c, err := CellOf(Point{40.689167, -74.044444})
	if err != nil || c.String() != "892a1072b5bffff" {
		t.Errorf("got %v, %v", c, err)
	}
	for _, p := range []Point{{math.NaN(), 0}, {0, math.Inf(-1)}, {90.1, 0}, {0, 181}} {
		if c, err := CellOf(p); !errors.Is(err, ErrPoint) || c != 0 {
			t.Errorf("cell of %v: %v, %v; want ErrPoint", p, c, err)
		}
	}
	for _, c := range []Cell{0, 1, math.MaxUint64, 0x8a2a1072b59ffff /* resolution 10 */} {
		if p, err := c.Point(); err == nil {
			t.Errorf("centre of %v = %v, want an error", c, p)
		}
	}
}

func TestCellHoldsItsPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPoint().Draw(t, "p")
		c, err := CellOf(p)
		if err != nil {
			t.Fatal(err)
		}
		centre, err := c.Point()
		if err != nil {
			t.Fatal(err)
		}
		if km := Kilometres(p, centre); km > CellRadiusKm {
			t.Errorf("%v is %v km from the centre of its cell", p, km)
		}
		if again, err := CellOf(centre); err != nil || again != c {
			t.Errorf("the centre of %v lies in %v, %v", c, again, err)
		}
	})
}

func BenchmarkCellOf(b *testing.B) {
	for b.Loop() {
		if _, err := CellOf(Point{40.689167, -74.044444}); err != nil {
			b.Fatal(err)
		}
	}
}
