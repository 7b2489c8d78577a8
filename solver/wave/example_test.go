package wave_test

import (
	"fmt"

	"github.com/allot-engine/allot/solver/wave"
)

// Two orders want the same SKU. The near warehouse has one unit; the order that would lose more by going without gets
// it.
func ExampleSolve() {
	costs := [][]int64{{100, 110}, {100, 300}} // [order][warehouse]
	p := &wave.Problem{
		Warehouses: 2, SKUs: 1,
		Stock: []int32{1, 5},
		Orders: []wave.Order{
			{Lines: []wave.Line{{SKU: 0, Quantity: 1, Unfilled: 1000}}},
			{Lines: []wave.Line{{SKU: 0, Quantity: 1, Unfilled: 1000}}},
		},
		Offers: func(order, w int, _ []int32, dst []wave.Offer) []wave.Offer {
			return append(dst, wave.Offer{Cost: costs[order][w], Class: -1})
		},
	}
	r := wave.Solve(p, wave.Options{})
	for o, plan := range r.Plans {
		fmt.Println("order", o, "from warehouse", plan.Shipments[0].Warehouse)
	}
	fmt.Println("cost", r.Cost, "optimal", r.Optimal())
	// Output:
	// order 0 from warehouse 1
	// order 1 from warehouse 0
	// cost 210 optimal true
}
