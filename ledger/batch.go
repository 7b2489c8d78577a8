package ledger

import (
	"fmt"
)

// AllocateAll grants a hold on all claims of all allocations, or none; of those that are refused it remembers the answers
// likewise. Its events are kept all or none, too: after a crash there is the whole batch or nothing of it. The results
// are in the order of the batch. For a repeated batch they are the holds and refusals of the first one, as they are now.
//
// Errors: InvalidError, with fields as batch[2].stock[0].quantity; BatchError when a request is known with another body, or
// when some requests were answered before and others not; ErrFull; and ConflictError when the claims do not fit, all together.
// Nothing is held then.
func (s *State) AllocateAll(batch []*Allocation) ([]Hold, error) {
	records, err := newRecords(batch)
	if err != nil {
		return nil, err
	}
	return s.allocateAll(batch, records)
}

// newRecords is newRecord for a batch, and checks the batch as such.
func newRecords(batch []*Allocation) ([]*record, error) {
	if len(batch) > MaxBatch {
		return nil, &InvalidError{Faults: []Fault{{"batch", fmt.Sprintf("has %d allocations; write at most %d", len(batch), MaxBatch)}}}
	}
	var f faults
	records, together := make([]*record, len(batch)), 0
	first := make(map[string]int, len(batch))
	for i, a := range batch {
		r, err := newRecord(a)
		f.within("batch", i, err)
		records[i] = r
		if before, twice := first[a.Request.ID]; twice && a.Request.ID != "" {
			f.addf(element("batch", i, ".request id"), "is that of batch[%d]; give each its own", before)
		} else {
			first[a.Request.ID] = i
		}
		const header, claim = 128, 16
		together += header + 2*len(a.Request.ID) + len(a.Order) + len(a.Question) + len(a.Answer) + claim*(len(a.Stock)+len(a.Shipments))
	}
	if together > MaxTogether {
		f.addf("batch", "takes about %d bytes in the journal; at most %d can be kept together", together, MaxTogether)
	}
	return records, f.err()
}

// within adds what is wrong with an element of a list.
func (f *faults) within(list string, i int, err error) {
	if invalid, ok := err.(*InvalidError); ok { //nolint:errorlint // it is our own, as it was made
		for _, fault := range invalid.Faults {
			*f = append(*f, Fault{Field: element(list, i, "."+fault.Field), Problem: fault.Problem})
		}
	}
}

func (s *State) allocateAll(batch []*Allocation, records []*record) ([]Hold, error) {
	for _, a := range batch {
		s.advance(a.At)
	}
	if holds, err := s.answeredAll(batch); holds != nil || err != nil {
		return holds, err
	}
	var f faults
	sum := &record{} // of all claims
	for i, a := range batch {
		var of faults
		s.checkBasis(&of, a.Basis)
		if r := records[i]; r != nil {
			s.checkClaims(&of, r)
			sum.Stock = append(sum.Stock, r.Stock...)
			sum.Shipments = append(sum.Shipments, r.Shipments...)
		}
		f.within("batch", i, of.err())
	}
	if !merge(&sum.Stock, func(a, b Claim) int { return compareStock(a.StockClaim, b.StockClaim) }, func(c *Claim) *int32 { return &c.Quantity }) {
		f.addf("batch", "claims more than %d of one SKU in one warehouse", MaxQuantity)
	}
	if !merge(&sum.Shipments, compareShipment, func(c *ShipmentClaim) *int32 { return &c.Shipments }) {
		f.addf("batch", "claims more than %d of one day", MaxQuantity)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := s.fits(sum); err != nil {
		return nil, err
	}
	if s.full(len(batch)) {
		return nil, ErrFull
	}
	holds := make([]Hold, len(batch))
	for i, a := range batch {
		if more := i+1 < len(batch); a.Refused {
			holds[i] = s.emitDeclined(a, more)
		} else {
			holds[i] = s.emitHeld(a, records[i], more)
		}
	}
	return holds, nil
}

// answeredAll returns what the requests of a batch were answered, or nil when all are new.
func (s *State) answeredAll(batch []*Allocation) ([]Hold, error) {
	var bad BatchError
	holds := make([]Hold, len(batch))
	for i, a := range batch {
		h, ok, err := s.Answered(a.Request)
		switch {
		case err != nil:
			bad.Reused = append(bad.Reused, i)
		case ok:
			bad.Known = append(bad.Known, i)
			holds[i] = h
		}
	}
	switch {
	case len(bad.Reused) == 0 && len(bad.Known) == len(batch):
		return holds, nil
	case len(bad.Reused)+len(bad.Known) > 0:
		return nil, &bad
	}
	return nil, nil
}
