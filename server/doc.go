// Package server answers the calls of the allot.v1 contract: it decides orders with the engine, holds their stock in
// the ledger, and serves one network until another is put in its place.
//
// One [Server] implements the four services. grpc-go calls it on one port. On a second port connectrpc calls the same
// methods for curl and browsers: JSON, gRPC-Web and the Connect protocol. One port for all would cost gRPC two thirds
// of its calls a second. Nothing depends on the port: the same request gets the same answer or the same error.
//
// What a call reads, it reads through one atomic pointer: the engine with its snapshot, and the scratch memory that
// belongs to them. Loading a network builds a new one aside and swaps the pointer. Calls in flight end on the old one.
//
// Allocate scores on counters that other calls are changing, and then claims in the ledger, where claims are checked
// one after the other. A plan that lost its stock in between is scored again, a number of times, before the call gives up
// with ABORTED. So is one whose stock changed while it was scored: every decision is recorded with the number of the event
// whose stock it surely saw, so that [Replay] can make it again, byte for byte.
//
// With a durable.Store nothing is answered before it is on disk, and watches read what is there. When the disk fails, the
// server ends.
//
// Errors become codes in one function, statusOf.
package server
