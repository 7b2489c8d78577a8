package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitDone    = 0
	exitFaults  = 1 // the input has faults, or what was verified or replayed is not as it should be
	exitUsage   = 2
	exitFailed  = 3 // the world did not let it
	exitRefused = 4 // allocate --strict
	exitNoGo    = 5 // compare --go
	exitMissed  = 6 // bench: an objective is not held, the service was wrong, or it became slower
)

// A toldError ends a command with a code, when it has told why already.
type toldError int

func (e toldError) Error() string { return "exit code " + strconv.Itoa(int(e)) }

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Every command ends with one of these codes:

  0  done
  1  the input has faults: each is listed with file, row and column and what to do about it;
     ledger verify: the data is damaged; ledger replay: a decision came out otherwise
  2  the command was called wrongly: an unknown flag, a missing argument, a value that is no such thing
  3  the command could not do its work: a file that cannot be read or written, a port in use,
     a data directory that is in use, damaged or of another network, an interruption; simulate: what was
     replayed until the interruption is kept as a partial result
  4  allocate --strict: every order could be read, and some were refused
  5  compare --go: the runs were compared, and one does not meet a condition
  6  bench: the load was run, and a condition of --slo is not held, or what callers were told does not hold against the
     server; bench compare: one result is slower than the other

A refused order is a result and not a failure, which is why it counts under --strict only. A server that was told to
stop (SIGINT, SIGTERM) ends with 0 when every call in flight ended by itself, and with 3 when some were cut off. One that
cannot write its data any more ends with 3 at once.`,
	}
}

// count returns a number of things: "1 fault", "2 faults".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", thousands(n), thing)
}
