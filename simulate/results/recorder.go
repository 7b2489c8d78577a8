package results

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
)

// Options say how a run is written. A zero field takes the default in its comment.
type Options struct {
	CSV        bool     // tables as CSV, too; default Parquet, GeoJSON and JSON alone
	Resolution int      // of the map's H3 cells, 1 to 9; default 3, hexagons of about 12,400 km²
	Version    string   // of the program, for the summary; default none
	Terms      []string // what simulate.Report.Terms will be; default what simulate.Terms says

	// Skipped is what history.Read left out of the history, for the summary; default nothing.
	Skipped *history.Bad

	disk disk // default that of the system
}

// A Recorder is a simulate.Sink that writes the directory of a run. After Run either Finish or Abandon ends it.
type Recorder struct {
	in    *simulate.Input
	o     Options
	dir   *directory
	terms []string
	snap  *network.Snapshot // of the last epoch, which has the rows of all
	where *locations

	columns []column
	sheet   *sheet
	table   *output // decisions.parquet
	csv     *output // decisions.csv; nil without
	carrier []int32 // by service row

	preparers sync.Pool
	totals    totals
	grid      grid
	err       error // of Write
}

// Create begins to write the results of a run into a directory, which it makes where there is none. The input is only read.
//
// The error says what to do where another run is writing there, and where the directory has files of another kind: Create
// replaces the results of an earlier run, and nothing else. Files appear under their names when Finish has all of them.
func Create(dir string, in *simulate.Input, o Options) (*Recorder, error) {
	if len(in.Epochs) == 0 || in.History == nil {
		panic("results: an input without a network or a history")
	}
	if o.Resolution == 0 {
		o.Resolution = 3
	}
	if o.Resolution < 1 || o.Resolution > 9 {
		return nil, fmt.Errorf("results: a map of resolution %d; it may be 1 to 9", o.Resolution)
	}
	if o.disk == nil {
		o.disk = system{}
	}
	if o.Terms == nil {
		terms, err := simulate.Terms(in)
		if err != nil {
			return nil, err
		}
		o.Terms = terms
	}
	r := &Recorder{in: in, o: o, terms: o.Terms, snap: in.Epochs[len(in.Epochs)-1].Snapshot}
	r.where = newLocations(in, o.Resolution)
	if err := r.layout(); err != nil {
		return nil, err
	}
	r.totals.begin(r)
	r.grid.begin(r)
	d, err := openDirectory(dir, o.disk)
	if err != nil {
		return nil, err
	}
	r.dir = d
	if r.table, err = d.create("decisions.parquet"); err == nil {
		if r.sheet, err = newSheet(r.table, "decisions", r.columns); err != nil {
			err = r.table.wrap(err)
		}
	}
	if err == nil && o.CSV {
		if r.csv, err = d.create("decisions.csv"); err == nil {
			_, err = r.csv.Write(r.header())
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.abandon())
	}
	r.preparers.New = func() any { return &preparer{} }
	return r, nil
}

// The columns of the decisions, in their order; those of the cost terms stand where costTerms says.
const (
	colOrder = iota
	colID
	colAt
	colOutcome
	colLate
	colPromised
	colMissed
	colValue
	colPostal
	colState
	colCell
	colOrdered
	colShipments
	colOrderCost
	colSplitCost
	colFloor
	colFloorOutcome
	colStatus
	colGap
	colWhy
	colUpWarehouse
	colUpService
	colUpGap
	colShipment
	colWarehouse
	colCarrier
	colService
	colItems
	colUnits
	colParcels
	colWeight
	colZone
	colGuessed
	colShipDate
	colDeliveryDate
	colArrival
	colDaysLate
	colKilometres
	colCO2
	colInTime
	colDelayed
	colLost
	colCost
	colFreight
	colTerms // and on
)

// malformed is what the outcome column has for an order that could not be decided.
const malformed = "malformed"

// outcomes are the values of the outcome columns by number; 0 is none.
var outcomes = func() []string {
	out := []string{""}
	for o := engine.Planned; o.String() != "UNKNOWN"; o++ {
		out = append(out, o.String())
	}
	return out
}()

var statuses = []string{"", engine.Optimal.String(), engine.Bounded.String(), engine.Infeasible.String()}

