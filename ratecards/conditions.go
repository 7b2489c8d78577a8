package ratecards

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// conditions is the compiled When of every surcharge and structure. Thresholds of one quantity stand in ascending order,
// so that a list ends at the first that is not passed. A condition that names several things fires when the bits of
// all of them are set.
type conditions struct {
	least    [overCount]int64 // lowest threshold of each quantity; the largest value where there is none
	smallest Volume           // the same of the volume
	over     [overCount][]threshold
	volume   []volumeThreshold
	flags    []flagTrigger
	areas    []areaTrigger
	anyFlag  ParcelFlags
	anyArea  lanes.Mask
	compound []compound
}

// Quantities with thresholds that fit a word.
const (
	overWeight = iota
	overLongest
	overSecond
	overGirth
	overValue
	overCount
)

// An effect is what a requirement that holds brings about.
type effect struct {
	fires uint64 // surcharges
	opens uint8  // structures
	bits  uint64 // requirements of compound conditions
}

func (e *effect) add(f *effect) {
	e.fires |= f.fires
	e.opens |= f.opens
	e.bits |= f.bits
}

type threshold struct {
	limit int64
	effect
}

type volumeThreshold struct {
	limit Volume
	effect
}

type flagTrigger struct {
	flags ParcelFlags
	effect
}

type areaTrigger struct {
	areas lanes.Mask
	effect
}

type compound struct {
	needs uint64
	effect
}

// compileConditions fills c.conditions. Unknown areas are faults.
func (c *Card) compileConditions(fl *faults.List) {
	b := conditionBuilder{card: c, fl: fl}
	for i := range c.source.Structures {
		st := &c.source.Structures[i]
		if len(st.When) == 0 {
			c.alwaysOpen |= 1 << i
		}
		b.add(item("structures", i)+".when", st.When, effect{opens: 1 << i})
	}
	for i := range c.source.Surcharges {
		b.add(item("surcharges", i)+".when", c.source.Surcharges[i].When, effect{fires: 1 << i})
	}
	if b.requirements > maxRequirements {
		c.source.fault(fl, "surcharges", "simplify some", "the conditions that name several things need %d different requirements, more than %d", b.requirements, maxRequirements)
	}
	cs := &c.conditions
	for i := range cs.over {
		slices.SortFunc(cs.over[i], func(a, b threshold) int { return cmp.Compare(a.limit, b.limit) })
		cs.least[i] = math.MaxInt64
		if len(cs.over[i]) > 0 {
			cs.least[i] = cs.over[i][0].limit
		}
	}
	slices.SortFunc(cs.volume, func(a, b volumeThreshold) int { return a.limit.Cmp(b.limit) })
	cs.smallest = Volume{math.MaxUint64, math.MaxUint64}
	if len(cs.volume) > 0 {
		cs.smallest = cs.volume[0].limit
	}
}

type conditionBuilder struct {
	card         *Card
	fl           *faults.List
	requirements int
}

func (b *conditionBuilder) add(path string, when []Condition, e effect) {
	cs := &b.card.conditions
	for i := range when {
		w := &when[i]
		at := item(path, i)
		var effects []*effect
		over := func(quantity int, limit int64) {
			if limit != 0 {
				effects = append(effects, overEffect(&cs.over[quantity], limit))
			}
		}
		over(overWeight, int64(w.WeightOver))
		over(overLongest, int64(w.LongestOver))
		over(overSecond, int64(w.SecondOver))
		over(overGirth, int64(w.LengthPlusGirthOver))
		over(overValue, int64(w.ValueOver))
		if !w.VolumeOver.IsZero() {
			effects = append(effects, volumeEffect(&cs.volume, w.VolumeOver))
		}
		if len(w.Flags) > 0 {
			var flags ParcelFlags
			for _, name := range w.Flags {
				f, _ := ParseFlag(name)
				flags |= f
			}
			cs.anyFlag |= flags
			effects = append(effects, flagEffect(&cs.flags, flags))
		}
		if len(w.Areas) > 0 {
			areas := b.areas(at+".areas", w.Areas)
			cs.anyArea |= areas
			effects = append(effects, areaEffect(&cs.areas, areas))
		}
		b.bind(effects, e)
	}
}

// bind lets the requirements, all together, bring about e.
func (b *conditionBuilder) bind(requirements []*effect, e effect) {
	if len(requirements) == 1 {
		requirements[0].add(&e)
		return
	}
	var needs uint64
	for _, r := range requirements {
		if r.bits == 0 {
			r.bits = 1 << (b.requirements % maxRequirements)
			b.requirements++
		}
		needs |= r.bits
	}
	compounds := &b.card.conditions.compound
	for i := range *compounds {
		if (*compounds)[i].needs == needs {
			(*compounds)[i].add(&e)
			return
		}
	}
	*compounds = append(*compounds, compound{needs, e})
}

