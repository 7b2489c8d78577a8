package ledger

import (
	"cmp"
	"iter"
	"strings"

	"github.com/allot-engine/allot/units"
)

// An expiryHeap orders pending holds by when they expire, then by id. Records know their place, so that a hold that is
// confirmed or released leaves at once and the heap is never larger than the pending holds. The keys lie in the heap, since a
// look at a record that was granted long ago waits for memory; and the heap in pages, so that no command waits for millions of
// them to be copied when it grows.
type expiryHeap struct {
	pages []*[expiringInPage]expiring // one more than needed at most
	n     int
}

const expiringInPage = 1 << 10

type expiring struct {
	at     units.Instant
	id     HoldID
	record *record
}

func (h *expiryHeap) at(i int) *expiring { return &h.pages[i/expiringInPage][i%expiringInPage] }

func (h *expiryHeap) first() *record {
	if h.n == 0 {
		return nil
	}
	return h.at(0).record
}

func (h *expiryHeap) less(i, j int) bool {
	a, b := h.at(i), h.at(j)
	return a.at < b.at || a.at == b.at && a.id < b.id
}

func (h *expiryHeap) swap(i, j int) {
	a, b := h.at(i), h.at(j)
	*a, *b = *b, *a
	a.record.heap, b.record.heap = int32(i), int32(j)
}

func (h *expiryHeap) push(r *record) {
	if h.n == len(h.pages)*expiringInPage {
		h.pages = append(h.pages, new([expiringInPage]expiring))
	}
	r.heap = int32(h.n)
	h.n++
	*h.at(h.n - 1) = expiring{r.Expires, r.ID, r}
	h.up(h.n - 1)
}

// remove takes r out; it does nothing when r is not in the heap.
func (h *expiryHeap) remove(r *record) {
	i, last := int(r.heap), h.n-1
	if i < 0 {
		return
	}
	h.swap(i, last)
	*h.at(last) = expiring{}
	h.n = last
	if needed := (last + expiringInPage - 1) / expiringInPage; len(h.pages) > needed+1 {
		h.pages[needed+1] = nil
		h.pages = h.pages[:needed+1]
	}
	r.heap = -1
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h *expiryHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *expiryHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= h.n {
			return
		}
		if child+1 < h.n && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

// planned is a receipt to come; sequence is of the event that planned it, and place is where in that.
type planned struct {
	Receipt
	sequence uint64
	place    int
}

// A receiptHeap orders inbound receipts by when they arrive, then by when they were planned.
type receiptHeap struct{ items []planned }

func (h *receiptHeap) first() *planned {
	if len(h.items) == 0 {
		return nil
	}
	return &h.items[0]
}

func (h *receiptHeap) less(i, j int) bool {
	return comparePlanned(h.items[i], h.items[j]) < 0
}

func comparePlanned(a, b planned) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.place, b.place))
}

func (h *receiptHeap) push(p planned) {
	h.items = append(h.items, p)
	for i := len(h.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h.items[i], h.items[parent] = h.items[parent], h.items[i]
		i = parent
	}
}

func (h *receiptHeap) pop() planned {
	top, last := h.items[0], len(h.items)-1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return top
		}
		h.items[i], h.items[child] = h.items[child], h.items[i]
		i = child
	}
}

// A queue remembers things in the order of their time. They have numbers: 0, 1, 2 and so on, as they came. They lie in pages,
// and so never move.
type queue[T any] struct {
	pages       []*[queuePage]timed[T] // the first has the oldest
	first, next uint64                 // numbers: of the oldest, and of the next to come
}

const queuePage = 64

type timed[T any] struct {
	at   units.Instant
	item T
}

func (q *queue[T]) len() int { return int(q.next - q.first) }

// at returns what has a number and is still there.
func (q *queue[T]) at(n uint64) *timed[T] {
	return &q.pages[n/queuePage-q.first/queuePage][n%queuePage]
}

// all returns what is in the queue, oldest first.
func (q *queue[T]) all() iter.Seq[*timed[T]] {
	return func(yield func(*timed[T]) bool) {
		for n := q.first; n < q.next && yield(q.at(n)); n++ {
		}
	}
}

// push adds an item and returns its number.
func (q *queue[T]) push(at units.Instant, item T) uint64 {
	n := q.next
	if int(n/queuePage-q.first/queuePage) == len(q.pages) {
		q.pages = append(q.pages, new([queuePage]timed[T]))
	}
	q.next++
	*q.at(n) = timed[T]{at, item}
	return n
}

// pop takes the oldest item if it is at least age seconds old at now.
func (q *queue[T]) pop(now units.Instant, age int64) (item T, number uint64, ok bool) {
	if q.first == q.next || int64(now-q.at(q.first).at) < age {
		return item, 0, false
	}
	oldest := q.at(q.first)
	item, number = oldest.item, q.first
	*oldest = timed[T]{}
	if q.first++; q.first%queuePage == 0 {
		q.pages[0] = nil
		q.pages = q.pages[1:]
	}
	return item, number, true
}

// names gives out rows.
type names struct {
	rows map[string]int32
	list []string
}

func (n *names) len() int { return len(n.list) }

func (n *names) add(ids []string) {
	if n.rows == nil {
		n.rows = make(map[string]int32, len(ids))
	}
	for _, id := range ids {
		n.rows[id] = int32(len(n.list))
		n.list = append(n.list, id)
	}
}

// lack reports whether fresh names are neither there nor twice among themselves.
func (n *names) lack(fresh []string) bool {
	seen := make(map[string]bool, len(fresh))
	for _, id := range fresh {
		_, known := n.rows[id]
		if known || seen[id] {
			return false
		}
		seen[id] = true
	}
	return true
}

// index finds the rows of list; false when a name comes twice.
func (n *names) index() bool {
	n.rows = make(map[string]int32, len(n.list))
	for row, id := range n.list {
		n.rows[id] = int32(row)
	}
	return len(n.rows) == len(n.list)
}

// An arena keeps texts together: one allocation for many.
type arena struct{ b *strings.Builder }

func (a *arena) keep(text []byte) string {
	if a.b == nil || a.b.Cap()-a.b.Len() < len(text) {
		a.b = new(strings.Builder)
		a.b.Grow(max(roomBytes, len(text)))
	}
	start := a.b.Len()
	a.b.Write(text)
	return a.b.String()[start:]
}

// A slab hands out parts of larger allocations.
type slab[T any] struct{ room []T }

// Elements that a slab makes at once.
const (
	roomRecords = 32
	roomClaims  = 256
	roomBytes   = 16 << 10
)

// take returns n zero elements, from room for at least so many; never nil.
func (s *slab[T]) take(n, room int) []T {
	if s.room == nil || len(s.room) < n {
		s.room = make([]T, max(n, room))
	}
	out := s.room[:n:n]
	s.room = s.room[n:]
	return out
}
