// Package scenario reads what-if scenarios: short YAML lists of named changes to a network, its orders, its stock and to what
// carriers do; and applies them to what a replay starts from. docs/scenarios.md is the reference of every change.
//
// The order in which changes are written does not matter. They are applied in one fixed order, and two that set the same value
// at the same time are a fault, so a scenario means one thing.
//
// What is not changed is shared: a scenario that leaves the orders alone replays the very History of its base, two that make
// the same network of it share the compiled snapshots, and one without changes is the base.
package scenario
