package journal

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// slow is a journal whose appends wait to be let go.
type slow struct {
	*Memory
	begun chan int   // how many records; when an append begins
	next  chan error // lets it go, or fail
	mu    sync.Mutex
	count int
}

func newSlow(t *testing.T) (*slow, uint64) {
	t.Helper()
	j := &slow{Memory: NewMemory(), begun: make(chan int, 100), next: make(chan error)}
	epoch, err := j.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return j, epoch
}

func (s *slow) Append(epoch, expected uint64, records [][]byte) (Position, error) {
	s.mu.Lock()
	s.count++
	s.mu.Unlock()
	s.begun <- len(records)
	if err := <-s.next; err != nil {
		return Position{}, err
	}
	return s.Memory.Append(epoch, expected, records)
}

func TestCommitterGathersWhileItCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, epoch := newSlow(t)
		c := NewCommitter(j, epoch, 0, func(err error) { t.Error(err) })
		c.Add([]byte("a"))
		synctest.Wait()
		if len(j.begun) > 0 {
			t.Error("a group is committed that nobody waits for")
		}
		c.Flush()
		if n := <-j.begun; n != 1 {
			t.Errorf("the first group has %d records; it must not wait for more", n)
		}
		for range 3 {
			c.Add([]byte("b"))
		}
		waited := make(chan error, 2)
		go func() { waited <- c.Wait(1) }()
		go func() { waited <- c.Wait(4) }()
		synctest.Wait()
		if c.Durable() != 0 || len(waited) != 0 {
			t.Errorf("%d is durable before the append ended", c.Durable())
		}
		j.next <- nil
		synctest.Wait()
		if err := <-waited; err != nil || c.Durable() != 1 || len(waited) != 0 {
			t.Errorf("after the first group: %v, %d durable", err, c.Durable())
		}
		if n := <-j.begun; n != 3 {
			t.Errorf("the second group has %d records, want the 3 that came meanwhile", n)
		}
		j.next <- nil
		if err := <-waited; err != nil || c.Durable() != 4 {
			t.Errorf("after the second group: %v, %d durable", err, c.Durable())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCommitterFailsOnceAndForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, epoch := newSlow(t)
		broken := errors.New("broken")
		var heard []error
		c := NewCommitter(j, epoch, 0, func(err error) { heard = append(heard, err) })
		c.Add([]byte("a"))
		c.Flush()
		<-j.begun
		j.next <- nil
		c.Add([]byte("b"))
		c.Flush()
		<-j.begun
		c.Add([]byte("c"))
		changed := c.Changed()
		waited := make(chan error, 3)
		for sequence := range uint64(3) {
			go func() { waited <- c.Wait(sequence + 1) }()
		}
		synctest.Wait()
		j.next <- broken
		synctest.Wait()
		var failed int
		for range 3 {
			if err := <-waited; err != nil {
				failed++
				if !errors.Is(err, ErrFailed) || !errors.Is(err, broken) {
					t.Errorf("Wait says %v", err)
				}
			}
		}
		if failed != 2 || c.Durable() != 1 || len(heard) != 1 || !errors.Is(heard[0], broken) {
			t.Errorf("%d waits failed, %d is durable, and it was told of %v", failed, c.Durable(), heard)
		}
		<-changed
		<-c.Changed()
		if err := c.Wait(c.Add([]byte("late"))); !errors.Is(err, ErrFailed) {
			t.Errorf("a later record: %v", err)
		}
		if err := c.Wait(1); err != nil {
			t.Errorf("what was durable before: %v", err)
		}
		if err := c.Close(); !errors.Is(err, broken) || !errors.Is(c.Err(), broken) {
			t.Errorf("Close says %v", err)
		}
		if j.count != 2 {
			t.Errorf("%d appends; the one that failed was tried again, or a later one", j.count)
		}
	})
}

