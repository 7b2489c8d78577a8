package results

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/units"
)

// Finish writes what is left, gives the files their names and returns the summary. A run that was stopped leaves the
// results of what was done, marked as partial. The error names the file that could not be written; the directory is then
// without results and free for another run.
func (r *Recorder) Finish(rep *simulate.Report) (*Summary, error) {
	s, err := r.finish(rep)
	if err != nil {
		return nil, errors.Join(err, r.dir.abandon())
	}
	return s, nil
}

// Abandon takes away what was written of a run that failed.
func (r *Recorder) Abandon() error { return r.dir.abandon() }

func (r *Recorder) finish(rep *simulate.Report) (*Summary, error) {
	if r.err != nil {
		return nil, r.err
	}
	if !slices.Equal(rep.Terms, r.terms) {
		return nil, fmt.Errorf("results: the run has the cost terms %q, and the tables were made for %q", rep.Terms, r.terms)
	}
	daily := r.daily()
	regions, err := r.regions()
	if err != nil {
		return nil, fmt.Errorf("results: map: %w", err)
	}
	s := r.summary(rep, daily)
	metadata := s.metadata()
	if err := r.table.wrap(r.sheet.close(metadata)); err != nil {
		return nil, err
	}
	files := map[string]func(io.Writer) error{
		"daily.parquet":   func(w io.Writer) error { return writeDaily(w, daily, metadata) },
		"regions.geojson": func(w io.Writer) error { return writeMap(w, r.o.Resolution, regions, s) },
		"summary.json":    func(w io.Writer) error { return writeJSON(w, s) },
	}
	if r.o.CSV {
		files["daily.csv"] = func(w io.Writer) error { return writeDailyCSV(w, daily) }
		files["regions.csv"] = func(w io.Writer) error { return writeRegionsCSV(w, regions) }
		files["summary.csv"] = func(w io.Writer) error { return writeSummaryCSV(w, s) }
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := r.dir.write(name, files[name]); err != nil {
			return nil, err
		}
	}
	return s, r.dir.finish()
}

// The keys of what a Parquet file says of the run that it belongs to.
const (
	keyHash   = "allot.run"
	keyName   = "allot.name"
	keyFormat = "allot.format"
	keyTerms  = "allot.terms"
)

func (s *Summary) metadata() [][2]string {
	terms, err := json.Marshal(s.Terms)
	if err != nil {
		panic(err) // text can be told
	}
	return [][2]string{{keyFormat, strconv.Itoa(s.Format)}, {keyHash, s.Hash}, {keyName, s.Name}, {keyTerms, string(terms)}}
}

// top is how many rows the lists of stock-outs have.
const top = 20

