package locate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	h3 "github.com/uber/h3-go/v4"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// Ceilings of a search.
const (
	MaxAdd        = 50
	MaxCandidates = 1_000
)

// Options say what is looked for. A zero field takes the default in its comment.
type Options struct {
	Add        int           // most warehouses to add, 1 to MaxAdd; default 1
	Candidates int           // most cells to weigh, to MaxCandidates; default 64
	Resolution int           // H3 resolution of the cells, 1 to 7; default 3, about 12,400 km²
	Template   string        // id of the warehouse that new ones are like; default the dc that is open and has most units on hand
	SiteCost   units.Money   // of a new warehouse over the time of the history; default nothing
	StockShare units.Percent // of all stock that each new warehouse gets in replays; default the share of the orders that it would ship
	NoReplay   bool          // estimate alone
	Workers    int           // goroutines; default GOMAXPROCS. The answer is the same

	// Progress is told what is being done and how much of it is; by one goroutine at a time. Default nobody.
	Progress func(what string, done, total int)
}

// A Result says where further warehouses save most.
type Result struct {
	Network    string      `json:"network"`  // name
	Currency   string      `json:"currency"` // ISO 4217
	Template   string      `json:"template"`
	Resolution int         `json:"resolution"`
	SiteCost   units.Money `json:"site_cost"`
	Orders     int         `json:"orders"` // of the history
	First      string      `json:"first"`  // time of the first, RFC 3339
	Last       string      `json:"last"`
	Weighed    int         `json:"weighed"`   // orders that some warehouse ships whole; the estimate is about them
	Unweighed  int         `json:"unweighed"` // the others: collected, malformed, too large, or shipped by none alone
	Cost       units.Money `json:"cost"`      // of those weighed, from the warehouses there are, without limits of stock

	Candidates []Candidate `json:"candidates"` // by what each saves alone, most first
	Steps      []Step      `json:"steps"`      // for 1 further warehouse, 2, and so on
	Base       *Replay     `json:"base"`       // of the network as it is; null without replays
}

// A Candidate is a place for a warehouse.
type Candidate struct {
	ID      string      `json:"id"` // of the warehouse that would stand there
	Cell    string      `json:"h3"`
	Country string      `json:"country"`
	Postal  string      `json:"postal"`
	State   string      `json:"state"`
	Point   Point       `json:"point"`
	Orders  int64       `json:"orders"`  // to its cell
	Saving  units.Money `json:"saving"`  // alone
	Ships   int64       `json:"ships"`   // orders that it would ship, alone
	Reaches int64       `json:"reaches"` // orders that it would ship and no warehouse now does; they are not priced
}

// A Point is a geo.Point in JSON, in degrees.
type Point struct {
	Lat float64 `json:"lat"`
	Lng float64 `json:"lng"`
}

// A Step is the choice of so many further warehouses.
type Step struct {
	Add    int           `json:"add"`
	Sites  []Site        `json:"sites"`
	Saving units.Money   `json:"saving"` // estimated
	Share  results.Share `json:"share"`  // Saving of Result.Cost
	Net    units.Money   `json:"net"`    // Saving less the cost of the sites
	Bound  units.Money   `json:"bound"`  // no choice of as many candidates saves more
	Swaps  int           `json:"swaps"`  // exchanges that improved the greedy choice
	Replay *Replay       `json:"replay"` // null without replays
}

// A Site is a chosen candidate.
type Site struct {
	ID    string `json:"id"`
	Ships int64  `json:"ships"` // orders, as estimated
	Stock int64  `json:"stock"` // units that it begins with in the replay
}

// A Replay is what the history comes to on a network.
type Replay struct {
	Filled   int64         `json:"filled"`
	Cost     units.Money   `json:"cost"`
	PerOrder units.Money   `json:"per_order"`
	Fill     results.Share `json:"fill"`     // Filled of all orders
	Promised int64         `json:"promised"` // filled orders with a promise
	OnTime   int64         `json:"on_time"`  // of Promised, planned in time
	InTime   results.Share `json:"on_time_share"`
	Paired   int64         `json:"paired"` // orders filled here and in the base
	Saving   units.Money   `json:"saving"` // over Paired, against the base
	Net      units.Money   `json:"net"`    // Saving less the cost of the sites
	Hash     string        `json:"hash"`   // of everything that was decided
}

