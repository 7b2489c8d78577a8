package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/allot-engine/allot/units"
)

// ServerOptions are how a server of one's own is started. A zero field takes the default in its comment.
type ServerOptions struct {
	Program    string        // default this program
	Network    string        // network directory
	Data       string        // data directory, which makes it durable; "": in memory
	ClockFrom  units.Instant // what its clock says when it starts; 0: the time
	ClockSpeed float64       // seconds of its clock a second; 0: 1
	Args       []string      // further arguments of allot serve
	Env        []string      // further environment, as KEY=value
	Start      time.Duration // how long it may take to serve; default 10 minutes; a million SKUs in a thousand warehouses take one on a quiet machine
	Drain      time.Duration // how long Close waits for it to end by itself; default 1 minute
	Log        io.Writer     // gets its log, one JSON object a line; nil: nobody, but an error quotes its end
}

// args are the arguments of the child.
func (o *ServerOptions) args(admin bool) []string {
	args := []string{
		"serve", o.Network, "--grpc", "127.0.0.1:0", "--http", "none", "--log-format", "json",
	}
	if admin {
		args = append(args, "--admin", "127.0.0.1:0")
	}
	if o.Data != "" {
		args = append(args, "--data", o.Data)
	}
	if o.ClockFrom != 0 {
		args = append(args, "--clock-from", time.Unix(int64(o.ClockFrom), 0).UTC().Format(time.RFC3339))
	}
	if o.ClockSpeed != 0 {
		args = append(args, "--clock-speed", strconv.FormatFloat(o.ClockSpeed, 'g', -1, 64))
	}
	return append(args, o.Args...)
}

// An OwnServer is allot serve as a child process on loopback. On Linux it ends with this process, however that ends.
type OwnServer struct {
	Address string // of gRPC
	Admin   string // of the admin port; "" where it has none
	Network string // version of the network that it serves
	PID     int
	Durable bool

	command *exec.Cmd
	ended   chan struct{} // closed when the child has ended
	err     error         // how; set before ended is closed
	drain   time.Duration
	tail    *tail
	closing sync.Once
}

// StartServer starts a server and returns when it serves. The child outlives ctx, which bounds the start alone; Close ends it.
// An error has the last words of the child. A program of before the admin port is started without one.
func StartServer(ctx context.Context, o ServerOptions) (*OwnServer, error) {
	s, err := start(ctx, &o, true)
	if err != nil && strings.Contains(err.Error(), "unknown flag --admin") {
		return start(ctx, &o, false)
	}
	return s, err
}

func start(ctx context.Context, o *ServerOptions, admin bool) (*OwnServer, error) {
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("load: which program this is: %w", err)
		}
		o.Program = program
	}
	if o.Start == 0 {
		o.Start = 10 * time.Minute
	}
	if o.Drain == 0 {
		o.Drain = time.Minute
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	command := exec.Command(o.Program, o.args(admin)...) //nolint:noctx // it is to outlive the context
	command.Env = append(os.Environ(), o.Env...)
	command.SysProcAttr = childAttributes()
	log, err := command.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	s := &OwnServer{Durable: o.Data != "", command: command, ended: make(chan struct{}), drain: o.Drain, tail: &tail{}}
	started, serving := make(chan error, 1), make(chan struct{})
	go s.keep(log, o.Log, started, serving)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", o.Program, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Start, fmt.Errorf("it does not serve after %v", o.Start))
	defer cancel()
	select {
	case <-serving:
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("the server ended before it served: %w%s", s.err, s.tail)
	case <-ctx.Done():
		_ = command.Process.Kill() // it may have ended meanwhile
		<-s.ended
		return nil, fmt.Errorf("starting the server: %w%s", context.Cause(ctx), s.tail)
	}
}

// keep starts the child, reads its log and waits for its end. The system ends the child with the thread that started it, so
// that stays.
func (s *OwnServer) keep(log io.Reader, to io.Writer, started chan<- error, serving chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := s.command.Start(); err != nil {
		started <- err
		return
	}
	s.PID = s.command.Process.Pid
	started <- nil
	lines := bufio.NewReader(log)
	told := false
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.tail.add(line)
			_, _ = to.Write(line) // a log that cannot be kept stops nothing
			if !told && s.announced(line) {
				told = true
				close(serving)
			}
		}
		if err != nil {
			break
		}
	}
	s.err = s.command.Wait()
	close(s.ended)
}

// announced reads the line that tells that the server serves.
func (s *OwnServer) announced(line []byte) bool {
	var said struct {
		Message string `json:"msg"`
		GRPC    string `json:"grpc"`
		Admin   string `json:"admin"`
		Network string `json:"network"`
	}
	if json.Unmarshal(line, &said) != nil || said.Message != "serving" {
		return false
	}
	s.Address, s.Admin, s.Network = said.GRPC, said.Admin, said.Network
	if s.Admin == "none" {
		s.Admin = ""
	}
	return true
}

// Ended returns a channel that is closed when the child has ended.
func (s *OwnServer) Ended() <-chan struct{} { return s.ended }

// Close lets the server drain, and returns nil when it ended by itself with 0. One that does not end in time is killed.
func (s *OwnServer) Close() error {
	s.closing.Do(func() { _ = s.command.Process.Signal(syscall.SIGTERM) }) // it may have ended meanwhile
	timer := time.NewTimer(s.drain)
	defer timer.Stop()
	select {
	case <-s.ended:
	case <-timer.C:
		_ = s.command.Process.Kill()
		<-s.ended
		return fmt.Errorf("the server did not end within %v of SIGTERM and was killed%s", s.drain, s.tail)
	}
	if s.err != nil {
		return fmt.Errorf("the server ended with an error: %w%s", s.err, s.tail)
	}
	return nil
}

// Kill ends the server at once, as a crash does.
func (s *OwnServer) Kill() error {
	err := s.command.Process.Kill()
	<-s.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// A tail is the last lines of a log.
type tail struct {
	mu    sync.Mutex
	lines [][]byte
}

func (t *tail) add(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most, longest = 5, 500
	t.lines = append(t.lines, bytes.Clone(line[:min(len(line), longest)]))
	if len(t.lines) > most {
		t.lines = t.lines[1:]
	}
}

// String quotes it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for _, line := range t.lines {
		b.WriteString("\n  " + strings.TrimSpace(string(line)))
	}
	return b.String()
}
