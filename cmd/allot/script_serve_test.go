package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A running is a server that a script started, as a process of its own.
type running struct {
	cmd   *exec.Cmd
	web   string // host:port
	out   bytes.Buffer
	errs  bytes.Buffer
	ended chan struct{} // closed after it was waited for
}

// A fleet is the servers of one script, by name.
type fleet map[string]*running

type fleetKey struct{}

func fleetOf(ts *testscript.TestScript) fleet { return ts.Value(fleetKey{}).(fleet) }

// startServer runs allot serve on free ports until it can be called: serve NAME ARG...
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve NAME ARG...")
	}
	servers := fleetOf(ts)
	r := &running{ended: make(chan struct{})}
	path, err := exec.LookPath("allot") // which testscript.Main put there
	ts.Check(err)
	r.cmd = exec.Command(path, append([]string{"serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args[1:]...)...)
	r.cmd.Dir, r.cmd.Env, r.cmd.Stderr = ts.MkAbs("."), environment(ts), &r.errs
	out, err := r.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(r.cmd.Start())
	servers[args[0]] = r
	ready := make(chan struct{})
	go func() {
		defer close(r.ended)
		lines := bufio.NewScanner(out)
		told := false
		for lines.Scan() {
			r.out.WriteString(lines.Text() + "\n")
			if m := printedHTTP.FindStringSubmatch(lines.Text()); m != nil {
				r.web = m[1]
			}
			if !told && strings.Contains(lines.Text(), "    -d '") { // the last line
				told = true
				close(ready)
			}
		}
		_ = r.cmd.Wait() // its state is looked at
		if !told {
			close(ready)
		}
	}()
	select {
	case <-ready:
	case <-time.After(time.Minute):
		ts.Fatalf("allot serve %v says nothing", args[1:])
	}
	if r.web == "" {
		<-r.ended
		ts.Fatalf("allot serve %v ended: %v\n%s", args[1:], r.cmd.ProcessState, r.errs.String())
	}
	ts.Setenv(args[0], r.web)
	_, err = ts.Stdout().Write(r.out.Bytes())
	ts.Check(err)
}

func environment(ts *testscript.TestScript) []string {
	return append(os.Environ(), "HOME="+ts.Getenv("HOME"), "TMPDIR="+ts.Getenv("TMPDIR"))
}

// stopServer ends a server with a signal, which must give a code; a killed one has -1: end NAME SIGNAL CODE
func stopServer(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	if neg || len(args) != 3 || signals[args[1]] == 0 {
		ts.Fatalf("usage: end NAME INT|TERM|KILL CODE")
	}
	servers := fleetOf(ts)
	r := servers[args[0]]
	if r == nil {
		ts.Fatalf("no server %s", args[0])
	}
	ts.Check(r.cmd.Process.Signal(signals[args[1]]))
	<-r.ended
	delete(servers, args[0])
	if got := strconv.Itoa(r.cmd.ProcessState.ExitCode()); got != args[2] {
		ts.Fatalf("%s ended with %s, want %s\n%s", args[0], got, args[2], r.errs.String())
	}
	_, err := io.Copy(ts.Stderr(), &r.errs)
	ts.Check(err)
}

// post calls a method with JSON and prints the answer without blanks; with ! it must be refused: post ADDRESS METHOD JSON
func post(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: post ADDRESS METHOD JSON")
	}
	answer, err := http.Post("http://"+args[0]+"/allot.v1."+args[1], "application/json", strings.NewReader(args[2]))
	ts.Check(err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if refused := answer.StatusCode != http.StatusOK; refused != neg {
		ts.Fatalf("%s: %s: %s", args[1], answer.Status, raw)
	}
	var plain bytes.Buffer
	ts.Check(json.Compact(&plain, raw))
	_, err = fmt.Fprintln(ts.Stdout(), plain.String())
	ts.Check(err)
}

// flip changes one bit in the middle of every file that matches a pattern: flip PATTERN
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip PATTERN")
	}
	names, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		ts.Check(err)
		if len(raw) == 0 {
			ts.Fatalf("%s is empty", name)
		}
		raw[len(raw)/2] ^= 1
		ts.Check(os.WriteFile(name, raw, 0o600))
	}
}

// shut kills the servers that a script left running.
func (f fleet) shut() {
	for _, r := range f {
		_ = r.cmd.Process.Kill() // it may have ended
		<-r.ended
	}
}
