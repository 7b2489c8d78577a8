package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// Names of the tables.
const (
	orderList        = "OrderList.csv"
	freightRates     = "FreightRates.csv"
	plantPorts       = "PlantPorts.csv"
	productsPerPlant = "ProductsPerPlant.csv"
	vmiCustomers     = "VmiCustomers.csv"
	whCapacities     = "WhCapacities.csv"
	whCosts          = "WhCosts.csv"
)

// collected is the service level of orders whose freight the customer arranges and pays.
const collected = "CRF"

// A problem is what the tables say.
type problem struct {
	date   units.Date // on which every order was made
	dest   string     // the port that every order goes to
	plants []*plant   // by name
	rates  map[lane][]rate
	orders []order // in file order

	unknown []string // plants that other tables name and WhCapacities does not
}

type plant struct {
	name     string
	capacity int         // orders a day, 1 or more
	cost     units.Money // of handling a unit
	ports    []string
	makes    map[string]bool // products
	only     map[string]bool // customers; nil: all
}

// A lane is what an order is shipped by: a carrier from a port at a service level.
type lane struct{ carrier, port, level string }

func (l lane) service() string   { return l.carrier + "-" + l.port + "-" + l.level }
func (l lane) carrierID() string { return l.carrier + "@" + l.port }

func compareLanes(a, b lane) int { return cmp.Compare(a.service(), b.service()) }

// A rate is one row of FreightRates: what a kilogram costs for shipments of at least lo and at most hi, and what the
// shipment costs at least.
type rate struct {
	lo, hi  units.Weight
	minimum units.Money
	perKilo units.Money // a whole number of cents
	mode    string      // AIR or GROUND
	days    int64       // in transport
	line    int
}

type order struct {
	id, level, customer, product string
	quantity                     int64 // 1 or more
	weight                       units.Weight
}

// plantsOf returns the plants that can take an order: they make the product, serve the customer, and ship by a port
// from which a carrier goes at the order's level with its weight.
func (p *problem) plantsOf(o *order) []*plant {
	var out []*plant
	for _, l := range p.plants {
		if l.makes[o.product] && (l.only == nil || l.only[o.customer]) && (o.level == collected || p.reaches(l, o)) {
			out = append(out, l)
		}
	}
	return out
}

func (p *problem) reaches(l *plant, o *order) bool {
	for _, port := range l.ports {
		for at, rates := range p.rates {
			if at.port == port && at.level == o.level && slices.ContainsFunc(rates, func(r rate) bool { return r.lo < max(o.weight, 1) && o.weight <= r.hi }) {
				return true
			}
		}
	}
	return false
}

// services returns the lanes in order.
func (p *problem) services() []lane { return slices.SortedFunc(maps.Keys(p.rates), compareLanes) }

// read reads the seven tables. Their faults go to bad, each with its file, row and column; where there are some, the
// problem is incomplete.
func read(dir fs.FS, bad *faults.List) *problem {
	p := &problem{rates: map[lane][]rate{}}
	plants := p.readPlants(dir, bad)
	p.readRates(dir, bad)
	p.readLinks(dir, plants, bad)
	p.readOrders(dir, bad)
	if n := len(p.rates) + 1; n > network.MaxServices {
		bad.Addf(freightRates, 0, 0, "", fmt.Sprintf("leave lanes out: a network has %d services at most", network.MaxServices), "the rates are of %d lanes", n-1)
	}
	for _, at := range p.services() {
		if n := len(structures(p.rates[at])); n > ratecards.MaxStructures {
			bad.Addf(freightRates, p.rates[at][0].line, 0, "", "leave rows out that are dearer for most weights",
				"%s has %d prices for one weight, of which none is always dearer; a card holds %d", at.service(), n, ratecards.MaxStructures)
		}
	}
	return p
}

// open yields the rows of a table with the columns named. A table that cannot be opened is a fault and has no rows.
func open(dir fs.FS, file string, bad *faults.List, columns ...string) iter.Seq[*table.Row] {
	f, err := dir.Open(file)
	if err != nil {
		bad.Addf(file, 0, 0, "", "save that sheet of the dataset as CSV under this name", "%v", err)
		return (&table.Table{}).Rows()
	}
	defer func() { _ = f.Close() }() // it is only read
	list := make([]table.Column, len(columns))
	for i, name := range columns {
		list[i] = table.Column{Name: name, Required: true}
	}
	return filled(table.Read(file, f, list, bad), columns...)
}

// number reads a decimal as the dataset writes it, such as " $1,234.50 ", by a parser of units.
func number[T any](row *table.Row, column, unit string, parse func(string) (T, error)) T {
	text := strings.TrimSpace(strings.ReplaceAll(strings.Replace(row.Required(column), "$", "", 1), ",", ""))
	var v T
	if text == "" {
		return v
	}
	v, err := parse(text + unit)
	if err != nil {
		row.Fault(column, "", "%v", err)
	}
	return v
}

