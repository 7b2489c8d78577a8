package ratecards

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A Rating is the full answer for one parcel by one card: every charge by name, or the reason there is none.
type Rating struct {
	Reason      Reason       // Priced, or why not
	Detail      string       // the reason with its figures, "weighs 80 lb, more than 70 lb"; "" when priced
	Zone        string       // the zone's name
	Volume      Volume       // of the rounded sides, after the rule's factor, rounded down; 0 where no dimensional rule is in force
	Dimensional units.Weight // dimensional weight, 0 where the rule does not apply
	Billable    units.Weight // billable weight; 0 where rating did not come so far
	Structure   string       // name of the structure that gave the base price
	Offers      []Offer      // every structure's price, in the card's order
	Charges     []Charge     // sum to Total
	Total       units.Money
}

// An Offer is what one structure would charge as base price, or why it does not.
type Offer struct {
	Structure string
	Price     units.Money // NoPrice where the structure does not price the parcel
	Why       string      // why not
}

// Kinds of Charge.
const (
	ChargeBase      = "base"      // the structure's price
	ChargeDiscount  = "discount"  // negative
	ChargeMinimum   = "minimum"   // what raises the discounted price to the minimum net charge
	ChargeSurcharge = "surcharge" // by its name in the card
	ChargeFuel      = "fuel"
	ChargeTax       = "tax"
	ChargeRounding  = "rounding" // what rounding the total adds or takes away
)

// A Charge is one line of a Rating.
type Charge struct {
	Kind    string
	Name    string // of the structure or the surcharge; else Kind
	Amount  units.Money
	Assumed bool // the card says that no source at hand gives the figure
}

// Rate prices a parcel that ships on the given date to zone z and a destination with the given attributes. Where
// IsLight holds for the parcel's weight, z must be the zone of the card's light scope.
//
// Rate is the specification: it follows the rating order step by step on the card as it was read, with exact
// arithmetic and no tables of its own. Prepare and Total are its fast twin, and random parcels compare the two.
func (c *Card) Rate(p *Parcel, z lanes.Zone, area lanes.Mask, ship units.Date) Rating {
	r := &rater{card: c, source: c.source, parcel: p, ship: ship, area: area, sides: p.Sides}
	slices.SortFunc(r.sides[:], func(a, b units.Length) int { return cmp.Compare(b, a) })
	if z != 0 && int(z) < len(c.zones) {
		r.Zone = c.zones[z]
	}
	r.Reason, r.Detail = r.rate()
	if r.Reason != Priced {
		r.Charges, r.Total, r.Structure = nil, 0, ""
	}
	return r.Rating
}

// A rater is the state of one Rate.
type rater struct {
	Rating
	card   *Card
	source *Source
	parcel *Parcel
	ship   units.Date
	area   lanes.Mask
	sides  [3]units.Length // longest first, as measured
	seen   [3]units.Length // the same as the thresholds of surcharges see them
	fired  []*Surcharge    // in the card's order
}

func (r *rater) rate() (Reason, string) {
	if reason, detail := r.eligible(); reason != Priced {
		return reason, detail
	}
	fuel := r.source.fuelOn(r.ship)
	if fuel == noFuel {
		return NoFuel, fmt.Sprintf("the fuel table has no percentage for %s", r.ship)
	}
	if !r.weigh() {
		return TooBig, "its dimensional weight is more than " + units.MaxWeight.String()
	}
	r.fireBase()
	r.raise()
	base, assumed, reason, detail := r.basePrice()
	if reason != Priced {
		return reason, detail
	}
	net := r.discount(base, assumed)
	r.fireDependent()
	var surcharges, fuelable units.Money
	for _, u := range r.fired {
		m, ok := r.amount(u, net)
		if !ok {
			return NotServed, fmt.Sprintf("surcharge %q has no amount for zone %q", u.Name, r.Zone)
		}
		r.charge(ChargeSurcharge, u.Name, m, u.Assumed)
		surcharges += m
		if u.Fuelable {
			fuelable += m
		}
	}
	r.finish(base, net, surcharges, fuelable, fuel)
	return Priced, ""
}

// eligible checks the parcel against the card's period and limits.
func (r *rater) eligible() (Reason, string) {
	p, s := r.parcel, r.source
	if p.Weight <= 0 || p.Weight > units.MaxWeight || p.Value < 0 || p.Value > MaxAmount || r.sides[2] < 0 || r.sides[0] > units.MaxLength {
		return BadParcel, "its weight, sides or value are out of range"
	}
	if r.ship < s.EffectiveFrom || s.EffectiveTo != 0 && r.ship > s.EffectiveTo || r.ship > lastDate {
		return NotInForce, fmt.Sprintf("ships on %s, outside the card's period from %s", r.ship, s.EffectiveFrom)
	}
	for _, name := range p.Flags.Names() {
		if slices.Contains(s.Refuses, name) {
			return Refused, "the service refuses " + name
		}
	}
	return s.Limits.check(p.Weight, r.sides)
}

