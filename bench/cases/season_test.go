package main

import (
	"flag"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/solver/ahead"
)

// generatedMarket returns two cycles of a generated season.
func generatedMarket(t *testing.T, seed string) *market {
	t.Helper()
	dir := t.TempDir()
	args := []string{
		"generate", "--seed", seed, "--orders", "0", "--large", "0", "--batches", "0", "--batches-large", "0", "--seasons", "1", dir,
	}
	if err := run(args, nil, nil); err != nil {
		t.Fatal(err)
	}
	files, err := readSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	var rates rateCard
	var s seasonCase
	for i := range files {
		into := any(&s)
		if path.Base(files[i].name) == "ratecard.json" {
			into = &rates
		}
		if err := decode(&files[i], into); err != nil {
			t.Fatal(err)
		}
	}
	c, err := compile(&rates)
	if err != nil {
		t.Fatal(err)
	}
	s.Cycles = s.Cycles[:2]
	m, err := c.market(&s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// modest returns a policy that takes little time.
func modest(m *market, f *ahead.Forecast) policy {
	every := 250
	if testing.Short() {
		every = 1500
	}
	return policy{
		prices: true, fillFirst: true, every: every, cycles: 1, forecast: f, volume: float64(len(m.orders[0])),
		options: ahead.Options{First: 100, Iterations: 30, Futures: 4, Block: 64, Seed: 1},
	}
}

func (m *market) run(t *testing.T, y *policy) seasonRun {
	t.Helper()
	run, err := m.simulate(y)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// No policy costs less than the bound; prices gain, with a right forecast the most, and do not depend on the cores;
// learning mends a part of a wrong forecast. Without a forecast there are no prices.
func TestPoliciesOfASeason(t *testing.T) {
	t.Parallel()
	m := generatedMarket(t, "5")
	steps := 60
	if testing.Short() {
		steps = 10
	}
	bound, myopic := m.hindsight(steps), m.run(t, &policy{})
	right := modest(m, m.forecast())
	prices := m.run(t, &right)
	right.options.Workers = 3
	if again := m.run(t, &right); again.cost != prices.cost {
		t.Errorf("%d with three workers, %d without", again.cost, prices.cost)
	}
	right.volume = 0
	if none := m.run(t, &right); none.cost != myopic.cost || none.unfilled != myopic.unfilled {
		t.Errorf("without a forecast %+v, myopic %+v", none, myopic)
	}
	if testing.Short() {
		if prices.cost < bound || prices.cost >= myopic.cost {
			t.Errorf("%d, bound %d, myopic %d", prices.cost, bound, myopic.cost)
		}
		return
	}
	astray := modest(m, wrong(m.forecast(), len(m.season.SKUs), 1.5, 1))
	astray.volume *= 4
	filling := m.run(t, &astray)
	astray.learn = true
	learning := m.run(t, &astray)
	astray.learn, astray.fillFirst = false, false
	choosing := m.run(t, &astray)
	for name, run := range map[string]seasonRun{"right": prices, "wrong": filling, "learning": learning, "choosing": choosing} {
		closed := float64(myopic.cost-run.cost) / float64(myopic.cost-bound)
		t.Logf("%s: closed %.3f, %d units left", name, closed, run.unfilled)
		if run.cost < bound || closed < 0.1 {
			t.Errorf("%s: %d, bound %d, myopic %d", name, run.cost, bound, myopic.cost)
		}
	}
	if prices.cost >= learning.cost || learning.cost >= filling.cost {
		t.Errorf("a right forecast costs %d, a wrong one %d, with learning %d", prices.cost, filling.cost, learning.cost)
	}
	if choosing.unfilled <= filling.unfilled {
		t.Errorf("%d units are left where prices choose whether, %d where they must not", choosing.unfilled, filling.unfilled)
	}
}

// Plans that break a rule of the season are refused.
func TestSeasonPlansAreVerified(t *testing.T) {
	t.Parallel()
	m := generatedMarket(t, "6")
	width := int32(len(m.season.Warehouses))
	d := decider{market: m, fillFirst: true, stock: m.supply()[0]}
	o := m.orders[0][slices.IndexFunc(m.orders[0], func(o ahead.Order) bool { return len(o.Lines) > 1 })]
	before := slices.Clone(d.stock)
	cost, left, err := d.decide(&o)
	if err != nil || left != 0 {
		t.Fatal(left, err)
	}
	d.stock = before
	all := uint32(1)<<len(o.Lines) - 1
	if err := d.verify(&o, all, cost); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() (uint32, int64){
		"another cost": func() (uint32, int64) { return all, cost + 1 },
		"not all":      func() (uint32, int64) { return all - 1, cost },
		"too many":     func() (uint32, int64) { d.takes[0]++; return all, cost },
		"no stock":     func() (uint32, int64) { d.stock[d.cells[0]] = 0; return all, cost },
		"elsewhere": func() (uint32, int64) {
			d.cells[0] = d.cells[0]/width*width + (d.cells[0]+1)%width
			d.stock[d.cells[0]] = 9
			return all, cost
		},
	} {
		cells, takes, stock := slices.Clone(d.cells), slices.Clone(d.takes), slices.Clone(d.stock)
		filled, stated := spoil()
		if d.verify(&o, filled, stated) == nil {
			t.Errorf("%s: accepted", name)
		}
		d.cells, d.takes, d.stock = cells, takes, stock
	}
}

// Seasons that contradict themselves are refused.
func TestBrokenSeasons(t *testing.T) {
	t.Parallel()
	m := generatedMarket(t, "7")
	for name, spoil := range map[string]func(s *seasonCase){
		"a zone too few": func(s *seasonCase) { s.Metros[0].Zones = s.Metros[0].Zones[1:] },
		"no such zone":   func(s *seasonCase) { s.Metros[0].Zones[0] = m.card.zones },
		"no such metro":  func(s *seasonCase) { s.Cycles[0].Orders[0].Metro = 1 << 20 },
		"no such SKU":    func(s *seasonCase) { s.Cycles[0].Orders[0].Lines[0][0] = -1 },
		"nothing wanted": func(s *seasonCase) { s.Cycles[0].Orders[0].Lines[0][1] = 0 },
		"negative stock": func(s *seasonCase) { s.Cycles[0].Supply[0][2] = -1 },
	} {
		s := *m.season
		s.Metros = slices.Clone(s.Metros)
		s.Metros[0].Zones = slices.Clone(s.Metros[0].Zones)
		s.Cycles = slices.Clone(s.Cycles)
		s.Cycles[0].Supply, s.Cycles[0].Orders = slices.Clone(s.Cycles[0].Supply), slices.Clone(s.Cycles[0].Orders)
		s.Cycles[0].Orders[0].Lines = slices.Clone(s.Cycles[0].Orders[0].Lines)
		spoil(&s)
		if _, err := m.card.market(&s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Options of seasons out of range are refused.
func TestSeasonOptions(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"--refresh 0", "--cycles -1", "--forecast-sigma -1", "--forecast-sigma NaN", "--forecast-volume -1", "--forecast-volume Inf",
	} {
		var s seasonOptions
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		s.flags(flags)
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if s.check() == nil {
			t.Errorf("%s: accepted", args)
		}
	}
}
