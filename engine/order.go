package engine

import (
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// An Order is what a buyer wants, where and by when, in the words of the outside.
type Order struct {
	ID        string
	Lines     []Line
	To        Destination
	Promise   Promise
	CollectAt string   // the id of the warehouse where the buyer collects it; "" where it is sent
	Services  []string // only these services may be used; empty: all of the network's
}

// A Line is a quantity of one SKU. Lines of one SKU in an order are filled as one.
type Line struct {
	SKU      string
	Quantity int64 // 1 up to the policy's MaxUnits
}

// A Destination is where an order goes: a postal code, or a point where there is none.
type Destination struct {
	Country    string // ISO 3166-1 alpha-2; "" is US
	Postal     string // "" where Point is given
	Point      *geo.Point
	TimeZone   string // IANA; "" is that of the place
	Commercial bool   // a business address; otherwise residential
}

// A Promise is when the order must have arrived: a local date at the destination, an instant, or neither, which is
// no promise at all.
type Promise struct {
	Date    units.Date    // 0 is none
	Instant units.Instant // 0 is none
}

// IsZero tells that nothing was promised.
func (p Promise) IsZero() bool { return p == Promise{} }
