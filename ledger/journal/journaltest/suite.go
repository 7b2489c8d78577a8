// Package journaltest holds what every journal.Journal promises, as tests that any implementation runs on itself.
package journaltest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/allot-engine/allot/ledger/journal"
)

// A Store is a place that keeps one journal.
type Store interface {
	// Open opens the journal in the place, empty the first time.
	Open() (journal.Journal, error)
	// Keeps reports whether what was written is there after closing and opening again.
	Keeps() bool
}

// Run checks the promises of a journal. place returns a new empty place each time.
func Run(t *testing.T, place func(*testing.T) Store) {
	t.Helper()
	for _, c := range []struct {
		name  string
		check func(*check)
	}{
		{"an empty journal begins and ends at zero", emptyJournal},
		{"what is appended is read back", roundTrip},
		{"the chain is the documented hash", chainIsDocumented},
		{"a refused group leaves nothing", allOrNone},
		{"an append at another place is refused", expectedSequence},
		{"an older epoch is fenced", fencing},
		{"reading begins inside a group", readInside},
		{"reading ends where the journal ended when it began", readWhileAppending},
		{"reading may stop early and run twice", readAgain},
		{"records may be empty", emptyRecords},
		{"records may be large", largeRecords},
		{"what is too large is refused", tooLarge},
		{"a snapshot is visible when it is complete", snapshotVisible},
		{"a snapshot that fails leaves nothing", snapshotFails},
		{"a snapshot stands at the end of a group", snapshotPlace},
		{"a snapshot replaces the one at its place", snapshotReplaced},
		{"snapshots are listed oldest first", snapshotOrder},
		{"a snapshot may be empty or large", snapshotSizes},
		{"groups are appended while a snapshot is written", snapshotWhileAppending},
		{"trimming needs a snapshot", trimNeedsSnapshot},
		{"trimming drops whole groups", trimWholeGroups},
		{"the last snapshot before trimmed records stays", trimKeepsSnapshot},
		{"reading survives trimming", readWhileTrimming},
		{"values are kept", values},
		{"values are listed by prefix and deleted by nil", valueNames},
		{"an empty journal may start elsewhere", startElsewhere},
		{"a closed journal refuses everything", closed},
		{"many goroutines may use it", concurrency},
		{"everything is there after reopening", reopening},
		{"a committer makes durable what it was given, in order", committed},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &check{T: t, store: place(t)}
			k.reopen()
			t.Cleanup(func() { k.journal.Close() }) //nolint:errcheck // a test may have closed it
			c.check(k)
		})
	}
}

// A check is one test with its journal and the current epoch.
type check struct {
	*testing.T
	store   Store
	journal journal.Journal
	epoch   uint64
}

// reopen closes the journal, if it is open, opens it and begins an epoch.
func (k *check) reopen() {
	k.Helper()
	if k.journal != nil {
		k.ok(k.journal.Close())
	}
	j, err := k.store.Open()
	k.ok(err)
	k.journal = j
	before := k.epoch
	k.epoch, err = j.Begin()
	k.ok(err)
	if k.epoch <= before && k.store.Keeps() {
		k.Fatalf("epoch %d follows epoch %d", k.epoch, before)
	}
}

func (k *check) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// refused wants an error that is another one.
func (k *check) refused(err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Fatalf("got %v, want %v", err, want)
	}
}

// append appends records at the end and returns the new end.
func (k *check) append(records ...string) journal.Position {
	k.Helper()
	_, end := k.journal.Bounds()
	at, err := k.journal.Append(k.epoch, end.Sequence, byteSlices(records))
	k.ok(err)
	if _, now := k.journal.Bounds(); now != at || at.Sequence != end.Sequence+uint64(len(records)) {
		k.Fatalf("Append returned %v, the journal ends at %v, and %d records followed %v", at, now, len(records), end)
	}
	return at
}

func byteSlices(records []string) (out [][]byte) {
	for _, r := range records {
		out = append(out, []byte(r))
	}
	return out
}

// read returns everything after a sequence.
func (k *check) read(after uint64) []string {
	k.Helper()
	records, err := Records(k.journal, after)
	k.ok(err)
	return records
}

