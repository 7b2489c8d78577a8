package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A priceAnswer is one price of what allot prices show --json prints.
type priceAnswer struct {
	Warehouse   string `json:"warehouse"`
	SKU         string `json:"sku,omitempty"`
	Service     string `json:"service,omitempty"`
	From        string `json:"from,omitempty"`
	Until       string `json:"until,omitempty"`
	PriceMicros int64  `json:"priceMicros"`
}

// A pricesAnswer is what allot prices show --json prints.
type pricesAnswer struct {
	Version  string        `json:"version"`            // empty: a server has none in force
	LoadedAt string        `json:"loadedAt,omitempty"` // a server put them in force
	Currency string        `json:"currency"`
	Count    int           `json:"count"` // of prices that match, listed or not
	Prices   []priceAnswer `json:"prices"`
}

// A pricesShowFlags is how allot prices show was called.
type pricesShowFlags struct {
	network, server, sku, warehouse string
	top                             int
	asJSON                          bool
}

func newPricesShow(t *terminal) *cobra.Command {
	var fl pricesShowFlags
	cmd := &cobra.Command{
		Use:   "show {PRICES --network DIR | --server ADDRESS}",
		Short: "Show prices that look ahead",
		Long: `Show prints prices, the highest first: those of a unit of a SKU in a warehouse, and those of a shipment from a warehouse on
some days. They are those of a file, or with --server those that a running server decides with at the moment, and since when;
either of its addresses will do. The version stands in every decision that weighed them.

A server that makes prices also keeps those in force in the file that its flag --prices names, which it replaces whole whenever
they change.`,
		Example: `  allot prices show prices.csv --network examples/us-parcel --top 20
  allot prices show prices.csv --network examples/us-parcel --sku mug-14oz-slate
  allot prices show --server 127.0.0.1:7430 --top 20
  allot prices show --server 127.0.0.1:7430 --warehouse reno --json | jq '.prices[0]'`,
		Args: arguments(0, 1, "PRICES"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 || fl.server != "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fl.check(args); err != nil {
				return err
			}
			var answer *pricesAnswer
			var err error
			if fl.server != "" {
				answer, err = fl.ask(cmd.Context())
			} else {
				answer, err = fl.read(args[0])
			}
			if err != nil {
				return err
			}
			if fl.asJSON {
				return writeJSON(t.out, answer)
			}
			answer.print(t)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` that the file is for")
	f.StringVar(&fl.server, "server", "", "ask the server at `ADDRESS`, as 127.0.0.1:7430, in place of a file")
	f.StringVar(&fl.sku, "sku", "", "only prices of this `SKU`")
	f.StringVar(&fl.warehouse, "warehouse", "", "only prices in this `WAREHOUSE`")
	f.IntVar(&fl.top, "top", 0, "at most `N` prices (default all)")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "network")
	completeFlag(cmd, "warehouse", completeFrom(&fl.network, warehouseNames))
	for _, name := range []string{"server", "sku", "top"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

// check tells what is wrong with how the command was called: prices are of a file or of a server.
func (fl *pricesShowFlags) check(args []string) error {
	var bad faults.List
	switch {
	case fl.server == "":
		if len(args) == 0 {
			bad.Addf("", 0, 0, "PRICES", "name a file of prices, or a server with --server", "missing")
		}
		if fl.network == "" {
			bad.Addf("", 0, 0, "--network", "name the network directory that the prices are for", "missing")
		}
	default:
		if len(args) > 0 {
			bad.Addf("", 0, 0, "--server", "leave it out, or the file", "%.100q is a file, and its prices need no server", args[0])
		}
		if fl.network != "" {
			bad.Addf("", 0, 0, "--network", "leave it out", "a server has its own network")
		}
		if _, _, err := net.SplitHostPort(fl.server); err != nil {
			bad.Addf("", 0, 0, "--server", "write host:port, as "+defaultGRPC, "%.100q is no address", fl.server)
		}
	}
	if fl.top < 0 {
		bad.Addf("", 0, 0, "--top", "write a number, or 0 for all", "%d is out of range", fl.top)
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// readPrices reads a file of prices for a network.
func readPrices(file string, snap *network.Snapshot) (*engine.Prices, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	return engine.ReadPrices(f, file, snap)
}

// read returns the prices of a file.
func (fl *pricesShowFlags) read(file string) (*pricesAnswer, error) {
	snap, _, err := loadNetwork(fl.network)
	if err != nil {
		return nil, err
	}
	prices, err := readPrices(file, snap)
	if err != nil {
		return nil, err
	}
	warehouse, sku := int32(-1), int32(-1)
	if fl.warehouse != "" {
		at, ok := snap.Warehouse(fl.warehouse)
		if !ok {
			var names []string
			for i := range snap.Warehouses {
				names = append(names, snap.Warehouses[i].ID)
			}
			return nil, misusef("--warehouse: unknown warehouse %.100q; %s", fl.warehouse, meant(fl.warehouse, names))
		}
		warehouse = at
	}
	if fl.sku != "" {
		at, ok := snap.SKUs.Row(fl.sku)
		if !ok {
			mend := "name one of the network"
			if len(snap.SKUs.IDs) <= 10_000 {
				mend = cmp.Or(faults.DidYouMean(fl.sku, snap.SKUs.IDs), mend)
			}
			return nil, misusef("--sku: unknown SKU %.100q; %s", fl.sku, mend)
		}
		sku = at
	}
	var rows []engine.PriceRow
	for _, r := range prices.Ranked() {
		if (warehouse < 0 || r.Warehouse == warehouse) && (sku < 0 || r.SKU == sku) {
			rows = append(rows, r)
		}
	}
	answer := &pricesAnswer{Version: prices.Version(), Currency: snap.Currency, Count: len(rows), Prices: []priceAnswer{}}
	if fl.top > 0 {
		rows = rows[:min(len(rows), fl.top)]
	}
	for _, r := range rows {
		one := priceAnswer{PriceMicros: int64(r.Price)}
		one.Warehouse, one.SKU, one.Service, one.From, one.Until = r.Names(snap)
		answer.Prices = append(answer.Prices, one)
	}
	return answer, nil
}

// maxAsks is how often a server is asked that puts other prices in force while they are being read.
const maxAsks = 10

// ask returns the prices that a server decides with.
func (fl *pricesShowFlags) ask(ctx context.Context) (*pricesAnswer, error) {
	conn, err := grpc.NewClient(fl.server, grpc.WithTransportCredentials(insecure.NewCredentials()), // both ports of a server speak gRPC
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	defer func() { _ = conn.Close() }() // every call has ended
	answer, err := fl.askAgain(ctx, allotv1.NewNetworkServiceClient(conn))
	if err != nil {
		return nil, fl.refused(ctx, err)
	}
	return answer, nil
}

// askAgain asks until all parts of an answer are of the same prices.
func (fl *pricesShowFlags) askAgain(ctx context.Context, client allotv1.NetworkServiceClient) (answer *pricesAnswer, err error) {
	for range maxAsks {
		if answer, err = fl.askAll(ctx, client); status.Code(err) != codes.Aborted {
			break
		}
	}
	return answer, err
}

// askAll asks for as many prices as are wanted, in as many parts as the server makes of them.
func (fl *pricesShowFlags) askAll(ctx context.Context, client allotv1.NetworkServiceClient) (*pricesAnswer, error) {
	const most, patience = 10_000, 30 * time.Second // of one call
	request := &allotv1.PricesRequest{}
	if fl.sku != "" {
		request.Skus = []string{fl.sku}
	}
	if fl.warehouse != "" {
		request.Warehouses = []string{fl.warehouse}
	}
	answer := &pricesAnswer{Prices: []priceAnswer{}}
	for {
		request.Skip, request.Version = int32(len(answer.Prices)), answer.Version
		if fl.top > 0 {
			request.Top = int32(min(fl.top-len(answer.Prices), most))
		}
		call, cancel := context.WithTimeout(ctx, patience)
		out, err := client.Prices(call, request)
		cancel()
		if err != nil {
			return nil, err
		}
		answer.Version, answer.Currency, answer.Count = out.GetVersion(), out.GetCurrency(), int(out.GetCount())
		if at := out.GetLoadedAt(); at != nil {
			answer.LoadedAt = units.Instant(at.GetSeconds()).String()
		}
		for _, p := range out.GetPrices() {
			answer.Prices = append(answer.Prices, priceAnswer{
				Warehouse: p.GetWarehouse(), SKU: p.GetSku(), Service: p.GetService(), From: p.GetFrom(), Until: p.GetUntil(), PriceMicros: p.GetPriceMicros(),
			})
		}
		if n := len(answer.Prices); len(out.GetPrices()) == 0 || n >= answer.Count || n == fl.top {
			return answer, nil
		}
	}
}

// refused says in the words of the command line what a server said.
func (fl *pricesShowFlags) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	said := status.Convert(err)
	var bad faults.List
	for _, detail := range said.Details() {
		if request, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range request.GetFieldViolations() {
				flag := map[string]string{"skus[0]": "--sku", "warehouses[0]": "--warehouse"}[v.GetField()]
				bad.Addf("", 0, 0, cmp.Or(flag, v.GetField()), "", "%s", v.GetDescription())
			}
		}
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	hint := ""
	if said.Code() == codes.Unavailable || said.Code() == codes.DeadlineExceeded {
		hint = "; name an address that \"allot serve\" prints"
	}
	return fmt.Errorf("--server: %s does not answer: %s%s", fl.server, said.Message(), hint)
}

func (answer *pricesAnswer) print(t *terminal) {
	if answer.Version == "" {
		fmt.Fprintln(t.out, "no prices are in force")
		return
	}
	fmt.Fprintf(t.out, "%s in %s, version %.12s", count(answer.Count, "price"), answer.Currency, answer.Version)
	if answer.LoadedAt != "" {
		fmt.Fprintf(t.out, ", in force since %s", answer.LoadedAt)
	}
	fmt.Fprintln(t.out)
	if len(answer.Prices) == 0 {
		return
	}
	g := grid{names: []string{">price", "warehouse", "of a unit of, or a shipment by", "from", "until"}}
	for _, p := range answer.Prices {
		what := cmp.Or(p.SKU, p.Service, "any service")
		if p.SKU == "" {
			what = "shipment by " + what
		}
		g.add(money(p.PriceMicros), p.Warehouse, what, p.From, p.Until)
	}
	g.print(t.out, "")
	if more := answer.Count - len(answer.Prices); more > 0 {
		fmt.Fprintf(t.out, "and %s more\n", thousands(more))
	}
}
