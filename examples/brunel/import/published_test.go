package main

import (
	"encoding/csv"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// What follows needs the dataset as published. It is not part of the repository; where it does not lie beside it, in
// shared/data, the tests are skipped.

func published(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "..", "shared", "data", "brunel")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the dataset is not at hand: %v", err)
	}
	return dir
}

// A ratRate is a freight rate as a hand would read it.
type ratRate struct{ from, hi, minimum, perKilo *big.Rat }

// A hand works costs out from the tables alone, in fractions: it shares nothing with the import but the model.
type hand struct {
	t        *testing.T
	read     map[string]*big.Rat
	unit     map[string]*big.Rat // [plant]
	capacity map[string]int      // [plant]
	ports    map[string][]string // [plant]
	makes    map[[2]string]bool  // [plant, product]
	only     map[string][]string // [plant] customers
	rates    map[string][]ratRate
	services map[string][]string // [port and level]
	orders   []map[string]string
}

func (h *hand) rat(s string) *big.Rat {
	h.t.Helper()
	if r := h.read[s]; r != nil {
		return r
	}
	r, ok := new(big.Rat).SetString(strings.NewReplacer("$", "", ",", "", " ", "").Replace(s))
	if !ok {
		h.t.Fatalf("%q is no number", s)
	}
	h.read[s] = r
	return r
}

func (h *hand) table(dir, name string) []map[string]string {
	h.t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		h.t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, v := range r {
			row[strings.TrimSpace(strings.TrimPrefix(records[0][i], "\ufeff"))] = strings.TrimSpace(v)
		}
		if strings.Join(r, "") != "" {
			out = append(out, row)
		}
	}
	return out
}

func readByHand(t *testing.T, dir string) *hand {
	t.Helper()
	h := &hand{
		t: t, read: map[string]*big.Rat{}, unit: map[string]*big.Rat{}, capacity: map[string]int{}, ports: map[string][]string{}, makes: map[[2]string]bool{},
		only: map[string][]string{}, rates: map[string][]ratRate{}, services: map[string][]string{}}
	h.orders = h.table(dir, orderList)
	for _, r := range h.table(dir, whCapacities) {
		n, err := strconv.Atoi(r["Daily Capacity"])
		if err != nil {
			t.Fatal(err)
		}
		h.capacity[r["Plant ID"]] = n
	}
	for _, r := range h.table(dir, whCosts) {
		h.unit[r["WH"]] = h.rat(r["Cost/unit"])
	}
	for _, r := range h.table(dir, plantPorts) {
		h.ports[r["Plant Code"]] = append(h.ports[r["Plant Code"]], r["Port"])
	}
	for _, r := range h.table(dir, productsPerPlant) {
		h.makes[[2]string{r["Plant Code"], r["Product ID"]}] = true
	}
	for _, r := range h.table(dir, vmiCustomers) {
		h.only[r["Plant Code"]] = append(h.only[r["Plant Code"]], r["Customers"])
	}
	chains := map[string][]*big.Rat{} // upper ends by carrier, port, level and days
	chain := func(r map[string]string) string {
		return strings.Join([]string{r["Carrier"], r["orig_port_cd"], r["svc_cd"], r["tpt_day_cnt"]}, " ")
	}
	table := h.table(dir, freightRates)
	for _, r := range table {
		chains[chain(r)] = append(chains[chain(r)], h.rat(r["max_wgh_qty"]))
	}
	for _, r := range table {
		lo, from := h.rat(r["minm_wgh_qty"]), new(big.Rat)
		for _, end := range chains[chain(r)] {
			if end.Cmp(lo) <= 0 && end.Cmp(from) > 0 {
				from = end
			}
		}
		if new(big.Rat).Sub(lo, from).Cmp(big.NewRat(1, 100)) > 0 { // a hole: it begins at lo
			from = new(big.Rat).Sub(lo, big.NewRat(1, 1e12))
		}
		at := r["orig_port_cd"] + " " + r["svc_cd"]
		service := r["Carrier"] + "-" + r["orig_port_cd"] + "-" + r["svc_cd"]
		if !slices.Contains(h.services[at], service) {
			h.services[at] = append(h.services[at], service)
		}
		h.rates[service] = append(h.rates[service], ratRate{from, h.rat(r["max_wgh_qty"]), h.rat(r["minimum cost"]), h.rat(r["rate"])})
	}
	return h
}

// freight is what a service makes of a weight in kilograms, in micros; -1 where no rate holds.
func (h *hand) freight(service string, kilos *big.Rat) units.Money {
	tenths := ceil(new(big.Rat).Mul(kilos, big.NewRat(10_000, 1)))
	billed := new(big.Rat).Quo(tenths, big.NewRat(10_000, 1))
	var best *big.Rat
	for _, r := range h.rates[service] {
		// What weighs nothing goes by the lowest band.
		if kilos.Cmp(r.hi) > 0 || kilos.Cmp(r.from) <= 0 && (kilos.Sign() > 0 || r.from.Sign() > 0) {
			continue
		}
		cost := new(big.Rat).Mul(r.perKilo, billed)
		if cost.Cmp(r.minimum) < 0 {
			cost = r.minimum
		}
		if best == nil || cost.Cmp(best) < 0 {
			best = cost
		}
	}
	if best == nil {
		return -1
	}
	cents := ceil(new(big.Rat).Sub(new(big.Rat).Mul(best, big.NewRat(100, 1)), big.NewRat(1, 2))) // half up, but for exact halves
	if double := new(big.Rat).Mul(best, big.NewRat(200, 1)); double.IsInt() && double.Num().Bit(0) == 1 {
		cents.Add(cents, big.NewRat(1, 1))
	}
	return units.Money(cents.Num().Int64()) * units.Cent
}