// Records reads all records of a journal after a sequence, checks that the groups follow one another to the end, and
// returns what was read before an error with it.
func Records(j journal.Journal, after uint64) (records []string, err error) {
	at := after
	for g, err := range j.Read(after) {
		if err != nil {
			return records, err
		}
		if g.First != at+1 || len(g.Records) == 0 || g.End.Sequence != at+uint64(len(g.Records)) {
			return records, fmt.Errorf("after %d there is a group of %d records from %d to %v", at, len(g.Records), g.First, g.End)
		}
		for _, r := range g.Records {
			records = append(records, string(r))
		}
		at = g.End.Sequence
	}
	return records, nil
}

func (k *check) wantRecords(after uint64, want ...string) {
	k.Helper()
	if got := k.read(after); !slices.Equal(got, want) {
		k.Fatalf("after %d the journal holds %.200q, want %.200q", after, got, want)
	}
}

// snapshot stores a text at a position.
func (k *check) snapshot(at journal.Position, text string) journal.Snapshot {
	k.Helper()
	s, err := k.journal.WriteSnapshot(k.epoch, at, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	k.ok(err)
	want := journal.Snapshot{Position: at, Epoch: k.epoch, Size: int64(len(text)), Digest: sha256.Sum256([]byte(text))}
	if s != want {
		k.Fatalf("got the snapshot %v, want %v", s, want)
	}
	return s
}

// content returns a snapshot's text.
func (k *check) content(sequence uint64) string {
	k.Helper()
	text, err := Content(k.journal, sequence)
	k.ok(err)
	return text
}

// Content reads a snapshot.
func Content(j journal.Journal, sequence uint64) (string, error) {
	r, err := j.OpenSnapshot(sequence)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), errors.Join(err, r.Close())
}

func (k *check) wantSnapshots(want ...journal.Snapshot) {
	k.Helper()
	got, err := k.journal.Snapshots()
	k.ok(err)
	if !slices.Equal(got, want) {
		k.Fatalf("the snapshots are %v, want %v", got, want)
	}
}

func (k *check) wantBounds(start, end journal.Position) {
	k.Helper()
	if s, e := k.journal.Bounds(); s != start || e != end {
		k.Fatalf("the bounds are %v and %v, want %v and %v", s, e, start, end)
	}
}

func emptyJournal(k *check) {
	k.wantBounds(journal.Position{}, journal.Position{})
	k.wantRecords(0)
	k.wantSnapshots()
	_, err := k.journal.Value("network")
	k.refused(err, journal.ErrNoValue)
	_, err = k.journal.OpenSnapshot(0)
	k.refused(err, journal.ErrNoSnapshot)
	_, err = Records(k.journal, 1)
	k.refused(err, journal.ErrSequence)
	end, err := k.journal.Append(k.epoch, 0, nil)
	k.ok(err)
	if end != (journal.Position{}) {
		k.Fatalf("no records moved the end to %v", end)
	}
}

func roundTrip(k *check) {
	k.append("a", "b")
	end := k.append("c")
	k.wantRecords(0, "a", "b", "c")
	k.wantRecords(2, "c")
	k.wantRecords(3)
	k.wantBounds(journal.Position{}, end)
	for g, err := range k.journal.Read(2) {
		k.ok(err)
		if g.Epoch != k.epoch || g.End != end {
			k.Fatalf("the last group is of epoch %d and ends at %v", g.Epoch, g.End)
		}
	}
}

func chainIsDocumented(k *check) {
	first := k.append("a", "", "bcd")
	second := k.append("e")
	// SHA-256(previous hash ‖ epoch ‖ first sequence ‖ count ‖ length-prefixed records), written out.
	number := func(bytes int, v uint64) string {
		b := make([]byte, bytes)
		for i := range b {
			b[i] = byte(v >> (8 * (bytes - 1 - i)))
		}
		return string(b)
	}
	want := sha256.Sum256([]byte(string(make([]byte, 32)) + number(8, k.epoch) + number(8, 1) + number(4, 3) +
		number(4, 1) + "a" + number(4, 0) + number(4, 3) + "bcd"))
	if first.Hash != want {
		k.Fatalf("the first hash is %x, want %x", first.Hash, want)
	}
	want = sha256.Sum256([]byte(string(want[:]) + number(8, k.epoch) + number(8, 4) + number(4, 1) + number(4, 1) + "e"))
	if second.Hash != want {
		k.Fatalf("the second hash is %x, want %x", second.Hash, want)
	}
}