// Find looks for the warehouses to add to a network. in is the replay of the history on that network as it is, of one
// epoch, which is src compiled.
//
// The error is a *faults.Error where the options do not fit the network, for what simulate.Run finds at fault, or that of
// the context when it ends before Find does.
func Find(ctx context.Context, src *network.Source, in *simulate.Input, o Options) (*Result, error) {
	if len(in.Epochs) != 1 {
		panic("locate: an input with several networks")
	}
	o.Add, o.Candidates, o.Resolution = cmp.Or(o.Add, 1), cmp.Or(o.Candidates, 64), cmp.Or(o.Resolution, 3)
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	s := &search{src: src, in: in, o: o, snap: in.Epochs[0].Snapshot}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := s.places(); err != nil {
		return nil, err
	}
	if err := s.weigh(ctx); err != nil {
		return nil, err
	}
	choices := s.m.choose(o.Add, func(done int) { o.Progress("choosing", done, min(o.Add, len(s.candidates))) })
	r := s.result(choices)
	if !o.NoReplay {
		if err := s.replay(ctx, r, choices); err != nil {
			return nil, err
		}
	}
	// Candidates are numbered by their cells until here.
	slices.SortStableFunc(r.Candidates, func(a, b Candidate) int { return cmp.Compare(b.Saving, a.Saving) })
	return r, nil
}

// A search is a Find that goes on.
type search struct {
	src  *network.Source
	in   *simulate.Input
	o    Options
	snap *network.Snapshot

	template   *network.WarehouseRow
	candidates []Candidate
	sites      []network.WarehouseRow // [candidate]
	m          matrix
	reaches    [][]int32 // of orders that nobody ships now: the candidates that would
}

func (s *search) check() error {
	var bad faults.List
	fault := func(field, mend, format string, args ...any) { bad.Addf("", 0, 0, field, mend, format, args...) }
	if s.o.Add < 1 || s.o.Add > MaxAdd {
		fault("add", fmt.Sprintf("add 1 to %d", MaxAdd), "%d warehouses", s.o.Add)
	}
	if s.o.Candidates < 1 || s.o.Candidates > MaxCandidates {
		fault("candidates", fmt.Sprintf("weigh 1 to %d", MaxCandidates), "%d candidates", s.o.Candidates)
	}
	if s.o.Resolution < 1 || s.o.Resolution > 7 {
		fault("resolution", "choose 1, large cells, to 7, small ones", "resolution %d", s.o.Resolution)
	}
	if s.o.SiteCost < 0 {
		fault("site cost", "give what a warehouse costs over the time of the orders", "%v", s.o.SiteCost)
	}
	if s.o.StockShare < 0 || int(s.o.StockShare)*s.o.Add > int(units.WholePercent) {
		fault("stock share", "give so much that something is left for the others", "%v of the stock for each of %d warehouses", s.o.StockShare, s.o.Add)
	}
	onHand := map[string]int64{}
	for _, row := range s.in.Stock {
		onHand[row.Warehouse] += int64(row.OnHand)
	}
	var ids []string
	for i := range s.src.Warehouses {
		w := &s.src.Warehouses[i]
		ids = append(ids, w.ID)
		switch {
		case s.o.Template != "":
			if w.ID == s.o.Template {
				s.template = w
			}
		case w.Closed || w.Kind != "" && w.Kind != "dc":
		case s.template == nil || onHand[w.ID] > onHand[s.template.ID]:
			s.template = w
		}
	}
	switch {
	case s.template == nil && s.o.Template != "":
		fault("template", cmp.Or(faults.DidYouMean(s.o.Template, ids), "name a warehouse of the network"), "there is no warehouse %.100q", s.o.Template)
	case s.template == nil:
		fault("template", "name the warehouse that new ones are to be like", "no warehouse is a dc that is open")
	}
	return bad.Err()
}

