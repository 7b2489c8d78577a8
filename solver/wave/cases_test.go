package wave

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type waveCard struct {
	Steps    []int64 `json:"weight_step_upper_bounds_g"`
	Services []struct {
		ID      string
		Carrier string
		Divisor int64              `json:"dim_divisor_cm3_per_g"`
		MaxG    int64              `json:"max_billable_g"`
		Transit map[string]int64   `json:"transit_days_by_zone"`
		Rates   map[string][]int64 `json:"rates_by_zone"`
	}
}

type waveCase struct {
	Name      string
	MaySplit  bool  `json:"allow_quantity_split"`
	SplitCost int64 `json:"split_penalty_per_extra_shipment"`
	Status    string
	Optimum   int64 `json:"optimal_cost"`
	Reference struct {
		Bound  int64 `json:"lagrangian_lower_bound"`
		Cost   int64 `json:"prototype_cost"`
		Best   int64 `json:"best_known_cost"`
		Myopic int64 `json:"myopic_sequential_cost"`
	}
	Orders []struct {
		Promise int64 `json:"promise_days"`
		Zone    []int `json:"zone_by_warehouse"`
		Lines   []struct {
			SKU     string
			Qty     int32
			UnitG   int64 `json:"unit_g"`
			UnitCM3 int64 `json:"unit_cm3"`
			Penalty int64 `json:"unfilled_penalty_per_unit"`
		}
	}
	Warehouses []struct {
		Processing  int64            `json:"processing_days"`
		PerShipment int64            `json:"cost_per_shipment"`
		PerLine     int64            `json:"cost_per_line"`
		PerUnit     int64            `json:"cost_per_unit"`
		Units       int64            `json:"unit_capacity"`
		Parcels     map[string]int64 `json:"carrier_parcel_capacity"`
		Stock       map[string]int32
	}
}

// readCases returns the rate card and the waves that lie beside the repository, and skips the test where they do not.
func readCases(t testing.TB) (*waveCard, []*waveCase) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "..", "..", "..", "shared", "cases", "optimum", "cases.tar.gz")
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the case file optimum/cases.tar.gz is not beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	card := new(waveCard)
	var waves []*waveCase
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var into any
		switch name := strings.TrimPrefix(h.Name, "./"); {
		case name == "ratecard.json":
			into = card
		case strings.HasPrefix(name, "batch") && strings.HasSuffix(name, ".json"):
			waves = append(waves, new(waveCase))
			into = waves[len(waves)-1]
		default:
			continue
		}
		if err := json.NewDecoder(r).Decode(into); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
	if len(waves) == 0 || len(card.Services) == 0 {
		t.Fatal("no cases in the archive")
	}
	slices.SortFunc(waves, func(a, b *waveCase) int { return strings.Compare(a.Name, b.Name) })
	return card, waves
}

type service struct {
	carrier       string
	divisor, most int64
	days          [10]int64 // [zone]
	rates         [10][]int64
}

func (c *waveCard) services() []service {
	var all []service
	for i := range c.Services {
		s := &c.Services[i]
		made := service{carrier: s.Carrier, divisor: s.Divisor, most: s.MaxG}
		for z := range made.rates {
			made.days[z], made.rates[z] = s.Transit[strconv.Itoa(z)], s.Rates[strconv.Itoa(z)]
		}
		all = append(all, made)
	}
	return all
}

