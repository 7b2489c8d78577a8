// The command peers puts Allot beside what could be used in its place, on the same orders, in interleaved rounds of one run:
// its decisions beside the naive version and beside the per-order integer program in HiGHS and in CBC, its reservations
// beside PostgreSQL's, its calls beside an empty gRPC echo, and its journal beside raw appends with fdatasync. It prints what was
// measured with its spread, and puts it in the place of the section of RESULTS.md that it wrote before.
//
//	go run ./bench/peers [--only decide,reserve,journal] [--orders 1000] [--rounds 11] [--quick] [--json] [--check] [--results bench/RESULTS.md]
//
// It fails where anybody finds another optimum than Allot on any order. Peers that are not installed are fetched into
// .build/peers, and left out, which the output says, where that fails.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/rounds"
	"github.com/allot-engine/allot/engine/enginetest"
)

func main() {
	bench.Main("peers", func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) })
}

// A figure is something that was measured, in its own measure: once a round, or of each order.
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Rounds []float64 `json:"rounds"`
}

// A table is figures of one part.
type table struct {
	Title string    `json:"title"`
	Note  string    `json:"note,omitempty"`
	Rows  []*figure `json:"rows"`
}

// A version is what a peer says that it is, or the reason for which it was left out.
type version struct {
	Peer    string `json:"peer"`
	Version string `json:"version,omitempty"`
	LeftOut string `json:"left_out,omitempty"`
}

// A result is what the command prints.
type result struct {
	Machine     string           `json:"machine"`
	Load        string           `json:"load,omitempty"` // average of the last minutes, as the system says it
	Go          string           `json:"go"`
	CPUs        int              `json:"cpus"`
	Dir         string           `json:"dir"`
	Command     string           `json:"command"`
	Rounds      int              `json:"rounds"`
	Peers       []version        `json:"peers"`
	Tables      []*table         `json:"tables"`
	Promises    []*bench.Promise `json:"promises"`
	Compared    []*comparison    `json:"compared"`
	Differences []difference     `json:"differences"`
}

// A comparison is on how many orders somebody's cost was compared with Allot's. Each order counts once for each model.
type comparison struct {
	Who    string `json:"who"`
	Orders int    `json:"orders"`
}

// A measurement is how the parts are told what to do, and what they report to.
type measurement struct {
	dir      string // an empty one for each part, on the disk that is measured
	rounds   int
	slice    time.Duration
	orders   int
	quick    bool              // one model of each order for the solvers, not two
	world    enginetest.Config // of the decisions
	network  string            // directory of a network with published tariffs
	tools    *toolbox
	began    time.Time
	progress io.Writer
	result   *result
}

// parts are what is measured, one after the other.
var parts = []struct {
	name    string
	measure func(context.Context, *measurement) error
}{{"decide", measureDecide}, {"reserve", measureReserve}, {"journal", measureJournal}}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	m := &measurement{world: usualWorld, began: time.Now(), progress: stderr, result: &result{
		Machine: machine(), Load: load(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Command: strings.Join(append([]string{"go run ./bench/peers"}, args...), " "), Compared: []*comparison{}, Differences: []difference{},
	}}
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", strings.Join(names, ","), "the parts to measure")
	flags.IntVar(&m.orders, "orders", 1_000, "orders that need a split; of the other two networks a fifth as many")
	flags.IntVar(&m.rounds, "rounds", 11, "rounds; everything that is compared runs once in each, decisions on a share of the orders of its own")
	flags.BoolVar(&m.quick, "quick", false, "give the solvers only the model in which they choose the services too, and measure in 5 rounds unless --rounds says otherwise; the orders are the same")
	flags.DurationVar(&m.slice, "slice", 300*time.Millisecond, "how long each runs in a round, but solvers as long as they take")
	flags.IntVar(&m.world.Warehouses, "warehouses", usualWorld.Warehouses, "warehouses of the network that is made for the decisions")
	flags.IntVar(&m.world.Stocked, "stocked", usualWorld.Stocked, "percent of its pairs of SKU and warehouse with stock")
	flags.IntVar(&m.world.Lines, "lines", usualWorld.Lines, "most lines of its orders; -N is exactly N")
	flags.StringVar(&m.network, "network", "examples/us-parcel", "a directory of a network with a season.parquet")
	dir := flags.String("dir", ".build", "a directory on the disk to be measured; it is made, and what is written there is removed again")
	tools := flags.String("tools", ".build/peers", "where peers that are not installed are fetched to, and stay")
	fetch := flags.Bool("fetch", true, "fetch peers that are not installed")
	install := flags.Bool("peers", true, "measure beside programs that others wrote; false: only Allot, the naive version, the echo and raw appends")
	results := flags.String("results", "", "the file whose section is replaced; the default is bench/RESULTS.md when every part is measured, \"none\" is none")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "rounds" })
	if m.quick && !given {
		m.rounds = 5
	}
	if m.rounds < 1 || m.slice <= 0 || m.orders < 1 || flags.NArg() > 0 {
		return errors.New("give at least 1 round, a slice over 0, at least 1 order and no other arguments")
	}
	wanted := strings.Split(*only, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("--only: there is no part %q; write some of %s", name, strings.Join(names, ","))
		}
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	if rounds.InMemory(*dir) {
		return fmt.Errorf("--dir: %s is in memory, where syncing costs nothing; name a directory on a disk", *dir)
	}
	m.result.Dir, m.result.Rounds = *dir, m.rounds
	m.tools = &toolbox{dir: *tools, fetch: *fetch, none: !*install, tell: m.tellf}
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		err := rounds.Inside(*dir, "peers-", func(own string) error {
			m.dir = own
			return p.measure(ctx, m)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		runtime.GC()
	}
	slices.SortFunc(m.result.Differences, func(a, b difference) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Order, b.Order), strings.Compare(a.Who, b.Who))
	})
	err = bench.Print(stdout, m.result, m.result.print, m.result.Promises, *asJSON, *check)
	if n := len(m.result.Differences); n > 0 {
		return errors.Join(fmt.Errorf("%d costs differ from Allot's", n), err)
	}
	if *results == "" && len(wanted) == len(names) {
		*results = filepath.Join("bench", "RESULTS.md")
	}
	if *results != "" && *results != "none" {
		m.tellf("writing the section of %s", *results)
		err = errors.Join(err, rewrite(*results, m.result.section()))
	}
	return err
}

