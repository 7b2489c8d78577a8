// Package network reads a merchant's network from a directory, validates it whole and compiles it to a Snapshot, which
// the engine decides against.
//
// A network goes through three shapes. Its files (docs/network.md in the repository describes each) become a Source,
// the same thing as Go structs, which a program may also build in code; a Source becomes a Snapshot: names resolved to
// rows, calendars, charts, transit tables and rate cards compiled, working days shared by the warehouses that run
// alike. Load does both, Check does both to tell what is wrong, Read and Compile do one each.
//
// Nothing stops at the first fault. Each names its file, row and column and says what to do about it, and what only
// follows from another fault is left out. A network with faults has no Snapshot.
//
// A Snapshot may follow another (see Rows): positions in its columns then stay what they were, so that stock counted
// by them stays valid while the network changes under it.
package network
