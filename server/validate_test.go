package server

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
)

func keepsRules(m proto.Message) bool {
	var fl faults.List
	violations(m, &fl)
	return fl.Len() == 0
}

// names are texts about the edges of what the rules allow; most are well within.
func names(max int) *rapid.Generator[string] {
	return mostly("a", rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "mug", "é", "\u0000"}),
		rapid.Custom(func(t *rapid.T) string { return strings.Repeat("x", max-1+rapid.IntRange(0, 2).Draw(t, "over")) }),
		rapid.Custom(func(t *rapid.T) string { return strings.Repeat("é", max/2+rapid.IntRange(0, 1).Draw(t, "over")) }),
		rapid.String(),
	))
}

// mostly draws the plain value nineteen times of twenty, so that whole requests are good often enough.
func mostly[V any](plain V, other *rapid.Generator[V]) *rapid.Generator[V] {
	return rapid.Custom(func(t *rapid.T) V {
		if rapid.IntRange(0, 19).Draw(t, "plain") > 0 {
			return plain
		}
		return other.Draw(t, "other")
	})
}

func randomRequest(t *rapid.T) *allotv1.AllocateRequest {
	name := names(maxName)
	r := &allotv1.AllocateRequest{RequestId: name.Draw(t, "request")}
	if rapid.IntRange(0, 9).Draw(t, "order") == 0 {
		return r
	}
	o := &allotv1.Order{Id: name.Draw(t, "id"), CollectAt: name.Draw(t, "collect")}
	r.Order = o
	for range rapid.IntRange(0, 3).Draw(t, "lines") {
		q := mostly(int32(1), rapid.OneOf(rapid.Int32(), rapid.SampledFrom([]int32{-1, 0, math.MaxInt32}))).Draw(t, "quantity")
		o.Lines = append(o.Lines, &allotv1.Line{Sku: name.Draw(t, "sku"), Quantity: q})
	}
	for range mostly(1, rapid.SampledFrom([]int{0, 64, 65})).Draw(t, "services") {
		o.Services = append(o.Services, "s")
	}
	if rapid.Bool().Draw(t, "more") {
		o.Services = append(o.Services, name.Draw(t, "service"))
	}
	if rapid.Bool().Draw(t, "to") {
		degrees := mostly(0, rapid.SampledFrom([]float64{-90, 90, -180, 180, 90.0001, -180.01, math.NaN(), math.Inf(1), math.Copysign(0, -1), 1e300}))
		o.To = &allotv1.Destination{
			Country:    mostly("US", rapid.OneOf(rapid.SampledFrom([]string{"", "us", "U", "USA", "ÜS", "U\n"}), rapid.String())).Draw(t, "country"),
			PostalCode: names(maxPostal).Draw(t, "postal"), TimeZone: names(maxTimeZone).Draw(t, "zone"),
		}
		if rapid.Bool().Draw(t, "point") {
			o.To.Point = &allotv1.Point{Latitude: degrees.Draw(t, "latitude"), Longitude: degrees.Draw(t, "longitude")}
		}
	}
	switch rapid.IntRange(0, 2).Draw(t, "promise") {
	case 1:
		date := mostly("2026-11-27", rapid.OneOf(rapid.SampledFrom([]string{"", "2026-13-45", "2026-11-27\n", "２026-11-27", "2026/11/27", "20261-11-27"}), rapid.String()))
		o.Promise = &allotv1.Order_PromiseDate{PromiseDate: date.Draw(t, "date")}
	case 2:
		o.Promise = &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: rapid.Int64().Draw(t, "at")}}
	}
	return r
}