// problem turns a case into columns.
func (b *waveCase) problem(card *waveCard) *Problem {
	p := &Problem{Warehouses: len(b.Warehouses), SplitCost: b.SplitCost, Units: make([]int32, len(b.Warehouses))}
	services := card.services()
	class := make([][]int32, len(b.Warehouses)) // [w][service] -2: not there
	for w := range b.Warehouses {
		p.Units[w] = -1
		if wh := &b.Warehouses[w]; wh.Units >= 0 {
			p.Units[w] = int32(len(p.Limits))
			p.Limits = append(p.Limits, wh.Units)
		}
		of := map[string]int32{}
		for _, carrier := range []string{"postal", "integrator", "regional"} {
			most, ok := b.Warehouses[w].Parcels[carrier]
			switch {
			case !ok:
				of[carrier] = -2
			case most < 0:
				of[carrier] = -1
			default:
				of[carrier] = int32(len(p.Classes))
				p.Classes = append(p.Classes, []int32{int32(len(p.Limits))})
				p.Limits = append(p.Limits, most)
			}
		}
		for _, s := range services {
			class[w] = append(class[w], of[s.carrier])
		}
	}
	sku := map[string]int32{}
	number := func(id string) int32 {
		n, ok := sku[id]
		if !ok {
			n = int32(len(sku))
			sku[id] = n
		}
		return n
	}
	for i := range b.Orders {
		var o Order
		for _, l := range b.Orders[i].Lines {
			o.Lines = append(o.Lines, Line{SKU: number(l.SKU), Quantity: l.Qty, MaySplit: b.MaySplit, Unfilled: l.Penalty * int64(l.Qty)})
		}
		p.Orders = append(p.Orders, o)
	}
	p.SKUs = len(sku)
	p.Stock = make([]int32, p.SKUs*p.Warehouses)
	for w := range b.Warehouses {
		for id, n := range b.Warehouses[w].Stock {
			if s, ok := sku[id]; ok {
				p.Stock[int(s)*p.Warehouses+w] = n
			}
		}
	}
	p.Offers = func(order, w int, take []int32, dst []Offer) []Offer {
		o, wh := &b.Orders[order], &b.Warehouses[w]
		var grams, cm3, units, lines int64
		for l, n := range take {
			grams += o.Lines[l].UnitG * int64(n)
			cm3 += o.Lines[l].UnitCM3 * int64(n)
			units += int64(n)
			if n > 0 {
				lines++
			}
		}
		zone := o.Zone[w]
		for i := range services {
			s := &services[i]
			rates := s.rates[zone]
			if class[w][i] == -2 || len(rates) == 0 || wh.Processing+s.days[zone] > o.Promise {
				continue
			}
			billable := max(grams, (cm3+s.divisor-1)/s.divisor)
			step, _ := slices.BinarySearch(card.Steps, billable)
			if billable > s.most || step >= len(rates) {
				continue
			}
			dst = append(dst, Offer{
				Cost:  wh.PerShipment + rates[step] + wh.PerLine*lines + wh.PerUnit*units,
				Class: class[w][i], Parcels: 1, Service: int32(i),
			})
		}
		return dst
	}
	p.Floor = func(order, w int, take []int32) (int64, bool) { // these cards only ever charge more for more
		offers := p.Offers(order, w, take, nil)
		if len(offers) == 0 {
			return 0, false
		}
		return slices.MinFunc(offers, func(a, b Offer) int { return int(a.Cost - b.Cost) }).Cost, true
	}
	return p
}

// scale returns a wave with other stock and capacity: each is multiplied and rounded to the nearest, and to at least 1
// where it was.
func (b *waveCase) scale(name string, stock, capacity float64) *waveCase {
	c := *b
	c.Name, c.Status = b.Name+" "+name, ""
	c.Reference.Bound, c.Reference.Best = 0, 0
	c.Warehouses = slices.Clone(b.Warehouses)
	by := func(n int64, f float64) int64 {
		if n <= 0 {
			return n
		}
		return max(1, int64(float64(n)*f+0.5))
	}
	for w := range c.Warehouses {
		wh := &c.Warehouses[w]
		wh.Units = by(wh.Units, capacity)
		wh.Parcels = map[string]int64{}
		for k, n := range b.Warehouses[w].Parcels {
			wh.Parcels[k] = by(n, capacity)
		}
		wh.Stock = map[string]int32{}
		for k, n := range b.Warehouses[w].Stock {
			wh.Stock[k] = int32(by(int64(n), stock))
		}
	}
	return &c
}

// times returns several copies of a wave, each with its own SKUs, that share the warehouses.
func (b *waveCase) times(n int) *waveCase {
	c := *b
	c.Name, c.Status = b.Name+" x "+strconv.Itoa(n), ""
	c.Orders, c.Warehouses = nil, slices.Clone(b.Warehouses)
	for w := range c.Warehouses {
		wh := &c.Warehouses[w]
		wh.Units *= int64(n)
		wh.Parcels, wh.Stock = map[string]int64{}, map[string]int32{}
		for k, most := range b.Warehouses[w].Parcels {
			wh.Parcels[k] = max(-1, most*int64(n))
		}
		for i := range n {
			for k, have := range b.Warehouses[w].Stock {
				wh.Stock[k+"/"+strconv.Itoa(i)] = have
			}
		}
	}
	for i := range n {
		for _, o := range b.Orders {
			o.Lines = slices.Clone(o.Lines)
			for l := range o.Lines {
				o.Lines[l].SKU += "/" + strconv.Itoa(i)
			}
			c.Orders = append(c.Orders, o)
		}
	}
	return &c
}
