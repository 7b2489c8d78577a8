package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// A rateFlags is how allot rate was called.
type rateFlags struct {
	network, from, to            string
	weight, dims, value, shipDay string
	flags, services              []string
	commercial, asJSON           bool
}

// A rateQuestion is what the flags mean.
type rateQuestion struct {
	from, to postalPlace // from.postal may be the id of a warehouse
	parcel   ratecards.Parcel
	ship     units.Date // 0: today at the origin
}

// A postalPlace is a postal code with its country.
type postalPlace struct{ country, postal string }

// placeOf reads "10001" or "CA:K1A"; without a country it is a US code.
func placeOf(s string) postalPlace {
	if country, postal, ok := strings.Cut(s, ":"); ok {
		return postalPlace{strings.ToUpper(country), strings.TrimSpace(postal)}
	}
	return postalPlace{"US", s}
}

// A rateAnswer is what allot rate --json prints.
type rateAnswer struct {
	Warehouse      string       `json:"warehouse,omitempty"` // where the parcel leaves one
	From           string       `json:"from"`                // country and postal code
	To             string       `json:"to"`
	ShipDate       string       `json:"shipDate"`
	Weight         string       `json:"weight"`
	Currency       string       `json:"currency"`
	NetworkVersion string       `json:"networkVersion"`
	Rates          []rateOption `json:"rates"` // the cheapest first, then those without a price
}

// A rateOption is what one service makes of the parcel.
type rateOption struct {
	Service      string          `json:"service"`
	Carrier      string          `json:"carrier"`
	Constraint   string          `json:"constraint,omitempty"` // why there is no price, as the API names it
	Detail       string          `json:"detail,omitempty"`
	ZoneGuessed  bool            `json:"zoneGuessed,omitempty"`
	TransitDays  int             `json:"transitDays,omitempty"`
	DeliveryDate string          `json:"deliveryDate,omitempty"`
	Areas        []string        `json:"areas,omitempty"` // what the carrier may charge for at the destination
	Charges      json.RawMessage `json:"charges,omitempty"`

	rate  engine.Rate
	zoned bool // it has more than one zone
}