func TestCommitterClosesBehindWhatWasAdded(t *testing.T) {
	j := NewMemory()
	epoch, err := j.Begin()
	if err != nil {
		t.Fatal(err)
	}
	c := NewCommitter(j, epoch, 0, nil)
	for i := range 100 {
		c.Add(fmt.Append(nil, i))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, end := j.Bounds(); end.Sequence != 100 || c.Durable() != 100 {
		t.Errorf("the journal ends at %v", end)
	}
	if err := c.Wait(100); err != nil {
		t.Error(err)
	}
	if err := c.Wait(c.Add(nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("a record after closing: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestCommitterWaitsOnlyForWhatWasAdded(t *testing.T) {
	j := NewMemory()
	epoch, err := j.Begin()
	if err != nil {
		t.Fatal(err)
	}
	c := NewCommitter(j, epoch, 0, nil)
	defer c.Close()
	if err := c.Wait(1); !errors.Is(err, ErrSequence) {
		t.Errorf("got %v", err)
	}
	if err := c.Wait(0); err != nil {
		t.Error(err)
	}
}

func TestCommitterCutsLongGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, epoch := newSlow(t)
		c := NewCommitter(j, epoch, 0, nil)
		c.Add(nil)
		c.Flush()
		<-j.begun
		big := make([]byte, groupBytes/2)
		for range 5 {
			c.Add(big)
		}
		c.Flush()
		var groups []int
		for range 6 {
			j.next <- nil
			synctest.Wait()
			select {
			case n := <-j.begun:
				groups = append(groups, n)
			default:
			}
			if c.Durable() == 6 {
				break
			}
		}
		if !slices.Equal(groups, []int{1, 1, 1, 1, 1}) {
			t.Errorf("groups of %v records of half the limit and a header each", groups)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCommitterKeepsBoundRecordsTogether adds records of which some are bound together, larger than where groups are cut.
func TestCommitterKeepsBoundRecordsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, epoch := newSlow(t)
		c := NewCommitter(j, epoch, 0, nil)
		var groups []int
		let := func() { // appends, as long as there are any
			for {
				synctest.Wait()
				select {
				case n := <-j.begun:
					groups = append(groups, n)
					j.next <- nil
				default:
					return
				}
			}
		}
		c.AddBound([]byte("a"), true)
		c.Flush()
		let()
		if len(groups) > 0 {
			t.Error("a group is committed without the record that its last one is bound to")
		}
		waited := make(chan error, 1)
		go func() { waited <- c.Wait(2) }()
		c.AddBound([]byte("b"), false)
		let()
		if err := <-waited; err != nil || !slices.Equal(groups, []int{2}) {
			t.Errorf("groups of %v, %v", groups, err)
		}
		c.Add(nil)
		c.Flush()
		synctest.Wait() // it is being appended, and all of these gather
		half := make([]byte, groupBytes/2)
		c.Add(half)
		for range 4 {
			c.AddBound(half, true)
		}
		c.AddBound(nil, false)
		c.Add(nil)
		c.AddBound(nil, true) // and one is open
		c.Flush()
		groups = nil
		let()
		if want := []int{1}; !slices.Equal(groups, want) {
			t.Errorf("groups of %v, want %v: one is open", groups, want)
		}
		c.Add(nil)
		let()
		if want := []int{1, 1, 5, 3}; !slices.Equal(groups, want) {
			t.Errorf("groups of %v, want %v", groups, want)
		}
		if err := c.Close(); err != nil || c.Durable() != 12 {
			t.Error(c.Durable(), err)
		}
	})
}

func TestCommitterFencedFails(t *testing.T) {
	j := NewMemory()
	old, err := j.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Begin(); err != nil {
		t.Fatal(err)
	}
	c := NewCommitter(j, old, 0, nil)
	if err := c.Wait(c.Add(nil)); !errors.Is(err, ErrFenced) || !errors.Is(err, ErrFailed) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkAdd shows what the sequencer pays for a record, which it adds under its mutex.
func BenchmarkAdd(b *testing.B) {
	j := NewMemory()
	epoch, err := j.Begin()
	if err != nil {
		b.Fatal(err)
	}
	c := NewCommitter(forgetful{j}, epoch, 0, func(err error) { b.Error(err) })
	record := make([]byte, 600)
	b.ReportAllocs()
	for b.Loop() {
		c.Add(record)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

// forgetful appends nothing.
type forgetful struct{ *Memory }

func (forgetful) Append(_, expected uint64, records [][]byte) (Position, error) {
	return Position{Sequence: expected + uint64(len(records))}, nil
}