// fixedColumns are those that every table of decisions has; the cost terms stand behind them.
var fixedColumns = []column{
	colOrder:        {"order", kindNumber, always, nil, "position of the order in the history, from 0"},
	colID:           {"order_id", kindText, always, nil, "the merchant's name of the order"},
	colAt:           {"ordered_at", kindTimestamp, always, nil, "when it was placed"},
	colOutcome:      {"outcome", kindName, always, nil, "what became of it: PLANNED, or why not"},
	colLate:         {"late", kindFlag, always, nil, "the plan misses the promise, as the policy allows"},
	colPromised:     {"promised", kindFlag, always, nil, "the order has a promise"},
	colMissed:       {"missed", kindFlag, always, nil, "it was filled and missed its promise, by plan or by mishaps"},
	colValue:        {"value", kindMoney, always, nil, "what the buyer pays for the goods, 0 where it is not known"},
	colPostal:       {"postal", kindName, always, nil, "postal code of the destination, empty where it is a point"},
	colState:        {"state", kindName, always, nil, "region of the destination, as CA"},
	colCell:         {"h3", kindName, always, nil, "H3 cell of the destination on the map"},
	colOrdered:      {"ordered", kindText, always, nil, "what was ordered, as mug:2;skillet:1"},
	colShipments:    {"shipments", kindNumber, always, nil, "of the order; 0 of a refusal, which has one row"},
	colOrderCost:    {"order_cost", kindMoney, always, nil, "of all shipments and the split cost; the same in each row of the order"},
	colSplitCost:    {"split_cost", kindMoney, always, nil, "part of order_cost"},
	colFloor:        {"floor", kindMoney, ofFloor, nil, "lowest possible order_cost, if every warehouse had every SKU and days no capacity"},
	colFloorOutcome: {"floor_outcome", kindName, always, nil, "outcome without limits, empty where it was not asked"},
	colStatus:       {"status", kindName, always, nil, "what is proven about the plan"},
	colGap:          {"gap", kindMoney, always, nil, "between order_cost and the proven bound"},
	colWhy:          {"why", kindText, always, nil, "cost term by which the plan wins most over the runner-up"},
	colUpWarehouse:  {"runner_up_warehouse", kindName, ofRunnerUp, nil, "best other warehouse for the whole order"},
	colUpService:    {"runner_up_service", kindName, ofRunnerUp, nil, "its service"},
	colUpGap:        {"runner_up_gap", kindMoney, ofRunnerUp, nil, "what it costs more"},
	colShipment:     {"shipment", kindNumber, ofShipment, nil, "number of the shipment in its order, from 1"},
	colWarehouse:    {"warehouse", kindName, ofShipment, nil, "that ships it"},
	colCarrier:      {"carrier", kindName, ofShipment, nil, "that brings it"},
	colService:      {"service", kindName, ofShipment, nil, "by which it goes"},
	colItems:        {"items", kindText, ofShipment, nil, "what is in it, as mug:2;skillet:1"},
	colUnits:        {"units", kindNumber, ofShipment, nil, "in it"},
	colParcels:      {"parcels", kindNumber, ofShipment, nil, "of it"},
	colWeight:       {"weight_kg", kindKilograms, ofShipment, nil, "of its parcels, to the milligram"},
	colZone:         {"zone", kindText, ofShipment, nil, "of the rate card"},
	colGuessed:      {"zone_guessed", kindFlag, ofShipment, nil, "the zone is from the distance rule, not from a chart"},
	colShipDate:     {"ship_date", kindDate, ofShipment, nil, "at the warehouse"},
	colDeliveryDate: {"delivery_date", kindDate, ofShipment, nil, "planned, at the destination"},
	colArrival:      {"arrives_at", kindTimestamp, ofShipment, nil, "planned"},
	colDaysLate:     {"days_late", kindNumber, ofShipment, nil, "planned"},
	colKilometres:   {"kilometres", kindKilometres, ofShipment, nil, "great circle from the warehouse"},
	colCO2:          {"co2_grams", kindLong, ofShipment, nil, "CO2e of the transport"},
	colInTime:       {"in_time", kindChance, ofShipment, nil, "chance that it arrives by the promise, 1 without one"},
	colDelayed:      {"delayed", kindNumber, ofShipment, nil, "days that it came later than planned, by mishaps"},
	colLost:         {"lost", kindFlag, ofShipment, nil, "by a mishap"},
	colCost:         {"cost", kindMoney, ofShipment, nil, "all terms of the shipment"},
	colFreight:      {"freight", kindMoney, ofShipment, nil, "part of cost: what the carrier is paid"},
}

// A Column is a column of the decisions, for whoever reads about it.
type Column struct{ Name, Type, Help string }

// Columns returns the columns of the decisions in their order, but for those of the cost terms, cost_TERM, which follow.
func Columns() []Column {
	types := map[kind]string{
		kindText: "text", kindName: "text", kindNumber: "number", kindLong: "number", kindMoney: "money", kindKilograms: "decimal", kindKilometres: "decimal",
		kindChance: "decimal", kindFlag: "flag", kindTimestamp: "timestamp", kindDate: "date",
	}
	var out []Column
	for i := range fixedColumns {
		c := &fixedColumns[i]
		out = append(out, Column{c.name, types[c.kind], c.help})
	}
	return out
}

