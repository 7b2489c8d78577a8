package engine

import (
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/units"
)

// A Scratch is the working memory of one caller. It keeps what it has grown to, so that deciding allocates nothing in
// steady state. It is made by Engine.NewScratch, serves that engine only, and must not be used by two calls at once.
type Scratch struct {
	// Stop, when set, is asked now and then while a decision searches for a split; once it is true the search ends
	// soon with the best plan it has. Nothing else makes a decision depend on more than its arguments: one that Stop
	// cut short says so in its Certificate, and deciding again need not give the same. The other parts of a decision
	// take microseconds.
	Stop func() bool

	e      *Engine
	faults faults.List

	laneHits, laneMisses uint64

	foreseen foreseen

	// The order at hand.
	stock    *StockView
	shadow   *Prices // of the stock view; nil while a search leaves them aside
	now      units.Instant
	base     units.Date // a date before any on which the order can leave
	row      *laneRow
	place    *place
	zone     *calendar.Zone // of the destination
	items    []Item         // what is to be filled: one item a SKU
	skus     []int32        // rows of all the SKUs that the order asks for
	asked    []Item         // all that the order asks for; empty where it is malformed
	services uint64         // that the order may use
	only     int32          // the one warehouse that may ship, -1 for any
	due      due
	deadline [network.MaxServices]units.Date // last day on which a service's delivery keeps the promise
	attrs    []lanes.Mask                    // of the destination by service, for the kind of address
	promised bool
	speed    int        // days within which a service must go to keep the promise from anywhere, at most anySpeed
	late     bool       // this search may be late, at a price
	horizon  units.Date // last day of delivery that is looked at

	// What the moment means, kept from order to order while it holds.
	days                []workday    // by profile
	leaving             []units.Date // [workday.leaving*services + service]: ship dates, each set of them once
	leavings            int32
	renewed             units.Instant // when leaving was begun anew
	soonest             []units.Date  // [service]: first ship date from any warehouse
	soonFrom, soonUntil units.Instant // the moments for which soonest holds
	windows             []window      // [leaving*dueSpan + due.day%dueSpan]
	transits            []uint8       // by window and service: see Scratch.within

	// What is worked out once an order.
	epoch      uint32
	began      struct{ late, all bool } // the rule and the items of the latest search: whether it may be late, and is for all of the order
	again      bool                     // the next search may go on with what the latest one has priced
	whole      content
	contents   []*content // of split plans, reused
	used       int
	lightest   int         // weight tier of the lightest piece, 0 where it is not known
	limit      units.Money // of one shipment of a split plan
	take       []int32
	from       []int32
	planned    []chosen         // the solver's plan
	byLine     []chosen         // the plan that lineByLine or boundParts made, by rank
	byLineCost units.Money      // of that plan, split cost included; unreachable where it made none
	lineTiers  []int            // by item: the weight tier of a piece of it
	lineFloors []units.Money    // by item: what a piece of it costs at least from where it lies, in time
	usable     []int32          // [source*items + item] units a source can give, in the order they were found
	enough     []int64          // by item: units of all sources, or the most of one where lines are not split
	grid       *grid            // of the takes of the order that parts are of
	grids      [maxGrids]*grid  // by a hash of the pieces of their items
	parts      []part           // [take of grid] of the order as far as they have been bounded
	worthwhile []int32          // takes that may be in a plan
	parted     bool             // parts holds for this search
	sole       bool             // sc.byLine is the best plan, and no other costs as little
	byTake     map[uint64]int32 // hash of a take vector to position in contents
	prices     []priced         // [service*span + ship-base], for the whole order as one parcel
	offers     []stamped        // [leaving*views + view], for the whole order
	keep       []*offer         // room for offers that no table holds
	kept       int
	split      offerTable   // content, leaving and view to offer, for parts of the order, and for leavings that offers has no room for
	partPrices []partPriced // [content*services + service], for parts of the order as one parcel
	searches   uint64       // counts the searches for which partPrices hold
	cand       []uint64
	prepared   ratecards.Prepared
	packer     packer
	scored     int64
	states     int64
	unknown    bool // the last search found no plan, and could not show that there is none
	unsettled  bool // and so did an earlier one of this decision, for a plan that is to be preferred
	stopped    bool // Stop said so during this decision

	columns   columns
	asksOnly  bool // makes no columns; for tests, which compare
	partless  bool // bounds no parts; likewise
	problem   solver.Problem
	floor     func(w int, take []int32) (int64, bool) // floorTake
	solver    solver.Scratch
	shortlist []candidate
	sources   []int32 // warehouse rows of the split problem, by rank
	best      []chosen
}

// A due is what is promised. The deadlines of all services follow from it.
type due struct {
	day    units.Date
	at     units.Clock
	latest units.Date // no deadline is later
}

