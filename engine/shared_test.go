package engine_test

import (
	"testing"

	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/geo"
)

func TestPlacesShareOnlyLanesThatAreTheirOwn(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 20, SKUs: 1, Places: 1})
	defer w.Close()
	places := make([]geo.Row, 300)
	for i := range places {
		places[i] = geo.Row(i)
	}
	rows, wrong, err := w.Engine.SharedRows(places)
	if err != nil {
		t.Fatal(err)
	}
	if wrong != "" {
		t.Errorf("%s shares lanes that are not its own", wrong)
	}
	if rows < 2 || rows > len(places)/3 {
		t.Errorf("%d places have %d different rows", len(places), rows)
	}
}
