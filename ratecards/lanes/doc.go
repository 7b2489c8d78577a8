// Package lanes knows what lies between an origin and a destination: the zone a carrier's chart gives the pair, the
// attributes a carrier's delivery-area lists give the destination, and the days a service takes. Tables are read from
// CSV, compiled once, and answer with two or three array loads and no allocation.
//
// # Zones
//
// A zone belongs to an origin and a destination; it is not symmetric and it is no distance. A chart is a CSV:
//
//	# effective: 2024-04-01
//	# source: USPS zone chart of origin 070
//	origin,destination,zone,scope,notes
//	070,006-009,7,,
//	070,100,1,,*
//	070,09000-09999,5,Priority Mail service,
//	070,96900-96938,8,,
//
// origin and destination are a postal code, the beginning of one, a range of either ("006-009": both ends included and
// of equal length), or * for every code. Blanks within a code do not matter; a hyphen divides a range, so codes that
// have one are written without it. zone is the carrier's name for it, up to 16 bytes; - says outright that the pair is
// not served. scope names the service, in the carrier's words, that the row holds for; empty, it holds for all. notes
// keeps the marks of the published chart and changes nothing. Two more columns, origin_country and country (of the
// destination), are ISO 3166 codes and default to US; the postal areas of the territories (PR, VI, GU, AS, MP, FM,
// MH, PW) count as the US codes they are. The two note lines at the top are optional and say what the chart is.
//
// Where several rows hold for a pair, the one with the longest origin wins, then the longest destination, then one
// with a scope over one without: the chart drawn for a nearer area wins whole, and in it a 5-digit exception wins over
// a 3-digit range. Two rows that are alike in all three and give different zones contradict each other, which is a
// fault. A pair with no row is not served. It never takes a default, and once a chart covers an origin no distance
// rule stands in for its gaps; see ZoneSet.Resolve.
//
// # Delivery areas
//
// A list gives destinations attributes, which surcharges then ask for:
//
//	# effective: 2026-01-05
//	postal,attributes,residential,commercial
//	01002,,das,das
//	99501-99950,alaska,,
//
// postal is written as in a chart and country may be added. Attributes are divided by blanks or semicolons. Those of
// the columns residential and commercial hold for that kind of address only and are named residential_das and
// commercial_das. A destination has the attributes of every row that covers it. One Areas has at most 32.
//
// # Transit
//
// Days in transit come by origin and destination, by zone, or for a whole service, each a number or a histogram:
//
//	origin,destination,zone,scope,days
//	43,10000-14999,,ground,2
//	,,8,ground,4
//	,,,2day,2:9600 3:350 4:50
//
// A histogram is written days:parts, in parts per 10,000 that sum to 10,000. A row has either both origin and
// destination, or a zone, or neither. Rows with the service's scope win over rows without one; among rows alike in
// that, one for the pair wins over one for its zone and that over one for all; among rows for pairs the rules of charts
// hold. Where no row holds the transit is unknown and no promise can be made. What a day is, the carrier's linehaul
// calendar says.
package lanes
