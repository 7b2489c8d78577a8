package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/units"
)

// maxClockSpeed is how many times as fast as the time a server's clock may run: a year in under an hour.
const maxClockSpeed = 10_000

// A clockFlags is how the clock of a server under test is set, and how long the ledger remembers by it.
type clockFlags struct {
	from      string
	speed     float64
	retention time.Duration
}

func (c *clockFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.from, "clock-from", "", "for load tests: begin with the clock at the `MOMENT`, as 2026-11-27T00:00:00Z (default the real time)")
	f.Float64Var(&c.speed, "clock-speed", 1, "for load tests: let the clock run `X` times as fast as the time, 0.001 to 10000")
	f.DurationVar(&c.retention, "hold-retention", 7*24*time.Hour, "`TIME` for which ended holds and their request ids are remembered, a second or more")
	completeFlag(cmd, "clock-from", cobra.NoFileCompletions)
}

// check finds what the flags say wrongly, and puts what the ledger is to know into its configuration.
func (c *clockFlags) check(given func(flag string) bool, retention *int64, bad *faults.List) {
	if given("clock-from") {
		if at, err := units.ParseInstant(c.from); err != nil {
			bad.Addf("", 0, 0, "--clock-from", "", "%v", err)
		} else if at < 0 {
			bad.Addf("", 0, 0, "--clock-from", "write a moment from 1970 on", "%.40q is too early", c.from)
		}
	}
	if !(c.speed >= 1.0/1000 && c.speed <= maxClockSpeed) {
		bad.Addf("", 0, 0, "--clock-speed", fmt.Sprintf("write a number from 0.001 to %d; 1 is as fast as the time", maxClockSpeed), "%v is out of range", c.speed)
	}
	if c.retention < time.Second || c.retention > maxRetention {
		bad.Addf("", 0, 0, "--hold-retention", "write a time from 1s to 8760h, as 168h", "%v is out of range", c.retention)
	}
	*retention = int64(c.retention / time.Second)
}

// maxRetention is for how long ended holds may be remembered: a year.
const maxRetention = 365 * 24 * time.Hour

// now is the clock of a server that starts: the terminal's, or one that begins elsewhere or runs faster. It says so in the log. A clock
// that would be before what the store has seen is refused: nothing would expire, and the ledger would date everything by its last event,
// until the clock has caught up. store is nil for a server without one.
func (c *clockFlags) now(clock func() time.Time, store *durable.Store, log *slog.Logger) (func() time.Time, error) {
	if c.from == "" && c.speed == 1 {
		return clock, nil
	}
	began := clock()
	from := began
	if c.from != "" {
		at, err := units.ParseInstant(c.from)
		if err != nil {
			return nil, err
		}
		from = time.Unix(int64(at), 0)
	}
	if store != nil {
		stand, err := store.Ledger().Stand()
		if err != nil {
			return nil, err
		}
		if seen := time.Unix(int64(stand.Now), 0); !seen.Before(from.Add(time.Second)) {
			return nil, misusef("--clock-from: the clock would begin at %s, and the data directory has seen %s; write that or later, or name a new directory with --data",
				from.UTC().Format(time.RFC3339), seen.UTC().Format(time.RFC3339))
		}
	}
	log.Warn("THE CLOCK OF THIS SERVER IS NOT THE TIME: it is for load tests; dates that it promises are of its own clock",
		"clock_from", from.UTC().Format(time.RFC3339), "clock_speed", c.speed)
	return virtualClock(clock, began, from, c.speed), nil
}

// virtualClock is a clock that said from when the other one said began, and runs speed times as fast. It goes back only where the
// other one does.
func virtualClock(clock func() time.Time, began, from time.Time, speed float64) func() time.Time {
	return func() time.Time {
		passed := float64(clock().Sub(began)) * speed
		return from.Add(time.Duration(min(passed, 1<<62)))
	}
}
