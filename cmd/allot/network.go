package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

func newNetwork(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "network",
		Short: "Check and show network directories",
		Example: `  allot network check examples/us-parcel
  allot network show examples/us-parcel`,
		Args: cobra.ArbitraryArgs, // so that group can answer
		RunE: group,
	}
	cmd.AddCommand(newNetworkCheck(t), newNetworkShow(t))
	return cmd
}

// A checkAnswer is what allot network check --json prints.
type checkAnswer struct {
	Faults   []faultAnswer   `json:"faults"`
	Warnings []faultAnswer   `json:"warnings"`
	Network  *networkSummary `json:"network,omitempty"` // where there are no faults
}

// A faultAnswer is a fault with the names that the API's Fault has in JSON.
type faultAnswer struct {
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Problem string `json:"problem"`
	Mend    string `json:"mend,omitempty"`
}

func faultAnswers(list []faults.Fault) []faultAnswer {
	out := make([]faultAnswer, len(list))
	for i, f := range list {
		out[i] = faultAnswer(f)
	}
	return out
}

// A networkSummary is a network in a few figures.
type networkSummary struct {
	Version    string `json:"version"`
	Name       string `json:"name"`
	Currency   string `json:"currency"`
	Warehouses int    `json:"warehouses"`
	Services   int    `json:"services"`
	SKUs       int    `json:"skus"`
	StockRows  int    `json:"stockRows"`
}

func summarize(snap *network.Snapshot, stock int) *networkSummary {
	return &networkSummary{
		Version: snap.Version, Name: snap.Name, Currency: snap.Currency,
		Warehouses: len(snap.Warehouses), Services: len(snap.Services), SKUs: len(snap.SKUs.IDs), StockRows: stock,
	}
}

func (n *networkSummary) String() string {
	return fmt.Sprintf("%s: %s, %s, %s, %s of stock, in %s, version %.12s", n.Name, count(n.Warehouses, "warehouse"),
		count(n.Services, "service"), count(n.SKUs, "SKU"), count(n.StockRows, "row"), n.Currency, n.Version)
}

func newNetworkCheck(t *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "List everything that is wrong with a network directory",
		Long: `Check reads every file of a network directory and lists everything that is wrong, with file, row and column, and what to
do about it; it never stops at the first fault. Warnings tell what most networks do not mean: stock below its safety,
a service without a card in force today, files that nothing uses. The exit code is 0 without faults and 1 with any.`,
		Example: `  allot network check examples/us-parcel
  allot network check --json examples/us-parcel | jq '.faults[].file'`,
		Args:              arguments(1, 1, "DIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(_ *cobra.Command, args []string) error {
			root, err := openNetwork(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = root.Close() }() // nothing is written through it
			answer, err := check(root.FS(), today(t.now()))
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(t.out, answer)
			} else {
				answer.print(t)
			}
			if err == nil && len(answer.Faults) > 0 {
				err = toldError(exitFaults)
			}
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// today is the day of a moment where this machine stands.
func today(now time.Time) units.Date {
	return units.DateOf(now.Year(), int(now.Month()), now.Day())
}

// openNetwork opens a network directory, whose links must not lead out of it.
func openNetwork(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("no network directory: %w", err)
	}
	return root, nil
}

// check reads a network whole and judges it.
func check(fsys fs.FS, day units.Date) (*checkAnswer, error) {
	answer := &checkAnswer{Faults: []faultAnswer{}, Warnings: []faultAnswer{}}
	src, err := network.Read(fsys)
	if _, faulty := asFaults(err); faulty {
		answer.Faults = faultAnswers(network.Check(fsys)) // with those of the files among each other
		return answer, nil
	} else if err != nil {
		return nil, err
	}
	snap, err := network.Compile(src, nil)
	if err != nil {
		bad, ok := asFaults(err)
		if !ok {
			return nil, err
		}
		answer.Faults = faultAnswers(bad)
		return answer, nil
	}
	answer.Warnings = faultAnswers(network.Warnings(src, day))
	answer.Network = summarize(snap, len(src.Stock))
	return answer, nil
}

func (a *checkAnswer) print(t *terminal) {
	for _, f := range a.Faults {
		fmt.Fprintln(t.out, faults.Fault(f))
	}
	for _, f := range a.Warnings {
		fmt.Fprintf(t.out, "warning: %v\n", faults.Fault(f))
	}
	if a.Network != nil {
		fmt.Fprintf(t.out, "%v\nno faults, %s\n", a.Network, count(len(a.Warnings), "warning"))
		return
	}
	byFile := map[string]int{}
	for _, f := range a.Faults {
		byFile[f.File]++
	}
	var parts []string
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		parts = append(parts, strings.TrimSpace(file+" "+thousands(byFile[file])))
	}
	fmt.Fprintf(t.out, "%s: %s\n", count(len(a.Faults), "fault"), strings.Join(parts, ", "))
}

// A showAnswer is what allot network show --json prints.
type showAnswer struct {
	networkSummary
	WarehouseList []warehouseAnswer `json:"warehouseList"`
	ServiceList   []serviceAnswer   `json:"serviceList"`
}

