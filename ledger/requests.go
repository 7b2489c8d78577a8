package ledger

import (
	"hash/maphash"
	"math/bits"
)

// A requestRef is what a request id was used for: a kind in the lowest two bits, and above it the number of the hold, or
// of the item in the queue of answers or of refusals. 0 is nothing.
type requestRef uint64

const (
	usedForHold requestRef = iota + 1
	usedForAnswer
	usedForRefusal
)

func (r requestRef) kind() requestRef { return r & 3 }
func (r requestRef) number() uint64   { return uint64(r >> 2) }

// A requestTable finds what request ids were used for. Its slots have neither the ids, which are with what they were used
// for, nor pointers, so that the collector need not look at millions of them; 30 bytes a request. It grows by a page at a
// time (linear hashing), so that no command waits for all of it to be made anew.
type requestTable struct {
	seed  maphash.Seed
	pages []requestPage
	round uint32 // pages when this round of splitting began, a power of two
	n     int
	spare *requestSlots // empty; nil until the first page was split
}

type requestPage struct {
	slots *requestSlots
	n     int
}

type requestSlots [slotsInPage]requestSlot

// A requestSlot has a ref in two halves, for its size.
type requestSlot struct{ hash, low, high uint32 }

func newRequestSlot(hash uint32, r requestRef) requestSlot {
	return requestSlot{hash, uint32(r), uint32(r >> 32)}
}

func (s *requestSlot) ref() requestRef { return requestRef(s.high)<<32 | requestRef(s.low) }

// free reports whether there is nothing: the lowest bits of a ref are its kind.
func (s *requestSlot) free() bool { return s.low == 0 }

// home returns the place where the search for a slot begins.
func home(hash uint32) uint32 { return hash >> (32 - slotBits) }

const (
	slotBits    = 10
	slotsInPage = 1 << slotBits
	pageFull    = slotsInPage * 15 / 16 // pages yet to be split in a round have up to four fifths
)

func (t *requestTable) len() int { return t.n }

func (t *requestTable) hash(id string) uint32 { return uint32(maphash.String(t.seed, id)) }

// page returns the page of a hash: by its lowest bits, while the place in the page is by the highest.
func (t *requestTable) page(hash uint32) *requestPage {
	i := hash & (2*t.round - 1)
	if i >= uint32(len(t.pages)) {
		i = hash & (t.round - 1)
	}
	return &t.pages[i]
}

// at returns the slot where the search for a hash begins. There must be a request.
func (t *requestTable) at(hash uint32) *requestSlot {
	return &t.page(hash).slots[home(hash)]
}

// get returns what the id with a hash was used for; is tells whether a ref is of that id.
func (t *requestTable) get(hash uint32, is func(requestRef) bool) requestRef {
	if t.n == 0 {
		return 0
	}
	slots := t.page(hash).slots
	for i := home(hash); ; i++ {
		s := &slots[i%slotsInPage]
		if s.free() || s.hash == hash && is(s.ref()) {
			return s.ref()
		}
	}
}

// put adds an id that is not there.
func (t *requestTable) put(hash uint32, ref requestRef) {
	if t.pages == nil {
		t.pages, t.round = []requestPage{{slots: new(requestSlots)}}, 1
	}
	for t.n*5 >= len(t.pages)*slotsInPage*2 || t.page(hash).n >= pageFull {
		t.split()
	}
	t.page(hash).put(newRequestSlot(hash, ref))
	t.n++
}

func (p *requestPage) put(s requestSlot) {
	i := home(s.hash)
	for ; !p.slots[i%slotsInPage].free(); i++ {
	}
	p.slots[i%slotsInPage] = s
	p.n++
}

// split moves half of the next page to a new one.
func (t *requestTable) split() {
	if t.spare == nil {
		t.spare = new(requestSlots)
	}
	from := uint32(len(t.pages)) - t.round
	old := t.pages[from].slots
	t.pages[from] = requestPage{slots: t.spare}
	t.pages = append(t.pages, requestPage{slots: new(requestSlots)})
	halves := [2]*requestPage{&t.pages[from], &t.pages[from+t.round]}
	bit := bits.TrailingZeros32(t.round)
	for i := range old {
		if s := &old[i]; !s.free() {
			halves[s.hash>>bit&1].put(*s)
		}
	}
	clear(old[:])
	t.spare = old
	if uint32(len(t.pages)) == 2*t.round {
		t.round *= 2
	}
}

// remove takes out what is there.
func (t *requestTable) remove(hash uint32, ref requestRef) {
	p := t.page(hash)
	i := home(hash)
	for p.slots[i%slotsInPage].ref() != ref {
		i++
	}
	for next := i + 1; ; next++ { // those behind it that it kept from their places move up
		s := &p.slots[next%slotsInPage]
		if s.free() {
			break
		}
		if (next-home(s.hash))%slotsInPage >= (next-i)%slotsInPage {
			p.slots[i%slotsInPage] = *s
			i = next
		}
	}
	p.slots[i%slotsInPage] = requestSlot{}
	p.n--
	t.n--
}