// tellf tells how far it is.
func (m *measurement) tellf(format string, args ...any) {
	fmt.Fprintf(m.progress, "%5.0f s  "+format+"\n", append([]any{time.Since(m.began).Seconds()}, args...)...)
}

// leaveOut notes, once, that a peer is not measured.
func (m *measurement) leaveOut(peer, why string) {
	m.tellf("left out: %s: %s", peer, why)
	m.note(version{Peer: peer, LeftOut: why})
}

// version notes, once, which version of a peer was measured.
func (m *measurement) version(peer, v string) { m.note(version{Peer: peer, Version: v}) }

func (m *measurement) note(v version) {
	if !slices.Contains(m.result.Peers, v) {
		m.result.Peers = append(m.result.Peers, v)
	}
}

func (m *measurement) atLeast(name string, target float64, of []float64) {
	m.result.Promises = append(m.result.Promises, bench.AtLeast(name, target, of))
}

// add adds a table.
func (m *measurement) add(t *table) { m.result.Tables = append(m.result.Tables, t) }

// row adds a figure to a table.
func (t *table) row(name, unit string, of []float64) {
	t.Rows = append(t.Rows, &figure{Name: name, Unit: unit, Rounds: of})
}

// values are the median, the least and the most of a figure, as they are printed.
func (f *figure) values() (median, least, most string) {
	return bench.Number(bench.Median(f.Rounds)), bench.Number(slices.Min(f.Rounds)), bench.Number(slices.Max(f.Rounds))
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d processors, load %s, %s, in %s; medians of %d rounds.\n", r.Machine, r.CPUs, r.Load, r.Go, r.Dir, r.Rounds)
	for _, p := range r.Peers {
		fmt.Fprintln(w, p.String())
	}
	for _, part := range r.Tables {
		fmt.Fprintf(w, "\n%s\n", part.Title)
		if part.Note != "" {
			fmt.Fprintln(w, part.Note)
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "measured\tmedian\tleast\tmost\t\t")
		for _, f := range part.Rows {
			median, least, most := f.values()
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", f.Name, median, least, most, f.Unit)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "\n"+r.compared())
	for _, d := range r.Differences {
		fmt.Fprintf(w, "DIFFERENT: %s, order %s: %s says %d micros, Allot %d\n", d.Field, d.Order, d.Who, d.Cost, d.Allot)
	}
	return nil
}

// compared says whose costs were compared with Allot's.
func (r *result) compared() string {
	if len(r.Compared) == 0 {
		return "No costs were compared."
	}
	var by []string
	for _, c := range r.Compared {
		by = append(by, fmt.Sprintf("%d of %s", c.Orders, c.Who))
	}
	return fmt.Sprintf("Costs that differ from Allot's: %d. Compared were %s.", len(r.Differences), strings.Join(by, ", "))
}

// compare counts orders whose costs were compared.
func (r *result) compare(who string, orders int) {
	for _, c := range r.Compared {
		if c.Who == who {
			c.Orders += orders
			return
		}
	}
	r.Compared = append(r.Compared, &comparison{who, orders})
}

func (v version) String() string {
	if v.LeftOut != "" {
		return v.Peer + ": left out: " + v.LeftOut
	}
	return v.Peer + " " + v.Version
}

// machine says what the processor is, where the system tells.
func machine() string {
	data, _ := os.ReadFile("/proc/cpuinfo") // not there: another system
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

// load says how busy the machine was before, where the system tells.
func load() string {
	data, _ := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(data)); len(f) > 2 {
		return strings.Join(f[:3], " ")
	}
	return "unknown"
}
