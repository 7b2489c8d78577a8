package durable_test

import (
	"fmt"
	"log/slog"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A hold outlives the process that granted it, and so does the answer to its request.
func Example() {
	disk, quiet := vfs.NewMem(), slog.New(slog.DiscardHandler) // leave both out for a directory on the disk
	open := func() *durable.Store {
		j, err := pebblejournal.Open("data", pebblejournal.Options{FS: disk, Log: quiet})
		if err != nil {
			panic(err)
		}
		s, err := durable.Open(j, durable.Options{Network: "us-parcel", Log: quiet})
		if err != nil {
			panic(err)
		}
		return s
	}

	s := open()
	l := s.Ledger()
	if err := l.Extend(0, []string{"RNO"}, []string{"A-100"}, nil, nil); err != nil {
		panic(err)
	}
	if _, err := l.SetStock(0, ledger.Request{}, []ledger.StockLevel{{OnHand: 5}}); err != nil {
		panic(err)
	}
	order := &ledger.Allocation{Request: ledger.Request{ID: "r-1"}, TTL: 900, Stock: []ledger.StockClaim{{Quantity: 2}}, Answer: []byte("from RNO")}
	if _, err := l.Allocate(order); err != nil { // it returns when the hold is on the disk
		panic(err)
	}
	if err := s.Close(); err != nil {
		panic(err)
	}

	s = open()
	h, err := s.Ledger().Allocate(order)
	fmt.Println(h.ID, h.Status, string(h.Answer), err)
	fmt.Println(s.Durable(), "events,", s.Ledger().Open(), "open hold")
	if err := s.Close(); err != nil {
		panic(err)
	}
	// Output:
	// 1 pending from RNO <nil>
	// 3 events, 1 open hold
}
