package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A family is a kind of goods that comes in five models and four finishes: 20 SKUs of 30 families are the catalogue.
// Weight, sides and value are those of the middle model; the others are smaller and lighter, or larger and heavier.
type family struct {
	id       string
	models   string // five, from the smallest up
	finishes string // four
	ounces   int    // weight in tenths of an ounce
	sides    [3]int // in tenths of an inch
	cents    int    // value
	class    string
	alone    bool // ships as it is, without a carton
	flags    string
	demand   int // how often it is ordered, relative to the others
}

const (
	sizes   = "xs s m l xl"
	inches  = "8in 9in 10in 11in 12in"
	litres  = "20l 25l 30l 40l 50l"
	colours = "sand slate moss rust"
)

var families = []family{
	{"skillet", inches, "iron steel enamel copper", 620, [3]int{180, 110, 30}, 3900, "plain", false, "", 30},
	{"saucepan", "1qt 2qt 3qt 4qt 6qt", "iron steel enamel copper", 480, [3]int{140, 80, 60}, 4500, "plain", false, "", 24},
	{"knife", "paring utility santoku chef bread", "oak walnut resin steel", 90, [3]int{140, 30, 12}, 5900, "plain", false, "", 26},
	{"tea-towel", sizes, colours, 60, [3]int{90, 70, 10}, 1400, "plain", false, "", 40},
	{"cutting-board", sizes, "oak maple walnut bamboo", 520, [3]int{160, 110, 15}, 3800, "plain", false, "", 22},
	{"mug", "8oz 10oz 12oz 14oz 16oz", colours, 140, [3]int{50, 45, 45}, 1400, "fragile", false, "", 48},
	{"wine-glass", "sherry white red burgundy magnum", "single pair four six", 170, [3]int{100, 45, 45}, 2600, "fragile", false, "", 20},
	{"vase", sizes, colours, 380, [3]int{120, 70, 70}, 4800, "fragile", false, "", 14},
	{"mirror", sizes, "oak walnut brass black", 1500, [3]int{240, 180, 25}, 8900, "fragile", true, "", 8},
	{"table-lamp", sizes, "linen brass black glass", 720, [3]int{160, 100, 100}, 6900, "fragile", false, "", 12},
	{"plate", "bread salad dinner buffet charger", colours, 180, [3]int{100, 100, 12}, 1600, "fragile", false, "", 22},
	{"cookbook", "snacks bread pasta grill feast", "vol1 vol2 vol3 vol4", 300, [3]int{100, 80, 12}, 2800, "plain", false, "", 38},
	{"puzzle", "250 500 750 1000 2000", "alps harbor meadow skyline", 240, [3]int{100, 100, 23}, 2200, "plain", false, "", 28},
	{"board-game", "duel family party campaign deluxe", "farm space rail dungeon", 520, [3]int{120, 120, 30}, 4400, "plain", false, "", 30},
	{"t-shirt", sizes, colours, 60, [3]int{100, 80, 10}, 2200, "plain", false, "", 60},
	{"sweater", sizes, colours, 180, [3]int{130, 100, 30}, 6800, "plain", false, "", 34},
	{"sneaker", "size6 size7 size9 size10 size12", colours, 380, [3]int{130, 80, 50}, 8500, "plain", false, "", 36},
	{"backpack", litres, colours, 420, [3]int{170, 120, 50}, 7500, "plain", false, "", 24},
	{"water-bottle", "12oz 17oz 20oz 25oz 32oz", colours, 120, [3]int{110, 32, 32}, 2800, "plain", false, "", 46},
	{"sleeping-bag", sizes, "summer spring autumn winter", 640, [3]int{160, 90, 90}, 11000, "plain", false, "", 10},
	{"tent", "1p 2p 3p 4p 6p", colours, 1100, [3]int{210, 70, 70}, 19000, "plain", false, "", 8},
	{"dumbbell", "10lb 12lb 15lb 18lb 23lb", "iron rubber neoprene chrome", 2400, [3]int{110, 50, 50}, 4200, "plain", false, "", 14},
	{"duvet", "crib twin full queen king", "cotton linen down wool", 900, [3]int{200, 150, 90}, 12000, "plain", false, "", 14},
	{"rug", "2x3 3x5 4x6 5x8 6x9", colours, 3200, [3]int{600, 70, 70}, 14000, "plain", true, "nonrectangular", 5},
	{"camp-fuel", "100g 170g 230g 320g 450g", "butane isobutane propane mix", 130, [3]int{50, 42, 42}, 1100, "hazmat", false, "", 12},
	{"power-bank", "3Ah 5Ah 10Ah 15Ah 20Ah", colours, 120, [3]int{60, 30, 12}, 3900, "hazmat", false, "", 20},
	{"cheese-box", "two three four five seven", "alpine farm blue goat", 480, [3]int{100, 70, 50}, 5500, "cold", false, "", 14},
	{"bookcase", "2shelf 3shelf 4shelf 5shelf 6shelf", "oak walnut white black", 6400, [3]int{560, 140, 50}, 18000, "plain", true, "", 5},
	{"armchair", sizes, colours, 5600, [3]int{300, 270, 120}, 39000, "plain", true, "nonstandard", 3},
	{"fire-safe", sizes, "black gray white steel", 18500, [3]int{180, 170, 150}, 32000, "plain", true, "", 2},
}