func ceil(r *big.Rat) *big.Rat {
	q, m := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	if m.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return new(big.Rat).SetInt(q)
}

// handling is what a plant asks for an order.
func (h *hand) handling(plant string, o map[string]string) units.Money {
	m := new(big.Rat).Mul(new(big.Rat).Mul(h.unit[plant], h.rat(o["Unit quantity"])), big.NewRat(int64(units.Currency), 1))
	if !m.IsInt() {
		h.t.Fatalf("%s: %s", plant, m)
	}
	return units.Money(m.Num().Int64())
}

// cost is what an order costs from a plant; -1 where the plant cannot fill it.
func (h *hand) cost(plant string, o map[string]string) units.Money {
	if !h.makes[[2]string{plant, o["Product ID"]}] || h.only[plant] != nil && !slices.Contains(h.only[plant], o["Customer"]) {
		return -1
	}
	least := units.Money(-1)
	if o["Service Level"] == collected {
		least = 0
	} else {
		for _, port := range h.ports[plant] {
			for _, service := range h.services[port+" "+o["Service Level"]] {
				if f := h.freight(service, h.rat(o["Weight"])); f >= 0 && (least < 0 || f < least) {
					least = f
				}
			}
		}
	}
	if least < 0 {
		return -1
	}
	return h.handling(plant, o) + least
}

// Every price of every service for every order is, to the cent, what the tables say, and so is what each order costs
// from each plant.
func TestPublishedPrices(t *testing.T) {
	data := published(t)
	dir := importFrom(t, data)
	snap, stock := load(t, dir)
	e := newEngine(t, snap)
	h := readByHand(t, data)
	orders := ordersOf(t, dir)
	if len(orders) != 9_215 || len(snap.Warehouses) != 19 || len(snap.Services) != 45 {
		t.Fatalf("%d orders, %d plants, %d services; want 9,215, 19 and 45", len(orders), len(snap.Warehouses), len(snap.Services))
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	weights := map[string]units.Weight{} // [sku]
	for row, id := range snap.SKUs.IDs {
		weights[id] = snap.SKUs.Weight[row]
	}
	full := stockOf(snap, stock)
	sc := e.NewScratch()
	pairs, priced, alone := 0, 0, 0
	for i := 0; i < len(orders); i += step {
		o, row := orders[i], h.orders[i]
		if o.ID != row["Order ID"] {
			t.Fatalf("order %d is %s, and %s in the table", i, o.ID, row["Order ID"])
		}
		parcel := ratecards.Parcel{Weight: weights[o.Lines[0].SKU] * units.Weight(o.Lines[0].Quantity)}
		can, best := 0, units.Money(-1)
		sku, _ := snap.SKUs.Row(o.Lines[0].SKU)
		for w := range snap.Warehouses {
			plant := snap.Warehouses[w].ID
			want := h.cost(plant, row)
			for s := range snap.Services {
				service := snap.Services[s].ID
				at, level, _ := strings.Cut(service, "-")
				port, level, _ := strings.Cut(level, "-")
				if want < 0 || level != row["Service Level"] || !slices.Contains(h.ports[plant], port) || at == collected {
					continue
				}
				r, err := e.Rate(int32(w), int32(s), &o.To, &parcel, o.Promise.Date)
				if err != nil {
					t.Fatal(err)
				}
				freight := h.freight(service, h.rat(row["Weight"]))
				if got := r.Rating.Total; freight < 0 != (r.Killed != engine.None) || freight >= 0 && got != freight {
					t.Fatalf("order %s, %s kg by %s: %s (%v), by hand %s", o.ID, row["Weight"], service, got, r.Killed, freight)
				}
				priced++
			}
			if want >= 0 {
				can++
				pairs++
				if best < 0 || want < best {
					best = want
				}
			}
			if stocked := full.Available[int(sku)*full.Stride+w] > 0; stocked != (want >= 0) {
				t.Fatalf("order %s: stock at %s is %v, by hand it costs %s there", o.ID, plant, stocked, want)
			}
		}
		var d engine.Decision
		if err := e.Decide(full, o, noon, sc, &d); err != nil {
			t.Fatal(err)
		}
		if d.Outcome != engine.Planned || d.Cost != best {
			t.Fatalf("order %s: %v for %s, by hand %s", o.ID, d.Outcome, d.Cost, best)
		}
		if can == 1 {
			alone++
		}
	}
	t.Logf("%d orders at %d pairs of plant and order, %d prices; %d have one plant", len(orders), pairs, priced, alone)
	if step == 1 && (pairs != 10_934 || alone < 6_868) {
		t.Errorf("%d pairs of plant and order, %d orders with one plant; want 10,934 and at least 6,868", pairs, alone)
	}
}
