package load

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/allot-engine/allot/units"
)

// ServerOptions are how a server of one's own is started.
type ServerOptions struct {
	Program    string        // default this program
	Network    string        // network directory
	Data       string        // data directory, which makes it durable; "": in memory
	ClockFrom  units.Instant // what its clock says when it starts; 0: the time
	ClockSpeed float64       // seconds of its clock a second; 0: 1
	Args       []string      // further arguments of allot serve
	Env        []string      // further environment, as KEY=value
	Start      time.Duration // how long it may take to serve; default 2 minutes
	Log        io.Writer     // gets its log, one JSON object a line; nil: nobody, but an error of the start quotes its end
}

// An OwnServer is allot serve as a child process on loopback. It ends with this process, however that ends.
type OwnServer struct {
	Address string // of gRPC
	Admin   string // of the admin port
	Network string // version of the network that it serves
	PID     int
	Durable bool
}

// StartServer starts a server and returns when it serves. An error of the child has its own words.
func StartServer(ctx context.Context, o ServerOptions) (*OwnServer, error) {
	return nil, errors.New("load: not built yet")
}

// Close lets the server drain, and returns how it ended.
func (s *OwnServer) Close() error { return nil }
