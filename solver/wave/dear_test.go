package wave

import "testing"

// Leaving an order may cost far more than any plan. Prices must still reach it, or the bound stays far below.
func TestLeavingMayCostFarMoreThanPlans(t *testing.T) {
	const orders, warehouses = 3_000, 3
	p := &Problem{
		Warehouses: warehouses, SKUs: 1, Stock: []int32{10, 10, 10},
		Offers: func(order, w int, _ []int32, dst []Offer) []Offer {
			return append(dst, Offer{Cost: 1_000_000 * int64(1+(order*7+w*11)%13), Class: -1})
		},
	}
	for range orders {
		p.Orders = append(p.Orders, Order{Lines: []Line{{Quantity: 1, Unfilled: CostLimit - 1}}})
	}
	r := Solve(p, Options{Iterations: 960, Rounds: 4})
	left := int64(orders-10*warehouses) * (CostLimit - 1)
	if plans := r.Cost - left; plans <= 0 || plans > 13*30*1_000_000 {
		t.Errorf("the plans cost %d", plans)
	}
	if gap := r.Cost - r.Bound; gap > (CostLimit-1)/100 {
		t.Errorf("the gap is %d, and leaving one order costs %d", gap, CostLimit-1)
	}
}
