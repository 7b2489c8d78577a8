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
	if err := l.Extend(now, []string{"reno"}, []string{"mug"}, []string{"ground"}, []string{"v1"}); err != nil {
		fmt.Println(err)
	}
	const reno, mug = 0, 0 // rows are given out in the order of the names
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
	h, _ = l.Ship(now+120, h.ID, ledger.Request{}, []ledger.StockClaim{{Warehouse: reno, SKU: mug, Quantity: 1}})
	fmt.Println(h.ID, h.Status, h.Stock[0].Left(), "left")
	h, _ = l.ShortPick(now+180, h.ID, ledger.Request{}, nil)
	fmt.Println(h.ID, h.Status, h.Stock[0].Shipped, "shipped", h.Stock[0].Short, "short")
	// Output:
	// 1 pending <nil>
	// ledger: conflict: stock of mug in reno: 2 wanted, 0 left true
	// 1 confirmed
	// 1 confirmed 1 left
	// 1 shipped 1 shipped 1 short
}
