package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// variants are the scenarios of the sweep. The first is no change at all; two leave the network as it is; the last closes a
// warehouse half way, so that it shares the first half of the season.
var variants = []string{"base", "less stock", "delays", "close"}

// A stage is one measurement.
type stage struct {
	Seed     uint64   `json:"seed"`
	Orders   int      `json:"orders"`
	Workers  int      `json:"workers"`
	Variants []string `json:"variants"`
	File     string   `json:"file"`
	Out      string   `json:"out"`
	CSV      bool     `json:"csv"`
	Write    bool     `json:"write"`   // only write the file
	Profile  string   `json:"profile"` // file; "" for none
}

// A spent is what a stage took, in seconds and MB.
type spent struct {
	Load, Read, Run, Finish, Wall, CPU float64
	Peak                               float64 // of memory; 0 where the system does not tell
	Filled, Late, Split                int
	Again                              int // orders decided ahead of their turn, and then again
	Hash, State                        string
}

func (s *stage) do(ctx context.Context) (*spent, error) {
	if s.Write {
		return &spent{}, s.write()
	}
	if s.Profile != "" {
		f, err := os.Create(s.Profile)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = f.Close() // a profile that is cut off says so when it is read
		}()
	}
	out := &spent{}
	src := source(s.Seed) // which stands for the network's files
	began, cpu := time.Now(), cputime.Process()
	lap := began
	since := func() float64 {
		d := time.Since(lap)
		lap = lap.Add(d)
		return d.Seconds()
	}
	snap, err := network.Compile(src, nil)
	if err != nil {
		return nil, err
	}
	begin, _ := stock(s.Seed, src, s.Orders)
	out.Load = since()
	h, _, err := history.Read(ctx, []history.File{history.OSFile(s.File)}, history.ReadOptions{Workers: s.Workers})
	if err != nil {
		return nil, err
	}
	out.Read = since()
	var shared *simulate.Floors
	if len(s.Variants) > 1 {
		shared = &simulate.Floors{}
		defer shared.Close()
	}
	for i, name := range s.Variants {
		in := &simulate.Input{Name: name, Epochs: []simulate.Epoch{{Snapshot: snap}}, Stock: begin, History: h, Seed: s.Seed}
		if err := vary(in, name, src); err != nil {
			return nil, err
		}
		c := &counter{}
		if c.Recorder, err = results.Create(filepath.Join(s.Out, strconv.Itoa(i)), in, results.Options{CSV: s.CSV}); err != nil {
			return nil, err
		}
		rep, err := simulate.Run(ctx, in, simulate.Options{Workers: s.Workers, Floors: shared}, c)
		if err != nil {
			return nil, errors.Join(err, c.Abandon())
		}
		out.Run += since()
		if _, err := c.Finish(rep); err != nil {
			return nil, err
		}
		out.Finish += since()
		out.Filled, out.Late, out.Split = out.Filled+c.filled, out.Late+c.late, out.Split+c.split
		out.Again += rep.Again
		out.Hash, out.State = out.Hash+rep.Hash, out.State+rep.State
	}
	out.Wall, out.CPU, out.Peak = time.Since(began).Seconds(), (cputime.Process() - cpu).Seconds(), peak()
	return out, nil
}

// write writes the orders and the replenishment of the season to the file.
func (s *stage) write() (err error) {
	h := season(s.Seed, source(s.Seed), s.Orders)
	f, err := os.Create(s.File)
	if err != nil {
		return err
	}
	return errors.Join(h.WriteParquet(f), f.Close())
}

// vary makes an input that of a variant.
func vary(in *simulate.Input, name string, src *network.Source) error {
	switch name {
	case "less stock":
		in.Stock = slices.Clone(in.Stock)
		for i := range in.Stock {
			in.Stock[i].OnHand -= in.Stock[i].OnHand / 5
		}
	case "delays":
		in.Mishaps = []simulate.Mishap{{Carrier: "a", Days: 1, Lost: 100}}
	case "close":
		without := *src
		without.Warehouses = slices.Clone(src.Warehouses)
		without.Warehouses[len(without.Warehouses)/2].Closed = true
		before := in.Epochs[0].Snapshot
		snap, err := network.Compile(&without, before.Rows())
		if err != nil {
			return err
		}
		in.Epochs = append(in.Epochs, simulate.Epoch{From: enginetest.Start + units.Instant(days/2*86_400), Snapshot: snap})
	}
	return nil
}

// A counter is the recorder of a run, which counts a little beside.
type counter struct {
	*results.Recorder
	filled, late, split int
}

type counted struct {
	prepared            any
	filled, late, split int
}

// Prepare implements simulate.Sink.
func (c *counter) Prepare(b *simulate.Block) (any, error) {
	n := counted{}
	for i := range b.Orders {
		o := &b.Orders[i]
		if o.Outcome == engine.Planned {
			n.filled++
		}
		if o.Late {
			n.late++
		}
		if o.Shipments[1]-o.Shipments[0] > 1 {
			n.split++
		}
	}
	var err error
	n.prepared, err = c.Recorder.Prepare(b)
	return n, err
}

// Write implements simulate.Sink.
func (c *counter) Write(prepared any) error {
	n := prepared.(counted)
	c.filled, c.late, c.split = c.filled+n.filled, c.late+n.late, c.split+n.split
	return c.Recorder.Write(n.prepared)
}

// peak returns the most memory that this process has had, in MB, as Linux tells it.
func peak() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kB); n == 1 {
			return kB / 1000
		}
	}
	return 0
}
