package solver_test

import (
	"fmt"

	"github.com/allot-engine/allot/solver"
)

// A mug and two lids: warehouse 0 has the mug, warehouse 1 the lids, warehouse 2 both but far away.
func ExampleSplit() {
	near := []int64{5, 6, 20}
	p := solver.Problem{
		Warehouses: 3,
		Lines:      2,
		Quantity:   []int32{1, 2},
		Available: []int32{
			4, 0, 9, // mugs
			1, 7, 9, // lids
		},
		SplitCost: 3,
		Offer: func(w int, take []int32) (solver.Offer, bool) {
			return solver.Offer{Cost: near[w] + int64(take[0]+take[1]), Arrival: near[w]}, true
		},
	}
	var scratch solver.Scratch
	plan, cert := solver.Split(&p, &scratch)
	fmt.Println(cert.Status, plan.Cost, plan.Arrival)
	for _, s := range plan.Shipments {
		fmt.Println("warehouse", s.Warehouse, "ships", s.Take, "for", s.Offer.Cost)
	}
	// Output:
	// optimal 17 6
	// warehouse 0 ships [1 0] for 6
	// warehouse 1 ships [0 2] for 8
}