// places makes the candidates: the cells to which most orders go.
func (s *search) places() error {
	h, places := s.in.History, s.snap.Places
	orders := make([]int64, len(h.Destinations))
	for _, d := range h.Dest {
		if d >= 0 {
			orders[d]++
		}
	}
	cells := map[h3.Cell]int64{}
	for i := range h.Destinations {
		to := &h.Destinations[i]
		var at geo.Point
		if to.Postal != "" {
			row, ok := places.Lookup(cmp.Or(to.Country, "US"), to.Postal)
			if !ok {
				continue
			}
			at = places.Point(row)
		} else if to.Point != nil && to.Point.Check() == nil {
			at = *to.Point
		} else {
			continue
		}
		c, err := h3.LatLngToCell(h3.LatLng{Lat: at.Lat, Lng: at.Lng}, s.o.Resolution)
		if err != nil {
			return fmt.Errorf("locate: cell of %v: %w", at, err)
		}
		cells[c] += orders[i]
	}
	ranked := slices.SortedFunc(maps.Keys(cells), func(a, b h3.Cell) int { return cmp.Or(cmp.Compare(cells[b], cells[a]), cmp.Compare(a, b)) })
	taken := map[string]bool{}
	for i := range s.src.Warehouses {
		taken[s.src.Warehouses[i].ID] = true
	}
	for _, c := range ranked {
		if len(s.candidates) == s.o.Candidates || cells[c] == 0 {
			break
		}
		centre, err := c.LatLng()
		if err != nil {
			return fmt.Errorf("locate: centre of %v: %w", c, err)
		}
		row, ok := places.Nearest(geo.Point{Lat: centre.Lat, Lng: centre.Lng})
		if !ok {
			break
		}
		x := Candidate{
			Cell: c.String(), Country: places.Country(row), Postal: places.Postal(row), State: places.Region(row), Point: Point(places.Point(row)), Orders: cells[c],
		}
		x.ID = "site-" + strings.ToLower(strings.Map(func(r rune) rune {
			if r == ' ' {
				return -1
			}
			return r
		}, x.Postal))
		if x.Country != "US" {
			x.ID = "site-" + strings.ToLower(x.Country) + strings.TrimPrefix(x.ID, "site")
		}
		if taken[x.ID] {
			continue // two cells have one nearest place, or the network has the site
		}
		taken[x.ID] = true
		site := *s.template
		site.ID, site.Name, site.Country, site.Postal, site.Point, site.TimeZone = x.ID, "", x.Country, x.Postal, nil, ""
		site.Closed, site.Line = false, 0
		s.candidates, s.sites = append(s.candidates, x), append(s.sites, site)
	}
	if len(s.candidates) == 0 {
		var bad faults.List
		bad.Addf("", 0, 0, "orders", "give orders that are sent to places that the network knows", "no order goes to a known place")
		return bad.Err()
	}
	return nil
}

// compile returns the network with further warehouses. Rows of what there is stay.
func (s *search) compile(sites []network.WarehouseRow) (*network.Snapshot, error) {
	src := *s.src
	src.Warehouses = append(slices.Clone(src.Warehouses), sites...)
	src.Pickups = slices.Clone(src.Pickups)
	for _, p := range s.src.Pickups {
		if p.Warehouse == s.template.ID {
			for _, site := range sites {
				p.Warehouse, p.Line = site.ID, 0
				src.Pickups = append(src.Pickups, p)
			}
		}
	}
	return network.Compile(&src, s.snap.Rows())
}

// share is how many orders a goroutine takes at a time.
const share = 256

