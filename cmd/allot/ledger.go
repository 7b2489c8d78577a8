package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
)

func newLedger(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Check, copy, export and replay the data of a server",
		Long: `The data directory of "allot serve --data" holds a journal: every event of the ledger in order (stock that was set, holds that
were granted, confirmed, shipped, released), chained by hashes, and now and then a snapshot of the whole. These commands
read it while no server does; a directory that a server has open is refused. But for restore, none changes anything.`,
		Example: `  allot ledger verify data
  allot ledger dump data | gzip > ledger.jsonl.gz
  gunzip < ledger.jsonl.gz | allot ledger restore - --data new
  allot ledger export data --out tables
  allot ledger replay data --all`,
		Args: cobra.ArbitraryArgs, // so that group can answer
		RunE: group,
	}
	cmd.AddCommand(newLedgerVerify(t), newLedgerDump(t), newLedgerRestore(t), newLedgerExport(t), newLedgerReplay(t))
	return cmd
}

// openData opens the journal in a data directory for reading only, until the context ends.
func openData(ctx context.Context, t *terminal, dir string) (*watched, error) {
	j, err := pebblejournal.Open(dir, pebblejournal.Options{FS: t.files, ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no ledger in %s; name the directory that a server has as --data", dir)
	}
	if err != nil {
		return nil, dataError(dir, err)
	}
	return watch(ctx, j, nil), nil
}

// dataError says what to do about a data directory that another process has open.
func dataError(dir string, err error) error {
	if errors.Is(err, journal.ErrLocked) {
		return fmt.Errorf("the data directory %s is in use by another process, as a server; stop it first, or work on a copy of the directory that was made while it was stopped", dir)
	}
	return err
}

// openHistory reads what the journal of a data directory is about.
func openHistory(j journal.Journal, dir string) (*durable.History, error) {
	h, err := durable.OpenReadOnly(j, durable.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return h, nil
}

// errInterrupted ends a command that was told to stop.
var errInterrupted = errors.New("interrupted")

// A watched is a journal whose reading ends with a context, and tells how far it is.
type watched struct {
	journal.Journal
	ctx      context.Context // kept here because what lies between who waits and what takes long knows none
	mu       sync.Mutex
	progress *progress // nil for nobody
	over     bool      // the watch ended; the journal goes on
}

func watch(ctx context.Context, j journal.Journal, p *progress) *watched {
	return &watched{Journal: j, ctx: ctx, progress: p}
}

// Read is journal.Journal's.
func (w *watched) Read(after uint64) iter.Seq2[journal.Group, error] {
	groups := w.Journal.Read(after)
	_, end := w.Bounds()
	return func(yield func(journal.Group, error) bool) {
		for g, err := range groups {
			if err == nil && !w.step(int(g.End.Sequence-after), int(end.Sequence-after)) {
				yield(journal.Group{}, errInterrupted)
				return
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

// step tells how far it is, and whether to go on.
func (w *watched) step(done, total int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over && w.progress != nil {
		w.progress.of(done, total)
	}
	return w.over || w.ctx.Err() == nil
}

// end ends the watch.
func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.progress != nil {
		w.progress.clear()
	}
	w.over = true
}

// closing closes what was only read, so that its error tells nothing that the reading did not.
func closing(c io.Closer) { _ = c.Close() }

// writeFile writes a file so that it is there whole or not at all, and outlives a crash from then on. What it replaces
// stays until then. What is no file, as a pipe or /dev/null, is written to.
func writeFile(name string, write func(io.Writer) error) error {
	if behind, err := filepath.EvalSymlinks(name); err == nil {
		name = behind
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(writeBuffered(f, write), f.Close())
	}
	partial := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".partial")
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	err = writeBuffered(f, write)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(partial, name)
	}
	if err != nil {
		_ = os.Remove(partial) // why it is not wanted is the error to tell
		return fmt.Errorf("writing %s: %w", name, err)
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeBuffered(w io.Writer, write func(io.Writer) error) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	if err := write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}
