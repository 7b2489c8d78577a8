package results

import (
	"runtime"
	"strconv"
	"sync"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate"
	h3 "github.com/uber/h3-go/v4"
)

// locations are where the orders of a history go: one for each destination, then one for each warehouse from which they are
// collected, and one for nowhere. Text is interned: "" is number 0.
type locations struct {
	postal, state, cell    []int32 // by location
	postals, states, cells []string
	index                  []h3.Cell // by number of a cell; 0 of none
}

// stateReachKm is how far the nearest postal place may be from a destination that is a point, to tell its state.
const stateReachKm = 100

func newLocations(in *simulate.Input, resolution int) *locations {
	h := in.History
	snap := in.Epochs[0].Snapshot
	n := len(h.Destinations) + len(h.Warehouses) + 1
	type found struct {
		postal, state string
		cell          h3.Cell
	}
	all := make([]found, n)
	places := snap.Places
	look := func(i int) (f found) {
		country, point := "", geo.Point{}
		if i < len(h.Destinations) {
			to := &h.Destinations[i]
			f.postal, country = to.Postal, to.Country
			if to.Point != nil {
				point = *to.Point
			}
			if country == "" {
				country = "US"
			}
		} else {
			w := int32(-1)
			for _, e := range in.Epochs {
				if row, ok := e.Snapshot.Warehouse(h.Warehouses[i-len(h.Destinations)]); ok {
					w, snap = row, e.Snapshot
				}
			}
			if w < 0 {
				return f
			}
			f.postal, country, point = snap.Warehouses[w].Postal, snap.Warehouses[w].Country, snap.Warehouses[w].Point
		}
		known := false
		if f.postal != "" && places != nil {
			var row geo.Row
			if row, known = places.Lookup(country, f.postal); known {
				f.state, point = places.Region(row), places.Point(row)
			}
		}
		if !known {
			if point == (geo.Point{}) || point.Check() != nil {
				return f
			}
			if places != nil {
				if row, ok := places.Nearest(point); ok && geo.Kilometres(point, places.Point(row)) <= stateReachKm {
					f.state = places.Region(row)
				}
			}
		}
		if c, err := h3.LatLngToCell(h3.LatLng{Lat: point.Lat, Lng: point.Lng}, resolution); err == nil {
			f.cell = c
		}
		return f
	}
	var workers sync.WaitGroup
	share := max(1_024, (n+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for begin := 0; begin < len(h.Destinations); begin += share {
		workers.Go(func() {
			for i := begin; i < min(begin+share, len(h.Destinations)); i++ {
				all[i] = look(i)
			}
		})
	}
	workers.Wait()
	for i := range h.Warehouses {
		all[len(h.Destinations)+i] = look(len(h.Destinations) + i)
	}

	l := &locations{postals: []string{""}, states: []string{""}, cells: []string{""}, index: []h3.Cell{0}}
	intern := func(numbers map[string]int32, texts *[]string, s string) int32 {
		n, known := numbers[s]
		if !known {
			n = int32(len(*texts))
			numbers[s], *texts = n, append(*texts, s)
		}
		return n
	}
	postals, states, cells := map[string]int32{"": 0}, map[string]int32{"": 0}, map[h3.Cell]int32{0: 0}
	for _, f := range all {
		l.postal = append(l.postal, intern(postals, &l.postals, f.postal))
		l.state = append(l.state, intern(states, &l.states, f.state))
		n, known := cells[f.cell]
		if !known {
			n = int32(len(l.cells))
			cells[f.cell], l.cells, l.index = n, append(l.cells, strconv.FormatUint(uint64(f.cell), 16)), append(l.index, f.cell)
		}
		l.cell = append(l.cell, n)
	}
	return l
}