// check compares a parcel with limits, which may be reached.
func (l *Limits) check(w units.Weight, sides [3]units.Length) (Reason, string) {
	girth := sides[0] + 2*(sides[1]+sides[2])
	switch volume := VolumeOf(sides); {
	case l.Weight != 0 && w > l.Weight:
		return TooHeavy, fmt.Sprintf("weighs %s, more than %s", w, l.Weight)
	case l.Longest != 0 && sides[0] > l.Longest:
		return TooLong, fmt.Sprintf("is %s long, more than %s", sides[0], l.Longest)
	case l.Second != 0 && sides[1] > l.Second:
		return TooWide, fmt.Sprintf("is %s on its second side, more than %s", sides[1], l.Second)
	case l.LengthPlusGirth != 0 && girth > l.LengthPlusGirth:
		return TooMuchGirth, fmt.Sprintf("has a length plus girth of %s, more than %s", girth, l.LengthPlusGirth)
	case !l.Volume.IsZero() && volume.Cmp(l.Volume) > 0:
		return TooBig, fmt.Sprintf("has a volume of %s, more than %s", volume, l.Volume)
	}
	return Priced, ""
}

// round rounds a side; halves go up.
func (r *SideRounding) round(side units.Length) units.Length {
	switch r.Round {
	case RoundDown:
		return side - side%r.To
	case RoundNearest:
		if part := side % r.To; 2*part < r.To {
			return side - part
		}
	}
	if part := side % r.To; part != 0 {
		return side - part + r.To
	}
	return side
}

// weigh rounds the sides and takes the greater of the parcel's own and its dimensional weight. It is false for a parcel
// too big to compute with.
func (r *rater) weigh() bool {
	r.Billable, r.seen = r.parcel.Weight, r.sides
	for i := range r.source.Dimensional {
		d := &r.source.Dimensional[i]
		if !d.holds(r.ship) {
			continue
		}
		sides := r.sides
		if d.Sides != nil {
			for j := range sides {
				sides[j] = d.Sides.round(sides[j])
			}
			if d.Sides.Surcharges {
				r.seen = sides
			}
		}
		volume := big.NewRat(1, 1)
		for _, side := range sides {
			volume.Mul(volume, big.NewRat(int64(side), 1))
		}
		applies := volume.Cmp(new(big.Rat).SetInt(d.AboveVolume.big())) > 0
		if d.Nonrectangular != 0 && r.parcel.Flags&(Nonrectangular|Tube) != 0 {
			volume.Mul(volume, big.NewRat(int64(d.Nonrectangular), int64(WholeFactor)))
		}
		r.Volume = volumeFrom(new(big.Int).Quo(volume.Num(), volume.Denom()))
		if !applies {
			continue
		}
		weight := volume.Mul(volume, new(big.Rat).SetFrac(big.NewInt(int64(d.Divisor.Weight)), d.Divisor.Volume.big()))
		ceiling, rest := new(big.Int).QuoRem(weight.Num(), weight.Denom(), new(big.Int))
		if rest.Sign() > 0 {
			ceiling.Add(ceiling, big.NewInt(1))
		}
		if ceiling.Cmp(big.NewInt(int64(units.MaxWeight))) > 0 {
			return false
		}
		dimensional := units.Weight(ceiling.Int64())
		if dimensional <= d.ExemptUpTo {
			continue
		}
		if d.Round != nil {
			dimensional = roundWeight(dimensional, d.Round.To, d.Round.Round)
		}
		if dimensional > units.MaxWeight {
			return false
		}
		r.Dimensional = dimensional
		r.Billable = max(r.Billable, dimensional)
	}
	return true
}

