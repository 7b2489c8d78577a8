package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/internal/reserve"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
	"github.com/allot-engine/allot/server"
)

// The servers that are measured are processes of their own, so that a server's processor time is nobody else's. They are this
// command again, with --serve. They tell their address in their first line, and then answer lines: "cpu" with the nanoseconds of
// processor time so far, "profile FILE" and "profiled" with "ok". They end when nobody writes to them any more.

// serve is the command for a child.
func serve(ctx context.Context, kind, dir string, stdin io.Reader, stdout io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run, err := service(kind, dir)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, l) }()
	fmt.Fprintln(stdout, l.Addr())
	asked := bufio.NewScanner(stdin)
	var profile *os.File
	for asked.Scan() {
		what, file, _ := strings.Cut(asked.Text(), " ")
		switch what {
		case "cpu":
			fmt.Fprintln(stdout, cputime.Process().Nanoseconds())
			continue
		case "profile":
			if profile, err = os.Create(file); err != nil {
				return err
			}
			if err := pprof.StartCPUProfile(profile); err != nil {
				return err
			}
		case "profiled":
			pprof.StopCPUProfile()
			if err := profile.Close(); err != nil {
				return err
			}
		}
		fmt.Fprintln(stdout, "ok")
	}
	cancel()
	return <-ended
}

// reservedBytes is the memory that the servers which keep holds reserve, as allot serve --reserve-memory does. They keep more with
// each round, while a server that has run for long forgets as many as come: what it costs the system to find more memory is not
// what is measured. An echo, which keeps nothing, has no use for it but that it collects less often; there is one with and one without.
const reservedBytes = 2 << 30

// service returns what serves a kind of service until its context ends.
func service(kind, dir string) (func(context.Context, net.Listener) error, error) {
	if kind == "echo" {
		return echoes(dir)
	}
	reserve.Memory(reservedBytes)
	if kind == "roomy echo" {
		return echoes(dir)
	}
	world := enginetest.New(bench.ServiceWorld)
	var store *durable.Store
	if kind == "durable" {
		j, err := pebblejournal.Open(filepath.Join(dir, "data"), pebblejournal.Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		if store, err = durable.Open(j, durable.Options{Network: "bench", Log: slog.New(slog.DiscardHandler)}); err != nil {
			return nil, err
		}
	}
	s, err := server.New(bench.ServiceConfig(world, store))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, l net.Listener) error {
		err := s.Serve(ctx, l, nil)
		s.Close()
		if store != nil {
			err = errors.Join(err, store.Close())
		}
		world.Close()
		return err
	}, nil
}

// The answers that the echoes give, in the directory of the measurement.
const (
	unaryAnswer  = "answer.unary"
	streamAnswer = "answer.stream"
)

func echoes(dir string) (func(context.Context, net.Listener) error, error) {
	one, err := os.ReadFile(filepath.Join(dir, unaryAnswer))
	if err != nil {
		return nil, err
	}
	many, err := os.ReadFile(filepath.Join(dir, streamAnswer))
	if err != nil {
		return nil, err
	}
	answer := &allotv1.AllocateStreamResponse{}
	if err := proto.Unmarshal(many, answer); err != nil {
		return nil, err
	}
	g := grpc.NewServer()
	bench.ServeEchoes(g, len(one), answer)
	return func(ctx context.Context, l net.Listener) error {
		defer context.AfterFunc(ctx, g.Stop)()
		return g.Serve(l)
	}, nil
}

// A child is a server in a process of its own.
type child struct {
	kind  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	conn  *grpc.ClientConn
	ended bool
}

// A shared is a writer for the children and this process together: each child's output is copied to it by a goroutine of its own.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(p)
}

// start starts a child. What the child has to say goes to stderr, which others may write to as well.
func start(ctx context.Context, kind, dir string, stderr *shared) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{kind: kind, cmd: exec.CommandContext(ctx, self, "--serve", kind, "--dir", dir)}
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	c.cmd.Stderr = stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	address, err := c.out.ReadString('\n')
	if err == nil {
		c.conn, err = bench.Connect(strings.TrimSpace(address))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server of %s did not start: %w", kind, err), c.close())
	}
	return c, nil
}

// childEnv tells the test binary that it is a child.
const childEnv = "ALLOT_BENCH_SERVICEPATH"

// ask sends a line and returns the answer.
func (c *child) ask(line string) (string, error) {
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		return "", err
	}
	answer, err := c.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the server of %s is gone: %w", c.kind, err)
	}
	return strings.TrimSpace(answer), nil
}

// cpu returns the processor time that the server has used.
func (c *child) cpu() (time.Duration, error) {
	answer, err := c.ask("cpu")
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(answer + "ns")
}

// close ends the child.
func (c *child) close() error {
	if c.ended {
		return nil
	}
	c.ended = true
	var errs []error
	if c.conn != nil {
		errs = append(errs, c.conn.Close())
	}
	return errors.Join(append(errs, c.in.Close(), c.cmd.Wait())...)
}
