package network

import (
	"os"
	"reflect"
	"testing"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// TestCloneIsTheSameNetworkAndApart clones the example network, compiles both, then changes whatever the clone says it owns, and
// compares the original with one that is read again.
func TestCloneIsTheSameNetworkAndApart(t *testing.T) {
	read := func() *Source {
		src, err := Read(os.DirFS("../../examples/us-parcel"))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	src, again := read(), read()
	c := src.Clone()
	if !reflect.DeepEqual(c.Settings, src.Settings) || !reflect.DeepEqual(c.Warehouses, src.Warehouses) || !reflect.DeepEqual(c.Stock, src.Stock) ||
		!reflect.DeepEqual(c.SKUs, src.SKUs) || !reflect.DeepEqual(c.Pickups, src.Pickups) || !reflect.DeepEqual(c.Transits, src.Transits) {
		t.Error("the clone differs")
	}
	own, err := Compile(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := Compile(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if own.Version != copied.Version {
		t.Errorf("the clone compiles to version %s, the original to %s", copied.Version, own.Version)
	}

	set := &c.Settings
	set.Policy.MaxShipments++
	set.Defaults.Holidays[0] = "x"
	set.Calendars["x"] = CalendarSource{}
	set.Zones["x"] = ZoneSetSource{}
	set.Classes["x"] = ClassSource{}
	set.Carriers[0].ID = "x"
	set.Services[0].DailyCapacity = 1
	set.Boxes[0].Cost++
	c.Warehouses[0].Cutoff = new(units.Clock)
	c.SKUs[0].Weight++
	c.Stock[0].OnHand++
	c.Pickups[0].Service = "x"
	c.Cards[0] = nil
	c.Transits["x"] = []*lanes.TransitTable{}
	c.Charts["x"] = nil
	c.AreaLists["x"] = nil
	c.ServiceAreas[0].Name = "x"
	c.Holidays[0].Calendar = "x"
	src.doc, again.doc = nil, nil
	src.cardDocs, again.cardDocs = nil, nil
	if !reflect.DeepEqual(src, again) {
		t.Error("a change of the clone shows in the original")
	}
}
