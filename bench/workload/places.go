package workload

import (
	"math"
	"slices"
	"sync"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/census"
)

// A country is the places of a table to which orders go, each with how many people it stands for.
//
// In the United States the states have their residents. No table at hand has those of a ZIP; in their place stands how close
// together ZIPs lie, for cities have many small ones and the country few large ones: a ZIP weighs as many as there are in the
// square of three quarters of a degree around it, at most crowd. Other countries are weighed by that alone.
type country struct {
	rows    []geo.Row
	weights []uint64
}

const crowd = 250

// A square is a quarter of a degree a side.
type square struct{ lat, lng int }

// newCountry takes the places for which in is true, and of the United States those in states with residents.
func newCountry(places *geo.Places, in func(geo.Row) bool) *country {
	squareOf := func(row geo.Row) square {
		p := places.Point(row)
		return square{int(math.Floor(p.Lat * 4)), int(math.Floor(p.Lng * 4))}
	}
	c := &country{}
	inSquare := map[square]uint64{}
	for row := range geo.Row(places.Len()) {
		if places.Approximate(row) || places.Country(row) == "US" && census.Residents[places.Region(row)] == 0 || !in(row) {
			continue
		}
		c.rows = append(c.rows, row)
		inSquare[squareOf(row)]++
	}
	ofState := map[string]uint64{}
	for _, row := range c.rows {
		at, weight := squareOf(row), uint64(0)
		for lat := at.lat - 1; lat <= at.lat+1; lat++ {
			for lng := at.lng - 1; lng <= at.lng+1; lng++ {
				weight += inSquare[square{lat, lng}]
			}
		}
		weight = min(weight, crowd)
		c.weights = append(c.weights, weight)
		if places.Country(row) == "US" {
			ofState[places.Region(row)] += weight
		}
	}
	const fine = 1 << 10 // so that a rural ZIP does not come to 0
	for i, row := range c.rows {
		if sum := ofState[places.Region(row)]; places.Country(row) == "US" {
			c.weights[i] = uint64(census.Residents[places.Region(row)]) * c.weights[i] * fine / sum
		} else {
			c.weights[i] *= crowd * fine // as if a place of a city had as many people as a place of one in the US, roughly
		}
	}
	return c
}

// contiguousStates are the places of the contiguous United States, where the distance rule of zones holds.
var contiguousStates = sync.OnceValue(func() *country {
	us := geo.US()
	return newCountry(us, func(row geo.Row) bool {
		p := us.Point(row)
		return p.Lat > 24.5 && p.Lat < 49.5 && p.Lng > -125 && p.Lng < -66
	})
})

// sample returns n places drawn by weight, each as likely as the other, or where n is 0 all with their weights.
func (c *country) sample(seed uint64, n int) *country {
	if n == 0 {
		return c
	}
	a, r := newAlias(c.weights), rngOf(seed, drawPlaces, 0)
	times := map[geo.Row]uint64{}
	for range n {
		times[c.rows[a.draw(r.next())]]++
	}
	out := &country{}
	for _, row := range c.rows { // never in the order of the map
		if times[row] > 0 {
			out.rows, out.weights = append(out.rows, row), append(out.weights, times[row])
		}
	}
	return out
}

// of tells in which of some countries a place lies.
func of(places *geo.Places, countries []string) func(geo.Row) bool {
	return func(row geo.Row) bool { return slices.Contains(countries, places.Country(row)) }
}