func (r *Recorder) summary(rep *simulate.Report, daily []Day) *Summary {
	t, h := &r.totals, r.in.History
	s := &Summary{
		Format: Format, Version: r.o.Version, Name: r.in.Name, Partial: rep.Stopped || rep.Done < rep.Orders, Hash: rep.Hash, State: rep.State,
		Seed: r.in.Seed, Sources: maps.Clone(r.in.Sources), Currency: r.snap.Currency, Terms: slices.Clone(r.terms), Resolution: r.o.Resolution,
	}
	if s.Sources == nil {
		s.Sources = map[string]string{}
	}
	if s.Terms == nil {
		s.Terms = []string{}
	}
	for _, e := range r.in.Epochs {
		s.Networks = append(s.Networks, e.Snapshot.Version)
	}
	s.Skipped = r.skipped()
	s.Orders = OrderCounts{
		History: int64(rep.Orders), Done: t.orders, Filled: t.filled, Refused: t.orders - t.filled - t.malformed, Malformed: t.malformed,
		Unusable: ShareOf(t.malformed, t.orders), Refusals: []Outcomes{}, Fill: ShareOf(t.filled, t.orders), Units: t.units,
	}
	for o, n := range t.byOutcome {
		if n > 0 {
			s.Orders.Refusals = append(s.Orders.Refusals, Outcomes{engine.Outcome(o).String(), n})
		}
	}
	if h.Value != nil {
		s.Orders.Value, s.Orders.Lost = new(t.value), new(t.lostValue)
	}
	if t.orders > 0 {
		s.Orders.First, s.Orders.Last = h.At[0].String(), h.At[t.orders-1].String()
	}
	per := func(sum units.Money, n int64) units.Money { return units.Money(mean(int64(sum), n)) }
	s.Cost = CostTotals{Total: t.cost, PerOrder: per(t.cost, t.filled), Freight: t.freight, Split: t.split, Terms: []TermTotal{}}
	for i, term := range r.terms {
		s.Cost.Terms = append(s.Cost.Terms, TermTotal{term, t.terms[i], shareOfMoney(t.terms[i], t.cost)})
	}
	s.Floor = FloorTotals{
		Orders: t.floorOrders, Cost: t.floorCost, Total: t.floor, PerOrder: per(t.floor, t.floorOrders), Gap: t.floorCost - t.floor,
		Share: shareOfMoney(t.floorCost-t.floor, t.floor), Refused: t.floorRefused,
	}
	s.OnTime = OnTimeTotals{
		Promised: t.promised, Planned: t.planned, Share: ShareOf(t.planned, t.promised), Realised: t.realised,
		RealisedLate: ShareOf(t.promised-t.realised, t.promised),
	}
	if t.promised > 0 {
		s.OnTime.ExpectedLate = ShareOf(mean(t.expectedLate, t.promised), certain)
	}
	s.Mishaps = MishapTotals{Delayed: t.delayed, Days: t.delayDays, Lost: t.lost, Orders: t.mishapOrders}
	s.Splits = []SplitCount{}
	for n, orders := range t.splits {
		if orders > 0 {
			s.Splits = append(s.Splits, SplitCount{int64(n), orders, ShareOf(orders, t.filled)})
		}
	}
	s.Shipping = ShippingTotals{
		Shipments: t.shipments, PerOrder: ShareOf(t.shipments, t.filled), Parcels: t.parcels, Weight: kilogramText(t.weight), Metres: t.metres,
		MeanMetres: mean(t.metres, t.shipments), CO2Grams: t.grams, CO2PerOrder: mean(t.grams, t.filled), GuessedZones: t.guessed,
	}
	s.Transit, s.Delivery = daysOf(t.transit, t.shipments), daysOf(t.delivery, t.shipments)
	r.perWarehouse(s, daily)
	r.perService(s)
	s.StockOuts = r.stockOuts()
	s.Days = r.perDay(daily)
	s.Faults = []string{}
	for _, f := range rep.Faults {
		s.Faults = append(s.Faults, f.String())
	}
	return s
}

// skipped is what reading the history left out.
func (r *Recorder) skipped() SkippedTotals {
	t := SkippedTotals{Of: int64(r.in.History.Len() + len(r.in.History.Moves)), Faults: []string{}}
	bad := r.o.Skipped
	if bad == nil || bad.Rows == 0 {
		return t
	}
	t.Rows, t.Of, t.Share = int64(bad.Rows), int64(bad.Of), ShareOf(int64(bad.Rows), int64(bad.Of))
	for i := range bad.Faults[:min(len(bad.Faults), listedFaults)] {
		t.Faults = append(t.Faults, bad.Faults[i].String())
	}
	return t
}

// listedFaults is how many faults of what was skipped a summary lists.
const listedFaults = 100

// shareOfMoney is a part of an amount, which may be negative.
func shareOfMoney(n, d units.Money) Share {
	if d <= 0 {
		return 0
	}
	return Share(n.Times(int64(Whole), int64(d)))
}

func daysOf(counts []int64, shipments int64) DaysTotals {
	out, sum := DaysTotals{Days: []DaysCount{}}, int64(0)
	for d, n := range counts {
		if n > 0 {
			out.Days = append(out.Days, DaysCount{int32(d), n, ShareOf(n, shipments)})
			sum += int64(d) * n
		}
	}
	out.Mean = ShareOf(sum, shipments)
	return out
}

func (r *Recorder) perWarehouse(s *Summary, daily []Day) {
	at := map[string]int{}
	s.Warehouses = []WarehouseTotal{}
	ids := r.snap.Rows().Warehouses
	for _, w := range byID(ids) {
		closed := true
		for _, e := range r.in.Epochs {
			closed = closed && (int(w) >= len(e.Snapshot.Warehouses) || e.Snapshot.Warehouses[w].Closed)
		}
		shipped := slices.ContainsFunc(r.grid.cells[int(w)*r.grid.services:(int(w)+1)*r.grid.services], func(c []cell) bool { return len(c) > 0 })
		if closed && !shipped {
			continue
		}
		at[ids[w]] = len(s.Warehouses)
		s.Warehouses = append(s.Warehouses, WarehouseTotal{Warehouse: ids[w]})
	}
	for i := range daily {
		d := &daily[i]
		if d.Service != "" {
			continue
		}
		w := &s.Warehouses[at[d.Warehouse]]
		w.Shipments += d.Shipments
		w.Units += d.Units
		w.Cost += d.Cost
		w.Freight += d.Freight
		if d.Shipments > w.Peak {
			w.Peak, w.PeakDay = d.Shipments, d.Date.String()
		}
		if d.Backlog > w.Backlog {
			w.Backlog, w.BacklogOn = d.Backlog, d.Date.String()
		}
		if d.Shipments == 0 {
			continue
		}
		if d.Capacity < 0 || w.Capacity < 0 {
			w.Capacity = -1
			continue
		}
		w.Capacity += d.Capacity
		if d.Shipments >= d.Capacity {
			w.FullDays++
		}
	}
	for i := range s.Warehouses {
		w := &s.Warehouses[i]
		w.Share = ShareOf(w.Shipments, r.totals.shipments)
		if w.Capacity > 0 {
			w.Used = ShareOf(w.Shipments, w.Capacity)
		}
	}
}

