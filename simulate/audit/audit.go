package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// Options say how to look at shipments. The zero value audits without a network.
type Options struct {
	Source   *network.Source   // of the network, whose transit tables are brought up to date; nil: none
	Snapshot *network.Snapshot // compiled from Source; nil without one

	MinShipments int               // delivered, for a row in a transit table; 0: 30
	Prior        int               // weight of what is known without a lane, in shipments; 0: 20
	MaxBad       units.Probability // share of rows that may be at fault: they are left out, and told in Bad
}

// An Audit is what shipments tell.
type Audit struct {
	Network   string     // version of the network; "" without one
	Shipments int        // that were looked at
	First     units.Date // ship dates, first and last
	Last      units.Date
	Groups    []Group // carriers, then services, then lanes, each by name
	Transit   []Transit
	Notes     []string // what to know before the tables are used
}

// The levels of groups.
const (
	Carrier = "carrier"
	Service = "service"
	Lane    = "lane"
)

// A Group is what became of the shipments of a carrier, a service or a lane.
type Group struct {
	Level     string // Carrier, Service or Lane
	Carrier   string
	Service   string // "" of a carrier
	From      string // of a lane: the first three characters of the postal code
	To        string // of a lane: the zone, or without a network the state; "" where there is none
	Shipments int    // all
	Delivered int    // Shipments - Lost
	Planned   int    // delivered ones with a planned day
	Late      int    // of Planned: delivered after it
	Lost      int
	Damaged   int
	Days      []int // [days in transit] delivered shipments

	LateShare, LostShare, DamagedShare Share
}

// MeanDays returns the mean days in transit, 0 where nothing was delivered.
func (g *Group) MeanDays() float64 {
	if g.Delivered == 0 {
		return 0
	}
	sum := 0
	for days, n := range g.Days {
		sum += days * n
	}
	return float64(sum) / float64(g.Delivered)
}

// A Share is a part of 1 and the interval in which it lies with 95 % confidence: 0 <= Low <= Value <= High <= 1. All are
// 0, 0 and 1 of nothing.
type Share struct{ Value, Low, High float64 }

// Wilson returns the share of k in n with Wilson's score interval at 95 %; see the package comment for its source.
func Wilson(k, n int) Share {
	if n <= 0 {
		return Share{High: 1}
	}
	const z = 1.959963984540054 // the normal distribution's 97.5th percentile
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Share{Value: p, Low: min(p, max(0, centre-half)), High: max(p, min(1, centre+half))}
}

// A Transit is a transit table as it should be.
type Transit struct {
	Name     string // the file is transit/NAME.csv
	Table    *lanes.TransitTable
	Measured int // of its rows; the rest stands as it stood in the network
}

// A key tells groups apart.
type key struct{ level, carrier, service, from, to string }

// auditing is one run.
type auditing struct {
	o        Options
	places   *geo.Places
	services map[string]int // positions in the snapshot, by id
	settings map[string]int // positions in the settings, by id
	carriers []string       // of the snapshot
	ids      []string       // of services in the snapshot
	groups   map[key]*Group
	lanes    map[laneKey]string         // where a lane goes, by service and postal codes
	areas    map[areaKey]map[string]int // without a network: shipments by what an area's lane is called
	prior    map[tableKey]*[lanes.MaxDays + 1]int
	first    units.Date
	last     units.Date
	shipped  int
}

type laneKey struct{ service, fromCountry, from, toCountry, to string }

type areaKey struct{ country, area string }

// A tableKey is a row of a transit table.
type tableKey struct{ name, scope, zone string }

