package pebblejournal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2"
)

// A snapshot is a journal.Snapshot with where its content is.
type snapshot struct {
	journal.Snapshot
	generation uint64 // of its chunks
}

// chunkBytes is the size of a piece of a snapshot's content, all but the last. Each is synced by itself, so that a group
// that is appended meanwhile waits for one of them at most.
const chunkBytes = 1 << 20

// chunks is the number of pieces.
func (s *snapshot) chunks() uint64 { return uint64((s.Size + chunkBytes - 1) / chunkBytes) }

func chunkKey(generation uint64, number uint32) []byte {
	return binary.BigEndian.AppendUint32(sequenceKey(chunkPrefix, generation), number)
}

// snapshotBytes is the size of the encoding of a snapshot's description.
const snapshotBytes = 8 + 32 + 8 + 8 + 32 + 8

// encodeSnapshot returns the description of a snapshot:
//
//	sequence 8 | hash 32 | epoch 8 | size 8 | digest 32 | generation 8
func encodeSnapshot(s snapshot) []byte {
	dst := binary.BigEndian.AppendUint64(make([]byte, 0, snapshotBytes), s.Sequence)
	dst = append(dst, s.Hash[:]...)
	dst = binary.BigEndian.AppendUint64(dst, s.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Size))
	dst = append(dst, s.Digest[:]...)
	return binary.BigEndian.AppendUint64(dst, s.generation)
}

// decodeSnapshot decodes what encodeSnapshot and seal made.
func decodeSnapshot(sealed []byte) (s snapshot, err error) {
	b, err := unseal(sealed)
	if err != nil {
		return s, fmt.Errorf("the description of a snapshot %w", err)
	}
	if len(b) != snapshotBytes {
		return s, fmt.Errorf("the description of a snapshot has %d bytes instead of %d", len(b), snapshotBytes)
	}
	s.Sequence = binary.BigEndian.Uint64(b)
	s.Hash = [32]byte(b[8:])
	s.Epoch = binary.BigEndian.Uint64(b[40:])
	s.Size = int64(binary.BigEndian.Uint64(b[48:]))
	s.Digest = [32]byte(b[56:])
	s.generation = binary.BigEndian.Uint64(b[88:])
	if s.Size < 0 || s.chunks() > 1<<32 {
		return s, fmt.Errorf("the description of a snapshot says that it has %d bytes", s.Size)
	}
	return s, nil
}

// find returns the index of the snapshot at a sequence, or -1. Under the mutex.
func (j *Journal) find(sequence uint64) int {
	return slices.IndexFunc(j.snapshots, func(s snapshot) bool { return s.Sequence == sequence })
}

// Snapshots is journal.Journal's.
func (j *Journal) Snapshots() ([]journal.Snapshot, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, journal.ErrClosed
	}
	var all []journal.Snapshot
	for _, s := range j.snapshots {
		all = append(all, s.Snapshot)
	}
	return all, nil
}

// WriteSnapshot is journal.Journal's.
func (j *Journal) WriteSnapshot(epoch uint64, at journal.Position, write func(io.Writer) error) (journal.Snapshot, error) {
	if err := j.change(epoch); err != nil {
		return journal.Snapshot{}, err
	}
	defer j.leave()
	if err := j.groupEnds(at); err != nil {
		return journal.Snapshot{}, err
	}
	j.mu.Lock()
	j.generation++
	w := &snapshotWriter{journal: j, epoch: epoch, generation: j.generation, digest: sha256.New()}
	j.mu.Unlock()
	err := write(w)
	if err == nil {
		err = w.flush()
	}
	if err == nil {
		err = w.err // a writer that does not look at errors
	}
	if err != nil {
		w.discard()
		return journal.Snapshot{}, err
	}
	s := snapshot{generation: w.generation, Snapshot: journal.Snapshot{Position: at, Epoch: epoch, Size: w.size, Digest: [32]byte(w.digest.Sum(nil))}}
	if err := j.install(s); err != nil {
		w.discard()
		return journal.Snapshot{}, err
	}
	return s.Snapshot, nil
}