type warehouseAnswer struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Country    string `json:"country"`
	PostalCode string `json:"postalCode,omitempty"`
	TimeZone   string `json:"timeZone"`
	Cutoff     string `json:"cutoff"`
	Capacity   int32  `json:"dailyCapacity"` // -1 without limit
	Services   int    `json:"services"`
	SKUs       int    `json:"skus"`
	OnHand     int64  `json:"onHand"`
	Closed     bool   `json:"closed,omitempty"`
}

type serviceAnswer struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Carrier   string   `json:"carrier"`
	Kind      string   `json:"kind"`
	Effective []string `json:"effective"` // the periods of its cards
	Source    string   `json:"source,omitempty"`
	Charted   int      `json:"charted"` // warehouses that the carrier's chart covers; the others' zones are guessed, or there are none
	Zoned     bool     `json:"zoned"`   // it has zones
}

func newNetworkShow(t *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show DIR",
		Short: "Show the warehouses and the services of a network",
		Long: `Show reads a network directory and prints its warehouses and services: working day, stock, rate cards with the dates on
which they hold, and for how many warehouses a carrier's own zone chart is there.`,
		Example: `  allot network show examples/us-parcel
  allot network show --json examples/us-parcel | jq '.serviceList[].id'`,
		Args:              arguments(1, 1, "DIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(_ *cobra.Command, args []string) error {
			root, err := openNetwork(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = root.Close() }() // nothing is written through it
			snap, stock, err := network.LoadFS(root.FS(), nil)
			if err != nil {
				return err
			}
			answer := show(snap, stock)
			if asJSON {
				return writeJSON(t.out, answer)
			}
			answer.print(t)
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func show(snap *network.Snapshot, stock *network.Stock) *showAnswer {
	a := &showAnswer{networkSummary: *summarize(snap, len(stock.Rows))}
	skus, onHand := map[string]int{}, map[string]int64{}
	for i := range stock.Rows {
		if row := &stock.Rows[i]; row.AvailableFrom == 0 {
			skus[row.Warehouse]++
			onHand[row.Warehouse] += int64(row.OnHand)
		}
	}
	for i := range snap.Warehouses {
		w := &snap.Warehouses[i]
		services := 0
		for s := range snap.Services {
			services += int(w.Services >> s & 1)
		}
		a.WarehouseList = append(a.WarehouseList, warehouseAnswer{
			ID: w.ID, Name: w.Name, Kind: w.Kind, Country: w.Country, PostalCode: w.Postal, TimeZone: w.TimeZone,
			Cutoff: snap.Profiles[w.Profile].Dock.Cutoff.String(), Capacity: w.DailyCapacity, Services: services,
			SKUs: skus[w.ID], OnHand: onHand[w.ID], Closed: w.Closed,
		})
	}
	for i := range snap.Services {
		s := &snap.Services[i]
		out := serviceAnswer{ID: s.ID, Name: s.Name, Carrier: snap.Carriers[s.Carrier], Kind: network.KindShip, Effective: []string{}}
		if s.Kind == network.Collect {
			out.Kind = network.KindCollect
		}
		if s.Tariff != nil {
			for _, card := range slices.Backward(s.Tariff.Cards()) {
				if card.Source().File == "" {
					continue // nobody wrote it: it stands for "free"
				}
				first, _ := card.Effective()
				period := "from " + first.String()
				if to := card.Source().EffectiveTo; to != 0 {
					period = first.String() + " to " + to.String()
				}
				out.Effective = append(out.Effective, period)
				out.Source = card.Source().Source.Text
			}
		}
		if s.Zones != nil {
			out.Zoned = true
			for w := range s.Origins {
				if s.Origins[w] >= 0 {
					out.Charted++
				}
			}
		}
		a.ServiceList = append(a.ServiceList, out)
	}
	return a
}

func (a *showAnswer) print(t *terminal) {
	fmt.Fprintf(t.out, "%v\n\n", &a.networkSummary)
	warehouses := grid{names: []string{"warehouse", "name", "kind", "postal", "cutoff", "time zone", ">a day", ">services", ">SKUs", ">on hand"}}
	for _, w := range a.WarehouseList {
		capacity := "any"
		if w.Capacity >= 0 {
			capacity = thousands(int(w.Capacity))
		}
		if w.Closed {
			capacity = "closed"
		}
		warehouses.add(w.ID, w.Name, w.Kind, strings.TrimSpace(w.Country+" "+w.PostalCode), w.Cutoff, w.TimeZone, capacity,
			strconv.Itoa(w.Services), thousands(w.SKUs), thousands(int(w.OnHand)))
	}
	warehouses.print(t.out, "")
	fmt.Fprintln(t.out)
	services := grid{names: []string{"service", "carrier", "kind", "cards", "zones"}}
	for _, s := range a.ServiceList {
		zones := "one"
		if s.Zoned {
			zones = fmt.Sprintf("charted for %d of %d", s.Charted, len(a.WarehouseList))
		}
		cards := strings.Join(s.Effective, "; ")
		if cards == "" {
			cards = "none: free"
		}
		services.add(s.ID, s.Carrier, s.Kind, cards, zones)
	}
	services.print(t.out, "")
}
