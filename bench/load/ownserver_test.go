package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is its own child: what it does as one says this variable.
const childVariable = "ALLOT_LOAD_TEST_CHILD"

func TestMain(m *testing.M) {
	switch as := os.Getenv(childVariable); {
	case as == "":
		os.Exit(m.Run())
	case strings.HasPrefix(as, "parent "):
		childParent(strings.TrimPrefix(as, "parent "))
	default:
		child(as)
	}
}

const servingLine = `{"msg":"serving","grpc":"127.0.0.1:1","http":"none","admin":"127.0.0.1:2","network":"v7"}`

// child does as allot serve does, well or badly.
func child(as string) {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	switch {
	case as == "old" && slices.Contains(os.Args, "--admin"):
		fmt.Fprintln(os.Stderr, "allot serve: unknown flag --admin; did you mean --data?")
		os.Exit(2)
	case as == "old":
		fmt.Fprintln(os.Stderr, `{"msg":"serving","grpc":"127.0.0.1:1","network":"v1"}`)
	case as == "fails":
		fmt.Fprintln(os.Stderr, "network/stock.csv:3: no such warehouse")
		os.Exit(1)
	case as == "silent":
	case as == "lives":
		fmt.Fprintf(os.Stderr, `{"msg":"arguments","args":%q}`+"\n", os.Args[1:])
		fmt.Fprintln(os.Stderr, servingLine)
	case as == "fails late", as == "stubborn":
		fmt.Fprintln(os.Stderr, servingLine)
	default: // tells by a connection that it lives
		conn, err := net.Dial("tcp", as)
		if err != nil {
			os.Exit(9)
		}
		defer conn.Close()
		fmt.Fprintln(os.Stderr, servingLine)
	}
	for <-terminated; as == "stubborn"; <-terminated {
	}
	if as == "fails late" {
		fmt.Fprintln(os.Stderr, `{"msg":"the disk is full"}`)
		os.Exit(3)
	}
	fmt.Fprintln(os.Stderr, `{"msg":"drained"}`)
	os.Exit(0)
}

// childParent starts a child that connects to an address, says so, and stays.
func childParent(address string) {
	if _, err := StartServer(context.Background(), ServerOptions{Network: "x", Env: []string{childVariable + "=" + address}}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	select {}
}

func startChild(t *testing.T, as string, o ServerOptions) (*OwnServer, error) {
	t.Helper()
	o.Env = append(o.Env, childVariable+"="+as)
	o.Network = "some network"
	s, err := StartServer(t.Context(), o)
	if err == nil {
		t.Cleanup(func() { _ = s.Kill() })
	}
	return s, err
}

func TestOwnServer(t *testing.T) {
	var log bytes.Buffer // written by one goroutine, which is over when Close returns
	s, err := startChild(t, "lives", ServerOptions{Data: "here", ClockFrom: 1, ClockSpeed: 60, Args: []string{"--max-in-flight=3"}, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	if s.Address != "127.0.0.1:1" || s.Admin != "127.0.0.1:2" || s.Network != "v7" || !s.Durable || s.PID == 0 {
		t.Errorf("%+v", s)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-s.Ended()
	want := `["serve" "some network" "--grpc" "127.0.0.1:0" "--http" "none" "--log-format" "json" "--admin" "127.0.0.1:0" "--data" "here" ` +
		`"--clock-from" "1970-01-01T00:00:01Z" "--clock-speed" "60" "--max-in-flight=3"]`
	if !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "drained") {
		t.Errorf("the log is %s", log.String())
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestOwnServerThatIsOld(t *testing.T) {
	s, err := startChild(t, "old", ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Admin != "" || s.Address == "" || s.Durable {
		t.Errorf("%+v", s)
	}
}

func TestOwnServerThatFails(t *testing.T) {
	if _, err := startChild(t, "fails", ServerOptions{}); err == nil || !strings.Contains(err.Error(), "no such warehouse") {
		t.Errorf("its last words are missing: %v", err)
	}
	if _, err := startChild(t, "silent", ServerOptions{Start: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "does not serve after 1ms") {
		t.Errorf("%v", err)
	}
	if _, err := startChild(t, "lives", ServerOptions{Program: "/no/such/program"}); err == nil {
		t.Error("a program that is not there was started")
	}
	s, err := startChild(t, "fails late", ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("%v", err)
	}
	if s, err = startChild(t, "stubborn", ServerOptions{Drain: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("%v", err)
	}
}

// TestOwnServerEndsWithItsParent kills a process that has a server: the connection that the server holds ends.
func TestOwnServerEndsWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), childVariable+"=parent "+l.Addr().String())
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Wait() }() // it was killed
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, conn); n != 0 {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
