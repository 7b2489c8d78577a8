package durable

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// faulty is a journal of which one call fails, once.
type faulty struct {
	journal.Journal
	left int // calls until then
}

var errFault = errors.New("input/output error")

func (f *faulty) fault() error {
	if f.left--; f.left == 0 {
		return errFault
	}
	return nil
}

func (f *faulty) Begin() (uint64, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.Journal.Begin()
}

func (f *faulty) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	if err := f.fault(); err != nil {
		return journal.Position{}, err
	}
	return f.Journal.Append(epoch, expected, records)
}

func (f *faulty) Read(after uint64) iter.Seq2[journal.Group, error] {
	groups := f.Journal.Read(after)
	return func(yield func(journal.Group, error) bool) {
		for g, err := range groups {
			if err == nil {
				err = f.fault()
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}

func (f *faulty) Snapshots() ([]journal.Snapshot, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Journal.Snapshots()
}

func (f *faulty) WriteSnapshot(epoch uint64, at journal.Position, write func(io.Writer) error) (journal.Snapshot, error) {
	return f.Journal.WriteSnapshot(epoch, at, func(w io.Writer) error {
		if err := write(w); err != nil {
			return err
		}
		return f.fault()
	})
}

func (f *faulty) OpenSnapshot(sequence uint64) (io.ReadCloser, error) {
	r, err := f.Journal.OpenSnapshot(sequence)
	if err != nil {
		return nil, err
	}
	if f.fault() != nil { // in the middle of it
		r = io.NopCloser(io.MultiReader(io.LimitReader(r, 50), failing{errFault}))
	}
	return r, nil
}

func (f *faulty) DeleteSnapshot(epoch, sequence uint64) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Journal.DeleteSnapshot(epoch, sequence)
}

func (f *faulty) Trim(epoch, sequence uint64) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Journal.Trim(epoch, sequence)
}

func (f *faulty) Value(name string) ([]byte, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Journal.Value(name)
}

func (f *faulty) SetValue(epoch uint64, name string, value []byte) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Journal.SetValue(epoch, name, value)
}

func (f *faulty) Values(prefix string) ([]string, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Journal.Values(prefix)
}

func (f *faulty) StartAt(epoch uint64, start journal.Position) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Journal.StartAt(epoch, start)
}

func (f *faulty) Close() error { return nil }

// TestEveryFaultOfTheJournalIsToldAndNothingIsLost lets the first, the second, the third call fail and so on, until a life
// of two processes passes without one. Whatever failed, what was acknowledged is there when the journal works again.
func TestEveryFaultOfTheJournalIsToldAndNothingIsLost(t *testing.T) {
	clean := false
	n := 1
	for ; !clean; n++ {
		j := journal.NewMemory()
		f := &faulty{Journal: j, left: n}
		var acknowledged []ledger.HoldID
		process := func(o Options) error {
			s, err := Open(f, o)
			if err != nil {
				return err
			}
			work := func() error {
				l := s.Ledger()
				if s.Fresh() {
					if err := s.PutNetwork("v1", fstest.MapFS{"a": {Data: []byte("a")}}); err != nil {
						return err
					}
					if err := l.Extend(midnight, []string{"w"}, []string{"s"}, []string{"x"}, []string{"v1", "v2"}); err != nil {
						return err
					}
					if _, err := l.SetStock(midnight, ledger.Request{}, []ledger.StockLevel{{OnHand: 100}}); err != nil {
						return err
					}
				}
				for range 3 {
					h, err := l.Allocate(&ledger.Allocation{
						At: midnight, TTL: 100, Stock: []ledger.StockClaim{{Quantity: 1}}, Basis: ledger.Basis{Network: 2},
					})
					if err != nil {
						return err
					}
					acknowledged = append(acknowledged, h.ID)
					if err := s.Snapshot(); err != nil {
						return err
					}
				}
				for _, err := range s.Events(s.Oldest()) {
					if err != nil {
						return err
					}
				}
				if _, err := s.StateAt(s.Durable()); err != nil {
					return err
				}
				return nil
			}
			return errors.Join(work(), s.Close())
		}
		o := options()
		again := o
		again.Ledger.Retention = 1000
		err := process(o)
		for _, next := range []Options{o, again} {
			if err == nil {
				err = process(next)
			}
		}
		if err == nil {
			_, err = Verify(f, nil)
		}
		if err == nil {
			err = Dump(f, io.Discard, nil)
		}
		switch clean = err == nil && f.left > 0; {
		case clean:
			continue
		case err != nil && !errors.Is(err, errFault):
			t.Fatalf("fault %d: told as %v", n, err)
		}
		// A fault that nobody hears of is one that was made up for, as by an older snapshot.

		for _, conf := range []Options{o, again} {
			s, err := Open(keep{j}, conf)
			if err != nil {
				t.Fatalf("after fault %d: %v", n, err)
			}
			for _, id := range acknowledged {
				if h, err := s.Ledger().Get(id); err != nil || h.Status != ledger.Pending {
					t.Fatalf("after fault %d: hold %d: %v %v", n, id, h.Status, err)
				}
			}
			if s.Ledger().Open() > len(acknowledged)+1 {
				t.Fatalf("after fault %d: %d holds, and %d were acknowledged", n, s.Ledger().Open(), len(acknowledged))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(keep{j}, nil); err != nil {
				t.Fatalf("after fault %d: %v", n, err)
			}
		}
	}
	t.Logf("%d faults", n-2)
}

func TestEveryFaultWhileRestoringLeavesNothingThatOpens(t *testing.T) {
	source := keep{journal.NewMemory()}
	o := options()
	o.Keep = 1
	s := mustOpen(t, source, o)
	setUp(t, s.Ledger())
	for range 2 {
		if err := s.Snapshot(); err != nil {
			t.Fatal(err)
		}
		if err := s.Ledger().Extend(midnight, []string{"more"}, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.PutNetwork("version-1", fstest.MapFS{"a": {Data: []byte("a")}}), s.Close()); err != nil {
		t.Fatal(err)
	}
	text := dump(t, source)
	for n := 1; ; n++ {
		j := journal.NewMemory()
		f := &faulty{Journal: j, left: n}
		err := Restore(f, bytes.NewReader(text), nil)
		if err == nil {
			if f.left <= 0 {
				t.Fatalf("nobody heard of fault %d", n)
			}
			t.Logf("%d faults", n-1)
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("fault %d: told as %v", n, err)
		}
		s, err := Open(keep{j}, options())
		if err == nil && s.Last() > 0 {
			t.Fatalf("after fault %d it opens", n)
		}
		if err != nil && !errors.Is(err, ErrUnfinished) {
			t.Fatalf("after fault %d: %v", n, err)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