func allOrNone(k *check) {
	end := k.append("a")
	_, err := k.journal.Append(k.epoch, 1, [][]byte{[]byte("b"), make([]byte, journal.MaxRecord+1)})
	k.refused(err, journal.ErrTooLarge)
	k.wantRecords(0, "a")
	k.wantBounds(journal.Position{}, end)
	k.append("c")
	k.wantRecords(0, "a", "c")
}

func expectedSequence(k *check) {
	k.append("a", "b")
	for _, expected := range []uint64{0, 1, 3, 1 << 63} {
		for _, records := range [][]string{{"x"}, nil} {
			_, err := k.journal.Append(k.epoch, expected, byteSlices(records))
			k.refused(err, journal.ErrSequence)
			if s, ok := errors.AsType[*journal.SequenceError](err); !ok || s.Expected != expected || s.Found != 2 {
				k.Fatalf("the error says %v", err)
			}
		}
	}
	k.wantRecords(0, "a", "b")
}

func fencing(k *check) {
	end := k.append("a")
	old := k.epoch
	newer, err := k.journal.Begin()
	k.ok(err)
	if newer <= old {
		k.Fatalf("epoch %d follows epoch %d", newer, old)
	}
	for _, epoch := range []uint64{0, old, newer + 1} {
		_, err = k.journal.Append(epoch, 1, byteSlices([]string{"x"}))
		k.refused(err, journal.ErrFenced)
		_, err = k.journal.WriteSnapshot(epoch, end, func(io.Writer) error { k.Error("a fenced snapshot is written"); return nil })
		k.refused(err, journal.ErrFenced)
		k.refused(k.journal.DeleteSnapshot(epoch, 1), journal.ErrFenced)
		k.refused(k.journal.Trim(epoch, 1), journal.ErrFenced)
		k.refused(k.journal.SetValue(epoch, "name", nil), journal.ErrFenced)
	}
	// Fenced while it writes.
	k.epoch = newer
	_, err = k.journal.WriteSnapshot(newer, end, func(w io.Writer) error {
		if _, err := io.WriteString(w, "x"); err != nil {
			return err
		}
		k.epoch, err = k.journal.Begin()
		return err
	})
	k.refused(err, journal.ErrFenced)
	k.wantSnapshots()
	k.append("b")
	k.wantRecords(0, "a", "b")
}

func readInside(k *check) {
	k.append("a", "b", "c")
	k.append("d", "e")
	all := []string{"a", "b", "c", "d", "e"}
	for after := range len(all) + 1 {
		k.wantRecords(uint64(after), all[after:]...)
	}
	_, err := Records(k.journal, 6)
	k.refused(err, journal.ErrSequence)
}

func readWhileAppending(k *check) {
	k.append("a")
	groups := k.journal.Read(0)
	k.append("b")
	var got []string
	for g, err := range groups {
		k.ok(err)
		got = append(got, string(bytes.Join(g.Records, nil)))
		k.append("c")
	}
	if !slices.Equal(got, []string{"a"}) {
		k.Fatalf("read %q, which was not all there when the reading began", got)
	}
	k.wantRecords(0, "a", "b", "c")
}

func readAgain(k *check) {
	k.append("a")
	k.append("b")
	groups := k.journal.Read(0)
	for range 2 {
		n := 0
		for _, err := range groups {
			k.ok(err)
			n++
		}
		if n != 2 {
			k.Fatalf("read %d groups, want 2", n)
		}
		for _, err := range groups {
			k.ok(err)
			break
		}
	}
}

func emptyRecords(k *check) {
	k.append("")
	k.append("", "", "")
	k.wantRecords(0, "", "", "", "")
}

func largeRecords(k *check) {
	big := string(bytes.Repeat([]byte("0123456789abcdef"), 5<<16))
	k.append("small", big, "small again")
	k.append(big)
	k.wantRecords(0, "small", big, "small again", big)
	k.reopenKept(func() { k.wantRecords(1, big, "small again", big) })
}

