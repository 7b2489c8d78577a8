package compare

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// WriteFiles writes compare.json and the tables of it as CSV into a directory, which must exist, over what was there of the
// same names. The CSV files have every row; compare.json has the largest of each table. It returns the names of the files.
func (c *Comparison) WriteFiles(dir string) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was only looked into
	var names []string
	for _, f := range c.files() {
		if err := writeFile(root, f.name, f.write); err != nil {
			return names, fmt.Errorf("compare: %s: %w", filepath.Join(dir, f.name), err)
		}
		names = append(names, f.name)
	}
	return names, nil
}

func writeFile(root *os.Root, name string, write func(io.Writer) error) (err error) {
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<16)
	if err := write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// WriteJSON writes the comparison as compare.json has it.
func (c *Comparison) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(c)
}

type file struct {
	name  string
	write func(io.Writer) error
}

func (c *Comparison) files() []file {
	files := []file{{"compare.json", c.WriteJSON}}
	add := func(name string, header []string, rows func(run *Against, row func(...string))) {
		files = append(files, file{"compare_" + name + ".csv", func(w io.Writer) error {
			out := csv.NewWriter(w)
			if err := out.Write(append([]string{"run"}, header...)); err != nil {
				return err
			}
			var failed error
			for i := range c.Runs {
				run := &c.Runs[i]
				rows(run, func(fields ...string) {
					if err := out.Write(append([]string{run.Run.Name}, fields...)); err != nil && failed == nil {
						failed = err
					}
				})
			}
			out.Flush()
			if failed != nil {
				return failed
			}
			return out.Error()
		}})
	}
	add("figures", []string{"figure", "unit", "among", "base", "base_low", "base_high", "value", "value_low", "value_high",
		"change", "change_low", "change_high", "relative", "relative_low", "relative_high"}, func(run *Against, row func(...string)) {
		for i := range run.Figures {
			f := &run.Figures[i]
			fields := []string{f.Name, string(f.Unit), f.Among}
			for _, e := range []Estimate{f.Base, f.Run, f.Change, f.Relative} {
				fields = append(fields, e.text()...)
			}
			row(fields...)
		}
	})
	add("waterfall", []string{"step", "kind", "amount", "level"}, func(run *Against, row func(...string)) {
		for _, s := range run.Waterfall {
			row(s.Name, s.Kind, s.Amount.String(), s.Level.String())
		}
	})
	for _, m := range []struct {
		name  string
		moves func(*Against) *Moves
	}{{"moves", func(a *Against) *Moves { return &a.Moves }}, {"services", func(a *Against) *Moves { return &a.Services }}} {
		add(m.name, []string{"from", "to", "orders", "base_cost", "run_cost", "change", "term", "term_change", "reason", "reason_orders"}, func(run *Against, row func(...string)) {
			for _, r := range m.moves(run).all {
				reason, n := "", ""
				if len(r.Reasons) > 0 {
					reason, n = r.Reasons[0].Name, count(r.Reasons[0].Orders)
				}
				row(r.From, r.To, count(r.Orders), r.Base.String(), r.Run.String(), r.Change.String(), r.Term, r.TermChange.String(), reason, n)
			}
		})
	}
	partHeader := []string{"base_orders", "run_orders", "base_filled", "run_filled", "base_promised", "run_promised", "base_on_time", "run_on_time", "base_cost", "run_cost",
		"change", "change_alike", "change_filling", "change_unpaired", "both", "both_base_cost", "share", "alike_per_order", "run_per_order", "base_on_time_share", "run_on_time_share"}
	for _, p := range []struct {
		name, key string
		parts     func(*Against) *Parts
	}{
		{"states", "state", func(a *Against) *Parts { return &a.States }},
		{"cells", "cell", func(a *Against) *Parts { return &a.Cells }},
		{"skus", "sku", func(a *Against) *Parts { return &a.SKUs }},
	} {
		add(p.name, append([]string{p.key}, partHeader...), func(run *Against, row func(...string)) {
			all := p.parts(run).all
			for i := range all {
				row(append([]string{all[i].Key}, all[i].text()...)...)
			}
		})
	}
	add("days", append([]string{"date"}, partHeader...), func(run *Against, row func(...string)) {
		for i := range run.Days {
			row(append([]string{run.Days[i].Date.String()}, run.Days[i].text()...)...)
		}
	})
	add("loads", []string{"date", "warehouse", "base_shipments", "run_shipments", "base_capacity", "run_capacity"}, func(run *Against, row func(...string)) {
		for _, l := range run.Loads {
			row(l.Date.String(), l.Warehouse, count(l.Base), count(l.Run), limit(l.BaseCapacity), limit(l.RunCapacity))
		}
	})
	add("sites", []string{"warehouse", "base_shipments", "run_shipments", "change", "base_cost", "run_cost", "base_peak", "run_peak", "base_full_days", "run_full_days"}, func(run *Against, row func(...string)) {
		for _, s := range run.Sites {
			row(s.Warehouse, count(s.Base), count(s.Run), count(s.Change), s.BaseCost.String(), s.RunCost.String(), count(s.BasePeak), count(s.RunPeak), count(s.BaseFullDays), count(s.RunFullDays))
		}
	})
	add("verdict", []string{"go", "threshold", "figure", "observed", "limit", "pass", "reason"}, func(run *Against, row func(...string)) {
		for _, j := range run.Verdict.Judgings {
			row(strconv.FormatBool(run.Verdict.Go), j.Threshold, j.Figure, j.Observed.text(), j.Limit.text(), strconv.FormatBool(j.Pass), j.Reason)
		}
	})
	return files
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func limit(n *int64) string {
	if n == nil {
		return ""
	}
	return count(*n)
}

func (n Number) text() string {
	if !n.Defined() {
		return ""
	}
	return strconv.FormatFloat(float64(n), 'g', -1, 64)
}

func (e Estimate) text() []string {
	if e.Interval == nil {
		return []string{e.Value.text(), "", ""}
	}
	return []string{e.Value.text(), Number(e.Interval.Low).text(), Number(e.Interval.High).text()}
}

func (p *Part) text() []string {
	return []string{count(p.BaseOrders), count(p.RunOrders), count(p.BaseFilled), count(p.RunFilled), count(p.BasePromised), count(p.RunPromised), count(p.BaseOnTime), count(p.RunOnTime),
		p.Base.String(), p.Run.String(), p.Change.String(), p.Alike.String(), p.Filling.String(), p.Unpaired.String(), count(p.Both), p.AlikeBase.String(), p.Share.text(),
		p.AlikeEach.String(), p.RunEach.String(), p.BaseOnTimeShare.text(), p.RunOnTimeShare.text()}
}
