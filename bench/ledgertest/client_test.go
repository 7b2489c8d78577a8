package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/ledger"
)

// A client calls a server as an order system would.
type client struct {
	conn       *grpc.ClientConn
	allocation allotv1.AllocationServiceClient
	inventory  allotv1.InventoryServiceClient
}

func dial(address string) (*client, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &client{conn, allotv1.NewAllocationServiceClient(conn), allotv1.NewInventoryServiceClient(conn)}, nil
}

// allocate returns the answer to an order with the very bytes of its decision.
func (c *client) allocate(ctx context.Context, request *allotv1.AllocateRequest) (allocated, *allotv1.AllocateResponse, error) {
	raw, err := proto.Marshal(request)
	if err != nil {
		return allocated{}, nil, err
	}
	var answer []byte
	if err := c.conn.Invoke(ctx, allotv1.AllocationService_Allocate_FullMethodName, &raw, &answer, grpc.ForceCodecV2(bench.RawCodec{})); err != nil {
		return allocated{}, nil, err
	}
	out := &allotv1.AllocateResponse{}
	if err := proto.Unmarshal(answer, out); err != nil {
		return allocated{}, nil, err
	}
	a := allocated{decision: string(field(answer, 1))}
	if id := out.GetHold().GetId(); id != "" {
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return allocated{}, nil, err
		}
		a.hold = ledger.HoldID(n)
	}
	return a, out, nil
}

// decisionOf asks for a hold and returns the very bytes of its decision.
func (c *client) decisionOf(ctx context.Context, id ledger.HoldID) (string, error) {
	raw, err := proto.Marshal(&allotv1.GetRequest{HoldId: strconv.FormatUint(uint64(id), 10)})
	if err != nil {
		return "", err
	}
	var answer []byte
	if err := c.conn.Invoke(ctx, allotv1.AllocationService_Get_FullMethodName, &raw, &answer, grpc.ForceCodecV2(bench.RawCodec{})); err != nil {
		return "", err
	}
	return string(field(answer, 2)), nil
}

// field returns the bytes of a field of an encoded message.
func field(message []byte, number protowire.Number) []byte {
	for len(message) > 0 {
		n, typ, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil
		}
		message = message[size:]
		size = protowire.ConsumeFieldValue(n, typ, message)
		if size < 0 {
			return nil
		}
		if n == number && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			return value
		}
		message = message[size:]
	}
	return nil
}

// A verb moves a hold.
type verb int

const (
	confirm verb = iota
	release
	cancel
	ship
	shortPick
)

// kindOf is the kind of the events that a verb makes.
var kindOf = map[verb]ledger.Kind{
	confirm: ledger.HoldConfirmed, release: ledger.HoldReleased, cancel: ledger.HoldCancelled, ship: ledger.HoldShipped, shortPick: ledger.HoldShort,
}

// move moves a hold, or items of it.
func (c *client) move(ctx context.Context, v verb, request, hold string, items []*allotv1.HoldItem) (*allotv1.Hold, error) {
	switch v {
	case confirm:
		r, err := c.allocation.Confirm(ctx, &allotv1.ConfirmRequest{RequestId: request, HoldId: hold})
		return r.GetHold(), err
	case release:
		r, err := c.allocation.Release(ctx, &allotv1.ReleaseRequest{RequestId: request, HoldId: hold, Items: items})
		return r.GetHold(), err
	case cancel:
		r, err := c.allocation.Cancel(ctx, &allotv1.CancelRequest{RequestId: request, HoldId: hold, Items: items})
		return r.GetHold(), err
	case ship:
		r, err := c.allocation.Ship(ctx, &allotv1.ShipRequest{RequestId: request, HoldId: hold, Items: items})
		return r.GetHold(), err
	default:
		r, err := c.allocation.ShortPick(ctx, &allotv1.ShortPickRequest{RequestId: request, HoldId: hold, Items: items})
		return r.GetHold(), err
	}
}

// A journalist keeps what clients were answered.
type journalist struct {
	mu      sync.Mutex
	orders  []*allotv1.AllocateRequest // the latest, to be repeated
	nextOld int
	recall  int // how many orders are kept to be repeated
	answers map[string]allocated
	moves   map[string]*allotv1.Hold
	verbs   map[string]verb
	changes map[string]bool // requests that set stock
	aborted map[string]bool // requests that got ABORTED every time so far
	lost    map[string]bool // requests of which nobody knows
	undone  map[string]bool // moves that were refused
	gone    map[string]bool // holds that the server said it has not, which must have ended long ago
	wrong   error
	tally   map[string]int
}

// remembered is how many requests of the load may be repeated: few, so that no answer is forgotten meanwhile.
const remembered = 500

