package server

import (
	"bytes"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// readLong is the way through the messages.
func readLong(wire []byte) (id string, o *engine.Order, ok bool) {
	m := &allotv1.AllocateRequest{}
	if proto.Unmarshal(wire, m) != nil || !keepsRules(m) {
		return "", nil, false
	}
	var fl faults.List
	o = &engine.Order{}
	readOrder(m.GetOrder(), o, &geo.Point{}, &fl)
	return m.GetRequestId(), o, fl.Len() == 0
}

func sameOrder(a, b *engine.Order) bool {
	return bytes.Equal(appendOrder(nil, a), appendOrder(nil, b))
}

// TestPlainIsTheLongWay holds the short way of reading a request against the long one: what it reads, it reads alike,
// and it reads every plain request.
func TestPlainIsTheLongWay(t *testing.T) {
	plain, other := 0, 0
	dirty := engine.Order{
		ID: "left over", CollectAt: "left over", Lines: make([]engine.Line, 7), Services: []string{"left over"},
		To: engine.Destination{Postal: "00000", Commercial: true}, Promise: engine.Promise{Date: 1, Instant: 2},
	}
	for range 50 { // until both kinds were drawn often enough, which the first time mostly sees to
		rapid.Check(t, func(t *rapid.T) {
			wire, err := proto.Marshal(randomRequest(t))
			if err != nil {
				return // text that is not UTF-8 does not come from our encoder
			}
			damaged := rapid.IntRange(0, 4).Draw(t, "damage") == 0 && len(wire) > 0
			if damaged {
				wire[rapid.IntRange(0, len(wire)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
			wantID, want, sound := readLong(wire)
			o := dirty
			id, question, ok := readPlain(string(wire), &o)
			if !ok {
				other++
				if sound && !damaged && want.To.Point == nil && want.Promise.Instant == 0 {
					t.Fatalf("not plain: %x %+v", wire, want)
				}
				return
			}
			plain++
			if !sound || id != wantID || !sameOrder(&o, want) {
				t.Fatalf("%x read as %q %+v, want %v %q %+v", wire, id, o, sound, wantID, want)
			}
			behind := o.Promise.Date != 0 && (o.CollectAt != "" || len(o.Services) > 0) // our encoder writes the promise last
			if written := string(appendQuestion(nil, &o, false)); question != written && (question != "" || !damaged && !behind) {
				t.Fatalf("%x: the question is %x, and %x is written", wire, question, written)
			}
		})
		if t.Failed() || plain >= 10 && other >= 10 {
			break
		}
	}
	if plain < 10 || other < 10 {
		t.Errorf("%d plain and %d other requests: only half was tested", plain, other)
	}
}

func TestPlainDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9]`).Draw(t, "date")
		want, err := units.ParseDate(s)
		if got, ok := plainDate(s); ok && (err != nil || got != want) || !ok && err == nil && s >= "2000" {
			t.Fatalf("%s: %v %v, want %v %v", s, got, ok, want, err)
		}
	})
	for _, bad := range []string{"", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "1999-12-31", "2026-1-1", "2026/01/01"} {
		if _, ok := plainDate(bad); ok {
			t.Errorf("%q is a date", bad)
		}
	}
}

func FuzzReadPlain(f *testing.F) {
	for _, r := range []*allotv1.AllocateRequest{
		{}, allocate("r1", order("10001", "mug", 2)), allocate("r1", &allotv1.Order{CollectAt: "reno", Services: []string{"a", "b"}}),
	} {
		wire, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Add([]byte("\x0a\x01r\x12\x03\x0a\x01o\x12\x00"))                                    // an order in two parts
	f.Add([]byte("\x0a\x02r\xff"))                                                         // not UTF-8
	f.Add([]byte("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))                          // a length beyond all bounds
	f.Add([]byte("\x12\x10\x12\x0e\x0a\x01m\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) // minus one
	line := "\x12\x07\x0a\x03mug\x10\x02"
	for _, order := range []string{ // none is what we write
		line + "\x0a\x00",                             // an empty id
		line + "\x0a\x01o",                            // behind the lines
		"\x0a\x01o\x0a\x01p" + line,                   // twice
		line + "\x1a\x00",                             // a destination that says nothing
		line + "\x1a\x02\x28\x00",                     // nor that
		line + "\x1a\x02\x28\x02",                     // a truth of 2
		line + "\x1a\x06\x12\x01a\x12\x01b",           // two postal codes
		line + "\x1a\x06\x12\x01a\x0a\x01b",           // a country behind them
		"\x12\x08\x0a\x03mug\x10\x82\x00",             // a long 2
		"\x12\x87\x00\x0a\x03mug\x10\x02",             // a long length
		"\x92\x00\x07\x0a\x03mug\x10\x02",             // a long tag
		"\x12\x0b\x0a\x03mug\x10\x82\x80\x80\x80\x10", // 2 and what an int32 has no room for
		"\x12\x07\x10\x02\x0a\x03mug",                 // the quantity first
	} {
		f.Add([]byte("\x0a\x01r\x12" + string(rune(len(order))) + order))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var o engine.Order
		id, question, ok := readPlain(string(wire), &o)
		if !ok {
			return
		}
		if written := string(appendQuestion(nil, &o, false)); question != "" && question != written {
			t.Fatalf("the question is %x, and %x is written", question, written)
		}
		if wantID, want, sound := readLong(wire); !sound || id != wantID || !sameOrder(&o, want) {
			t.Fatalf("read as %q %+v, want %v %q %+v", id, o, sound, wantID, want)
		}
	})
}

func TestHashTellsOrdersApart(t *testing.T) {
	base := func() *engine.Order {
		return &engine.Order{
			ID: "o", Lines: []engine.Line{{SKU: "a", Quantity: 1}, {SKU: "b", Quantity: 2}}, CollectAt: "w", Services: []string{"s", "t"},
			To:      engine.Destination{Country: "US", Postal: "1", Point: &geo.Point{Lat: 1, Lng: 2}, TimeZone: "z", Commercial: true},
			Promise: engine.Promise{Date: 3, Instant: 4},
		}
	}
	// Every field of the engine's order counts: a new one must be hashed too.
	if n := reflect.TypeFor[engine.Order]().NumField() + reflect.TypeFor[engine.Line]().NumField() +
		reflect.TypeFor[engine.Destination]().NumField() + reflect.TypeFor[engine.Promise]().NumField(); n != 6+2+5+2 {
		t.Errorf("%d fields: does appendOrder know them all?", n)
	}
	seen := map[string]string{string(appendOrder(nil, base())): "the order itself"}
	for name, change := range map[string]func(*engine.Order){
		"id":                func(o *engine.Order) { o.ID = "p" },
		"SKU":               func(o *engine.Order) { o.Lines[1].SKU = "c" },
		"quantity":          func(o *engine.Order) { o.Lines[1].Quantity = 3 },
		"fewer lines":       func(o *engine.Order) { o.Lines = o.Lines[:1] },
		"lines swapped":     func(o *engine.Order) { o.Lines[0], o.Lines[1] = o.Lines[1], o.Lines[0] },
		"country":           func(o *engine.Order) { o.To.Country = "CA" },
		"postal":            func(o *engine.Order) { o.To.Postal = "2" },
		"no point":          func(o *engine.Order) { o.To.Point = nil },
		"latitude":          func(o *engine.Order) { o.To.Point.Lat = 2 },
		"longitude":         func(o *engine.Order) { o.To.Point.Lng = 1 },
		"time zone":         func(o *engine.Order) { o.To.TimeZone = "y" },
		"residential":       func(o *engine.Order) { o.To.Commercial = false },
		"date":              func(o *engine.Order) { o.Promise.Date = 4 },
		"instant":           func(o *engine.Order) { o.Promise.Instant = 5 },
		"collected":         func(o *engine.Order) { o.CollectAt = "x" },
		"services joined":   func(o *engine.Order) { o.Services = []string{"st"} },
		"service":           func(o *engine.Order) { o.Services[1] = "u" },
		"country to postal": func(o *engine.Order) { o.To.Country, o.To.Postal = "U", "S1" },
	} {
		o := base()
		change(o)
		b := string(appendOrder(nil, o))
		if other, ok := seen[b]; ok {
			t.Errorf("%s is hashed as %s", name, other)
		}
		seen[b] = name
	}
}
