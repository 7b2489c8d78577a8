// Package simulate replays a season: the orders of a history, in time order, on a network that may not exist yet.
//
// Each order is decided by the engine, on a stock view of a ledger's state of its own, at the moment at which it came; what
// was decided is held, confirmed and shipped in that state. The clock is that of the history. Nothing else is looked at, so
// that the same inputs give the same decisions, whatever the number of goroutines.
package simulate
