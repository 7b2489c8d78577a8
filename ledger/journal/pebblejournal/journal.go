// Package pebblejournal keeps a journal in a directory of the local disk: the groups of records in files of their own, one synced write
// each, the contents of snapshots in a file each, and all else, that is values, the epoch, the start and which snapshots there are, in a
// Pebble store beside them.
//
// Failures. Writing fails in one way only: the process stops, by [Options].Fatal, with a message that says what the disk
// refused and what to do. Nothing is tried again, because a page that fsync could not write may be dropped by the kernel
// and reported as clean the next time; and nothing is acknowledged afterwards. That holds for the write-ahead log, the
// manifest, flushes, compactions, snapshots, and the marker, and for every cause: a broken disk, a full one, one that became
// read-only. A failed flush loses nothing yet, since the log has it all, but Pebble would try it again without end and
// in the end hold every writer; so it stops the process too. What a caller reads and is damaged is an error; damage that
// the store meets in the background, in a compaction, stops the process, too, since it would meet it again without end.
// Opening first writes a little by itself, and returns what the disk refuses then.
//
// Damage. Pebble checksums its blocks and its logs, groups and snapshots carry hashes, and the chain shows what is
// missing between groups. What is missing at the end of the last file of groups, or of the store's log, is
// indistinguishable from a crash before it was written; therefore the file JOURNAL beside them notes how far the journal
// reached when it was last opened, given a snapshot, or closed, and a journal that ends before is damaged. So is one without that file, unless nothing was ever
// written into it: the file is durable before [Open] returns for the first time, and only ever replaced. Until the checks of
// opening have passed no file is removed.
package pebblejournal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say how a journal is opened. A zero field takes the default in its comment.
type Options struct {
	FS       vfs.FS       // the file system; default that of the operating system
	ReadOnly bool         // changes get ErrReadOnly, and nothing in the directory is changed, but that a missing LOCK is made
	Log      *slog.Logger // hears of slow writes and of files that could not be removed; default slog.Default()

	// Fatal stops the process when writing failed. It must not return; if it does, the goroutine that failed waits there
	// for good, and later changes get ErrFailed. The default logs the error and ends the process with code 3.
	Fatal func(error)
}

// A Journal is a journal.Journal in a directory. One process at a time may have it open.
type Journal struct {
	dir     string
	options Options
	db      *pebble.DB
	lock    *pebble.Lock
	marker  marker
	failed  atomic.Pointer[error] // why the process is stopping
	opened  atomic.Bool
	found   atomic.Pointer[error] // what the store found wrong in the background, before the journal was open
	files   *disk
	groups  *groupLog

	appending sync.Mutex // one Append or Begin at a time
	changing  sync.Mutex // one of the rarer changes at a time; taken after appending

	mu         sync.Mutex // of what follows; never held during I/O
	epoch      uint64
	start, end journal.Position
	snapshots  []snapshot // oldest first
	generation uint64     // of the latest snapshot that was begun
	closed     bool

	users sync.WaitGroup // operations under way, which Close waits for
}

var _ journal.Journal = (*Journal)(nil)

// The keys of the store. Integers are big-endian, so that their order is that of the keys.
//
//	s sequence 8                 a snapshot that is complete, see encodeSnapshot
//	v name                       a named value, sealed
//	m name                       the journal's own values, sealed
const (
	snapshotPrefix = 's'
	valuePrefix    = 'v'
	metaPrefix     = 'm'
)

// The journal's own values.
var (
	formatKey = []byte("mformat") // 8 bytes
	epochKey  = []byte("mepoch")  // 8 bytes
	startKey  = []byte("mstart")  // sequence 8 | hash 32
)

// format is the number of this layout; others are refused. Format 1 had the groups in the store, and format 2 the contents of snapshots.
const format = 3

// snapshotKey returns the key of the description of a snapshot.
func snapshotKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{snapshotPrefix}, sequence)
}

func encodePosition(p journal.Position) []byte {
	return append(binary.BigEndian.AppendUint64(nil, p.Sequence), p.Hash[:]...)
}

// path returns that of a file of the journal.
func (j *Journal) path(name string) string { return j.files.PathJoin(j.dir, name) }

// enter begins an operation, which leave ends.
func (j *Journal) enter() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	j.users.Add(1)
	return nil
}

func (j *Journal) leave() { j.users.Done() }

// change begins an operation of an epoch that writes, which leave ends.
func (j *Journal) change(epoch uint64) error {
	if err := j.enter(); err != nil {
		return err
	}
	if err := j.check(epoch); err != nil {
		j.leave()
		return err
	}
	return nil
}