func newJournalist(recall int) *journalist {
	return &journalist{
		recall:  recall,
		answers: map[string]allocated{}, moves: map[string]*allotv1.Hold{}, verbs: map[string]verb{}, changes: map[string]bool{},
		aborted: map[string]bool{}, lost: map[string]bool{}, undone: map[string]bool{}, gone: map[string]bool{}, tally: map[string]int{},
	}
}

func (j *journalist) blame(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.wrong == nil {
		j.wrong = err
	}
}

func (j *journalist) fault() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wrong
}

func (j *journalist) count(what string) {
	j.mu.Lock()
	j.tally[what]++
	j.mu.Unlock()
}

// sent notes that a request is on its way.
func (j *journalist) sent(request *allotv1.AllocateRequest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.orders) < j.recall {
		j.orders = append(j.orders, request)
		return
	}
	j.orders[j.nextOld%j.recall] = request
	j.nextOld++
}

// again returns a request that was sent not long ago, maybe not answered yet.
func (j *journalist) again(rng *rand.Rand) *allotv1.AllocateRequest {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.orders) == 0 {
		return nil
	}
	return j.orders[rng.IntN(len(j.orders))]
}

// answeredTo notes an answer: the same request must always get the same.
func (j *journalist) answeredTo(id string, a allocated) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.aborted, id)
	delete(j.lost, id)
	first, again := j.answers[id]
	switch {
	case !again:
		j.answers[id] = a
	case first.hold != a.hold || first.decision != a.decision:
		if j.wrong == nil {
			j.wrong = fmt.Errorf("request %q got hold %d, and then hold %d; the decisions are the same: %v", id, first.hold, a.hold, first.decision == a.decision)
		}
	default:
		j.tally["answered again"]++
	}
}

func (j *journalist) movedTo(id string, v verb, h *allotv1.Hold) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.lost, id)
	if first := j.moves[id]; first != nil && !proto.Equal(first, h) && j.wrong == nil {
		j.wrong = fmt.Errorf("request %q left %v, and then %v", id, first, h)
	}
	j.moves[id], j.verbs[id] = h, v
}

func (j *journalist) refusedTo(id, why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.undone[id] = true
	j.tally[why]++
}

// A shopper is one client in a loop: it orders, keeps its holds or lets them go, and sometimes counts the shelves.
type shopper struct {
	*client
	*journalist
	name    string
	shape   *shape
	rng     *rand.Rand
	zipf    *rand.Zipf
	hot     int // percent of lines for the SKU that everyone wants
	stock   int // percent of steps that correct stock
	n       int
	pending []*allotv1.Hold
	settled []*allotv1.Hold // confirmed
	retry   bool            // a call that fails may have been done: keep it to be repeated
	open    []unsure
	orders  func() // called for every order that is sent, if not nil
}

// An unsure is a call of which nobody knows whether it was done.
type unsure struct {
	request *allotv1.AllocateRequest // or a move:
	verb    verb
	id      string
	hold    string
	items   []*allotv1.HoldItem
}

func newShopper(c *client, j *journalist, s *shape, name string, seed uint64, n int) *shopper {
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	return &shopper{
		client: c, journalist: j, name: name, shape: s, rng: rng, zipf: rand.NewZipf(rng, 1.2, 4, uint64(s.skus-1)), hot: 20, stock: 4,
	}
}

// id makes a request id.
func (s *shopper) id(what string) string {
	s.n++
	return fmt.Sprintf("%s-%s-%d", s.name, what, s.n)
}

// request makes an order.
func (s *shopper) request() *allotv1.AllocateRequest {
	id := s.id("allocate")
	o := &allotv1.Order{Id: "order " + id, To: &allotv1.Destination{PostalCode: zips[s.rng.IntN(len(zips))]}}
	seen := map[int]bool{}
	for range 1 + s.rng.IntN(3) {
		sku := int(s.zipf.Uint64())
		if s.rng.IntN(100) < s.hot {
			sku = 0
		}
		if !seen[sku] {
			seen[sku] = true
			o.Lines = append(o.Lines, &allotv1.Line{Sku: skuID(sku), Quantity: 1 + s.rng.Int32N(3)})
		}
	}
	return &allotv1.AllocateRequest{RequestId: id, Order: o}
}

// step does one thing.
func (s *shopper) step(ctx context.Context) {
	rng := s.rng
	switch n := rng.IntN(100); {
	case n < s.stock:
		s.correct(ctx)
	case n < s.stock+4:
		s.look(ctx)
	case n < s.stock+9:
		if r := s.again(rng); r != nil {
			s.count("repeated")
			s.order(ctx, r)
		}
	case n < s.stock+10:
		s.atOnce(ctx)
	case n < s.stock+11:
		s.another(ctx)
	case n < 62:
		if s.orders != nil {
			s.orders()
		}
		s.order(ctx, s.request())
	case n < 78 && len(s.pending) > 0:
		s.act(ctx, confirm, &s.pending)
	case n < 84 && len(s.pending) > 0:
		s.act(ctx, release, &s.pending)
	case n < 94 && len(s.settled) > 0:
		s.act(ctx, ship, &s.settled)
	case n < 97 && len(s.settled) > 0:
		s.act(ctx, cancel, &s.settled)
	case len(s.settled) > 0:
		s.act(ctx, shortPick, &s.settled)
	}
	if len(s.pending) > 8 { // some expire
		s.pending = s.pending[1:]
	}
}