// reopenKept opens the journal again and checks something, if the store keeps journals.
func (k *check) reopenKept(check func()) {
	k.Helper()
	if k.store.Keeps() {
		k.reopen()
		check()
	}
}

func tooLarge(k *check) {
	_, err := k.journal.Append(k.epoch, 0, [][]byte{make([]byte, journal.MaxRecord+1)})
	k.refused(err, journal.ErrTooLarge)
	half := make([]byte, journal.MaxGroup/2)
	_, err = k.journal.Append(k.epoch, 0, [][]byte{half, half})
	k.refused(err, journal.ErrTooLarge)
	_, err = k.journal.Append(k.epoch, 0, make([][]byte, journal.MaxRecords+1))
	k.refused(err, journal.ErrTooLarge)
	k.refused(k.journal.SetValue(k.epoch, string(make([]byte, journal.MaxName+1)), nil), journal.ErrTooLarge)
	k.refused(k.journal.SetValue(k.epoch, "name", make([]byte, journal.MaxValue+1)), journal.ErrTooLarge)
	if err := k.journal.SetValue(k.epoch, "", nil); err == nil {
		k.Error("a value has no name")
	}
	k.wantRecords(0)
}

func snapshotVisible(k *check) {
	at := k.append("a")
	_, err := k.journal.WriteSnapshot(k.epoch, at, func(w io.Writer) error {
		for _, part := range []string{"one ", "", "two"} {
			if _, err := io.WriteString(w, part); err != nil {
				return err
			}
		}
		k.wantSnapshots()
		_, err := k.journal.OpenSnapshot(1)
		k.refused(err, journal.ErrNoSnapshot)
		return nil
	})
	k.ok(err)
	if got := k.content(1); got != "one two" {
		k.Fatalf("the snapshot holds %q", got)
	}
}

func snapshotFails(k *check) {
	at := k.append("a")
	mine := errors.New("mine")
	for _, size := range []int{0, 10, 3 << 20} {
		_, err := k.journal.WriteSnapshot(k.epoch, at, func(w io.Writer) error {
			if _, err := w.Write(make([]byte, size)); err != nil {
				return err
			}
			return mine
		})
		k.refused(err, mine)
		k.wantSnapshots()
	}
	s := k.snapshot(at, "good")
	_, err := k.journal.WriteSnapshot(k.epoch, at, func(io.Writer) error { return mine })
	k.refused(err, mine)
	k.wantSnapshots(s)
	if got := k.content(1); got != "good" {
		k.Fatalf("a snapshot that failed left %q", got)
	}
}

func snapshotPlace(k *check) {
	k.snapshot(journal.Position{}, "nothing yet")
	k.append("a", "b")
	end := k.append("c")
	other := end
	other.Hash[31] ^= 1
	for _, at := range []journal.Position{{Sequence: 1}, {Sequence: 2}, {Sequence: 9}, other, {Hash: other.Hash}} {
		_, err := k.journal.WriteSnapshot(k.epoch, at, func(io.Writer) error { return nil })
		k.refused(err, journal.ErrSequence)
	}
	k.snapshot(end, "all")
}

func snapshotReplaced(k *check) {
	at := k.append("a")
	k.snapshot(at, string(make([]byte, 3<<20)))
	s := k.snapshot(at, "newer")
	k.wantSnapshots(s)
	if got := k.content(1); got != "newer" {
		k.Fatalf("the snapshot holds %q", got)
	}
	k.reopenKept(func() {
		k.wantSnapshots(s)
		if got := k.content(1); got != "newer" {
			k.Fatalf("the snapshot holds %q after reopening", got)
		}
	})
}

func snapshotOrder(k *check) {
	var at []journal.Position
	for i := range 300 {
		at = append(at, k.append(fmt.Sprint(i)))
	}
	want := make([]journal.Snapshot, 3)
	for _, i := range []int{2, 0, 1} {
		want[i] = k.snapshot(at[i*149], fmt.Sprint(i))
	}
	k.wantSnapshots(want...)
	k.ok(k.journal.DeleteSnapshot(k.epoch, want[1].Sequence))
	k.wantSnapshots(want[0], want[2])
	k.refused(k.journal.DeleteSnapshot(k.epoch, want[1].Sequence), journal.ErrNoSnapshot)
	if got := k.content(want[2].Sequence); got != "2" {
		k.Fatalf("the last snapshot holds %q", got)
	}
}

