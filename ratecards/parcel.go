package ratecards

import (
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A Parcel is what a carrier weighs and measures.
type Parcel struct {
	Weight units.Weight    // its own weight: above 0, at most units.MaxWeight
	Sides  [3]units.Length // in any order; all 0 where they are not known: then only the weight counts; at most units.MaxLength
	Flags  ParcelFlags
	Value  units.Money // declared value, 0 to MaxAmount
}

// MaxAmount bounds the amounts in a card and a parcel's declared value, a billion units of currency, so that, with
// percentages up to 500 %, no sum within one price can overflow.
const MaxAmount = 1_000_000_000 * units.Currency

// ParcelFlags is a set of properties that tariffs ask for, beside weight and size.
type ParcelFlags uint32

// The parcel flags, each with its name in card files.
const (
	Nonrectangular ParcelFlags = 1 << iota // "nonrectangular": no box; its dimensional weight takes the rule's factor
	Tube                                   // "tube": a roll or cylinder, which is nonrectangular too
	Nonstandard                            // "nonstandard": bound with straps, in wood or metal, or otherwise apt to stop a sorter
	Fragile                                // "fragile"
	Hazmat                                 // "hazmat"
	Perishable                             // "perishable"
	LiveAnimal                             // "live_animal"
	Cold                                   // "cold": needs a temperature
	Signature                              // "signature": delivered against a signature
	AdultSignature                         // "adult_signature": delivered against an adult's signature
	Envelope                               // "envelope": in the carrier's envelope
	Pak                                    // "pak": in the carrier's soft pack
	SmallBox                               // "small_box": in the carrier's small box
	MediumBox                              // "medium_box": in the carrier's medium box
	LargeBox                               // "large_box": in the carrier's large box
)

var flagNames = []string{
	"nonrectangular", "tube", "nonstandard", "fragile", "hazmat", "perishable", "live_animal", "cold", "signature",
	"adult_signature", "envelope", "pak", "small_box", "medium_box", "large_box",
}

// FlagNames returns the name of every parcel flag, in the order of their bits.
func FlagNames() []string { return slices.Clone(flagNames) }

// ParseFlag returns the flag with the given name, and false for an unknown one.
func ParseFlag(name string) (ParcelFlags, bool) {
	i := slices.Index(flagNames, name)
	return 1 << max(i, 0), i >= 0
}

// Names returns the names of the flags in the set, in the order of their bits.
func (f ParcelFlags) Names() []string {
	var names []string
	for i, name := range flagNames {
		if f>>i&1 == 1 {
			names = append(names, name)
		}
	}
	return names
}

// flagMend says what to write in place of an unknown flag.
func flagMend(name string) string {
	if s := faults.DidYouMean(name, flagNames); s != "" {
		return s
	}
	return "the flags are " + listed(flagNames)
}

// longestFirst puts three sides in order.
func longestFirst(a, b, c units.Length) (longest, second, shortest units.Length) {
	a, b = max(a, b), min(a, b)
	b, c = max(b, c), min(b, c)
	return max(a, b), min(a, b), c
}
