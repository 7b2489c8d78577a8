package durable

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// A crashing journal is lost at one of its appends: before that is written or, torn, with only a half of its records.
type crashing struct {
	journal.Journal
	mu   sync.Mutex
	left int // appends until then
	torn bool
}

func (c *crashing) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(records) == 0 {
		return c.Journal.Append(epoch, expected, records)
	}
	if c.left--; c.left < 0 {
		if c.left == -1 && c.torn && len(records) > 1 {
			if _, err := c.Journal.Append(epoch, expected, records[:len(records)/2]); err != nil {
				return journal.Position{}, err
			}
		}
		return journal.Position{}, errFault
	}
	return c.Journal.Append(epoch, expected, records)
}

// batchesAfterCrashes lets batches and single allocations go on at once until the journal is lost at its first, second,
// third append and so on, and opens it again. It returns how many batches were there in part, and fails where an
// answer that was given is not there.
func batchesAfterCrashes(t *testing.T, torn bool) (partly, whole int) {
	t.Helper()
	const length, answer = 10, 600 << 10 // together more than where long groups are cut
	for n := 1; ; n++ {
		memory := journal.NewMemory()
		j := &crashing{Journal: keep{memory}, left: n + 2, torn: torn} // what sets up is kept
		s := mustOpen(t, j, options())
		setUp(t, s.Ledger())
		told := map[string]bool{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for client := range 2 {
			wg.Go(func() {
				for try := range 2 {
					name := fmt.Sprint(client, "/", try)
					batch := make([]*ledger.Allocation, length)
					for i := range batch {
						batch[i] = &ledger.Allocation{
							Request: ledger.Request{ID: fmt.Sprint(name, "#", i)}, At: midnight, TTL: 100, Order: fmt.Sprint(name, "#", i), Answer: make([]byte, answer),
							Stock: []ledger.StockClaim{{Warehouse: ledger.Warehouse(i % warehouses), SKU: ledger.SKU(client), Quantity: 1}},
						}
					}
					_, err := s.Ledger().AllocateAll(batch)
					if err == nil {
						mu.Lock()
						told[name] = true
						mu.Unlock()
					}
					_, single := s.Ledger().Allocate(&ledger.Allocation{At: midnight, TTL: 100, Stock: []ledger.StockClaim{{SKU: 4, Quantity: 1}}})
					if err := errors.Join(err, single); err != nil && !errors.Is(err, journal.ErrFailed) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		clean := s.Err() == nil
		_ = s.Close() // it may have been lost
		after := mustOpen(t, keep{memory}, options())
		state, err := after.StateAt(after.Last())
		if err != nil {
			t.Fatal(err)
		}
		pieces := map[string]int{}
		for h := range state.Holds() {
			if name, _, ok := strings.Cut(h.Order, "#"); ok {
				pieces[name]++
			}
		}
		for name := range told {
			if pieces[name] != length {
				t.Errorf("crash %d: of batch %s, which was granted, %d are there", n, name, pieces[name])
			}
		}
		for name, n := range pieces {
			if n == length {
				whole++
			} else {
				partly++
				t.Logf("crash: %d of batch %s", n, name)
			}
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
		if clean {
			return partly, whole
		}
	}
}

// TestABatchIsThereAsAWholeOrNotAtAll loses the journal at every append. The control loses it within one, which a journal
// must not let happen, and finds batches torn.
func TestABatchIsThereAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	partly, whole := batchesAfterCrashes(t, false)
	if partly > 0 || whole < 4 {
		t.Errorf("%d batches are there in part and %d as a whole", partly, whole)
	}
	if partly, _ = batchesAfterCrashes(t, true); partly == 0 {
		t.Error("no batch is torn where groups are: the test says nothing")
	}
}

// TestARepeatedBatchAfterARestartGetsTheSameAnswers sends a batch again to the ledger that was recovered from the journal.
func TestARepeatedBatchAfterARestartGetsTheSameAnswers(t *testing.T) {
	t.Parallel()
	memory := journal.NewMemory()
	s := mustOpen(t, keep{memory}, options())
	setUp(t, s.Ledger())
	batch := []*ledger.Allocation{
		{Request: ledger.Request{ID: "a", Body: body("a")}, At: midnight, TTL: 100, Stock: []ledger.StockClaim{{Quantity: 3}}, Answer: []byte("three")},
		{Request: ledger.Request{ID: "b", Body: body("b")}, At: midnight, Refused: true, Answer: []byte("none")},
	}
	first, err := s.Ledger().AllocateAll(batch)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, keep{memory}, options())
	again, err := s.Ledger().AllocateAll(batch)
	if err != nil || !slices.EqualFunc(first, again, func(a, b ledger.Hold) bool {
		return a.ID == b.ID && a.Sequence == b.Sequence && string(a.Answer) == string(b.Answer) && a.Status == b.Status
	}) {
		t.Errorf("%+v, first %+v, %v", again, first, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
