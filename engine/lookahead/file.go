package lookahead

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// A forecastFile is the YAML file of a forecast. The tables are files of their own, beside it.
type forecastFile struct {
	OrdersPerDay *Rate       `yaml:"orders_per_day"`
	UsualTime    units.Clock `yaml:"usual_time"`
	Weekdays     struct {
		Mon *units.Percent `yaml:"mon"`
		Tue *units.Percent `yaml:"tue"`
		Wed *units.Percent `yaml:"wed"`
		Thu *units.Percent `yaml:"thu"`
		Fri *units.Percent `yaml:"fri"`
		Sat *units.Percent `yaml:"sat"`
		Sun *units.Percent `yaml:"sun"`
	} `yaml:"weekdays"`
	Seasons []struct {
		From   units.Date    `yaml:"from"`
		Until  units.Date    `yaml:"until"`
		Factor units.Percent `yaml:"factor"`
	} `yaml:"seasons"`
	Unfilled   units.Money `yaml:"unfilled"`
	Quantities []int64     `yaml:"quantities"`
	Promises   []struct {
		Days   *int32 `yaml:"days"`
		Orders int64  `yaml:"orders"`
	} `yaml:"promises"`
	Replenishment struct {
		Every  int32        `yaml:"every"`
		Next   units.Date   `yaml:"next"`
		Dates  []units.Date `yaml:"dates"`
		Cycles *int32       `yaml:"cycles"`
	} `yaml:"replenishment"`
	Types   string `yaml:"types"`
	Regions string `yaml:"regions"`
	Supply  string `yaml:"supply"`
	Fitted  struct {
		From   units.Date `yaml:"from"`
		Until  units.Date `yaml:"until"`
		Orders int64      `yaml:"orders"`
	} `yaml:"fitted"`
}

// The columns of the tables.
var (
	typeColumns   = []table.Column{{Name: "orders", Required: true}, {Name: "skus", Required: true}}
	regionColumns = []table.Column{{Name: "orders", Required: true}, {Name: "country"}, {Name: "prefix"}, {Name: "postal_code"}, {Name: "collect_at"}}
	supplyColumns = []table.Column{{Name: "date"}, {Name: "warehouse", Required: true}, {Name: "sku", Required: true}, {Name: "units", Required: true}}
)

const (
	defaultUsual  = 18 * units.Hour
	defaultCycles = 2
)

