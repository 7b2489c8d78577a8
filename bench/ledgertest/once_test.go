package ledgertest

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger/durable"
)

// TestOnce is the promise that 100 concurrent calls with one request id make one hold and get one answer: for an order,
// for one that is refused, and for what is then done with the hold.
func TestOnce(t *testing.T) {
	const calls = 100
	s := &shape{warehouses: 4, skus: 3, onHand: 1_000, holdMinutes: 60}
	site, err := open(filepath.Join(t.TempDir(), "data"), s, func() time.Time { return began }, durable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = site.stop() })
	c, err := dial(site.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	j := newJournalist(remembered)
	together := func(do func() error) {
		t.Helper()
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				if err := do(); err != nil {
					j.blame(err)
				}
			})
		}
		wg.Wait()
		if err := j.fault(); err != nil {
			t.Fatal(err)
		}
	}
	for request, quantity := range map[string]int32{"granted": 3, "refused": 5_000} {
		r := &allotv1.AllocateRequest{RequestId: request, Order: &allotv1.Order{
			Id: "order", To: &allotv1.Destination{PostalCode: zips[0]}, Lines: []*allotv1.Line{{Sku: skuID(0), Quantity: quantity}},
		}}
		together(func() error {
			a, _, err := c.allocate(t.Context(), r)
			if err == nil {
				j.answeredTo(request, a)
			}
			return err
		})
	}
	for _, v := range []verb{confirm, ship} {
		id := kindOf[v].String()
		together(func() error {
			h, err := c.move(t.Context(), v, id, "1", nil)
			if err == nil {
				j.movedTo(id, v, h)
			}
			return err
		})
	}
	a, err := account(site.store.Events(0))
	if err == nil {
		err = j.compare(a)
	}
	if err != nil {
		t.Fatal(err)
	}
	if a.granted != 1 || a.refused != 1 || len(a.holds) != 1 || len(a.moved) != 2 || a.answered["refused"].hold != 0 {
		t.Errorf("%d grants, %d refusals, %d moves", a.granted, a.refused, len(a.moved))
	}
	if again := j.tally["answered again"]; again != 2*calls-2 {
		t.Errorf("%d calls got an answer that was given before, of %d", again, 2*calls-2)
	}
}
