package load

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/faults"
)

// The greatest options.
const (
	mostConnections = 1_000
	mostCallers     = 100_000
	mostPerMessage  = 1_000
	mostQueue       = 10_000_000
)

// How long what is no load may take.
const (
	reachFor  = 30 * time.Second // to connect to the target
	finishFor = 5 * time.Minute  // for the auditor to finish
)

// check fills in the defaults and finds what is wrong.
func (o *Options) check() error {
	var bad faults.List
	or := func(field *int, name string, standard, most int) {
		if *field == 0 {
			*field = standard
		}
		if *field < 1 || *field > most {
			bad.Addf("", 0, 0, name, fmt.Sprintf("write a number from 1 to %d", most), "%d is out of range", *field)
		}
	}
	orTime := func(field *time.Duration, name string, standard time.Duration) {
		if *field == 0 {
			*field = standard
		}
		if *field < 0 || *field > 365*24*time.Hour {
			bad.Addf("", 0, 0, name, "write a time above 0, as 30s", "%v is out of range", *field)
		}
	}
	if o.Kind == "" {
		o.Kind = "run"
	}
	if o.Mode == "" {
		o.Mode = Unary
	}
	if !slices.Contains(Modes(), o.Mode) {
		bad.Addf("", 0, 0, "Mode", meant(o.Mode, Modes()), "unknown mode %.40q", o.Mode)
	}
	if o.Own != nil {
		o.Target, o.Admin = o.Own.Address, o.Own.Admin
	}
	if o.Target == "" && o.Dial == nil {
		bad.Addf("", 0, 0, "Target", "name the address of a server, as 127.0.0.1:7430", "there is none")
	}
	or(&o.Connections, "Connections", 2, mostConnections)
	callers := 256
	switch o.Mode {
	case Stream:
		callers = o.Connections
	case Batch:
		callers = 2 // as many as a server decides at once by default
	}
	or(&o.Callers, "Callers", callers, mostCallers)
	or(&o.Others, "Others", 64, mostCallers)
	or(&o.Queue, "Queue", 100_000, mostQueue)
	if o.Mode == Unary {
		if o.PerMessage > 1 {
			bad.Addf("", 0, 0, "PerMessage", "leave it out, or choose the mode stream or batch", "a unary call has one order")
		}
		o.PerMessage = 1
	}
	or(&o.PerMessage, "PerMessage", 100, mostPerMessage)
	or(&o.Window, "Window", max(1000, o.PerMessage), mostWindow)
	if o.Mode == Stream && o.Window < o.PerMessage {
		bad.Addf("", 0, 0, "Window", fmt.Sprintf("write %d or more", o.PerMessage), "%d has no room for a message", o.Window)
	}
	orTime(&o.Linger, "Linger", 5*time.Millisecond)
	orTime(&o.BatchBudget, "BatchBudget", 100*time.Millisecond)
	orTime(&o.Timeout, "Timeout", 5*time.Second)
	orTime(&o.Duration, "Duration", 30*time.Second)
	if o.WarmUp < 0 {
		bad.Addf("", 0, 0, "WarmUp", "write a time, as 5s", "%v is below 0", o.WarmUp)
	}
	if o.Profile && (o.Dir == "" || o.Admin == "") {
		bad.Addf("", 0, 0, "Profile", "name a directory, and a target with an admin port", "a profile comes from the admin port and goes into a directory")
	}
	if o.RunID == "" {
		o.RunID = "bench-" + rand.Text()[:10] + "-"
	}
	if len(o.RunID) > 100 {
		bad.Addf("", 0, 0, "RunID", "write 100 characters at most", "it has %d", len(o.RunID))
	}
	if o.Sleep == nil {
		o.Sleep = sleepPrecisely
	}
	if o.Dial == nil {
		o.Dial = o.dial
	}
	return bad.Err()
}

