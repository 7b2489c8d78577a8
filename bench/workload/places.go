package workload

import (
	"math"
	"slices"

	"github.com/allot-engine/allot/geo"
)

// residents are the people who live in each state, the District of Columbia and Puerto Rico.
//
// Source: 2020 Census, resident population on 2020-04-01 (US Census Bureau, Apportionment Data, table 2).
var residents = map[string]uint64{
	"AL": 5_024_279, "AK": 733_391, "AZ": 7_151_502, "AR": 3_011_524, "CA": 39_538_223, "CO": 5_773_714, "CT": 3_605_944,
	"DE": 989_948, "DC": 689_545, "FL": 21_538_187, "GA": 10_711_908, "HI": 1_455_271, "ID": 1_839_106, "IL": 12_812_508,
	"IN": 6_785_528, "IA": 3_190_369, "KS": 2_937_880, "KY": 4_505_836, "LA": 4_657_757, "ME": 1_362_359, "MD": 6_177_224,
	"MA": 7_029_917, "MI": 10_077_331, "MN": 5_706_494, "MS": 2_961_279, "MO": 6_154_913, "MT": 1_084_225, "NE": 1_961_504,
	"NV": 3_104_614, "NH": 1_377_529, "NJ": 9_288_994, "NM": 2_117_522, "NY": 20_201_249, "NC": 10_439_388, "ND": 779_094,
	"OH": 11_799_448, "OK": 3_959_353, "OR": 4_237_256, "PA": 13_002_700, "RI": 1_097_379, "SC": 5_118_425, "SD": 886_667,
	"TN": 6_910_840, "TX": 29_145_505, "UT": 3_271_616, "VT": 643_077, "VA": 8_631_393, "WA": 7_705_281, "WV": 1_793_716,
	"WI": 5_893_718, "WY": 576_851, "PR": 3_285_874,
}

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
		if places.Approximate(row) || places.Country(row) == "US" && residents[places.Region(row)] == 0 || !in(row) {
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
			c.weights[i] = residents[places.Region(row)] * c.weights[i] * fine / sum
		} else {
			c.weights[i] *= crowd * fine // as if a place of a city had as many people as a place of one in the US, roughly
		}
	}
	return c
}

// contiguous tells that a place is in the contiguous United States, where the distance rule of zones holds.
func contiguous(places *geo.Places) func(geo.Row) bool {
	return func(row geo.Row) bool {
		p := places.Point(row)
		return places.Country(row) == "US" && p.Lat > 24.5 && p.Lat < 49.5 && p.Lng > -125 && p.Lng < -66
	}
}

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
