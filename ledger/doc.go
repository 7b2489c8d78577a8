// Package ledger keeps the stock and the capacity that were promised. It counts units of every SKU in every warehouse
// and shipments of every warehouse's day, and grants holds: vectors of claims on those counters, all or nothing.
//
// [State] is a pure state machine. It does no I/O and reads no clock: commands carry the time, events come out, and
// the same commands give the same events. [Ledger] is the same machine behind one mutex, the sequencer: any number of
// goroutines score orders on a [View], which may be a little old, and the sequencer checks their claims again, so a plan
// that lost a race is refused with a [ConflictError] and scored anew.
//
// Counters. available = on hand - held - safety. Of the four only available is dense, since it is what scoring reads;
// held follows from the other three. A grant needs held + safety <= on hand afterwards. A correction of the stock may
// break that; then the ledger says which holds are hit.
//
// Holds. Allocate makes a hold pending. It is then confirmed, released, or it expires; a confirmed one is shipped,
// cancelled, or picked short. Release, Cancel, Ship and ShortPick take all that a hold has left or only items of it, so
// each claim tells what became of its units: shipped and short ones are off what is on hand, returned ones are available
// again. A hold ends when nothing of it is left: as shipped when anything has left, else as released, expired or
// cancelled. The day that a warehouse's part of it was to leave is given back when nothing of that part is left or has
// left. Any other move is a [TransitionError].
//
// Batches. AllocateAll grants many holds or none: claims are checked in sum, and the events are kept all or none, so that a
// crash leaves no part of a batch. AllocateEach grants each for itself and waits for the log once; BeginEach does not wait,
// and lets nobody in between.
//
// Refusals. Decline remembers the answer to an order that could not be filled, under its request id like a hold's, so
// that a request that comes again gets its first answer whichever it was.
//
// Time never runs backwards: a command with an earlier time than one before it is taken to come at the same time.
// What falls due (expiry, inbound receipts) happens before the command that brings the time, in order of its own time.
//
// Durability. A command makes at most one event, besides those of what falls due. A Ledger with a [Log] gives it every
// event in order, and answers when those that the answer tells of are kept. [AppendEvent] and [ReadEvent] are the form in
// which events are kept, [State.Replay] rebuilds a state from them, and [State.Write] and [ReadState] keep a whole state,
// so that not all events have to be. A replayed or read state is the same to the last byte, if it has the same retention:
// when things are forgotten follows from the configuration, which is not part of the state.
//
// Decisions. The event of a hold or a refusal names what was decided on: its [Basis] has the network and the event up to
// which the stock was seen. If [View.Still] said so, the same decision can be made again from the state after that event.
package ledger
