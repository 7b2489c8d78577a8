package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
)

// TestStalledServerShows stops a server process for 2 s of 10, and wants the stall in the percentiles that callers are told: a tenth of
// the operations waited for more than a second. It needs a machine that is not busy with other things.
func TestStalledServerShows(t *testing.T) {
	if os.Getenv("ALLOT_LONG") == "" {
		t.Skip("set ALLOT_LONG=1 to load a server for 10 s")
	}
	program, err := exec.LookPath("allot")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := workload.Read("shop.yaml", []byte(`
name: corner shop
network: {warehouses: 3, skus: 40, stocked: 100%}
holds:
  confirm: {share: 60%, after: 20ms}
arrivals: {kind: constant, rate: 200/s}
`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := workload.New(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/network"
	if err := w.WriteNetwork(dir); err != nil {
		t.Fatal(err)
	}
	for _, mode := range load.Modes() {
		t.Run(mode, func(t *testing.T) {
			own, err := load.StartServer(t.Context(), load.ServerOptions{Program: program, Network: dir, ClockFrom: w.Start()})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := own.Close(); err != nil {
					t.Error(err)
				}
			}()
			stopped := make(chan struct{})
			o := load.Options{Own: own, Mode: mode, WarmUp: time.Second, Duration: 10 * time.Second, Timeout: time.Minute}
			o.Progress = func(s load.Second) {
				if s.At != 3 {
					return
				}
				go func() {
					defer close(stopped)
					if err := syscall.Kill(own.PID, syscall.SIGSTOP); err != nil {
						t.Error(err)
					}
					time.Sleep(2 * time.Second)
					if err := syscall.Kill(own.PID, syscall.SIGCONT); err != nil {
						t.Error(err)
					}
				}()
			}
			r, err := load.Run(t.Context(), w, o)
			<-stopped
			if err != nil {
				t.Fatal(err)
			}
			all := r.Operation("all")
			p50, p99, most := time.Duration(all.Latency.P50), time.Duration(all.Latency.P99), time.Duration(all.Latency.Max)
			t.Logf("%d of %d answered, p50 %v, p99 %v, at most %v; generator: %+v", all.Answered, all.Intended, p50, p99, most, r.Generator)
			if p99 < 1500*time.Millisecond || p50 > time.Second {
				t.Errorf("a stall of 2 s in 10 is not what is measured")
			}
		})
	}
}
