// Package durable keeps a ledger in a journal, so that what it answered outlives the process.
//
// The records of the journal are the ledger's events, and have the same numbers. [Open] rebuilds the state from the
// newest snapshot that reads back and the records behind it, and connects the ledger to the journal: no answer is given
// before everything it tells is durable. A failure to write is final. From then on every command gets an error, and the
// process is to stop; what was answered before is found again by the next Open.
//
// Snapshots bound the time of a restart. A snapshot is made beside the live ledger, which never waits for it: the state is
// read back from the last snapshot, the records since are applied to it, and the result is written. So it costs the memory
// of a second state while it is made, and shows in passing that what is on disk still reads. Old records are dropped only
// behind a snapshot that was read back.
//
// [History] is what can be read of the past: events, the state as it was after any of them, and the networks that decisions
// were made with. [Verify] checks everything a journal holds, and [Dump] and [Restore] carry it elsewhere as text.
package durable