// TestHandChecksAreProtovalidate holds the rules written by hand against the rules of the proto: what the hand passes,
// protovalidate passes, and the hand doubts nothing that protovalidate passes, so that good requests are never slow.
func TestHandChecksAreProtovalidate(t *testing.T) {
	passed, refused := 0, 0
	for range 50 { // until both kinds were drawn often enough, which the first time mostly sees to
		rapid.Check(t, func(t *rapid.T) {
			r := randomRequest(t)
			hand := soundRequestID(r.GetRequestId()) && soundOrder(r.GetOrder())
			if rules := keepsRules(r); hand != rules {
				t.Fatalf("by hand %v, by protovalidate %v: %v", hand, rules, r)
			} else if rules {
				passed++
			} else {
				refused++
			}
			if rules := keepsRules(&allotv1.QuoteRequest{Order: r.GetOrder()}); soundOrder(r.GetOrder()) != rules {
				t.Fatalf("Quote: protovalidate %v: %v", rules, r)
			}
		})
		if t.Failed() || passed >= 10 && refused >= 10 {
			break
		}
	}
	if passed < 10 || refused < 10 {
		t.Errorf("%d random requests were good and %d bad: only half was tested", passed, refused)
	}
	// What random requests do not reach: the number of lines, and the pieces of a message that may be missing.
	for n, want := range map[int]bool{maxLines: true, maxLines + 1: false} {
		o := order("10001")
		for range n {
			o.Lines = append(o.Lines, &allotv1.Line{Sku: "mug", Quantity: 1})
		}
		if soundOrder(o) != want || keepsRules(allocate("r", o)) != want {
			t.Errorf("%d lines: by hand %v, by protovalidate %v", n, soundOrder(o), keepsRules(allocate("r", o)))
		}
	}
	if o := (&allotv1.Order{Lines: []*allotv1.Line{nil}}); soundOrder(o) {
		t.Error("a missing line passes")
	}
}

// TestCeilingsAreThoseOfTheRules sends lists of one element too many: were a ceiling here above the rule's, cut would
// make a list pass that must not.
func TestCeilingsAreThoseOfTheRules(t *testing.T) {
	for name, build := range map[string]func(over int) proto.Message{
		"services": func(over int) proto.Message {
			o := order("10001", "mug", 1)
			for range maxServices + over {
				o.Services = append(o.Services, "s")
			}
			return allocate("r", o)
		},
		"levels": func(over int) proto.Message {
			r := &allotv1.SetStockRequest{RequestId: "r"}
			for range maxStock + over {
				r.Levels = append(r.Levels, &allotv1.StockLevel{Warehouse: "w", Sku: "s"})
			}
			return r
		},
		"adjustments": func(over int) proto.Message {
			r := &allotv1.AdjustStockRequest{RequestId: "r"}
			for range maxStock + over {
				r.Adjustments = append(r.Adjustments, &allotv1.StockAdjustment{Warehouse: "w", Sku: "s", Change: 1})
			}
			return r
		},
		"skus": func(over int) proto.Message {
			r := &allotv1.GetStockRequest{}
			for range maxSKUs + over {
				r.Skus = append(r.Skus, "s")
			}
			return r
		},
		"warehouses": func(over int) proto.Message {
			r := &allotv1.GetStockRequest{Skus: []string{"s"}}
			for range maxWarehouses + over {
				r.Warehouses = append(r.Warehouses, "w")
			}
			return r
		},
		"files": func(over int) proto.Message {
			r := &allotv1.LoadRequest{RequestId: "r"}
			for range maxFiles + over {
				r.Files = append(r.Files, &allotv1.NetworkFile{Name: "f"})
			}
			return r
		},
	} {
		if !keepsRules(build(0)) || keepsRules(build(1)) {
			t.Errorf("%s: at the ceiling %v, above it %v", name, keepsRules(build(0)), keepsRules(build(1)))
		}
	}
}

func TestCut(t *testing.T) {
	for n, want := range map[int]int{0: 0, 3: 3, 4: 4, 5: 4, 1000: 4} {
		list := make([]int, n)
		if cut(&list, 3); len(list) != want {
			t.Errorf("%d elements cut to %d, want %d", n, len(list), want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	r := allocate("request-1", order("10001", "mug", 2, "lamp", 1))
	r.Order.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-27"}
	b.Run("by=hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !soundRequestID(r.GetRequestId()) || !soundOrder(r.GetOrder()) {
				b.Fatal("unsound")
			}
		}
	})
	b.Run("by=protovalidate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !keepsRules(r) {
				b.Fatal("unsound")
			}
		}
	})
}