func (b *conditionBuilder) areas(path string, names []string) lanes.Mask {
	var mask lanes.Mask
	for i, name := range names {
		bit := slices.Index(b.card.areas, name)
		if bit < 0 || name == "" {
			mend := faults.DidYouMean(name, b.card.areas)
			if mend == "" {
				mend = "name an attribute of the network's area lists: " + clip(listed(b.card.areas))
			}
			b.card.source.fault(b.fl, item(path, i), mend, "unknown area %q", clip(name))
			continue
		}
		mask |= 1 << bit
	}
	return mask
}

func overEffect(list *[]threshold, limit int64) *effect {
	for i := range *list {
		if (*list)[i].limit == limit {
			return &(*list)[i].effect
		}
	}
	*list = append(*list, threshold{limit: limit})
	return &(*list)[len(*list)-1].effect
}

func volumeEffect(list *[]volumeThreshold, limit Volume) *effect {
	for i := range *list {
		if (*list)[i].limit == limit {
			return &(*list)[i].effect
		}
	}
	*list = append(*list, volumeThreshold{limit: limit})
	return &(*list)[len(*list)-1].effect
}

func flagEffect(list *[]flagTrigger, flags ParcelFlags) *effect {
	for i := range *list {
		if (*list)[i].flags == flags {
			return &(*list)[i].effect
		}
	}
	*list = append(*list, flagTrigger{flags: flags})
	return &(*list)[len(*list)-1].effect
}

func areaEffect(list *[]areaTrigger, areas lanes.Mask) *effect {
	for i := range *list {
		if (*list)[i].areas == areas {
			return &(*list)[i].effect
		}
	}
	*list = append(*list, areaTrigger{areas: areas})
	return &(*list)[len(*list)-1].effect
}

// size is what limits and thresholds compare of a parcel's sides.
type size struct {
	longest, second, girth units.Length
	volume                 Volume
}

// set measures sides that stand longest first. It fills the size in place for the reason prepare gives.
func (s *size) set(a, b, c units.Length) {
	s.longest, s.second, s.girth = a, b, a+2*(b+c)
	s.volume.Hi, s.volume.Lo = bits.Mul64(uint64(a)*uint64(b), uint64(c))
}

// quiet tells whether nothing holds for the parcel: it passes no threshold and has neither flag nor area that any
// condition asks for. Most parcels are quiet, and so pay a comparison a quantity for all surcharges together.
func (cs *conditions) quiet(p *Parcel, s *size, area lanes.Mask) bool {
	return int64(p.Weight) <= cs.least[overWeight] && int64(s.longest) <= cs.least[overLongest] && int64(s.second) <= cs.least[overSecond] &&
		int64(s.girth) <= cs.least[overGirth] && int64(p.Value) <= cs.least[overValue] && !s.volume.over(cs.smallest) &&
		p.Flags&cs.anyFlag == 0 && area&cs.anyArea == 0
}

// eval returns the effects of everything that holds for the parcel.
func (cs *conditions) eval(p *Parcel, s *size, area lanes.Mask) effect {
	var e effect
	for i, got := range [overCount]int64{int64(p.Weight), int64(s.longest), int64(s.second), int64(s.girth), int64(p.Value)} {
		for j := range cs.over[i] {
			if got <= cs.over[i][j].limit {
				break
			}
			e.add(&cs.over[i][j].effect)
		}
	}
	for j := range cs.volume {
		if !s.volume.over(cs.volume[j].limit) {
			break
		}
		e.add(&cs.volume[j].effect)
	}
	if p.Flags&cs.anyFlag != 0 {
		for j := range cs.flags {
			if p.Flags&cs.flags[j].flags != 0 {
				e.add(&cs.flags[j].effect)
			}
		}
	}
	if area&cs.anyArea != 0 {
		for j := range cs.areas {
			if area&cs.areas[j].areas != 0 {
				e.add(&cs.areas[j].effect)
			}
		}
	}
	if e.bits != 0 {
		for j := range cs.compound {
			if e.bits&cs.compound[j].needs == cs.compound[j].needs {
				e.add(&cs.compound[j].effect)
			}
		}
	}
	return e
}

// lowest returns the position of the lowest set bit.
func lowest(set uint64) int { return bits.TrailingZeros64(set) }
