package engine

import (
	"slices"
	"sync"
	"weak"

	"github.com/allot-engine/allot/ratecards/lanes"
)

// sharedRows lets places that look alike from every warehouse share their lanes. Charts go by the first three digits of a
// postal code, so that a handful of tables of lanes serve dozens of places each, and the processor's caches hold far more of
// what the next order asks for. It costs a comparison when lanes are made, and nothing when they are read.
//
// The lane cache alone keeps rows alive: here they are held weakly. What remains of one that was evicted is a word or two.
type sharedRows struct {
	mu   sync.Mutex
	rows map[uint64]weak.Pointer[laneRow] // by hash
}

// of returns r, or a row that says the same.
func (s *sharedRows) of(r *laneRow) *laneRow {
	key := r.hash()
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.rows[key].Value(); known != nil && known.same(r) {
		return known
	}
	if s.rows == nil {
		s.rows = map[uint64]weak.Pointer[laneRow]{}
	}
	s.rows[key] = weak.Make(r)
	return r
}

func (r *laneRow) hash() uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	add := func(v uint64) { h = (h ^ v) * 1099511628211 }
	for _, v := range r.viewOf {
		add(uint64(v))
	}
	for i := range r.lanes {
		l := &r.lanes[i]
		add(uint64(l.zone) | uint64(l.light)<<8 | uint64(l.transit)<<16)
	}
	for _, mask := range r.attrs[0] {
		add(uint64(mask))
	}
	return h
}

// same tells whether two rows of one engine are equal. What is not compared follows from what is.
func (r *laneRow) same(o *laneRow) bool {
	return r.services == o.services && r.otherDays == o.otherDays && slices.Equal(r.viewOf, o.viewOf) && slices.Equal(r.lanes, o.lanes) &&
		slices.Equal(r.extra, o.extra) && slices.EqualFunc(r.attrs[:], o.attrs[:], slices.Equal[[]lanes.Mask]) && slices.Equal(r.delivery, o.delivery)
}
