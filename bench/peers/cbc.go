package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A cbc solves models with CBC, each in a process of its own: one that has solved a model solves the next one wrongly
// (2.10.8 leaves something behind; its answers are then no plans, or not numbers).
type cbc struct {
	version string
	tool    *tool
	models  []*model
	dir     string
	ctx     context.Context //nolint:containedctx // that of the run, which ends its processes
}

// newCBC writes the models to files in a directory.
func newCBC(ctx context.Context, t *tool, models []*model, dir string) (*cbc, error) {
	c := &cbc{tool: t, models: models, dir: dir, ctx: ctx}
	for i, m := range models {
		if err := os.WriteFile(c.file(i, "lp"), []byte(m.lp()), 0o644); err != nil {
			return nil, err
		}
	}
	out, err := t.command(ctx, "-stop").Output()
	if err != nil {
		return nil, fmt.Errorf("cbc: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(line, "Version: "); ok {
			c.version = strings.TrimSpace(v)
		}
	}
	return c, nil
}

func (c *cbc) file(i int, ending string) string {
	return filepath.Join(c.dir, fmt.Sprintf("m%d.%s", i, ending))
}

// A dialog is a process of CBC that reads commands.
type dialog struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	asked int
}

func (c *cbc) start() (*dialog, error) {
	d := &dialog{cmd: c.tool.command(c.ctx, "-")}
	d.cmd.Env = append(d.cmd.Env, "LD_BIND_NOW=1") // so that no symbol is looked up while it solves
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = bufio.NewReader(out)
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return d, d.cmd.Start()
}

// ask gives commands and returns when CBC is done with them: it answers an unknown one at the end.
func (d *dialog) ask(commands string) error {
	d.asked++
	mark := fmt.Sprintf("zzdone%d", d.asked)
	if _, err := fmt.Fprintf(d.in, "%s\n%s\n", commands, mark); err != nil {
		return err
	}
	for {
		line, err := d.out.ReadString('\n')
		if err != nil {
			return fmt.Errorf("cbc ended after %q: %w", commands, err)
		}
		if strings.Contains(line, "No match for "+mark) {
			return nil
		}
	}
}

func (d *dialog) close() error {
	_, _ = io.WriteString(d.in, "quit\n") // it may have ended already
	err := d.in.Close()
	_, _ = io.Copy(io.Discard, d.out)
	return errors.Join(err, wait(d.cmd))
}

// round solves the models of some orders. Counted is the processor time of the command that solves: neither starting, nor reading
// the model, nor writing the solution.
func (c *cbc) round(which []int) (answers, error) {
	a := newAnswers(len(which))
	sum := 0.0
	for k, i := range which {
		if !c.models[i].solvable() {
			a.status[k] = statusInfeasible
			continue
		}
		took, err := c.solve(i)
		if err != nil {
			return a, err
		}
		a.each[k] = float64(took.Nanoseconds()) / 1e3
		sum += a.each[k]
		if a.status[k], a.taken[k], err = c.read(i); err != nil {
			return a, err
		}
	}
	a.cpu = sum / float64(len(which))
	return a, nil
}

// solve solves a model and writes its solution.
func (c *cbc) solve(i int) (took time.Duration, err error) {
	if err := os.RemoveAll(c.file(i, "sol")); err != nil {
		return 0, err
	}
	d, err := c.start()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.ask("ratio 0\nallow 0.5\nsec 60\nlog 0\nimport " + c.file(i, "lp")); err != nil {
		return 0, err
	}
	before, start := processTime(d.cmd.Process.Pid), time.Now()
	if err := d.ask("solve"); err != nil {
		return 0, err
	}
	took = time.Since(start)
	if cpu := processTime(d.cmd.Process.Pid) - before; cpu > 0 {
		took = cpu
	}
	return took, d.ask("solution " + c.file(i, "sol"))
}

// read reads the solution of an order's model, whose first line is its status, and whose others are columns that are not
// zero.
func (c *cbc) read(i int) (status string, taken []int, err error) {
	data, err := os.ReadFile(c.file(i, "sol"))
	if err != nil {
		return "", nil, err
	}
	return readSolution(string(data))
}

func readSolution(text string) (status string, taken []int, err error) {
	first, rest, _ := strings.Cut(text, "\n")
	switch {
	case strings.Contains(strings.ToLower(first), "infeasible"):
		return statusInfeasible, nil, nil
	case !strings.HasPrefix(first, "Optimal"):
		return strings.TrimSpace(first), nil, nil
	}
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return "", nil, fmt.Errorf("cbc: a line of a solution is %q", line)
		}
		column, err1 := strconv.Atoi(strings.TrimPrefix(fields[1], "x"))
		value, err2 := strconv.ParseFloat(fields[2], 64)
		if err := errors.Join(err1, err2); err != nil {
			return "", nil, fmt.Errorf("cbc: a line of a solution is %q: %w", line, err)
		}
		if value > 0.5 {
			taken = append(taken, column)
		}
	}
	return statusOptimal, taken, nil
}

// close does nothing: its processes have ended.
func (c *cbc) close() error { return nil }
