// The command season measures the replay of a whole season: orders from a Parquet file through simulate.Run into the directory
// of a run. It prints what is promised of it: how long a million orders take on two cores, how much memory, what a sweep of
// four scenarios costs against four single runs, how the time grows with the number of orders, and that the number of workers
// changes nothing. Every measurement is a process of its own, so that none has the memory or the caches of another.
//
//	go run ./bench/season [--orders 1000000] [--rounds 3] [--sweep 200000] [--large] [--seed 1] [--json] [--check]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"text/tabwriter"

	"github.com/allot-engine/allot/bench"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "season:", err)
		}
		os.Exit(1)
	}
}

// A result is what the command prints.
type result struct {
	Go       string           `json:"go"`
	Machine  string           `json:"machine"`
	CPUs     int              `json:"cpus"`
	Seed     uint64           `json:"seed"`
	Rounds   int              `json:"rounds"`
	Runs     []*measured      `json:"runs"`
	Promises []*bench.Promise `json:"promises"`
}

// A measured is one measurement.
type measured struct {
	Name string `json:"name"`
	stage
	spent
}

// A command measures.
type command struct {
	seed    uint64
	dir     string
	csv     bool
	inline  bool
	cpu     string // file for a profile
	stderr  io.Writer
	results []*measured
	files   map[int]string // by number of orders
}

func run(args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("season", flag.ContinueOnError)
	flags.SetOutput(stderr)
	orders := flags.Int("orders", 1_000_000, "orders of the season")
	rounds := flags.Int("rounds", 3, "rounds of the season and of the growth")
	sweep := flags.Int("sweep", 200_000, "orders of the sweep, and of the runs by 1, 2 and 5 workers")
	large := flags.Bool("large", false, "also replay a season ten times as large")
	seed := flags.Uint64("seed", 1, "of the network, the stock and the orders")
	tables := flags.Bool("csv", true, "write the tables as CSV as well")
	dir := flags.String("dir", "", "write here, and leave it; default a directory that is removed")
	profile := flags.String("cpuprofile", "", "write a profile of the season's last round to this file")
	inline := flags.Bool("inline", false, "measure in this process; peak memory then is that of everything before")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	asked := flags.String("stage", "", "for the command itself: run one stage and print what it took")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *asked != "" {
		return printStage(*asked, stdout)
	}
	if *orders < 1_000 || *sweep < 1 || *rounds < 1 || flags.NArg() > 0 {
		return errors.New("give at least 1,000 orders, 1 order of a sweep, 1 round and no other arguments")
	}
	c := &command{seed: *seed, dir: *dir, csv: *tables, inline: *inline, cpu: *profile, stderr: stderr, files: map[int]string{}}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "season"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	}
	res := &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Seed: *seed, Rounds: *rounds}
	if res.Promises, err = c.measure(*orders, *sweep, *rounds, *large); err != nil {
		return err
	}
	res.Runs = c.results
	return bench.Print(stdout, res, res.print, res.Promises, *asJSON, *check)
}

// cores is how many cores a measurement may use.
const cores = 2

