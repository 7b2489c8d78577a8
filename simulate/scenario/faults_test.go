package scenario

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const says = "write one of close, reopen, open, copy, cutoff, processing, capacity, workdays, holidays, carriers, costs, rates, fuel, peak, drop_service, drop_carrier, add_service, delay, lose, demand, flash_sale, move_stock, rebalance, policy"

// TestReadListsEveryFault: what is wrong with the text by itself, each with its place.
func TestReadListsEveryFault(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{`s.yaml:1:1: the file is empty; fill it in`}},
		{"changes: []", []string{`s.yaml:1:1 name: the scenario has no name; write name: and what people call the scenario`}},
		{"name: x\nchanges: 3", []string{`s.yaml:2:10 changes: a list of changes belongs here; write a list, each change with a dash before it`}},
		{"name: x\nchang: []", []string{`s.yaml:2:1 chang: unknown key "chang"; did you mean "changes"?`}},
		{"name: x\nchanges:\n  - clos: reno\n", []string{`s.yaml:3:5 changes[0].clos: unknown key "clos"; did you mean "close"?`}},
		{"name: x\nchanges:\n  - from: 2026-12-01\n", []string{"s.yaml:3:5 changes[0]: the change says nothing; " + says}},
		{"name: x\nchanges:\n  -\n  - close: a\n", []string{"s.yaml:3:3 changes[0]: a change is empty; leave it out"}},
		{"name: x\nchanges:\n  - close: reno\n    open: {warehouse: b}\n", []string{"s.yaml:4:11 changes[0].open: one change both close and open; write each as a change of its own"}},
		{"name: x\nchanges:\n  - close: reno\n    from: 2026-13-01\n", []string{`s.yaml:4:11 changes[0].from: "2026-13-01" is no date; write an existing day as yyyy-mm-dd`}},
		{"name: x\nchanges:\n  - close: reno\n    from: 2026-12-01T00:00\n", []string{`s.yaml:4:11 changes[0].from: "2026-12-01T00:00" is no instant; write RFC 3339 with an offset, as 2026-11-27T14:00:00-05:00`}},
		{"name: x\nchanges:\n  - close: reno\n    from: 2026-12-02\n    until: 2026-12-01\n", []string{"s.yaml:5:12 changes[0].until: it ends before it begins; put the earlier one first"}},
		{"name: x\nchanges:\n  - cutoff: {warehouse: reno, at: \"25:00\", form: 2026-12-01}\n", []string{
			`s.yaml:3:35 changes[0].cutoff.at: "25:00" is no time of day: out of range; write hh:mm, as 14:00`,
			`s.yaml:3:44 changes[0].cutoff.form: unknown key "form"; did you mean "from"?`,
		}},
		{"name: x\nchanges:\n  - cutoff: {warehouse: reno, at: \"15:00\", from: 2026-12-01}\n    from: 2026-12-01\n", []string{"s.yaml:4:11 changes[0].from: from stands twice in one change; leave one of the two out"}},
		{"name: x\nchanges:\n  - rates: {scale: 6%}\n  - rates: {scale: 6}\n  - rates: {scale: -101%}\n  - fuel: {add: 2%}\n  - copy: {warehouse: reno, as: b, stock: half}\n  - cutoff: {warehouse: a, by: 1d}\n  - capacity: {warehouse: a, set: 0}\n  - processing: {warehouse: a, hours: -1}\n", []string{
			`s.yaml:3:20 changes[0].rates.scale: "6%" is no change; write "+6%" for that much more, or "-94%" for 6% of it`,
			`s.yaml:4:20 changes[1].rates.scale: "6" is no change; write "+6%" or "-3%", or "106%" of what it was`,
			`s.yaml:5:20 changes[2].rates.scale: "-101%" is no change: out of range; write "-100%" to "+9900%"`,
			`s.yaml:6:17 changes[3].fuel.add: "2%" is no change in percentage points; write 2pp or -1.5pp`,
			`s.yaml:7:43 changes[4].copy.stock: "half" is no stock; write none, copy, or as "share 50%"`,
			`s.yaml:8:32 changes[5].cutoff.by: "1d" is no time to move it by; write +2h, -30m or 1h30m, within a day`,
			`s.yaml:9:35 changes[6].capacity.set: "0" is no number a day; write a number from 1, or none for no limit`,
			`s.yaml:10:39 changes[7].processing.hours: "-1" is no time; write hours as 4 or 1.5, in whole minutes, up to 1440`,
		}},
		{"name: x\nchanges:\n  - rates: {scale: $rates}\n  - rates: {scale: $rate}\nsweep:\n  rates: [+1%, 3%]\n  a: [b, c]\n  b:\n  c: {x: 3}\n  d: []\n  d e: [1]\n  e: {x: [{close: reno, opne: y}]}\n  f: [1, 1]\n", []string{
			`s.yaml:4:20 changes[1].rates.scale: nothing says what "$rate" stands for; did you mean "$rates"?`,
			`s.yaml:6:16 changes[0].rates.scale: "3%" is no change; write "+3%" for that much more, or "-97%" for 3% of it`,
			`s.yaml:7:6 sweep.a: no change uses $a; write $a where the value goes; or, in place of the list, each option with its changes, as {open: [], closed: [{close: reno}]}`,
			`s.yaml:8:5 sweep.b: nothing to vary; write values, as [+0%, +3%], or options with their changes, as {open: [], closed: [{close: reno}]}`,
			`s.yaml:9:10 sweep.c.x: a list of changes belongs here; write a list of changes, as [{close: reno}], or [] for none`,
			`s.yaml:10:6 sweep.d: there is no option; write two options or more`,
			`s.yaml:11:8 sweep.d e: "d e" is no name for what a sweep varies; write letters, digits, - and _, as rates`,
			`s.yaml:12:25 sweep.e.x[0].opne: unknown key "opne"; did you mean "open"?`,
			`s.yaml:13:6 sweep.f: no change uses $f; write $f where the value goes; or, in place of the list, each option with its changes, as {open: [], closed: [{close: reno}]}`,
			`s.yaml:13:10 sweep.f[1]: "1" stands twice; leave one of the two out`,
		}},
		{"name: x\nsweep:\n" + wide(4, 6), []string{"s.yaml:3:3 sweep: the sweep has more than 1000 runs; leave options out; at most 1000 runs"}},
	} {
		_, err := Read("s.yaml", []byte(c.text))
		if got := told(t, err); !slices.Equal(got, c.want) {
			t.Errorf("%s\ngot\n  %s\nwant\n  %s", c.text, strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

// wide returns axes of some options each.
func wide(axes, options int) string {
	var b strings.Builder
	for i := range axes {
		b.WriteString("  axis" + string(rune('a'+i)) + ":\n")
		for j := range options {
			b.WriteString("    o" + string(rune('a'+j)) + ": []\n")
		}
	}
	return b.String()
}

const twice = "leave one of the two out, or give them times that do not overlap"

// TestCheckListsEveryFault: what contradicts itself or the base, each with its place. The first change is in line 3.
func TestCheckListsEveryFault(t *testing.T) {
	b := smallBase(t)
	for _, c := range []struct {
		changes string
		want    []string
	}{
		// Names that do not exist.
		{"  - close: rneo\n", []string{`s.yaml:3:12 changes[0].close: unknown warehouse "rneo"; did you mean "reno"?`}},
		{"  - close: [reno, colombus]\n", []string{`s.yaml:3:19 changes[0].close[1]: unknown warehouse "colombus"; did you mean "columbus"?`}},
		{"  - close: [reno, reno]\n", []string{`s.yaml:3:19 changes[0].close[1]: "reno" stands twice; leave one of the two out`}},
		{"  - cutoff: {at: 12:00}\n", []string{`s.yaml:3:13 changes[0].cutoff.warehouse: the warehouse is missing; name one or more`}},
		{"  - rates: {service: usps-grond, scale: +1%}\n", []string{`s.yaml:3:22 changes[0].rates.service: unknown service "usps-grond"; did you mean "usps-ground"?`}},
		{"  - fuel: {carrier: fdex, add: 1pp}\n", []string{`s.yaml:3:21 changes[0].fuel.carrier: unknown carrier "fdex"; did you mean "fedex"?`}},
		{"  - carriers: {warehouse: reno, add: dhl}\n", []string{`s.yaml:3:38 changes[0].carriers.add: unknown carrier "dhl"; the carriers are bolt, counter, fedex, usps`}},
		{"  - holidays: {warehouse: reno, set: usa}\n", []string{`s.yaml:3:38 changes[0].holidays.set: unknown holiday list "usa"; did you mean "us"?`}},
		{"  - demand: {scale: 120%, region: CX, sku: mgu}\n", []string{
			`s.yaml:3:35 changes[0].demand.region: unknown region "CX"; did you mean "CA"?`,
			`s.yaml:3:44 changes[0].demand.sku: unknown SKU "mgu"; did you mean "mug"?`,
		}},
		{"  - demand: {scale: 120%, postal: 00000, sku: lamp-*}\n", []string{
			`s.yaml:3:35 changes[0].demand.postal: no place has a postal code that begins with "00000"; write the beginning of a postal code, as 90 or 10001`,
			`s.yaml:3:47 changes[0].demand.sku: no SKU matches "lamp-*"; check it against skus.csv`,
		}},
		{"  - demand: {scale: 120%, sku: \"mug[\"}\n", []string{`s.yaml:3:32 changes[0].demand.sku: "mug[" is no pattern; write * for any text and ? for one character, and \ before a [`}},
		{"  - move_stock: {from: reno, to: renno, units: 1}\n", []string{`s.yaml:3:34 changes[0].move_stock.to: unknown warehouse "renno"; did you mean "reno"?`}},
		{"  - open: {warehouse: b, postal_code: \"89502\", stock: {rows: [{sku: mugg, on_hand: 1}]}}\n", []string{`s.yaml:3:69 changes[0].open.stock.rows[0].sku: unknown SKU "mugg"; did you mean "mug"?`}},
		{"  - drop_service: [pickup, pick]\n", []string{`s.yaml:3:28 changes[0].drop_service[1]: unknown service "pick"; did you mean "pickup"?`}},
		{"  - add_service: {id: s, carrier: ups}\n", []string{`s.yaml:3:35 changes[0].add_service.carrier: unknown carrier "ups"; did you mean "usps"?`}},
		{"  - copy: {warehouse: ren, as: b, stock: none, classes: fragil}\n", []string{
			`s.yaml:3:23 changes[0].copy.warehouse: unknown warehouse "ren"; did you mean "reno"?`,
			`s.yaml:3:57 changes[0].copy.classes: unknown class "fragil"; did you mean "fragile"?`,
		}},

		// What does not say enough, or too much.
		{"  - cutoff: {warehouse: reno}\n", []string{`s.yaml:3:13 changes[0].cutoff: it does not say what is to become of it; write at or by`}},
		{"  - cutoff: {warehouse: reno, at: 12:00, by: 1h}\n", []string{`s.yaml:3:13 changes[0].cutoff: it says 2 times what is to become of it; leave one of the two out`}},
		{"  - cutoff: {warehouse: reno, by: 10h}\n", []string{`s.yaml:3:35 changes[0].cutoff.by: the cut-off of reno would leave its day; keep it within the day`}},
		{"  - capacity: {set: 4}\n", []string{`s.yaml:3:15 changes[0].capacity: a capacity is that of a warehouse or that of a service; write warehouse: or service:`}},
		{"  - capacity: {warehouse: columbus, scale: +10%}\n", []string{`s.yaml:3:27 changes[0].capacity.warehouse: columbus has no limit that can be scaled; write set: with a number`}},
		{"  - workdays: {warehouse: columbus, set: none}\n", []string{`s.yaml:3:42 changes[0].workdays.set: the warehouse never works; write days as mon-sat, or close the warehouse`}},
		{"  - costs: {warehouse: reno}\n", []string{`s.yaml:3:12 changes[0].costs: it changes nothing; write per_order, per_line, per_unit or per_kg`}},
		{"  - costs: {warehouse: reno, per_order: -1.00}\n", []string{`s.yaml:3:41 changes[0].costs.per_order: -1.00 is out of range; write an amount from 0 to 1000000.00`}},
		{"  - carriers: {warehouse: reno, add: usps, drop: counter}\n", []string{
			`s.yaml:3:38 changes[0].carriers.add: usps collects at reno as it is; leave it out`,
			`s.yaml:3:50 changes[0].carriers.drop: counter does not collect at reno as it is; leave it out`,
		}},
		{"  - reopen: reno\n", []string{`s.yaml:3:13 changes[0].reopen: the network does not have "reno" closed; leave it out`}},
		{"  - open: {warehouse: b}\n", []string{`s.yaml:3:11 changes[0].open.postal_code: nothing says where the warehouse is; write its postal code, or lat and lng`}},
		{"  - open: {warehouse: b, lat: 40, stock: {copy_of: reno, share_of: reno}}\n", []string{
			`s.yaml:3:31 changes[0].open.lat: lat and lng stand one without the other; give both, or a postal_code`,
			`s.yaml:3:42 changes[0].open.stock: the stock is said in 2 ways; write one of copy_of, share_of with share, and rows`,
			`s.yaml:3:42 changes[0].open.stock.share: 0% is no share to take; write share_of: WAREHOUSE and share: 50%`,
		}},
		{"  - copy: {warehouse: reno, as: b}\n", []string{`s.yaml:3:11 changes[0].copy.stock: nothing says what stock it has; write copy, none, or "share 50%" of what the other has`}},
		{"  - rates: {service: pickup, carrier: usps, scale: +1%}\n", []string{`s.yaml:3:39 changes[0].rates.carrier: it is for services and for carriers; leave one of the two out`}},
		{"  - rates: {scale: +1%, only: bse}\n", []string{`s.yaml:3:31 changes[0].rates.only: unknown part "bse"; did you mean "base"?`}},
		{"  - rates: {service: pickup, scale: +1%}\n", []string{`s.yaml:3:22 changes[0].rates.service: none of the services has a rate card; name others, or leave the change out`}},
		{"  - rates: {carrier: usps, replace: flat.yaml}\n", []string{`s.yaml:3:37 changes[0].rates.replace: cards are of one service; write service: with the one service that the cards are for`}},
		{"  - rates: {service: usps-ground, replace: [none.yaml, ../x.yaml, broken.yaml]}\n", []string{
			`s.yaml:3:45 changes[0].rates.replace[0]: none.yaml: the file cannot be read: file does not exist; did you mean "yen.yaml"?`,
			`s.yaml:3:56 changes[0].rates.replace[1]: ../x.yaml: "../x.yaml" leads elsewhere; write a path below the scenario's directory, as cards/economy.yaml`,
			`s.yaml:3:67 changes[0].rates.replace[2]: broken.yaml:6:13 structures: the card has no structures; give at least one way to price a parcel`,
		}},
		{"  - rates: {scale: +1%, from: 2026-12-01T00:00:00Z}\n", []string{`s.yaml:3:31 changes[0].rates.from: ship dates are days, and 2026-12-01T00:00:00Z is a moment; write a date, as 2026-12-01`}},
		{"  - fuel: {service: usps-ground, add: 1pp}\n", []string{`s.yaml:3:21 changes[0].fuel.service: none of the services has a card with fuel; name others, or leave the change out`}},
		{"  - fuel: {carrier: fedex, add: -30pp}\n", []string{`s.yaml:3:11 changes[0].fuel: with it the network cannot be used: it would make a fuel of -12%; change it by less`}},
		{"  - peak: {carrier: fedex}\n", []string{`s.yaml:3:11 changes[0].peak: it changes nothing; write from: with the first day of the peak, or until: with its last`}},
		{"  - peak: {carrier: fedex, from: 2026-11-01}\n", []string{`s.yaml:3:21 changes[0].peak.carrier: none of the services has a surcharge whose dates it would move; name others, or leave the change out`}},
		{"  - delay: {carrier: usps, days: 0}\n", []string{
			`s.yaml:3:12 changes[0].delay.known: nothing says whether it is known; write known: yes where promises reckon with it, known: no where it surprises`,
			`s.yaml:3:34 changes[0].delay.days: 0 days are no delay; write 1 to 60`,
		}},
		{"  - delay: {carrier: usps, days: 1, known: yes, warehouse: reno}\n", []string{`s.yaml:3:60 changes[0].delay.warehouse: transit tables are for all warehouses; leave it out, or write known: no`}},
		{"  - lose: {carrier: usps}\n", []string{`s.yaml:3:11 changes[0].lose.share: 0% is no share to lose; write 0.01% to 100%`}},
		{"  - demand: {region: NV}\n", []string{`s.yaml:3:13 changes[0].demand: it does not say what is to become of it; write scale`}},
		{"  - flash_sale: {sku: mug, orders: 0, units: 0}\n", []string{
			`s.yaml:3:17 changes[0].flash_sale: nothing says when the sale is; write from: and until:`,
			`s.yaml:3:36 changes[0].flash_sale.orders: 0 orders are out of range; write 1 to 10000000`,
			`s.yaml:3:46 changes[0].flash_sale.units: 0 units are out of range; write 1 to 1000000`,
		}},
		{"  - flash_sale: {sku: mug, orders: 3, region: CA, from: 2026-12-01, until: 2026-12-01}\n", []string{
			`s.yaml:3:17 changes[0].flash_sale: no order goes there, so nobody knows where those of the sale would go; name a region to which something goes`,
		}},
		{"  - move_stock: {from: reno, to: reno}\n", []string{
			`s.yaml:3:17 changes[0].move_stock: nothing says how much is moved; write units: or share:`,
			`s.yaml:3:34 changes[0].move_stock.to: it moves from reno to itself; name another`,
		}},
		{"  - move_stock: {from: reno, to: columbus, sku: mug, units: 121}\n", []string{`s.yaml:3:17 changes[0].move_stock: more is moved than there is: reno has 120 of mug; move less, or write share:`}},
		{"  - move_stock: {from: reno, to: columbus, sku: mug, units: 61}\n  - move_stock: {from: reno, to: soho, sku: mug, share: 50%}\n", []string{
			`s.yaml:4:17 changes[1].move_stock: more is moved than there is: reno has 120 of mug; move less, or write share:`,
		}},
		{"  - move_stock: {from: reno, to: columbus, sku: sticker, share: 10%}\n", []string{`s.yaml:3:17 changes[0].move_stock: reno has nothing that could be moved; check stock.csv`}},
		{"  - move_stock: {from: reno, to: columbus, units: 1, at: 2026-12-01T00:00:00Z}\n    from: 2026-12-01\n", []string{
			`s.yaml:3:58 changes[0].move_stock.at: stock comes on a day, and 2026-12-01T00:00:00Z is a moment; write a date, as 2026-12-01`,
			`s.yaml:4:11 changes[0].from: stock is moved once, not for a time; write at: with the day it is there`,
		}},
		{"  - rebalance: {sku: mug, by: demnad}\n  - rebalance: {sku: \"m*\", by: equal}\n", []string{
			`s.yaml:3:31 changes[0].rebalance.by: unknown way "demnad"; did you mean "demand"?`,
			`s.yaml:4:16 changes[1].rebalance: mug is shared out by rebalance in line 3 too; ` + twice,
		}},
		{"  - rebalance: {sku: sticker, by: equal}\n", []string{`s.yaml:3:16 changes[0].rebalance: no two warehouses have what is to be shared out; name the warehouses`}},
		{"  - policy: {max_shipments: 0}\n", []string{`s.yaml:3:29 changes[0].policy.max_shipments: 0 is out of range; write a number from 1`}},
		{"  - policy: {from: 2026-12-01}\n", []string{`s.yaml:3:13 changes[0].policy: it changes nothing; write policy values as network.yaml has them`}},

		// Contradictions.
		{"  - close: reno\n  - close: reno\n    from: 2026-12-01\n  - cutoff: {warehouse: reno, at: 12:00, from: 2026-12-01}\n", []string{
			"s.yaml:4:12 changes[1].close: reno is closed by close in line 3 too; " + twice,
			"s.yaml:6:25 changes[2].cutoff.warehouse: reno is closed all that time by close in line 3; leave one of the two out",
		}},
		{"  - cutoff: {warehouse: reno, at: 12:00, until: 2026-12-05}\n  - cutoff: {warehouse: [reno, columbus], at: 13:00, from: 2026-12-05}\n", []string{
			"s.yaml:4:26 changes[1].cutoff.warehouse[0]: the cutoff of reno is changed by cutoff in line 3 too; " + twice,
		}},
		{"  - cutoff: {warehouse: reno, at: 12:00, until: 2026-12-04}\n  - cutoff: {warehouse: [reno, columbus], at: 13:00, from: 2026-12-05}\n", nil},
		{"  - costs: {warehouse: reno, per_order: 1.00}\n  - costs: {warehouse: reno, per_line: 1.00}\n  - costs: {warehouse: reno, per_order: +1%}\n", []string{
			"s.yaml:5:24 changes[2].costs.warehouse: the cost order of reno is changed by costs in line 3 too; " + twice,
		}},
		{"  - open: {warehouse: reno, postal_code: \"89502\"}\n  - open: {warehouse: b, postal_code: \"89502\"}\n  - copy: {warehouse: b, as: c, stock: none}\n  - copy: {warehouse: reno, as: b, stock: none}\n", []string{
			`s.yaml:3:23 changes[0].open.warehouse: the network has a warehouse "reno"; give it an id of its own; other operations change what the network has, and reopen opens what it has closed`,
			`s.yaml:5:23 changes[2].copy.warehouse: "b" is only opened by open in line 4; name one that the network has`,
			`s.yaml:6:33 changes[3].copy.as: open in line 4 opens "b" too; give each an id of its own`,
		}},
		{"  - copy: {warehouse: reno, as: b, stock: share 60%}\n  - copy: {warehouse: reno, as: c, stock: share 50%}\n", []string{
			`s.yaml:4:43 changes[1].copy.stock: more than 100% of the stock of reno is given away; share less, or copy the stock`,
		}},
		{"  - add_service: {id: pickup, carrier: counter}\n  - add_service: {id: s, carrier: usps, carrier_name: US Mail}\n", []string{
			`s.yaml:3:23 changes[0].add_service.id: the network has a service "pickup"; give it an id of its own, or write rates with replace`,
			`s.yaml:4:55 changes[1].add_service.carrier_name: the network has a carrier "usps"; leave it out, or give the new carrier an id of its own`,
		}},
		{"  - drop_service: usps-ground\n  - capacity: {service: usps-ground, set: 5}\n  - drop_carrier: usps\n", []string{
			`s.yaml:4:25 changes[1].capacity.service: usps-ground is dropped all that time by drop_service in line 3; leave one of the two out`,
			`s.yaml:5:19 changes[2].drop_carrier: usps-ground is dropped by drop_service in line 3 too; ` + twice,
		}},
		{"  - fuel: {carrier: fedex, set: 10%}\n  - fuel: {add: 1pp, from: 2026-12-01}\n", []string{
			`s.yaml:4:11 changes[1].fuel: the fuel of fedex-ground is changed by fuel in line 3 too; ` + twice,
		}},
		{"  - policy: {split_cost: 1.00}\n  - policy: {split_cost: 2.00, max_shipments: 2}\n", []string{
			`s.yaml:4:26 changes[1].policy.split_cost: split_cost is set by policy in line 3 too; ` + twice,
		}},

		// Networks that cannot be used: the change is named that makes them so.
		{"  - close: reno\n  - open: {warehouse: b, postal_code: \"00000\", from: 2026-12-01}\n  - policy: {split_cost: 2.00}\n", []string{
			`s.yaml:4:11 changes[1].open: with it the network cannot be used: warehouses.csv postal_code: no place of US has the postal code "00000"; write one that exists, or lat and lng beside it`,
		}},
		{"  - close: reno\n  - policy: {max_shipments: 30}\n  - drop_service: pickup\n", []string{
			`s.yaml:4:13 changes[1].policy: with it the network cannot be used: network.yaml policy.max_shipments: 30 is out of range; write a number from 1 to 16`,
		}},
		{"  - rates: {service: usps-ground, replace: yen.yaml}\n", []string{
			`s.yaml:3:12 changes[0].rates: with it the network cannot be used: yen.yaml currency: the card is in "JPY" and the network in "USD", and more; write the card in the network's currency`,
		}},
		{"  - drop_carrier: [usps, fedex, bolt, counter]\n", []string{
			`s.yaml:3:19 changes[0].drop_carrier: with it the network cannot be used: no service is left; leave one`,
		}},
		{"  - carriers: {warehouse: reno, drop: [usps, fedex, bolt]}\n", []string{
			`s.yaml:3:15 changes[0].carriers: with it the network cannot be used: no carrier is left at reno; close the warehouse instead`,
		}},
	} {
		_, err := read(t, c.changes).Check(b)
		if got := told(t, err); !slices.Equal(got, c.want) {
			t.Errorf("%s\ngot\n  %s\nwant\n  %s", c.changes, strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
		// Apply refuses what Check does, and the other way round.
		if _, aerr := only(t, c.changes).Apply(b); (aerr == nil) != (err == nil) {
			t.Errorf("%s\nApply: %v\nCheck: %v", c.changes, aerr, err)
		}
	}
}

// TestWarnings: what can be applied and most do not mean.
func TestWarnings(t *testing.T) {
	b := smallBase(t)
	for _, c := range []struct {
		changes string
		want    []string
	}{
		{"  - close: reno\n    from: 2026-12-20\n", nil},
		{"  - close: reno\n    from: 2027-01-01\n", []string{"s.yaml:4:11 changes[0].from: 2027-01-01 is after all orders: orders and moves of stock are from 2026-11-20 to 2026-12-23; check the date"}},
		{"  - close: reno\n    until: 2026-11-19\n", []string{"s.yaml:4:12 changes[0].until: 2026-11-19 is before all orders: orders and moves of stock are from 2026-11-20 to 2026-12-23; check the date"}},
		{"  - rates: {scale: +1%, from: 2027-01-01}\n", nil}, // what is ordered in December may ship then
		{"  - rates: {scale: +1%, from: 2027-06-01}\n", []string{"s.yaml:3:31 changes[0].rates.from: 2027-06-01 is after all orders: orders and moves of stock are from 2026-11-20 to 2026-12-23; check the date"}},
		{"  - demand: {scale: +1%, region: TX}\n", []string{"s.yaml:3:13 changes[0].demand: no order of the history matches, and nothing changes; check what it chooses"}},
		{"  - move_stock: {from: reno, to: soho, sku: mug, units: 1, at: 2027-01-01}\n", []string{"s.yaml:3:64 changes[0].move_stock.at: 2027-01-01 is after all orders: orders and moves of stock are from 2026-11-20 to 2026-12-23; check the date"}},
	} {
		warnings, err := read(t, c.changes).Check(b)
		if err != nil {
			t.Error(err)
		}
		var got []string
		for _, f := range warnings {
			got = append(got, f.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\ngot\n  %s\nwant\n  %s", c.changes, strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

// FuzzRead: no text makes Read panic, each fault has a place within the file, and what is read can be checked.
func FuzzRead(f *testing.F) {
	for _, body := range documented(f) {
		f.Add([]byte(body))
	}
	f.Add([]byte("name: x\nsweep: {a: [1, 2], b: {c: [{close: $a}], d: }}\nchanges:\n  - open: {warehouse: $a, stock: {rows: [{sku: $x}]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sc, err := Read("s.yaml", text)
		if err != nil {
			for _, line := range told(t, err) {
				if !strings.HasPrefix(line, "s.yaml") {
					t.Errorf("a fault without its file: %s", line)
				}
			}
			return
		}
		slugs := map[string]bool{}
		runs := sc.Runs()
		for i := range min(len(runs), 20) {
			slug := runs[i].Slug()
			if slugs[slug] {
				t.Errorf("two runs write into %q", slug)
			}
			slugs[slug] = true
		}
	})
}

// documented returns the scenarios of the reference.
func documented(tb testing.TB) []string {
	tb.Helper()
	text, err := os.ReadFile("../../docs/scenarios.md")
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for i, part := range strings.Split(string(text), "```") {
		if body, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			if strings.HasPrefix(body, "- ") {
				body = "name: example\nchanges:\n" + body
			}
			all = append(all, body)
		}
	}
	return all
}
