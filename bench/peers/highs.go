package main

import (
	"bufio"
	"context"
	_ "embed" // for the script
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// highsVersion is the version of the npm package, the one that all referees of the repository use.
const highsVersion = "1.15.3"

//go:embed highs.mjs
var highsScript []byte

// A highs is a process of node that solves models with HiGHS.
type highs struct {
	node, version string
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *json.Decoder
}

// newHiGHS starts node beside the package, which is in the directory of the tool.
func newHiGHS(ctx context.Context, t *tool, models []*model, dir string) (_ *highs, err error) {
	file := filepath.Join(dir, "models.jsonl")
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	for _, m := range models {
		if err := e.Encode(m); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return nil, err
	}
	script := filepath.Join(t.dir, "highs.mjs")
	if err := os.WriteFile(script, highsScript, 0o644); err != nil {
		return nil, err
	}
	h := &highs{}
	h.cmd = t.command(ctx, script, file)
	h.cmd.Stderr = os.Stderr
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = json.NewDecoder(out)
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	var hello struct{ Node, Highs string }
	if err := h.out.Decode(&hello); err != nil {
		return nil, errors.Join(fmt.Errorf("highs: %w", err), h.close())
	}
	h.node, h.version = hello.Node, hello.Highs
	return h, nil
}

// round solves the models of some orders.
func (h *highs) round(which []int) (answers, error) {
	if err := json.NewEncoder(h.in).Encode(which); err != nil {
		return answers{}, err
	}
	var said struct {
		CPU    float64
		Each   []float64
		Status []string
		Taken  [][]int
	}
	if err := h.out.Decode(&said); err != nil {
		return answers{}, fmt.Errorf("highs: %w", err)
	}
	if len(said.Each) != len(which) || len(said.Status) != len(which) || len(said.Taken) != len(which) {
		return answers{}, fmt.Errorf("highs: %d answers to %d orders", len(said.Each), len(which))
	}
	return answers{cpu: said.CPU, each: said.Each, status: said.Status, taken: said.Taken}, nil
}

// close ends node.
func (h *highs) close() error { return errors.Join(h.in.Close(), wait(h.cmd)) }