// gone reports that a call failed in a way that leaves open whether it was done: the server went away.
func gone(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}

// order sends an order until it is answered.
func (s *shopper) order(ctx context.Context, r *allotv1.AllocateRequest) {
	s.sent(r)
	for range 100 {
		a, out, err := s.allocate(ctx, r)
		switch {
		case err == nil:
			s.answeredTo(r.GetRequestId(), a)
			if h := out.GetHold(); h != nil {
				s.count("granted")
				s.pending = append(s.pending, &allotv1.Hold{Id: h.GetId(), Lines: linesOf(out.GetDecision())})
			} else {
				s.count(out.GetDecision().GetOutcome().String())
			}
			return
		case status.Code(err) == codes.Aborted:
			s.count("ABORTED")
			s.mu.Lock()
			if _, ok := s.answers[r.GetRequestId()]; !ok {
				s.aborted[r.GetRequestId()] = true
			}
			s.mu.Unlock()
			time.Sleep(time.Millisecond)
		case s.retry && gone(err):
			s.open = append(s.open, unsure{request: r})
			s.lose(r.GetRequestId())
			return
		default:
			s.blame(fmt.Errorf("Allocate %v: %w", r, err))
			return
		}
	}
}

func (s *shopper) lose(id string) {
	s.mu.Lock()
	delete(s.aborted, id)
	s.lost[id] = true
	s.mu.Unlock()
}

// linesOf returns what a decision holds.
func linesOf(d *allotv1.Decision) []*allotv1.HoldLine {
	var lines []*allotv1.HoldLine
	for _, sh := range d.GetShipments() {
		for _, it := range sh.GetItems() {
			lines = append(lines, &allotv1.HoldLine{Warehouse: sh.GetWarehouse(), Sku: it.GetSku(), Quantity: it.GetQuantity()})
		}
	}
	return lines
}

// atOnce sends one new order several times at once.
func (s *shopper) atOnce(ctx context.Context) {
	r := s.request()
	s.count("at once")
	if s.orders != nil {
		s.orders()
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			a, _, err := s.allocate(ctx, r)
			switch {
			case err == nil:
				s.answeredTo(r.GetRequestId(), a)
			case status.Code(err) == codes.Aborted || s.retry && gone(err):
			default:
				s.blame(fmt.Errorf("Allocate %v: %w", r, err))
			}
		})
	}
	s.order(ctx, r)
	wg.Wait()
}

// another sends another order under a request id that was used.
func (s *shopper) another(ctx context.Context) {
	r := s.again(s.rng)
	if r == nil {
		return
	}
	s.mu.Lock()
	_, known := s.answers[r.GetRequestId()]
	s.mu.Unlock()
	if !known {
		return
	}
	s.count("another order under a known id")
	other := proto.CloneOf(r)
	other.Order.Lines[0].Quantity++
	_, _, err := s.allocate(ctx, other)
	if status.Code(err) != codes.AlreadyExists && (!s.retry || !gone(err)) {
		s.blame(fmt.Errorf("another order under the id of %v: %w", r, errors.Join(err, errors.New("it should get ALREADY_EXISTS"))))
	}
}

