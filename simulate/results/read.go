package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/allot-engine/allot/units"
)

// A Run is the results of a run, read back from its directory.
type Run struct {
	Dir     string
	Summary *Summary
	Terms   []string // of Shipment.Costs
}

// Open opens the results in a directory. It checks that its files belong to one run, and reads no more of the tables than
// what they say of themselves. The error says which file is missing, is not what it should be, or is of another run.
func Open(dir string) (*Run, error) {
	path := filepath.Join(dir, summaryFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("results: %s has no results: there is no %s, which a run writes when it ends", dir, summaryFile)
	}
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	s := &Summary{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("results: %s: %w", path, err)
	}
	if s.Format != Format {
		return nil, fmt.Errorf("results: %s has the layout %d, and this program reads %d; run the simulation again", path, s.Format, Format)
	}
	r := &Run{Dir: dir, Summary: s, Terms: s.Terms}
	for _, name := range []string{"decisions.parquet", "daily.parquet"} {
		if err := r.with(name, func(*parquet.File) error { return nil }); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// with opens a Parquet file of the run.
func (r *Run) with(name string, do func(*parquet.File) error) (err error) {
	path := filepath.Join(r.Dir, name)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	table, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("results: %s: %w", path, err)
	}
	if hash, ok := table.Lookup(keyHash); !ok || hash != r.Summary.Hash {
		return fmt.Errorf("results: %s is not of the run that %s tells of; run the simulation again", path, filepath.Join(r.Dir, summaryFile))
	}
	if err := do(table); err != nil {
		return fmt.Errorf("results: %s: %w", path, err)
	}
	return nil
}

// A cursor walks over a column.
type cursor struct {
	name  string
	null  bool // whether the row at hand has no value
	i32   []int32
	i64   []int64
	flags []byte
	text  string
	ends  []uint32
	dict  []string // of names; nil for text

	groups []parquet.RowGroup
	column int
	pages  parquet.Pages
	page   parquet.Page
	has    []byte
	row, n int
	at     int // of the row's value in the page
	of     parquet.Dictionary
}

// next goes on to the next row; it returns io.EOF after the last.
func (c *cursor) next() error {
	if c.row++; c.row < c.n {
		if c.has == nil || c.has[c.row] != 0 {
			c.at, c.null = c.at+1, false
		} else {
			c.null = true
		}
		return nil
	}
	for {
		if c.pages == nil {
			if len(c.groups) == 0 {
				return io.EOF
			}
			c.pages = c.groups[0].ColumnChunks()[c.column].Pages()
			c.groups = c.groups[1:]
			c.of = nil
		}
		c.release()
		p, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			if err := c.pages.Close(); err != nil {
				return err
			}
			c.pages = nil
			continue
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		if p.NumRows() == 0 {
			parquet.Release(p)
			continue
		}
		c.load(p)
		return nil
	}
}

// load begins a page.
func (c *cursor) load(p parquet.Page) {
	c.page, c.n, c.row, c.at = p, int(p.NumRows()), 0, -1
	c.has = p.DefinitionLevels()
	if len(c.has) == 0 {
		c.has = nil
	}
	data := p.Data()
	switch d := p.Dictionary(); {
	case d != nil:
		c.i32 = data.Int32()
		if d != c.of {
			c.of, c.dict = d, make([]string, d.Len())
			for i := range c.dict {
				c.dict[i] = string(d.Index(int32(i)).ByteArray())
			}
		}
	case p.Type().Kind() == parquet.Int32:
		c.i32 = data.Int32()
	case p.Type().Kind() == parquet.Int64:
		c.i64 = data.Int64()
	case p.Type().Kind() == parquet.Boolean:
		c.flags = data.Boolean()
	default:
		b, ends := data.ByteArray()
		c.text, c.ends, c.dict = string(b), ends, nil
	}
	if c.null = c.has != nil && c.has[0] == 0; !c.null {
		c.at = 0
	}
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}

func (c *cursor) close() error {
	c.release()
	if c.pages == nil {
		return nil
	}
	return c.pages.Close()
}

// The values of the row at hand; nothing where it has none.

func (c *cursor) number() int32 {
	if c.null {
		return 0
	}
	return c.i32[c.at]
}

func (c *cursor) long() int64 {
	if c.null {
		return 0
	}
	return c.i64[c.at]
}

func (c *cursor) money() units.Money { return units.Money(c.long()) }

func (c *cursor) flag() bool { return !c.null && c.flags[c.at/8]>>(c.at%8)&1 == 1 }

func (c *cursor) string() string {
	switch {
	case c.null:
		return ""
	case c.dict != nil:
		return c.dict[c.i32[c.at]]
	}
	return c.text[c.ends[c.at]:c.ends[c.at+1]]
}

// Orders walks over what became of every order, in the order of the history. The Order and its slices are used again for
// the next one: copy what must stay; text stays. It holds a few thousand rows at a time. An error ends it.
func (r *Run) Orders() iter.Seq2[*Order, error] {
	return func(yield func(*Order, error) bool) {
		stopped := false
		err := r.with("decisions.parquet", func(f *parquet.File) (err error) {
			t, err := newTableReader(f, len(r.Terms))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, t.close()) }()
			for {
				o, err := t.order()
				if o == nil || err != nil {
					return err
				}
				if !yield(o, nil) {
					stopped = true
					return nil
				}
			}
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// A tableReader reads orders off the table of decisions.
type tableReader struct {
	cursors []cursor // [column]
	all     []*cursor
	more    bool // a row is at hand
	o       Order
	costs   []units.Money
}

// readColumns are the columns that an Order is made of, in the numbering of the recorder.
var readColumns = []struct {
	at   int
	name string
}{
	{colOrder, "order"}, {colID, "order_id"}, {colAt, "ordered_at"}, {colOutcome, "outcome"}, {colLate, "late"}, {colPromised, "promised"}, {colMissed, "missed"}, {colValue, "value"},
	{colPostal, "postal"}, {colState, "state"}, {colCell, "h3"}, {colOrdered, "ordered"}, {colOrderCost, "order_cost"},
	{colSplitCost, "split_cost"}, {colFloor, "floor"}, {colFloorOutcome, "floor_outcome"}, {colStatus, "status"}, {colGap, "gap"}, {colWhy, "why"},
	{colUpWarehouse, "runner_up_warehouse"}, {colUpService, "runner_up_service"}, {colUpGap, "runner_up_gap"}, {colShipment, "shipment"},
	{colWarehouse, "warehouse"}, {colCarrier, "carrier"}, {colService, "service"}, {colItems, "items"}, {colUnits, "units"},
	{colParcels, "parcels"}, {colWeight, "weight_kg"}, {colZone, "zone"}, {colShipDate, "ship_date"}, {colDeliveryDate, "delivery_date"},
	{colDaysLate, "days_late"}, {colKilometres, "kilometres"}, {colCO2, "co2_grams"}, {colInTime, "in_time"}, {colDelayed, "delayed"},
	{colLost, "lost"}, {colCost, "cost"}, {colFreight, "freight"},
}

func newTableReader(f *parquet.File, terms int) (*tableReader, error) {
	t := &tableReader{cursors: make([]cursor, colTerms+terms)}
	fields := f.Schema().Fields()
	open := func(at, column int) {
		c := &t.cursors[at]
		c.name, c.column, c.groups = fields[column].Name(), column, f.RowGroups()
		t.all = append(t.all, c)
	}
	for _, want := range readColumns {
		i := slices.IndexFunc(fields, func(f parquet.Field) bool { return f.Name() == want.name })
		if i < 0 {
			return nil, fmt.Errorf("there is no column %s", want.name)
		}
		open(want.at, i)
	}
	if len(fields) != colTerms+terms {
		return nil, fmt.Errorf("%d columns, with %d cost terms there are %d", len(fields), terms, colTerms+terms)
	}
	for i := range terms {
		open(colTerms+i, colTerms+i)
	}
	return t, t.next()
}

// next goes on to the next row of all columns.
func (t *tableReader) next() error {
	for i, c := range t.all {
		err := c.next()
		if errors.Is(err, io.EOF) && i == 0 {
			t.more = false
			return nil
		}
		if err != nil {
			return fmt.Errorf("row of column %s: %w", c.name, err)
		}
	}
	t.more = true
	return nil
}

func (t *tableReader) close() error {
	var errs []error
	for _, c := range t.all {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// order reads the next order, nil after the last.
func (t *tableReader) order() (*Order, error) {
	if !t.more {
		return nil, nil //nolint:nilnil // the last was read
	}
	c, o := t.cursors, &t.o
	ships := o.Shipments[:0]
	t.costs = t.costs[:0]
	*o = Order{
		Position: int(c[colOrder].number()), ID: c[colID].string(), At: units.Instant(c[colAt].long() / 1_000), Outcome: c[colOutcome].string(),
		Late: c[colLate].flag(), Promised: c[colPromised].flag(), Missed: c[colMissed].flag(), Postal: c[colPostal].string(), State: c[colState].string(), Cell: c[colCell].string(),
		Value: c[colValue].money(), Cost: c[colOrderCost].money(), SplitCost: c[colSplitCost].money(), Status: c[colStatus].string(),
		Gap: c[colGap].money(), Floor: c[colFloor].money(), FloorOutcome: c[colFloorOutcome].string(), Items: c[colOrdered].string(),
		RunnerUpWarehouse: c[colUpWarehouse].string(), RunnerUpService: c[colUpService].string(), RunnerUpGap: c[colUpGap].money(),
		Why: c[colWhy].string(),
	}
	for t.more && int(c[colOrder].number()) == o.Position {
		if !c[colShipment].null {
			ships = append(ships, Shipment{
				Warehouse: c[colWarehouse].string(), Carrier: c[colCarrier].string(), Service: c[colService].string(), Items: c[colItems].string(),
				Units: c[colUnits].number(), Parcels: c[colParcels].number(), Weight: units.Weight(c[colWeight].long()) * 1_000_000,
				Zone: c[colZone].string(), Cost: c[colCost].money(), Freight: c[colFreight].money(),
				ShipDate: units.Date(c[colShipDate].number()), DeliveryDate: units.Date(c[colDeliveryDate].number()),
				DaysLate: c[colDaysLate].number(), Metres: c[colKilometres].long(), CO2Grams: c[colCO2].long(),
				InTime: units.Probability(c[colInTime].number()), Delayed: c[colDelayed].number(), Lost: c[colLost].flag(),
			})
			for i := range c[colTerms:] {
				t.costs = append(t.costs, c[colTerms+i].money())
			}
		}
		if err := t.next(); err != nil {
			return nil, err
		}
	}
	terms := len(c) - colTerms
	for i := range ships {
		ships[i].Costs = t.costs[i*terms : (i+1)*terms : (i+1)*terms]
	}
	o.Shipments = ships
	return o, nil
}

// Daily reads the daily table.
func (r *Run) Daily() (days []Day, err error) {
	err = r.with("daily.parquet", func(f *parquet.File) (err error) {
		rows := parquet.NewGenericReader[dayRow](f)
		defer func() { err = errors.Join(err, rows.Close()) }()
		batch := make([]dayRow, 1_000)
		for {
			n, err := rows.Read(batch)
			for i := range batch[:n] {
				x := &batch[i]
				d := Day{
					Date: units.Date(x.Date), Warehouse: x.Warehouse, Service: x.Service, Shipments: x.Shipments, Units: x.Units,
					Weight: units.Weight(x.Weight) * 1_000_000, Freight: units.Money(x.Freight), Cost: units.Money(x.Cost), Capacity: -1, Backlog: x.Backlog,
				}
				if x.Capacity != nil {
					d.Capacity = *x.Capacity
				}
				days = append(days, d)
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return days, err
}

// Regions reads the map's regions.
func (r *Run) Regions() ([]Region, error) {
	path := filepath.Join(r.Dir, "regions.geojson")
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	var m struct {
		Run      string
		Features []struct{ Properties regionProperties }
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("results: %s: %w", path, err)
	}
	if m.Run != r.Summary.Hash {
		return nil, fmt.Errorf("results: %s is not of the run that %s tells of", path, filepath.Join(r.Dir, summaryFile))
	}
	out := make([]Region, 0, len(m.Features))
	for i := range m.Features {
		p := &m.Features[i].Properties
		x := Region{
			Cell: p.Cell, Latitude: p.Latitude.String(), Longitude: p.Longitude.String(), Orders: p.Orders, Filled: p.Filled, Promised: p.Promised,
			OnTime: p.OnTime, OnTimeShare: p.OnTimeShare, Shipments: p.Shipments, MeanMetres: p.MeanMetres, Warehouse: p.Warehouse, WarehouseShare: p.WarehouseShare,
		}
		if x.Cost, err = units.ParseMoney(p.Cost); err == nil {
			x.PerOrder, err = units.ParseMoney(p.PerOrder)
		}
		if err != nil {
			return nil, fmt.Errorf("results: %s: feature %s: %w", path, strconv.Quote(p.Cell), err)
		}
		out = append(out, x)
	}
	return out, nil
}
