package main

import (
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/server"
)

func init() {
	maps.Copy(flagOf, map[string]string{
		"QueueTarget": "--queue-target", "UnreadyAfter": "--unready-after", "MemoryLimit": "--memory-limit", "MaxConnections": "--max-connections",
		"MaxConnectionsPerAddress": "--max-connections-per-address", "MaxResets": "--max-resets", "ExpelFor": "--expel-for",
	})
}

// addLimits adds the flags about overload and hostile callers.
func addLimits(cmd *cobra.Command, cfg *server.Config, reserved *int64) {
	f := cmd.Flags()
	f.DurationVar(&cfg.QueueTarget, "queue-target", 10*time.Millisecond, "refuse calls when all of them wait this `TIME` for a processor")
	f.DurationVar(&cfg.UnreadyAfter, "unready-after", 5*time.Second, "health says NOT_SERVING when over a tenth of the orders is refused for this `TIME`")
	f.Int64Var(&cfg.MemoryLimit, "memory-limit", 0, "refuse calls when `BYTES` live on the heap (default 90% of GOMEMLIMIT, or no limit)")
	f.Int64Var(reserved, "reserve-memory", 0, "take `BYTES` of memory from the system at the start and keep them, so that orders of a peak need not wait for it (default none)")
	f.IntVar(&cfg.MaxConnections, "max-connections", 10_000, "at most `N` connections at once, on both ports together")
	f.IntVar(&cfg.MaxConnectionsPerAddress, "max-connections-per-address", 0, "at most `N` of them from one address (default all)")
	f.IntVar(&cfg.MaxResets, "max-resets", 500, "close a connection that opens and resets more than `N` calls a second")
	f.DurationVar(&cfg.ExpelFor, "expel-for", 10*time.Second, "`TIME` for which an address is kept out after that")
}
