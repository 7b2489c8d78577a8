package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/server/pace"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/simulate/scenario"
	"github.com/allot-engine/allot/units"
)

// scenarioFile is what faults call the scenario of a Run.
const scenarioFile = "scenario"

// A simulationJob is a Run that was read: what can be told at once to be wrong is not.
type simulationJob struct {
	s        *Server
	request  *allotv1.SimulationServiceRunRequest
	name     string
	source   func() (*network.Source, error)
	files    func(ctx context.Context, rest func()) ([]history.File, error) // of orders
	scenario *scenario.Scenario                                             // nil for none
	variant  int                                                            // of the scenario's
	inbound  []history.Move                                                 // that the server expects
	began    *ledger.Stand                                                  // what it had where recorded orders begin
}

// hands returns how many goroutines one simulation has, and which part of a processor each of them works.
func (c *Config) hands(processors int) (workers int, share float64) {
	of := c.SimulateShare * float64(processors) / float64(c.MaxSimulations)
	workers = max(1, int(of))
	return workers, min(1, of/float64(workers))
}

// simulationJob reads a Run, and finds what is wrong with it as far as that takes no time.
func (s *Server) simulationJob(request *allotv1.SimulationServiceRunRequest) (*simulationJob, error) {
	var fl faults.List
	runViolations(request, &fl)
	j := &simulationJob{s: s, request: request, name: request.GetName()}
	if err := j.network(&fl); err != nil {
		return nil, err
	}
	if err := j.orders(&fl); err != nil {
		return nil, err
	}
	j.changes(&fl)
	if request.GetStock() == allotv1.SimulationStock_SIMULATION_STOCK_RECORDED && request.GetRecorded() == nil {
		fl.Addf("", 0, 0, "stock", "begin with SIMULATION_STOCK_NETWORK or SIMULATION_STOCK_CURRENT", "only recorded orders have a recorded stock")
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	if j.name == "" {
		j.name = "base"
		if j.scenario != nil {
			j.name = j.scenario.Runs()[j.variant].Name
		}
	}
	return j, nil
}

// runViolations adds everything in which a Run breaks the rules of its proto. Orders that surely keep them are left out.
func runViolations(request *allotv1.SimulationServiceRunRequest, fl *faults.List) {
	cut(&request.Files, maxFiles)
	inline, ok := request.GetOrders().(*allotv1.SimulationServiceRunRequest_Inline)
	if !ok || inline.Inline == nil {
		violations(request, fl)
		return
	}
	orders := inline.Inline.GetOrders()
	cut(&orders, maxSimulated)
	sound := len(orders) <= maxSimulated
	for _, o := range orders {
		if o.GetOrder() != nil {
			cutOrder(o.GetOrder())
		}
		sound = sound && soundOrder(o.GetOrder()) && o.GetOrderedAt() != nil && o.GetValueMicros() >= 0
	}
	all := inline.Inline
	defer func() { inline.Inline = all }()
	inline.Inline = &allotv1.SimulatedOrders{Orders: orders, Moves: all.GetMoves()}
	if sound {
		inline.Inline.Orders = orders[:min(len(orders), 1)]
	}
	violations(request, fl)
}

// network finds the network to replay on.
func (j *simulationJob) network(fl *faults.List) error {
	if files := j.request.GetFiles(); len(files) > 0 {
		dir := filesOf(files, fl)
		j.source = func() (*network.Source, error) { return network.Read(dir) }
		return nil
	}
	n := j.s.network.Load()
	if n.files == nil {
		return refusef(codes.FailedPrecondition, ReasonNoFiles, "the network that is served is in no files; send the files of one")
	}
	j.source = func() (*network.Source, error) {
		src, err := network.Read(n.files())
		if err == nil {
			src.Stock = n.stock.Load().Rows
		}
		return src, err
	}
	return nil
}

// changes reads the scenario.
func (j *simulationJob) changes(fl *faults.List) {
	text, variant := j.request.GetScenario(), j.request.GetVariant()
	if text == "" {
		if variant != "" {
			fl.Addf("", 0, 0, "variant", "send the scenario, or leave it out", "there is no scenario to have it")
		}
		return
	}
	sc, err := scenario.Read(scenarioFile, []byte(text))
	if bad, ok := asFaults(err); ok {
		for _, f := range bad {
			fl.Add(f)
		}
		return
	} else if err != nil {
		fl.Addf("", 0, 0, "scenario", "", "%v", err)
		return
	}
	j.scenario = sc
	runs := sc.Runs()
	var names []string
	for i := range runs {
		if names = append(names, runs[i].Name); runs[i].Name == variant {
			j.variant = i
			return
		}
	}
	switch {
	case variant != "":
		fl.Addf("", 0, 0, "variant", meant(fl.Len(), variant, names, "name one, as "+names[0]), "the scenario has no variant %.200q", variant)
	case len(runs) > 1:
		fl.Addf("", 0, 0, "variant", "name one, as "+names[0]+", and send the others as simulations of their own", "the scenario has %d of them", len(runs))
	}
}

// orders finds the orders to replay.
func (j *simulationJob) orders(fl *faults.List) error {
	switch of := j.request.GetOrders().(type) {
	case *allotv1.SimulationServiceRunRequest_Inline:
		files := inlineFiles(of.Inline)
		j.files = func(context.Context, func()) ([]history.File, error) { return files, nil }
	case *allotv1.SimulationServiceRunRequest_History:
		if j.s.cfg.Histories == nil {
			return refusef(codes.FailedPrecondition, ReasonNoHistories, "the server has no histories; send the orders, or start it with --histories")
		}
		if of.History != "" {
			j.history(of.History, fl)
		}
	case *allotv1.SimulationServiceRunRequest_Recorded:
		if j.s.cfg.Store == nil {
			return errNoJournal
		}
		j.recorded(of.Recorded, fl)
	}
	return nil
}

// history finds a file of orders in the server's directory of them. Nothing but a name of a file there finds anything.
func (j *simulationJob) history(name string, fl *faults.List) {
	dir := j.s.cfg.Histories
	if strings.ContainsAny(name, `/\:`) || strings.HasPrefix(name, ".") || !fs.ValidPath(name) {
		fl.Addf("", 0, 0, "history", "write the name of a file in the server's directory of histories, as season.parquet", "%.100q is no name of a file", name)
		return
	}
	if _, ok := history.FormatOf(name); !ok {
		fl.Addf("", 0, 0, "history", "name a file that ends in .jsonl, .csv or .parquet", "%.100q does not tell by its name what is in it", name)
		return
	}
	info, err := fs.Stat(dir, name)
	if err != nil || !info.Mode().IsRegular() {
		var known []string
		entries, _ := fs.ReadDir(dir, ".") // none where it cannot be read
		for _, entry := range entries {
			if _, ok := history.FormatOf(entry.Name()); ok && entry.Type().IsRegular() {
				known = append(known, entry.Name())
			}
		}
		fl.Addf("", 0, 0, "history", meant(fl.Len(), name, known, "name a file in the server's directory of histories"), "there is no history %.100q", name)
		return
	}
	j.files = func(context.Context, func()) ([]history.File, error) {
		return []history.File{{Name: name, Open: func() (io.ReadCloser, error) { return dir.Open(name) }}}, nil
	}
}

// Files of orders and moves that came inline.
const (
	inlineOrders = "inline.orders"
	inlineMoves  = "inline.moves"
)

// inlineFiles writes orders and moves as the files that a history is read from, a line each.
func inlineFiles(all *allotv1.SimulatedOrders) []history.File {
	var orders, moves bytes.Buffer
	for _, o := range all.GetOrders() {
		raw, err := protojson.Marshal(o.GetOrder())
		if err != nil {
			raw = []byte("{}") // text that is not UTF-8, which messages do not have
		}
		fmt.Fprintf(&orders, `{"orderedAt":%q`, o.GetOrderedAt().AsTime().Format(time.RFC3339))
		if v := o.GetValueMicros(); v != 0 {
			fmt.Fprintf(&orders, `,"value":%q`, units.Money(v))
		}
		if len(raw) > 2 {
			orders.WriteByte(',')
		}
		orders.Write(raw[1:])
		orders.WriteByte('\n')
	}
	for _, m := range all.GetMoves() {
		line := moveLine{
			Stock: moveKinds[m.GetKind()], At: m.GetAt().AsTime().Format(time.RFC3339), Warehouse: m.GetWarehouse(), SKU: m.GetSku(), Quantity: m.GetQuantity(),
		}
		if m.GetDue() != nil {
			line.Due = m.GetDue().AsTime().Format(time.RFC3339)
		}
		writeLine(&moves, line)
	}
	return []history.File{history.Bytes(inlineOrders, orders.Bytes()), history.Bytes(inlineMoves, moves.Bytes())}
}

// A moveLine is a move of stock as a history has it.
type moveLine struct {
	Stock     string `json:"stock"`
	At        string `json:"at"`
	Warehouse string `json:"warehouse"`
	SKU       string `json:"sku"`
	Quantity  int32  `json:"quantity"`
	Due       string `json:"due,omitempty"`
}

var moveKinds = map[allotv1.StockMoveKind]string{
	allotv1.StockMoveKind_STOCK_MOVE_KIND_ADJUST: "adjust", allotv1.StockMoveKind_STOCK_MOVE_KIND_SET: "set", allotv1.StockMoveKind_STOCK_MOVE_KIND_INBOUND: "inbound",
}

func writeLine(to *bytes.Buffer, line any) {
	if err := json.NewEncoder(to).Encode(line); err != nil {
		panic("server: " + err.Error()) // it is text and numbers
	}
}

// camel finds where names of the JSON mapping have their words.
var camel = regexp.MustCompile(`[a-z][A-Z]`)

// inlineFault names the field of the request in a fault of a line that came inline.
func inlineFault(f faults.Fault) faults.Fault {
	if f.File != inlineOrders && f.File != inlineMoves {
		return f
	}
	field := camel.ReplaceAllStringFunc(f.Field, func(at string) string { return at[:1] + "_" + strings.ToLower(at[1:]) })
	if f.Row > 0 {
		of := f.File + "[" + strconv.Itoa(f.Row-1) + "]"
		switch {
		case field == "":
			field = of
		case f.File == inlineMoves || field == "ordered_at":
			field = of + "." + field
		case field == "value":
			field = of + ".value_micros"
		default:
			field = of + ".order." + field
		}
	}
	return faults.Fault{Field: field, Problem: f.Problem, Mend: f.Mend}
}

// inlineFaults is inlineFault for all of an error's.
func inlineFaults(err error) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	var fl faults.List
	for _, f := range bad {
		fl.Add(inlineFault(f))
	}
	return fl.Err()
}