// Read reads a forecast: the YAML file name, and the tables that it names, which lie beside it or below. The error is a
// *faults.Error with everything that is wrong with any of them, file, row and column; or what kept a file from being
// read.
func Read(fsys fs.FS, name string) (*Forecast, error) {
	var fl faults.List
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	r := &reader{fsys: fsys, name: name, faults: &fl, rows: map[string][]*table.Row{}}
	var file forecastFile
	file.UsualTime = defaultUsual
	r.doc = strictyaml.Decode(name, raw, &file, &fl)
	if !r.doc.Has("") {
		return nil, fl.Err()
	}
	f := r.settings(&file)
	if err := r.tables(f, &file); err != nil {
		return nil, err
	}
	if fl.Len() == 0 { // else much of what it says would follow from what is known
		f.check(r.fault)
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// A reader is one run of Read.
type reader struct {
	fsys   fs.FS
	name   string
	faults *faults.List
	doc    *strictyaml.Document
	rows   map[string][]*table.Row // by table
}

// fault places a fault by its path: types[3].orders stands in the fourth row of the types.
func (r *reader) fault(at, mend, format string, args ...any) {
	if kind, rest, ok := strings.Cut(at, "["); ok && r.rows[kind] != nil {
		index, column, _ := strings.Cut(rest, "].")
		if i, err := strconv.Atoi(index); err == nil && i < len(r.rows[kind]) {
			r.rows[kind][i].Fault(column, mend, format, args...)
			return
		}
	}
	line, column := r.doc.Place(at)
	r.faults.Addf(r.name, line, column, at, mend, format, args...)
}

func (r *reader) settings(file *forecastFile) *Forecast {
	f := &Forecast{
		Usual: file.UsualTime, Unfilled: file.Unfilled, Quantities: file.Quantities,
		Every: file.Replenishment.Every, Next: file.Replenishment.Next, Dates: file.Replenishment.Dates, Cycles: defaultCycles,
		From: file.Fitted.From, Until: file.Fitted.Until, Seen: file.Fitted.Orders,
	}
	if file.OrdersPerDay != nil {
		f.Orders = *file.OrdersPerDay
	} else {
		r.fault("orders_per_day", "write how many come on a day in the mean, as 812.5", "missing")
	}
	if c := file.Replenishment.Cycles; c != nil {
		f.Cycles = *c
	}
	w := &file.Weekdays
	for i, p := range []*units.Percent{w.Mon, w.Tue, w.Wed, w.Thu, w.Fri, w.Sat, w.Sun} {
		f.Weekdays[i] = units.WholePercent
		if p != nil {
			f.Weekdays[i] = *p
		}
	}
	for _, s := range file.Seasons {
		f.Seasons = append(f.Seasons, Season{From: s.From, Until: s.Until, Factor: s.Factor})
	}
	for _, p := range file.Promises {
		days := NoPromise
		if p.Days != nil {
			days = *p.Days
		}
		f.Promises = append(f.Promises, Promise{Days: days, Weight: p.Orders})
	}
	return f
}

// tables reads the tables that the file names.
func (r *reader) tables(f *Forecast, file *forecastFile) error {
	err := r.table("types", file.Types, typeColumns, true, func(row *table.Row) {
		t := Type{Weight: row.Int("orders", 0, 0, maxWeight)}
		for sku := range strings.SplitSeq(row.Required("skus"), ";") {
			t.SKUs = append(t.SKUs, strings.TrimSpace(sku))
		}
		f.Types = append(f.Types, t)
	})
	if err != nil {
		return err
	}
	err = r.table("regions", file.Regions, regionColumns, true, func(row *table.Row) {
		f.Regions = append(f.Regions, Region{
			Weight: row.Int("orders", 0, 0, maxWeight), Country: strings.ToUpper(row.Text("country")), Prefix: row.Text("prefix"),
			Postal: row.Text("postal_code"), CollectAt: row.Text("collect_at"),
		})
	})
	if err != nil {
		return err
	}
	return r.table("supply", file.Supply, supplyColumns, false, func(row *table.Row) {
		f.Supply = append(f.Supply, Supply{
			Date: row.Date("date", 0), Warehouse: row.Required("warehouse"), SKU: row.Required("sku"), Units: int32(row.Int("units", 0, 0, 1<<30)),
		})
	})
}

// table reads one table row by row.
func (r *reader) table(kind, name string, columns []table.Column, required bool, each func(*table.Row)) error {
	if name == "" {
		if required {
			r.fault(kind, "name the CSV file beside this one", "missing")
		}
		return nil
	}
	at := path.Join(path.Dir(r.name), name)
	if path.IsAbs(name) || !fs.ValidPath(at) {
		r.fault(kind, "name a file beside this one", "%.200q is none", name)
		return nil
	}
	in, err := r.fsys.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		r.fault(kind, "write the file, or name another", "there is no %s", at)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it is only read
	if info, err := in.Stat(); err != nil || info.IsDir() {
		r.fault(kind, "name a CSV file", "%s is none", at)
		return err
	}
	t := table.Read(at, in, columns, r.faults)
	for row := range t.Rows() {
		r.rows[kind] = append(r.rows[kind], row)
		each(row)
	}
	return nil
}

// Files returns the files of a forecast by their names: the YAML file name, and tables whose names begin as its does. Read
// reads the same forecast from them. The same forecast gives the same bytes.
func (f *Forecast) Files(name string) map[string][]byte {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	var b bytes.Buffer
	if f.Seen > 0 {
		fmt.Fprintf(&b, "# Fitted from %d orders of %v to %v. Days are those of UTC; orders are weights.\n", f.Seen, f.From, f.Until)
	}
	fmt.Fprintf(&b, "orders_per_day: %v\nusual_time: %q\n", f.Orders, f.Usual.String())
	if w := f.weekdays(); w != [7]units.Percent{100e2, 100e2, 100e2, 100e2, 100e2, 100e2, 100e2} {
		fmt.Fprintf(&b, "weekdays: {mon: %v, tue: %v, wed: %v, thu: %v, fri: %v, sat: %v, sun: %v}\n", w[0], w[1], w[2], w[3], w[4], w[5], w[6])
	}
	if len(f.Seasons) > 0 {
		b.WriteString("seasons:\n")
		for _, s := range f.Seasons {
			fmt.Fprintf(&b, "  - {from: %v, until: %v, factor: %v}\n", s.From, s.Until, s.Factor)
		}
	}
	if f.Unfilled != 0 {
		fmt.Fprintf(&b, "unfilled: %v  # for a unit that cannot be shipped\n", f.Unfilled)
	}
	if len(f.Quantities) > 0 {
		b.WriteString("quantities:  # lines of 1, 2, 3 … units\n")
		for _, n := range f.Quantities {
			fmt.Fprintf(&b, "  - %d\n", n)
		}
	}
	if len(f.Promises) > 0 {
		b.WriteString("promises:  # days from the order to the promise; without days: none\n")
		for _, p := range f.Promises {
			if p.Days == NoPromise {
				fmt.Fprintf(&b, "  - {orders: %d}\n", p.Weight)
			} else {
				fmt.Fprintf(&b, "  - {days: %d, orders: %d}\n", p.Days, p.Weight)
			}
		}
	}
	b.WriteString("replenishment:\n")
	if len(f.Dates) > 0 {
		b.WriteString("  dates:\n")
		for _, d := range f.Dates {
			fmt.Fprintf(&b, "    - %v\n", d)
		}
	} else {
		fmt.Fprintf(&b, "  every: %d  # days\n  next: %v\n", f.Every, f.Next)
	}
	fmt.Fprintf(&b, "  cycles: %d  # looked at beyond the present one, where supply is known\n", f.Cycles)
	fmt.Fprintf(&b, "types: %s\nregions: %s\n", quoted(stem+".types.csv"), quoted(stem+".regions.csv"))
	out := map[string][]byte{stem + ".types.csv": f.typesCSV(), stem + ".regions.csv": f.regionsCSV()}
	if len(f.Supply) > 0 {
		fmt.Fprintf(&b, "supply: %s\n", quoted(stem+".supply.csv"))
		out[stem+".supply.csv"] = f.supplyCSV()
	}
	if f.Seen > 0 {
		fmt.Fprintf(&b, "fitted: {from: %v, until: %v, orders: %d}\n", f.From, f.Until, f.Seen)
	}
	out[path.Base(name)] = b.Bytes()
	return out
}

// quoted writes a name so that YAML reads it as text.
func quoted(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" && name[0] >= 'a' {
		return name
	}
	return strconv.Quote(name)
}

// weekdays returns the factors of the days of the week, which are 100 % where none are given.
func (f *Forecast) weekdays() [7]units.Percent {
	w := f.Weekdays
	if w == [7]units.Percent{} {
		for i := range w {
			w[i] = units.WholePercent
		}
	}
	return w
}

func (f *Forecast) typesCSV() []byte {
	return csvOf([]string{"orders", "skus"}, len(f.Types), func(i int) []string {
		return []string{strconv.FormatInt(f.Types[i].Weight, 10), strings.Join(f.Types[i].SKUs, ";")}
	})
}

func (f *Forecast) regionsCSV() []byte {
	return csvOf([]string{"orders", "country", "prefix", "postal_code", "collect_at"}, len(f.Regions), func(i int) []string {
		r := &f.Regions[i]
		return []string{strconv.FormatInt(r.Weight, 10), r.Country, r.Prefix, r.Postal, r.CollectAt}
	})
}

func (f *Forecast) supplyCSV() []byte {
	return csvOf([]string{"date", "warehouse", "sku", "units"}, len(f.Supply), func(i int) []string {
		s := &f.Supply[i]
		date := ""
		if s.Date != 0 {
			date = s.Date.String()
		}
		return []string{date, s.Warehouse, s.SKU, strconv.FormatInt(int64(s.Units), 10)}
	})
}

func csvOf(header []string, n int, record func(i int) []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	write := func(fields []string) {
		if err := w.Write(fields); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
	write(header)
	for i := range n {
		write(record(i))
	}
	w.Flush()
	return b.Bytes()
}
