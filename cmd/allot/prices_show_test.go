package main

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// A priceList is a server with many prices, each one micro lower than the one before it. It puts others in force, which begin
// one currency unit higher, after as many answers as changes says.
type priceList struct {
	allotv1.NetworkServiceClient
	count, part int
	changes     []int
	asked       int
}

func (l *priceList) Prices(_ context.Context, r *allotv1.PricesRequest, _ ...grpc.CallOption) (*allotv1.PricesResponse, error) {
	version := 1
	for _, after := range l.changes {
		if l.asked >= after {
			version++
		}
	}
	l.asked++
	out := &allotv1.PricesResponse{Version: fmt.Sprint(version), Currency: "USD", Count: int32(l.count)}
	if r.GetVersion() != "" && r.GetVersion() != out.Version {
		return nil, status.Error(codes.Aborted, "others are in force")
	}
	most := l.part
	if r.GetTop() > 0 {
		most = min(most, int(r.GetTop()))
	}
	for i := int(r.GetSkip()); i < min(l.count, int(r.GetSkip())+most); i++ {
		out.Prices = append(out.Prices, &allotv1.Price{Warehouse: "reno", PriceMicros: int64(version)*1_000_000 - int64(i)})
	}
	return out, nil
}

// TestPricesOfAServerAreWhole reads what comes in parts, while other prices may come. All parts are of the same ones.
func TestPricesOfAServerAreWhole(t *testing.T) {
	for _, c := range []struct {
		top     int
		changes []int
		rows    int
		version string
		asked   int
	}{
		{0, nil, 25, "1", 3},
		{3, nil, 3, "1", 1},
		{20, nil, 20, "1", 2},
		{99, nil, 25, "1", 3},
		{0, []int{1}, 25, "2", 5},
		{0, []int{2, 4}, 25, "3", 8},
		{5, []int{1}, 5, "1", 1}, // too late to matter
	} {
		fl, l := &pricesShowFlags{top: c.top}, &priceList{count: 25, part: 10, changes: c.changes}
		got, err := fl.askAgain(t.Context(), l)
		if err != nil || len(got.Prices) != c.rows || got.Version != c.version || got.Count != 25 || l.asked != c.asked {
			t.Errorf("%+v: %+v after %d calls, %v", c, got, l.asked, err)
			continue
		}
		for i, p := range got.Prices {
			if fmt.Sprint((p.PriceMicros+int64(i))/1_000_000) != c.version {
				t.Errorf("%+v: row %d is of other prices: %v", c, i, p)
			}
		}
	}
	// It gives up on a server whose prices never stay.
	var always []int
	for i := range 100 {
		always = append(always, i)
	}
	fl, l := &pricesShowFlags{}, &priceList{count: 25, part: 10, changes: always}
	if _, err := fl.askAgain(t.Context(), l); status.Code(err) != codes.Aborted || l.asked != 2*maxAsks {
		t.Errorf("%v after %d calls", err, l.asked)
	}
	// Fewer prices than are counted must not be waited for without end.
	if got, err := fl.askAgain(t.Context(), &priceList{count: 25}); err != nil || len(got.Prices) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