func (o *Options) dial(context.Context, int) (grpc.ClientConnInterface, io.Closer, error) {
	conn, err := grpc.NewClient(o.Target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	return conn, conn, err
}

// Run sends a workload and measures what comes of it, as Drive does. Orders come when o.Arrivals say so; their quotes, and what
// becomes of them, come on top, so that there are more operations than orders.
func Run(ctx context.Context, w *workload.Workload, o Options) (*Result, error) {
	if o.Arrivals == nil {
		o.Arrivals = w.Arrivals()
	}
	if o.Arrival == "" {
		o.Arrival = o.Arrivals.String()
	}
	return Drive(ctx, Source{
		Workload: Workload{Name: w.Name(), Seed: w.Seed(), Hash: w.Hash(), Text: string(w.Spec().Text())},
		Next:     w.Events(o.Arrivals).Next,
	}, o)
}

// Drive sends the events of a source and measures what comes of it.
//
// It is an open loop: an event is handed out when it is due, whether or not those before it were answered, and its latency counts
// from then on. So what a server that stalls does to its callers shows whole, and not only in the calls that happened to be on their
// way (Gil Tene's "coordinated omission").
//
// An operation on a hold is due when it is by its event, or when the answer that it needs is there, whichever is later.
//
// When ctx ends the result has what was measured until then, and the error says why; the result is nil where nothing was, as where
// the target cannot be reached. Faults in the options are a *faults.Error.
func Drive(ctx context.Context, source Source, o Options) (result *Result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	g := &generator{o: &o, next: source.Next, audit: o.Auditor, rec: newRecorder(), book: newBook(), ctx: ctx}
	var closers []io.Closer
	defer func() {
		for _, c := range closers {
			err = errors.Join(err, c.Close())
		}
	}()
	for i := range o.Connections {
		conn, closer, derr := o.Dial(ctx, i)
		if derr != nil {
			return nil, fmt.Errorf("connecting to %s: %w", o.Target, derr)
		}
		g.conns, closers = append(g.conns, conn), append(closers, closer)
	}
	network, err := reach(ctx, &o, g.conns)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Version: ResultVersion, Kind: o.Kind, Build: build(), Args: slices.Clone(os.Args), Machine: machine(),
		Target:   Target{Address: o.Target, Admin: o.Admin, Network: network},
		Workload: source.Workload, RunID: o.RunID, Arrivals: o.Arrival,
		Mode: o.Mode, PerMessage: o.PerMessage, Connections: o.Connections, Callers: o.Callers, Timeout: o.Timeout, WarmUp: o.WarmUp,
	}
	if o.Own != nil {
		r.Target.Own, r.Target.Durable = true, o.Own.Durable
	}
	if g.audit == nil {
		g.audit = noAuditor{}
	}
	if err := g.audit.Begin(ctx, g.conns[0]); err != nil {
		return nil, fmt.Errorf("before the run: %w", err)
	}
	m := &meter{g: g}
	if o.Admin != "" {
		m.admin = newAdmin(&o)
		if err := m.admin.find(ctx); err != nil {
			return nil, fmt.Errorf("the admin port of the target: %w", err)
		}
	}
	g.start = time.Now()
	r.Started = g.start.UTC()
	logs, err := openLogs(g)
	if err != nil {
		return nil, err
	}
	m.run(func() { g.run() })

	interrupted := ctx.Err()
	after := context.WithoutCancel(ctx)
	m.fill(after, r)
	files, ferr := logs.close(g.rec)
	r.Files = append(files, r.Files...)
	judged, stop := context.WithTimeout(after, finishFor)
	defer stop()
	var aerr error
	if r.Correctness, aerr = g.audit.Finish(judged, g.conns[0]); aerr != nil {
		aerr = fmt.Errorf("checking the run: %w", aerr)
	}
	r.Judge(o.SLO)
	if interrupted != nil {
		interrupted = fmt.Errorf("stopped after %v: %w", r.WarmUp+r.Duration, interrupted)
	}
	return r, errors.Join(interrupted, ferr, aerr)
}

// reach waits until each connection works, and returns the version of the network in service, "" where the target does not
// tell.
func reach(ctx context.Context, o *Options, conns []grpc.ClientConnInterface) (network string, err error) {
	ctx, cancel := context.WithTimeout(ctx, reachFor)
	defer cancel()
	for _, conn := range conns {
		current, err := allotv1.NewNetworkServiceClient(conn).Current(ctx, &allotv1.CurrentRequest{}, grpc.WaitForReady(true))
		switch status.Code(err) {
		case codes.OK:
			network = current.GetNetwork().GetVersion()
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
			return "", fmt.Errorf("reaching %s: %w", o.Target, err)
		}
	}
	return network, nil
}

// A noAuditor keeps no books.
type noAuditor struct{}

func (noAuditor) Begin(context.Context, grpc.ClientConnInterface) error { return nil }
func (noAuditor) Sent(*Call)                                            {}
func (noAuditor) Answered(*Call, []byte)                                {}
func (noAuditor) Failed(*Call, codes.Code)                              {}
func (noAuditor) Finish(context.Context, grpc.ClientConnInterface) (Correctness, error) {
	return Correctness{Skipped: "nobody kept the books"}, nil
}

// The histogram logs of a result.
const (
	latencyLog = "latency.hlog"
	serviceLog = "service.hlog"
)

// logFiles are the histogram logs, none where the run has no directory.
type logFiles struct {
	names   []string
	files   []*os.File
	buffers []*bufio.Writer
}

func openLogs(g *generator) (*logFiles, error) {
	l := &logFiles{}
	if g.o.Dir == "" {
		return l, nil
	}
	for _, name := range []string{latencyLog, serviceLog} {
		f, err := os.Create(filepath.Join(g.o.Dir, name))
		if err != nil {
			for _, f := range l.files {
				_ = f.Close() // it has nothing yet
			}
			return nil, err
		}
		l.names, l.files, l.buffers = append(l.names, name), append(l.files, f), append(l.buffers, bufio.NewWriterSize(f, 256<<10))
	}
	return l, g.rec.logTo(g.start, l.buffers[0], l.buffers[1])
}

func (l *logFiles) close(r *recorder) ([]File, error) {
	if len(l.files) == 0 {
		return nil, nil
	}
	err := r.logErr
	for i, f := range l.files {
		err = errors.Join(err, l.buffers[i].Flush(), f.Close())
	}
	return []File{
		{Name: latencyLog, What: "latency of answers from their intended start, by operation and second (HdrHistogram log, nanoseconds)"},
		{Name: serviceLog, What: "latency of answers from when they were sent, by operation and second (HdrHistogram log, nanoseconds)"},
	}, err
}
