package journal

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Committer turns the records of many goroutines into few groups: while one group is made durable, the next gathers,
// and it is committed as soon as the one before is done and somebody waits for one of its records. Nobody waits for a group to
// fill. What nobody waits for gathers until somebody does, or until Flush or Close: a stream of orders is so committed a hundred
// at a time, where the first record alone would have begun a group; it spares 5 % of an order's processor time.
//
// A failure is final. The records of the group that failed and of all later ones never become durable by this committer.
type Committer struct {
	journal Journal
	epoch   uint64
	failed  func(error)
	durable atomic.Uint64

	mu       sync.Mutex
	wake     sync.Cond     // the committing goroutine waits here for records
	gather   *gathering    // takes what is added
	flight   *gathering    // is being made durable; nil when there is none
	spare    *gathering    // memory for the next
	changed  chan struct{} // made when somebody watches; closed when durable grows or the committer ends
	err      error         // why it ended, or nil
	closing  bool
	finished chan struct{} // closed when the committing goroutine returned
}

// A gathering is the records of a group to be.
type gathering struct {
	first  uint64
	bytes  []byte
	ends   []int         // of each record in bytes
	bound  []bool        // by record: the next one is durable together with it or neither is
	wanted bool          // somebody waits for a record, or wants it durable soon
	done   chan struct{} // closed when the records are durable or the committer ended
}

// keepBytes bounds the memory that a committer holds on to between groups.
const keepBytes = 4 << 20

// gatherYields is how often the committing goroutine lets others run before it takes a group. Where the processors are
// busy, those about to add get to do so, and two syncs become one: 64 callers of a server on two processors made groups of
// 14 instead of 7, and 27,000 calls a second instead of 22,500. Where they are idle it costs nothing. Once is nearly as
// good; 8 to 256 times are no better. Sleeping for 100 µs or more makes larger groups and fewer calls.
const gatherYields = 3

// groupBytes is where a long gathering is cut, so that a burst does not become one giant write that all wait for.
const groupBytes = 4 << 20

// NewCommitter returns a committer of records behind end, which must be where the journal ends, for an epoch that began.
// failed, if not nil, is called once, with what ended it, before anybody who waits hears of it.
func NewCommitter(j Journal, epoch, end uint64, failed func(error)) *Committer {
	c := &Committer{journal: j, epoch: epoch, failed: failed, finished: make(chan struct{})}
	c.wake.L = &c.mu
	c.durable.Store(end)
	c.gather = newGathering(end + 1)
	go c.run()
	return c
}

func newGathering(first uint64) *gathering {
	return &gathering{first: first, done: make(chan struct{})}
}

// open reports whether the next record has to be in the same group.
func (g *gathering) open() bool { return len(g.bound) > 0 && g.bound[len(g.bound)-1] }

// Add copies a record, of at most MaxRecord bytes, into the group that gathers and returns its sequence. It never waits
// for I/O, and begins none: that is for Wait and Flush. The order of the calls is the order of the records; callers see to it.
// After the committer ended, the record only gets a number, and Wait tells why.
func (c *Committer) Add(record []byte) uint64 { return c.AddBound(record, false) }

// AddBound is Add for a record that, with more, is bound to the next one: they become durable in one group, both or neither.
// No group is committed until the next is added, so that must not wait for anything. Records that are bound together
// must fit into one group: see MaxGroup and MaxRecords.
func (c *Committer) AddBound(record []byte, more bool) uint64 {
	c.mu.Lock()
	g := c.gather
	opened := g.open()
	g.bytes = append(g.bytes, record...)
	g.ends = append(g.ends, len(g.bytes))
	g.bound = append(g.bound, more)
	sequence := g.first + uint64(len(g.ends)) - 1
	if opened && !more && g.wanted {
		c.wake.Signal()
	}
	if c.err != nil { // nobody will take them; keep their number only
		g.bytes = g.bytes[:0]
	}
	c.mu.Unlock()
	return sequence
}

