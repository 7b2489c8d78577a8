// Package engine decides one order: which warehouse, or which few, ship it by which service, so that it arrives when
// promised and costs least.
//
// Engine.Decide is the heart: (snapshot, stock view, order, now) → decision. It does no I/O and reads no clock, and
// the same arguments give the same decision, to the last tie. Serving, batch and what-if all call it. Quote asks it
// for every delivery date that can be promised, and Explain tells for one order what each candidate would have cost
// or what ruled it out.
//
// A stock view may carry Prices: what a unit of stock and a place in a day are worth to orders to come. They are terms of
// every cost that is compared, so that they choose where an order is filled from, and never whether it is.
//
// # How a decision is made fast
//
// What depends only on the network and the destination is worked out once per place and cached (laneRow): zone,
// transit and attributes of every warehouse and service. Places for which all of that is equal, as it mostly is for those
// whose postal codes begin alike, share it. Warehouses that look the same from a place, with equal zones,
// transit, services and working day, form a group; what a content costs to ship is worked out once per group. The
// warehouses of a group then differ in their stock and handling cost only.
//
// An order that could be split is a problem of the solver, which asks for the offers of contents as it needs them. Where
// there are many, the engine writes down as columns what cartons cost instead (columns.go), exactly where it can and at
// least elsewhere, so that large orders too have good plans and bounds that say so. Scratch.Stop gives a decision a time
// budget.
//
// evaluate.go is the slow and obvious statement of what one warehouse and one service cost. Explain is built on it,
// and tests compare Decide with a search over it.
package engine