// anyDay stands for what is due where a search may be late.
var anyDay = due{day: dueSpan - 1, at: -1}

// dueSpan is for how many days that are due the transits in time are remembered at once.
const dueSpan = 16

// A window tells what the transits in time kept at its position hold for.
type window struct {
	due due
	own *laneRow // the row whose delivery days they count; nil for those of rows without days of their own
}

// span is how many ship dates from Scratch.base on are kept; later ones are worked out each time.
const span = 8

// A workday is what the moment of an order means for a profile of warehouses.
type workday struct {
	from, until units.Instant // the moments for which this holds
	day         units.Date    // ready
	at          units.Clock
	ready       units.Instant // the same
	ok          bool
	leaving     int32 // position of its ship dates among Scratch.leaving
}

// maxLeavings is how many different sets of ship dates have their offers remembered. The days of all warehouses seldom
// make more than a handful: today's pickups or tomorrow's.
const maxLeavings = 16

// soonestAt is the position of Scratch.soonest among the windows, and maxLeavings that of what is not remembered.
const soonestAt = maxLeavings + 1

const noShip units.Date = -1 << 31

// A priced is the whole order as one parcel, prepared for a service and a ship date.
type priced struct {
	epoch uint32
	ok    bool
	quote ratecards.Prepared
}

// A partPriced is a part of the order as one parcel, prepared for a service and the ship date asked for last.
type partPriced struct {
	search uint64
	ship   units.Date
	ok     bool
	quote  ratecards.Prepared
}

// An offer is the best that any service makes of a content from the warehouses of a view whose parcels leave on the same
// dates, handling aside.
type offer struct {
	price   units.Money // freight, cartons, per-shipment charges, lateness
	freight units.Money // freight and cartons
	arrival int64       // seconds on the destination's own clock; smaller is earlier
	service int32
	ship    units.Date
	ok      bool
}

type stamped struct {
	epoch       uint32
	timelyEpoch uint32
	timely      bool // some service is in time, or may be late
	offer
}

// A candidate is a warehouse that has the whole order and what shipping it from there costs at least.
type candidate struct {
	floor, own units.Money // own is its handling and the prices of its units
	warehouse  int32
}

// A chosen is one shipment of the best plan so far.
type chosen struct {
	warehouse int32
	content   *content
	offer     *offer
	cost      units.Money
	tied      bool // another warehouse was met that asks as much
}

// A content is what one shipment holds.
type content struct {
	id      int32 // 0 for the whole order
	items   []Item
	ones    bool  // one unit of each
	lines   int32 // items with a quantity
	units   int64
	weight  units.Weight // of the goods, cartons aside
	classes uint32
	packs   []packing   // by limit class
	packed  uint64      // bit per limit class that packs holds already
	tier    int         // of the billable weight of the parcel it makes; 0 where it makes several
	cartons units.Money // what that parcel's carton costs at least; 0 where it makes several
}

// stop asks Stop and remembers a yes: the rest of the decision is to be quick.
func (sc *Scratch) stop() bool {
	if !sc.stopped && sc.Stop != nil {
		sc.stopped = sc.Stop()
	}
	return sc.stopped
}

// SKUs returns the rows of the SKUs whose stock the latest decision looked at, each once: those of its order. They are good
// until the next.
func (sc *Scratch) SKUs() []int32 { return sc.skus }

// Asked returns what the order of the latest decision asks for, one item a SKU: a decision depends on what is available of a
// SKU in a warehouse only as far as that is less than this. It is good until the next.
func (sc *Scratch) Asked() []Item { return sc.asked }

// LaneLookups returns how often the orders of this Scratch found the lanes to their place in the cache, and how often they had to be
// worked out.
func (sc *Scratch) LaneLookups() (hits, misses uint64) { return sc.laneHits, sc.laneMisses }

// NewScratch returns working memory for one caller of the engine.
func (e *Engine) NewScratch() *Scratch {
	services := len(e.snap.Services)
	sc := &Scratch{
		e:         e,
		days:      make([]workday, len(e.snap.Profiles)),
		windows:   make([]window, (soonestAt+1)*dueSpan),
		transits:  make([]uint8, (soonestAt+1)*dueSpan*services),
		prices:    make([]priced, services*span),
		soonest:   make([]units.Date, services),
		soonUntil: -1 << 62,
		byTake:    map[uint64]int32{},
		split:     offerTable{epoch: 1},
		packer:    newPacker(e.snap, e.volume),
	}
	for i := range sc.days {
		sc.days[i] = workday{from: 1, until: 0}
	}
	sc.problem.Stop = sc.stop
	sc.problem.Offer = sc.offerTake
	sc.floor = sc.floorTake
	return sc
}
