// Package ledger keeps the stock and the capacity that were promised. It counts units of every SKU in every warehouse
// and shipments of every warehouse's day, and grants holds: vectors of claims on those counters, all or nothing.
//
// [State] is a pure state machine. It does no I/O and reads no clock: commands carry the time, events come out, and
// the same commands give the same events. [State.Replay] rebuilds a state from events. [Ledger] is the same machine
// behind one mutex, the sequencer: any number of goroutines score orders on a [View], which may be a little old, and
// the sequencer checks their claims again, so a plan that lost a race is refused with a [ConflictError] and scored anew.
//
// Counters. available = on hand - held - safety. Of the four only available is dense, since it is what scoring reads;
// held follows from the other three. A grant needs held + safety <= on hand afterwards. A correction of the stock may
// break that; then the ledger says which holds are hit.
//
// Holds. Allocate makes a hold pending; it is then exactly one of confirmed, released or expired; a confirmed hold can
// be cancelled. Released, expired and cancelled holds have given their claims back. Any other move is a
// [TransitionError].
//
// Time never runs backwards: a command with an earlier time than one before it is taken to come at the same time.
// What falls due (expiry, inbound receipts) happens before the command that brings the time, in order of its own time.
package ledger