// holds tells whether a list of conditions holds: it is empty, or everything that one of them names does.
func (r *rater) holds(when []Condition) bool {
	if len(when) == 0 {
		return true
	}
	return slices.ContainsFunc(when, func(w Condition) bool {
		girth, volume := r.seen[0]+2*(r.seen[1]+r.seen[2]), VolumeOf(r.seen)
		return (w.WeightOver == 0 || r.parcel.Weight > w.WeightOver) &&
			(w.LongestOver == 0 || r.seen[0] > w.LongestOver) &&
			(w.SecondOver == 0 || r.seen[1] > w.SecondOver) &&
			(w.LengthPlusGirthOver == 0 || girth > w.LengthPlusGirthOver) &&
			(w.VolumeOver.IsZero() || volume.Cmp(w.VolumeOver) > 0) &&
			(w.ValueOver == 0 || r.parcel.Value > w.ValueOver) &&
			(len(w.Flags) == 0 || slices.ContainsFunc(w.Flags, func(name string) bool { return slices.Contains(r.parcel.Flags.Names(), name) })) &&
			(len(w.Areas) == 0 || slices.ContainsFunc(w.Areas, r.inArea))
	})
}

func (r *rater) inArea(name string) bool {
	bit := slices.Index(r.card.areas, name)
	return bit >= 0 && r.area>>bit&1 == 1
}

// fireBase finds the surcharges that depend on no other and keeps the highest of each exclusive group.
func (r *rater) fireBase() {
	var fired []*Surcharge
	for i := range r.source.Surcharges {
		u := &r.source.Surcharges[i]
		if len(u.DependsOn) == 0 && u.open(r.ship) && r.holds(u.When) {
			fired = append(fired, u)
		}
	}
	r.fired = exclusive(fired)
}

// fireDependent adds the surcharges that depend on one already charged.
func (r *rater) fireDependent() {
	var fired []*Surcharge
	for i := range r.source.Surcharges {
		u := &r.source.Surcharges[i]
		depends := slices.ContainsFunc(r.fired, func(o *Surcharge) bool { return slices.Contains(u.DependsOn, o.Name) })
		if depends && u.open(r.ship) && r.holds(u.When) {
			fired = append(fired, u)
		}
	}
	r.fired = append(r.fired, exclusive(fired)...)
}

// exclusive keeps the highest of each group, and all that are in none.
func exclusive(fired []*Surcharge) []*Surcharge {
	var kept []*Surcharge
	for _, u := range fired {
		beaten := slices.ContainsFunc(fired, func(o *Surcharge) bool {
			return u.Group != "" && o.Group == u.Group && o.Priority > u.Priority
		})
		if !beaten {
			kept = append(kept, u)
		}
	}
	return kept
}

// raise lifts the billable weight to the charged surcharges' minimum and rounds it.
func (r *rater) raise() {
	for _, u := range r.fired {
		r.Billable = max(r.Billable, u.MinimumBillable)
	}
	for _, s := range r.source.WeightSteps {
		if s.NotOver == 0 {
			r.Billable = roundWeight(r.Billable, s.To, RoundUp)
			return
		}
		if r.Billable <= s.NotOver {
			r.Billable = min(roundWeight(r.Billable, s.To, RoundUp), s.NotOver)
			return
		}
	}
}

// basePrice returns the price of the cheapest structure open to the parcel; of equals the first.
func (r *rater) basePrice() (base units.Money, assumed bool, reason Reason, detail string) {
	base, reason = NoPrice, NoStructure
	for i := range r.source.Structures {
		st := &r.source.Structures[i]
		price, why, reached := r.offer(st)
		r.Offers = append(r.Offers, Offer{Structure: st.Name, Price: price, Why: why})
		if detail != "" {
			detail += "; "
		}
		detail += st.Name + ": " + why
		if reached && reason == NoStructure {
			reason = NotServed
		}
		if price != NoPrice && (base == NoPrice || price < base) {
			base, assumed, r.Structure = price, st.Assumed, st.Name
		}
	}
	switch {
	case base != NoPrice:
		return base, assumed, Priced, ""
	case reason == NotServed && r.Zone == "":
		return base, false, NoZone, "the destination has no zone"
	}
	return base, false, reason, detail
}

