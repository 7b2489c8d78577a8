package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
)

// lines are the prices of an answer as rows of a file, with micros.
func lines(out *allotv1.PricesResponse) (rows []string) {
	for _, p := range out.GetPrices() {
		rows = append(rows, fmt.Sprintf("%s,%s,%s,%s,%s,%d", p.GetWarehouse(), p.GetSku(), p.GetService(), p.GetFrom(), p.GetUntil(), p.GetPriceMicros()))
	}
	return rows
}

var somePrices = []string{
	"columbus,mug,,,,2.25", "reno,mug,,,,0.05", "reno,lamp,,,,7", "reno,,ground,2026-11-01,2026-12-31,0.10", "columbus,,,,,2.25",
}

// TestPricesOnBothPorts asks for the prices in force, on both ports, before there are any, with them, and after.
func TestPricesOnBothPorts(t *testing.T) {
	s := serve(t, nil)
	web := allotv1connect.NewNetworkServiceClient(http.DefaultClient, s.web, connect.WithHTTPGet())
	ask := func(r *allotv1.PricesRequest) *allotv1.PricesResponse {
		t.Helper()
		out, err := s.networks.Prices(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		other, err := web.Prices(t.Context(), r)
		if err != nil || !proto.Equal(out, other) {
			t.Errorf("one port says %v, the other %v, %v", out, other, err)
		}
		return out
	}
	none := &allotv1.PricesResponse{Currency: "USD"}
	if out := ask(&allotv1.PricesRequest{}); !proto.Equal(out, none) {
		t.Errorf("without prices: %v", out)
	}
	s.clock.advance(time.Minute)
	since := s.clock.now()
	p := setPrices(t, s.Server, somePrices...)
	s.clock.advance(time.Minute)
	out := ask(&allotv1.PricesRequest{})
	want := "reno,lamp,,,,7000000 columbus,mug,,,,2250000 columbus,,,,,2250000 reno,,ground,2026-11-01,2026-12-31,100000 reno,mug,,,,50000"
	if got := strings.Join(lines(out), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if out.GetVersion() != p.Version() || !out.GetLoadedAt().AsTime().Equal(since) || out.GetCount() != 5 || out.GetCurrency() != "USD" {
		t.Errorf("%v, since %v", out, since)
	}
	x, err := s.allocation.Explain(t.Context(), &allotv1.ExplainRequest{Order: order("10001", "mug", 1)})
	if err != nil || x.GetDecision().GetPricesVersion() != out.GetVersion() {
		t.Errorf("decided with %v, %v", x.GetDecision(), err)
	}
	// Other prices are others: the answer is of the moment.
	s.clock.advance(time.Minute)
	other := ask(&allotv1.PricesRequest{})
	q := setPrices(t, s.Server, somePrices[:1]...)
	if now := ask(&allotv1.PricesRequest{}); proto.Equal(now, other) || now.GetVersion() != q.Version() || now.GetCount() != 1 || !now.GetLoadedAt().AsTime().Equal(s.clock.now()) {
		t.Errorf("%v", now)
	}
	if err := s.SetPrices(nil); err != nil {
		t.Fatal(err)
	}
	if out := ask(&allotv1.PricesRequest{}); !proto.Equal(out, none) {
		t.Errorf("without prices again: %v", out)
	}
}

// TestPricesThatMatch asks for some of the prices, and for all in parts.
func TestPricesThatMatch(t *testing.T) {
	s, _ := newServer(t, nil)
	setPrices(t, s, somePrices...)
	for _, c := range []struct {
		request *allotv1.PricesRequest
		count   int32
		want    string
	}{
		{&allotv1.PricesRequest{Top: 2}, 5, "reno,lamp,,,,7000000 columbus,mug,,,,2250000"},
		{&allotv1.PricesRequest{Top: 2, Skip: 2}, 5, "columbus,,,,,2250000 reno,,ground,2026-11-01,2026-12-31,100000"},
		{&allotv1.PricesRequest{Top: 2, Skip: 4}, 5, "reno,mug,,,,50000"},
		{&allotv1.PricesRequest{Skip: 5}, 5, ""},
		{&allotv1.PricesRequest{Skus: []string{"mug"}}, 2, "columbus,mug,,,,2250000 reno,mug,,,,50000"},
		{&allotv1.PricesRequest{Skus: []string{"mug"}, Warehouses: []string{"reno"}}, 1, "reno,mug,,,,50000"},
		{&allotv1.PricesRequest{Warehouses: []string{"columbus"}, Top: 1}, 2, "columbus,mug,,,,2250000"},
		{&allotv1.PricesRequest{Skus: []string{"lamp", "mug"}, Warehouses: []string{"columbus", "reno"}}, 3, "reno,lamp,,,,7000000 columbus,mug,,,,2250000 reno,mug,,,,50000"},
		{&allotv1.PricesRequest{Skus: []string{"poster"}}, 0, ""},
	} {
		out, err := s.Prices(t.Context(), c.request)
		if err != nil || out.GetCount() != c.count || strings.Join(lines(out), " ") != c.want {
			t.Errorf("%v: %v, %v", c.request, out, err)
		}
	}
}

// TestPricesAreRefusedByName asks for what there is not, and for prices that others have followed.
func TestPricesAreRefusedByName(t *testing.T) {
	s := serve(t, nil)
	p := setPrices(t, s.Server, somePrices...)
	_, err := s.networks.Prices(t.Context(), &allotv1.PricesRequest{Skus: []string{"mug", "mgu", ""}, Warehouses: []string{"rino"}, Top: 10_001, Skip: -1})
	st := status.Convert(err)
	fields := violationsOf(st)
	for field, say := range map[string]string{
		"skus[1]": `unknown SKU "mgu"; did you mean "mug"`, "skus[2]": "1 character", "warehouses[0]": `unknown warehouse "rino"; did you mean "reno"`,
		"top": "10000", "skip": "0",
	} {
		if !strings.Contains(fields[field], say) {
			t.Errorf("%s: %q", field, fields[field])
		}
	}
	if len(fields) != 5 || st.Code() != codes.InvalidArgument || reasonOf(st) != ReasonInvalid {
		t.Errorf("%v: %v", st, fields)
	}
	if out, err := s.networks.Prices(t.Context(), &allotv1.PricesRequest{Version: p.Version(), Skip: 4}); err != nil || len(out.GetPrices()) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	q := setPrices(t, s.Server, somePrices[:2]...)
	for range 2 { // with others in force, and with none
		_, err = s.networks.Prices(t.Context(), &allotv1.PricesRequest{Version: p.Version(), Skip: 4})
		if st := status.Convert(err); st.Code() != codes.Aborted || reasonOf(st) != ReasonPricesChanged {
			t.Errorf("prices that are in force no more: %v", err)
		}
		if err := s.SetPrices(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.networks.Prices(t.Context(), &allotv1.PricesRequest{Version: q.Version()}); status.Code(err) != codes.Aborted {
		t.Errorf("prices that are in force no more: %v", err)
	}
}

// TestPricesStayInForce loads a network beside prices: those that it keeps have been in force since before, with names of the
// new rows. The control: others have not.
func TestPricesStayInForce(t *testing.T) {
	s, clock := newServer(t, nil)
	p := setPrices(t, s, somePrices...)
	before, err := s.Prices(t.Context(), &allotv1.PricesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Hour)
	files := shopFiles("warehouses.csv", "columbus,", "boise,83701,14:00,2,,1.00,0.10,roads\ncolumbus,")
	if _, err := s.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l", Files: files}); err != nil {
		t.Fatal(err)
	}
	if after, err := s.Prices(t.Context(), &allotv1.PricesRequest{Version: p.Version()}); err != nil || !proto.Equal(before, after) {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
	setPrices(t, s, "boise,mug,,,,1")
	if out, err := s.Prices(t.Context(), &allotv1.PricesRequest{}); err != nil || out.GetLoadedAt().AsTime().Sub(before.GetLoadedAt().AsTime()) != time.Hour {
		t.Errorf("%v, %v", out, err)
	}
}

// TestPricesComeInParts has more prices than one answer: parts make the whole.
func TestPricesComeInParts(t *testing.T) {
	sku := func(i int) string { return fmt.Sprintf("s-%05d", i) }
	var skus, rows []string
	for i := range maxPrices + 500 {
		skus = append(skus, sku(i)+",1 lb,4 in,4 in,4 in")
		rows = append(rows, fmt.Sprintf("reno,%s,,,,%d.%02d", sku(i), 1+i%7, i%100))
	}
	s, _ := newServer(t, func(c *Config) { c.Load = edited("skus.csv", "lamp,", strings.Join(skus, "\n")+"\nlamp,") })
	p := setPrices(t, s, rows...)
	seen, last := map[string]bool{}, int64(1<<62)
	var sizes []int
	for len(seen) < len(rows) {
		out, err := s.Prices(t.Context(), &allotv1.PricesRequest{Skip: int32(len(seen)), Version: p.Version()})
		if err != nil || len(out.GetPrices()) == 0 || int(out.GetCount()) != len(rows) {
			t.Fatal(out, err)
		}
		for _, one := range out.GetPrices() {
			if one.GetPriceMicros() > last {
				t.Fatalf("%v is higher than one before it", one)
			}
			last = one.GetPriceMicros()
			seen[one.GetSku()] = true
		}
		sizes = append(sizes, len(out.GetPrices()))
	}
	if len(sizes) != 2 || sizes[0] != maxPrices {
		t.Errorf("parts of %d", sizes)
	}
}
