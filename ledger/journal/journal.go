package journal

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Ceilings. They bound what a reader must hold in memory and let a decoder refuse lengths that damage made up.
const (
	MaxRecord  = 32 << 20 // bytes of one record
	MaxGroup   = 64 << 20 // bytes of the encoding of one group
	MaxRecords = 1 << 20  // records in one group
	MaxName    = 256      // bytes of the name of a value
	MaxValue   = 1 << 20  // bytes of a value
)

// What a journal can refuse or fail with. The types below carry the facts; errors.Is finds these. Their texts have no
// prefix, because they end up inside of those of others.
var (
	// ErrFenced: a newer epoch has begun. The caller was replaced and must stop.
	ErrFenced = errors.New("the journal is fenced by a newer epoch")
	// ErrSequence: the journal does not end, or has no end of a group, where the caller expects it. See SequenceError.
	ErrSequence = errors.New("the journal is not at the sequence expected")
	// ErrTrimmed: the records asked for were trimmed. Start from a snapshot.
	ErrTrimmed = errors.New("the records are trimmed")
	// ErrNoSnapshot: there is no such snapshot, or none that makes a trimming safe.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrNoValue: no value has this name.
	ErrNoValue = errors.New("no such value")
	// ErrTooLarge: a record, a group or a value is over its ceiling. Nothing was written.
	ErrTooLarge = errors.New("too large for the journal")
	// ErrDamaged: what was read is not what was written. See DamageError.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrLocked: another process, or another journal of this one, has the directory open.
	ErrLocked = errors.New("in use by another process")
	// ErrFormat: the journal was written by a newer version, in a format that this one does not know.
	ErrFormat = errors.New("unknown format")
	// ErrForeign: what is there is not a journal.
	ErrForeign = errors.New("not a journal")
	// ErrReadOnly: the journal, or the disk below it, cannot be written.
	ErrReadOnly = errors.New("read-only")
	// ErrFailed: writing failed. It is final: nothing is tried again and nothing later becomes durable.
	ErrFailed = errors.New("the journal failed")
	// ErrClosed: the journal or the committer was closed.
	ErrClosed = errors.New("the journal is closed")
)

// A Position is a place between records: the number of the record before it and the hash of the chain up to it.
// The zero Position is the beginning.
type Position struct {
	Sequence uint64
	Hash     [32]byte
}

// String shows the sequence and the first bytes of the hash.
func (p Position) String() string { return fmt.Sprintf("%d (%x)", p.Sequence, p.Hash[:6]) }

// A Group is the records that one Append made durable together, or the rest of them.
type Group struct {
	Epoch   uint64   // of the author
	First   uint64   // of Records[0]
	Records [][]byte // not empty
	End     Position // after the last
}

// A Snapshot describes the stored state of whoever reads the records, at a place between groups.
type Snapshot struct {
	Position
	Epoch  uint64   // of the author
	Size   int64    // bytes
	Digest [32]byte // SHA-256 of its bytes
}