func snapshotSizes(k *check) {
	text := string(bytes.Repeat([]byte("0123456789abcde"), 300_000))
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 2 << 20, len(text)} {
		at := k.append("x")
		k.snapshot(at, text[:size])
		if got := k.content(at.Sequence); got != text[:size] {
			k.Fatalf("a snapshot of %d bytes came back with %d", size, len(got))
		}
	}
}

func snapshotWhileAppending(k *check) {
	at := k.append("a")
	_, err := k.journal.WriteSnapshot(k.epoch, at, func(w io.Writer) error {
		k.append("b")
		_, err := w.Write(make([]byte, 2<<20))
		k.append("c")
		return err
	})
	k.ok(err)
	k.wantRecords(0, "a", "b", "c")
	if got := k.content(1); got != string(make([]byte, 2<<20)) {
		k.Fatalf("the snapshot holds %d bytes", len(got))
	}
}

func trimNeedsSnapshot(k *check) {
	first := k.append("a", "b")
	end := k.append("c")
	k.refused(k.journal.Trim(k.epoch, 1), journal.ErrNoSnapshot)
	k.ok(k.journal.Trim(k.epoch, 0))
	k.refused(k.journal.Trim(k.epoch, 4), journal.ErrSequence)
	s := k.snapshot(first, "ab")
	k.refused(k.journal.Trim(k.epoch, 3), journal.ErrNoSnapshot)
	k.wantBounds(journal.Position{}, end)
	k.wantRecords(0, "a", "b", "c")
	k.ok(k.journal.Trim(k.epoch, 2))
	k.wantBounds(first, end)
	k.wantSnapshots(s)
	k.wantRecords(2, "c")
	for after := range uint64(2) {
		_, err := Records(k.journal, after)
		k.refused(err, journal.ErrTrimmed)
	}
	k.ok(k.journal.Trim(k.epoch, 1)) // already
	k.append("d")
	k.wantRecords(2, "c", "d")
}

func trimWholeGroups(k *check) {
	first := k.append("a", "b")
	end := k.append("c", "d", "e")
	k.snapshot(end, "all")
	k.ok(k.journal.Trim(k.epoch, 1))
	k.wantBounds(journal.Position{}, end)
	k.ok(k.journal.Trim(k.epoch, 4))
	k.wantBounds(first, end)
	k.wantRecords(2, "c", "d", "e")
	k.ok(k.journal.Trim(k.epoch, 5))
	k.wantBounds(end, end)
	k.wantRecords(5)
	k.reopenKept(func() { k.wantBounds(end, end) })
	k.append("f")
	k.wantRecords(5, "f")
	_, err := k.journal.WriteSnapshot(k.epoch, first, func(io.Writer) error { return nil })
	k.refused(err, journal.ErrSequence)
}

func trimKeepsSnapshot(k *check) {
	first := k.append("a")
	second := k.append("b")
	k.snapshot(first, "1")
	k.snapshot(second, "2")
	k.ok(k.journal.Trim(k.epoch, 1))
	k.ok(k.journal.DeleteSnapshot(k.epoch, 1)) // the other makes up for it
	k.refused(k.journal.DeleteSnapshot(k.epoch, 2), journal.ErrNoSnapshot)
	if got := k.content(2); got != "2" {
		k.Fatalf("the snapshot holds %q", got)
	}
}

func readWhileTrimming(k *check) {
	k.append("a")
	k.append("b")
	end := k.append("c")
	k.snapshot(end, "all")
	n := 0
	for _, err := range k.journal.Read(0) {
		k.ok(err)
		if n++; n == 1 {
			k.ok(k.journal.Trim(k.epoch, 3))
		}
	}
	if n != 3 {
		k.Fatalf("read %d groups, want 3", n)
	}
}