func (c *command) measure(orders, sweep, rounds int, large bool) ([]*bench.Promise, error) {
	few := max(orders/100, 10)
	var wall, peak, growth []float64
	for round := range rounds {
		less, err := c.stage(fmt.Sprintf("season, round %d", round+1), stage{Orders: few, Workers: cores})
		if err != nil {
			return nil, err
		}
		s := stage{Orders: orders, Workers: cores}
		if round == rounds-1 {
			s.Profile = c.cpu
		}
		all, err := c.stage(fmt.Sprintf("season, round %d", round+1), s)
		if err != nil {
			return nil, err
		}
		wall, peak = append(wall, all.Wall), append(peak, all.Peak)
		growth = append(growth, math.Log(all.CPU/less.CPU)/math.Log(float64(orders)/float64(few)))
	}
	promises := []*bench.Promise{
		bench.AtMost(fmt.Sprintf("seconds, %d orders from file to results on %d cores", orders, cores), 10*float64(orders)/1e6, wall),
		bench.AtMost(fmt.Sprintf("peak memory in MB, %d orders", orders), 2_000, peak),
		bench.AtMost(fmt.Sprintf("exponent of growth of processor time, %d to %d orders", few, orders), 1.05, growth),
	}
	if large {
		ten, err := c.stage("ten seasons", stage{Orders: 10 * orders, Workers: cores})
		if err != nil {
			return nil, err
		}
		var exponents []float64
		for _, r := range c.results {
			if r.Orders == orders {
				exponents = append(exponents, math.Log10(ten.CPU/r.CPU))
			}
		}
		promises = append(promises, bench.AtMost(fmt.Sprintf("exponent of growth of processor time, %d to %d orders", orders, 10*orders), 1.05, exponents))
	}
	hashes := map[string]bool{}
	for _, workers := range []int{1, 2, 5} {
		r, err := c.stage(fmt.Sprintf("%d workers", workers), stage{Orders: sweep, Workers: workers})
		if err != nil {
			return nil, err
		}
		hashes[r.Hash+r.State] = true
	}
	promises = append(promises, bench.AtMost("different results of 1, 2 and 5 workers", 1, []float64{float64(len(hashes))}))
	var together, apart []float64
	for range rounds {
		whole, err := c.stage("sweep of four", stage{Orders: sweep, Workers: cores, Variants: variants})
		if err != nil {
			return nil, err
		}
		sum := 0.0
		for _, v := range variants {
			one, err := c.stage("single: "+v, stage{Orders: sweep, Workers: cores, Variants: []string{v}})
			if err != nil {
				return nil, err
			}
			sum += one.CPU
		}
		together, apart = append(together, whole.CPU), append(apart, sum)
	}
	return append(promises, bench.AtMost(fmt.Sprintf("sweep of four / four single runs, processor time, %d orders", sweep), 1, bench.Ratios(together, apart))), nil
}

// stage measures one stage, in a process of its own, and keeps what it took.
func (c *command) stage(name string, s stage) (*measured, error) {
	s.Seed, s.CSV, s.Out = c.seed, c.csv, filepath.Join(c.dir, "runs")
	if c.files[s.Orders] == "" {
		w := stage{Seed: c.seed, Orders: s.Orders, Write: true, File: filepath.Join(c.dir, fmt.Sprintf("orders%d.parquet", s.Orders))}
		fmt.Fprintf(c.stderr, "writing a season of %d orders\n", s.Orders)
		if _, err := c.child(w); err != nil {
			return nil, err
		}
		c.files[s.Orders] = w.File
	}
	s.File = c.files[s.Orders]
	if len(s.Variants) == 0 {
		s.Variants = variants[:1]
	}
	fmt.Fprintf(c.stderr, "%s: %d orders\n", name, s.Orders)
	took, err := c.child(s)
	if err != nil {
		return nil, err
	}
	m := &measured{Name: name, stage: s, spent: *took}
	c.results = append(c.results, m)
	return m, nil
}

func (c *command) child(s stage) (*spent, error) {
	if c.inline {
		return s.do(context.Background())
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), self, "--stage", string(text))
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", max(s.Workers, 1)))
	cmd.Stderr = c.stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("a stage of %d orders: %w", s.Orders, err)
	}
	took := &spent{}
	return took, json.Unmarshal(out, took)
}

func printStage(asked string, stdout io.Writer) error {
	var s stage
	d := json.NewDecoder(bytes.NewReader([]byte(asked)))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return fmt.Errorf("--stage is for the command itself: %w", err)
	}
	took, err := s.do(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(took)
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "A season: %d warehouses, %d services, %d SKUs, %d places, %d days; from a Parquet file to the directory of a run.\n", warehouses, services, skus, places, days)
	fmt.Fprintf(w, "%s, %s, %d processors, seed %d. Each row is one process. Load is compiling the network and drawing its stock, which the seconds include.\n\n", r.Go, r.Machine, r.CPUs, r.Seed)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\torders\tworkers\tload s\tread s\trun s\tfinish s\tall s\tcpu s\tcpu µs an order\tpeak MB\tfilled\tlate\tsplit\tdecided twice\t")
	for _, m := range r.Runs {
		done := float64(m.Orders * len(m.Variants))
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.1f %%\t%.1f %%\t%.1f %%\t%.1f %%\t\n", m.Name, m.Orders, m.Workers, m.Load, m.Read, m.Run, m.Finish,
			m.Wall, m.CPU, 1e6*m.CPU/done, m.Peak, 100*float64(m.Filled)/done, 100*float64(m.Late)/done, 100*float64(m.Split)/done, 100*float64(m.Again)/done)
	}
	return t.Flush()
}
