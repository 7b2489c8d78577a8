package load

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// randomOrder draws an order and the same in the words of the API.
func randomOrder(rng *rand.Rand) (engine.Order, *allotv1.Order) {
	text := func(most int) string { return strings.Repeat("x", rng.IntN(most)) }
	o := engine.Order{ID: text(140), CollectAt: text(3), To: engine.Destination{
		Country: text(3), Postal: text(10), TimeZone: text(40), Commercial: rng.IntN(2) == 0,
	}}
	m := &allotv1.Order{Id: o.ID, CollectAt: o.CollectAt, To: &allotv1.Destination{
		Country: o.To.Country, PostalCode: o.To.Postal, TimeZone: o.To.TimeZone, Commercial: o.To.Commercial,
	}}
	if rng.IntN(3) == 0 {
		o.To.Point = &geo.Point{Lat: rng.Float64()*180 - 90, Lng: rng.Float64()*360 - 180}
		m.To.Point = &allotv1.Point{Latitude: o.To.Point.Lat, Longitude: o.To.Point.Lng}
	}
	if o.To == (engine.Destination{}) {
		m.To = nil
	}
	for range rng.IntN(30) {
		line := engine.Line{SKU: text(130), Quantity: rng.Int64N(1 << 20)}
		o.Lines = append(o.Lines, line)
		m.Lines = append(m.Lines, &allotv1.Line{Sku: line.SKU, Quantity: int32(line.Quantity)})
	}
	for range rng.IntN(3) {
		o.Services = append(o.Services, text(5))
		m.Services = append(m.Services, o.Services[len(o.Services)-1])
	}
	switch rng.IntN(3) {
	case 0:
		o.Promise.Date = units.Date(1 + rng.IntN(30000))
		m.Promise = &allotv1.Order_PromiseDate{PromiseDate: o.Promise.Date.String()}
	case 1:
		o.Promise.Instant = units.Instant(1 + rng.Int64N(1<<32))
		m.Promise = &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: int64(o.Promise.Instant)}}
	}
	return o, m
}

// TestRequestsAreMessages holds what the generator writes against the generated code.
func TestRequestsAreMessages(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		e := workload.Event{Warehouse: strings.Repeat("w", rng.IntN(130)), SKU: "s", Quantity: 1 + rng.Int32N(1000)}
		var order *allotv1.Order
		e.Order, order = randomOrder(rng)
		c := &Call{Event: &e, RequestID: strings.Repeat("r", 1+rng.IntN(130)), HoldID: "h-1"}
		for kind, want := range map[workload.Kind]proto.Message{
			workload.Allocate: &allotv1.AllocateRequest{RequestId: c.RequestID, Order: order},
			workload.Quote:    &allotv1.QuoteRequest{Order: order},
			workload.Confirm:  &allotv1.ConfirmRequest{RequestId: c.RequestID, HoldId: c.HoldID},
			workload.Release:  &allotv1.ReleaseRequest{RequestId: c.RequestID, HoldId: c.HoldID},
			workload.Ship:     &allotv1.ShipRequest{RequestId: c.RequestID, HoldId: c.HoldID},
			workload.Cancel:   &allotv1.CancelRequest{RequestId: c.RequestID, HoldId: c.HoldID},
			workload.Restock: &allotv1.AdjustStockRequest{RequestId: c.RequestID, Adjustments: []*allotv1.StockAdjustment{
				{Warehouse: e.Warehouse, Sku: e.SKU, Change: e.Quantity},
			}},
		} {
			e.Kind = kind
			got := want.ProtoReflect().New().Interface()
			if err := proto.Unmarshal(appendRequest([]byte{}, c), got); err != nil || !proto.Equal(got, want) {
				t.Fatalf("kind %d: %v\n%v\n%v", kind, err, got, want)
			}
		}
		tag := rng.Uint64()
		raw := appendTagged(nil, tag, appendAllocate(nil, c))
		raw = appendTagged(raw, 0, nil)
		want := &allotv1.AllocateStreamRequest{Requests: []*allotv1.TaggedAllocateRequest{
			{Tag: tag, Request: &allotv1.AllocateRequest{RequestId: c.RequestID, Order: order}}, {Request: &allotv1.AllocateRequest{}},
		}}
		got := &allotv1.AllocateStreamRequest{}
		if err := proto.Unmarshal(raw, got); err != nil || !proto.Equal(got, want) {
			t.Fatalf("stream: %v\n%v\n%v", err, got, want)
		}
	}
	var batch allotv1.AllocateBatchRequest
	if err := proto.Unmarshal(appendBudget(nil, 1500*time.Millisecond), &batch); err != nil ||
		!proto.Equal(&batch, &allotv1.AllocateBatchRequest{TimeBudget: durationpb.New(1500 * time.Millisecond)}) {
		t.Errorf("budget: %v, %v", err, &batch)
	}
}

// TestAnswersAreRead reads what the generated code writes.
func TestAnswersAreRead(t *testing.T) {
	bytes := func(m proto.Message) []byte {
		raw, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	refused := &allotv1.AllocateResponse{Decision: &allotv1.Decision{Outcome: allotv1.Outcome_OUTCOME_OUT_OF_STOCK}}
	granted := &allotv1.AllocateResponse{
		Decision: &allotv1.Decision{Outcome: allotv1.Outcome_OUTCOME_PLANNED, Shipments: []*allotv1.Shipment{{Warehouse: "reno"}}},
		Hold:     &allotv1.Hold{Id: "h-7", OrderId: "o", ExpiresAt: &timestamppb.Timestamp{Seconds: 1}},
	}
	if id, ok := heldBy(bytes(granted)); id != "h-7" || !ok {
		t.Errorf("%q, %v", id, ok)
	}
	if id, ok := heldBy(bytes(refused)); id != "" || !ok {
		t.Errorf("%q, %v", id, ok)
	}
	if _, ok := heldBy([]byte{0x12, 0x7f, 1}); ok {
		t.Error("a message that is cut off is read")
	}
	one := readTagged(bytes(&allotv1.TaggedAllocateResponse{Tag: 99, Outcome: &allotv1.TaggedAllocateResponse_Answer{Answer: granted}}))
	if id, _ := heldBy(one.answer); one.tag != 99 || one.code != codes.OK || id != "h-7" {
		t.Errorf("%+v", one)
	}
	one = readTagged(bytes(&allotv1.TaggedAllocateResponse{Tag: 1, Outcome: &allotv1.TaggedAllocateResponse_Error{Error: &spb.Status{Code: 8, Message: "no"}}}))
	if one.code != codes.ResourceExhausted {
		t.Errorf("%+v", one)
	}
	if one = readTagged([]byte{0x08, 0x01}); one.code != codes.Internal {
		t.Errorf("an outcome that is none: %+v", one)
	}
	for code := range codes.Code(17) {
		var c codes.Code
		if err := c.UnmarshalJSON([]byte(`"` + codeName(code) + `"`)); err != nil || c != code {
			t.Errorf("%v is called %s", code, codeName(code))
		}
	}
}