// layout makes the columns and their dictionaries.
func (r *Recorder) layout() error {
	var err error
	dictionary := func(text []string) *names {
		n, e := newNames(text)
		err = errors.Join(err, e)
		return n
	}
	rows := r.snap.Rows()
	warehouses := dictionary(rows.Warehouses)
	services := dictionary(rows.Services)
	carriers, numbers := []string{}, map[string]int32{}
	r.carrier = make([]int32, len(rows.Services))
	for row := range rows.Services {
		name := r.carrierOf(int32(row))
		n, known := numbers[name]
		if !known {
			n = int32(len(carriers))
			numbers[name], carriers = n, append(carriers, name)
		}
		r.carrier[row] = n
	}
	r.columns = slices.Clone(fixedColumns)
	for column, n := range map[int]*names{
		colOutcome:      dictionary(append(slices.Clone(outcomes[1:]), malformed)),
		colPostal:       dictionary(r.where.postals),
		colState:        dictionary(r.where.states),
		colCell:         dictionary(r.where.cells),
		colFloorOutcome: dictionary(outcomes),
		colStatus:       dictionary(statuses),
		colUpWarehouse:  warehouses,
		colUpService:    services,
		colWarehouse:    warehouses,
		colCarrier:      dictionary(carriers),
		colService:      services,
	} {
		r.columns[column].names = n
	}
	used := map[string]bool{}
	for _, term := range r.terms {
		name := termColumn(term)
		for n := 2; used[name]; n++ {
			name = termColumn(term) + "_" + strconv.Itoa(n)
		}
		used[name] = true
		r.columns = append(r.columns, column{name, kindMoney, ofShipment, nil, "part of cost: " + term})
	}
	return err
}

// carrierOf is the carrier of a service by the last network that has it.
func (r *Recorder) carrierOf(service int32) string {
	for _, e := range slices.Backward(r.in.Epochs) {
		if s := e.Snapshot; int(service) < len(s.Services) && int(s.Services[service].Carrier) < len(s.Carriers) {
			return s.Carriers[s.Services[service].Carrier]
		}
	}
	return ""
}

// termColumn is the column of a cost term: cost_ and its name, with _ for what is no letter, digit or hyphen.
func termColumn(term string) string {
	b := []byte("cost_" + term)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			b[i] = '_'
		}
	}
	return string(b)
}

// header is the first line of decisions.csv.
func (r *Recorder) header() []byte {
	var b []byte
	for i := range r.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, r.columns[i].name)
	}
	return append(b, '\n')
}

// A block is a block made ready to be written.
type block struct {
	rows   int
	pages  []page
	csv    []byte
	totals totals
	marks  []mark
	orders []dayMark
	outs   []simulate.StockOut
	prep   *preparer // whose memory this is
}

// A preparer has the memory of one Prepare and what came of it, up to Write.
type preparer struct {
	b     block
	e     encoder
	dates dateText

	rows   []int32 // order of each row
	has    [nullKinds][]uint8
	levels [nullKinds]levels
	number []int32
	prefix []byte
	text   []byte
}

// Prepare implements simulate.Sink.
func (r *Recorder) Prepare(b *simulate.Block) (any, error) {
	p := r.preparers.Get().(*preparer)
	if err := r.prepare(p, b); err != nil {
		return nil, err
	}
	p.b.prep = p
	return &p.b, nil
}

// Write implements simulate.Sink.
func (r *Recorder) Write(prepared any) error {
	if r.err != nil {
		return r.err
	}
	b := prepared.(*block)
	if r.err = r.sheet.add(b.rows, b.pages); r.err != nil {
		r.err = r.table.wrap(r.err)
		return r.err
	}
	if r.csv != nil {
		if _, r.err = r.csv.Write(b.csv); r.err != nil {
			return r.err
		}
	}
	r.totals.add(&b.totals)
	r.grid.add(b)
	r.preparers.Put(b.prep)
	return nil
}

// prepare makes the tables' part of a block and what it adds to the totals.
func (r *Recorder) prepare(p *preparer, b *simulate.Block) error {
	terms := len(r.terms)
	if len(b.Costs) != terms*len(b.Shipments) {
		panic(fmt.Sprintf("results: %d costs of %d shipments with %d terms", len(b.Costs), len(b.Shipments), terms))
	}
	p.b.totals.reset(r)
	r.count(p, b)
	p.outline(b)
	if err := r.encode(p, b); err != nil {
		return err
	}
	if r.csv != nil {
		r.lines(p, b)
	}
	return nil
}

// outline lays out the rows: one for each shipment, and one for an order without.
func (p *preparer) outline(b *simulate.Block) {
	p.rows = p.rows[:0]
	for i := range p.has {
		p.has[i] = p.has[i][:0]
	}
	bit := func(is bool) uint8 {
		if is {
			return 1
		}
		return 0
	}
	for i := range b.Orders {
		o := &b.Orders[i]
		n := o.Shipments[1] - o.Shipments[0]
		for range max(n, 1) {
			p.rows = append(p.rows, int32(i))
			p.has[ofShipment] = append(p.has[ofShipment], bit(n > 0))
			p.has[ofRunnerUp] = append(p.has[ofRunnerUp], bit(hasRunnerUp(o)))
			p.has[ofFloor] = append(p.has[ofFloor], bit(o.FloorOutcome == engine.Planned))
		}
	}
	p.b.rows = len(p.rows)
}
