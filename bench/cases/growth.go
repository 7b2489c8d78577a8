package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A growth is the line that a wave prints whose time is held against that of smaller ones.
type growth struct {
	Orders       int      `json:"orders"`
	Gap          *float64 `json:"gap"` // of the cost over the bound
	Microseconds float64  `json:"microseconds"`
	CPU          float64  `json:"cpu_microseconds"`
	PerOrder     float64  `json:"microseconds_per_order"`
	CPUPerOrder  float64  `json:"cpu_microseconds_per_order"`
	Contradicted string   `json:"contradicted,omitempty"`
}

// runGrowth solves waves of growing size that are made in memory, all equally short: twenty warehouses (fewer below 100
// orders), as many units an SKU and a warehouse as the orders want with a fifth to spare, and capacities in proportion.
func runGrowth(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("cases growth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.Uint64("seed", 1, "of everything")
	perSKU := flags.Float64("orders-per-sku", 0, "orders for each SKU; 0: more in greater waves, as in the generated cases")
	sizes := flags.String("orders", "500,5000,50000", "numbers of orders, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || !(*perSKU >= 0) {
		return errors.New("growth reads no files, and wants at least 0 orders for an SKU")
	}
	c, err := compile(generateCard())
	if err != nil {
		return err
	}
	out := json.NewEncoder(stdout)
	var wrong []string
	for size := range strings.SplitSeq(*sizes, ",") {
		orders, err := strconv.Atoi(size)
		if err != nil || orders < 1 {
			return fmt.Errorf("--orders: %q is not a number of orders", size)
		}
		w := &world{rand.New(rand.NewPCG(*seed, uint64(orders)))}
		skus := 4 * math.Pow(float64(orders), 0.62)
		if *perSKU > 0 {
			skus = float64(orders) / *perSKU
		}
		b, units := w.wave("b"+size, orders, max(int(skus), 8))
		w.limit(b, units, true, true)
		data, err := json.Marshal(b)
		if err != nil {
			return err
		}
		res, err := (&runner{}).batch(&file{name: b.Name, data: data}, c)
		if err != nil {
			return err
		}
		n := float64(orders)
		if err := out.Encode(&growth{orders, res.Gap, res.Microseconds, res.CPU, res.Microseconds / n, res.CPU / n, res.Contradicted}); err != nil {
			return err
		}
		if res.Contradicted != "" {
			wrong = append(wrong, b.Name+": "+res.Contradicted)
		}
	}
	if wrong != nil {
		return fmt.Errorf("contradicted: %v", wrong)
	}
	return nil
}
