package server

import (
	"errors"
	"fmt"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
)

// validator checks messages against the rules in the proto files. Compiling them takes milliseconds, so once.
var validator = sync.OnceValue(func() protovalidate.Validator {
	v, err := protovalidate.New(protovalidate.WithMessages(
		&allotv1.QuoteRequest{}, &allotv1.AllocateRequest{}, &allotv1.AllocateBatchRequest{}, &allotv1.GetRequest{}, &allotv1.ExplainRequest{}, &allotv1.ConfirmRequest{},
		&allotv1.ReleaseRequest{}, &allotv1.CancelRequest{}, &allotv1.SetStockRequest{}, &allotv1.AdjustStockRequest{}, &allotv1.GetStockRequest{},
		&allotv1.ShipRequest{}, &allotv1.ShortPickRequest{}, &allotv1.WatchDecisionsRequest{},
		&allotv1.ImportStockRequest{}, &allotv1.StockRow{}, &allotv1.WatchStockRequest{},
		&allotv1.CheckRequest{}, &allotv1.LoadRequest{}, &allotv1.CurrentRequest{}, &allotv1.PricesRequest{},
		&allotv1.SimulationServiceRunRequest{}, &allotv1.SimulationServiceCompareRequest{}, &allotv1.SimulationServiceListRequest{},
		&allotv1.SimulationServiceGetRequest{}, &allotv1.SimulationServiceCancelRequest{},
	))
	if err != nil {
		panic("server: the rules of the contract do not compile: " + err.Error())
	}
	return v
})

// violations adds everything in which a message breaks the rules of its proto to fl.
func violations(m proto.Message, fl *faults.List) {
	err := validator().Validate(m)
	if err == nil {
		return
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		panic(fmt.Sprintf("server: checking a %s: %v", m.ProtoReflect().Descriptor().FullName(), err)) // a rule that cannot run
	}
	for _, v := range broken.Violations {
		fl.Add(faults.Fault{Field: protovalidate.FieldPathString(v.Proto.GetField()), Problem: v.Proto.GetMessage()})
	}
}

// check returns an *faults.Error with everything in which a message breaks the rules of its proto.
func check(m proto.Message) error {
	var fl faults.List
	violations(m, &fl)
	return fl.Err()
}

// cut shortens a list to one more element than its rule allows, so that a message of a million bad elements is refused
// for its length, without a look at each.
func cut[T any](list *[]T, allowed int) {
	if len(*list) > allowed+1 {
		*list = (*list)[:allowed+1]
	}
}

// Ceilings of the contract's lists, as their rules have them.
const (
	maxLines      = 10_000
	maxServices   = 64
	maxStock      = 10_000
	maxSKUs       = 100
	maxWarehouses = 1_000
	maxFiles      = 10_000
	maxItems      = 10_000
	maxRows       = 10_000
	maxPrices     = 10_000
	maxBatch      = 100_000
	maxSimulated  = 100_000
	maxRuns       = 16
	maxName       = 128 // bytes of a SKU, an id of an order, a request or a warehouse, or a service's name
	maxPostal     = 16
	maxTimeZone   = 64
)

// The rules of the hot path by hand. protovalidate takes 3 µs for an order, more than deciding it does; this takes a
// thirtieth. It only ever answers "surely keeps all rules": whatever it doubts is left to protovalidate, which then
// says what is wrong, if anything is. A test holds the two against each other.

// soundOrder tells that an order surely keeps the rules of its proto.
func soundOrder(o *allotv1.Order) bool {
	if o == nil || len(o.Id) > maxName || len(o.CollectAt) > maxName || len(o.Services) > maxServices {
		return false
	}
	if len(o.Lines) < 1 || len(o.Lines) > maxLines {
		return false
	}
	for _, l := range o.Lines {
		if l == nil || len(l.Sku) < 1 || len(l.Sku) > maxName || l.Quantity <= 0 {
			return false
		}
	}
	for _, id := range o.Services {
		if len(id) < 1 || len(id) > maxName {
			return false
		}
	}
	if to := o.To; to != nil {
		if len(to.PostalCode) > maxPostal || len(to.TimeZone) > maxTimeZone || !soundCountry(to.Country) {
			return false
		}
		if p := to.Point; p != nil && !(p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180) {
			return false
		}
	}
	if p, ok := o.Promise.(*allotv1.Order_PromiseDate); ok {
		return p != nil && soundDate(p.PromiseDate)
	}
	return true
}

func soundCountry(c string) bool {
	return c == "" || len(c) == 2 && 'A' <= c[0] && c[0] <= 'Z' && 'A' <= c[1] && c[1] <= 'Z'
}

// soundDate tells that text has the form of a date.
func soundDate(d string) bool {
	if len(d) != len("yyyy-mm-dd") {
		return false
	}
	for i := range len(d) {
		if i == 4 || i == 7 {
			if d[i] != '-' {
				return false
			}
		} else if d[i] < '0' || d[i] > '9' {
			return false
		}
	}
	return true
}

// soundRequestID tells that a request id surely keeps its rules.
func soundRequestID(id string) bool { return len(id) >= 1 && len(id) <= maxName }