func whole(row *table.Row, column string, least int64) int64 {
	return number(row, column, "", func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < least {
			return least, fmt.Errorf("%.60q is no whole number from %d on", s, least)
		}
		return n, nil
	})
}

// readPlants reads the plants with their capacities and costs.
func (p *problem) readPlants(dir fs.FS, bad *faults.List) map[string]*plant {
	plants := map[string]*plant{}
	for row := range open(dir, whCapacities, bad, "Plant ID", "Daily Capacity") {
		l := &plant{name: row.Required("Plant ID"), capacity: int(whole(row, "Daily Capacity", 1)), makes: map[string]bool{}, cost: -1}
		if plants[l.name] != nil {
			row.Fault("Plant ID", "give each plant one capacity", "%q stands twice", l.name)
			continue
		}
		plants[l.name] = l
		p.plants = append(p.plants, l)
	}
	for row := range open(dir, whCosts, bad, "WH", "Cost/unit") {
		cost := number(row, "Cost/unit", "", units.ParseMoney)
		if cost < 0 {
			row.Fault("Cost/unit", "give 0 or more", "the cost is negative")
		}
		if l := p.known(row, "WH", plants); l != nil {
			if l.cost >= 0 {
				row.Fault("WH", "give each plant one cost", "%q stands twice", l.name)
			}
			l.cost = max(cost, 0)
		}
	}
	slices.SortFunc(p.plants, func(a, b *plant) int { return cmp.Compare(a.name, b.name) })
	for _, l := range p.plants {
		if l.cost < 0 {
			bad.Addf(whCosts, 0, 0, "WH", "add a row for it", "plant %q has no cost", l.name)
		}
	}
	return plants
}

// known returns the plant that a row names. One without a capacity (the dataset has CND9) takes no orders: the row is
// passed over, unless its name is that of a plant with a slip of the pen.
func (p *problem) known(row *table.Row, column string, plants map[string]*plant) *plant {
	name := row.Required(column)
	l := plants[name]
	if name == "" || l != nil {
		return l
	}
	if mend := faults.DidYouMean(name, slices.Sorted(maps.Keys(plants))); mend != "" {
		row.Fault(column, mend, "%.100q is no plant", name)
	} else if !slices.Contains(p.unknown, name) {
		p.unknown = append(p.unknown, name)
	}
	return nil
}

// filled yields the rows of a table but those that are empty: spreadsheets save some at the end.
func filled(t *table.Table, columns ...string) iter.Seq[*table.Row] {
	return func(yield func(*table.Row) bool) {
		for row := range t.Rows() {
			if slices.ContainsFunc(columns, row.Has) && !yield(row) {
				return
			}
		}
	}
}

// readLinks reads what plants are linked to: ports, products, customers.
func (p *problem) readLinks(dir fs.FS, plants map[string]*plant, bad *faults.List) {
	for row := range open(dir, plantPorts, bad, "Plant Code", "Port") {
		port := row.Required("Port")
		if l := p.known(row, "Plant Code", plants); l != nil && !slices.Contains(l.ports, port) {
			l.ports = append(l.ports, port)
		}
	}
	for row := range open(dir, productsPerPlant, bad, "Plant Code", "Product ID") {
		product := row.Required("Product ID")
		if l := p.known(row, "Plant Code", plants); l != nil {
			l.makes[product] = true
		}
	}
	for row := range open(dir, vmiCustomers, bad, "Plant Code", "Customers") {
		customer := row.Required("Customers")
		if l := p.known(row, "Plant Code", plants); l != nil {
			if l.only == nil {
				l.only = map[string]bool{}
			}
			l.only[customer] = true
		}
	}
	for _, l := range p.plants {
		if len(l.ports) == 0 {
			bad.Addf(plantPorts, 0, 0, "Plant Code", "add a row for it", "plant %q is linked to no port", l.name)
		}
	}
}