// Run audits files of shipments; see the package comment for what stands in them.
//
// The error is a *faults.Error where rows are at fault and more than the share o.MaxBad is, with what else is wrong; the
// first history.MaxFaults are listed. Within that share rows are left out and told in Bad, which is nil without any. With a network, a
// carrier or service that it does not have is a fault, and so is a destination that nobody knows.
func Run(ctx context.Context, files []history.File, o Options) (*Audit, *history.Bad, error) {
	o.MinShipments, o.Prior = cmp.Or(o.MinShipments, 30), cmp.Or(o.Prior, 20)
	a := &auditing{
		o: o, groups: map[key]*Group{}, lanes: map[laneKey]string{}, areas: map[areaKey]map[string]int{}, prior: map[tableKey]*[lanes.MaxDays + 1]int{},
		first: math.MaxInt32, last: math.MinInt32,
	}
	if o.Snapshot != nil {
		a.places = o.Snapshot.Places
		a.services, a.settings = map[string]int{}, map[string]int{}
		for i := range o.Source.Settings.Services {
			a.settings[o.Source.Settings.Services[i].ID] = i
		}
		for i := range o.Snapshot.Services {
			a.services[o.Snapshot.Services[i].ID] = i
			a.ids = append(a.ids, o.Snapshot.Services[i].ID)
		}
		a.carriers = o.Snapshot.Carriers
	} else {
		a.places = geo.US()
	}
	r := &reader{dates: map[string]units.Date{}}
	r.take = func(s *shipment, fault func(int, string, string, ...any)) { a.take(s, fault) }
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err := r.read(f); err != nil {
			return nil, nil, err
		}
	}
	if r.rows == 0 && len(r.faults) == 0 {
		r.file, r.fatal = "", true
		r.fault(faults.Fault{Problem: "there are no shipments", Mend: "give at least one"})
	}
	var bad *history.Bad
	if len(r.faults) > 0 {
		bad = &history.Bad{Rows: r.bad, Of: r.rows, Faults: r.faults, More: r.more}
		if r.fatal || r.bad == r.rows || int64(r.bad)*int64(units.Certain) > int64(r.rows)*int64(o.MaxBad) {
			all := slices.Clone(r.faults)
			if r.more > 0 {
				all = append(all, faults.Fault{Problem: fmt.Sprintf("and %d more faults; %d of %d shipments are at fault", r.more, r.bad, r.rows)})
			}
			return nil, bad, &faults.Error{Faults: all}
		}
	}
	return a.finish(), bad, nil
}

// take counts a shipment.
func (a *auditing) take(s *shipment, fault func(column int, mend, format string, args ...any)) {
	service := -1
	if a.o.Snapshot != nil {
		at, ok := a.services[s.service]
		if !ok {
			fault(colService, or(faults.DidYouMean(s.service, a.ids), "name a service of the network"), "unknown service %.60q", s.service)
			return
		}
		service = at
		if id := a.o.Snapshot.Carriers[a.o.Snapshot.Services[at].Carrier]; id != s.carrier {
			if slices.Contains(a.carriers, s.carrier) {
				fault(colCarrier, fmt.Sprintf("write %q", id), "service %s is not of carrier %.60q", s.service, s.carrier)
			} else {
				fault(colCarrier, or(faults.DidYouMean(s.carrier, a.carriers), fmt.Sprintf("write %q", id)), "unknown carrier %.60q", s.carrier)
			}
			return
		}
	}
	lk := laneKey{s.service, s.fromCountry, s.from, s.toCountry, s.to}
	to, known := a.lanes[lk]
	if !known {
		var column int
		var problem string
		if to, column, problem = a.lane(service, s); problem != "" {
			fault(column, "check the code", "%s", problem)
			return
		}
		if len(a.lanes) < 1<<20 {
			a.lanes[lk] = to
		}
	}
	days := 0
	if s.hasDelivered {
		days = a.days(service, s)
	}
	a.shipped++
	a.first, a.last = min(a.first, s.ship), max(a.last, s.ship)
	from := area(s.from)
	for _, k := range [...]key{
		{Carrier, s.carrier, "", "", ""}, {Service, s.carrier, s.service, "", ""}, {Lane, s.carrier, s.service, from, to},
	} {
		g := a.groups[k]
		if g == nil {
			g = &Group{Level: k.level, Carrier: k.carrier, Service: k.service, From: k.from, To: k.to}
			a.groups[k] = g
		}
		g.Shipments++
		if s.damaged {
			g.Damaged++
		}
		if s.lost {
			g.Lost++
			continue
		}
		g.Delivered++
		for len(g.Days) <= days {
			g.Days = append(g.Days, 0)
		}
		g.Days[days]++
		if s.hasPlanned {
			g.Planned++
			if s.delivered > s.planned {
				g.Late++
			}
		}
	}
	if a.o.Snapshot == nil {
		ak := areaKey{s.toCountry, area(s.to)}
		if a.areas[ak] == nil {
			a.areas[ak] = map[string]int{}
		}
		a.areas[ak][to]++
	}
	if s.hasDelivered {
		for _, k := range a.rowsOf(service, s, to) {
			if a.prior[k] == nil {
				a.prior[k] = &[lanes.MaxDays + 1]int{}
			}
			a.prior[k][days]++
		}
	}
}