// act moves one of its holds, or a part of it.
func (s *shopper) act(ctx context.Context, v verb, of *[]*allotv1.Hold) {
	at := s.rng.IntN(len(*of))
	h := (*of)[at]
	var items []*allotv1.HoldItem
	if v != confirm && s.rng.IntN(3) == 0 {
		l := h.GetLines()[s.rng.IntN(len(h.GetLines()))]
		if left := l.GetQuantity() - l.GetShipped() - l.GetShort() - l.GetReturned(); left > 0 {
			items = append(items, &allotv1.HoldItem{Warehouse: l.GetWarehouse(), Sku: l.GetSku(), Quantity: 1 + s.rng.Int32N(left)})
		}
	}
	id := s.id("move")
	after, err := s.move(ctx, v, id, h.GetId(), items)
	*of = append((*of)[:at], (*of)[at+1:]...)
	switch {
	case err == nil:
		s.count(kindOf[v].String())
		s.movedTo(id, v, after)
		s.keep(after)
		if s.rng.IntN(10) == 0 {
			again, err := s.move(ctx, v, id, h.GetId(), items)
			switch {
			case err == nil:
				s.movedTo(id, v, again)
			case !s.retry || !gone(err):
				s.blame(fmt.Errorf("the same %v of hold %s again: %w", kindOf[v], h.GetId(), err))
			}
		}
	case s.retry && gone(err):
		s.open = append(s.open, unsure{verb: v, id: id, hold: h.GetId(), items: items})
		s.lose(id)
	case status.Code(err) == codes.FailedPrecondition: // it expired, or a repeated order gave it to two
		s.refusedTo(id, "too late to be "+kindOf[v].String())
	case status.Code(err) == codes.NotFound && !s.retry: // it expired long ago; checkForgotten looks whether it did
		s.refusedTo(id, "forgotten when it was to be "+kindOf[v].String())
		s.mu.Lock()
		s.gone[h.GetId()] = true
		s.mu.Unlock()
	case status.Code(err) == codes.InvalidArgument && len(items) > 0: // the other of the two has moved a part of it
		s.refusedTo(id, "no longer there to be "+kindOf[v].String())
	default:
		s.blame(fmt.Errorf("%v of hold %s: %w", kindOf[v], h.GetId(), err))
	}
}

// keep keeps a hold that can still be moved.
func (s *shopper) keep(h *allotv1.Hold) {
	switch h.GetState() {
	case allotv1.HoldState_HOLD_STATE_PENDING:
		s.pending = append(s.pending, h)
	case allotv1.HoldState_HOLD_STATE_CONFIRMED:
		s.settled = append(s.settled, h)
	}
}

// correct counts a shelf anew, or notes what came and went.
func (s *shopper) correct(ctx context.Context) {
	sku := int(s.zipf.Uint64())
	if s.rng.IntN(3) == 0 {
		sku = 0
	}
	w := s.rng.IntN(s.shape.warehouses)
	for !s.shape.stocked(w, sku) {
		w = (w + 1) % s.shape.warehouses
	}
	id := s.id("stock")
	var err error
	if s.rng.IntN(5) == 0 {
		_, err = s.inventory.SetStock(ctx, &allotv1.SetStockRequest{RequestId: id, Levels: []*allotv1.StockLevel{
			{Warehouse: warehouseID(w), Sku: skuID(sku), OnHand: s.rng.Int32N(60), Safety: s.rng.Int32N(4)},
		}})
	} else {
		change := s.rng.Int32N(36) - 10
		if change == 0 {
			change = 1
		}
		_, err = s.inventory.AdjustStock(ctx, &allotv1.AdjustStockRequest{RequestId: id, Adjustments: []*allotv1.StockAdjustment{
			{Warehouse: warehouseID(w), Sku: skuID(sku), Change: change},
		}})
	}
	switch {
	case err == nil:
		s.mu.Lock()
		s.changes[id] = true
		s.tally["stock set"]++
		s.mu.Unlock()
	case status.Code(err) == codes.InvalidArgument: // fewer than none
	case s.retry && gone(err):
	default:
		s.blame(fmt.Errorf("correcting %s in %s: %w", skuID(sku), warehouseID(w), err))
	}
}

// look reads a hold of its own and some stock.
func (s *shopper) look(ctx context.Context) {
	if len(s.settled) > 0 {
		h := s.settled[s.rng.IntN(len(s.settled))]
		if _, err := s.allocation.Get(ctx, &allotv1.GetRequest{HoldId: h.GetId()}); err != nil && (!s.retry || !gone(err)) && status.Code(err) != codes.NotFound {
			s.blame(fmt.Errorf("getting hold %s: %w", h.GetId(), err))
		}
	}
	if _, err := s.inventory.GetStock(ctx, &allotv1.GetStockRequest{Skus: []string{skuID(0)}}); err != nil && (!s.retry || !gone(err)) {
		s.blame(fmt.Errorf("getting stock: %w", err))
	}
}

// settle repeats the calls of which nobody knows, until every one is answered.
func (s *shopper) settle(ctx context.Context) {
	open := s.open
	s.open = nil
	for _, u := range open {
		s.count("repeated after the server came back")
		if u.request != nil {
			s.order(ctx, u.request)
			continue
		}
		h, err := s.move(ctx, u.verb, u.id, u.hold, u.items)
		switch {
		case err == nil:
			s.movedTo(u.id, u.verb, h)
			s.keep(h)
		case gone(err):
			s.open = append(s.open, u)
		case status.Code(err) == codes.FailedPrecondition || status.Code(err) == codes.InvalidArgument:
			// it was not done, and can no longer be
			s.mu.Lock()
			delete(s.lost, u.id)
			s.undone[u.id] = true
			s.mu.Unlock()
		default:
			s.blame(fmt.Errorf("%v of hold %s again: %w", kindOf[u.verb], u.hold, err))
		}
	}
}
