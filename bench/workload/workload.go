// Package workload makes what a shop sends to the service in a season or in a minute of its peak: orders, quotes, what
// becomes of holds, returns of stock, and when each of it is due. It is drawn from a seed and a short YAML file, the same for the
// same two on any machine; Go benchmarks, the load generator and the replay of seasons take it alike.
package workload

import (
	"time"

	"github.com/allot-engine/allot/engine"
)

// A Kind is a kind of event.
type Kind uint8

// The kinds of events. Those after Quote are about the answer to an earlier Allocate, and fall away where that was not granted.
const (
	Allocate Kind = iota + 1 // decide Order and hold its stock
	Quote                    // what can be promised for Order
	Repeat                   // the Allocate of event Of again, with its request id, as a caller does who had no answer
	Confirm                  // the hold of event Of
	Release
	Ship    // all of the confirmed hold
	Cancel  // all of the confirmed hold
	Restock // Quantity units more of a SKU on hand in a warehouse: returned goods, a delivery
)

// An Event is one thing that is sent.
type Event struct {
	Number int64         // from 0, rising by one
	Due    time.Duration // since the beginning, never falling
	Kind   Kind
	Of     int64        // number of the Allocate that it is about; -1 for Allocate, Quote and Restock
	Order  engine.Order // of Allocate and Quote; its id is unique among Allocates

	Warehouse, SKU string // of Restock
	Quantity       int32
}
