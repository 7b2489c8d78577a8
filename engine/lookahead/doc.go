// Package lookahead prices what is in stock, and the days of warehouses with a capacity, by what they will be worth to
// the orders still to come.
//
// A [Forecast] says which orders come how often: it is written by hand, or fitted by a [Fitter] from orders that came,
// and kept in files that people read. A [Refresher] turns it, with what is in stock now, into an engine.Prices: package
// solver/ahead samples orders of the forecast and searches the prices, and the engine itself says what each warehouse would
// ship them for (engine.AppendBids), so that nothing here prices a parcel. It also learns: told of the orders that came, it
// corrects how often SKUs, regions and orders on the whole come.
//
// Prices are part of what a decision weighs, never a reason to refuse: they choose where an order is filled, not whether.
// Nothing here reads a clock; the same arguments give the same prices, on any number of cores.
package lookahead
