// Command import turns the Supply Chain Logistics Problem of Brunel University into a network directory and a file of
// orders. DATA is the directory with the dataset's seven tables as CSV; examples/brunel/README.md says where they are
// published, what the model is and how it is told in a network.
//
//	go run ./examples/brunel/import DATA OUT             # one day: what a plant cannot take today is refused
//	go run ./examples/brunel/import -wait 25 DATA OUT    # day after day: waiting costs 25.00 a day and order
//
// The two differ in the policy and in nothing else. Every fault of the tables is listed at once, and then nothing is
// written. The same tables give the same bytes.
package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "import:", err)
		}
		os.Exit(1)
	}
}

// defaultDate is the dataset's 26 May in a year that the calendars of Allot have; 2013 they do not.
var defaultDate = units.DateOf(2026, 5, 26)

// run reads the tables and writes the network, naming each of its parts on out. Faults come back as *faults.Error.
func run(args []string, out, usage io.Writer) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Usage = func() {
		fmt.Fprintln(usage, "usage: import [-wait COST] [-date DAY] DATA OUT")
		flags.PrintDefaults()
	}
	var wait units.Money
	flags.TextVar(&wait, "wait", units.Money(0), "`cost` of a day that an order waits; 0: an order goes today or not at all")
	date := defaultDate
	flags.TextVar(&date, "date", defaultDate, "`day` on which the orders are decided, as 2026-05-26")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		flags.Usage()
		return errors.New("name the directory with the tables and the directory to write")
	}
	if wait < 0 {
		return errors.New("-wait is negative: waiting costs something")
	}
	var bad faults.List
	p := read(os.DirFS(flags.Arg(0)), &bad)
	if bad.Len() > 0 {
		return bad.Err()
	}
	return write(flags.Arg(1), files(p, date, wait), p, out)
}

// write puts the files into a directory and says what they hold.
func write(into string, files map[string][]byte, p *problem, out io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(into, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	places, nowhere := 0, 0
	for _, l := range p.plants {
		places += l.capacity
	}
	for i := range p.orders {
		if len(p.plantsOf(&p.orders[i])) == 0 {
			nowhere++
		}
	}
	fmt.Fprintf(out, "%s: %d orders, %d plants with %d places a day, %d lanes\n",
		into, len(p.orders), len(p.plants), places, len(p.services()))
	for _, name := range p.unknown {
		fmt.Fprintf(out, "plant %q is left out: it has no capacity\n", name)
	}
	if nowhere > 0 {
		fmt.Fprintf(out, "%d orders cannot be filled by any plant\n", nowhere)
	}
	return nil
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
