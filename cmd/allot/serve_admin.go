package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/server/metrics"
)

// defaultAdmin is where the admin port is unless it is told otherwise: on this machine only, for it tells all.
const defaultAdmin = "127.0.0.1:7432"

// A serveAdmin is what allot serve was told about watching it.
type serveAdmin struct {
	address string
	every   uint32
}

func (fl *serveAdmin) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&fl.address, "admin", defaultAdmin, "`ADDRESS` for metrics, profiles and readiness, for operators only, or none")
	f.Uint32Var(&fl.every, "stage-every", metrics.DefaultStageEvery, "measure the stages of one in `N` decisions; 1 for all")
}

// check tells what the flags say wrongly.
func (fl *serveAdmin) check(bad *faults.List) {
	if fl.every == 0 {
		bad.Addf("", 0, 0, "--stage-every", "write 1 or more", "0 is out of range")
	}
}

// open begins to answer the admin port, and puts what is watched into a server's configuration. Close what it returns, which may be nil.
func (fl *serveAdmin) open(ctx context.Context, cfg *server.Config, log *slog.Logger) (*server.Admin, error) {
	if fl.address == noAddress {
		return nil, nil
	}
	l, err := listen(ctx, "--admin", fl.address)
	if err != nil {
		if _, taken := errors.AsType[*net.OpError](err); taken {
			return nil, fmt.Errorf("%w; --admin none does without", err)
		}
		return nil, err
	}
	cfg.Metrics = metrics.New()
	cfg.Metrics.StageEvery(fl.every)
	cfg.Admin = server.NewAdmin(l, cfg.Metrics, log)
	return cfg.Admin, nil
}
