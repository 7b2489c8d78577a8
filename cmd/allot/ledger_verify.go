package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
)

// A verifyAnswer is what allot ledger verify --json prints.
type verifyAnswer struct {
	Network   string            `json:"network,omitempty"`
	After     uint64            `json:"after"` // events behind this one are kept
	Last      uint64            `json:"last"`  // event that is good, with all before it
	Events    map[string]uint64 `json:"events"`
	Snapshots int               `json:"snapshots"`
	Networks  int               `json:"networks"` // versions whose files are kept
	Prices    int               `json:"prices"`   // versions of prices that are kept
	OpenHolds int               `json:"openHolds"`
	State     string            `json:"state,omitempty"` // SHA-256 of the state after the last
	Damage    []string          `json:"damage"`
}

func newLedgerVerify(t *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify DATADIR",
		Short: "Check everything that a data directory holds",
		Long: `Verify reads all that is in a data directory and changes nothing: the chain of hashes over every event, that each event
follows those before it, that every snapshot equals, byte for byte, what the events make of the state, and that the networks
and prices that decisions were made with read back. It tells how far the data is good, and everything that is damaged.

The exit code is 0 when all is good and 1 with any damage. A damaged directory is not mended in place, since nobody could
say what it should have held: restore a dump or a copy, made before, into a new one.`,
		Example: `  allot ledger verify data
  allot ledger verify data --json | jq .damage`,
		Args:              arguments(1, 1, "DATADIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := verify(cmd.Context(), t, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(t.out, answer)
			} else {
				answer.print(t)
			}
			if err == nil && len(answer.Damage) > 0 {
				err = toldError(exitFaults)
			}
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// verify returns what is good and what is damaged; an error is neither.
func verify(ctx context.Context, t *terminal, dir string) (*verifyAnswer, error) {
	answer := &verifyAnswer{Events: map[string]uint64{}, Damage: []string{}}
	j, err := openData(ctx, t, dir)
	if err != nil {
		return answer, answer.damaged(err)
	}
	defer closing(j)
	progress := newProgress(t, false, "event")
	defer progress.clear()
	report, err := durable.Verify(j, func(done, total uint64) { progress.of(int(done), int(total)) })
	if report != nil {
		answer.Network, answer.After, answer.Last = report.Network, report.After, report.Last
		answer.Snapshots, answer.Networks, answer.Prices, answer.OpenHolds = report.Snapshots, report.Networks, report.Prices, report.Open
		for kind, n := range report.Events {
			answer.Events[kind.String()] = n
		}
		if report.State != [32]byte{} {
			answer.State = hex.EncodeToString(report.State[:])
		}
	}
	if err := answer.damaged(err); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return answer, nil
}

// damaged takes what an error tells of damage, and returns it if it tells of anything else.
func (a *verifyAnswer) damaged(err error) error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, one := range all {
		if !errors.Is(one, journal.ErrDamaged) {
			return err
		}
		a.Damage = append(a.Damage, one.Error())
	}
	return nil
}

func (a *verifyAnswer) print(t *terminal) {
	for _, d := range a.Damage {
		fmt.Fprintf(t.out, "damage: %s\n", d)
	}
	if a.Network != "" {
		kept := "all from the beginning"
		if a.After > 0 {
			kept = "kept from " + thousands(int(a.After)+1) + " on"
		}
		fmt.Fprintf(t.out, "%s: good up to event %s, %s; %s\n", a.Network, thousands(int(a.Last)), kept, count(a.OpenHolds, "open hold"))
		kinds := []ledger.Kind{}
		for k := ledger.Extended; k <= ledger.HoldShort; k++ {
			if a.Events[k.String()] > 0 {
				kinds = append(kinds, k)
			}
		}
		parts := make([]string, len(kinds))
		for i, k := range kinds {
			parts[i] = fmt.Sprintf("%s %s", thousands(int(a.Events[k.String()])), k)
		}
		if len(parts) > 0 {
			fmt.Fprintf(t.out, "events: %s\n", strings.Join(parts, ", "))
		}
		fmt.Fprintf(t.out, "%s, %s and %s read back\n", count(a.Snapshots, "snapshot"), count(a.Networks, "network"), count(a.Prices, "version")+" of prices")
	}
	if len(a.Damage) == 0 {
		fmt.Fprintf(t.out, "no damage; state %.12s\n", a.State)
	}
}