func or(a, b string) string { return cmp.Or(a, b) }

// area is the beginning of a postal code that lanes are told apart by.
func area(postal string) string {
	b := make([]rune, 0, 3)
	for _, c := range strings.ToUpper(postal) {
		if c == ' ' || c == '-' || c == '.' {
			continue
		}
		if b = append(b, c); len(b) == 3 {
			break
		}
	}
	return string(b)
}

// lane returns where a lane goes, or what is wrong with the shipment's places.
func (a *auditing) lane(service int, s *shipment) (to string, column int, problem string) {
	at, ok := a.places.Lookup(s.toCountry, s.to)
	if a.o.Snapshot == nil {
		if !ok {
			return area(s.to), 0, ""
		}
		return cmp.Or(a.places.Region(at), area(s.to)), 0, ""
	}
	if !ok {
		return "", colTo, fmt.Sprintf("no place %.20q in %.10q", s.to, s.toCountry)
	}
	svc := &a.o.Snapshot.Services[service]
	if svc.Zones == nil {
		return "", 0, ""
	}
	origin, ok := a.places.Lookup(s.fromCountry, s.from)
	if !ok {
		return "", colFrom, fmt.Sprintf("no place %.20q in %.10q", s.from, s.fromCountry)
	}
	km := geo.KilometresOfDot(a.places.AreaCentre(origin).Unit().Dot(a.places.AreaCentre(at).Unit()))
	charted, ok := svc.Zones.Origin(a.places.Country(origin), a.places.Postal(origin))
	if !ok {
		charted = lanes.NoOrigin
	}
	zone, _ := svc.Zones.Resolve(charted, svc.Zones.Dest(a.places.Country(at), a.places.Postal(at)), svc.Scope, km,
		lanes.RegionOf(a.places.Country(origin), a.places.Postal(origin)), lanes.RegionOf(a.places.Country(at), a.places.Postal(at)))
	return svc.Zones.Name(zone), 0, ""
}

// days returns how many days in transit explain the day of delivery.
func (a *auditing) days(service int, s *shipment) int {
	days := int(s.delivered - s.ship)
	if service >= 0 {
		svc := &a.o.Snapshot.Services[service]
		if n, ok := svc.Linehaul.Between(s.ship, s.delivered); ok {
			days = n
			// Arrived on a day on which nobody delivers, it waited.
			if before, ok := svc.Delivery.OnOrBefore(s.delivered - 1); ok && before >= s.ship {
				if n, ok := svc.Linehaul.Between(s.ship, before); ok {
					days = min(days, n+1)
				}
			}
		}
	}
	return min(days, lanes.MaxDays)
}

// rowsOf returns the rows of transit tables that a shipment speaks for: that of its zone or lane, and that for all.
func (a *auditing) rowsOf(service int, s *shipment, to string) []tableKey {
	if a.o.Snapshot == nil {
		name := fileName(s.carrier)
		return []tableKey{{name, s.service, s.fromCountry + " " + area(s.from) + " " + to}, {name, s.service, ""}}
	}
	id := a.o.Snapshot.Services[service].ID
	settings := &a.o.Source.Settings.Services[a.settings[id]]
	if settings.TransitDays != nil {
		return nil
	}
	name := cmp.Or(settings.Transit, settings.ID)
	if to == "" {
		return []tableKey{{name, settings.TransitScope, ""}}
	}
	return []tableKey{{name, settings.TransitScope, to}, {name, settings.TransitScope, ""}}
}

// fileName makes a name of a file.
func fileName(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '_'
	}, strings.ToLower(name))
}

func (a *auditing) finish() *Audit {
	out := &Audit{Shipments: a.shipped, First: a.first, Last: a.last}
	if a.o.Snapshot != nil {
		out.Network = a.o.Snapshot.Version
	}
	level := map[string]int{Carrier: 0, Service: 1, Lane: 2}
	for _, g := range a.groups {
		g.LateShare, g.LostShare, g.DamagedShare = Wilson(g.Late, g.Planned), Wilson(g.Lost, g.Shipments), Wilson(g.Damaged, g.Shipments)
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(x, y Group) int {
		return cmp.Or(cmp.Compare(level[x.Level], level[y.Level]), cmp.Compare(x.Carrier, y.Carrier), cmp.Compare(x.Service, y.Service),
			cmp.Compare(x.From, y.From), byZone(x.To, y.To))
	})
	a.tables(out)
	return out
}