// run does the job.
func (j *simulationJob) run(ctx context.Context, dir string, tell func(stage allotv1.SimulationStage, done, total int64)) (*allotv1.SimulationSummary, error) {
	summary, err := j.replay(ctx, dir, tell)
	return summary, inlineFaults(err)
}

func (j *simulationJob) replay(ctx context.Context, dir string, tell func(stage allotv1.SimulationStage, done, total int64)) (*allotv1.SimulationSummary, error) {
	workers, share := j.s.cfg.hands(runtime.GOMAXPROCS(0))
	p := pace.New(ctx, share)
	base, left, err := j.base(ctx, workers, func(done, total int64) {
		tell(allotv1.SimulationStage_SIMULATION_STAGE_READING, done, total)
		p.Stop()
	})
	if err != nil {
		return nil, err
	}
	tell(allotv1.SimulationStage_SIMULATION_STAGE_PREPARING, 0, 0)
	p.Stop()
	in, err := j.input(base)
	if err != nil {
		return nil, err
	}
	if p.Stop() {
		return nil, context.Cause(ctx)
	}
	rec, err := results.Create(dir, in, results.Options{})
	if err != nil {
		return nil, notKept(err)
	}
	sink := &keptSink{Recorder: rec}
	total := int64(in.History.Len())
	tell(allotv1.SimulationStage_SIMULATION_STAGE_REPLAYING, 0, total)
	rep, err := simulate.Run(ctx, in, simulate.Options{
		Workers: workers, MaxBad: max(0, int(int64(j.request.GetMaxBad())*(total+int64(left))/10_000)-left), Pause: func() { p.Stop() },
		Progress: func(done, total int) {
			tell(allotv1.SimulationStage_SIMULATION_STAGE_REPLAYING, int64(done), int64(total))
			if j.s.replayed != nil {
				j.s.replayed(ctx, done)
			}
		},
	}, sink)
	if err != nil {
		return nil, errors.Join(err, rec.Abandon())
	}
	tell(allotv1.SimulationStage_SIMULATION_STAGE_SUMMARISING, 0, 0)
	p.Stop()
	s, err := rec.Finish(rep)
	if err != nil {
		return nil, notKept(err)
	}
	return writeSummary(s), nil
}