func (r *Recorder) perService(s *Summary) {
	ids := r.snap.Rows().Services
	carriers := map[string]*CarrierTotal{}
	weights := map[string]units.Weight{}
	s.Services, s.Carriers = []ServiceTotal{}, []CarrierTotal{}
	for _, row := range byID(ids) {
		x := ServiceTotal{Service: ids[row], CarrierTotal: CarrierTotal{Carrier: r.carrierOf(row)}}
		weight := units.Weight(0)
		for i := int(row); i < len(r.grid.cells); i += r.grid.services {
			for _, c := range r.grid.cells[i] {
				x.Shipments += c.shipments
				x.Spend += c.freight
				x.Units += c.units
				weight += c.weight
			}
		}
		c := carriers[x.Carrier]
		if c == nil {
			c = &CarrierTotal{Carrier: x.Carrier}
			carriers[x.Carrier] = c
		}
		c.Shipments += x.Shipments
		c.Spend += x.Spend
		c.Units += x.Units
		weights[x.Carrier] += weight
		r.shares(&x.CarrierTotal, weight)
		s.Services = append(s.Services, x)
	}
	for _, name := range slices.Sorted(maps.Keys(carriers)) {
		r.shares(carriers[name], weights[name])
		s.Carriers = append(s.Carriers, *carriers[name])
	}
}

func (r *Recorder) shares(c *CarrierTotal, weight units.Weight) {
	c.Share, c.OfSpend = ShareOf(c.Shipments, r.totals.shipments), shareOfMoney(c.Spend, r.totals.freight)
	c.Weight = kilogramText(weight)
}

func (r *Recorder) stockOuts() StockOutTotals {
	g, ids := &r.grid, r.snap.SKUs.IDs
	out := StockOutTotals{
		Events: g.outs, SKUs: int64(len(g.skus)), Everywhere: int64(len(g.gone)), First: []StockOutRow{}, Top: []StockOutRank{},
	}
	for _, sku := range g.gone[:min(len(g.gone), top)] {
		out.First = append(out.First, StockOutRow{ids[sku], g.skus[sku].everywhere.String()})
	}
	ranked := slices.SortedFunc(maps.Keys(g.skus), func(a, b int32) int {
		x, y := g.skus[a], g.skus[b]
		return cmp.Or(cmp.Compare(y.events, x.events), cmp.Compare(x.first, y.first), cmp.Compare(ids[a], ids[b]))
	})
	for _, sku := range ranked[:min(len(ranked), top)] {
		o := g.skus[sku]
		x := StockOutRank{SKU: ids[sku], Events: o.events, First: o.first.String()}
		if o.everywhere != 0 {
			x.Everywhere = o.everywhere.String()
		}
		out.Top = append(out.Top, x)
	}
	return out
}

// perDay joins the days on which orders came with those on which shipments leave.
func (r *Recorder) perDay(daily []Day) []DayTotal {
	days := map[units.Date]*DayTotal{}
	at := func(d units.Date) *DayTotal {
		if days[d] == nil {
			days[d] = &DayTotal{Date: d}
		}
		return days[d]
	}
	for i, o := range r.grid.days {
		if o.orders > 0 {
			d := at(r.grid.base + units.Date(i))
			d.Orders, d.Filled, d.Refused, d.Cost = o.orders, o.filled, o.refused, o.cost
		}
	}
	for i := range daily {
		if x := &daily[i]; x.Service == "" && x.Shipments > 0 {
			d := at(x.Date)
			d.Shipments += x.Shipments
			d.Units += x.Units
			d.Freight += x.Freight
		}
	}
	out := []DayTotal{}
	for _, d := range slices.Sorted(maps.Keys(days)) {
		out = append(out, *days[d])
	}
	return out
}

