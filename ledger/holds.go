package ledger

import (
	"iter"
	"maps"
	"slices"
)

// A holdTable finds holds by id. Ids are given out in order and holds live for about as long as others, so pages of
// pointers beat a map of ids: a third of the time, and half of the memory. A hold that outlives all its neighbours
// keeps a page of 2 KiB.
type holdTable struct {
	pages map[HoldID]*holdPage
	last  HoldID // the page of the latest hold, kept though it may be empty
	n     int
}

const holdsInPage = 256

type holdPage struct {
	n       int
	records [holdsInPage]*record
}

func (t *holdTable) len() int { return t.n }

func (t *holdTable) get(id HoldID) *record {
	if p := t.pages[id/holdsInPage]; p != nil {
		return p.records[id%holdsInPage]
	}
	return nil
}

// put adds a hold with an id above all before.
func (t *holdTable) put(r *record) {
	p := t.pages[r.ID/holdsInPage]
	if p == nil {
		if t.pages == nil {
			t.pages = make(map[HoldID]*holdPage)
		}
		if last := t.pages[t.last]; last != nil && last.n == 0 {
			delete(t.pages, t.last)
		}
		p = new(holdPage)
		t.last = r.ID / holdsInPage
		t.pages[t.last] = p
	}
	p.records[r.ID%holdsInPage] = r
	p.n++
	t.n++
}

// remove takes out a hold that is there.
func (t *holdTable) remove(id HoldID) {
	p := t.pages[id/holdsInPage]
	p.records[id%holdsInPage] = nil
	t.n--
	if p.n--; p.n == 0 && id/holdsInPage != t.last {
		delete(t.pages, id/holdsInPage)
	}
}

// all returns the holds by id.
func (t *holdTable) all() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for _, page := range slices.Sorted(maps.Keys(t.pages)) {
			for _, r := range t.pages[page].records {
				if r != nil && !yield(r) {
					return
				}
			}
		}
	}
}

// claimants finds the open holds that claim a SKU: a doubly linked list for each. The links lie in pages without
// pointers, for the collector need not look at millions of them; 24 bytes a claim.
type claimants struct {
	heads []uint32 // [sku] the latest link, 0 is none
	pages []*[linksInPage]link
	used  uint32 // links ever used; numbers begin with 1
	free  uint32 // the first of those given back
}

const linksInPage = 1 << 12

// A link is a claim in the list of its SKU. The claims of one hold hang together, in their order.
type link struct {
	hold       HoldID
	warehouse  Warehouse
	next, prev uint32 // of the SKU
	sibling    uint32 // of the next claim of the hold
}

func (c *claimants) at(n uint32) *link { return &c.pages[n/linksInPage][n%linksInPage] }

// add puts the claims of a hold into their lists.
func (c *claimants) add(r *record) {
	r.link = 0
	for i := len(r.Stock) - 1; i >= 0; i-- {
		claim := &r.Stock[i]
		n := c.free
		if n == 0 {
			c.used++
			n = c.used
			if n/linksInPage == uint32(len(c.pages)) {
				c.pages = append(c.pages, new([linksInPage]link))
			}
		} else {
			c.free = c.at(n).next
		}
		head := c.heads[claim.SKU]
		if head != 0 {
			c.at(head).prev = n
		}
		*c.at(n) = link{hold: r.ID, warehouse: claim.Warehouse, next: head, sibling: r.link}
		c.heads[claim.SKU], r.link = n, n
	}
}

// remove takes them out.
func (c *claimants) remove(r *record) {
	n := r.link
	r.link = 0
	for i := range r.Stock {
		l := c.at(n)
		if l.next != 0 {
			c.at(l.next).prev = l.prev
		}
		if l.prev != 0 {
			c.at(l.prev).next = l.next
		} else {
			c.heads[r.Stock[i].SKU] = l.next
		}
		sibling := l.sibling
		l.next, c.free = c.free, n
		n = sibling
	}
}

// of returns the claims on a SKU, latest first.
func (c *claimants) of(sku SKU) iter.Seq[*link] {
	return func(yield func(*link) bool) {
		for n := c.heads[sku]; n != 0; n = c.at(n).next {
			if !yield(c.at(n)) {
				return
			}
		}
	}
}
