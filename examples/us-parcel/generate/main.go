// Command generate writes what is made up in the example network us-parcel: its warehouses and pickups, SKUs, stock,
// calendars and orders. The tariffs, delivery areas and transit times beside them are no work of it: those are the
// carriers' own, imported, or assumed by hand.
//
//	go run ./examples/us-parcel/generate                # writes into examples/us-parcel
//	go run ./examples/us-parcel/generate -seed 7 -into another-directory
//
// The same seed gives the same bytes on every machine. It reads nothing but the seed and Allot's table of ZIP codes.
package main

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// defaultSeed is the seed of the files that are committed.
const defaultSeed = 2026

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes the files that the flags ask for and names each on out.
func run(args []string, out, usage io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(usage)
	seed := flags.Uint64("seed", defaultSeed, "seed of everything that is drawn by lot")
	into := flags.String("into", "examples/us-parcel", "the network `directory` to write into")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; the directory is given as -into DIR", flags.Arg(0))
	}
	files := generate(*seed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(*into, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintf(out, "%7d bytes  %s\n", len(files[name]), path)
	}
	return nil
}

// generate returns the content of every file by its path in the network directory.
func generate(seed uint64) map[string][]byte {
	skus := catalogue(seed)
	held := assort(seed, skus)
	season := takeSeason(seed, skus, held)
	return map[string][]byte{
		"warehouses.csv":         warehousesCSV(),
		"pickups.csv":            pickupsCSV(),
		"skus.csv":               skusCSV(skus),
		"stock.csv":              stockCSV(held),
		"calendars/holidays.csv": holidaysCSV(),
		"orders.jsonl":           ordersJSONL(takeOrders(seed, skus, held)),
		"history.csv":            historyCSV(takeHistory(seed, skus, held)),
		"season.parquet":         seasonParquet(season, supply(seed, held, season)),
	}
}

// csvBytes prints a table.
func csvBytes(records [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(records); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}
