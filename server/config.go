package server

import (
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// Config configures a Server. A zero field takes the default in its comment; nothing may be negative.
type Config struct {
	// Files is the directory of the network to serve. New reads it, and so do the calls Load and Check when they are sent
	// no files. Either Files or Load is required.
	Files fs.FS
	// Load is in place of Files for networks that are in no files: it compiles the network to serve, with the rows of the
	// one before it (nil at first), as network.LoadFS does. A Store cannot keep such a network, so that decisions can be
	// made again only by whoever still has it.
	Load func(prev *network.Rows) (*network.Snapshot, *network.Stock, error)
	// Loaded, if given, is told of every network that is put in service, with the stock that its files have.
	Loaded func(*network.Snapshot, *network.Stock)
	// Answered, if given, is told of every order that was decided and is held or refused, and when, before the caller has its
	// answer. It is called by many goroutines at once, must be quick, and must not keep the order. A request that was repeated may
	// be told again.
	Answered func(order *engine.Order, at units.Instant)

	// Store keeps stock, holds and answers, and the networks that were decided on. It stays the caller's, who closes it
	// after the server. Default none: all is in memory, and forgotten with the server.
	Store *durable.Store

	Now func() time.Time // time source; default time.Now
	Log *slog.Logger     // what happens at the edges; default slog.Default()

	// Metrics count and time what the server does. Default none, at no cost. A Set is for one server.
	Metrics *metrics.Set
	// Tracer makes spans of calls and of the stages of decisions. Default none, at no cost.
	Tracer trace.TracerProvider
	// Admin is told when the server takes calls and when it no longer does, and closed when Serve returns. Default none.
	Admin *Admin

	Engine engine.Options // of the engine that is made for every network; it has its own defaults
	Ledger ledger.Config  // of the stock and the holds, where there is no Store; it has its own defaults

	MaxMessage  int    // bytes of one request; default 4 MiB
	MaxHeader   int    // bytes of a request's headers; default 16 KiB
	MaxInFlight int    // calls answered at once, on both ports together, whatever they wait for; default 4,096
	MaxStreams  uint32 // calls at once on one HTTP/2 connection, more wait at the client; default 1,000
	MaxBatch    int    // orders of one AllocateBatch; default 5,000
	MaxBatches  int    // batches decided at once, others are refused; default 2
	// StreamWindow is how many orders of one AllocateStream are read and not answered yet, before no more is read of it; the last
	// message read may go beyond. Default 1,000.
	StreamWindow int
	MaxAttempts  int // times one Allocate scores an order whose stock others move meanwhile; default 32

	// QueueTarget is how long calls may stand in a queue for a processor, the luckiest one of every 100 ms: when it is longer, fewer calls are
	// let in, and the others refused at once with RetryInfo, by class. Default 10 ms. docs/overload.md has more.
	QueueTarget time.Duration
	// UnreadyAfter is for how long over a tenth of the calls that settle or allocate must be refused until health says NOT_SERVING, and for
	// how long not until it says SERVING again; default 5 s.
	UnreadyAfter time.Duration
	// MemoryLimit is what may live on the heap, in bytes, before calls are refused: batches and simulations at 80 % of it, questions at 90 %,
	// allocations at all of it. Default 90 % of GOMEMLIMIT, and no limit where that is not set.
	MemoryLimit int64

	MaxConnections           int // connections open at once, on both ports together, others are closed; default 10,000
	MaxConnectionsPerAddress int // of them, from one address; default all
	// MaxResets is how many calls a second one HTTP/2 connection may open and reset; four seconds of them at once are let pass. A connection
	// that sends more is closed, and its address kept out for ExpelFor. Default 500.
	MaxResets int
	ExpelFor  time.Duration // for which an address is kept out whose connection was closed for what it sent; default 10 s

	// DecideBudget bounds the time in which Allocate looks for the best plan: the best one so far is the answer, marked as stopped.
	// Whether there is a plan, whole and in time, is found out however long it takes. A decision that was stopped depends on how
	// fast the machine was, and may not come out the same when it is made again. Default none: the search has limits of its own,
	// and every decision can be made again byte for byte.
	DecideBudget time.Duration
	// BatchBudget bounds the time in which a batch looks for better plans, where the request does not ask for less; default 20 s.
	BatchBudget time.Duration
	// BatchWorkers is how many goroutines decide one batch; it changes the time it takes, never the answer. Default: one less than
	// GOMAXPROCS, so that other calls go on, but at least 1.
	BatchWorkers int

	// Histories is a directory of files of orders that simulations may name; default none.
	Histories fs.FS
	// Simulations is the directory in which the results of simulations are kept; it is made when missing. No other server may
	// have it. Default a temporary one, which goes with the server.
	Simulations string
	// SimulateShare is the part of the machine's processors that all simulations and comparisons together take at most, above 0
	// and up to 1; default 0.25. Whole processors in it are goroutines that work without a rest; less than one is one that rests.
	SimulateShare        float64
	MaxSimulations       int   // simulations and comparisons at work at once, which share SimulateShare; default 1
	MaxSimulationsQueued int   // simulations and comparisons that wait, others are refused; default 8
	KeepSimulations      int   // simulations that are kept after their end, the oldest go; default 100
	KeepSimulationBytes  int64 // what their results may take on the disk, the oldest go; default 4 GiB. The latest one stays however large

	ExpireEvery time.Duration // time between looks for holds that outlived their time; default 1 s

	DrainDelay   time.Duration // from saying NOT_SERVING to taking no more calls, for balancers to notice; default none
	DrainTimeout time.Duration // for calls in flight to end before they are cut off; default 15 s

	ReadTimeout  time.Duration // for a request to come in whole on the second port; default 30 s
	WriteTimeout time.Duration // from a request's headers to its whole answer on the second port, for a caller to take what is written on the first; default 60 s
	IdleTimeout  time.Duration // for which a connection is kept between requests; default 2 min

	// AllowOrigins are the web origins whose pages may call the second port, as "https://shop.example". Default
	// none: browsers then let only pages from the port itself call it. "*" allows all.
	AllowOrigins []string
}

// withDefaults returns the configuration with every zero field filled in, or an *faults.Error with all that is wrong.
func (c Config) withDefaults() (Config, error) {
	var fl faults.List
	if (c.Load == nil) == (c.Files == nil) {
		fl.Addf("", 0, 0, "Files", "give the network's directory, or the function Load in its place", "%s",
			map[bool]string{true: "missing", false: "given beside Load"}[c.Files == nil])
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	def(&fl, "MaxMessage", &c.MaxMessage, 4<<20)
	def(&fl, "MaxHeader", &c.MaxHeader, 16<<10)
	def(&fl, "MaxInFlight", &c.MaxInFlight, 4096)
	def(&fl, "MaxStreams", &c.MaxStreams, 1000)
	def(&fl, "StreamWindow", &c.StreamWindow, 1000)
	def(&fl, "MaxAttempts", &c.MaxAttempts, 32) // on one SKU that everyone wants every second may be in vain
	def(&fl, "MaxBatch", &c.MaxBatch, 5000)
	def(&fl, "MaxBatches", &c.MaxBatches, 2)
	def(&fl, "QueueTarget", &c.QueueTarget, overloadTarget)
	def(&fl, "UnreadyAfter", &c.UnreadyAfter, 5*time.Second)
	def(&fl, "MemoryLimit", &c.MemoryLimit, 0)
	def(&fl, "MaxConnections", &c.MaxConnections, 10_000)
	def(&fl, "MaxConnectionsPerAddress", &c.MaxConnectionsPerAddress, c.MaxConnections)
	def(&fl, "MaxResets", &c.MaxResets, 500)
	def(&fl, "ExpelFor", &c.ExpelFor, 10*time.Second)
	def(&fl, "DecideBudget", &c.DecideBudget, 0)
	def(&fl, "BatchBudget", &c.BatchBudget, 20*time.Second)
	def(&fl, "BatchWorkers", &c.BatchWorkers, max(1, runtime.GOMAXPROCS(0)-1))
	if c.SimulateShare == 0 {
		c.SimulateShare = 0.25
	}
	if !(c.SimulateShare > 0 && c.SimulateShare <= 1) {
		fl.Addf("", 0, 0, "SimulateShare", "give a part of the processors above 0 and up to 1, as 0.25", "%v is out of range", c.SimulateShare)
	}
	def(&fl, "MaxSimulations", &c.MaxSimulations, 1)
	def(&fl, "MaxSimulationsQueued", &c.MaxSimulationsQueued, 8)
	def(&fl, "KeepSimulations", &c.KeepSimulations, 100)
	def(&fl, "KeepSimulationBytes", &c.KeepSimulationBytes, 4<<30)
	def(&fl, "ExpireEvery", &c.ExpireEvery, time.Second)
	def(&fl, "DrainDelay", &c.DrainDelay, 0)
	def(&fl, "DrainTimeout", &c.DrainTimeout, 15*time.Second)
	def(&fl, "ReadTimeout", &c.ReadTimeout, 30*time.Second)
	def(&fl, "WriteTimeout", &c.WriteTimeout, time.Minute)
	def(&fl, "IdleTimeout", &c.IdleTimeout, 2*time.Minute)
	if c.MaxBatch > maxBatch {
		fl.Addf("", 0, 0, "MaxBatch", fmt.Sprintf("give at most %d, which the contract allows", maxBatch), "%d orders", c.MaxBatch)
	}
	for i, origin := range c.AllowOrigins {
		if origin != "*" && !strings.HasPrefix(origin, "https://") && !strings.HasPrefix(origin, "http://") {
			fl.Addf("", 0, 0, fmt.Sprintf("AllowOrigins[%d]", i), "write it with its scheme, as https://shop.example",
				"%q is no web origin", origin)
		}
	}
	return c, fl.Err()
}

// def puts the default into a zero field and faults a negative one.
func def[T int | uint32 | int64 | time.Duration](fl *faults.List, name string, field *T, value T) {
	switch {
	case *field < 0:
		fl.Addf("", 0, 0, name, "give a positive value, or 0 for the default", "%v is negative", *field)
	case *field == 0:
		*field = value
	}
}
