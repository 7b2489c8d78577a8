package workload

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// TestFaults reads specs with faults. Each says where it is, and what to do.
func TestFaults(t *testing.T) {
	const sound = "name: x\narrivals: {rate: 1/s}\n"
	for _, tc := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"name:\n", "name: the workload has no name"},
		{"name: x\n", "arrivals.rate: there is no rate; write how many orders come, as 500/s"},
		{"name: x\narrivals:\n  rate: 5/y\n", `spec.yaml:3:9 arrivals.rate: "5/y" is no rate`},
		{sound + "netwrok: {}\n", `did you mean "network"?`},
		{sound + "skus:\n  zip: 1\n", `did you mean "zipf"?`},
		{sound + "skus: {zipf: 3.001}\n", "spec.yaml:3:14 skus.zipf: 3.001 is too much; write 0 to 3"},
		{sound + "skus: {basket: {size: 1}}\n", "write 2 to 1000"},
		{sound + "network: {warehouses: 0}\n", "spec.yaml:3:23 network.warehouses: 0 is no number of warehouses; write 1 to 10000"},
		{sound + "network: {warehouses: 10001}\n", "write 1 to 10000"},
		{sound + "network: {services: 25}\n", "write 1 to 24"},
		{sound + "network: {skus: 1000001}\n", "write 1 to 1000000"},
		{sound + "network: {warehouses: 10000, skus: 1000000, stocked: 1%}\n", "100000000 pairs of SKU and warehouse would have stock"},
		{sound + "network: {spread: populer}\n", `did you mean "popular"?`},
		{sound + "network: {late: maybe}\n", "write allow or refuse"},
		{sound + "network: {stock: much}\n", "30 days or 500000 orders"},
		{sound + "network: {directory: x, skus: 5}\n", "leave it out, or leave out directory"},
		{sound + "orders: {lines: {1: 50%, 2: 49%}}\n", "spec.yaml:3:17 orders.lines: the shares add up to 99%; let them add up to 100%"},
		{sound + "orders: {lines: {0: 100%}}\n", `"0" cannot be given a share; write a whole number from 1 to 50`},
		{sound + "orders: {lines: {51: 100%}}\n", `"51" cannot`},
		{sound + "orders: {lines: {01: 100%}}\n", `"01" cannot`},
		{sound + "orders: {lines: {}}\n", "there is no share"},
		{sound + "orders: {units: {one: 100%}}\n", "from 1 to 1000"},
		{sound + "orders: {promise: {nome: 100%}}\n", `did you mean "none"?`},
		{sound + "orders: {promise: {61: 100%}}\n", "or none"},
		{sound + "orders: {commercial: 101%}\n", "write 0% to 100%"},
		{sound + "orders: {quotes: 101}\n", "write 0 to 100"},
		{sound + "orders: {repeats: {share: 5%, after: 3}}\n", "write it with its unit"},
		{sound + "holds: {confirm: {share: 60%}, release: {share: 50%}}\n", "110% of them are confirmed and released"},
		{sound + "holds: {ship: {share: 60%}, cancel: {share: 50%}}\n", "110% of them are shipped and cancelled"},
		{sound + "restock: {per_order: 11}\n", "write 0 to 10"},
		{sound + "restock: {units: 0}\n", "write 1 to 1000000"},
		{sound + "start: 2300-01-01T00:00:00Z\n", "write a moment from 1970 to 2199"},
		{sound + "flash: [{at: 1s, share: 5%}]\n", "flash[0].for: the sale has no length"},
		{sound + "flash: [{at: 1s, for: 1s}]\n", "is no share of a sale"},
		{sound + "flash: [{at: 1s, for: 1s, share: 5%, rank: 10001}]\n", "write 1 to 10000"},
		{sound + "flash: [{at: 1s, for: 1s, share: 5%, rank: 0}]\n", "write 1 to 10000"},
		{sound + "flash: [{at: 1s, for: 2s, share: 5%}, {at: 2s, for: 2s, share: 5%}]\n", "flash[1].at: the sale overlaps flash[0]"},
		{sound + "flash: [{at: 1s, for: 1s, share: 5%, surge: 0}]\n", "is no surge"},
		{"name: x\narrivals: {kind: dayly, rate: 1/s}", `did you mean "day"?`},
		{"name: x\narrivals: {kind: poisson, rate: 1/s, peak: {at: 1h}}", "leave it out, or write kind: day"},
		{"name: x\narrivals: {kind: recorded}", "name the file that has them"},
		{"name: x\narrivals: {kind: recorded, file: x, rate: 1/s}", "kind recorded has no rate"},
		{"name: x\narrivals: {kind: recorded, file: x, speed: 0}", "is no speed"},
		{"name: x\narrivals: {kind: day, rate: 1/s, hours: [1, 2]}", "there are 2 hours; write 24"},
		{"name: x\narrivals: {kind: day, rate: 1/s, peak: {at: 1h, times: 3}}", "let all of it lie within the day"},
		{"name: x\narrivals: {kind: day, rate: 1/s, peak: {at: 5h}}", "the peak has no height"},
		{"name: a/b\narrivals: {rate: 1/s}", `"a/b" is no name`},
	} {
		_, err := Read("spec.yaml", []byte(tc.text))
		if _, ok := errors.AsType[*faults.Error](err); !ok || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s\ntells %v\nwant %s", tc.text, err, tc.want)
		}
	}
	_, err := Read("spec.yaml", []byte("nme: x\nskus: {zipf: 9}\norders: {quotes: x}\nflash: [{}]\n"))
	bad, _ := errors.AsType[*faults.Error](err)
	if bad == nil || len(bad.Faults) < 6 {
		t.Errorf("not everything that is wrong is told: %v", err)
	}
}

