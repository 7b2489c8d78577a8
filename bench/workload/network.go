package workload

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// What is drawn, each from a source of its own.
const (
	drawOrder uint64 = iota + 1
	drawQuote
	drawFate
	drawRestock
	drawRanks
	drawPlaces
	drawWarehouses
	drawArticles
	drawCells
	drawCards
	drawArrivals
)

// A textFile is a file of a made network that is not a table of the merchant's own.
type textFile struct{ name, text string }

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// rulebook writes the settings, the cards and what they refer to: three carriers with ground, three-day, two-day and overnight
// services in turn, zones by distance, surcharges for remote areas and unwieldy parcels, fuel by the week.
func rulebook(s *Spec, seed uint64) []textFile {
	var out []textFile
	var b strings.Builder
	fmt.Fprintf(&b, `# Made by allot bench workload from a seed. Prices are made up; what is like the world is their shape.
name: %s
currency: USD

policy:
  split_cost: 1.00
  max_shipments: %d
  late: %s
%s  guess_zones: true

defaults:
  country: US
  workdays: mon-fri
  holidays: [us]

calendars:
  weekdays: {week: mon-fri, holidays: [us]}
  monday-to-sat: {week: mon-sat, holidays: [us]}

zones:
`, strconv.Quote(s.Name), s.Network.MaxShipments, s.Network.Late, map[string]string{LateAllow: "  late_cost: 3.00\n"}[s.Network.Late])
	carriers := []string{"a", "b", "c"}
	for i, miles := range [][]int{{150, 300, 600, 1000, 1400, 1800}, {120, 350, 650, 1100, 1500, 1900}, {100, 250, 500, 900, 1300, 1700}} {
		fmt.Fprintf(&b, "  %s:\n    bands:\n", carriers[i])
		for z, m := range miles {
			fmt.Fprintf(&b, "      - {miles: %d, zone: \"%d\"}\n", m, z+2)
		}
		b.WriteString("      - {zone: \"8\"}\n")
		r := rngOf(seed, drawCards, uint64(1_000+i))
		var areas strings.Builder
		areas.WriteString("postal,attributes\n")
		for zip3 := range 1_000 {
			if r.below(6) == 0 {
				fmt.Fprintf(&areas, "%03d,%s\n", zip3, []string{"das", "das_extended"}[r.below(2)])
			}
		}
		out = append(out, textFile{network.AreasDir + "/" + carriers[i] + ".csv", areas.String()})
	}
	b.WriteString("\ncarriers:\n")
	for _, c := range carriers[:min(3, s.Network.Services)] {
		fmt.Fprintf(&b, "  - {id: %s}\n", c)
	}
	b.WriteString("\nservices:\n")
	for i := range s.Network.Services {
		files, line := service(seed, i, carriers[i%3])
		out = append(out, files...)
		b.WriteString(line)
	}
	b.WriteString(`
boxes:
  - {id: small, inside: 9x6x3 in, tare: 4 oz, cost: 0.25}
  - {id: medium, inside: 14x10x6 in, tare: 9 oz, cost: 0.60}
  - {id: large, inside: 24x18x16 in, tare: 24 oz, cost: 1.20}
`)
	holidays := "calendar,date,name\n"
	for _, y := range []int{2026, 2027, 2028} {
		for _, d := range []struct{ month, day int }{{1, 1}, {7, 4}, {12, 25}} {
			holidays += fmt.Sprintf("us,%s,\n", units.DateOf(y, d.month, d.day))
		}
	}
	holidays += "us,2026-11-26,Thanksgiving\nus,2027-11-25,Thanksgiving\nus,2028-11-23,Thanksgiving\n"
	return append(out, textFile{network.SettingsFile, b.String()}, textFile{network.CalendarsDir + "/us.csv", holidays})
}

