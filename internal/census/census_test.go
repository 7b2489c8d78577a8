package census

import "testing"

// The figures of the Census add up to the population it published.
func TestResidentsAddUp(t *testing.T) {
	sum := int64(0)
	for state, n := range Residents {
		if state != "PR" {
			sum += n
		}
	}
	if sum != 331_449_281 || len(Residents) != 52 {
		t.Errorf("%d people in %d states, the District and Puerto Rico; want 331,449,281 in 52", sum, len(Residents))
	}
}
