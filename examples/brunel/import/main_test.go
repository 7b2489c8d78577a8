package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// small is a dataset with one of everything: a plant for one customer, a plant with two ports, one without a rate for
// some orders, a level of two speeds, rates that stand beside each other, and gaps between bands.
func small() map[string]string {
	return map[string]string{
		orderList: `Order ID,Order Date,Origin Port,Carrier,TPT,Service Level,Ship ahead day count,Ship Late Day count,Customer,Product ID,Plant Code,Destination Port,Unit quantity,Weight
1,5/26/13,P1,C1,2,DTD,0,0,anna,soap,A,P9,100,50.0
2,5/26/13,P1,C1,2,DTP,0,0,bert,soap,A,P9,3,0.1
3,5/26/13,P1,V44_3,2,CRF,0,0,anna,soap,A,P9,7,1.00000001
4,5/26/13,P1,C1,2,DTD,0,0,bert,wax,A,P9,1,0
`,
		freightRates: `Carrier,orig_port_cd,dest_port_cd,minm_wgh_qty,max_wgh_qty,svc_cd,minimum cost,rate,mode_dsc,tpt_day_cnt,Carrier type
C1,P1,P9,0,99.99,DTD, $5.00 , $0.40 ,AIR   ,2,x
C1,P1,P9,100,249.99,DTD, $5.00 , $0.35 ,AIR   ,2,x
C1,P1,P9,300,"9,999.99",DTD," $1,005.00 ", $0.30 ,AIR   ,2,x
C1,P1,P9,0.01,99.99,DTD, $9.00 , $0.10 ,AIR   ,5,x
C1,P1,P9,0,5000,DTP, $2.00 , $0.90 ,GROUND,1,x
C1,P1,P9,0,5000,DTP, $3.00 , $0.07 ,GROUND,1,x
C1,P1,P9,0,5000,DTP, $3.50 , $0.07 ,GROUND,1,x
C2,P2,P9,0,0.5,DTD, $1.00 , $0.71 ,AIR   ,1,x
C2,P2,P9,0.51,1,DTD, $1.50 , $0.70 ,AIR   ,1,x
`,
		plantPorts:       "Plant Code,Port\nA,P1\nB,P1\nB,P2\nC,P2\n",
		productsPerPlant: "Plant Code,Product ID\nA,soap\nB,soap\nB,wax\nC,soap\nCND9,soap\n",
		vmiCustomers:     "Plant Code,Customers\nC,anna\n",
		whCapacities:     "Plant ID,Daily Capacity \nA,2\nB,1\nC,5\n",
		whCosts:          "WH,Cost/unit\nA,0.50\nB,0.25\nC,1\n,\n",
	}
}