// offer returns a structure's price, or NoPrice and why; reached tells whether only the zone was in the way.
func (r *rater) offer(st *Structure) (price units.Money, why string, reached bool) {
	if reason, detail := st.Limits.check(r.parcel.Weight, r.sides); reason != Priced {
		return NoPrice, detail, false
	}
	if !r.holds(st.When) {
		return NoPrice, "its condition does not hold", false
	}
	if st.Price != nil {
		if r.Zone == "" {
			return NoPrice, "the destination has no zone", true
		}
		return r.round(*st.Price), "", true
	}
	zone := -1
	if r.Zone != "" {
		zone = column(st.Table, r.Zone)
	}
	priced := func(m units.Money) (units.Money, string, bool) {
		if m == NoPrice {
			return NoPrice, fmt.Sprintf("no price for zone %q", r.Zone), true
		}
		return r.round(m), "", true
	}
	switch st.Kind {
	case KindWeight:
		for _, s := range steps(st) {
			switch {
			case r.Billable > s.to:
			case zone < 0:
				return priced(NoPrice)
			default:
				return priced(s.price(r.Billable, zone))
			}
		}
		return NoPrice, fmt.Sprintf("the billable weight %s is beyond its table", r.Billable), false
	case KindCubic:
		sides := r.sides
		if sides[2] == 0 {
			return NoPrice, "the sides are not known", false
		}
		if st.Sides != nil {
			for i := range sides {
				sides[i] = st.Sides.round(sides[i])
			}
		}
		for _, row := range st.Table.Rows {
			switch {
			case VolumeOf(sides).Cmp(row.Tier) > 0:
			case zone < 0:
				return priced(NoPrice)
			default:
				return priced(row.Prices[zone])
			}
		}
		return NoPrice, fmt.Sprintf("the volume %s is beyond its tiers", VolumeOf(sides)), false
	}
	if zone < 0 {
		return priced(NoPrice)
	}
	return priced(st.Table.Rows[0].Prices[zone])
}

// round rounds a charge where the card rounds each.
func (r *rater) round(m units.Money) units.Money {
	if r.source.Rounding == RoundEachCharge {
		return m.RoundTo(r.source.minor())
	}
	return m
}

func (r *rater) charge(kind, name string, m units.Money, assumed bool) {
	r.Charges = append(r.Charges, Charge{Kind: kind, Name: name, Amount: m, Assumed: assumed})
}

// discount charges the base price and returns what is left of it after discount and minimum.
func (r *rater) discount(base units.Money, assumed bool) units.Money {
	r.charge(ChargeBase, r.Structure, base, assumed)
	d := r.source.Discount
	if d == nil {
		return base
	}
	net := base
	if off := r.round(d.Percent.Of(base)); off != 0 {
		r.charge(ChargeDiscount, ChargeDiscount, -off, d.Assumed)
		net -= off
	}
	if least := r.round(d.MinimumNet); net < least {
		r.charge(ChargeMinimum, ChargeMinimum, least-net, d.Assumed)
		net = least
	}
	return net
}

// amount returns what a charged surcharge costs, and false where it has no amount for the zone.
func (r *rater) amount(u *Surcharge, net units.Money) (units.Money, bool) {
	switch a := &u.Amount; {
	case a.Flat != nil:
		return r.round(*a.Flat), true
	case len(a.ByZone) > 0:
		m, ok := a.ByZone[r.Zone]
		if !ok {
			m, ok = a.ByZone[OtherZones]
		}
		return r.round(m), ok
	case len(a.ByWeight) > 0:
		for _, b := range a.ByWeight {
			if b.NotOver == 0 || r.Billable <= b.NotOver {
				return r.round(b.Amount), true
			}
		}
		panic("ratecards: the last weight band of " + u.Name + " has an end")
	case a.PercentOfValue != 0:
		return max(r.round(a.PercentOfValue.Of(r.parcel.Value)), r.round(a.Minimum)), true
	default:
		return max(r.round(a.PercentOfBase.Of(net)), r.round(a.Minimum)), true
	}
}

// finish charges fuel and tax and rounds the total.
func (r *rater) finish(base, net, surcharges, fuelable units.Money, percent units.Percent) {
	s := r.source
	total := net + surcharges
	if s.Fuel != nil {
		switch cmp.Or(s.Fuel.On, FuelOnNet) {
		case FuelOnNet:
			fuelable += net
		case FuelOnList:
			fuelable += base
		}
		if fuel := r.round(percent.Of(fuelable)); fuel != 0 {
			r.charge(ChargeFuel, ChargeFuel, fuel, r.fuelAssumed())
			total += fuel
		}
	}
	if s.Tax != nil {
		if tax := r.round(s.Tax.Percent.Of(total)); tax != 0 {
			r.charge(ChargeTax, ChargeTax, tax, s.Tax.Assumed)
			total += tax
		}
	}
	r.Total = total
	if s.Rounding != RoundNone {
		r.Total = total.RoundTo(s.minor())
	}
	if r.Total != total {
		r.charge(ChargeRounding, ChargeRounding, r.Total-total, false)
	}
}

func (r *rater) fuelAssumed() bool {
	return slices.ContainsFunc(r.source.Fuel.Weeks, func(w FuelWeek) bool {
		return w.Assumed && r.ship >= w.From && (w.To == 0 || r.ship <= w.To)
	})
}
