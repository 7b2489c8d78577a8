package server

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/engine/network"
)

// wednesday is the moment at which the tests' clocks start: 10 in the morning in Columbus.
var wednesday = time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)

// A clock is a time source that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func cornerShop(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
	return network.LoadFS(os.DirFS("testdata/network"), prev)
}

// A site is a server on two loopback ports, with clients for each.
type site struct {
	*Server
	clock *clock
	rpc   string // host:port
	web   string // URL
	stop  func() error

	conn       *grpc.ClientConn
	allocation allotv1.AllocationServiceClient
	inventory  allotv1.InventoryServiceClient
	networks   allotv1.NetworkServiceClient
	connect    allotv1connect.AllocationServiceClient
}

func newServer(t testing.TB, change func(*Config)) (*Server, *clock) {
	t.Helper()
	c := &clock{at: wednesday}
	cfg := Config{Load: cornerShop, Now: c.now, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func serve(t testing.TB, change func(*Config)) *site {
	t.Helper()
	s, c := newServer(t, change)
	rpc, web := listen(t), listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, rpc, web) }()
	out := &site{Server: s, clock: c, rpc: rpc.Addr().String(), web: "http://" + web.Addr().String()}
	out.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	conn := dial(t, out.rpc)
	out.conn = conn
	out.allocation = allotv1.NewAllocationServiceClient(conn)
	out.inventory = allotv1.NewInventoryServiceClient(conn)
	out.networks = allotv1.NewNetworkServiceClient(conn)
	out.connect = allotv1connect.NewAllocationServiceClient(http.DefaultClient, out.web)
	t.Cleanup(func() {
		_ = conn.Close()
		if err := out.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		s.Close()
	})
	return out
}

// order is an order of lines "sku", quantity pairs to a ZIP.
func order(zip string, lines ...any) *allotv1.Order {
	o := &allotv1.Order{Id: "o-1", To: &allotv1.Destination{PostalCode: zip}}
	for i := 0; i < len(lines); i += 2 {
		o.Lines = append(o.Lines, &allotv1.Line{Sku: lines[i].(string), Quantity: int32(lines[i+1].(int))})
	}
	return o
}

func allocate(id string, o *allotv1.Order) *allotv1.AllocateRequest {
	return &allotv1.AllocateRequest{RequestId: id, Order: o}
}

// edited is the corner shop with a text in one of its files replaced.
func edited(file, old, new string) loader {
	return func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
		dir := fstest.MapFS{}
		for _, f := range shopFiles(file, old, new) {
			dir[f.GetName()] = &fstest.MapFile{Data: f.GetContent()}
		}
		return network.LoadFS(dir, prev)
	}
}

// shopFiles are the corner shop's files, with a text in one of them replaced.
func shopFiles(file, old, new string) []*allotv1.NetworkFile {
	var files []*allotv1.NetworkFile
	dir := os.DirFS("testdata/network")
	err := fs.WalkDir(dir, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(dir, path)
		if path == file {
			if !bytes.Contains(raw, []byte(old)) {
				return fmt.Errorf("%s has no %q", file, old)
			}
			raw = bytes.Replace(raw, []byte(old), []byte(new), 1)
		}
		files = append(files, &allotv1.NetworkFile{Name: path, Content: raw})
		return err
	})
	if err != nil {
		panic(err)
	}
	return files
}

func setStock(id, warehouse, sku string, onHand int32) *allotv1.SetStockRequest {
	return &allotv1.SetStockRequest{RequestId: id, Levels: []*allotv1.StockLevel{{Warehouse: warehouse, Sku: sku, OnHand: onHand}}}
}

func adjustStock(id, warehouse, sku string, change int32) *allotv1.AdjustStockRequest {
	return &allotv1.AdjustStockRequest{RequestId: id, Adjustments: []*allotv1.StockAdjustment{{Warehouse: warehouse, Sku: sku, Change: change}}}
}

func reasonOf(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == ErrorDomain {
			return info.GetReason()
		}
	}
	return ""
}

func retryOf(st *status.Status) time.Duration {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// violationsOf returns the fields of a status's BadRequest with what is said of each.
func violationsOf(st *status.Status) map[string]string {
	fields := map[string]string{}
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields[v.GetField()] += v.GetDescription()
			}
		}
	}
	return fields
}

// sameStatus compares what statuses say: the bytes of their details may differ in the order of maps.
func sameStatus(a, b *status.Status) bool {
	return a.Code() == b.Code() && a.Message() == b.Message() && slices.EqualFunc(a.Details(), b.Details(), func(x, y any) bool {
		return proto.Equal(x.(proto.Message), y.(proto.Message))
	})
}