// service writes the i-th service's line in the settings and its card, prices, fuel and transit.
func service(seed uint64, i int, carrier string) (files []textFile, line string) {
	r := rngOf(seed, drawCards, uint64(i))
	speed := i / 3 % 4 // ground, three days, two days, overnight
	id := fmt.Sprintf("%s-%s-%02d", carrier, []string{"ground", "three-day", "two-day", "overnight"}[speed], i)
	week := func() string { return []string{"weekdays", "monday-to-sat"}[r.below(2)] }
	only := ""
	if i == 4 {
		only = ", only: residential"
	}
	line = fmt.Sprintf("  - {id: %s, carrier: %s, zones: %s, areas: %s, transit: %s, pickup: {calendar: %s, times: [\"%d:00\", \"19:00\"]}, "+
		"linehaul: %s, delivery: %s, co2_grams_per_tonne_km: %d%s}\n", id, carrier, carrier, carrier, id, week(), 15+r.below(2), week(), week(), 80+200*speed, only)

	var transit, prices strings.Builder
	transit.WriteString("zone,days\n")
	prices.WriteString("not_over")
	for z := 2; z <= 8; z++ {
		days := strconv.Itoa(4 - speed)
		if speed == 0 { // ground: one to five days, sometimes one more
			n := 1 + (z-1)*4/7
			days = fmt.Sprintf("%d:9300 %d:700", n, n+1)
		}
		fmt.Fprintf(&transit, "%d,%s\n", z, days)
		fmt.Fprintf(&prices, ",%d", z)
	}
	base, zone, pound := 600+r.below(200)+speed*speed*450, 40+r.below(40)+speed*60, 20+r.below(30)+speed*25
	for lb := 1; lb <= 150; lb++ {
		fmt.Fprintf(&prices, "\n%d lb", lb)
		for z := range 7 {
			prices.WriteString("," + cents(base+zone*z+pound*lb+lb*z*(8+speed*6)))
		}
	}
	prices.WriteString("\n")
	var card strings.Builder
	fmt.Fprintf(&card, `carrier: %s
service: %s
currency: USD
effective_from: 2026-01-01
source: {text: made from a seed}
limits: {weight: 150 lb}
dimensional:
  - {divisor: %s, sides: {round: up, to: 1 in}, round: {round: up, to: 1 lb}}
weight_steps:
  - {to: 1 lb}
structures:
  - {name: package, kind: weight, prices: %s.csv}
surcharges:
  - {name: das, when: [{areas: [das]}], amount: {flat: %s}, group: das, priority: 1, fuelable: true}
  - {name: das_extended, when: [{areas: [das_extended]}], amount: {flat: %s}, group: das, priority: 2, fuelable: true}
  - {name: additional_handling, when: [{weight_over: 50 lb}, {longest_over: 48 in}], amount: {flat: 25.00}}
`, carrier, id, []string{"139 in3/lb", "166 in3/lb"}[r.below(2)], id, cents(310+r.below(100)), cents(520+r.below(100)))
	if carrier != "a" {
		fmt.Fprintf(&card, "fuel: {table: %s-fuel.csv}\n", id)
		percent := func() string { n := 1_000 + r.below(900); return fmt.Sprintf("%d.%02d%%", n/100, n%100) }
		files = append(files, textFile{network.CardsDir + "/" + id + "-fuel.csv",
			fmt.Sprintf("from,to,percent\n2026-01-01,2026-11-26,%s\n2026-11-27,,%s\n", percent(), percent())})
	}
	return append(files, textFile{network.CardsDir + "/" + id + ".yaml", card.String()}, textFile{network.CardsDir + "/" + id + ".csv", prices.String()},
		textFile{network.TransitDir + "/" + id + ".csv", transit.String()}), line
}

// The heads of the merchant's own tables, by which they are written.
var (
	warehousesHead = []string{"id", "postal_code", "cutoff", "processing_hours", "cost_per_order", "cost_per_line", "cost_per_unit", "carriers"}
	skusHead       = []string{"sku", "weight", "length", "width", "height", "value"}
	stockHead      = []string{"warehouse", "sku", "on_hand"}
)

func warehouseID(i int) string { return fmt.Sprintf("w%05d", i) }

// generate makes the network of a spec, without its stock, from the files of its rulebook.
func generate(s *Spec, seed uint64, files []textFile) (*network.Source, error) {
	tables := append(slices.Clone(files), textFile{network.WarehousesFile, strings.Join(warehousesHead, ",") + "\n"},
		textFile{network.SKUsFile, strings.Join(skusHead, ",") + "\n"})
	src, err := readFiles(tables)
	if err != nil {
		return nil, fmt.Errorf("workload: the network of the spec: %w", err)
	}
	us := geo.US()
	where := newCountry(us, contiguous(us))
	at := newAlias(where.weights)
	for i := range s.Network.Warehouses {
		r := rngOf(seed, drawWarehouses, uint64(i))
		cutoff := units.Clock(12+2*r.below(3)) * units.Hour
		row := network.WarehouseRow{
			ID: warehouseID(i), Postal: us.Postal(where.rows[at.draw(r.next())]), Cutoff: &cutoff, Processing: []int32{60, 120, 24 * 60}[r.below(3)],
			PerOrder: units.Money(150+5*r.below(40)) * units.Cent, PerLine: units.Money(20+5*r.below(3)) * units.Cent, PerUnit: units.Money(5+r.below(6)) * units.Cent,
		}
		if r.below(10) == 0 && i > 0 && s.Network.Services > 1 { // somebody has to hand over to each
			row.Carriers = []string{"a", "b"}
		}
		src.Warehouses = append(src.Warehouses, row)
	}
	src.SKUs = make([]network.SKURow, s.Network.SKUs)
	articles := newIDs("s", 7)
	for i := range src.SKUs {
		r := rngOf(seed, drawArticles, uint64(i))
		row := network.SKURow{
			ID: articles.id(i), Weight: units.Weight(1+r.below(64)) * units.Ounce, Value: units.Money(500+r.below(20_000)) * units.Cent,
			Sides: [3]units.Length{units.Length(4+r.below(50)) * units.Inch / 5, units.Length(3+r.below(25)) * units.Inch / 5, units.Length(1+r.below(20)) * units.Inch / 5},
		}
		if r.below(20) == 0 {
			row.Weight *= 10
		}
		src.SKUs[i] = row
	}
	return src, nil
}

