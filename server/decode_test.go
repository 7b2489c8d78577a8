package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

func TestReadOrder(t *testing.T) {
	m := order("10001", "mug", 2)
	m.To.Point = &allotv1.Point{Latitude: 40.75, Longitude: -73.99}
	m.To.Country, m.To.TimeZone, m.To.Commercial = "US", "America/New_York", true
	m.CollectAt, m.Services = "reno", []string{"ground"}
	m.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-27"}
	o, err := ReadOrder(m)
	if err != nil {
		t.Fatal(err)
	}
	if o.ID != "o-1" || len(o.Lines) != 1 || o.Lines[0].SKU != "mug" || o.Lines[0].Quantity != 2 || o.CollectAt != "reno" || o.Services[0] != "ground" ||
		o.To.Postal != "10001" || o.To.Country != "US" || o.To.TimeZone != "America/New_York" || !o.To.Commercial || o.To.Point.Lat != 40.75 || o.To.Point.Lng != -73.99 ||
		o.Promise.Date != units.DateOf(2026, 11, 27) || o.Promise.Instant != 0 {
		t.Errorf("%+v", o)
	}
	m.Promise = &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: 1_800_000_000, Nanos: 999_999_999}}
	if o, err = ReadOrder(m); err != nil || o.Promise.Instant != 1_800_000_000 || o.Promise.Date != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	for name, bad := range map[string]*allotv1.Order{"nil": nil, "empty": {}, "no promise at": {
		Lines: []*allotv1.Line{{Sku: "mug", Quantity: 1}}, Promise: &allotv1.Order_PromiseAt{},
	}} {
		if _, err := ReadOrder(bad); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestPartOf(t *testing.T) {
	for field, want := range map[string]string{
		"order.lines[3].sku": "order.lines[3]", "order.lines[3]": "order.lines", "order.lines": "order", "order": "", "": "",
	} {
		if got := partOf(field); got != want {
			t.Errorf("partOf(%q) = %q, want %q", field, got, want)
		}
	}
}

func FuzzReadOrder(f *testing.F) {
	for _, o := range []*allotv1.Order{
		{}, order("10001", "mug", 2), order("", "", 0),
		{To: &allotv1.Destination{Point: &allotv1.Point{Latitude: 91}}, Promise: &allotv1.Order_PromiseDate{PromiseDate: "2026-02-30"}},
		{Promise: &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: -1, Nanos: -1}}},
	} {
		raw, err := proto.Marshal(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &allotv1.Order{}
		if err := proto.Unmarshal(raw, m); err != nil {
			if got := explainBinary(err, raw, m); len(got) == 0 || got[0].GetDescription() == "" {
				t.Errorf("%v is not explained", err)
			}
			return
		}
		o, err := ReadOrder(m)
		if bad, ok := asFaults(err); err != nil && (!ok || len(bad) == 0 || bad[0].Problem == "") {
			t.Fatalf("refused without a fault: %v", err)
		}
		if err == nil && len(o.Lines) != len(m.GetLines()) {
			t.Errorf("%d lines read of %d", len(o.Lines), len(m.GetLines()))
		}
	})
}

// FuzzAllocateJSON sends any body to the second port: it is answered, or refused as the caller's fault with a reason.
func FuzzAllocateJSON(f *testing.F) {
	f.Add(`{"requestId": "r1", "order": {"lines": [{"sku": "mug", "quantity": 2}], "to": {"postalCode": "10001"}}}`)
	f.Add(`{"requestId": "r1", "order": {"lines": [{"sku": "mug", "quantity": -2}], "to": {"point": {"latitude": "NaN"}}, "promiseAt": "2026-11-27T14:00:00Z"}}`)
	f.Add(`{"order": {"promiseDate": "2026-02-30", "services": [""]}}`)
	f.Add("{\"requestId\": \"\xff\"}")
	f.Add(`[]`)
	s, _ := newServer(f, nil)
	handler := s.handler()
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, allotv1connect.AllocationServiceAllocateProcedure, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK:
			if err := protojson.Unmarshal(w.Body.Bytes(), &allotv1.AllocateResponse{}); err != nil {
				t.Errorf("%v in %s", err, w.Body)
			}
		case http.StatusBadRequest, http.StatusConflict:
			var out struct{ Code, Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Code == "" || out.Message == "" {
				t.Errorf("%v in %s", err, w.Body)
			}
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestExplainJSONWhenItsTextsChange(t *testing.T) {
	got := explainJSON(&faults.Error{Faults: []faults.Fault{{Problem: "something else"}}}, nil, &allotv1.Order{})
	if len(got) != 1 || got[0].GetDescription() != "something else" || got[0].GetField() != "" {
		t.Errorf("%v", got)
	}
}
