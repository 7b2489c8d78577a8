package main

import (
	"math"
	"slices"
	"sort"

	"github.com/allot-engine/allot/geo"
)

// residents are the people who live in each state, the District of Columbia and Puerto Rico.
//
// Source: 2020 Census, resident population on 2020-04-01 (US Census Bureau, Apportionment Data, table 2). The states
// and the District add up to 331,449,281.
var residents = map[string]int64{
	"AL": 5_024_279, "AK": 733_391, "AZ": 7_151_502, "AR": 3_011_524, "CA": 39_538_223, "CO": 5_773_714, "CT": 3_605_944,
	"DE": 989_948, "DC": 689_545, "FL": 21_538_187, "GA": 10_711_908, "HI": 1_455_271, "ID": 1_839_106, "IL": 12_812_508,
	"IN": 6_785_528, "IA": 3_190_369, "KS": 2_937_880, "KY": 4_505_836, "LA": 4_657_757, "ME": 1_362_359, "MD": 6_177_224,
	"MA": 7_029_917, "MI": 10_077_331, "MN": 5_706_494, "MS": 2_961_279, "MO": 6_154_913, "MT": 1_084_225, "NE": 1_961_504,
	"NV": 3_104_614, "NH": 1_377_529, "NJ": 9_288_994, "NM": 2_117_522, "NY": 20_201_249, "NC": 10_439_388, "ND": 779_094,
	"OH": 11_799_448, "OK": 3_959_353, "OR": 4_237_256, "PA": 13_002_700, "RI": 1_097_379, "SC": 5_118_425, "SD": 886_667,
	"TN": 6_910_840, "TX": 29_145_505, "UT": 3_271_616, "VT": 643_077, "VA": 8_631_393, "WA": 7_705_281, "WV": 1_793_716,
	"WI": 5_893_718, "WY": 576_851, "PR": 3_285_874,
}

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
			if residents[places.Region(row)] > 0 && places.Country(row) == "US" && !places.Approximate(row) {
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
	for state := range residents {
		states = append(states, state)
	}
	slices.Sort(states)
	for _, state := range states {
		c.states.add(state, residents[state])
	}
	return c
}
