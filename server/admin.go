package server

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/allot-engine/allot/server/metrics"
)

// An Admin answers the admin port, for those who run the server: metrics, profiles, and whether it lives and takes work. It has
// a listener of its own, and nothing of it is on the ports that callers use: a profile stops the world, and metrics tell
// what nobody outside should know.
//
// It answers as soon as it is made, so that a server that is still recovering a large ledger can be seen to live.
type Admin struct {
	listener net.Listener
	http     *http.Server
	server   atomic.Pointer[Server] // that takes calls; nil before and after
}

// scrapeTimeout bounds the time in which a scrape is read.
const scrapeTimeout = 30 * time.Second

// NewAdmin answers the admin port on a listener, which it owns, until Close. The metrics may be nil.
func NewAdmin(l net.Listener, m *metrics.Set, log *slog.Logger) *Admin {
	a := &Admin{listener: l}
	mux := http.NewServeMux()
	if m != nil {
		scrape := m.Handler()
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(scrapeTimeout)) // where it cannot be set, nobody else waits
			scrape.ServeHTTP(w, r)
		})
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = adminPage.Execute(w, m != nil) // the caller may be gone
	})
	a.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := a.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin port answers no more", "error", err)
		}
	}()
	return a
}

// Addr returns where the port is.
func (a *Admin) Addr() net.Addr { return a.listener.Addr() }

// Close ends the port at once. It may be called again, and of a nil Admin.
func (a *Admin) Close() {
	if a != nil {
		_ = a.http.Close() // of a listener and connections that nobody needs any more
	}
}

// address is where the port is, in words.
func (a *Admin) address() string {
	if a == nil {
		return "none"
	}
	return a.Addr().String()
}

// serve makes the port ready for as long as a server takes calls, and returns what ends that.
func (a *Admin) serve(s *Server) (end func()) {
	if a == nil {
		return func() {}
	}
	a.server.Store(s)
	return func() { a.server.Store(nil); a.Close() }
}

// readyz answers 200 while the server takes calls, and 503 before, while it drains, and when it has too much to do: what health says.
func (a *Admin) readyz(w http.ResponseWriter, _ *http.Request) {
	s := a.server.Load()
	if s == nil {
		say(w, http.StatusServiceUnavailable, "not serving yet, or no longer\n")
		return
	}
	if !s.serving() {
		say(w, http.StatusServiceUnavailable, "not serving\n")
		return
	}
	say(w, http.StatusOK, "ok\n")
}

// serving reports whether health says that the server takes calls.
func (s *Server) serving() bool {
	answer, err := s.health.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	return err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the caller may be gone
}

var adminPage = template.Must(template.New("admin").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>allot: admin port</title>
<h1>allot: admin port</h1>
<ul>
{{if .}}<li><a href="/metrics">/metrics</a>: for Prometheus</li>
{{end}}<li><a href="/debug/pprof/">/debug/pprof/</a>: profiles</li>
<li><a href="/healthz">/healthz</a>: the process lives</li>
<li><a href="/readyz">/readyz</a>: the server takes calls</li>
</ul>
`))
