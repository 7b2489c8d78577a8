package ratecards

import (
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"github.com/allot-engine/allot/units"
)

// A Volume is a count of cubic micrometres, 128 bits wide: the product of three sides is exact, and so is a cubic inch
// or foot. Its zero value is no volume. Volumes compare by Cmp or, for equality, by ==.
type Volume struct{ Hi, Lo uint64 }

// VolumeOf returns the product of three sides, which must be from 0 to units.MaxLength.
func VolumeOf(sides [3]units.Length) Volume {
	// Two sides multiply to at most 10^16, so that only the third product needs the upper word.
	hi, lo := bits.Mul64(uint64(sides[0])*uint64(sides[1]), uint64(sides[2]))
	return Volume{hi, lo}
}

// Cmp returns -1, 0 or 1 as v is smaller than, equal to or larger than w.
func (v Volume) Cmp(w Volume) int {
	switch {
	case v == w:
		return 0
	case v.over(w):
		return 1
	}
	return -1
}

// over tells whether v is larger than w, without a branch.
func (v Volume) over(w Volume) bool {
	_, borrow := bits.Sub64(w.Lo, v.Lo, 0)
	_, borrow = bits.Sub64(w.Hi, v.Hi, borrow)
	return borrow != 0
}

// IsZero tells whether v is no volume.
func (v Volume) IsZero() bool { return v == Volume{} }

func (v Volume) big() *big.Int {
	n := new(big.Int).SetUint64(v.Hi)
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(v.Lo))
}

// volumeFrom returns the volume of n cubic micrometres, which must be below 2^128.
func volumeFrom(n *big.Int) Volume {
	return Volume{Hi: new(big.Int).Rsh(n, 64).Uint64(), Lo: new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0))).Uint64()}
}

var volumeUnits = []struct {
	name string
	per  *big.Int // cubic micrometres
}{
	{"ft3", new(big.Int).Exp(big.NewInt(int64(units.Foot)), big.NewInt(3), nil)},
	{"in3", new(big.Int).Exp(big.NewInt(int64(units.Inch)), big.NewInt(3), nil)},
	{"m3", new(big.Int).Exp(big.NewInt(int64(units.Metre)), big.NewInt(3), nil)},
	{"cm3", new(big.Int).Exp(big.NewInt(int64(units.Centimetre)), big.NewInt(3), nil)},
	{"l", new(big.Int).Exp(big.NewInt(int64(100*units.Millimetre)), big.NewInt(3), nil)},
	{"mm3", new(big.Int).Exp(big.NewInt(int64(units.Millimetre)), big.NewInt(3), nil)},
}

// maxVolume bounds what ParseVolume accepts: a cube with sides of units.MaxLength.
var maxVolume = VolumeOf([3]units.Length{units.MaxLength, units.MaxLength, units.MaxLength}).big()

// ParseVolume reads a volume with its unit, in3, ft3, mm3, cm3, l or m3: "1728 in3", "0.1 ft3". It must be a whole
// number of cubic micrometres, which is no limit for up to six decimals.
func ParseVolume(s string) (Volume, error) {
	text := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), "³", "3"))
	fail := func(err error) (Volume, error) {
		return Volume{}, units.NewParseError("volume", s, err, `write a number and in3, ft3, mm3, cm3, l or m3, as "1728 in3"`)
	}
	for _, u := range volumeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		number = strings.TrimSpace(number)
		if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
			continue
		}
		whole, frac, dotted := strings.Cut(number, ".")
		if whole == "" || dotted && frac == "" || strings.Contains(frac, ".") {
			return fail(units.ErrSyntax)
		}
		if len(whole) > 27 {
			return fail(units.ErrRange)
		}
		if len(frac) > 18 {
			return fail(units.ErrPrecision)
		}
		n, _ := new(big.Int).SetString(whole+frac, 10)
		quotient, rest := n.QuoRem(n.Mul(n, u.per), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(frac))), nil), new(big.Int))
		if rest.Sign() != 0 {
			return fail(units.ErrPrecision)
		}
		if quotient.Cmp(maxVolume) > 0 {
			return fail(units.ErrRange)
		}
		return volumeFrom(quotient), nil
	}
	return fail(units.ErrSyntax)
}

