package ratecards

import (
	"os"
	"reflect"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// TestCloneIsTheSameCardAndApart clones the cards of the example network, compares them, writes over all that a clone says it
// owns, and looks whether the original is as it was.
func TestCloneIsTheSameCardAndApart(t *testing.T) {
	var fl faults.List
	cards := ReadDir(os.DirFS("../examples/us-parcel"), "cards", &fl)
	again := ReadDir(os.DirFS("../examples/us-parcel"), "cards", &fl)
	if fl.Len() > 0 || len(cards) == 0 {
		t.Fatal(len(cards), fl.Err())
	}
	for i, card := range cards {
		c := card.Clone()
		c.doc, c.state = card.doc, card.state // of the file
		if !reflect.DeepEqual(c, card) {
			t.Errorf("%s: the clone differs", card.File)
		}
		c.EffectiveFrom++
		for j := range c.Structures {
			st := &c.Structures[j]
			st.Name += "x"
			if st.Price != nil {
				*st.Price++
			}
			if st.Table != nil {
				st.Table.Zones[0] += "x"
				for _, row := range st.Table.Rows {
					row.Prices[0]++
				}
			}
		}
		if c.Fuel != nil {
			c.Fuel.Weeks[0].Percent++
			c.Fuel.On = FuelOnNone
		}
		for j := range c.Surcharges {
			s := &c.Surcharges[j]
			if s.Amount.Flat != nil {
				*s.Amount.Flat++
			}
			for zone := range s.Amount.ByZone {
				s.Amount.ByZone[zone]++
			}
			for k := range s.Windows {
				s.Windows[k].From++
			}
			s.DependsOn = append(s.DependsOn[:0], "x")
		}
		if c.Discount != nil {
			c.Discount.Percent++
		}
		want := again[i]
		if !reflect.DeepEqual(card, want) {
			t.Errorf("%s: a change of the clone shows in the original", card.File)
		}
	}
}

// TestCloneIsChecked: what a program made of a card is checked when it is compiled.
func TestCloneIsChecked(t *testing.T) {
	var fl faults.List
	card := Read(os.DirFS("../examples/us-parcel"), "cards/same_day.yaml", &fl)
	c := card.Clone()
	c.Structures[0].Table.Rows[0].Prices[0] = units.Cent / 3
	if c.Compile([]string{"", "city"}, nil, &fl); fl.Len() == 0 {
		t.Error("a price finer than a cent was taken")
	}
	fl = faults.List{}
	if card.Compile([]string{"", "city"}, nil, &fl); fl.Len() > 0 {
		t.Error(fl.Err())
	}
}
