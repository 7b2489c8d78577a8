package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
)

// post sends JSON to a method of the second port and returns the HTTP status and the body.
func (s *site) post(t testing.TB, method, body string) (int, []byte) {
	t.Helper()
	resp, err := http.Post(s.web+method, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, raw
}

// statusOfConnect is the status that a Connect client got, to be compared with gRPC's.
func statusOfConnect(t testing.TB, err error) *status.Status {
	t.Helper()
	if err == nil {
		return status.New(codes.OK, "")
	}
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	st := status.New(codes.Code(ce.Code()), ce.Message()).Proto()
	for _, d := range ce.Details() {
		m, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		packed, err := status.New(codes.Unknown, "").WithDetails(protoadapt.MessageV1Of(m))
		if err != nil {
			t.Fatal(err)
		}
		st.Details = append(st.Details, packed.Proto().GetDetails()...)
	}
	return status.FromProto(st)
}

func TestBothPortsDecideAlike(t *testing.T) {
	s := serve(t, nil)
	request := &allotv1.ExplainRequest{Order: order("10001", "mug", 3)}
	byGRPC, err := s.allocation.Explain(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]connect.ClientOption{
		"connect":      nil,
		"connect JSON": {connect.WithProtoJSON()},
		"gRPC-Web":     {connect.WithGRPCWeb()},
		"compressed":   {connect.WithSendGzip()},
	} {
		client := allotv1connect.NewAllocationServiceClient(http.DefaultClient, s.web, options...)
		if got, err := client.Explain(t.Context(), request); err != nil || !proto.Equal(got, byGRPC) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := s.allocation.Explain(t.Context(), request, grpc.UseCompressor(gzip.Name)); err != nil || !proto.Equal(got, byGRPC) {
		t.Errorf("compressed gRPC: %v, %v", got, err)
	}
	// What curl sees is the JSON of the same message.
	raw, err := protojson.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	code, body := s.post(t, allotv1connect.AllocationServiceExplainProcedure, string(raw))
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	want, err := protojson.Marshal(byGRPC)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	var wantCompact bytes.Buffer
	if json.Compact(&got, body) != nil || json.Compact(&wantCompact, want) != nil || got.String() != wantCompact.String() {
		t.Errorf("JSON differs:\n%s\n%s", got.String(), wantCompact.String())
	}
	// Allocate holds on either port and answers the same decision.
	a, err := s.allocation.Allocate(t.Context(), allocate("a", order("10001", "mug", 1)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.connect.Allocate(t.Context(), allocate("b", order("10001", "mug", 1)))
	if err != nil || !proto.Equal(a.GetDecision(), b.GetDecision()) || a.GetHold().GetId() == b.GetHold().GetId() {
		t.Errorf("%v, %v and %v", err, a, b)
	}
}

func TestJSONReadsWell(t *testing.T) {
	s := serve(t, nil)
	code, body := s.post(t, "/allot.v1.AllocationService/Allocate", `{
		"requestId": "r1",
		"order": {"id": "1001", "lines": [{"sku": "mug", "quantity": 2}], "to": {"postalCode": "10001"}, "promiseDate": "2026-11-25"}
	}`)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	for _, want := range []string{
		`"outcome":"OUTCOME_PLANNED"`, `"costMicros":"11500000"`, `"deliveryDate":"2026-11-24"`, `"pickupAt":"2026-11-18T22:00:00Z"`,
		`"state":"HOLD_STATE_PENDING"`, `"quantity":2`,
	} {
		if !strings.Contains(strings.ReplaceAll(string(body), ": ", ":"), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	// Snake case is read as well, as the proto names it.
	if code, body := s.post(t, "/allot.v1.AllocationService/Quote", `{"order": {"lines": [{"sku": "mug", "quantity": 1}], "to": {"postal_code": "10001"}}}`); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	// Calls without side effects can be fetched.
	resp, err := http.Get(s.web + "/allot.v1.NetworkService/Current?encoding=json&message=%7B%7D")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("GET Current: %d", resp.StatusCode)
	}
}

// TestEveryKindOfOrderOnBothPorts sends orders that the first port reads the short way and the long way.
func TestEveryKindOfOrderOnBothPorts(t *testing.T) {
	s := serve(t, nil)
	for name, change := range map[string]func(*allotv1.Order){
		"plain": func(*allotv1.Order) {},
		"to a point": func(o *allotv1.Order) {
			o.To = &allotv1.Destination{Point: &allotv1.Point{Latitude: 40.75, Longitude: -73.99}}
		},
		"by a date": func(o *allotv1.Order) { o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-20"} },
		"by a moment": func(o *allotv1.Order) {
			o.Promise = &allotv1.Order_PromiseAt{PromiseAt: timestamppb.New(wednesday.AddDate(0, 0, 2))}
		},
		"by air":    func(o *allotv1.Order) { o.Services = []string{"air"} },
		"collected": func(o *allotv1.Order) { o.CollectAt, o.Services = "columbus", []string{"counter"} },
		"two lines": func(o *allotv1.Order) { o.Lines = append(o.Lines, &allotv1.Line{Sku: "lamp", Quantity: 1}) },
		"unnamed":   func(o *allotv1.Order) { o.Id = "" },
		"business":  func(o *allotv1.Order) { o.To.Commercial, o.To.Country, o.To.TimeZone = true, "US", "America/New_York" },
	} {
		t.Run(name, func(t *testing.T) {
			o := order("10001", "mug", 1)
			change(o)
			byGRPC, err := s.allocation.Allocate(t.Context(), allocate(name, o))
			if err != nil || byGRPC.GetHold() == nil || byGRPC.GetHold().GetOrderId() != o.GetId() {
				t.Fatalf("%v, %v", byGRPC, err)
			}
			// The same request by the other port is the same request.
			if byConnect, err := s.connect.Allocate(t.Context(), allocate(name, o)); err != nil || !proto.Equal(byConnect, byGRPC) {
				t.Errorf("%v, %v, want %v", byConnect, err, byGRPC)
			}
			kept, err := s.allocation.Get(t.Context(), &allotv1.GetRequest{HoldId: byGRPC.GetHold().GetId()})
			if err != nil || !proto.Equal(kept.GetDecision(), byGRPC.GetDecision()) {
				t.Errorf("kept %v, %v", kept, err)
			}
			if _, err := s.allocation.Release(t.Context(), &allotv1.ReleaseRequest{RequestId: "back " + name, HoldId: byGRPC.GetHold().GetId()}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBadRequestsAreRefusedAlike sends every kind of bad order to both ports: the same code, message and details.
func TestBadRequestsAreRefusedAlike(t *testing.T) {
	s := serve(t, nil)
	many := func(n int) *allotv1.Order {
		o := order("10001")
		for range n {
			o.Lines = append(o.Lines, &allotv1.Line{Sku: "mug", Quantity: 1})
		}
		return o
	}
	with := func(change func(*allotv1.Order)) *allotv1.Order {
		o := order("10001", "mug", 1)
		change(o)
		return o
	}
	tests := []struct {
		name  string
		order *allotv1.Order
		want  map[string]string // field to a part of what is said of it
	}{
		{"no order", nil, map[string]string{"order": "required"}},
		{"no lines", order("10001"), map[string]string{"order.lines": "at least 1"}},
		{"unknown SKU", order("10001", "mugg", 1), map[string]string{"order.lines[0].sku": `did you mean "mug"?`}},
		{"no SKU", order("10001", "", 1), map[string]string{"order.lines[0].sku": "1 character"}},
		{"zero", order("10001", "mug", 0), map[string]string{"order.lines[0].quantity": "greater than 0"}},
		{"negative", order("10001", "mug", -7), map[string]string{"order.lines[0].quantity": "greater than 0"}},
		{"overflow of the sum", order("10001", "mug", math.MaxInt32, "lamp", math.MaxInt32), map[string]string{
			"order.lines[0].quantity": "1000 units in all", "order.lines[1].quantity": "1000 units in all",
		}},
		{"lines over the policy", many(21), map[string]string{"order.lines": "at most 20"}},
		{"10,000 lines", many(10_000), map[string]string{"order.lines": "at most 20"}},
		{"10,001 lines", many(10_001), map[string]string{"order.lines": "no more than 10000"}},
		{"unknown ZIP", order("00000", "mug", 1), map[string]string{"order.to.postal_code": "no place"}},
		{"ZIP that is none", order("ten thousand and one", "mug", 1), map[string]string{"order.to.postal_code": "16 bytes"}},
		{"no destination", with(func(o *allotv1.Order) { o.To = nil }), map[string]string{"order.to": "no destination"}},
		{"country in words", with(func(o *allotv1.Order) { o.To.Country = "Narnia" }), map[string]string{
			"order.to.country": "pattern", "order.to.postal_code": `in "Narnia"`,
		}},
		{"unknown time zone", with(func(o *allotv1.Order) { o.To.TimeZone = "Mars/Olympus" }), map[string]string{"order.to.time_zone": "IANA"}},
		{"unknown service", with(func(o *allotv1.Order) { o.Services = []string{"ground", "grond"} }), map[string]string{
			"order.services[1]": `did you mean "ground"?`,
		}},
		{"unknown counter", with(func(o *allotv1.Order) { o.CollectAt = "columbas" }), map[string]string{"order.collect_at": `did you mean "columbus"?`}},
		{"past date", with(func(o *allotv1.Order) { o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-17"} }), map[string]string{
			"order.promise_date": "past",
		}},
		{"past instant", with(func(o *allotv1.Order) {
			o.Promise = &allotv1.Order_PromiseAt{PromiseAt: timestamppb.New(wednesday.Add(-time.Second))}
		}), map[string]string{"order.promise_at": "past"}},
		{"no such date", with(func(o *allotv1.Order) { o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-02-30"} }), map[string]string{
			"order.promise_date": `"2026-02-30" is no date`,
		}},
		{"no date at all", with(func(o *allotv1.Order) { o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "tomorrow"} }), map[string]string{
			"order.promise_date": "pattern",
		}},
		{"no such instant", with(func(o *allotv1.Order) {
			o.Promise = &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: math.MaxInt64}}
		}), map[string]string{"order.promise_at": "no instant"}},
		{"NaN", with(func(o *allotv1.Order) {
			o.To = &allotv1.Destination{Point: &allotv1.Point{Latitude: math.NaN(), Longitude: math.Inf(1)}}
		}), map[string]string{"order.to.point.latitude": "-90", "order.to.point.longitude": "180"}},
		{"everything at once", &allotv1.Order{
			Lines:    []*allotv1.Line{{Sku: "mugg", Quantity: 1}, {Sku: "lamp", Quantity: -1}, {Quantity: 2}},
			To:       &allotv1.Destination{PostalCode: "00000", Country: "us"},
			Services: []string{"pony"},
			Promise:  &allotv1.Order_PromiseDate{PromiseDate: "2026-13-01"},
		}, map[string]string{
			"order.lines[0].sku": "did you mean", "order.lines[1].quantity": "greater than 0", "order.lines[2].sku": "1 character",
			"order.to.postal_code": "no place", "order.to.country": "pattern", "order.services[0]": "unknown service", "order.promise_date": "no date",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := &allotv1.AllocateRequest{RequestId: "r1", Order: tt.order}
			_, byGRPC := s.allocation.Allocate(t.Context(), request)
			_, byConnect := s.connect.Allocate(t.Context(), request)
			want, got := status.Convert(byGRPC), statusOfConnect(t, byConnect)
			if want.Code() != codes.InvalidArgument || reasonOf(want) != ReasonInvalid {
				t.Fatalf("%v", byGRPC)
			}
			if !sameStatus(got, want) {
				t.Errorf("the ports differ:\ngRPC    %v\nconnect %v", want.Proto(), got.Proto())
			}
			fields := violationsOf(want)
			for field, say := range tt.want {
				if !strings.Contains(fields[field], say) {
					t.Errorf("%s: %q, want %q in it", field, fields[field], say)
				}
			}
			if len(fields) != len(tt.want) {
				t.Errorf("faults %q, want %d", fields, len(tt.want))
			}
			// Quote and Explain check the same things.
			if _, err := s.allocation.Quote(t.Context(), &allotv1.QuoteRequest{Order: tt.order}); !maps.Equal(violationsOf(status.Convert(err)), fields) {
				t.Errorf("Quote: %v", err)
			}
			if _, err := s.allocation.Explain(t.Context(), &allotv1.ExplainRequest{Order: tt.order}); !maps.Equal(violationsOf(status.Convert(err)), fields) {
				t.Errorf("Explain: %v", err)
			}
		})
	}
	if n := s.ledger.Open(); n != 0 {
		t.Errorf("%d holds", n)
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	s := serve(t, nil)
	request := &allotv1.SetStockRequest{RequestId: "r1"}
	for range 10_000 {
		request.Levels = append(request.Levels, &allotv1.StockLevel{Warehouse: "nowhere", Sku: "nothing", OnHand: 1})
	}
	_, err := s.inventory.SetStock(t.Context(), request)
	st := status.Convert(err)
	if st.Code() != codes.InvalidArgument || len(violationsOf(st)) != maxViolations || !strings.Contains(st.Message(), "and 19999 more") {
		t.Errorf("%d violations: %s", len(violationsOf(st)), st.Message())
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// TestMalformedBytes sends what is no message to both ports: text that is not UTF-8, and noise.
func TestMalformedBytes(t *testing.T) {
	s := serve(t, nil)
	good, err := proto.Marshal(allocate("r1", order("10001", "mug", 1, "mug", 2)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		raw    []byte
		fields []string
	}{
		"invalid UTF-8": {bytes.ReplaceAll(good, []byte("mug"), []byte("m\xffg")), []string{"order.lines[0].sku", "order.lines[1].sku"}},
		"noise":         {[]byte("\x0a\xff\xff\xff\xffnoise"), []string{""}},
		"a mark":        {[]byte("\xfa\xff\xff\xff\x0f\x00"), []string{""}}, // the number of the server's own marks
	} {
		t.Run(name, func(t *testing.T) {
			var out []byte
			err := s.conn.Invoke(t.Context(), allotv1.AllocationService_Allocate_FullMethodName, tt.raw, &out, grpc.ForceCodecV2(rawCodec{}))
			want := status.Convert(err)
			if want.Code() != codes.InvalidArgument || reasonOf(want) != ReasonMalformed {
				t.Fatalf("gRPC: %v %v", err, want.Details())
			}
			if got := slices.Sorted(maps.Keys(violationsOf(want))); !slices.Equal(got, tt.fields) {
				t.Errorf("violations of %q, want %q", got, tt.fields)
			}
			resp, err := http.Post(s.web+allotv1connect.AllocationServiceAllocateProcedure, "application/proto", bytes.NewReader(tt.raw))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte(ReasonMalformed)) || !bytes.Contains(body, []byte("google.rpc.BadRequest")) {
				t.Errorf("connect: %d %s", resp.StatusCode, body)
			}
			var told struct{ Message string }
			if err := json.Unmarshal(body, &told); err != nil || told.Message != want.Message() {
				t.Errorf("connect says %q, gRPC %q", told.Message, want.Message())
			}
		})
	}
}

func TestMalformedJSON(t *testing.T) {
	s := serve(t, nil)
	for name, tt := range map[string]struct{ body, field, say string }{
		"misspelt field": {`{"order": {"promseDate": "2026-11-20"}}`, "promseDate", `did you mean "promiseDate"?`},
		"overflow":       {`{"order": {"lines": [{"sku": "mug", "quantity": 3000000000}]}}`, "quantity", "3000000000"},
		"not a number":   {`{"order": {"lines": [{"sku": "mug", "quantity": "NaN"}]}}`, "quantity", "NaN"},
		"fraction":       {`{"order": {"lines": [{"sku": "mug", "quantity": 1.5}]}}`, "quantity", "1.5"},
		"no JSON":        {`order two mugs`, "", "syntax"},
		"bad UTF-8":      {"{\"requestId\": \"\xff\"}", "", "UTF-8"},
		"endless":        {`{"requestId": ` + strings.Repeat("9", 1000) + `}`, "requestId", "…"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body := s.post(t, allotv1connect.AllocationServiceAllocateProcedure, tt.body)
			if code != http.StatusBadRequest || !bytes.Contains(body, []byte(tt.say)) && !bytes.Contains(body, []byte(strings.ReplaceAll(tt.say, `"`, `\"`))) {
				t.Errorf("%d %s", code, body)
			}
			if !bytes.Contains(body, []byte(`"field":"`+tt.field)) && tt.field != "" {
				t.Errorf("no field %q in %s", tt.field, body)
			}
		})
	}
}

func TestMessageTooLarge(t *testing.T) {
	s := serve(t, nil)
	large := allocate("r1", order("10001", "mug", 1))
	large.Order.Services = []string{strings.Repeat("x", 100<<20)}
	_, err := s.allocation.Allocate(t.Context(), large)
	want := status.Convert(err)
	if want.Code() != codes.ResourceExhausted || !strings.Contains(want.Message(), "larger than max") {
		t.Fatalf("gRPC: %v %v", want.Code(), want.Message()) // grpc-go itself says so, and takes no details
	}
	raw, err := proto.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.web+allotv1connect.AllocationServiceAllocateProcedure, "application/proto", bytes.NewReader(raw))
	if err != nil {
		t.Logf("the server hung up on the upload: %v", err) // allowed: it does not read 100 MB to say no
	} else {
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusTooManyRequests || !bytes.Contains(body, []byte(ReasonTooLarge)) {
			t.Errorf("connect: %d %.300s", resp.StatusCode, body)
		}
	}
	// Whoever does not say how much is coming is stopped when it came.
	resp, err = http.Post(s.web+allotv1connect.AllocationServiceAllocateProcedure, "application/proto", io.MultiReader(bytes.NewReader(raw[:6<<20])))
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("connect, chunked: %d", resp.StatusCode)
		}
	}
	if _, err := s.allocation.Quote(t.Context(), &allotv1.QuoteRequest{Order: order("10001", "mug", 1)}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