// TestBoundaries reads what is just within the limits.
func TestBoundaries(t *testing.T) {
	for _, text := range []string{
		"name: x\narrivals: {rate: 0.000001/s}",
		"name: x\narrivals: {rate: 10000000/s}\nskus: {zipf: 3}\nnetwork: {warehouses: 1, services: 24, skus: 1, stocked: 100%, max_shipments: 16}",
		"name: x\narrivals: {rate: 1/s}\nskus: {zipf: 0, basket: {size: 1000, share: 100%}}\norders: {lines: {50: 100%}, units: {1000: 100%}, promise: {60: 100%}, quotes: 100, commercial: 100%}\nnetwork: {skus: 60}",
		"name: x\narrivals: {rate: 1/s}\nholds: {confirm: {share: 100%}, ship: {share: 50%}, cancel: {share: 50%, after: 24000h}}\nrestock: {per_order: 10, units: 1000000}",
		"name: x\narrivals: {kind: day, rate: 1/s, peak: {at: 12h, for: 24h, times: 1000}}\nflash: [{at: 0s, for: 24000h, share: 0.01%, surge: 1000}]",
		"name: x\narrivals: {rate: 1/s}\norders: {lines: {50: 100%}}\nnetwork: {skus: 3}",
	} {
		w := made(t, text, 1)
		s := w.Events(w.Arrivals())
		for e := (Event{}); e.Number < 300 && s.Next(&e); {
			if e.Kind == Allocate && len(e.Order.Lines) > len(w.SKUs()) {
				t.Errorf("%d lines", len(e.Order.Lines))
			}
		}
	}
}

// TestNewChecks gives New specs that were built in code.
func TestNewChecks(t *testing.T) {
	sound := func() *Spec {
		s := Default()
		s.Name, s.Arrivals.Rate, s.Network.SKUs = "x", 1e6, 10
		return &s
	}
	if _, err := New(sound(), 1); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Spec){
		"no lines":  func(s *Spec) { s.Orders.Lines = nil },
		"falling":   func(s *Spec) { s.Orders.Lines = Shares{{2, 5_000}, {1, 5_000}} },
		"negative":  func(s *Spec) { s.Orders.Units = Shares{{1, -1}, {2, units.WholePercent + 1}} },
		"too late":  func(s *Spec) { s.Orders.Promise = Shares{{61, units.WholePercent}} },
		"no SKUs":   func(s *Spec) { s.Network.SKUs = 0 },
		"no rate":   func(s *Spec) { s.Arrivals.Rate = 0 },
		"no speed":  func(s *Spec) { s.Arrivals.Speed = 0 },
		"too much":  func(s *Spec) { s.Holds.Confirm.Share, s.Holds.Release.Share = 6_000, 5_000 },
		"no length": func(s *Spec) { s.Flash = []FlashSpec{{Rank: 1, Share: 1, Surge: One}} },
		"no rank":   func(s *Spec) { s.Flash = []FlashSpec{{Rank: -1, Share: 1, For: 1, Surge: One}} },
	} {
		s := sound()
		spoil(s)
		if _, err := New(s, 1); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if got := (Shares{{1, 5_000}, {4, 5_000}}).Mean(); got != 2.5 {
		t.Errorf("mean %v", got)
	}
}