// weigh asks the engine what every order costs from everywhere.
func (s *search) weigh(ctx context.Context) error {
	snap, err := s.compile(s.sites)
	if err != nil {
		return err
	}
	all, err := engine.New(snap, engine.Options{})
	if err != nil {
		return err
	}
	defer all.Close()
	now, err := engine.New(s.snap, engine.Options{})
	if err != nil {
		return err
	}
	defer now.Close()
	rows := make([]int32, len(snap.Warehouses)) // candidate by warehouse row; -1 of those there are
	for i := range rows {
		rows[i] = -1
	}
	for i, site := range s.sites {
		row, ok := snap.Warehouse(site.ID)
		if !ok {
			panic("locate: a site was not compiled")
		}
		rows[row] = int32(i)
	}

	h := s.in.History
	type part struct {
		now     []units.Money
		ends    []int
		entries []entry
		reaches [][]int32
	}
	parts := make([]part, (h.Len()+share-1)/share)
	var next, done atomic.Int64
	var mu sync.Mutex
	told := 0
	var workers sync.WaitGroup
	for range s.o.Workers {
		workers.Go(func() {
			scratch, base := all.NewScratch(), now.NewScratch()
			var order engine.Order
			var bids []engine.Bid
			for {
				at := int(next.Add(1)) - 1
				if at >= len(parts) || ctx.Err() != nil {
					return
				}
				p := &parts[at]
				for i := at * share; i < min((at+1)*share, h.Len()); i++ {
					h.Order(i, &order)
					lines := distinct(order.Lines)
					if lines > engine.MaxBidLines || order.CollectAt != "" {
						continue
					}
					whole := []uint32{uint32(uint64(1)<<lines - 1)}
					var err error
					if bids, err = all.AppendBids(bids[:0], &order, whole, h.At[i], scratch); err != nil || len(bids) == 0 {
						continue
					}
					cost, known := cheapest(bids, rows)
					sites := bids
					if !known { // in time from candidates alone: what ships it now is late, or nothing is
						late, err := now.AppendBids(nil, &order, whole, h.At[i], base)
						if err != nil {
							continue
						}
						if cost, known = cheapest(late, nil); !known {
							var by []int32
							for _, b := range sites {
								by = append(by, rows[b.Warehouse])
							}
							p.reaches = append(p.reaches, by)
							continue
						}
					}
					for _, b := range sites {
						if c := rows[b.Warehouse]; c >= 0 && b.Cost < cost {
							p.entries = append(p.entries, entry{c, b.Cost})
						}
					}
					p.now, p.ends = append(p.now, cost), append(p.ends, len(p.entries))
				}
				done.Add(int64(min(share, h.Len()-at*share)))
				mu.Lock()
				if n := int(done.Load()); n > told {
					told = n
					s.o.Progress("weighing", n, h.Len())
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.m = matrix{candidates: len(s.sites), from: []int{0}}
	for i := range parts {
		p := &parts[i]
		begin := len(s.m.entries)
		s.m.now = append(s.m.now, p.now...)
		s.m.entries = append(s.m.entries, p.entries...)
		for _, end := range p.ends {
			s.m.from = append(s.m.from, begin+end)
		}
		s.reaches = append(s.reaches, p.reaches...)
	}
	return nil
}

// cheapest is the cheapest bid of a warehouse that there is; rows is nil where all are.
func cheapest(bids []engine.Bid, rows []int32) (cost units.Money, ok bool) {
	for _, b := range bids {
		if (rows == nil || rows[b.Warehouse] < 0) && (!ok || b.Cost < cost) {
			cost, ok = b.Cost, true
		}
	}
	return cost, ok
}

// distinct is the number of SKUs that lines name.
func distinct(lines []engine.Line) (n int) {
	for i := range lines {
		if !slices.ContainsFunc(lines[:i], func(l engine.Line) bool { return l.SKU == lines[i].SKU }) {
			n++
		}
	}
	return n
}

// result says what was chosen.
func (s *search) result(choices []choice) *Result {
	h := s.in.History
	r := &Result{
		Network: s.snap.Name, Currency: s.snap.Currency, Template: s.template.ID, Resolution: s.o.Resolution, SiteCost: s.o.SiteCost, Orders: h.Len(),
		First: h.At[0].String(), Last: h.At[h.Len()-1].String(), Weighed: len(s.m.now), Unweighed: h.Len() - len(s.m.now), Steps: []Step{},
	}
	for _, c := range s.m.now {
		r.Cost += c
	}
	var none best
	s.m.best(nil, &none)
	gains := s.m.gains(&none)
	for _, e := range s.m.entries {
		s.candidates[e.candidate].Ships++
	}
	for _, by := range s.reaches {
		for _, c := range by {
			s.candidates[c].Reaches++
		}
	}
	for i := range s.candidates {
		s.candidates[i].Saving = gains[i]
	}
	r.Candidates = slices.Clone(s.candidates)
	for k, c := range choices {
		step := Step{Add: k + 1, Saving: c.saving, Net: c.saving - s.o.SiteCost*units.Money(k+1), Bound: c.bound, Swaps: c.swaps}
		step.Share = results.ShareOf(int64(c.saving), int64(r.Cost))
		for i, n := range s.m.shipped(c.set) {
			step.Sites = append(step.Sites, Site{ID: s.candidates[c.set[i]].ID, Ships: n})
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}
