package main

import (
	"strings"
	"testing"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

func madeUp() *results.Summary {
	return &results.Summary{
		Name: "base", Currency: "USD",
		Orders: results.OrderCounts{
			History: 30_000, Done: 30_000, Filled: 29_250, Refused: 740, Malformed: 10, Unusable: 333, Fill: 975_000,
			Refusals: []results.Outcomes{{Outcome: "OUTCOME_OUT_OF_STOCK", Orders: 700}, {Outcome: "NOT_ON_TIME", Orders: 40}},
			First:    "2026-11-16T12:00:25Z", Last: "2026-12-31T23:59:01Z",
		},
		Skipped:    results.SkippedTotals{Rows: 3, Of: 30_003, Share: 100},
		Cost:       results.CostTotals{Total: 351_234_565_000, PerOrder: 12_008_019, Freight: 290_000_000_000},
		Floor:      results.FloorTotals{Orders: 29_000, PerOrder: 11_500_000, Gap: 14_000_000_000, Share: 41_979},
		OnTime:     results.OnTimeTotals{Promised: 25_000, Share: 998_000, ExpectedLate: 12_345, RealisedLate: 20_000},
		Mishaps:    results.MishapTotals{Orders: 1},
		Splits:     []results.SplitCount{{Shipments: 1, Share: 900_000}, {Shipments: 2, Share: 99_000}, {Shipments: 3, Share: 1_000}},
		Shipping:   results.ShippingTotals{PerOrder: 1_101_000, MeanMetres: 834_499, CO2Grams: 41_250_000, CO2PerOrder: 1_410},
		Transit:    results.DaysTotals{Mean: 2_345_678},
		Delivery:   results.DaysTotals{Mean: 4_005_000},
		StockOuts:  results.StockOutTotals{Events: 231, SKUs: 1, Everywhere: 2},
		Warehouses: []results.WarehouseTotal{{Warehouse: "reno", Shipments: 2_000, Share: 62_100, Cost: 24_016_000_000, Peak: 90, PeakDay: "2026-11-30", Capacity: -1}},
		Services: []results.ServiceTotal{
			{Service: "ground", CarrierTotal: results.CarrierTotal{Carrier: "roads", Shipments: 3, Share: 1_000_000, Spend: 20 * units.Currency}},
			{Service: "never"},
		},
	}
}

func TestPrintSummary(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	printSummary(&b, madeUp())
	const want = `base: 30,000 orders of 2026-11-16 to 2026-12-31
  filled           29,250, 97.50 %
  refused          740: 700 out of stock, 40 not on time
  unusable         10, 0.03 %, neither filled nor refused
  left out         3 of 30,003 rows that were read, 0.01 %, in none of these figures
  cost             12.01 USD an order; 351,234.57 in all, 290,000.00 of it freight
  lowest possible  11.50 an order, if stock and capacity were unlimited; that they are not costs 14,000.00, 4.20 %
  on time          99.80 % of 25,000 with a promise, by plan; 1.23 % expected late; 2.00 % late after 1 mishap
  splits           10.00 % of filled orders; 1.101 shipments an order
  distance         834 km a shipment
  emissions        1,410 g CO2e an order, 41.3 t in all
  days             2.35 in transit, 4.01 from order to delivery
  stock-outs       231 at a warehouse, of 1 SKU; 2 ran out everywhere

  warehouse  shipments  share  cost each  most a day  on          full days  backlog  on
  reno           2,000  6.2 %      12.01          90  2026-11-30                   0

  service  carrier  shipments    share  freight  each
  ground   roads            3  100.0 %    20.00  6.67
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrintRuns(t *testing.T) {
	t.Parallel()
	base, other, part := madeUp(), madeUp(), madeUp()
	other.Name, other.Orders.Fill, other.Cost.PerOrder, other.Shipping.MeanMetres = "close-reno", 974_000, 12_248_180, 900_000
	other.OnTime.Share, other.Splits[1].Share = 998_001, 89_000
	part.Name, part.Partial, part.Orders.Done, part.Floor.Orders, part.OnTime.Promised = "part", true, 8_192, 0, 0
	var b strings.Builder
	printRuns(&b, []*results.Summary{base, other, part})
	const want = `30,000 orders of 2026-11-16 to 2026-12-31, USD
  run          filled            cost an order           on time       split            km a shipment           stock-outs  lowest possible
  base        97.50 %                    12.01           99.80 %     10.00 %                      834                  231            11.50
  close-reno  97.40 %  -0.10 pp          12.25  +2.00 %  99.80 %  =   9.00 %  -1.00 pp            900  +7.85 %         231            11.50
  part        97.50 %         =          12.01        =              10.00 %         =            834        =         231                   PARTIAL: the first 8,192 orders
  unusable  10, 0.03 %, neither filled nor refused
  left out  3 of 30,003 rows that were read, 0.01 %, in none of these figures
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFiguresForPeople(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ got, want string }{
		{cents(-1_234_567_895_000), "-1,234,567.90"},
		{cents(4_999), "0.00"},
		{percent(-1_234_567, 2), "-123.46 %"},
		{percent(5, 0), "0 %"},
		{points(-49), "="},
		{points(51), "+0.01 pp"},
		{change(0, 0), "="},
		{change(5, 0), ""},
		{change(99, 100), "-1.00 %"},
		{change(1_000_001, 1_000_000), "="},
		{grouped("-1234567.5"), "-1,234,567.5"},
		{grouped("+12"), "+12"},
		{between("", ""), ""},
		{between("a", "a"), " of a"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
