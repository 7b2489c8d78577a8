// Package load drives a server by open-loop load and measures what its callers see.
package load

import "time"

// ResultVersion is the form of a Result that this package writes. Readers refuse a later one.
const ResultVersion = 1

// A Result is everything that one run measured. It is result.json in the run's directory, beside the files that it names.
// Durations are nanoseconds, rates are a second, shares are from 0 to 1.
type Result struct {
	Version int      `json:"version"`
	Kind    string   `json:"kind"`  // run, saturate or soak
	Build   string   `json:"build"` // of the generator, as "allot version" says
	Args    []string `json:"args"`  // the command line, for whoever repeats it

	Machine  Machine  `json:"machine"`
	Target   Target   `json:"target"`
	Workload Workload `json:"workload"`

	RunID       string        `json:"run_id"`      // with which every request id begins
	Arrivals    string        `json:"arrivals"`    // in words, as "constant 5000/s"
	Mode        string        `json:"mode"`        // unary, stream or batch
	PerMessage  int           `json:"per_message"` // orders a message of stream and batch; 1 for unary
	Connections int           `json:"connections"`
	Callers     int           `json:"callers"` // calls (unary, batch) or streams at once, on all connections; work beyond them waits, and its latency counts that
	Timeout     time.Duration `json:"timeout"`

	Started  time.Time     `json:"started"`
	WarmUp   time.Duration `json:"warm_up"`  // measured by nobody
	Duration time.Duration `json:"duration"` // of the measured part, as it was
	Offered  float64       `json:"offered"`  // intended operations a second in the measured part, on average
	Achieved float64       `json:"achieved"` // operations answered in time, granted or refused for want of stock, a second: goodput

	Operations []Operation `json:"operations"` // by name; "all" is first
	Seconds    []Second    `json:"seconds"`    // the course of the run, warm-up included

	Generator   Generator   `json:"generator"`
	Server      *Server     `json:"server,omitempty"` // nil where the target has no admin port
	Correctness Correctness `json:"correctness"`
	Objectives  []Objective `json:"objectives,omitempty"` // of --slo

	HeapGrowth *HeapGrowth `json:"heap_growth,omitempty"` // of soak

	Windows []Window `json:"windows,omitempty"` // of saturate: what was tried, in order
	Files   []File   `json:"files,omitempty"`   // beside result.json: .hlog, profiles
}