// readFiles reads a network that is in memory.
func readFiles(files []textFile) (*network.Source, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(w, f.text)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	fsys, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return nil, err
	}
	return network.Read(fsys)
}

// Cells are the pairs of SKU and warehouse with stock, by rank of the SKU in popularity: those of rank k are
// [from[k], from[k+1]).
type cells struct {
	from      []uint32
	warehouse []uint16
}

// placeStock draws which warehouses have which SKU, by rank: as many as the spec says in the mean, one at least.
func placeStock(s *Spec, seed uint64, weights []uint64) cells {
	n, all := s.Network.SKUs, uint64(s.Network.Warehouses)
	total := max(uint64(n)*all*uint64(s.Network.Stocked)/uint64(units.WholePercent), uint64(n))
	count := func(k int) uint64 { // as if every SKU sold alike; a few more of the first ones make the sum
		c := total / uint64(n)
		if uint64(k) < total%uint64(n) {
			c++
		}
		return c
	}
	if s.Network.Spread == SpreadPopular {
		count = popular(weights, total, all)
	}
	out := cells{from: make([]uint32, n+1)}
	chosen := make([]uint16, all)
	for w := range chosen {
		chosen[w] = uint16(w)
	}
	for k := range n {
		r := rngOf(seed, drawCells, uint64(k))
		c := int(count(k))
		for i := range c { // the beginning of a shuffle of whatever order they are in: each set is as likely as another
			j := i + r.below(len(chosen)-i)
			chosen[i], chosen[j] = chosen[j], chosen[i]
		}
		at := len(out.warehouse)
		out.warehouse = append(out.warehouse, chosen[:c]...)
		slices.Sort(out.warehouse[at:])
		out.from[k+1] = uint32(len(out.warehouse))
	}
	return out
}

// popular returns how many of all warehouses have the SKU of a rank, so that it grows with the weight, is at least 1 and at most
// all, and comes to about total in sum.
func popular(weights []uint64, total, all uint64) func(k int) uint64 {
	// Of a unit of weight, up to so many warehouses by 2^40; by halves, from the highest bit down.
	factor := uint64(0)
	at := func(f, w uint64) uint64 {
		hi, lo := bits.Mul64(f, w)
		if hi >= 1<<39 {
			return all
		}
		return min(max(hi<<24|lo>>40, 1), all)
	}
	for bit := 62; bit >= 0; bit-- {
		f, sum := factor|1<<bit, uint64(0)
		for _, w := range weights {
			if sum += at(f, w); sum > total {
				break
			}
		}
		if sum <= total {
			factor = f
		}
	}
	return func(k int) uint64 { return at(factor, weights[k]) }
}

// plenty is the stock of a cell that no workload sells out, and the most that one is given.
const plenty = 100_000_000

// stockRows returns the stock of a generated network, by rank and then by warehouse.
func (w *Workload) stockRows() []network.StockRow {
	s := w.spec
	orders := uint64(s.Network.Stock.Orders)
	if d := s.Network.Stock.Days; d > 0 {
		orders = uint64(float64(d) * 86_400 * w.Arrivals().Mean())
	}
	lines, each := uint64(0), uint64(0) // in the mean, by 10,000
	for _, v := range s.Orders.Lines {
		lines += uint64(v.Value) * uint64(v.Share)
	}
	for _, v := range s.Orders.Units {
		each += uint64(v.Value) * uint64(v.Share)
	}
	demand := share(orders, lines*each, 1e8)
	sum := uint64(0)
	for _, x := range w.weights {
		sum += x
	}
	rows := make([]network.StockRow, 0, len(w.cells.warehouse))
	for k, sku := range w.byRank {
		here := w.cells.warehouse[w.cells.from[k]:w.cells.from[k+1]]
		onHand := uint64(plenty)
		if s.Network.Stock != (StockLevel{}) {
			onHand = min((share(demand, w.weights[k], sum)+uint64(len(here))-1)/uint64(len(here)), plenty)
		}
		for _, at := range here {
			rows = append(rows, network.StockRow{Warehouse: w.warehouses[at], SKU: sku, OnHand: int32(onHand)})
		}
	}
	return rows
}