// String prints the volume as ParseVolume reads it, in the first of ft3, in3, m3, cm3 and mm3 in which it has few
// decimals.
func (v Volume) String() string {
	n := v.big()
	for i, u := range volumeUnits {
		places := 3
		if i == len(volumeUnits)-1 {
			places = 9
		}
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		scaled, rest := new(big.Int).QuoRem(new(big.Int).Mul(n, power), u.per, new(big.Int))
		small := n.Cmp(u.per) < 0 && i < len(volumeUnits)-1 // less than one: try a smaller unit
		if rest.Sign() != 0 || small && u.name != "ft3" {
			continue
		}
		whole, part := new(big.Int).QuoRem(scaled, power, new(big.Int))
		frac := strings.TrimRight(fmt.Sprintf("%0*s", places, part.String()), "0")
		if frac == "" {
			return whole.String() + " " + u.name
		}
		return whole.String() + "." + frac + " " + u.name
	}
	panic("ratecards: a volume is always a whole number of cubic micrometres")
}

// MarshalText implements encoding.TextMarshaler.
func (v Volume) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseVolume.
func (v *Volume) UnmarshalText(b []byte) (err error) { *v, err = ParseVolume(string(b)); return err }

// A Divisor says what a volume counts for as weight: Volume weighs Weight.
type Divisor struct {
	Volume Volume
	Weight units.Weight
}

var divisorWeights = []struct {
	name string
	per  units.Weight
}{{"lb", units.Pound}, {"kg", units.Kilogram}, {"oz", units.Ounce}, {"g", units.Gram}}

// ParseDivisor reads a volume per unit of weight, "139 in3/lb" or "6000 cm3/kg", or a density, "250 kg/m3".
func ParseDivisor(s string) (Divisor, error) {
	const mend = `write a volume for a unit of weight, as "139 in3/lb", or a density, as "250 kg/m3"`
	over, under, ok := strings.Cut(s, "/")
	if !ok {
		return Divisor{}, units.NewParseError("divisor", s, units.ErrSyntax, mend)
	}
	var d Divisor
	volume, verr := ParseVolume(over)
	weight, werr := units.ParseWeight("1 " + strings.TrimSpace(under))
	if verr != nil || werr != nil {
		volume, verr = ParseVolume("1 " + strings.TrimSpace(under))
		weight, werr = units.ParseWeight(over)
	}
	if verr != nil || werr != nil {
		return Divisor{}, units.NewParseError("divisor", s, units.ErrSyntax, mend)
	}
	d = Divisor{Volume: volume, Weight: weight}
	if num, den := d.ratio(); num == 0 || den == 0 {
		return Divisor{}, units.NewParseError("divisor", s, units.ErrRange, mend)
	}
	return d, nil
}

// IsZero tells whether no divisor is given.
func (d Divisor) IsZero() bool { return d == Divisor{} }

// ratio returns nanograms per cubic micrometre as a reduced fraction of at most 40 bits each way, or 0, 0 where it
// has no such form.
func (d Divisor) ratio() (num, den uint64) {
	n, v := big.NewInt(int64(d.Weight)), d.Volume.big()
	if n.Sign() <= 0 || v.Sign() <= 0 {
		return 0, 0
	}
	g := new(big.Int).GCD(nil, nil, n, v)
	n.Quo(n, g)
	v.Quo(v, g)
	if n.BitLen() > 40 || v.BitLen() > 60 {
		return 0, 0
	}
	return n.Uint64(), v.Uint64()
}

// String prints the divisor as ParseDivisor reads it.
func (d Divisor) String() string {
	for _, w := range divisorWeights {
		if d.Weight == w.per {
			return d.Volume.String() + "/" + w.name
		}
	}
	for _, v := range volumeUnits {
		if d.Volume.big().Cmp(v.per) == 0 {
			return d.Weight.String() + "/" + v.name
		}
	}
	return d.Volume.String() + "/" + d.Weight.String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Divisor) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseDivisor.
func (d *Divisor) UnmarshalText(b []byte) (err error) { *d, err = ParseDivisor(string(b)); return err }

// A Factor is a share in millionths. Zero stands for the whole.
type Factor int32

// WholeFactor is all of it.
const WholeFactor Factor = 1_000_000

// ParseFactor reads a factor above 0 and up to 1 with at most six decimals, as "0.785".
func ParseFactor(s string) (Factor, error) {
	m, err := units.ParseMoney(s) // a decimal of six places, too
	if err != nil || m <= 0 || m > units.Money(WholeFactor) {
		return 0, units.NewParseError("factor above 0 and up to 1", s, units.ErrSyntax, `write a decimal number, as "0.785"`)
	}
	return Factor(m), nil
}

// String prints the factor as ParseFactor reads it.
func (f Factor) String() string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%06d", f/WholeFactor, f%WholeFactor), "0"), ".")
}

// MarshalText implements encoding.TextMarshaler.
func (f Factor) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseFactor.
func (f *Factor) UnmarshalText(b []byte) (err error) { *f, err = ParseFactor(string(b)); return err }

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
