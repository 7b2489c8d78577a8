package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
	"pgregory.net/rapid"
)

func TestReopeningGivesTheSameStateAndTheSameAnswers(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	j := keep{journal.NewMemory()}
	s := mustOpen(t, j, options())
	if !s.Fresh() {
		t.Error("a new ledger is not fresh")
	}
	setUp(t, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	var last uint64
	for round := range 5 {
		u.steps(t, 300)
		if s.Fresh() {
			t.Error("a ledger with a network is fresh")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		before := recovered(t, s.History)
		s = mustOpen(t, j, options())
		if got := recovered(t, s.History); !bytes.Equal(got, before) {
			t.Fatalf("round %d: another state", round)
		}
		if s.Durable() <= last || s.Durable() != s.Last() {
			t.Fatalf("round %d: durable %d, last %d, before %d", round, s.Durable(), s.Last(), last)
		}
		last = s.Durable()
		u.ledger = s.Ledger()
		asked := 0
		for id, first := range u.answers {
			h, err := s.Ledger().Allocate(u.asked[id])
			if errors.Is(err, ledger.ErrRequestReused) {
				t.Fatalf("round %d: request %s: %v", round, id, err)
			}
			if first.Status == ledger.Refused && u.now-first.Changed > 3600 {
				continue // forgotten, and so new
			}
			if err != nil || h.ID != first.ID || !bytes.Equal(h.Answer, first.Answer) {
				t.Fatalf("round %d: request %s gets hold %d %q %v, and first got %d %q", round, id, h.ID, h.Answer, err, first.ID, first.Answer)
			}
			asked++
		}
		if asked < 10 {
			t.Errorf("round %d: only %d requests were asked again", round, asked)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := s.Ledger().Allocate(u.allocation()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("allocating after Close: %v", err)
	}
}

func TestHoldsExpireAcrossARestart(t *testing.T) {
	j := keep{journal.NewMemory()}
	s := mustOpen(t, j, options())
	setUp(t, s.Ledger())
	before, err := s.Ledger().Stock(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Ledger().Allocate(&ledger.Allocation{At: midnight, TTL: 60, Stock: []ledger.StockClaim{{Quantity: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, j, options())
	defer s.Close()
	if err := s.Ledger().Advance(midnight + 59); err != nil {
		t.Fatal(err)
	}
	if h, err = s.Ledger().Get(h.ID); err != nil || h.Status != ledger.Pending {
		t.Fatalf("%v %v", h.Status, err)
	}
	if err := s.Ledger().Advance(midnight + 60); err != nil {
		t.Fatal(err)
	}
	if h, err = s.Ledger().Get(h.ID); err != nil || h.Status != ledger.Expired {
		t.Fatalf("%v %v", h.Status, err)
	}
	if after, err := s.Ledger().Stock(0, 0); err != nil || after != before {
		t.Fatalf("%v %v", after, err)
	}
}

// TestSnapshotsChangeNothing compares a ledger with snapshots and trimming at random places with a twin that never had one.
func TestSnapshotsChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		number := rapid.Uint64().Draw(rt, "seed")
		one, two := keep{journal.NewMemory()}, keep{journal.NewMemory()}
		o := options()
		o.Keep = rapid.IntRange(1, 3).Draw(rt, "keep")
		plain := options()
		plain.Keep = -1
		a, b := mustOpen(t, one, o), mustOpen(t, two, plain)
		setUp(t, a.Ledger())
		setUp(t, b.Ledger())
		ua := newUser(rand.New(rand.NewPCG(number, 0)), a.Ledger(), "u")
		ub := newUser(rand.New(rand.NewPCG(number, 0)), b.Ledger(), "u")
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			n := rapid.IntRange(0, 40).Draw(rt, "commands")
			ua.steps(t, n)
			ub.steps(t, n)
			if rapid.Bool().Draw(rt, "snapshot") {
				if err := a.Snapshot(); err != nil {
					rt.Fatal(err)
				}
			}
			if rapid.Bool().Draw(rt, "restart") {
				if err := errors.Join(a.Close(), b.Close()); err != nil {
					rt.Fatal(err)
				}
				a, b = mustOpen(t, one, o), mustOpen(t, two, plain)
				ua.ledger, ub.ledger = a.Ledger(), b.Ledger()
			}
			if !bytes.Equal(recovered(t, a.History), recovered(t, b.History)) {
				rt.Fatal("the state differs from that of the twin without snapshots")
			}
		}
		kept, err := one.Snapshots()
		if err != nil || len(kept) > o.Keep {
			rt.Fatalf("%d snapshots are kept (%v), want at most %d", len(kept), err, o.Keep)
		}
		if len(kept) == o.Keep && a.Oldest() != kept[0].Sequence {
			rt.Fatalf("the oldest is %d, the oldest snapshot at %d", a.Oldest(), kept[0].Sequence)
		}
		if _, err := Verify(one, nil); err != nil {
			rt.Fatal(err)
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestStateAtEqualsTheFoldOfTheEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	o := options()
	o.Keep = 3
	s := mustOpen(t, keep{journal.NewMemory()}, o)
	defer s.Close()
	setUp(t, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	states := map[uint64][]byte{}
	twin := ledger.NewState(s.config)
	states[0] = written(t, twin)
	for range 6 {
		u.steps(t, 60)
		for e, err := range s.Events(twin.Sequence()) {
			if err != nil {
				t.Fatal(err)
			}
			if err := twin.Replay(e); err != nil {
				t.Fatal(err)
			}
			states[e.Sequence] = written(t, twin)
		}
		if err := s.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Oldest() == 0 {
		t.Fatal("nothing was trimmed")
	}
	for sequence, want := range states {
		got, err := s.StateAt(sequence)
		if sequence < s.Oldest() {
			if !errors.Is(err, journal.ErrTrimmed) {
				t.Fatalf("after %d, before the oldest: %v", sequence, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(written(t, got), want) {
			t.Fatalf("another state after %d", sequence)
		}
	}
	if _, err := s.StateAt(s.Last() + 1); !errors.Is(err, journal.ErrSequence) {
		t.Errorf("behind the end: %v", err)
	}
	first := func(after uint64) (err error) {
		for _, err = range s.Events(after) {
			break
		}
		return err
	}
	if err := first(s.Oldest() - 1); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("events before the oldest: %v", err)
	}
	if err := first(s.Last() + 1); !errors.Is(err, journal.ErrSequence) {
		t.Errorf("events behind the end: %v", err)
	}
}

// flipped is a journal one of whose snapshots reads back with a byte changed, as from a bad disk.
type flipped struct {
	journal.Journal
	sequences map[uint64]bool
}

func (f *flipped) OpenSnapshot(sequence uint64) (io.ReadCloser, error) {
	r, err := f.Journal.OpenSnapshot(sequence)
	if err != nil || !f.sequences[sequence] {
		return r, err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	content[len(content)*2/3] ^= 4
	return io.NopCloser(io.MultiReader(bytes.NewReader(content), failing{&journal.DamageError{Sequence: sequence, What: "flipped"}})), nil
}

// Close is nothing, as of keep.
func (f *flipped) Close() error { return nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestADamagedSnapshotIsMadeUpForByAnOlderOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	j := &flipped{Journal: journal.NewMemory(), sequences: map[uint64]bool{}}
	s := mustOpen(t, j, options())
	setUp(t, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	for range 3 {
		u.steps(t, 50)
		if err := s.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	u.steps(t, 50)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := recovered(t, s.History)
	kept, err := j.Snapshots()
	if err != nil || len(kept) != 2 || s.Oldest() != kept[0].Sequence {
		t.Fatal(kept, err)
	}

	j.sequences[kept[1].Sequence] = true
	var told strings.Builder
	o := options()
	o.Log = slog.New(slog.NewTextHandler(&told, nil))
	s = mustOpen(t, j, o)
	if got := recovered(t, s.History); !bytes.Equal(got, want) {
		t.Error("another state")
	}
	if !strings.Contains(told.String(), fmt.Sprint("sequence=", kept[1].Sequence)) {
		t.Errorf("no warning: %s", &told)
	}
	// The next snapshots do not count the damaged one, so the records that make up for it stay.
	u.ledger = s.Ledger()
	u.steps(t, 50)
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if s.Oldest() != kept[0].Sequence {
		t.Errorf("the records behind the last good snapshot but one were dropped: %d", s.Oldest())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	all, err := j.Snapshots()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		j.sequences[k.Sequence] = true
	}
	if _, err := Open(j, options()); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "restore") {
		t.Errorf("with no good snapshot: %v", err)
	}
	if _, err := Verify(j, nil); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("with no good snapshot: %v", err)
	}
}

func TestAllSnapshotsMayBeDamagedWhileAllRecordsAreThere(t *testing.T) {
	j := &flipped{Journal: journal.NewMemory(), sequences: map[uint64]bool{}}
	s := mustOpen(t, j, options())
	setUp(t, s.Ledger())
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	j.sequences[s.Last()] = true
	want := recovered(t, s.History)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, j, options())
	defer s.Close()
	if !bytes.Equal(recovered(t, s.History), want) {
		t.Error("another state")
	}
}

func TestLargeLedgersMakeFewerSnapshots(t *testing.T) {
	for _, c := range []struct {
		every, remembered int
		want              uint64
	}{
		{1_000_000, 0, 1_000_000},
		{1_000_000, 2_000_001, 1_000_000},
		{1_000_000, 2_000_002, 1_000_001},
		{1_000_000, 16_000_000, 8_000_000},
		{1_000_000, 1 << 40, 8_000_000},
		{5, 1_000, 40},
		{math.MaxInt, 1_000, math.MaxInt},
	} {
		o := Options{SnapshotEvery: c.every}
		if got := o.interval(c.remembered); got != c.want {
			t.Errorf("every %d records, with %d holds and answers: the next after %d, want %d", c.every, c.remembered, got, c.want)
		}
	}
}

func TestSnapshotsAreMadeInTheBackgroundAndOldRecordsDropped(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	j := keep{journal.NewMemory()}
	o := options()
	o.SnapshotEvery = 100
	s := mustOpen(t, j, o)
	setUp(t, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	eventually(t, "something is dropped", func() bool {
		u.steps(t, 20)
		return s.Oldest() > 0
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(j, nil); err != nil {
		t.Error(err)
	}
}

// broken is a journal that cannot be appended to any more when fail is set.
type broken struct {
	journal.Journal
	fail      error
	snapshots error
}

func (b *broken) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	if b.fail != nil {
		return journal.Position{}, b.fail
	}
	return b.Journal.Append(epoch, expected, records)
}

func (b *broken) WriteSnapshot(epoch uint64, at journal.Position, write func(io.Writer) error) (journal.Snapshot, error) {
	if b.snapshots != nil {
		return journal.Snapshot{}, b.snapshots
	}
	return b.Journal.WriteSnapshot(epoch, at, write)
}

func TestAfterAFailureNothingIsAnswered(t *testing.T) {
	cause := errors.New("the disk is gone")
	b := &broken{Journal: journal.NewMemory()}
	var told []error
	o := options()
	o.Failed = func(err error) { told = append(told, err) }
	s := mustOpen(t, b, o)
	l := s.Ledger()
	setUp(t, l)
	h, err := l.Allocate(&ledger.Allocation{At: midnight, TTL: 60, Stock: []ledger.StockClaim{{Quantity: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	changed := s.Changed()
	b.fail = cause
	_, err = l.Allocate(&ledger.Allocation{At: midnight, TTL: 60, Stock: []ledger.StockClaim{{Quantity: 2}}})
	if !errors.Is(err, cause) || !errors.Is(err, journal.ErrFailed) {
		t.Errorf("allocating: %v", err)
	}
	b.fail = nil // it is not tried again, though it would go now
	select {
	case <-s.Done():
	default:
		t.Error("not done")
	}
	<-changed
	if len(told) != 1 || !errors.Is(told[0], cause) || !errors.Is(s.Err(), cause) {
		t.Errorf("told %v, Err %v", told, s.Err())
	}
	for i, do := range []func() error{
		func() error { _, err := l.Get(h.ID); return err },
		func() error { _, err := l.Confirm(midnight, h.ID, ledger.Request{}); return err },
		func() error { _, err := l.Stock(0, 0); return err },
		func() error { return l.Advance(midnight + 1) },
		func() error {
			_, err := l.Allocate(&ledger.Allocation{At: midnight, TTL: 60, Stock: []ledger.StockClaim{{Quantity: 1000}}})
			return err
		},
	} {
		if err := do(); !errors.Is(err, cause) {
			t.Errorf("command %d: %v", i, err)
		}
	}
	if err := s.Close(); !errors.Is(err, cause) {
		t.Errorf("closing: %v", err)
	}
}

func TestAFailedSnapshotIsTriedAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	b := &broken{Journal: journal.NewMemory(), snapshots: errors.New("the disk is full")}
	var told notes
	o := options()
	o.SnapshotEvery = 50
	o.Log = slog.New(slog.NewTextHandler(&told, nil))
	s := mustOpen(t, keep{b}, o)
	setUp(t, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	eventually(t, "somebody was told that the disk is full", func() bool {
		u.steps(t, 20)
		return strings.Contains(told.String(), "the disk is full")
	})
	if err := s.Snapshot(); !errors.Is(err, b.snapshots) {
		t.Fatal(err)
	}
	s.snapshots.Lock()
	b.snapshots = nil
	s.snapshots.Unlock()
	eventually(t, "there is a snapshot", func() bool {
		u.steps(t, 20)
		all, err := b.Snapshots()
		if err != nil {
			t.Fatal(err)
		}
		return len(all) > 0
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err := b.Snapshots(); err != nil || len(all) == 0 {
		t.Errorf("%v %v", all, err)
	}
}

// notes are a log that is read while it is written.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func TestJournalsThatDoNotFitAreRefused(t *testing.T) {
	fresh := func() journal.Journal {
		j := keep{journal.NewMemory()}
		s := mustOpen(t, j, options())
		setUp(t, s.Ledger())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return j
	}
	epoch := func(j journal.Journal) uint64 {
		e, err := j.Begin()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	event := func(change func(*ledger.Event)) func(journal.Journal) error {
		return func(j journal.Journal) error {
			_, end := j.Bounds()
			e := ledger.Event{Sequence: end.Sequence + 1, At: midnight, Kind: ledger.HoldConfirmed, HoldID: 99, Status: ledger.Confirmed}
			change(&e)
			_, err := j.Append(epoch(j), end.Sequence, [][]byte{ledger.AppendEvent(nil, &e)})
			return err
		}
	}
	value := func(text string) func(journal.Journal) error {
		return func(j journal.Journal) error { return j.SetValue(epoch(j), formatName, []byte(text)) }
	}
	for _, c := range []struct {
		name   string
		change func(journal.Journal) error
		option func(*Options)
		want   []error
		says   []string
	}{
		{name: "another network", option: func(o *Options) { o.Network = "other" }, want: []error{ErrNetwork}, says: []string{`"test"`, `"other"`}},
		{name: "no network", option: func(o *Options) { o.Network = "" }, says: []string{"network"}},
		{name: "a sink", option: func(o *Options) { o.Ledger.Sink = func(*ledger.Event) {} }, says: []string{"Sink"}},
		{name: "a newer format", change: value(`{"format":2,"network":"test","more":1}`), want: []error{journal.ErrFormat}, says: []string{"newer"}},
		{name: "a format that is none", change: value(`hello`), want: []error{journal.ErrDamaged}, says: []string{"hello"}},
		{name: "a format with more", change: value(`{"format":1,"network":"test","more":1}`), want: []error{journal.ErrDamaged}, says: []string{"more"}},
		{name: "records without a format", change: value(""), want: []error{journal.ErrDamaged}},
		{
			name: "somebody's records", change: func(j journal.Journal) error { return j.SetValue(epoch(j), formatName, nil) },
			want: []error{journal.ErrForeign}, says: []string{"directory"},
		},
		{
			name: "an unfinished restore", change: value(`{"format":1,"network":"test","retention":1,"refusal_retention":1,"unfinished":"restore"}`),
			want: []error{ErrUnfinished}, says: []string{"again"},
		},
		{
			name: "a record that is no event", change: func(j journal.Journal) error {
				_, end := j.Bounds()
				_, err := j.Append(epoch(j), end.Sequence, [][]byte{[]byte("hello")})
				return err
			},
			want: []error{journal.ErrDamaged, ledger.ErrFormat}, says: []string{"record 4"},
		},
		{
			name: "an event with another number", change: event(func(e *ledger.Event) { e.Sequence++ }),
			want: []error{journal.ErrDamaged}, says: []string{"record 4", "event 5"},
		},
		{
			name: "an event that does not follow", change: event(func(*ledger.Event) {}),
			want: []error{journal.ErrDamaged, ledger.ErrReplay}, says: []string{"record 4", "restore"},
		},
		{
			name: "a snapshot of another sequence", change: func(j journal.Journal) error {
				_, end := j.Bounds()
				e := epoch(j)
				if _, err := j.WriteSnapshot(e, end, ledger.NewState(ledger.Config{}).Write); err != nil {
					return err
				}
				return errors.Join(j.Trim(e, end.Sequence))
			},
			want: []error{journal.ErrDamaged}, says: []string{"event 0"},
		},
		{
			name: "a snapshot that is none", change: func(j journal.Journal) error {
				_, end := j.Bounds()
				e := epoch(j)
				_, err := j.WriteSnapshot(e, end, func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err })
				return errors.Join(err, j.Trim(e, end.Sequence))
			},
			want: []error{journal.ErrDamaged},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := fresh()
			o := options()
			if c.change != nil {
				if err := c.change(j); err != nil {
					t.Fatal(err)
				}
			}
			if c.option != nil {
				c.option(&o)
			}
			_, err := Open(j, o)
			if err == nil {
				t.Fatal("it was opened")
			}
			for _, want := range c.want {
				if !errors.Is(err, want) {
					t.Errorf("%v is not %v", err, want)
				}
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
			if slices.Contains(c.want, journal.ErrDamaged) {
				if _, err := Verify(j, nil); !errors.Is(err, journal.ErrDamaged) {
					t.Errorf("Verify: %v", err)
				}
			}
		})
	}
	if _, err := OpenReadOnly(journal.NewMemory(), Options{}); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("reading an empty one: %v", err)
	}
}

func TestRememberingForAnotherTimeBeginsWithASnapshot(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	j := keep{journal.NewMemory()}
	s := mustOpen(t, j, options())
	setUp(t, s.Ledger())
	u := newUser(rng, s.Ledger(), "u")
	u.steps(t, 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	last := s.Last()
	o := options()
	o.Ledger.Retention, o.Ledger.RefusalRetention = 500, 50
	for range 2 {
		s = mustOpen(t, j, o)
		if s.Oldest() != last {
			t.Errorf("the oldest is %d, want %d", s.Oldest(), last)
		}
		u.ledger = s.Ledger()
		u.steps(t, 200)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(j, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStoreThatWasReplacedAnswersNothing(t *testing.T) {
	j := keep{journal.NewMemory()}
	one := mustOpen(t, j, options())
	setUp(t, one.Ledger())
	two := mustOpen(t, j, options())
	defer two.Close()
	if err := one.Ledger().Extend(midnight, []string{"more"}, nil, nil, nil); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("%v", err)
	}
	if err := two.Ledger().Extend(midnight, []string{"more"}, nil, nil, nil); err != nil {
		t.Error(err)
	}
	if err := one.Close(); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("closing: %v", err)
	}
}

// TestThePastIsReadWhileItGrowsAndIsDropped has readers of all kinds beside writers, snapshots and trimming. The race
// detector looks on.
func TestThePastIsReadWhileItGrowsAndIsDropped(t *testing.T) {
	number := seed(t)
	o := options()
	o.SnapshotEvery, o.Keep = 60, 1
	j := keep{journal.NewMemory()}
	s := mustOpen(t, j, o)
	setUp(t, s.Ledger())
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	failed := make(chan error, 100)
	fail := func(err error) {
		if err != nil && !errors.Is(err, journal.ErrTrimmed) { // it was dropped just now
			failed <- err
		}
	}
	for w := range uint64(3) {
		u := newUser(rand.New(rand.NewPCG(number, w)), s.Ledger(), fmt.Sprint("u", w))
		writers.Go(func() {
			for range 400 {
				fail(u.step())
			}
		})
	}
	until := func(do func(rng *rand.Rand)) {
		rng := rand.New(rand.NewPCG(number, 99))
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					do(rng)
				}
			}
		})
	}
	until(func(rng *rand.Rand) {
		at := s.Oldest() + rng.Uint64N(s.Durable()-s.Oldest()+1)
		state, err := s.StateAt(at)
		if err == nil && state.Sequence() != at {
			err = fmt.Errorf("the state after %d is after %d", at, state.Sequence())
		}
		fail(err)
	})
	until(func(*rand.Rand) {
		at := s.Oldest()
		for e, err := range s.Events(at) {
			if at++; err == nil && e.Sequence != at {
				err = fmt.Errorf("event %d instead of %d", e.Sequence, at)
			}
			fail(err)
		}
	})
	until(func(rng *rand.Rand) {
		version := fmt.Sprint("version-", rng.IntN(10))
		fail(s.PutNetwork(version, fstest.MapFS{"a": {Data: []byte(version)}}))
		_, err := s.Network(version)
		fail(err)
	})
	writers.Wait()
	eventually(t, "something is dropped", func() bool { return s.Oldest() > 0 })
	close(stop)
	readers.Wait()
	fail(s.Close())
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	if _, err := Verify(j, nil); err != nil {
		t.Error(err)
	}
}

// TestBegunIsKeptWhenItIsWanted begins holds for which nobody waits: they are kept from Flush on, from the next wait on, and at
// the end.
func TestBegunIsKeptWhenItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := journal.NewMemory()
		s := mustOpen(t, keep{memory}, options())
		l := s.Ledger()
		setUp(t, l)
		number := 0
		begin := func() uint64 {
			t.Helper()
			number++
			_, sequence, err := l.Begin(&ledger.Allocation{
				At: 10, TTL: 600, Request: ledger.Request{ID: fmt.Sprint("begun ", number)}, Stock: []ledger.StockClaim{{Warehouse: 0, SKU: 0, Quantity: 1}},
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return sequence
		}
		first := begin()
		if s.Durable() != first-1 {
			t.Errorf("%d is durable of %d events, the last of which nobody waits for", s.Durable(), first)
		}
		l.Flush()
		synctest.Wait()
		if s.Durable() != first {
			t.Errorf("after Flush %d is durable of %d events", s.Durable(), first)
		}
		if third := begin() + 1; begin() != third || l.Wait(third) != nil || s.Durable() != third {
			t.Errorf("%d is durable of %d events that were waited for", s.Durable(), third)
		}
		last := begin()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, end := memory.Bounds(); end.Sequence != last {
			t.Errorf("%d of %d events are kept at the end", end.Sequence, last)
		}
	})
}
