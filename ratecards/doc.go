// Package ratecards holds carriers' tariffs: it reads them, validates them whole, compiles them to dense tables and
// prices parcels by them with integers only.
//
// A rate card is one service's prices for a period. It is a YAML file, cards/SERVICE.yaml, and the CSV tables that
// file names, beside it. A service whose prices change has several files, one a period, that name the same service;
// together they are its Tariff, from which the ship date selects.
//
// # An example
//
// This card shows every part of the format; most need a third of it. Source documents each field.
//
//	carrier: FedEx
//	service: fedex_ground                 # the name that joins a card to the network, and its periods to each other
//	name: FedEx Ground
//	currency: USD
//	minor_unit: 0.01                      # prices in tables are multiples of it; default 0.01
//	rounding: each_charge                 # none, total (the default) or each_charge: half-up to the minor unit
//	effective_from: 2026-01-05            # ship dates, both ends included
//	effective_to: 2027-01-03              # without it the card holds until further notice
//	source: {text: "FedEx Service Guide, retail list rates", date: 2026-01-05}
//	zones: {scope: ground}                # which of the chart's scopes to read; default the chart's general one
//	limits: {weight: 150 lb, longest: 108 in, length_plus_girth: 165 in}     # reached is allowed, passed is not
//	refuses: [live_animal]                # parcel flags the service does not carry
//	dimensional:                          # by ship date; the first rule whose period holds the day
//	  - {ship_to: 2025-08-17, divisor: 139 in3/lb, sides: {round: nearest, to: 1 in}, round: {to: 1 lb}}
//	  - {ship_from: 2025-08-18, divisor: 139 in3/lb, sides: {round: up, to: 1 in}, round: {to: 1 lb}}
//	weight_steps:
//	  - {to: 1 lb}                        # the billable weight is rounded up to the next pound
//	structures:                           # the cheapest that is open to the parcel wins
//	  - {name: package, kind: weight, prices: fedex_ground.prices.csv, unit: 1 lb}
//	  - name: small cubic
//	    kind: cubic
//	    prices: fedex_ground.cubic.csv
//	    sides: {round: down, to: 0.25 in}
//	    limits: {weight: 20 lb, longest: 18 in}
//	  - {name: medium box, kind: flat, price: 24.80, when: [{flags: [medium_box]}], limits: {weight: 70 lb}}
//	discount: {percent: 20%, minimum_net: 9.50, assumed: true}
//	fuel: {table: fedex_ground.fuel.csv, on: net}
//	surcharges:
//	  - name: oversize
//	    when:                             # any line may hold; everything in a line must; all thresholds are strict
//	      - {longest_over: 96 in}
//	      - {length_plus_girth_over: 130 in}
//	      - {volume_over: 17280 in3}
//	      - {weight_over: 110 lb}
//	    amount: {by_zone: {"2": 255.00, "3": 275.00, other: 300.00}}
//	    group: handling                   # of a group only the fired one with the highest priority is charged
//	    priority: 40
//	    minimum_billable: 90 lb
//	    fuelable: true
//	  - name: additional_handling_dimensions
//	    when:
//	      - {longest_over: 48 in}
//	      - {second_over: 30 in}
//	      - {volume_over: 10368 in3}
//	    amount: {flat: 29.50}
//	    group: handling
//	    priority: 20
//	    minimum_billable: 40 lb
//	    fuelable: true
//	  - name: delivery_area
//	    when: [{areas: [das]}]            # the destination's attributes, as the network's area lists name them
//	    amount: {flat: 4.45}
//	    fuelable: true
//	  - {name: residential, amount: {flat: 6.45}, fuelable: true}            # no "when": every parcel
//	  - name: heavy_pieces
//	    when: [{weight_over: 50 lb}]
//	    amount: {by_weight: [{not_over: 70 lb, amount: 2.00}, {amount: 3.50}]}   # bands of the billable weight
//	  - name: declared_value
//	    when: [{value_over: 100.00}]
//	    amount: {percent_of_value: 1%, minimum: 3.90}
//	  - name: peak_residential
//	    depends_on: [residential]         # only when one of these is charged
//	    windows: [{from: 2026-10-26, to: 2027-01-17}]
//	    amount: {flat: 0.55}
//	    assumed: true                     # no source at hand gives this figure
//	tax: {percent: 0%}
//
// fedex_ground.prices.csv, the table of a weight structure. Every column but not_over and basis is a zone:
//
//	not_over,basis,2,3,17
//	1 lb,,13.85,14.41,56.00
//	2 lb,,14.92,15.88,
//	150 lb,,120.40,140.15,
//	,beyond,0.95,1.10,
//
// A row is a step "not over": its prices hold above the row before and up to its own weight. An empty cell means
// that the service does not go there. basis says what the figures are:
//
//	(empty)   the price of the parcel
//	per_unit  the price of each started unit of the billable weight, all of it
//	beyond    the price of each started unit above the row before, added to that row's price
//	minimum   no step of its own: the least charge of the per_unit row that follows
//
// The last row may leave not_over empty where basis is per_unit or beyond: it then has no upper end. A zone column
// named "any" holds for every zone that has no column of its own. A cubic structure's not_over is a volume ("0.1 ft3");
// a flat structure's table has one row and no not_over.
//
// fedex_ground.fuel.csv, the fuel percentage by ship date, both ends included; without a gap. An empty "to" in the
// last row means until further notice:
//
//	from,to,percent,assumed
//	2026-01-05,2026-01-11,18.00%,no
//	2026-01-12,,18.25%,yes
//
// # Rating order
//
// Eligibility by the limits; exact units; the sides are rounded; dimensional weight; base surcharges, of each exclusive
// group the highest; the billable weight is raised to their minimum; base price by the cheapest structure open to
// the parcel; discount; minimum net charge; dependent surcharges; fuel on the fuelable part; tax; rounding half-up to
// the minor unit. Card.Rate is that list, step by step. Card.Prepare and Prepared.Total are its fast twin.
package ratecards