// groupEnds checks that a position is the start or the end of a group that is kept.
func (j *Journal) groupEnds(at journal.Position) error {
	start, end := j.Bounds()
	if at == start || at == end {
		return nil
	}
	refused := fmt.Errorf("no group ends at %v: %w", at, &journal.SequenceError{Expected: at.Sequence, Found: end.Sequence})
	if at.Sequence <= start.Sequence || at.Sequence >= end.Sequence {
		return refused
	}
	_, g, err := j.groups.with(at.Sequence)
	if err == nil && g.End != at {
		err = refused
	}
	return err
}

// install makes a snapshot visible whose content is durable.
func (j *Journal) install(s snapshot) error {
	j.changing.Lock()
	defer j.changing.Unlock()
	if err := j.check(s.Epoch); err != nil {
		return err
	}
	if err := j.groupEnds(s.Position); err != nil { // it may have been trimmed meanwhile
		return err
	}
	b := j.db.NewBatch()
	if err := b.Set(sequenceKey(snapshotPrefix, s.Sequence), seal(encodeSnapshot(s)), nil); err != nil {
		return err
	}
	j.mu.Lock()
	i := j.find(s.Sequence)
	if i >= 0 {
		if err := deleteChunks(b, j.snapshots[i].generation); err != nil {
			j.mu.Unlock()
			return err
		}
	}
	j.mu.Unlock()
	if err := j.commit(b); err != nil {
		return err
	}
	j.mu.Lock()
	if i >= 0 {
		j.snapshots[i] = s
	} else {
		i, _ = slices.BinarySearchFunc(j.snapshots, s.Sequence, func(o snapshot, sequence uint64) int {
			if o.Sequence < sequence {
				return -1
			}
			return 1
		})
		j.snapshots = slices.Insert(j.snapshots, i, s)
	}
	j.mu.Unlock()
	return j.note()
}

func deleteChunks(b *pebble.Batch, generation uint64) error {
	return b.DeleteRange(chunkKey(generation, 0), chunkKey(generation+1, 0), nil)
}

// A snapshotWriter writes the content of a snapshot, which nobody sees yet.
type snapshotWriter struct {
	journal    *Journal
	epoch      uint64
	generation uint64
	number     uint32
	pending    []byte // of the next piece
	size       int64
	digest     hash.Hash
	err        error
}