func values(k *check) {
	check := func(name, want string) {
		k.Helper()
		got, err := k.journal.Value(name)
		k.ok(err)
		if string(got) != want {
			k.Fatalf("%s is %q, want %q", name, got, want)
		}
	}
	k.ok(k.journal.SetValue(k.epoch, "network", []byte("north")))
	k.ok(k.journal.SetValue(k.epoch, "network2", []byte{}))
	k.ok(k.journal.SetValue(k.epoch, "\x00\xff", []byte{0}))
	check("network", "north")
	check("network2", "")
	k.ok(k.journal.SetValue(k.epoch, "network", []byte("south")))
	check("network", "south")
	_, err := k.journal.Value("networ")
	k.refused(err, journal.ErrNoValue)
	k.reopenKept(func() {
		check("network", "south")
		check("network2", "")
		check("\x00\xff", "\x00")
	})
}

func valueNames(k *check) {
	want := func(prefix string, names ...string) {
		k.Helper()
		got, err := k.journal.Values(prefix)
		k.ok(err)
		if !slices.Equal(got, names) {
			k.Fatalf("the values from %q on are %q, want %q", prefix, got, names)
		}
	}
	want("")
	for _, name := range []string{"b/2", "a", "b", "b/1", "b/10", "c", "\xff", "\xff\xff"} {
		k.ok(k.journal.SetValue(k.epoch, name, []byte("x")))
	}
	want("b/", "b/1", "b/10", "b/2")
	want("b/1", "b/1", "b/10")
	want("d")
	want("\xff", "\xff", "\xff\xff")
	k.ok(k.journal.SetValue(k.epoch, "b/1", nil))
	k.ok(k.journal.SetValue(k.epoch, "never", nil))
	_, err := k.journal.Value("b/1")
	k.refused(err, journal.ErrNoValue)
	want("", "a", "b", "b/10", "b/2", "c", "\xff", "\xff\xff")
	k.reopenKept(func() { want("b/", "b/10", "b/2") })
}

func startElsewhere(k *check) {
	at := journal.Position{Sequence: 41, Hash: [32]byte{1}}
	k.refused(k.journal.StartAt(k.epoch+1, at), journal.ErrFenced)
	k.ok(k.journal.StartAt(k.epoch, at))
	k.wantBounds(at, at)
	s := k.snapshot(at, "everything before")
	k.refused(k.journal.StartAt(k.epoch, at), journal.ErrSequence)
	end := k.append("a")
	if end.Sequence != 42 {
		k.Fatalf("the first record ends at %v", end)
	}
	k.reopenKept(func() { k.wantBounds(at, end) })
	k.wantRecords(41, "a")
	k.wantSnapshots(s)
	_, err := Records(k.journal, 40)
	k.refused(err, journal.ErrTrimmed)
	k.refused(k.journal.DeleteSnapshot(k.epoch, 41), journal.ErrNoSnapshot)
}

func closed(k *check) {
	at := k.append("a")
	k.ok(k.journal.Close())
	_, err := k.journal.Begin()
	k.refused(err, journal.ErrClosed)
	_, err = k.journal.Append(k.epoch, 1, byteSlices([]string{"x"}))
	k.refused(err, journal.ErrClosed)
	_, err = Records(k.journal, 0)
	k.refused(err, journal.ErrClosed)
	_, err = k.journal.Snapshots()
	k.refused(err, journal.ErrClosed)
	_, err = k.journal.WriteSnapshot(k.epoch, at, func(io.Writer) error { return nil })
	k.refused(err, journal.ErrClosed)
	_, err = k.journal.OpenSnapshot(1)
	k.refused(err, journal.ErrClosed)
	k.refused(k.journal.DeleteSnapshot(k.epoch, 1), journal.ErrClosed)
	k.refused(k.journal.Trim(k.epoch, 1), journal.ErrClosed)
	_, err = k.journal.Value("x")
	k.refused(err, journal.ErrClosed)
	k.refused(k.journal.SetValue(k.epoch, "x", nil), journal.ErrClosed)
	_, err = k.journal.Values("")
	k.refused(err, journal.ErrClosed)
	k.refused(k.journal.StartAt(k.epoch, at), journal.ErrClosed)
}

