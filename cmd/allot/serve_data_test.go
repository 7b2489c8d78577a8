package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// allocateBody asks for some lamps, of which the test's network has five in one place.
func allocateBody(request string, lamps int) string {
	return fmt.Sprintf(`{"requestId":%q,"order":{"id":"o-%s","lines":[{"sku":"lamp","quantity":%d}],"to":{"postalCode":"10001"}}}`, request, request, lamps)
}

// TestDiskFull: when the journal cannot be written, the server says so, ends with 3 at once, and answers nobody any more; what
// it answered before is there when it starts again.
func TestDiskFull(t *testing.T) {
	disk := vfs.NewCrashableMem()
	full := atomic.Bool{}
	ended := make(chan int, 10)
	files := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	clock := func() time.Time { return wednesday }
	s := startServeOn(t, &terminal{now: clock, files: files, exit: func(code int) { ended <- code }}, "testdata/network", "--data", "data")
	first := s.post(t, "allot.v1.AllocationService/Allocate", allocateBody("r1", 2))

	full.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan string, 1)
	go func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.web+"/allot.v1.AllocationService/Allocate", strings.NewReader(allocateBody("r2", 1)))
		if err != nil {
			answered <- err.Error()
			return
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			defer answer.Body.Close()
			answered <- answer.Status
		}
		close(answered)
	}()
	if code := <-ended; code != exitFailed {
		t.Errorf("it ends with %d", code)
	}
	for _, want := range []string{"allot serve: ", "no space left on device", "the disk is full: free some space and start again", "level=ERROR"} {
		if log := s.log(); !strings.Contains(log, want) {
			t.Errorf("it does not say %q: %s", want, log)
		}
	}
	select {
	case status := <-answered:
		if status == "200 OK" {
			t.Error("it answers what is not on disk")
		}
	default: // it would be ended now; here the caller waits
	}
	cancel()
	<-answered

	// What is left of the disk is what a restart would find.
	again := startServeOn(t, &terminal{now: clock, files: disk.CrashClone(vfs.CrashCloneCfg{})}, "testdata/network", "--data", "data")
	if got := again.post(t, "allot.v1.AllocationService/Allocate", allocateBody("r1", 2)); got != first {
		t.Errorf("after the restart %s, before it %s", got, first)
	}
	if got := again.post(t, "allot.v1.InventoryService/GetStock", `{"skus":["lamp"]}`); !strings.Contains(strings.ReplaceAll(got, " ", ""), `"held":"2"`) &&
		!strings.Contains(strings.ReplaceAll(got, " ", ""), `"held":2`) {
		t.Errorf("after the restart: %s", got)
	}
	if code, log := again.stop(); code != exitDone {
		t.Errorf("stopped with %d: %s", code, log)
	}
}
