package simulate

import (
	"math"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// A mishap is a Mishap in the rows of a snapshot.
type mishap struct {
	services    uint64 // a bit for each
	warehouse   int32  // -1 for all
	from, until units.Date
	days        int32
	lost        units.Probability
	number      int // among those of the input
}

func mishapsOf(of []Mishap, snap *network.Snapshot) []mishap {
	var list []mishap
	for i := range of {
		m := mishap{warehouse: -1, from: of[i].From, until: of[i].Until, days: of[i].Days, lost: of[i].Lost, number: i}
		if m.until == 0 {
			m.until = math.MaxInt32
		}
		if of[i].Warehouse != "" {
			w, ok := snap.Warehouse(of[i].Warehouse)
			if !ok {
				continue
			}
			m.warehouse = w
		}
		for s := range snap.Services {
			svc := &snap.Services[s]
			if (of[i].Service == "" || of[i].Service == svc.ID) && (of[i].Carrier == "" || of[i].Carrier == snap.Carriers[svc.Carrier]) {
				m.services |= 1 << s
			}
		}
		list = append(list, m)
	}
	return list
}

// mishapsTo returns by how many days a shipment is delayed and whether it is lost. Several mishaps to one add up. What is drawn
// depends on the order's name and not on its place, so that runs on changed histories lose the same parcels.
func mishapsTo(of []mishap, seed uint64, order string, number int, s *ShipmentRow) (days int32, lost bool) {
	for i := range of {
		m := &of[i]
		if m.services>>s.Service&1 == 0 || m.warehouse >= 0 && m.warehouse != s.Warehouse || s.ShipDate < m.from || s.ShipDate > m.until {
			continue
		}
		days += m.days
		lost = lost || m.lost > 0 && draw(seed, order, number, m.number) < m.lost
	}
	return days, lost
}

// draw returns a number from 0 to below units.Certain that the arguments choose: FNV-1a over all of them, finished as
// SplitMix64 does, for the low bits of the former are not good enough (Steele, Lea and Flood, 2014).
func draw(seed uint64, order string, shipment, mishap int) units.Probability {
	const prime = 1_099_511_628_211
	h := uint64(14_695_981_039_346_656_037)
	word := func(n uint64) {
		for range 8 {
			h = (h ^ n&0xff) * prime
			n >>= 8
		}
	}
	word(seed)
	for i := range len(order) {
		h = (h ^ uint64(order[i])) * prime
	}
	word(uint64(shipment))
	word(uint64(mishap))
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	return units.Probability(h % uint64(units.Certain))
}