// Write takes the next bytes of the content.
func (w *snapshotWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && w.err == nil {
		piece := p[:min(len(p), chunkBytes-len(w.pending))]
		w.pending = append(w.pending, piece...)
		p = p[len(piece):]
		if len(w.pending) == chunkBytes {
			w.err = w.flush()
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// flush makes the pending piece durable.
func (w *snapshotWriter) flush() error {
	if w.err != nil || len(w.pending) == 0 {
		return w.err
	}
	if err := w.journal.check(w.epoch); err != nil {
		return err
	}
	if w.number == 1<<32-1 {
		return fmt.Errorf("%w: a snapshot of more than %d bytes", journal.ErrTooLarge, w.size)
	}
	w.digest.Write(w.pending)
	w.size += int64(len(w.pending))
	b := w.journal.db.NewBatchWithSize(len(w.pending) + 64)
	if err := b.Set(chunkKey(w.generation, w.number), w.pending, nil); err != nil {
		return err
	}
	w.number++
	w.pending = w.pending[:0]
	return w.journal.commit(b)
}

// discard removes the content of a snapshot that nobody will see. What cannot be removed now is when the journal opens.
func (w *snapshotWriter) discard() {
	if w.number == 0 || w.journal.failed.Load() != nil {
		return
	}
	b := w.journal.db.NewBatch()
	if err := deleteChunks(b, w.generation); err == nil {
		w.journal.commit(b) //nolint:errcheck // see above
	}
}

// OpenSnapshot is journal.Journal's. A snapshot that is replaced or deleted while it is read ends in ErrNoSnapshot.
func (j *Journal) OpenSnapshot(sequence uint64) (io.ReadCloser, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, journal.ErrClosed
	}
	i := j.find(sequence)
	if i < 0 {
		return nil, fmt.Errorf("%w: at %d", journal.ErrNoSnapshot, sequence)
	}
	return &snapshotReader{journal: j, snapshot: j.snapshots[i], digest: sha256.New()}, nil
}

// A snapshotReader reads a snapshot piece by piece.
type snapshotReader struct {
	journal  *Journal
	snapshot snapshot
	number   uint32
	piece    []byte // the buffer
	rest     []byte // of piece, not read yet
	size     int64
	digest   hash.Hash
	err      error
}

// Read returns the next bytes. The last of them come only if all before were right.
func (r *snapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next reads a piece; io.EOF after the last.
func (r *snapshotReader) next() error {
	j, s := r.journal, r.snapshot
	if uint64(r.number) == s.chunks() {
		if s.chunks() == 0 && s.Digest != sha256.Sum256(nil) {
			return &journal.DamageError{Sequence: s.Sequence, What: "the snapshot has another digest than its content"}
		}
		return io.EOF
	}
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	piece, closer, err := j.db.Get(chunkKey(s.generation, r.number))
	if errors.Is(err, pebble.ErrNotFound) {
		if !j.has(s) {
			return fmt.Errorf("%w: the one at %d was deleted", journal.ErrNoSnapshot, s.Sequence)
		}
		return &journal.DamageError{Sequence: s.Sequence, What: fmt.Sprintf("piece %d of the snapshot is missing", r.number)}
	}
	if err != nil {
		return damaged(s.Sequence, err)
	}
	defer closer.Close() //nolint:errcheck // nothing was written
	if want := min(s.Size-r.size, chunkBytes); int64(len(piece)) != want {
		return &journal.DamageError{Sequence: s.Sequence, What: fmt.Sprintf("piece %d of the snapshot has %d bytes instead of %d", r.number, len(piece), want)}
	}
	r.digest.Write(piece)
	r.size += int64(len(piece))
	r.number++
	if uint64(r.number) == s.chunks() && !bytes.Equal(r.digest.Sum(nil), s.Digest[:]) {
		return &journal.DamageError{Sequence: s.Sequence, What: "the snapshot has another digest than its content"}
	}
	r.piece = append(r.piece[:0], piece...)
	r.rest = r.piece
	return nil
}

// Close ends the reading.
func (r *snapshotReader) Close() error {
	r.rest, r.err = nil, journal.ErrClosed
	return nil
}

// has reports whether a snapshot is still the one at its place.
func (j *Journal) has(s snapshot) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := j.find(s.Sequence)
	return i >= 0 && j.snapshots[i].generation == s.generation
}

// verifySnapshot reads a snapshot to its end.
func (j *Journal) verifySnapshot(sequence uint64) error {
	r, err := j.OpenSnapshot(sequence)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

// DeleteSnapshot is journal.Journal's.
func (j *Journal) DeleteSnapshot(epoch, sequence uint64) error {
	if err := j.change(epoch); err != nil {
		return err
	}
	defer j.leave()
	j.changing.Lock()
	defer j.changing.Unlock()
	if err := j.check(epoch); err != nil {
		return err
	}
	j.mu.Lock()
	i := j.find(sequence)
	rest := slices.Clone(j.snapshots)
	start := j.start.Sequence
	j.mu.Unlock()
	if i < 0 {
		return fmt.Errorf("%w: at %d", journal.ErrNoSnapshot, sequence)
	}
	generation := rest[i].generation
	rest = slices.Delete(rest, i, i+1)
	if start > 0 && sequence >= start && !slices.ContainsFunc(rest, func(s snapshot) bool { return s.Sequence >= start }) {
		return fmt.Errorf("%w besides the one at %d, and the records up to %d are trimmed", journal.ErrNoSnapshot, sequence, start)
	}
	b := j.db.NewBatch()
	if err := errors.Join(b.Delete(sequenceKey(snapshotPrefix, sequence), nil), deleteChunks(b, generation)); err != nil {
		return err
	}
	j.mu.Lock()
	j.snapshots = rest
	j.mu.Unlock()
	return j.commit(b)
}