func writeJSON(w io.Writer, s *Summary) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// A dayRow is a Day as Parquet has it.
type dayRow struct {
	Date      int32  `parquet:"date,date"`
	Warehouse string `parquet:"warehouse,dict"`
	Service   string `parquet:"service,dict"`
	Shipments int64  `parquet:"shipments"`
	Units     int64  `parquet:"units"`
	Weight    int64  `parquet:"weight_kg,decimal(6:18)"`
	Freight   int64  `parquet:"freight,decimal(6:18)"`
	Cost      int64  `parquet:"cost,decimal(6:18)"`
	Capacity  *int64 `parquet:"capacity,optional"`
	Backlog   int64  `parquet:"backlog"`
}

func writeDaily(w io.Writer, days []Day, metadata [][2]string) error {
	out := parquet.NewGenericWriter[dayRow](w, parquet.Compression(codec), parquet.CreatedBy("allot", "", ""))
	for _, kv := range metadata {
		out.SetKeyValueMetadata(kv[0], kv[1])
	}
	for i := range days {
		d := &days[i]
		row := dayRow{
			Date: int32(d.Date), Warehouse: d.Warehouse, Service: d.Service, Shipments: d.Shipments, Units: d.Units, Weight: kilograms(d.Weight),
			Freight: int64(d.Freight), Cost: int64(d.Cost), Backlog: d.Backlog,
		}
		if d.Capacity >= 0 {
			row.Capacity = &d.Capacity
		}
		if _, err := out.Write([]dayRow{row}); err != nil {
			return err
		}
	}
	return out.Close()
}

func writeDailyCSV(w io.Writer, days []Day) error {
	b := []byte("date,warehouse,service,shipments,units,weight_kg,freight,cost,capacity,backlog\n")
	for i := range days {
		d := &days[i]
		b = append(append(b, d.Date.String()...), ',')
		b = append(appendQuoted(b, d.Warehouse), ',')
		b = append(appendQuoted(b, d.Service), ',')
		b = append(strconv.AppendInt(b, d.Shipments, 10), ',')
		b = append(strconv.AppendInt(b, d.Units, 10), ',')
		b = append(appendDecimal(b, kilograms(d.Weight), 6, 0), ',')
		b = append(appendMoney(b, d.Freight), ',')
		b = append(appendMoney(b, d.Cost), ',')
		if d.Capacity >= 0 {
			b = strconv.AppendInt(b, d.Capacity, 10)
		}
		b = append(strconv.AppendInt(append(b, ','), d.Backlog, 10), '\n')
	}
	_, err := w.Write(b)
	return err
}

func writeRegionsCSV(w io.Writer, regions []Region) error {
	b := []byte("h3,latitude,longitude,orders,filled,cost,cost_per_order,promised,on_time,on_time_share,shipments,mean_kilometres,warehouse,warehouse_share\n")
	for i := range regions {
		x := &regions[i]
		for _, text := range []string{
			x.Cell, x.Latitude, x.Longitude, strconv.FormatInt(x.Orders, 10), strconv.FormatInt(x.Filled, 10), x.Cost.String(), x.PerOrder.String(),
			strconv.FormatInt(x.Promised, 10), strconv.FormatInt(x.OnTime, 10), x.OnTimeShare.String(), strconv.FormatInt(x.Shipments, 10),
			string(appendDecimal(nil, x.MeanMetres, 3, 0)), x.Warehouse,
		} {
			b = append(appendQuoted(b, text), ',')
		}
		b = append(append(b, x.WarehouseShare.String()...), '\n')
	}
	_, err := w.Write(b)
	return err
}

// writeSummaryCSV writes every figure of the summary under the path that it has in the JSON.
func writeSummaryCSV(w io.Writer, s *Summary) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	b := []byte("figure,value\n")
	var walk func(path string, raw json.RawMessage) error
	walk = func(path string, raw json.RawMessage) error {
		switch raw[0] {
		case '{', '[':
			return members(raw, func(key string, value json.RawMessage) error {
				if path != "" {
					key = path + "." + key
				}
				return walk(key, value)
			})
		case '"':
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				return err
			}
			b = append(appendQuoted(append(appendQuoted(b, path), ','), text), '\n')
		case 'n':
		default:
			b = append(append(append(appendQuoted(b, path), ','), raw...), '\n')
		}
		return nil
	}
	if err := walk("", raw); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