func newRate(t *terminal) *cobra.Command {
	var fl rateFlags
	cmd := &cobra.Command{
		Use:   "rate --network DIR --from WAREHOUSE|POSTAL --to POSTAL --weight WEIGHT",
		Short: "Price one parcel by one service or by all",
		Long: `Rate prices a parcel by the rate cards of a network and shows the zone, whether it comes from the carrier's chart or was
guessed from the distance, the billable weight, every charge and the total. It looks at the parcel alone: neither stock
nor handling nor pickups count. A service that has no price says why. The parcel may leave from any postal code.

A postal code is one of the US, or has its country before it, as CA:K1A. Weights are written as "4.07 lb", "15.999 oz",
"3 lb 4 oz", "2 kg" or "500 g", sizes as "12.3x9.5x3 in" or "40x30x20 cm". The flags of a parcel are
` + strings.Join(ratecards.FlagNames(), ", ") + ".",
		Example: `  allot rate --network examples/us-parcel --from reno --to 10001 --weight "4.07 lb" --dims "12.3x9.5x3 in"
  allot rate --network examples/us-parcel --from 43215 --to 99501 --weight 2kg --service usps_priority_mail
  allot rate --network examples/us-parcel --from reno --to 60601 --weight 90lb --dims "50x20x20 in" --commercial --ship-date 2026-12-01 --json`,
		Args:              arguments(0, 0, "no argument, only flags"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			q, err := fl.question()
			if err != nil {
				return err
			}
			answer, err := rate(&fl, q, t.now())
			if err != nil {
				return err
			}
			if fl.asJSON {
				return writeJSON(t.out, answer)
			}
			answer.print(t, &fl)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringVar(&fl.from, "from", "", "the `PLACE` that it leaves: a warehouse of the network, or a postal code (required)")
	f.StringVar(&fl.to, "to", "", "the `POSTAL` code where it goes (required)")
	f.StringVar(&fl.weight, "weight", "", "its `WEIGHT` (required)")
	f.StringVar(&fl.dims, "dims", "", "its three `SIDES` (default not known: then only the weight counts)")
	f.StringSliceVar(&fl.flags, "flags", nil, "`WORDS` for what is special about it, as nonrectangular,hazmat")
	f.StringVar(&fl.value, "value", "", "its declared value, an `AMOUNT` as 120.00")
	f.StringSliceVar(&fl.services, "service", nil, "`SERVICE` to price it by, or all; may be repeated (default all)")
	f.StringVar(&fl.shipDay, "ship-date", "", "the `DAY` it leaves, as 2026-11-27 (default today at its origin)")
	f.BoolVar(&fl.commercial, "commercial", false, "the destination is a business address (default a residence)")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "network")
	completeFlag(cmd, "from", completeFrom(&fl.network, warehouseNames))
	completeFlag(cmd, "service", completeFrom(&fl.network, serviceNames))
	completeFlag(cmd, "flags", cobra.FixedCompletions(ratecards.FlagNames(), cobra.ShellCompDirectiveNoFileComp))
	for _, flag := range []string{"to", "weight", "dims", "value", "ship-date"} {
		completeFlag(cmd, flag, cobra.NoFileCompletions)
	}
	return cmd
}

// question reads the flags. The error has everything that is wrong with them.
func (fl *rateFlags) question() (*rateQuestion, error) {
	var bad faults.List
	q := &rateQuestion{from: placeOf(fl.from), to: placeOf(fl.to)}
	fault := func(flag, mend, format string, args ...any) { bad.Addf("", 0, 0, flag, mend, format, args...) }
	for _, required := range []struct{ flag, value, mend string }{
		{"--network", fl.network, "name the network directory"},
		{"--from", fl.from, "name a warehouse or a postal code"},
		{"--to", fl.to, "name a postal code"},
		{"--weight", fl.weight, `write it with its unit, as "4.07 lb"`},
	} {
		if required.value == "" {
			fault(required.flag, required.mend, "missing")
		}
	}
	var err error
	if fl.weight != "" {
		if q.parcel.Weight, err = units.ParseWeight(fl.weight); err != nil {
			fault("--weight", "", "%v", err)
		} else if q.parcel.Weight == 0 {
			fault("--weight", `write what it weighs, as "4.07 lb"`, "a parcel weighs more than nothing")
		}
	}
	if fl.dims != "" {
		if q.parcel.Sides, err = units.ParseDims(fl.dims); err != nil {
			fault("--dims", "", "%v", err)
		} else if slices.Min(q.parcel.Sides[:]) == 0 {
			fault("--dims", "leave --dims out where they are not known", "a side is nothing")
		}
		slices.Sort(q.parcel.Sides[:])
		slices.Reverse(q.parcel.Sides[:])
	}
	if fl.value != "" {
		if q.parcel.Value, err = units.ParseMoney(fl.value); err != nil {
			fault("--value", "", "%v", err)
		} else if q.parcel.Value < 0 || q.parcel.Value > ratecards.MaxAmount {
			fault("--value", fmt.Sprintf("write an amount from 0 to %v", ratecards.MaxAmount), "%s is out of range", fl.value)
		}
	}
	for _, name := range fl.flags {
		flag, ok := ratecards.ParseFlag(name)
		if !ok {
			fault("--flags", meant(name, ratecards.FlagNames()), "unknown flag of a parcel %.60q", name)
		}
		q.parcel.Flags |= flag
	}
	if fl.shipDay != "" {
		if q.ship, err = units.ParseDate(fl.shipDay); err != nil {
			fault("--ship-date", "", "%v", err)
		}
	}
	if bad.Len() > 0 {
		return nil, misuse(bad.Err())
	}
	return q, nil
}

// elsewhere is the id of the warehouse that stands at a postal code which has none.
const elsewhere = "allot-rate-origin"

// rate answers the question. Prices are the engine's; a postal code without a warehouse gets one for it.
func rate(fl *rateFlags, q *rateQuestion, now time.Time) (*rateAnswer, error) {
	snap, from, err := networkWithOrigin(fl, q)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	wanted, err := servicesOf(snap, fl.services)
	if err != nil {
		return nil, err
	}
	wh := &snap.Warehouses[from]
	if q.ship == 0 {
		q.ship, _ = snap.Profiles[wh.Profile].Dock.Zone.Local(units.Instant(now.Unix()))
	}
	answer := &rateAnswer{
		From: strings.TrimSpace(wh.Country + " " + wh.Postal), To: q.to.country + " " + q.to.postal, ShipDate: q.ship.String(),
		Weight: q.parcel.Weight.String(), Currency: snap.Currency, NetworkVersion: snap.Version,
	}
	if wh.ID != elsewhere {
		answer.Warehouse = wh.ID
	}
	to := engine.Destination{Country: q.to.country, Postal: q.to.postal, Commercial: fl.commercial}
	for _, s := range wanted {
		svc := &snap.Services[s]
		if svc.Kind == network.Collect && len(fl.services) == 0 {
			continue // nothing is sent
		}
		r, err := e.Rate(from, s, &to, &q.parcel, q.ship)
		if bad, ok := asFaults(err); ok {
			bad[0].Field = "--to"
			return nil, misuse(&faults.Error{Faults: bad})
		} else if err != nil {
			return nil, err
		}
		out := rateOption{
			Service: svc.ID, Carrier: snap.Carriers[svc.Carrier], ZoneGuessed: r.Guessed, TransitDays: r.Days, Areas: r.Areas, rate: r, zoned: svc.Zones != nil,
		}
		if r.DeliveryDate != 0 {
			out.DeliveryDate = r.DeliveryDate.String()
		}
		if r.Killed != engine.None {
			out.Constraint, out.Detail = allotv1.Constraint(r.Killed).String(), cmp.Or(r.Rating.Detail, r.Detail)
		} else if out.Charges, err = plainJSON(server.WriteParcelCharges(snap, &engine.ParcelCharges{
			Parcel: engine.Parcel{Parcel: q.parcel, Box: -1, Units: 1}, Rating: r.Rating,
		})); err != nil {
			return nil, err
		}
		answer.Rates = append(answer.Rates, out)
	}
	slices.SortFunc(answer.Rates, func(a, b rateOption) int {
		if priced := cmp.Compare(a.Constraint, b.Constraint); a.Constraint == "" || b.Constraint == "" {
			return cmp.Or(priced, cmp.Compare(a.rate.Rating.Total, b.rate.Rating.Total), cmp.Compare(a.Service, b.Service))
		}
		return cmp.Compare(a.Service, b.Service)
	})
	return answer, nil
}

// networkWithOrigin reads the network and returns the row of the warehouse that the parcel leaves.
func networkWithOrigin(fl *rateFlags, q *rateQuestion) (snap *network.Snapshot, from int32, err error) {
	root, err := openNetwork(fl.network)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	src, err := network.Read(root.FS())
	if err != nil {
		return nil, 0, &faults.Error{Faults: network.Check(root.FS())}
	}
	ids := make([]string, len(src.Warehouses))
	for i := range ids {
		ids[i] = src.Warehouses[i].ID
	}
	id := fl.from
	if !slices.Contains(ids, id) {
		id = elsewhere
		noon := units.Clock(12 * 60 * 60) // no price depends on it
		src.Warehouses = append(src.Warehouses, network.WarehouseRow{ID: id, Country: q.from.country, Postal: q.from.postal, Cutoff: &noon})
	}
	snap, err = network.Compile(src, nil)
	if _, ok := asFaults(err); ok && id == elsewhere {
		src.Warehouses = src.Warehouses[:len(ids)]
		if _, err = network.Compile(src, nil); err == nil { // then only what was added to it can have been at fault
			mend := cmp.Or(faults.DidYouMean(fl.from, ids), "name a warehouse ("+strings.Join(ids[:min(len(ids), 20)], ", ")+") or a postal code")
			return nil, 0, misuse(&faults.Error{Faults: []faults.Fault{{
				Field: "--from", Problem: fmt.Sprintf("%.100q is neither a warehouse nor a known postal code", fl.from), Mend: mend,
			}}})
		}
	}
	if err != nil {
		return nil, 0, err
	}
	from, _ = snap.Warehouse(id) // it is there: it was compiled
	return snap, from, nil
}

// servicesOf returns the rows of named services in the order of their ids; all of them for none, or for "all".
func servicesOf(snap *network.Snapshot, names []string) ([]int32, error) {
	var rows []int32
	ids := make([]string, len(snap.Services))
	for i := range ids {
		ids[i] = snap.Services[i].ID
		rows = append(rows, int32(i))
	}
	if len(names) == 0 || slices.Contains(names, "all") {
		return rows, nil
	}
	var bad faults.List
	rows = nil
	for _, name := range names {
		row, ok := snap.Service(name)
		if !ok {
			slices.Sort(ids)
			bad.Addf("", 0, 0, "--service", meant(name, ids), "unknown service %.100q", name)
		}
		rows = append(rows, row)
	}
	if bad.Len() > 0 {
		return nil, misuse(bad.Err())
	}
	slices.Sort(rows)
	return slices.Compact(rows), nil
}

func (a *rateAnswer) print(t *terminal, fl *rateFlags) {
	origin := a.From
	if a.Warehouse != "" {
		origin = fmt.Sprintf("%s (%s)", a.Warehouse, a.From)
	}
	size := fl.weight // as it was asked
	if fl.dims != "" {
		size += ", " + fl.dims
	}
	fmt.Fprintf(t.out, "From %s to %s, ships %s: %s. Amounts in %s.\n\n", origin, a.To, a.ShipDate, size, a.Currency)
	g := grid{names: []string{"service", "zone", ">days", "delivered", ">billable", ">total", "charges"}}
	assumed, guessed := false, false
	for i := range a.Rates {
		r := &a.Rates[i]
		if r.Constraint != "" {
			why := strings.ReplaceAll(r.rate.Killed.String(), "_", " ")
			if r.Detail != "" {
				why += ": " + r.Detail
			}
			g.add(r.Service, "", "", "", "", "none", why)
			continue
		}
		zone := r.rate.Rating.Zone
		switch {
		case r.ZoneGuessed:
			zone, guessed = zone+" guessed", true
		case r.zoned:
			zone += " charted"
		}
		var charges []string
		for _, c := range r.rate.Rating.Charges {
			text := c.Name + " " + c.Amount.String()
			if c.Assumed {
				text, assumed = text+"*", true
			}
			charges = append(charges, text)
		}
		g.add(r.Service, zone, strconv.Itoa(r.TransitDays), r.DeliveryDate, exactWeight(r.rate.Rating.Billable),
			r.rate.Rating.Total.String(), strings.Join(charges, " + "))
	}
	g.print(t.out, "")
	if assumed || guessed {
		fmt.Fprintln(t.out)
	}
	if guessed {
		fmt.Fprintln(t.out, `A zone marked "guessed" follows from the distance; import the carrier's own chart to be certain (allot help import).`)
	}
	if assumed {
		fmt.Fprintln(t.out, "* The card says that no source at hand gives this figure.")
	}
}