// check refuses to write for an epoch that is over, into a journal that is read-only, or after a failure.
func (j *Journal) check(epoch uint64) error {
	if err := j.failed.Load(); err != nil {
		return *err
	}
	if j.options.ReadOnly {
		return journal.ErrReadOnly
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if epoch != j.epoch || epoch == 0 {
		return fmt.Errorf("%w: epoch %d, now %d", journal.ErrFenced, epoch, j.epoch)
	}
	return nil
}

// stop ends the process because writing failed. It does not return.
func (j *Journal) stop(cause error) {
	err := fmt.Errorf("%w: %s: %w; the process stops, because what is on the disk is uncertain until the journal is opened again: %s",
		journal.ErrFailed, j.dir, plain(cause), mend(cause))
	if j.failed.CompareAndSwap(nil, &err) {
		if j.options.Fatal != nil {
			j.options.Fatal(err)
		} else {
			j.options.Log.Error("the journal failed", "error", err)
			os.Exit(exitFailed)
		}
	}
	select {}
}

// exitFailed is the exit code of every command that the world did not let do its work.
const exitFailed = 3

// attempt calls what may fail or panic when Pebble cannot write. Pebble cannot be used any more after either.
func attempt(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if cause, ok := r.(error); ok {
				err = cause
			} else {
				err = fmt.Errorf("%v", r)
			}
		}
	}()
	return do()
}

// commit makes a batch durable. It returns only if it did.
func (j *Journal) commit(b *pebble.Batch) error {
	if err := attempt(func() error { return b.Commit(pebble.Sync) }); err != nil {
		j.stop(err)
	}
	if err := j.failed.Load(); err != nil { // elsewhere: do not acknowledge anything any more
		return *err
	}
	return b.Close()
}

// Begin is journal.Journal's.
func (j *Journal) Begin() (uint64, error) {
	if err := j.enter(); err != nil {
		return 0, err
	}
	defer j.leave()
	if err := j.failed.Load(); err != nil {
		return 0, *err
	}
	if j.options.ReadOnly {
		return 0, journal.ErrReadOnly
	}
	j.appending.Lock()
	defer j.appending.Unlock()
	j.changing.Lock()
	defer j.changing.Unlock()
	epoch := j.epoch + 1
	b := j.db.NewBatch()
	if err := b.Set(epochKey, seal(binary.BigEndian.AppendUint64(nil, epoch)), nil); err != nil {
		return 0, err
	}
	if err := j.commit(b); err != nil {
		return 0, err
	}
	j.mu.Lock()
	j.epoch = epoch
	j.mu.Unlock()
	return epoch, nil
}

// Bounds is journal.Journal's.
func (j *Journal) Bounds() (start, end journal.Position) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.start, j.end
}

// Append is journal.Journal's. It does not return when writing fails.
func (j *Journal) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	size, err := journal.CheckRecords(records)
	if err != nil {
		return journal.Position{}, err
	}
	if err := j.change(epoch); err != nil { // before the lock, which a goroutine that failed keeps
		return journal.Position{}, err
	}
	defer j.leave()
	j.appending.Lock()
	defer j.appending.Unlock()
	if err := j.check(epoch); err != nil {
		return journal.Position{}, err
	}
	before := j.end // appending guards its writers
	switch {
	case before.Sequence != expected:
		return journal.Position{}, &journal.SequenceError{Expected: expected, Found: before.Sequence}
	case len(records) == 0:
		return before, nil
	}
	end, err := j.groups.append(before, epoch, records, size)
	if err != nil {
		j.stop(err)
	}
	if err := j.failed.Load(); err != nil { // elsewhere: do not acknowledge anything any more
		return journal.Position{}, *err
	}
	j.mu.Lock()
	j.end = end
	j.mu.Unlock()
	return end, nil
}

// Read is journal.Journal's. Close waits until its loop ended.
func (j *Journal) Read(after uint64) iter.Seq2[journal.Group, error] {
	_, end := j.Bounds()
	return func(yield func(journal.Group, error) bool) {
		if err := j.read(after, end, yield); err != nil {
			yield(journal.Group{}, err)
		}
	}
}

// read yields the groups between a sequence and the end. What it returns was not yielded.
func (j *Journal) read(after uint64, end journal.Position, yield func(journal.Group, error) bool) error {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	switch {
	case after > end.Sequence:
		return &journal.SequenceError{Expected: after, Found: end.Sequence}
	case after == end.Sequence:
		return nil
	}
	groups := j.groups.reader(after) // first, so that what is behind the start now is there until it is closed
	defer groups.close()             //nolint:errcheck // nothing was written; what could not be removed was logged
	j.mu.Lock()
	start := j.start.Sequence
	at, known := j.place(after)
	j.mu.Unlock()
	if after < start {
		return fmt.Errorf("%w: up to %d", journal.ErrTrimmed, start)
	}
	if err := groups.seek(after); err != nil {
		return err
	}
	var chain journal.Chain
	for first, good := true, after; good < end.Sequence; first = false {
		before, g, err := groups.next(good)
		if err != nil {
			return err
		}
		switch {
		case !first:
		case known && before.Sequence == after:
			chain.From(at)
		case before.Sequence > after:
			chain.From(journal.Position{Sequence: after})
		default: // it may be across, or before; the hash stored with it is all there is to go by
			chain.From(before)
		}
		if err := chain.Next(before, &g); err != nil {
			return err
		}
		if g.End.Sequence <= after {
			if known && g.End.Sequence == after && g.End != at {
				return &journal.DamageError{Sequence: after, What: "the journal goes on with another hash than it is known to have there"}
			}
			continue
		}
		if good = g.End.Sequence; !yield(g.After(after), nil) {
			return nil
		}
	}
	return chain.End(end)
}