// readRates reads the freight rates. The lower end of a row becomes the upper end of the row below it, for the
// dataset writes 99.99 and then 100: what lies between belongs to the upper row.
func (p *problem) readRates(dir fs.FS, bad *faults.List) {
	for row := range open(dir, freightRates, bad, "Carrier", "orig_port_cd", "dest_port_cd", "minm_wgh_qty", "max_wgh_qty", "svc_cd",
		"minimum cost", "rate", "mode_dsc", "tpt_day_cnt", "Carrier type") {
		before := bad.Len()
		at := lane{row.Required("Carrier"), row.Required("orig_port_cd"), row.Required("svc_cd")}
		r := rate{
			lo: number(row, "minm_wgh_qty", " kg", units.ParseWeight), hi: number(row, "max_wgh_qty", " kg", units.ParseWeight),
			minimum: number(row, "minimum cost", "", units.ParseMoney), perKilo: number(row, "rate", "", units.ParseMoney),
			mode: row.Required("mode_dsc"), days: whole(row, "tpt_day_cnt", 0), line: row.Line(),
		}
		if dest := row.Required("dest_port_cd"); p.dest == "" {
			p.dest = dest
		} else if dest != p.dest {
			row.Fault("dest_port_cd", "import one destination at a time", "the destination is %.100q, and %.100q above", dest, p.dest)
		}
		if bad.Len() > before {
			continue
		}
		if at.level == collected {
			row.Fault("svc_cd", "leave the row out", "the freight of %s orders is the customer's", collected)
		}
		if r.hi <= r.lo {
			row.Fault("max_wgh_qty", "give more than minm_wgh_qty", "the band ends at %s and begins at %s", r.hi, r.lo)
		}
		for _, m := range []struct {
			column string
			amount units.Money
		}{{"minimum cost", r.minimum}, {"rate", r.perKilo}} {
			if m.amount <= 0 || m.amount%units.Cent != 0 {
				row.Fault(m.column, "give a whole number of cents above 0", "%s is out of range or finer than a cent", m.amount)
			}
		}
		if bad.Len() == before {
			p.rates[at] = append(p.rates[at], r)
		}
	}
	for _, rates := range p.rates {
		slices.SortStableFunc(rates, func(a, b rate) int { return cmp.Compare(a.days, b.days) })
		for r := range chunk(rates) {
			closeGaps(r)
		}
	}
}

// chunk yields the runs of rates with the same days in transport.
func chunk(rates []rate) iter.Seq[[]rate] {
	return func(yield func([]rate) bool) {
		for len(rates) > 0 {
			n := 1
			for n < len(rates) && rates[n].days == rates[0].days {
				n++
			}
			if !yield(rates[:n]) {
				return
			}
			rates = rates[n:]
		}
	}
}

// lastPlace is the largest gap between one row's upper end and the next one's lower end that is the dataset's way to
// write that one follows the other.
const lastPlace = 10 * units.Gram

// closeGaps moves the lower end of each row down to the highest upper end below it, and of the lowest ones to 0, where
// that is no further than lastPlace. Afterwards every row holds above lo and up to hi.
func closeGaps(rates []rate) {
	ends := []units.Weight{0}
	for _, r := range rates {
		ends = append(ends, r.hi)
	}
	slices.Sort(ends)
	for i := range rates {
		at, found := slices.BinarySearch(ends, rates[i].lo)
		if !found {
			at--
		}
		if rates[i].lo-ends[at] <= lastPlace {
			rates[i].lo = ends[at]
		} else {
			rates[i].lo-- // at least lo is above this
		}
	}
}

// readOrders reads the orders. How an order was sent when it was made (plant, port, carrier, days) is history and
// does not bind.
func (p *problem) readOrders(dir fs.FS, bad *faults.List) {
	levels := map[string]bool{collected: true}
	for at := range p.rates {
		levels[at.level] = true
	}
	seen := map[string]int{}
	for row := range open(dir, orderList, bad, "Order ID", "Order Date", "Origin Port", "Carrier", "TPT", "Service Level",
		"Ship ahead day count", "Ship Late Day count", "Customer", "Product ID", "Plant Code", "Destination Port",
		"Unit quantity", "Weight") {
		o := order{
			id: row.Required("Order ID"), level: row.Required("Service Level"), customer: row.Required("Customer"), product: row.Required("Product ID"),
			quantity: whole(row, "Unit quantity", 1), weight: number(row, "Weight", " kg", units.ParseWeight),
		}
		if line := seen[o.id]; line > 0 && o.id != "" {
			row.Fault("Order ID", "give each order its own", "%.100q is in line %d already", o.id, line)
		}
		seen[o.id] = row.Line()
		if o.level != "" && !levels[o.level] {
			row.Fault("Service Level", cmp.Or(faults.DidYouMean(o.level, slices.Sorted(maps.Keys(levels))), "give one that FreightRates has"),
				"no carrier has the service level %.100q", o.level)
		}
		if dest := row.Required("Destination Port"); dest != "" && p.dest != "" && dest != p.dest {
			row.Fault("Destination Port", "import one destination at a time", "carriers go to %.100q and not to %.100q", p.dest, dest)
		}
		if day, err := time.Parse("1/2/06", row.Required("Order Date")); err != nil {
			row.Fault("Order Date", `write month, day and year, as "5/26/13"`, "%.100q is no date", row.Text("Order Date"))
		} else if date := units.DateOf(day.Year(), int(day.Month()), day.Day()); p.date == 0 {
			p.date = date
		} else if date != p.date {
			row.Fault("Order Date", "import the orders of one day at a time", "the order was made on %s, others on %s", date, p.date)
		}
		p.orders = append(p.orders, o)
	}
	if len(p.orders) == 0 && bad.Len() == 0 {
		bad.Addf(orderList, 0, 0, "", "add the orders", "the table has no rows")
	}
}