// Wait returns nil when the record of a sequence and all before are durable. It gets ErrFailed with the cause, or
// ErrClosed, when they will never be, and ErrSequence for a record that was not added.
func (c *Committer) Wait(sequence uint64) error {
	if sequence <= c.durable.Load() {
		return nil
	}
	c.mu.Lock()
	last := c.gather.first + uint64(len(c.gather.ends)) - 1
	var done chan struct{}
	switch {
	case sequence > last:
		c.mu.Unlock()
		return &SequenceError{Expected: sequence, Found: last}
	case c.err != nil:
		done = c.finished
	case sequence >= c.gather.first:
		done = c.gather.done
		c.want()
	case c.flight != nil:
		done = c.flight.done
	}
	c.mu.Unlock()
	if done != nil { // else it became durable meanwhile
		<-done
	}
	if sequence <= c.durable.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Flush begins to make durable what was added, without waiting for it.
func (c *Committer) Flush() {
	c.mu.Lock()
	if len(c.gather.ends) > 0 {
		c.want()
	}
	c.mu.Unlock()
}

// want has the records that gather committed. Under the mutex.
func (c *Committer) want() {
	if !c.gather.wanted {
		c.gather.wanted = true
		c.wake.Signal()
	}
}

// Durable returns the sequence of the last record that is durable.
func (c *Committer) Durable() uint64 { return c.durable.Load() }

// Changed returns a channel that is closed when Durable next grows, or when the committer ends. Take it before looking
// at Durable, so that nothing is missed in between.
func (c *Committer) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{})
		if c.err != nil {
			close(c.changed)
		}
	}
	return c.changed
}

// Err returns why the committer ended: ErrFailed with the cause, or ErrClosed; nil while it runs.
func (c *Committer) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close makes durable what was added, then stops. It returns what the committer failed with. It does not close the
// journal.
func (c *Committer) Close() error {
	c.mu.Lock()
	c.closing = true
	c.wake.Signal()
	c.mu.Unlock()
	<-c.finished
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, errClosedCommitter) {
		return nil
	}
	return c.err
}

var errClosedCommitter = fmt.Errorf("the committer was closed: %w", ErrClosed)

// run commits one gathering after the other.
func (c *Committer) run() {
	defer close(c.finished)
	var records [][]byte
	c.mu.Lock()
	for {
		for !c.gather.wanted && !c.closing || c.gather.open() {
			c.wake.Wait()
		}
		c.mu.Unlock()
		for range gatherYields {
			runtime.Gosched()
		}
		c.mu.Lock()
		for c.gather.open() { // since
			c.wake.Wait()
		}
		g := c.gather
		if len(g.ends) == 0 {
			c.end(errClosedCommitter)
			c.mu.Unlock()
			return
		}
		next := c.spare
		if next == nil {
			next = newGathering(0)
		}
		next.first = g.first + uint64(len(g.ends))
		c.gather, c.flight, c.spare = next, g, nil
		c.mu.Unlock()

		var err error
		records, err = c.commit(g, records[:0])
		if err != nil {
			if !errors.Is(err, ErrFailed) {
				err = fmt.Errorf("%w after record %d: %w", ErrFailed, c.durable.Load(), err)
			}
			if c.failed != nil {
				c.failed(err)
			}
			c.mu.Lock()
			c.end(err)
			close(g.done)
			c.mu.Unlock()
			return
		}
		close(g.done)
		c.mu.Lock()
		c.flight = nil
		if cap(g.bytes) <= keepBytes {
			*g = gathering{bytes: g.bytes[:0], ends: g.ends[:0], bound: g.bound[:0], done: make(chan struct{})}
			c.spare = g
		}
	}
}

// end lets go of everybody who waits. Under the mutex.
func (c *Committer) end(err error) {
	c.err = err
	c.flight = nil
	close(c.gather.done)
	c.announce()
}

// announce tells those who watch that something changed. Under the mutex.
func (c *Committer) announce() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// commit makes a gathering durable, in pieces if it is long, but never with a cut between records that are bound together.
// It returns the slice of records for use again.
func (c *Committer) commit(g *gathering, records [][]byte) ([][]byte, error) {
	expected, begin, size := g.first-1, 0, 0
	for i, end := range g.ends {
		records = append(records, g.bytes[begin:end:end])
		size += recordHeader + end - begin
		begin = end
		if g.bound[i] || i+1 < len(g.ends) && g.fits(i+1, len(records), size) {
			continue
		}
		position, err := c.journal.Append(c.epoch, expected, records)
		if err != nil {
			return records, err
		}
		expected = position.Sequence
		records, size = records[:0], 0
		c.durable.Store(expected)
		c.mu.Lock()
		c.announce()
		c.mu.Unlock()
	}
	return records, nil
}

// fits reports whether the i-th record, and those that are bound to it, go with so many before them of so many bytes.
func (g *gathering) fits(i, records, size int) bool {
	last := i
	for g.bound[last] {
		last++
	}
	records += last + 1 - i
	return records <= MaxRecords && size+recordHeader*(last+1-i)+g.ends[last]-g.ends[i-1] <= groupBytes
}