// place returns the position at a sequence when it is the start or a snapshot's. Under the mutex.
func (j *Journal) place(sequence uint64) (journal.Position, bool) {
	if sequence == j.start.Sequence {
		return j.start, true
	}
	if i := j.find(sequence); i >= 0 {
		return j.snapshots[i].Position, true
	}
	return journal.Position{}, false
}

// damaged turns what was found wrong behind a record into a DamageError, unless the disk just could not be read.
func damaged(good uint64, err error) error {
	if d, ok := errors.AsType[*journal.DamageError](err); ok {
		return &journal.DamageError{Sequence: good, What: d.What}
	}
	if isDamage(err) {
		return &journal.DamageError{Sequence: good, What: line(err.Error())}
	}
	return fmt.Errorf("reading after record %d: %w", good, plain(err))
}

// Value is journal.Journal's.
func (j *Journal) Value(name string) ([]byte, error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	value, err := j.value(append([]byte{valuePrefix}, name...))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("%w: %q", journal.ErrNoValue, name)
	}
	return value, err
}

// value reads and unseals a value; pebble.ErrNotFound if there is none.
func (j *Journal) value(key []byte) ([]byte, error) {
	sealed, closer, err := j.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, damaged(0, err)
	}
	defer closer.Close() //nolint:errcheck // nothing was written
	value, err := unseal(sealed)
	if err != nil {
		return nil, &journal.DamageError{What: fmt.Sprintf("the value %q %v", key[1:], err)}
	}
	return bytes.Clone(value), nil
}

// SetValue is journal.Journal's.
func (j *Journal) SetValue(epoch uint64, name string, value []byte) error {
	if err := journal.CheckValue(name, value); err != nil {
		return err
	}
	if err := j.change(epoch); err != nil {
		return err
	}
	defer j.leave()
	j.changing.Lock()
	defer j.changing.Unlock()
	if err := j.check(epoch); err != nil {
		return err
	}
	b := j.db.NewBatch()
	key := append([]byte{valuePrefix}, name...)
	var err error
	if value == nil {
		err = b.Delete(key, nil)
	} else {
		err = b.Set(key, seal(value), nil)
	}
	if err != nil {
		return err
	}
	return j.commit(b)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal puts a checksum before a value, against damage between the checksums of Pebble.
func seal(value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, crc32.Checksum(value, castagnoli)), value...)
}

func unseal(sealed []byte) ([]byte, error) {
	if len(sealed) < 4 {
		return nil, errors.New("is cut off")
	}
	if binary.BigEndian.Uint32(sealed) != crc32.Checksum(sealed[4:], castagnoli) {
		return nil, errors.New("has another checksum than its content")
	}
	return sealed[4:], nil
}

// Trim is journal.Journal's. It reads the snapshot that it relies on.
func (j *Journal) Trim(epoch, sequence uint64) error {
	if err := j.change(epoch); err != nil {
		return err
	}
	defer j.leave()
	j.changing.Lock()
	defer j.changing.Unlock()
	start, end := j.Bounds()
	switch {
	case sequence > end.Sequence:
		return &journal.SequenceError{Expected: sequence, Found: end.Sequence}
	case sequence <= start.Sequence:
		return nil
	}
	if err := j.readable(sequence); err != nil {
		return err
	}
	before, g, err := j.groups.with(sequence)
	if err != nil {
		return err
	}
	next := before // of the group across
	if g.End.Sequence == sequence {
		next = g.End
	}
	if next.Sequence <= start.Sequence {
		return nil
	}
	if err := j.check(epoch); err != nil {
		return err
	}
	b := j.db.NewBatch()
	if err := b.Set(startKey, seal(encodePosition(next)), nil); err != nil {
		return err
	}
	j.mu.Lock()
	j.start = next
	j.mu.Unlock()
	if err := j.commit(b); err != nil {
		return err
	}
	j.groups.trim(next.Sequence)
	return nil
}

// readable checks that a snapshot at or behind a sequence reads back with its digest.
func (j *Journal) readable(sequence uint64) error {
	var damage error
	all, _ := j.Snapshots()
	for _, s := range slices.Backward(all) {
		if s.Sequence < sequence {
			break
		}
		err := j.verifySnapshot(s.Sequence)
		if err == nil {
			return nil
		}
		damage = errors.Join(damage, err)
	}
	return errors.Join(fmt.Errorf("%w that can be read, at or behind %d", journal.ErrNoSnapshot, sequence), damage)
}