func fsOf(files map[string]string) fstest.MapFS {
	dir := fstest.MapFS{}
	for name, text := range files {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return dir
}

// imported imports tables and returns the directory of the network.
func imported(t *testing.T, tables map[string]string, args ...string) string {
	t.Helper()
	return importFrom(t, written(t, tables), args...)
}

// importFrom imports a directory of tables and returns that of the network.
func importFrom(t *testing.T, data string, args ...string) string {
	t.Helper()
	out := t.TempDir()
	if err := run(append(args, data, out), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out
}

// written writes tables into a directory and returns it.
func written(t *testing.T, tables map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tables {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, dir string) (*network.Snapshot, *network.Stock) {
	t.Helper()
	for _, f := range network.Check(os.DirFS(dir)) {
		t.Error(f)
	}
	snap, stock, err := network.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return snap, stock
}

func newEngine(t *testing.T, snap *network.Snapshot) *engine.Engine {
	t.Helper()
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// toPort is where every order goes.
var toPort = engine.Destination{TimeZone: "UTC", Point: &nowhere}

// price is what a service makes of a weight, or -1 where it has no price.
func price(t *testing.T, e *engine.Engine, snap *network.Snapshot, plant, service string, w units.Weight) units.Money {
	t.Helper()
	row, ok := snap.Warehouse(plant)
	s, found := snap.Service(service)
	if !ok || !found {
		t.Fatalf("no plant %s or no service %s", plant, service)
	}
	r, err := e.Rate(row, s, &toPort, &ratecards.Parcel{Weight: w}, defaultDate)
	if err != nil {
		t.Fatal(err)
	}
	if r.Killed != engine.None {
		return -1
	}
	return r.Rating.Total
}

func TestPricesAtTheEndsOfBands(t *testing.T) {
	snap, _ := load(t, imported(t, small()))
	e := newEngine(t, snap)
	for _, tc := range []struct {
		plant, service, weight string
		want                   string // worked out by hand; "" is no price
	}{
		{"A", "C1-P1-DTD", "0.001 kg", "5.00"},       // below the first band of the slow rate, whose gap is closed
		{"A", "C1-P1-DTD", "12.5 kg", "5.00"},        // 12.5 x 0.40 is the minimum
		{"A", "C1-P1-DTD", "12.6 kg", "5.04"},        // above it
		{"A", "C1-P1-DTD", "22.5 kg", "9.00"},        // where the slow rate meets
		{"A", "C1-P1-DTD", "50 kg", "9.00"},          // the slow rate's minimum
		{"A", "C1-P1-DTD", "99.99 kg", "10.00"},      // slow: 9.999
		{"A", "C1-P1-DTD", "99.991 kg", "35.00"},     // between 99.99 and 100 the next band holds: 34.99685; the slow rate has none
		{"A", "C1-P1-DTD", "100 kg", "35.00"},        //
		{"A", "C1-P1-DTD", "249.99 kg", "87.50"},     // 87.4965
		{"A", "C1-P1-DTD", "250 kg", ""},             // a hole of 50 kg is a hole
		{"A", "C1-P1-DTD", "299.999999 kg", ""},      //
		{"A", "C1-P1-DTD", "300 kg", "1005.00"},      //
		{"A", "C1-P1-DTD", "300.1 kg", "1005.00"},    // minimum with a thousands separator
		{"A", "C1-P1-DTD", "3350.1 kg", "1005.03"},   //
		{"A", "C1-P1-DTD", "9999.99 kg", "3000.00"},  // 2999.997
		{"A", "C1-P1-DTD", "10000 kg", ""},           // above the last band
		{"A", "C1-P1-DTP", "1 kg", "2.00"},           // of three rates beside each other the cheapest
		{"A", "C1-P1-DTP", "3 kg", "2.70"},           //
		{"A", "C1-P1-DTP", "3.3334 kg", "3.00"},      // 0.90 a kilogram: 3.00006; the other's minimum
		{"A", "C1-P1-DTP", "100 kg", "7.00"},         //
		{"B", "C2-P2-DTD", "0.5 kg", "1.00"},         //
		{"B", "C2-P2-DTD", "0.500000001 kg", "1.50"}, //
		{"B", "C2-P2-DTD", "1 kg", "1.50"},           //
		{"B", "C2-P2-DTD", "1.00001 kg", ""},         //
		{"B", "C1-P1-DTD", "12.6 kg", "5.04"},        // plant B has both ports
		{"A", "C2-P2-DTD", "0.5 kg", ""},             // plant A has not
		{"A", "CRF", "99999 kg", "0.00"},             // the customer's freight is no cost
		{"A", "C1-P1-DTP", "111.14285 kg", "7.78"},   // 7.7799995
		{"A", "C1-P1-DTP", "111.2143 kg", "7.79"},    // 7.785001 rounds up
		{"A", "C1-P1-DTP", "111.2142 kg", "7.78"},    // 7.784994
		{"A", "C1-P1-DTP", "111.214201 kg", "7.79"},  // billed as 111.2143: started tenths of a gram
		{"A", "C1-P1-DTP", "111.2142000001 kg", "7.79"},
	} {
		w, err := units.ParseWeight(tc.weight)
		if err != nil {
			t.Fatal(err)
		}
		want := units.Money(-1)
		if tc.want != "" {
			if want, err = units.ParseMoney(tc.want); err != nil {
				t.Fatal(err)
			}
		}
		if got := price(t, e, snap, tc.plant, tc.service, w); got != want {
			t.Errorf("%s by %s, %s: %s, want %q", tc.plant, tc.service, tc.weight, got, tc.want)
		}
	}
}

// An order is filled by the plants that make the product, serve the customer and have a rate, and by no other.
func TestWhichPlantFillsWhat(t *testing.T) {
	var bad faults.List
	p := read(fsOf(small()), &bad)
	if bad.Len() > 0 {
		t.Fatal(bad.Err())
	}
	want := map[string]string{
		"1": "A B",   // 50 kg: no rate from C
		"2": "A B",   // C has no DTP
		"3": "A B C", // the customer's freight goes from anywhere, and C serves anna
		"4": "B",     // wax
	}
	for i := range p.orders {
		var got []string
		for _, l := range p.plantsOf(&p.orders[i]) {
			got = append(got, l.name)
		}
		if id := p.orders[i].id; strings.Join(got, " ") != want[id] {
			t.Errorf("order %s: %v, want %s", id, got, want[id])
		}
	}
	if !slices.Equal(p.unknown, []string{"CND9"}) {
		t.Errorf("plants left out: %v, want CND9", p.unknown)
	}
}

// The importer's own files are what the commands read: sequential decisions by hand.
func TestDecisionsByHand(t *testing.T) {
	dir := imported(t, small())
	snap, stock := load(t, dir)
	e := newEngine(t, snap)
	view := stockOf(snap, stock)
	for i, want := range []string{
		"34.00", // 100 units at B for 0.25 and 50 kg by the slow rate for 9.00
		"2.75",  // 3 units at B for 0.25, and 2.00
		"1.75",  // 7 units at B for 0.25, and no freight
		"1.25",  // 1 unit at B, and the least of C2
	} {
		var d engine.Decision
		if err := e.Decide(view, ordersOf(t, dir)[i], noon, e.NewScratch(), &d); err != nil {
			t.Fatal(err)
		}
		if d.Outcome != engine.Planned || d.Cost.String() != want {
			t.Errorf("order %d: %v for %s, want %s", i+1, d.Outcome, d.Cost, want)
		}
	}
}

// The two policies differ in network.yaml alone, and the same tables give the same bytes.
func TestSameTablesSameBytes(t *testing.T) {
	var bad faults.List
	p := read(fsOf(small()), &bad)
	day, again, days := files(p, defaultDate, 0), files(read(fsOf(small()), &bad), defaultDate, 0), files(p, defaultDate, 25*units.Currency)
	if bad.Len() > 0 {
		t.Fatal(bad.Err())
	}
	for _, name := range slices.Sorted(maps.Keys(day)) {
		if !bytes.Equal(day[name], again[name]) {
			t.Errorf("%s differs from one import to the next", name)
		}
		if same := bytes.Equal(day[name], days[name]); same != (name != "network.yaml") {
			t.Errorf("%s: the same with and without waiting: %v", name, same)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	tables := small()
	replace := func(name, before, after string) {
		t.Helper()
		if !strings.Contains(tables[name], before) {
			t.Fatalf("%s has no %q", name, before)
		}
		tables[name] = strings.Replace(tables[name], before, after, 1)
	}
	replace(orderList, "1,5/26/13", "1,26.5.2013")
	replace(orderList, "2,5/26/13", "1,5/27/13")
	replace(orderList, "CRF", "CFR")
	replace(orderList, "P9,1,0", "P8,0,heavy")
	replace(freightRates, "C1,P1,P9,100,249.99", "C1,P1,P9,249.99,100")
	replace(freightRates, "$0.10", "$0.105")
	replace(freightRates, "$2.00", "$0")
	replace(plantPorts, "C,P2\n", "")
	replace(whCosts, "C,1\n", "B,1\n")
	replace(whCapacities, "A,2", "A,none")
	delete(tables, vmiCustomers)
	out := filepath.Join(t.TempDir(), "out")
	err := run([]string{written(t, tables), out}, io.Discard, io.Discard)
	if err == nil {
		t.Fatal("faulty tables were imported")
	}
	const want = `FreightRates.csv:3:5 max_wgh_qty: the band ends at 100 kg and begins at 249.99 kg; give more than minm_wgh_qty
FreightRates.csv:5:8 rate: 0.105 is out of range or finer than a cent; give a whole number of cents above 0
FreightRates.csv:6:7 minimum cost: 0.00 is out of range or finer than a cent; give a whole number of cents above 0
OrderList.csv:2:2 Order Date: "26.5.2013" is no date; write month, day and year, as "5/26/13"
OrderList.csv:3:1 Order ID: "1" is in line 2 already; give each order its own
OrderList.csv:4:2 Order Date: the order was made on 2013-05-26, others on 2013-05-27; import the orders of one day at a time
OrderList.csv:4:6 Service Level: no carrier has the service level "CFR"; did you mean "CRF"?
OrderList.csv:5:2 Order Date: the order was made on 2013-05-26, others on 2013-05-27; import the orders of one day at a time
OrderList.csv:5:12 Destination Port: carriers go to "P9" and not to "P8"; import one destination at a time
OrderList.csv:5:13 Unit quantity: "0" is no whole number from 1 on
OrderList.csv:5:14 Weight: "heavy kg" is no weight; write a number and g, kg, oz or lb, as "4.07 lb"
PlantPorts.csv Plant Code: plant "C" is linked to no port; add a row for it
VmiCustomers.csv: open VmiCustomers.csv: no such file or directory; save that sheet of the dataset as CSV under this name
WhCapacities.csv:2:2 Daily Capacity: "none" is no whole number from 1 on
WhCosts.csv WH: plant "C" has no cost; add a row for it
WhCosts.csv:4:1 WH: "B" stands twice; give each plant one cost`
	if err.Error() != want {
		t.Errorf("faults:\n%v\nwant:\n%s", err, want)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

// What a network or a card cannot hold is said, and nothing is written.
func TestTooMuchForANetwork(t *testing.T) {
	tables := small()
	var rows strings.Builder
	for i := range 62 {
		fmt.Fprintf(&rows, "D%d,P1,P9,0,5,DTD,$1.00,$1.00,AIR,1,x\n", i)
	}
	for i := range 9 { // none is always dearer than another
		fmt.Fprintf(&rows, "E,P1,P9,0,5,DTD,$%d.00,$%d.00,AIR,1,x\n", 1+i, 20-i)
	}
	tables[freightRates] += rows.String()
	out := filepath.Join(t.TempDir(), "out")
	err := run([]string{written(t, tables), out}, io.Discard, io.Discard)
	const want = `FreightRates.csv: the rates are of 66 lanes; leave lanes out: a network has 64 services at most
FreightRates.csv:73: E-P1-DTD has 9 prices for one weight, of which none is always dearer; a card holds 8; leave rows out that are dearer for most weights`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant:\n%s", err, want)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"one"}, {"-wait", "-1", "a", "b"}, {"-wait", "much", "a", "b"}, {"-date", "yesterday", "a", "b"}, {"-unknown"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