// byZone orders zones as numbers where they are some.
func byZone(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// tables writes the transit tables.
func (a *auditing) tables(out *Audit) {
	names := map[string]bool{}
	for k := range a.prior {
		names[k.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		t := &lanes.TransitTable{}
		t.Text = fmt.Sprintf("measured: %d shipments from %v to %v, by allot carriers audit", a.shipped, out.First, out.Last)
		measured := 0
		if a.o.Source != nil {
			measured = a.overNetwork(out, name, t)
		} else {
			measured = a.fromNothing(name, t)
		}
		if measured > 0 {
			out.Transit = append(out.Transit, Transit{Name: name, Table: t, Measured: measured})
		} else {
			out.Notes = append(out.Notes, fmt.Sprintf("no row of transit/%s.csv has %d shipments: it is not written", name, a.o.MinShipments))
		}
	}
	if a.o.Source != nil {
		for i := range a.o.Source.Settings.Services {
			s := &a.o.Source.Settings.Services[i]
			if s.TransitDays != nil {
				if slices.ContainsFunc(out.Groups, func(g Group) bool { return g.Level == Service && g.Service == s.ID }) {
					out.Notes = append(out.Notes, fmt.Sprintf("service %s has transit_days in place of a table; what was measured is in the audit alone", s.ID))
				}
			}
		}
	} else {
		out.Notes = append(out.Notes, "without --network all days count as days in transit, and lanes are told apart by state")
	}
}

// keys returns the measured rows of a table with enough shipments, in order.
func (a *auditing) keys(name string) []tableKey {
	var keys []tableKey
	for k, counts := range a.prior {
		if k.name == name && total(counts) >= a.o.MinShipments {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y tableKey) int { return cmp.Or(cmp.Compare(x.scope, y.scope), byZone(x.zone, y.zone)) })
	return keys
}

func total(counts *[lanes.MaxDays + 1]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// overNetwork puts what was measured in place of the network's own rows for it, and keeps the others.
func (a *auditing) overNetwork(out *Audit, name string, t *lanes.TransitTable) (measured int) {
	var pairs bool
	scopes := map[string]bool{}
	for k := range a.prior {
		scopes[k.scope] = scopes[k.scope] || k.name == name
	}
	known := a.o.Source.Transits[name]
	at := map[tableKey]int{}
	for _, old := range known {
		for _, row := range old.Rows {
			if row.Pair {
				pairs = pairs || scopes[row.Scope] || row.Scope == ""
			} else {
				at[tableKey{name, row.Scope, row.Zone}] = len(t.Rows)
			}
			t.Rows = append(t.Rows, row)
		}
		if t.Effective == 0 {
			t.Effective = old.Effective
		}
		if old.Text != "" {
			t.Text += "; before: " + old.Text
		}
	}
	if len(known) > 1 {
		out.Notes = append(out.Notes, fmt.Sprintf("transit/%s.csv holds all of the network's tables of that name; take the directory transit/%s away when it is put in place", name, name))
	}
	if pairs {
		out.Notes = append(out.Notes, fmt.Sprintf("transit/%s.csv has rows for pairs of places, which win over those for zones that were measured", name))
	}
	published := make([]lanes.Histogram, len(t.Rows)) // as the network has them
	for i := range t.Rows {
		published[i] = t.Rows[i].Days
	}
	for _, k := range a.keys(name) {
		row, has := at[k]
		if k.zone == "" && !has && slices.ContainsFunc(t.Rows, func(r lanes.TransitRow) bool { return r.Scope == k.scope && !r.Pair && r.Zone != "" }) && !a.onlyZone(name, k.scope) {
			continue // zones without a row are unknown in the network, and stay so
		}
		if has && k.zone == "" && !a.onlyZone(name, k.scope) {
			continue // it stands for the zones that were not measured, of which all shipments tell little
		}
		var before lanes.Histogram
		for _, known := range [...]tableKey{{name, "", ""}, {name, "", k.zone}, {name, k.scope, ""}, {name, k.scope, k.zone}} { // the last one wins
			if i, ok := at[known]; ok {
				before = published[i]
			}
		}
		if !has && k.zone != "" && a.zoneSets(name) > 1 {
			out.Notes = append(out.Notes, fmt.Sprintf("zone %s has no row of its own in transit/%s.csv: services with other zones use the table, too", k.zone, name))
			continue
		}
		h := smooth(a.prior[k], before, a.prior[tableKey{name, k.scope, ""}], a.o.Prior)
		if has {
			t.Rows[row].Days = h
		} else {
			t.Rows = append(t.Rows, lanes.TransitRow{Zone: k.zone, Scope: k.scope, Days: h})
		}
		measured++
	}
	return measured
}

// zoneSets returns how many zone sets the services have that use a transit table: a row for a zone must be known to all.
func (a *auditing) zoneSets(name string) int {
	sets := map[string]bool{}
	for i := range a.o.Source.Settings.Services {
		if s := &a.o.Source.Settings.Services[i]; cmp.Or(s.Transit, s.ID) == name {
			sets[s.Zones+" "+s.Zone] = true
		}
	}
	return len(sets)
}

// onlyZone tells that no shipment of a scope was told apart by zone.
func (a *auditing) onlyZone(name, scope string) bool {
	for k := range a.prior {
		if k.name == name && k.scope == scope && k.zone != "" {
			return false
		}
	}
	return true
}

// fromNothing writes a row for each lane and area that shipments went to, and one for all.
func (a *auditing) fromNothing(name string, t *lanes.TransitTable) (measured int) {
	for _, k := range a.keys(name) {
		h := smooth(a.prior[k], nil, a.prior[tableKey{name, k.scope, ""}], a.o.Prior)
		if k.zone == "" {
			t.Rows = append(t.Rows, lanes.TransitRow{Scope: k.scope, Days: h})
			measured++
			continue
		}
		country, lane, _ := strings.Cut(k.zone, " ")
		from, to, _ := strings.Cut(lane, " ")
		origin, err := lanes.ParseRange(from)
		if err != nil {
			continue // no postal code begins so
		}
		for _, ak := range slices.SortedFunc(maps.Keys(a.areas), func(x, y areaKey) int {
			return cmp.Or(cmp.Compare(x.country, y.country), cmp.Compare(x.area, y.area))
		}) {
			if a.laneOf(ak) != to {
				continue
			}
			dest, err := lanes.ParseRange(ak.area)
			if err != nil {
				continue // as above
			}
			t.Rows = append(t.Rows, lanes.TransitRow{
				Pair: true, Origin: origin, OriginCountry: country, Country: ak.country, Destination: dest, Scope: k.scope, Days: h,
			})
			measured++
		}
	}
	return measured
}

// laneOf returns the lane that most shipments to an area count in, of equally many the first by name.
func (a *auditing) laneOf(k areaKey) string {
	best := ""
	for _, to := range slices.Sorted(maps.Keys(a.areas[k])) {
		if best == "" || a.areas[k][to] > a.areas[k][best] {
			best = to
		}
	}
	return best
}

// smooth returns the histogram of counts, drawn towards what is known without them with the weight of so many shipments:
// before, or else the shares of all. The parts are rounded so that they sum to 10,000, the largest remainders up.
func smooth(counts *[lanes.MaxDays + 1]int, before lanes.Histogram, all *[lanes.MaxDays + 1]int, weight int) lanes.Histogram {
	// In units of 1/(whole*scale): whole is what the prior's parts sum to.
	var prior [lanes.MaxDays + 1]int64
	whole := int64(0)
	if before != nil {
		for d, p := range before {
			prior[d] = int64(p)
		}
		whole = int64(units.Certain)
	} else {
		for d, n := range all {
			prior[d] = int64(n)
			whole += int64(n)
		}
	}
	n := int64(total(counts))
	h := make(lanes.Histogram, lanes.MaxDays+1)
	type remainder struct {
		day  int
		left int64
	}
	var rest []remainder
	sum, divisor := int64(0), (n+int64(weight))*whole
	for d := range h {
		part := (int64(counts[d])*whole + int64(weight)*prior[d]) * int64(units.Certain)
		h[d] = units.Probability(part / divisor)
		sum += int64(h[d])
		rest = append(rest, remainder{d, part % divisor})
	}
	slices.SortStableFunc(rest, func(x, y remainder) int { return cmp.Compare(y.left, x.left) })
	for i := range int(int64(units.Certain) - sum) {
		h[rest[i].day]++
	}
	last := lanes.MaxDays
	for last > 0 && h[last] == 0 {
		last--
	}
	return h[:last+1]
}
