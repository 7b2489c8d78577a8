package naive

import "time"

// A Candidate is a shipment that could be part of a plan: what one warehouse takes for some lines by one service, in
// time.
type Candidate struct {
	Warehouse, Service string
	Lines              int     // bit l: the l-th SKU that the order names, all units of it
	Cost               float64 // dollars, to the nearest micro; the split cost is not of a shipment
}

// Candidates returns every shipment that could be part of a plan that keeps the promise: of each non-empty set of lines,
// from each warehouse that has them, by each service that takes them. It says what there is to choose from and
// chooses nothing. The error is that of Decide.
func (n *Network) Candidates(o *Order, now time.Time) ([]Candidate, error) {
	t, err := n.open(o, now)
	if err != nil {
		return nil, err
	}
	var all []Candidate
	for subset := 1; subset < 1<<len(t.lines); subset++ {
		c := t.content(subset)
		for _, w := range n.warehouses {
			ways, own, ok := t.waysOf(w, c)
			if !ok {
				continue
			}
			for i := range ways {
				if cost, ok := t.cost(w, c, &ways[i], own, false); ok {
					all = append(all, Candidate{Warehouse: w.id, Service: ways[i].service.id, Lines: subset, Cost: cost})
				}
			}
		}
	}
	return all, nil
}
