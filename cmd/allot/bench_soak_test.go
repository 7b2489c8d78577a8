package main

import (
	"strings"
	"testing"
	"time"
)

// TestSoakAndSaturateMisused: what cannot be measured is refused before a server is started.
func TestSoakAndSaturateMisused(t *testing.T) {
	for want, args := range map[string]string{
		"--in: 1s is too short; write 5s or more":                         "soak --in 1s",
		"--target: a soak starts a server of its own":                     "soak --target 127.0.0.1:1",
		"--in: the clock would run 38880 times as fast":                   "soak --in 5s",
		"--limit: 0 is out of range; write percent above 0":               "soak --limit 0",
		"--scale: -1 is out of range":                                     "soak --scale=-1",
		"--tolerance: 0.1 is out of range; write percent from 0.5 to 50":  "saturate --tolerance 0.1",
		"--slo: there is nothing that a rate could hold":                  "saturate --slo=",
		"--duration: 1ms is too short to measure; write a second or more": "saturate --duration 1ms",
		"--windows: 0 is out of range":                                    "saturate --windows 0",
		"--from: -5 is no rate; write orders a second, as 500":            "saturate --from=-5",
		"--hold-retention: 0s is too short; write 1s or more":             "soak --hold-retention 0",
		"--warm-up-day: 1s is too short; write 1m0s or more":              "soak --warm-up-day 1s",
	} {
		code, _, errs := allot(t, time.Now(), "", append([]string{"bench"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: code %d, want %d and %q: %s", args, code, exitUsage, want, errs)
		}
	}
}
