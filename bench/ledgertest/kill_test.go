package ledgertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
)

// program builds the program and returns its path.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "allot")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/allot")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building allot: %v\n%s", err, out)
	}
	return path
}

// A process is a running allot serve.
type process struct {
	cmd     *exec.Cmd
	address string
	errors  *strings.Builder
}

// kill ends the process as a fault would, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // SIGKILL, by its id; it may have ended
	_ = p.cmd.Wait()         // it was killed
}

// start runs the program. The process is there; await tells when it serves.
func start(program, network, data string) (p *process, await func() error, err error) {
	p = &process{errors: &strings.Builder{}}
	// No context: what ends it is kill. A snapshot every few thousand events, so that some are cut off; nothing is trimmed, so
	// that the journal tells everything.
	p.cmd = exec.Command(program, "serve", network, "--data", data, "--grpc", "127.0.0.1:0", "--http", "none", "--admin", "none",
		"--log-level", "warn", "--snapshot-every", "3000", "--keep-snapshots", "0")
	p.cmd.Stderr = p.errors
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	return p, func() error {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "gRPC" {
				p.address = words[1]
				go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
				return nil
			}
		}
		err := p.cmd.Wait()
		return fmt.Errorf("allot serve ended before it served: %w\n%s", err, p.errors)
	}, nil
}

// TestKill is the promise that what was answered survives kill -9: the program serves clients, is killed at a random
// moment, also while it starts or makes a snapshot, and starts again; then every hold that was answered is there, every
// repeated request gets its first answer, and at the end the journal's accounting finds nothing oversold.
func TestKill(t *testing.T) {
	rounds, seed := size(*killsFlag, 10, 100, 3), seeded(t)
	t.Logf("seed %d, %d rounds", seed, rounds)
	rng := rand.New(rand.NewPCG(seed, 0))
	allot, network, data := program(t), t.TempDir(), filepath.Join(t.TempDir(), "data")
	s := &shape{warehouses: 6, skus: 40, onHand: 300, safety: 1, holdMinutes: 24 * 60} // nothing expires meanwhile
	if err := os.CopyFS(network, s.directory()); err != nil {
		t.Fatal(err)
	}
	const clients = 16
	j := newJournalist(5_000)
	shoppers := make([]*shopper, clients)
	for i := range shoppers {
		shoppers[i] = newShopper(nil, j, s, fmt.Sprint("c", i), seed, i)
		shoppers[i].retry = true
	}
	var checked int
	for round := range rounds {
		if rng.IntN(4) == 0 { // while it starts
			p, _, err := start(allot, network, data)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.IntN(150)) * time.Millisecond)
			p.kill()
		}
		p, cl := running(t, allot, network, data)
		n, err := returned(t.Context(), cl, j, shoppers)
		checked += n
		if err != nil {
			t.Fatalf("round %d: %v\n%s", round, err, p.errors)
		}
		ctx, stop := context.WithCancel(t.Context())
		var working sync.WaitGroup
		for _, sh := range shoppers {
			working.Go(func() {
				for len(sh.open) == 0 && ctx.Err() == nil { // a call that failed: the server is gone
					sh.step(t.Context())
				}
			})
		}
		time.Sleep(time.Duration(30+rng.IntN(500)) * time.Millisecond)
		p.kill()
		stop()
		working.Wait()
		_ = cl.conn.Close()
		if err := j.fault(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}

	p, cl := running(t, allot, network, data)
	n, err := returned(t.Context(), cl, j, shoppers)
	if err != nil {
		t.Fatal(err)
	}
	if len(j.lost) > 0 {
		t.Errorf("%d requests are still open", len(j.lost))
	}
	if _, done, err := history(data); err == nil {
		t.Error("a second process got the data directory while the first has it")
		done()
	}
	j.tally["checked after a restart"] = checked + n
	names := newAccounting() // enough of one to ask for stock
	for w := range s.warehouses {
		names.warehouses = append(names.warehouses, warehouseID(w))
	}
	for i := range s.skus {
		names.skus = append(names.skus, skuID(i))
	}
	stock, err := names.stockOf(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	p.kill()

	past, done, err := history(data)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	a, err := account(past.Events(0))
	if err == nil {
		err = j.compare(a)
	}
	if err == nil && !slices.Equal(a.warehouses, names.warehouses) || !slices.Equal(a.skus, names.skus) {
		err = errors.New("the ledger gave its rows in another order than the files")
	}
	if err == nil {
		err = a.differs(stock)
	}
	if err != nil {
		t.Error(err)
	}
	replays, err := replayAll(t.Context(), past)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d events: %d granted, %d refused; %d decisions replay to the same bytes; %s", past.Last(), a.granted, a.refused, replays, j.report())
	if a.granted < 10*rounds || j.tally["repeated after the server came back"] == 0 {
		t.Error("the load was too small to say anything")
	}
}

// running starts the program and waits until it serves.
func running(t *testing.T, allot, network, data string) (*process, *client) {
	t.Helper()
	p, await, err := start(allot, network, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	if err := await(); err != nil {
		t.Fatal(err)
	}
	cl, err := dial(p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.conn.Close() })
	return p, cl
}

// history opens the journal in a data directory for reading.
func history(data string) (*durable.History, func(), error) {
	quiet := slog.New(slog.DiscardHandler)
	j, err := pebblejournal.Open(data, pebblejournal.Options{ReadOnly: true, Log: quiet})
	if err != nil {
		return nil, nil, err
	}
	h, err := durable.OpenReadOnly(j, durable.Options{Log: quiet})
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return h, func() { _ = j.Close() }, nil
}

// returned looks, when the server is back, for what it had answered: calls of which nobody knows are repeated until they
// are answered, requests that were answered are repeated, and holds are asked for.
func returned(ctx context.Context, cl *client, j *journalist, shoppers []*shopper) (int, error) {
	var working sync.WaitGroup
	for _, sh := range shoppers {
		sh.client = cl
		working.Go(func() { sh.settle(ctx) })
	}
	working.Wait()
	if err := j.fault(); err != nil {
		return 0, err
	}
	answers := maps.Clone(j.answers)
	requests := slices.Clone(j.orders)
	errs := make([]error, len(shoppers))
	for i := range shoppers {
		working.Go(func() {
			for k := i; k < len(requests); k += len(shoppers) {
				r := requests[k]
				if first, ok := answers[r.GetRequestId()]; ok {
					errs[i] = errors.Join(errs[i], again(ctx, cl, r, first))
				}
			}
		})
	}
	working.Wait()
	return len(requests), errors.Join(errs...)
}

// again sends a request that was answered before, and asks for its hold.
func again(ctx context.Context, cl *client, r *allotv1.AllocateRequest, first allocated) error {
	a, _, err := cl.allocate(ctx, r)
	switch {
	case err != nil:
		return fmt.Errorf("request %q again: %w", r.GetRequestId(), err)
	case a.hold != first.hold || a.decision != first.decision:
		return fmt.Errorf("LOST: request %q was answered with hold %d, and now with %d; the decisions are the same: %v", r.GetRequestId(), first.hold, a.hold, a.decision == first.decision)
	case a.hold == 0:
		return nil
	}
	decision, err := cl.decisionOf(ctx, a.hold)
	switch {
	case status.Code(err) == codes.NotFound:
		return fmt.Errorf("LOST: hold %d of request %q is not there", a.hold, r.GetRequestId())
	case err != nil:
		return err
	case decision != first.decision:
		return fmt.Errorf("hold %d of request %q has another decision than was answered", a.hold, r.GetRequestId())
	}
	return nil
}
