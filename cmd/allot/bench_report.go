package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report"
)

// reportFile is the name of a report beside its result.
const reportFile = "report.html"

func newBenchReport(t *terminal) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "report RESULT...",
		Short: "Draw results as one page",
		Long: `Report draws a result of "allot bench", or several, as one HTML page that needs no network, no script and no font: whether it was
right (oversells, duplicate effects, lost acknowledgements, decisions on time that are late), latency by share from the intended
start beside the service time, throughput, latency, processors, heap, collections and calls in flight over time, what saturate
tried, the machine, the workload. Several results are drawn over one another as well.

RESULT is a directory with result.json, or one with such directories in it. The page is written as report.html into the
directory of a single result, or where --out says; "-" is standard output. It links to profiles and histograms by where they are.`,
		Example: `  allot bench report result
  allot bench report before after --out both.html`,
		Args:              arguments(1, -1, "RESULT"),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			return benchReportTo(t, out, args)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write the page as `FILE`; - for standard output (default report.html in the directory of the result)")
	completeFlag(cmd, "out", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"html"}, cobra.ShellCompDirectiveFilterFileExt
	})
	return cmd
}

func benchReportTo(t *terminal, out string, args []string) error {
	var results []*load.Result
	for _, dir := range args {
		dirs, some, err := benchResults(dir)
		if err != nil {
			return err
		}
		if out == "" {
			if len(args) > 1 || len(some) > 1 {
				return misusef("several results have no directory of their own; say with --out where the page goes")
			}
			out = filepath.Join(dirs[0], reportFile)
		}
		for i, r := range some {
			linkFiles(r, out, dirs[i])
		}
		results = append(results, some...)
	}
	if out == "-" {
		return report.Write(t.out, results...)
	}
	if err := writeFile(out, func(w io.Writer) error { return report.Write(w, results...) }); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	fmt.Fprintf(t.err, "written: %s\n", out)
	return nil
}

// linkFiles renames the files of a result in a directory to what they are called from where its page is.
func linkFiles(r *load.Result, page, dir string) {
	from := "."
	if page != "-" {
		from = filepath.Dir(page)
	}
	from, err := filepath.Abs(from)
	if err != nil {
		return
	}
	to, err := filepath.Abs(dir)
	if err != nil {
		return
	}
	way, err := filepath.Rel(from, to)
	if err != nil {
		return // another volume: names of files are all that can be told
	}
	for i := range r.Files {
		r.Files[i].Name = path.Join(filepath.ToSlash(way), r.Files[i].Name)
	}
}

// benchResults reads the result in a directory, or else those in the directories in it, by name. It returns where they are.
func benchResults(dir string) (dirs []string, results []*load.Result, err error) {
	if !hasBenchResult(dir) {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("no result: %w", err)
		} else if err != nil {
			return nil, nil, err
		}
		for _, e := range entries { // by name
			if inside := filepath.Join(dir, e.Name()); hasBenchResult(inside) {
				dirs = append(dirs, inside)
			}
		}
		if len(dirs) == 0 {
			return nil, nil, misusef("%.200q has no result of \"allot bench\": there is no %s in it", dir, load.ResultFile)
		}
		slices.SortFunc(dirs, byNumber)
	} else {
		dirs = []string{dir}
	}
	for _, d := range dirs {
		r, err := load.ReadResult(d)
		if err != nil {
			return nil, nil, err
		}
		results = append(results, r)
	}
	return dirs, results, nil
}

// byNumber puts run 10 behind run 9.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return slices.Compare([]byte(a), []byte(b))
}

func hasBenchResult(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, load.ResultFile))
	return err == nil
}
