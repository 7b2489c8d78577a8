// Command allot chooses the warehouses and the carrier services that ship an order, so that it arrives when it was
// promised and costs least. It serves the allot.v1 API, decides files of orders, prices parcels, checks networks and
// imports what carriers publish.
//
// main parses, builds, runs and reports; what can be asked of it is in docs/cli.md, which a test keeps true.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a bare container has no time zones of its own
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
