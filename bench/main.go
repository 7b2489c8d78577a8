package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs the command of a benchmark until it ends, and ends the process with 1 where it failed. An interrupt ends the context
// that the command is given.
func Main(name string, run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		if !errors.Is(err, flag.ErrHelp) { // the help is written
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		}
		os.Exit(1) //nolint:gocritic // the signals need not be given back
	}
}
