// Package history holds what happened: orders in time order, and the moves of stock beside them. It reads them from JSON
// Lines, CSV and Parquet, checks them whole, and makes histories that did not happen: demand that is larger or smaller, and
// flash sales.
//
// # JSON Lines
//
// One order a line, in the JSON of the API's Order, with when it came and, where it is known, what the buyer paid for the
// goods. Names may be written as promiseDate or as promise_date. A name that is none of these is a fault.
//
//	{"id":"o-1","orderedAt":"2026-11-02T15:04:05Z","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"},
//	 "promiseDate":"2026-11-06","value":"49.90"}
//
//	id           the merchant's name for the order, which no other order of the history has
//	orderedAt    when it came: RFC 3339 with an offset
//	lines        one or more of {"sku", "quantity"}; quantity is 1 or more
//	to           {"postalCode", "country", "point": {"latitude", "longitude"}, "timeZone", "commercial"}
//	promiseDate  the local day at the destination by whose end it must have arrived; or promiseAt, an instant
//	collectAt    the warehouse where the buyer collects it, in place of to
//	services     the only services that may be used
//	value        what the buyer paid for the goods, without shipping: a decimal amount in the network's currency
//
// A move of stock is a line with the member stock:
//
//	{"stock":"inbound","at":"2026-11-02T06:00:00Z","warehouse":"reno","sku":"mug","quantity":500,"due":"2026-11-09T08:00:00Z"}
//
//	stock      adjust: quantity more are on hand, or fewer where it is negative; set: quantity are on hand from now on;
//	           inbound: quantity will be on hand from due on
//	at         when it happened, or was announced
//	warehouse  its id
//	sku        the article
//	quantity   units: 0 or more for set, 1 or more for inbound, any but 0 for adjust
//	due        of inbound: when it will be on hand
//
// # CSV
//
// A header row that names the columns in any order, then one row a line of an order. The rows of one order stand one below
// the other; what holds for the whole order stands in the first of them and may stand in the others.
//
//	order_id      the merchant's name for the order
//	ordered_at    when it came; of a move, when it happened
//	sku           the article
//	quantity      units
//	postal_code, country, latitude, longitude, time_zone, commercial, promise_date, promise_at, collect_at, services, value
//	              as above; commercial is yes or no, services are separated by semicolons
//	event         order, which is what a row is where it is empty or there is no such column; or adjust, set or inbound
//	warehouse     of a move
//	due           of inbound
//
// # Parquet
//
// The columns of CSV, one row a line of an order; columns may be optional, and are flat. Any of them may be text as it
// stands in CSV. Otherwise: quantity is an integer, or a float that is whole; value a decimal, an integer, or a float as
// it prints; latitude and longitude are floats, decimals or integers; commercial is a boolean; promise_date is a date;
// ordered_at, promise_at and due are timestamps in milliseconds, microseconds or nanoseconds. A timestamp that is not
// adjusted to UTC is taken as UTC, and fractions of a second are cut off. A postal code that is a number is a fault: it has
// lost its leading zeros.
//
// # Time order
//
// The rows of a file stand in the order of time, else the row that comes too early is a fault, unless [ReadOptions] says to
// sort. Files are merged by time; of one moment, what is in the earlier file, then in the earlier row, comes first. Moves
// of stock come before the orders of the same moment.
package history
