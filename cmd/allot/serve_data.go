package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
	"github.com/allot-engine/allot/ratecards/strictyaml"
)

// check finds what the flags about data say wrongly. given tells which flags there are.
func (fl *serveFlags) check(given func(flag string) bool) error {
	var bad faults.List
	if given("data") && fl.data == "" {
		bad.Addf("", 0, 0, "--data", "name a directory, or leave the flag out to keep everything in memory", "it is empty")
	}
	for _, f := range []struct {
		name     string
		n, least int
	}{{"snapshot-every", fl.snapshotEvery, 1}, {"keep-snapshots", fl.keep, 0}} {
		if given(f.name) && !given("data") {
			bad.Addf("", 0, 0, "--"+f.name, "name the directory with --data", "there is nothing to make snapshots of in memory")
		}
		if f.n < f.least {
			bad.Addf("", 0, 0, "--"+f.name, fmt.Sprintf("write %d or more", f.least), "%d is out of range", f.n)
		}
	}
	if given("reserve-memory") && fl.reserved < 1 {
		bad.Addf("", 0, 0, "--reserve-memory", "write bytes, as 2147483648 for 2 GiB", "%d is out of range", fl.reserved)
	} else if limit := debug.SetMemoryLimit(-1); fl.reserved > limit {
		bad.Addf("", 0, 0, "--reserve-memory", "reserve less, or raise GOMEMLIMIT", "%d bytes are more than GOMEMLIMIT allows, %d", fl.reserved, limit)
	}
	fl.prices.check(given, &bad)
	fl.simulations.check(given, &fl.cfg, &bad)
	fl.clock.check(given, &fl.cfg.Ledger.Retention, &bad)
	fl.admin.check(&bad)
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// A recovered is what was found in a data directory.
type recovered struct {
	store  *durable.Store
	fresh  bool
	events uint64
	open   int
	took   time.Duration
}

// openStore opens the data directory of a network, or makes it. Whatever cannot be written from then on ends the process.
func openStore(ctx context.Context, t *terminal, fl *serveFlags, fsys fs.FS, log *slog.Logger) (*recovered, error) {
	name, err := networkName(fsys)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	fatal := &fatal{t: t, name: "allot serve", log: log}
	j, err := pebblejournal.Open(fl.data, pebblejournal.Options{FS: t.files, Log: log, Fatal: fatal.stop})
	if err != nil {
		return nil, dataError(fl.data, err)
	}
	fl.cfg.Metrics.Disk(fl.data)
	keep := fl.keep
	if keep == 0 {
		keep = -1 // everything
	}
	watched := watch(ctx, fl.cfg.Metrics.Journal(j), newProgress(t, false, "event"))
	store, err := durable.Open(watched, durable.Options{
		Network: name, Ledger: fl.cfg.Ledger, SnapshotEvery: fl.snapshotEvery, Keep: keep, Log: log, Failed: fatal.stop,
	})
	watched.end()
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", fl.data, err)
	}
	r := &recovered{store: store, fresh: store.Fresh(), events: store.Durable(), open: store.Ledger().Open(), took: time.Since(began)}
	log.Info("recovered", "data", fl.data, "events", r.events, "open_holds", r.open, "took", r.took)
	return r, nil
}

// String says it in a line.
func (r *recovered) String() string {
	if r.fresh {
		return "new"
	}
	return fmt.Sprintf("%s, %s, recovered in %.1f s", count(int(r.events), "event"), count(r.open, "open hold"), r.took.Seconds())
}

// A fatal ends the process when the journal cannot be written any more: whoever asks must not be left to wait for an
// answer that nobody can give.
type fatal struct {
	t    *terminal
	name string       // of the command
	log  *slog.Logger // nil for none
	once sync.Once
}

func (f *fatal) stop(err error) {
	f.once.Do(func() {
		if f.log != nil {
			f.log.Error("stopping at once", "error", err)
		}
		fmt.Fprintf(f.t.err, "%s: %v\n", f.name, err)
		if f.t.exit == nil {
			os.Exit(exitFailed)
		}
		f.t.exit(exitFailed)
	})
}

// networkName returns the name of a network, or all that is wrong with it.
func networkName(fsys fs.FS) (string, error) {
	if raw, err := fs.ReadFile(fsys, network.SettingsFile); err == nil {
		var settings network.Settings
		var bad faults.List
		if strictyaml.Decode(network.SettingsFile, raw, &settings, &bad); bad.Len() == 0 && settings.Name != "" {
			return settings.Name, nil
		}
	}
	snap, _, err := network.LoadFS(fsys, nil)
	if err != nil {
		return "", err
	}
	return snap.Name, nil
}
