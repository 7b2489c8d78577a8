package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A serving is an allot serve within this process.
type serving struct {
	rpc, web string // host:port
	admin    string // host:port
	body     string // of the curl line that it prints
	log      func() string
	stop     func() (code int, log string)
}

// A safeBuffer is a buffer that several goroutines write to and read.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String returns what was written so far.
func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var (
	printedGRPC  = regexp.MustCompile(`gRPC +(\S+) `)
	printedHTTP  = regexp.MustCompile(`HTTP +http://(\S+) `)
	printedAdmin = regexp.MustCompile(`admin +http://(\S+) `)
	printedBody  = regexp.MustCompile(`(?s)-d '(.*)'`)
)

func startServe(t *testing.T, now time.Time, args ...string) *serving {
	t.Helper()
	return startServeOn(t, &terminal{now: func() time.Time { return now }}, args...)
}

// startServeOn starts a server on a terminal, of which it sets what is read and written.
func startServeOn(t *testing.T, on *terminal, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	var log safeBuffer
	on.in, on.out, on.err = strings.NewReader(""), bufio.NewWriter(write), &log
	ended := make(chan int, 1)
	go func() {
		ended <- on.run(ctx, append([]string{"serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...))
		_ = write.Close()
	}()
	s := &serving{log: log.String, stop: func() (int, string) { cancel(); return <-ended, log.String() }}
	lines := bufio.NewScanner(read)
	for printed := ""; s.body == "" && lines.Scan(); {
		printed += lines.Text() + "\n"
		for _, find := range []struct {
			re *regexp.Regexp
			to *string
		}{{printedGRPC, &s.rpc}, {printedHTTP, &s.web}, {printedAdmin, &s.admin}, {printedBody, &s.body}} {
			if m := find.re.FindStringSubmatch(printed); m != nil {
				*find.to = m[1]
			}
		}
	}
	if s.rpc == "" || s.web == "" || s.body == "" {
		code, log := s.stop()
		t.Fatalf("allot serve ended with %d: %s", code, log)
	}
	return s
}

func (s *serving) post(t *testing.T, method, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.web+"/"+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return answered(t, request)
}

// answered sends a request and returns the body of its answer.
func answered(t *testing.T, request *http.Request) string {
	t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", request.URL, answer.Status, raw)
	}
	return string(raw)
}

// callByReflection calls a method with nothing known of the contract but what the server says of itself.
func callByReflection(t *testing.T, address, service, method, body string) string {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, raw := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(raw, file); err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	call := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method))
	in, out := dynamicpb.NewMessage(call.Input()), dynamicpb.NewMessage(call.Output())
	if err := protojson.Unmarshal([]byte(body), in); err != nil {
		t.Fatal(err)
	}
	if err := conn.Invoke(t.Context(), "/"+service+"/"+method, in, out); err != nil {
		t.Fatal(err)
	}
	raw, err := protojson.MarshalOptions{Resolver: protoregistry.GlobalTypes}.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// field returns a field of a JSON object, in the one way to write it.
func field(t *testing.T, object, name string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	raw, err := json.Marshal(fields[name])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestOneDecision asks for the same order on the command line, with the printed curl line, and by gRPC with reflection.
func TestOneDecision(t *testing.T) {
	for name, network := range map[string]string{"three mugs": "testdata/network", "us-parcel": repository(t, "examples/us-parcel")} {
		t.Run(name, func(t *testing.T) {
			curled, reflected := startServe(t, wednesday, network), startServe(t, wednesday, network)
			const service = "allot.v1.AllocationService"
			body := curled.body
			byCurl := field(t, curled.post(t, service+"/Allocate", body), "decision")
			byGRPC := field(t, callByReflection(t, reflected.rpc, service, "Allocate", body), "decision")
			code, out, errs := allot(t, wednesday, field(t, body, "order"), "allocate", "--network", network)
			if code != exitDone {
				t.Fatalf("allot allocate: %d: %s", code, errs)
			}
			byCommand := field(t, out, "decision")
			if byCurl != byGRPC || byCurl != byCommand {
				t.Errorf("three answers to %s:\ncurl %s\ngRPC %s\nfile %s", body, byCurl, byGRPC, byCommand)
			}
			if !strings.Contains(byCurl, `"OUTCOME_PLANNED"`) {
				t.Errorf("the order to try is not planned: %s", byCurl)
			}
			for _, s := range []*serving{curled, reflected} {
				if code, log := s.stop(); code != exitDone || !strings.Contains(log, "msg=drained") {
					t.Errorf("stopped with code %d: %s", code, log)
				}
			}
		})
	}
}

// TestPortInUse tells who asks for a port that another has.
func TestPortInUse(t *testing.T) {
	s := startServe(t, wednesday, "testdata/network")
	defer s.stop()
	for _, args := range [][]string{{"--grpc", s.rpc, "--http", "none"}, {"--grpc", "127.0.0.1:0", "--http", s.web}} {
		code, _, errs := allot(t, wednesday, "", append([]string{"serve", "testdata/network", "--admin", "none"}, args...)...)
		if code != exitFailed || !strings.Contains(errs, "address already in use; choose another address") {
			t.Errorf("%v: code %d, %s", args, code, errs)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "127.0.0.1:0"} {
		l, err := listen(t.Context(), "--grpc", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := reachable(l); !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("reachable(%s) = %s", address, got)
		}
		_ = l.Close()
	}
}

// TestLoadAnew reads the directory again when NetworkService.Load is called without files.
func TestLoadAnew(t *testing.T) {
	s := startServe(t, wednesday, "testdata/network")
	defer s.stop()
	got := s.post(t, "allot.v1.NetworkService/Load", `{"requestId":"again"}`)
	if want := fmt.Sprintf(`"name":%q`, "three mugs"); !strings.Contains(strings.ReplaceAll(got, " ", ""), strings.ReplaceAll(want, " ", "")) {
		t.Errorf("Load answers %s", got)
	}
}
