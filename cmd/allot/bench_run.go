package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newBenchRun(*terminal) *cobra.Command {
	return &cobra.Command{Use: "run", Short: "Send a workload and measure what comes of it", Hidden: true, RunE: func(*cobra.Command, []string) error {
		return errors.New("not built yet")
	}}
}
