// Package rounds measures what keeps a ledger beside what it is compared with, in interleaved rounds of one process: the
// journal beside raw appends, and calls of a server, durable and in memory, beside an empty gRPC echo. The commands
// bench/ledgerpath and bench/peers print what comes of it.
package rounds

import (
	"errors"
	"os"
)

// Inside runs f with a new directory of its own in dir, whose name begins with the prefix, and removes it.
func Inside(dir, prefix string, f func(own string) error) error {
	own, err := os.MkdirTemp(dir, prefix)
	if err != nil {
		return err
	}
	return errors.Join(f(own), os.RemoveAll(own))
}