func TestProfileFaults(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"steps: []", "there are no steps"},
		{"steps:\n  - {rate: 1/s}\n  - {for: 1s, rate: 1/s}", "p.yaml:2:5 steps[0].for: the step has no length"},
		{"steps: [{for: 0s, rate: 1/s}]", "the step has no length"},
		{"steps: [{for: 1s}]", "the step has no rate"},
		{"steps: [{for: 1s, rte: 5}]", `did you mean "rate"?`},
		{"steps: [{from: 1/s, rate: 5/s}]", "a step without end does not rise or fall"},
		{"steps: [{for: 1s, rate: 0/s}, {rate: 0%}]", "nothing ever comes"},
		{"base: 0\nsteps: [{for: 1s, rate: 10%}]", "the base is nothing"},
		{"kind: poison\nsteps: [{for: 1s, rate: 1/s}]", `did you mean "poisson"?`},
		{"steps: [{for: 1s, rate: 1/x}]", "is no rate"},
	} {
		if _, err := ReadProfile("p.yaml", []byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s\ntells %v\nwant %s", tc.text, err, tc.want)
		}
	}
}

// FuzzRead reads any text. What is read has no faults, is read again as the same, and, where it is small, makes events.
func FuzzRead(f *testing.F) {
	f.Add([]byte(tiny))
	for _, name := range Builtins() {
		s, _ := Builtin(name)
		f.Add(s.Text())
	}
	f.Add([]byte("name: x\narrivals: {kind: day, rate: 1/h, peak: {at: 2h, for: 4h, times: 9}}\nflash: [{at: 1h, for: 1h, share: 1%, surge: 0.1}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read("spec.yaml", data)
		if err != nil {
			if _, ok := errors.AsType[*faults.Error](err); !ok {
				t.Fatalf("%v", err)
			}
			return
		}
		if again, err := Read("spec.yaml", data); err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("read again it is another: %v", err)
		}
		if n := &s.Network; n.Directory != "" || s.Arrivals.Kind == KindRecorded || n.SKUs > 1_000 || n.Warehouses > 100 || s.Destinations.Places > 1_000 {
			return
		}
		w, err := New(s, 1)
		if err != nil {
			t.Fatalf("what was read cannot be made: %v", err)
		}
		stream := w.Events(w.Arrivals())
		last := Event{}
		for e := (Event{}); e.Number < 200 && stream.Next(&e); last.Due = e.Due {
			if e.Due < last.Due {
				t.Fatalf("%s after %s", e.Due, last.Due)
			}
		}
	})
}

// FuzzReadProfile reads any text. What is read makes arrivals in order.
func FuzzReadProfile(f *testing.F) {
	f.Add([]byte("base: 20/s\nsteps: [{for: 1s, rate: 50%}, {rate: 200%}]"))
	f.Add([]byte("kind: constant\nsteps: [{for: 2s, from: 0/s, rate: 10/s}, {for: 1s, from: 10/s, rate: 0/s}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadProfile("p.yaml", data)
		if err != nil {
			return
		}
		a, err := p.Arrivals(10, 1)
		if err != nil {
			return
		}
		at := moments(a, 200)
		for i := 1; i < len(at); i++ {
			if at[i] < at[i-1] {
				t.Fatalf("%s after %s", at[i], at[i-1])
			}
		}
	})
}

// FuzzRecord reads any text as counts.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("# orders\n1\n\n2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := parseRecord("x.txt", data); err == nil && (r.Orders() < 1 || r.Seconds() < 1) {
			t.Fatalf("%d orders in %d seconds", r.Orders(), r.Seconds())
		}
	})
}