// WriteNetwork writes the network of the workload and its stock as a network directory, which must be empty or not be there: what
// allot serve and the rest take. It compiles to the version of Source.
func (w *Workload) WriteNetwork(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if there, err := os.ReadDir(dir); err != nil || len(there) > 0 {
		return cmp.Or(err, fmt.Errorf("workload: %s is not empty", dir))
	}
	if w.spec.Network.Directory != "" {
		return os.CopyFS(dir, os.DirFS(w.spec.Network.Directory))
	}
	src := w.Source()
	for _, f := range rulebook(w.spec, w.seed) {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.text), 0o666); err != nil {
			return err
		}
	}
	return errors.Join(
		writeTable(filepath.Join(dir, network.WarehousesFile), warehousesHead, len(src.Warehouses), func(i int, row []string) []string {
			r := &src.Warehouses[i]
			return append(row, r.ID, r.Postal, r.Cutoff.String(), strconv.Itoa(int(r.Processing/60)), r.PerOrder.String(), r.PerLine.String(), r.PerUnit.String(), strings.Join(r.Carriers, ";"))
		}),
		writeTable(filepath.Join(dir, network.SKUsFile), skusHead, len(src.SKUs), func(i int, row []string) []string {
			r := &src.SKUs[i]
			return append(row, r.ID, strconv.Itoa(int(r.Weight/units.Ounce))+" oz", r.Sides[0].String(), r.Sides[1].String(), r.Sides[2].String(), r.Value.String())
		}),
		writeTable(filepath.Join(dir, network.StockFile), stockHead, len(src.Stock), func(i int, row []string) []string {
			r := &src.Stock[i]
			return append(row, r.Warehouse, r.SKU, strconv.Itoa(int(r.OnHand)))
		}))
}

// The keys of a spec that name what lies beside it, with their values.
var (
	directoryKey = regexp.MustCompile(`(?m)(^|[{,\s])(directory:\s*)("[^"\n]*"|'[^'\n]*'|[^\s,}#]+)`)
	fileKey      = regexp.MustCompile(`(?m)(^|[{,\s])(file:\s*)("[^"\n]*"|'[^'\n]*'|[^\s,}#]+)`)
)

// Write writes the workload as a directory that depends on no other, which must be empty or not be there: network with the
// network and its stock, and workload.yaml with the spec, beside what that names. Whoever reads that spec and takes the same
// seed has the same workload. It fails where the spec was built in code.
func (w *Workload) Write(dir string) error {
	if w.spec.text == nil {
		return errors.New("workload: the spec is not from a file")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if there, err := os.ReadDir(dir); err != nil || len(there) > 0 {
		return cmp.Or(err, fmt.Errorf("workload: %s is not empty", dir))
	}
	text, want := w.spec.text, *w.spec
	if want.Network.Directory != "" {
		want.Network.Directory = filepath.Join(dir, "network")
		text = directoryKey.ReplaceAll(text, []byte("${1}${2}network"))
	}
	if want.Arrivals.File != "" {
		name := "arrivals" + filepath.Ext(want.Arrivals.File)
		data, err := os.ReadFile(want.Arrivals.File)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return err
		}
		want.Arrivals.File = filepath.Join(dir, name)
		text = fileKey.ReplaceAll(text, []byte("${1}${2}"+name))
	}
	path := filepath.Join(dir, "workload.yaml")
	got, err := Read(path, text)
	if err != nil || got.Network.Directory != want.Network.Directory || got.Arrivals.File != want.Arrivals.File {
		return cmp.Or(err, errors.New("workload: write what the spec names as directory and file on a line of its own"))
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		return err
	}
	return w.WriteNetwork(filepath.Join(dir, "network"))
}

// writeTable writes a CSV file of n rows.
func writeTable(path string, head []string, n int, row func(i int, into []string) []string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := bufio.NewWriterSize(f, 1<<16)
	c := csv.NewWriter(b)
	if err := c.Write(head); err != nil {
		return err
	}
	into := make([]string, 0, len(head))
	for i := range n {
		if err := c.Write(row(i, into[:0])); err != nil {
			return err
		}
	}
	c.Flush()
	return errors.Join(c.Error(), b.Flush())
}
