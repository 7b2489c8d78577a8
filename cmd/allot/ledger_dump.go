package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
)

func newLedgerDump(t *terminal) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "dump DATADIR",
		Short: "Write everything that a data directory holds as JSON Lines",
		Long: `Dump writes all that is in a data directory, as lines of JSON: the networks, the snapshots and every event, each twice, as
the bytes that were written ("bytes") and as what they say ("event", with names and times for people and jq). The chain of
hashes is verified on the way. "allot ledger restore" makes a data directory of a dump, with the same events, numbers and
hashes. The last line tells how many there are, so that a dump that was cut short is noticed.

Dump is a backup, a way to newer formats, and the place to look up what happened to an order.`,
		Example: `  allot ledger dump data -o ledger.jsonl
  allot ledger dump data | gzip > ledger.jsonl.gz
  allot ledger dump data | jq -c 'select(.event.order == "o-0042" or .event.hold == 17) | .event'`,
		Args:              arguments(1, 1, "DATADIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			j, err := openData(cmd.Context(), t, args[0])
			if err != nil {
				return err
			}
			defer closing(j)
			progress := newProgress(t, false, "event")
			defer progress.clear()
			write := func(w io.Writer) error {
				if err := durable.Dump(j, w, func(done, total uint64) { progress.of(int(done), int(total)) }); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				return nil
			}
			if file == "" || file == "-" {
				if t.outIsTerminal {
					progress.mute = true // the lines are progress enough
				}
				return write(t.out)
			}
			return writeFile(file, write)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write into `FILE`, whole or not at all (default standard output)")
	return cmd
}

// An interruptible refuses to read when the command is interrupted.
type interruptible struct {
	r     io.Reader
	ended func() error
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	if i.ended() != nil {
		return 0, errInterrupted
	}
	return i.r.Read(p)
}

func newLedgerRestore(t *terminal) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "restore FILE --data DATADIR",
		Short: "Make a data directory of a dump",
		Long: `Restore reads what "allot ledger dump" wrote, from a file or from standard input (as -), and makes a data directory of it,
with the same events, numbers, hashes, snapshots and networks. Everything is verified. The directory must be new or empty. A
dump that was cut short or changed is refused; what was made until then says that it is unfinished, and no server takes it.`,
		Example: `  allot ledger restore ledger.jsonl --data new
  gunzip < ledger.jsonl.gz | allot ledger restore - --data new`,
		Args: arguments(1, 1, "FILE"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"jsonl", "json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return misusef("--data is missing: name the directory to make")
			}
			r, name := t.in, "standard input"
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer closing(f)
				r, name = f, args[0]
			}
			return restore(t, &interruptible{r, cmd.Context().Err}, name, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "data", "", "the directory `DATADIR` to make; new or empty (required)")
	completeDirectory(cmd, "data")
	return cmd
}

func restore(t *terminal, r io.Reader, name, dir string) (err error) {
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("--data: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("--data: the directory %s is not empty; name a new one, and nothing that is there is lost", dir)
	}
	j, err := pebblejournal.Open(dir, pebblejournal.Options{FS: t.files, Log: slog.New(slog.DiscardHandler), Fatal: (&fatal{t: t, name: "allot ledger restore"}).stop})
	if err != nil {
		return dataError(dir, err)
	}
	defer func() {
		if closed := j.Close(); err == nil {
			err = closed
		}
	}()
	progress := newProgress(t, false, "event")
	err = durable.Restore(j, r, func(done, total uint64) { progress.of(int(done), int(total)) })
	progress.clear()
	switch {
	case errors.Is(err, durable.ErrDump):
		fmt.Fprintf(t.err, "%s: %v\n", name, err)
		fmt.Fprintf(t.err, "allot ledger restore: nothing was restored; remove %s before the next attempt\n", dir)
		return toldError(exitFaults)
	case err != nil:
		return fmt.Errorf("%s: %w; remove %s before the next attempt", name, err, dir)
	}
	history, err := openHistory(j, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s: %s restored into %s\n", history.NetworkName(), count(int(history.Last()-history.Oldest()), "event"), dir)
	return nil
}
