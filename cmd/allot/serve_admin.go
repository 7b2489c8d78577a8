package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

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

	endpoint string // of an OpenTelemetry collector; empty for no traces
	sample   float64
}

func (fl *serveAdmin) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&fl.address, "admin", defaultAdmin, "`ADDRESS` for metrics, profiles and readiness, for operators only, or none")
	f.Uint32Var(&fl.every, "stage-every", metrics.DefaultStageEvery, "measure the stages of one in `N` decisions; 1 for all")
	f.StringVar(&fl.endpoint, "trace-endpoint", "", "send traces to the OpenTelemetry collector at `ADDRESS`, by OTLP over gRPC without encryption (default none)")
	f.Float64Var(&fl.sample, "trace-sample", 0.001, "trace this `PART` of the calls whose callers do not say, from 0 to 1; callers who do are followed")
}

// check tells what the flags say wrongly.
func (fl *serveAdmin) check(bad *faults.List) {
	if fl.every == 0 {
		bad.Addf("", 0, 0, "--stage-every", "write 1 or more", "0 is out of range")
	}
	if !(fl.sample >= 0 && fl.sample <= 1) {
		bad.Addf("", 0, 0, "--trace-sample", "write a part from 0 to 1, as 0.001", "%v is out of range", fl.sample)
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

// trace makes the server's configuration trace calls, where that is asked for. end sends what is left.
func (fl *serveAdmin) trace(ctx context.Context, cfg *server.Config, log *slog.Logger) (end func(), err error) {
	if fl.endpoint == "" {
		return func() {}, nil
	}
	if _, _, err := net.SplitHostPort(fl.endpoint); err != nil {
		return nil, misusef("--trace-endpoint: %.100q is no address; write host:port, as 127.0.0.1:4317", fl.endpoint)
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(fl.endpoint), otlptracegrpc.WithInsecure())
	if err != nil {
		return nil, fmt.Errorf("--trace-endpoint: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not delivered", "error", err) }))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(fl.sample))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "allot"))),
	)
	cfg.Tracer = provider
	return func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTimeout)
		defer cancel()
		if err := provider.Shutdown(bounded); err != nil {
			log.Warn("the last traces are not delivered", "error", err)
		}
	}, nil
}

// traceTimeout bounds how long the end of a server waits for a collector.
const traceTimeout = 5 * time.Second