// A Machine is where the generator ran; so did the server where Target.Own is set.
type Machine struct {
	OS         string `json:"os"`
	Kernel     string `json:"kernel,omitempty"`
	CPU        string `json:"cpu,omitempty"`
	Cores      int    `json:"cores"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Memory     int64  `json:"memory_bytes,omitempty"`
	Go         string `json:"go"`
}

// A Target is what was called.
type Target struct {
	Address string `json:"address"`
	Admin   string `json:"admin,omitempty"`
	Own     bool   `json:"own"`     // a server on loopback that the run started and ended
	Durable bool   `json:"durable"` // with a journal on disk; known of an own one only
	Network string `json:"network"` // version of the network in service
}

// A Workload is what was sent.
type Workload struct {
	Name string `json:"name"`
	Seed uint64 `json:"seed"`
	Hash string `json:"hash"` // of everything that decides what is sent, and when
	Text string `json:"text"` // the YAML, whole
}

// An Operation is what became of the calls of one kind: allocate, quote, confirm, release, adjust, ...
type Operation struct {
	Name     string           `json:"name"`
	Intended int64            `json:"intended"` // that were due in the measured part: Answered + all of Codes + Dropped
	Answered int64            `json:"answered"` // OK in time: granted, or refused by decision
	Granted  int64            `json:"granted"`  // of the answered ones, those with a hold or an effect
	Codes    map[string]int64 `json:"codes"`    // errors by gRPC code, as RESOURCE_EXHAUSTED; DEADLINE_EXCEEDED are those that timed out
	Dropped  int64            `json:"dropped"`  // never sent: all callers were busy and the queue of the generator was full
	Unsent   int64            `json:"unsent"`   // of the errors, those that were never sent: their time was up, the run over, or the stream gone, before a caller could
	Moot     int64            `json:"moot"`     // not among the intended ones: they were about an order that was not granted
	Latency  Latency          `json:"latency"`  // of what was answered, from its intended start
	Service  Latency          `json:"service"`  // of the same, from when it was really sent
	Refusals Latency          `json:"refusals"` // of errors, from when they were really sent
}

// A Latency is a distribution, in nanoseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	Min   int64   `json:"min"`
	P50   int64   `json:"p50"`
	P90   int64   `json:"p90"`
	P95   int64   `json:"p95"`
	P99   int64   `json:"p99"`
	P999  int64   `json:"p999"`
	P9999 int64   `json:"p9999"`
	Max   int64   `json:"max"`
	// Curve is the whole distribution for drawing: value at each share below it, rising.
	Curve []Quantile `json:"curve,omitempty"`
}

// A Quantile is a point of a distribution: Share of the values are at most Value.
type Quantile struct {
	Share float64 `json:"share"`
	Value int64   `json:"value"`
}

// A Second is what happened in one second of a run. Second 0 begins with the warm-up.
type Second struct {
	At       float64 `json:"at"`   // seconds since the start
	Warm     bool    `json:"warm"` // in the warm-up
	Intended int64   `json:"intended"`
	Answered int64   `json:"answered"`
	Granted  int64   `json:"granted"`
	Refused  int64   `json:"refused"` // errors that the server answered
	TimedOut int64   `json:"timed_out"`
	Dropped  int64   `json:"dropped"`
	P50      int64   `json:"p50"` // nanoseconds, of what was answered in it, all operations
	P99      int64   `json:"p99"`
	Max      int64   `json:"max"`

	GeneratorCPU float64 `json:"generator_cpu"`        // processors in use
	ServerCPU    float64 `json:"server_cpu,omitempty"` // processors in use; 0 where not known
	Heap         int64   `json:"heap,omitempty"`       // bytes of the server's heap in use
	GCs          int64   `json:"gcs,omitempty"`        // collections in this second
	InFlight     int64   `json:"in_flight"`            // sent and not answered at its end
}

// A Generator is what the generator says of itself.
type Generator struct {
	CPU        float64       `json:"cpu"`              // processors in use on average
	Others     float64       `json:"others,omitempty"` // processors of its machine that other programs used on average, which are neither it nor a server of its own; 0 where not known
	Late       float64       `json:"late"`             // share of operations that were handed to a caller over 1 ms after their time
	WorstLate  time.Duration `json:"worst_late"`       // of the clock that hands them out, callers free or not
	Bottleneck bool          `json:"bottleneck"`       // latencies and rates are the generator's, not the server's
	Why        string        `json:"why,omitempty"`
}

// A Server is what its admin port told of the measured part.
type Server struct {
	CPU       float64            `json:"cpu"`        // processors in use on average
	CPUPerOp  time.Duration      `json:"cpu_per_op"` // processor time an answered operation
	HeapStart int64              `json:"heap_start"` // bytes in use after a forced collection
	HeapEnd   int64              `json:"heap_end"`
	HeapMost  int64              `json:"heap_most"`
	GCs       int64              `json:"gcs"`
	GCPause   time.Duration      `json:"gc_pause"`          // of all of them together
	Resident  int64              `json:"resident"`          // bytes, at the end
	Groups    int64              `json:"groups,omitempty"`  // groups that were made durable
	Records   float64            `json:"records,omitempty"` // records a group on average
	Fsync     time.Duration      `json:"fsync,omitempty"`   // median
	Refused   int64              `json:"refused,omitempty"` // by the limits of the server
	Start     map[string]float64 `json:"start,omitempty"`   // samples by name and labels, at the start of the measured part
	End       map[string]float64 `json:"end,omitempty"`
	Trouble   string             `json:"trouble,omitempty"` // what the admin port did not tell, and why; the fields of it are 0
}

// A Correctness is what was found wrong, by the accounting of callers. All but the counts of what was checked must be 0.
type Correctness struct {
	Holds     int64 `json:"holds"`     // acknowledged that were checked
	Cells     int64 `json:"cells"`     // of warehouse and SKU, whose stock was checked
	Repeats   int64 `json:"repeats"`   // requests that were sent more than once on purpose
	Decisions int64 `json:"decisions"` // whose dates were checked

	Oversells        int64    `json:"oversells"`          // units promised beyond what was there
	DuplicateEffects int64    `json:"duplicate_effects"`  // requests with more than one effect, or two answers
	LostAcks         int64    `json:"lost_acks"`          // acknowledged holds that are not there as acknowledged
	LateOnTime       int64    `json:"late_on_time"`       // decisions labelled on time that arrive late
	Examples         []string `json:"examples,omitempty"` // the first few, in words
	Skipped          string   `json:"skipped,omitempty"`  // why something was not checked
}

// Failures returns how many things were wrong.
func (c *Correctness) Failures() int64 {
	return c.Oversells + c.DuplicateEffects + c.LostAcks + c.LateOnTime
}

// An Objective is a part of a service level objective, as "p99<20ms" or "errors<0.1%".
type Objective struct {
	Text     string  `json:"text"`
	Measured float64 `json:"measured"` // nanoseconds, or a share
	Holds    bool    `json:"holds"`
}

// A Window is one rate that saturate tried.
type Window struct {
	Rate       float64     `json:"rate"`     // orders a second
	Achieved   float64     `json:"achieved"` // operations answered in time, a second, as of a Result: quotes and confirmations among them
	Latency    Latency     `json:"latency"`
	Errors     float64     `json:"errors"` // share of intended operations without an answer in time
	Objectives []Objective `json:"objectives"`
	Holds      bool        `json:"holds"`
	Bottleneck bool        `json:"bottleneck"`
}

// A File belongs to a result.
type File struct {
	Name string `json:"name"` // relative to the directory of the result
	What string `json:"what"`
}