func concurrency(k *check) {
	const writers, rounds = 4, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				for {
					_, end := k.journal.Bounds()
					at, err := k.journal.Append(k.epoch, end.Sequence, byteSlices([]string{fmt.Sprint(w, " ", i), "x"}))
					if errors.Is(err, journal.ErrSequence) {
						continue // another was first
					}
					if err != nil {
						k.Error(err)
						return
					}
					if i%8 == w {
						_, err := k.journal.WriteSnapshot(k.epoch, at, func(out io.Writer) error { _, err := fmt.Fprint(out, at); return err })
						if err != nil && !errors.Is(err, journal.ErrSequence) {
							k.Error(err)
						}
						if err := k.journal.Trim(k.epoch, at.Sequence/2); err != nil && !errors.Is(err, journal.ErrNoSnapshot) {
							k.Error(err)
						}
						if err := k.journal.SetValue(k.epoch, fmt.Sprint(w), fmt.Append(nil, i)); err != nil {
							k.Error(err)
						}
					}
					break
				}
			}
		})
	}
	wg.Go(func() {
		for range rounds {
			start, _ := k.journal.Bounds()
			if _, err := Records(k.journal, start.Sequence); err != nil && !errors.Is(err, journal.ErrTrimmed) {
				k.Error(err)
			}
			all, err := k.journal.Snapshots()
			if err != nil {
				k.Error(err)
			}
			for _, s := range all {
				if text, err := Content(k.journal, s.Sequence); err != nil || text != fmt.Sprint(s.Position) {
					k.Errorf("the snapshot at %v holds %q: %v", s.Position, text, err)
				}
			}
		}
	})
	wg.Wait()
	start, end := k.journal.Bounds()
	if end.Sequence != 2*writers*rounds {
		k.Fatalf("the journal ends at %v, want %d", end, 2*writers*rounds)
	}
	if got := k.read(start.Sequence); uint64(len(got)) != end.Sequence-start.Sequence {
		k.Fatalf("%d records between %v and %v", len(got), start, end)
	}
}

func reopening(k *check) {
	if !k.store.Keeps() {
		k.Skip("nothing outlives this journal")
	}
	first := k.append("a", "b")
	k.reopen()
	end := k.append("c")
	k.wantRecords(0, "a", "b", "c")
	s := k.snapshot(first, "ab")
	k.reopen()
	k.wantBounds(journal.Position{}, end)
	k.wantSnapshots(s)
	k.ok(k.journal.Trim(k.epoch, 2))
	k.reopen()
	k.wantBounds(first, end)
	k.wantRecords(2, "c")
	if got := k.content(2); got != "ab" {
		k.Fatalf("the snapshot holds %q", got)
	}
	k.refused(k.journal.DeleteSnapshot(k.epoch, 2), journal.ErrNoSnapshot)
	epochs := map[uint64]bool{}
	for g, err := range k.journal.Read(2) {
		k.ok(err)
		epochs[g.Epoch] = true
	}
	if len(epochs) != 1 || epochs[k.epoch] {
		k.Fatalf("the record of an earlier epoch is of the epochs %v, now is %d", epochs, k.epoch)
	}
}

func committed(k *check) {
	c := journal.NewCommitter(k.journal, k.epoch, 0, func(err error) { k.Error(err) })
	const adders, rounds = 8, 50
	var mu sync.Mutex
	var added []string
	var wg sync.WaitGroup
	for a := range adders {
		random := rand.New(rand.NewPCG(1, uint64(a)))
		wg.Go(func() {
			for i := range rounds {
				record := fmt.Appendf(nil, "%d %d %0*d", a, i, random.IntN(100), 0)
				mu.Lock()
				sequence := c.Add(record)
				added = append(added, string(record))
				place := uint64(len(added))
				mu.Unlock()
				clear(record) // it was copied
				if sequence != place {
					k.Errorf("the record at %d got the sequence %d", place, sequence)
				}
				if err := c.Wait(sequence); err != nil {
					k.Error(err)
				}
				if _, end := k.journal.Bounds(); end.Sequence < sequence || c.Durable() < sequence {
					k.Errorf("%d is said to be durable, and the journal ends at %v", sequence, end)
				}
			}
		})
	}
	wg.Wait()
	k.ok(c.Close())
	k.wantRecords(0, added...)
}