// A keptSink says of the recorder's errors that they are the disk's.
type keptSink struct{ *results.Recorder }

// Prepare implements simulate.Sink.
func (k *keptSink) Prepare(b *simulate.Block) (any, error) {
	out, err := k.Recorder.Prepare(b)
	if err != nil {
		err = notKept(err)
	}
	return out, err
}

// Write implements simulate.Sink.
func (k *keptSink) Write(prepared any) error {
	if err := k.Recorder.Write(prepared); err != nil {
		return notKept(err)
	}
	return nil
}

// base reads the network and the history. It returns what is wrong with both of them, and how many rows of the history were
// left out.
func (j *simulationJob) base(ctx context.Context, workers int, progress func(done, total int64)) (*scenario.Base, int, error) {
	var fl faults.List
	src, err := j.source()
	if err := gatherFaults(&fl, err); err != nil {
		return nil, 0, err
	}
	files, err := j.files(ctx, func() { progress(0, 0) })
	if err != nil {
		return nil, 0, err
	}
	format := ""
	if j.request.GetHistory() == "" { // what is sent or recorded has no ending
		format = history.JSONLines
	}
	h, bad, err := history.Read(ctx, files, history.ReadOptions{
		Format: format, MaxBad: units.Probability(j.request.GetMaxBad()), Workers: workers, Progress: progress,
	})
	if err := gatherFaults(&fl, err); err != nil {
		return nil, 0, err
	}
	if err := fl.Err(); err != nil {
		return nil, 0, err
	}
	left := 0
	if bad != nil {
		left = bad.Rows
	}
	switch j.request.GetStock() {
	case allotv1.SimulationStock_SIMULATION_STOCK_CURRENT:
		stand, err := j.s.ledger.Stand()
		if err != nil {
			return nil, 0, err
		}
		j.fork(stand, src, h)
	case allotv1.SimulationStock_SIMULATION_STOCK_RECORDED:
		j.fork(j.began, src, h)
	}
	base, err := scenario.NewBase(src, h, j.request.GetSeed())
	return base, left, err
}

// gatherFaults adds the faults that an error is to a list; any other error it returns.
func gatherFaults(into *faults.List, err error) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	for _, f := range bad {
		into.Add(f)
	}
	return nil
}

// input applies the scenario.
func (j *simulationJob) input(base *scenario.Base) (*simulate.Input, error) {
	in, err := base.Input()
	if j.scenario != nil && err == nil {
		v := j.scenario.Runs()[j.variant]
		in, err = v.Apply(base)
	}
	if err != nil {
		return nil, err
	}
	in.Name = j.name
	if len(j.inbound) > 0 {
		in.Moves = append(slices.Clone(j.inbound), in.Moves...)
	}
	return in, nil
}