// A Journal is an ordered sequence of records, numbered from 1, with snapshots and a few named values. Any number of
// goroutines may use it.
//
// Reading may go on while others write. A record, a snapshot or a value that can be read is durable.
type Journal interface {
	// Begin fences: it returns an epoch larger than all before, and from then on changes by an older one get ErrFenced.
	// It waits for changes that are under way.
	Begin() (epoch uint64, err error)

	// Bounds returns the position behind which records are kept (the beginning until Trim moves it), and the end.
	Bounds() (start, end Position)

	// Append makes records durable, all or none, as expected+1, expected+2, …, and returns the new end. It gets
	// ErrSequence when the journal does not end at expected, ErrFenced, or ErrTooLarge. No records are no group: Append
	// then only checks. Any other error is final: whether the records are durable is known after reopening.
	Append(epoch, expected uint64, records [][]byte) (end Position, err error)

	// Read yields the groups after a sequence, up to the end when it was called. The first group is cut to begin after
	// it. Read verifies every group, and the chain from the stored hash before the first group to the end; the hash
	// before the first is itself verified when it is the journal's start or the place of a snapshot.
	//
	// An error is the last thing it yields: ErrTrimmed when after is before the start, ErrSequence when it is behind the
	// end, ErrDamaged. Records alias memory that is valid until the next iteration only.
	Read(after uint64) iter.Seq2[Group, error]

	// Snapshots returns the snapshots that are complete, oldest first.
	Snapshots() ([]Snapshot, error)

	// WriteSnapshot stores what write writes. It becomes visible when it is complete and durable, and replaces one at
	// the same place; an error from write leaves nothing and is returned. The place must be the start or the end of a
	// group that is kept, else ErrSequence. Appending goes on meanwhile.
	WriteSnapshot(epoch uint64, at Position, write func(io.Writer) error) (Snapshot, error)

	// OpenSnapshot streams the snapshot at a sequence back. Its digest is verified with the last byte: a reader that sees
	// ErrDamaged instead of io.EOF must forget what it read. Else ErrNoSnapshot.
	OpenSnapshot(sequence uint64) (io.ReadCloser, error)

	// DeleteSnapshot deletes the snapshot at a sequence. Refused with ErrNoSnapshot when there is none, or when it is
	// the last one that makes up for trimmed records.
	DeleteSnapshot(epoch, sequence uint64) error

	// Trim drops the groups that end at or before a sequence; a group across it stays whole. Refused with ErrNoSnapshot
	// unless there is a snapshot at or behind the sequence that reads back with its digest, and with ErrSequence behind
	// the end. Trimming what is trimmed does nothing.
	Trim(epoch, sequence uint64) error

	// Value returns the value of a name, or ErrNoValue.
	Value(name string) ([]byte, error)

	// SetValue stores a small value under a name, durable when it returns. A nil value deletes the name.
	SetValue(epoch uint64, name string, value []byte) error

	// Values returns the names of the values that begin with a prefix, in ascending order.
	Values(prefix string) ([]string, error)

	// StartAt makes an empty journal begin at a position, as if what is before it had been trimmed, so that another
	// journal can be built up again with its own numbers and hashes. The caller writes a snapshot there next. It gets
	// ErrSequence when there are records or snapshots, or when the start was moved.
	StartAt(epoch uint64, start Position) error

	// Close releases what the journal holds. Everything else then gets ErrClosed.
	Close() error
}

// A DamageError says where what was read is not what was written. errors.Is(err, ErrDamaged).
type DamageError struct {
	Sequence uint64 // the last record known to be good, or the place of the snapshot; zero if neither
	What     string
}

// Error says what is damaged and where.
func (e *DamageError) Error() string {
	if e.Sequence == 0 {
		return fmt.Sprintf("%v: %s", ErrDamaged, e.What)
	}
	return fmt.Sprintf("%v after record %d: %s", ErrDamaged, e.Sequence, e.What)
}

// Unwrap returns ErrDamaged.
func (e *DamageError) Unwrap() error { return ErrDamaged }

// A SequenceError says where the journal is instead. errors.Is(err, ErrSequence).
type SequenceError struct{ Expected, Found uint64 }

// Error names both places.
func (e *SequenceError) Error() string {
	return fmt.Sprintf("the journal was expected at record %d, but it is at %d", e.Expected, e.Found)
}

// Unwrap returns ErrSequence.
func (e *SequenceError) Unwrap() error { return ErrSequence }

// CheckRecords returns the encoded size of a group of these records, or ErrTooLarge.
func CheckRecords(records [][]byte) (size int, err error) {
	size = groupHeader
	for _, r := range records {
		if len(r) > MaxRecord {
			return 0, fmt.Errorf("%w: a record of %d bytes; at most %d", ErrTooLarge, len(r), MaxRecord)
		}
		size += recordHeader + len(r)
	}
	switch {
	case len(records) > MaxRecords:
		return 0, fmt.Errorf("%w: a group of %d records; at most %d", ErrTooLarge, len(records), MaxRecords)
	case size > MaxGroup:
		return 0, fmt.Errorf("%w: a group of %d bytes; at most %d", ErrTooLarge, size, MaxGroup)
	}
	return size, nil
}

// CheckValue returns ErrTooLarge for a name or a value over its ceiling, and refuses an empty name.
func CheckValue(name string, value []byte) error {
	switch {
	case name == "":
		return errors.New("a value of the journal needs a name")
	case len(name) > MaxName:
		return fmt.Errorf("%w: a name of %d bytes; at most %d", ErrTooLarge, len(name), MaxName)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: a value of %d bytes; at most %d", ErrTooLarge, len(value), MaxValue)
	}
	return nil
}
