// Package audit learns from delivered shipments what carriers really do: what share of a carrier's, a service's and a lane's
// shipments came late, was lost or damaged, with confidence intervals, and how many days they took, in the form of a
// network's own transit tables, so that tomorrow's promises rest on what happened.
//
// # Shipments
//
// CSV or Parquet, one row a shipment, with these columns in any order:
//
//	carrier         required: who carried it
//	service         required: by which service; with a network, the ids of its carriers and services
//	from, to        required: postal codes
//	from_country, to_country  ISO 3166-1 alpha-2, default US
//	ship_date       required: the day at the warehouse on which it left
//	planned_date    the day on which it was to be there; a shipment without one is neither late nor in time
//	delivered_date  the day on which it was there; empty where it never came
//	lost            yes of one that never came
//	damaged         yes where it, or part of it, came broken
//
// In Parquet, days are dates, timestamps or text, and lost and damaged are booleans or text. A shipment that is still on its way has
// no place in the file: neither delivered nor lost is a fault.
//
// # Lanes
//
// With a network, a lane is where a shipment came from, by the first three characters of the postal code, and the zone that the
// service's chart or distance rule gives the pair: what the service's transit table asks for. Without one, it goes to
// a state or province instead, or to the first three characters where no state is known.
//
// # Shares
//
// Late is of the delivered ones with a planned day; lost and damaged are of all. The interval is Wilson's, at 95 %: it
// holds for few shipments and for shares near 0, where the usual one does not. Source: E. B. Wilson, "Probable inference, the
// law of succession, and statistical inference", Journal of the American Statistical Association 22 (1927), 209-212.
//
// # Transit tables
//
// Days in transit are counted as the network counts them: on the service's linehaul calendar, and where its delivery calendar let a
// parcel wait, the fewest days that explain the day of delivery. Without a network all days count. Lost shipments took no
// days; more than 90 count as 90.
//
// A row is written where at least [Options].MinShipments were delivered, 30 by default. Its histogram is (n + k p)/(N + k):
// n of the lane's N shipments took so many days, k is [Options].Prior, 20 by default, and p is what is known without the lane:
// the network's own histogram for it or, without one, that of all shipments of the service. So a lane of few shipments stays
// near what was known, and no single parcel makes a promise. What has too few shipments keeps the row that the network has.
package audit