// Scales of the five models in per cent, of every side and of the weight.
var (
	sideScale   = [5]int{80, 90, 100, 112, 125}
	weightScale = [5]int{65, 82, 100, 126, 158}
)

// Tiers of a SKU: how many warehouses have it.
const (
	core     = "core"     // most
	regional = "regional" // some
	single   = "single"   // one, so that an order for two such is split
	gone     = "gone"     // none
	awaited  = "awaited"  // none yet: a receipt is on its way
)

// A sku is one row of skus.csv and what the generator knows beside it.
type sku struct {
	id     string
	ounces int // tenths
	sides  [3]int
	cents  int
	*family
	tier   string
	demand int64
}

// catalogue returns the SKUs with a tier and a demand each. A few are wanted much and most a little, as Zipf's law
// has it.
func catalogue(seed uint64) []sku {
	rng := rand.New(rand.NewPCG(seed, 1))
	var skus []sku
	for i := range families {
		f := &families[i]
		for m, model := range strings.Fields(f.models) {
			for k, finish := range strings.Fields(f.finishes) {
				s := sku{id: f.id + "-" + model + "-" + finish, family: f, cents: f.cents*weightScale[m]/100 + 50*k}
				s.ounces = max(f.ounces*weightScale[m]/100+(f.ounces*k+50)/100, 1)
				for side := range s.sides {
					s.sides[side] = max(f.sides[side]*sideScale[m]/100, 5)
				}
				skus = append(skus, s)
			}
		}
	}
	for i, rank := range rng.Perm(len(skus)) {
		s := &skus[i]
		s.demand = int64(s.family.demand) * 10_000 / int64(rank+40)
		switch lot := rng.IntN(1000); {
		case rank < 60: // what sells best is everywhere
			s.tier = core
		case lot < 16:
			s.tier = gone
		case lot < 32:
			s.tier = awaited
		case lot < 90:
			s.tier = single
		case lot < 400:
			s.tier = regional
		default:
			s.tier = core
		}
	}
	return skus
}

func skusCSV(skus []sku) []byte {
	records := [][]string{{"sku", "weight", "length", "width", "height", "class", "flags", "ships_alone", "value"}}
	for _, s := range skus {
		alone := ""
		if s.alone {
			alone = "yes"
		}
		records = append(records, []string{s.id, weightText(s.ounces), inchText(s.sides[0]), inchText(s.sides[1]), inchText(s.sides[2]),
			s.class, s.flags, alone, fmt.Sprintf("%d.%02d", s.cents/100, s.cents%100)})
	}
	return csvBytes(records)
}

// weightText prints tenths of an ounce as people write them: "5.3 oz", "2 lb 4.1 oz".
func weightText(tenths int) string {
	pounds, rest := tenths/160, tenths%160
	ounces := fmt.Sprintf("%d.%d oz", rest/10, rest%10)
	switch {
	case pounds == 0:
		return ounces
	case rest == 0:
		return fmt.Sprintf("%d lb", pounds)
	}
	return fmt.Sprintf("%d lb %s", pounds, ounces)
}

func inchText(tenths int) string { return fmt.Sprintf("%d.%d in", tenths/10, tenths%10) }
