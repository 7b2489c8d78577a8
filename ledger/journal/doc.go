// Package journal keeps the records of a ledger so that they outlive the process: an ordered sequence of byte strings,
// appended in groups that are durable all or none, and chained by hashes so that damage shows.
//
// It knows nothing of what the records mean. [Journal] is the interface, narrow enough for an embedded store, a database
// or a replicated stream; [Memory] is its plain specification, which forgets everything when the process ends. Package
// journaltest holds the suite that every implementation passes. A [Committer] turns the records of many goroutines into
// few groups.
//
// Chain. The hash after a group is SHA-256 over its encoding, which holds the hash before it: see [AppendGroup].
// Whoever has verified the hash at one place can verify everything after it; a snapshot carries the hash of its place.
//
// Fencing. [Journal.Begin] hands out epochs, each larger than all before. Every change names the epoch of its author and
// is refused with [ErrFenced] once a newer one began, so that a writer that was replaced cannot write any more.
package journal
