package main

import (
	"math"
	"slices"
	"sort"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/census"
)

// A lottery draws things, each with a chance in proportion to its weight.
type lottery[T any] struct {
	things []T
	upTo   []int64 // running sum of the weights
}

func (l *lottery[T]) add(thing T, weight int64) {
	l.things = append(l.things, thing)
	l.upTo = append(l.upTo, l.sum()+weight)
}

func (l *lottery[T]) sum() int64 {
	if len(l.upTo) == 0 {
		return 0
	}
	return l.upTo[len(l.upTo)-1]
}

// draw returns the thing at a lot from 0 to sum()-1.
func (l *lottery[T]) draw(lot int64) T {
	return l.things[sort.Search(len(l.upTo), func(i int) bool { return l.upTo[i] > lot })]
}

// A country is where buyers live: a state by its residents, and in it a ZIP.
//
// The ZIP table has no residents. In their place stands how close together ZIPs lie: a ZIP weighs as many as there are
// in the square of 0.75 degrees around it, at most crowd. Cities have many small ZIPs and the country few large ones,
// so this draws orders into the cities, though less sharply than people live there.
type country struct {
	states lottery[string]
	zips   map[string]*lottery[string] // by state
}

const crowd = 250

// A square is a quarter of a degree a side.
type square struct{ lat, lng int }

func squareOf(p geo.Point) square {
	return square{int(math.Floor(p.Lat * 4)), int(math.Floor(p.Lng * 4))}
}

func newCountry(places *geo.Places) *country {
	c := &country{zips: map[string]*lottery[string]{}}
	each := func(visit func(row geo.Row)) {
		for row := range geo.Row(places.Len()) {
			if census.Residents[places.Region(row)] > 0 && places.Country(row) == "US" && !places.Approximate(row) {
				visit(row)
			}
		}
	}
	inSquare := map[square]int64{}
	each(func(row geo.Row) { inSquare[squareOf(places.Point(row))]++ })
	each(func(row geo.Row) {
		at, weight := squareOf(places.Point(row)), int64(0)
		for lat := at.lat - 1; lat <= at.lat+1; lat++ {
			for lng := at.lng - 1; lng <= at.lng+1; lng++ {
				weight += inSquare[square{lat, lng}]
			}
		}
		state := places.Region(row)
		if c.zips[state] == nil {
			c.zips[state] = &lottery[string]{}
		}
		c.zips[state].add(places.Postal(row), min(weight, crowd))
	})
	var states []string
	for state := range census.Residents {
		states = append(states, state)
	}
	slices.Sort(states)
	for _, state := range states {
		c.states.add(state, census.Residents[state])
	}
	return c
}
