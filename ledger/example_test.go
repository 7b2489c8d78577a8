package ledger_test

import (
	"errors"
	"fmt"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

func ExampleLedger() {
	l := ledger.New(ledger.Config{})
	now := units.Instant(1_795_348_800)
	if err := l.Extend(now, []string{"reno"}, []string{"mug"}, []string{"ground"}); err != nil {
		fmt.Println(err)
	}
	warehouses, skus, _ := l.Rows([]string{"reno"}, []string{"mug"}, nil)
	reno, mug := warehouses[0], skus[0]
	if _, err := l.SetStock(now, ledger.Request{}, []ledger.StockLevel{{Warehouse: reno, SKU: mug, OnHand: 3, Safety: 1}}); err != nil {
		fmt.Println(err)
	}
	a := ledger.Allocation{
		At: now, TTL: 900, Order: "A-1",
		Stock: []ledger.StockClaim{{Warehouse: reno, SKU: mug, Quantity: 2}},
	}
	h, err := l.Allocate(&a)
	fmt.Println(h.ID, h.Status, err)
	_, err = l.Allocate(&a)
	fmt.Println(err, errors.Is(err, ledger.ErrConflict))
	h, _ = l.Confirm(now+60, h.ID, ledger.Request{})
	fmt.Println(h.ID, h.Status)
	// Output:
	// 1 pending <nil>
	// ledger: conflict: stock of mug in reno: 2 wanted, 0 left true
	// 1 confirmed
}
