package main

import (
	"math"
	"strings"
	"testing"

	"github.com/allot-engine/allot/simulate/compare"
)

func TestPrintAgainst(t *testing.T) {
	t.Parallel()
	estimate := func(value, low, high float64) compare.Estimate {
		return compare.Estimate{Value: compare.Number(value), Interval: &compare.Interval{Low: low, High: high}}
	}
	none := compare.Estimate{Value: compare.Number(math.NaN())}
	figure := func(name, label string, unit compare.Unit, better int, base, run, change, relative compare.Estimate) compare.Figure {
		return compare.Figure{Name: name, Label: label, Unit: unit, Better: better, Base: base, Run: run, Change: change, Relative: relative}
	}
	c := &compare.Comparison{
		Currency: "USD", Method: compare.Method{Confidence: 0.95}, Thresholds: []string{"cost<=+1%", "filled>=99%"},
		Base: compare.Totals{Name: "base"},
		Runs: []compare.Against{{
			Run:     compare.Totals{Name: "close-reno"},
			Pairing: compare.Pairing{Paired: 30_000, Both: 29_250, Gained: 1, Dropped: 2},
			Change:  1_110_000_000,
			Figures: []compare.Figure{
				figure("cost_per_order", "Cost per order", compare.MoneyUnit, -1, estimate(12.008, 0, 0), estimate(12.25, 0, 0), estimate(0.242, 0.21, 0.27), estimate(0.0202, 0, 0)),
				figure("filled_share", "Filled", compare.Share, 1, estimate(0.98, 0, 0), estimate(0.981, 0, 0), estimate(0.001, 0.0002, 0.0015), none),
				figure("km_per_order", "Distance per order", compare.Km, -1, estimate(1234.4, 0, 0), estimate(1234.5, 0, 0), estimate(0.1, -1, 1), estimate(0.0001, 0, 0)),
				figure("transit_days", "Days in transit", compare.DaysUnit, -1, estimate(2.5, 0, 0), estimate(2.5, 0, 0), estimate(0, 0, 0), estimate(0, 0, 0)),
				figure("shipments_per_order", "Shipments per order", compare.Plain, -1, estimate(1.1, 0, 0), estimate(1.2, 0, 0), compare.Estimate{Value: 0.1}, estimate(0.09, 0, 0)),
				figure("floor_per_order", "Lowest possible", compare.MoneyUnit, -1, none, none, none, none),
				figure("cost_base", "base", compare.MoneyUnit, -1, estimate(1, 1, 1), estimate(1, 1, 1), estimate(0, 0, 0), none),
			},
			Waterfall: []compare.Step{
				{Name: "base", Kind: "base", Amount: 350_000_000_000, Level: 350_000_000_000},
				{Name: "zone price", Kind: "term", Amount: 900_000_000},
				{Name: "fuel", Kind: "term", Amount: 201_000_000},
				{Name: "handling", Kind: "term", Amount: -1_000_000},
				{Name: "nothing", Kind: "term"},
				{Name: "dropped", Kind: "dropped", Amount: -2_000_000},
				{Name: "gained", Kind: "gained", Amount: 12_000_000},
				{Name: "close-reno", Kind: "run", Amount: 351_110_000_000, Level: 351_110_000_000},
			},
			Moves: compare.Moves{Moved: 1_500, Rows: []compare.Move{
				{From: "edison", To: "edison", Orders: 20_000},
				{From: "reno", To: "ontario", Orders: 1_000, Change: 800_000_000, Term: "zone price", TermChange: 700_000_000, Reasons: []compare.Count{{Name: "closed", Orders: 990}, {Name: "out of stock", Orders: 10}}},
				{From: "reno", To: "kent", Orders: 499, Change: -49_900_000, Reasons: []compare.Count{{Name: "closed", Orders: 499}}},
				{From: "reno", To: "dallas", Orders: 1},
			}},
			States: compare.Parts{Rows: []compare.Part{
				{Key: "CA", BaseOrders: 3_500, RunOrders: 3_500, Change: 600_000_000, Alike: 600_000_000, AlikeEach: 200_000, Both: 3_000, Share: 0.54},
				{BaseOrders: 1, Change: -1_000_000, Share: compare.Number(math.NaN())},
				{Key: "NY", BaseOrders: 5},
			}},
			Verdict: compare.Verdict{Judgings: []compare.Judgment{
				{Threshold: "cost<=+1%", Reason: "no-go: it is +2.02 %"}, {Threshold: "filled>=99%", Pass: true, Reason: "go: it is 99.10 %"},
			}},
		}},
	}
	var b strings.Builder
	printAgainst(&b, c, &c.Runs[0], 2)
	const want = `close-reno against base: 30,000 orders in both runs, 29,250 filled in both, 1 filled only by close-reno, 2 filled only by base
                           base  close-reno    change               95 % interval
  Cost per order          12.01       12.25    +0.242  +2.02 %   +0.210 to +0.270  worse
  Filled                98.00 %     98.10 %  +0.10 pp           +0.02 to +0.15 pp  better
  Distance per order   1,234 km    1,234 km   +0.1 km  +0.01 %    -1.0 to +1.0 km  within chance
  Days in transit          2.50        2.50         =
  Shipments per order     1.100       1.200   +0.1000  +9.00 %

total cost in USD, from base to close-reno
                      amount       total
  base                        350,000.00
  zone price         +900.00
  fuel               +201.00
  3 smaller changes    +9.00
  close-reno                  351,110.00

1,500 orders moved to other warehouses
  from  to       orders  change each  most of it        why
  reno  ontario   1,000        +0.80  zone price +0.70  closed (990), 1 more
  reno  kent        499        -0.10                    closed

change in USD by state, largest first
  state        orders   change  of all  alike, each
  CA            3,500  +600.00  54.0 %        +0.20
  (not known)       1    -1.00

NO GO: close-reno
  condition
  cost<=+1%    FAILED  it is +2.02 %
  filled>=99%  met     it is 99.10 %
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
