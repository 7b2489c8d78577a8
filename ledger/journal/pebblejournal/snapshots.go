package pebblejournal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The content of a snapshot is in a file of its own, called by the snapshot's generation, with zeros behind it to the end of a block;
// its description is in the store, and what has none is nobody's. In the store the content would be written twice, and some of it a
// third time; that was a third of what a snapshot costs.
const (
	snapshotSuffix = ".snapshot"

	// pieceBytes are written at once and synced by themselves, so that a group that is appended meanwhile waits for one of them at most.
	pieceBytes = 1 << 20
)

// A snapshot is a journal.Snapshot with where its content is.
type snapshot struct {
	journal.Snapshot
	generation uint64
}

// snapshotName returns the name of the file with the content of a snapshot.
func snapshotName(generation uint64) string { return numbered(generation, snapshotSuffix) }

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
	if s.Size < 0 {
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
	if err = errors.Join(err, w.close()); err != nil {
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
	if err := b.Set(snapshotKey(s.Sequence), seal(encodeSnapshot(s)), nil); err != nil {
		return err
	}
	if err := j.commit(b); err != nil {
		return err
	}
	j.mu.Lock()
	i := j.find(s.Sequence)
	replaced := uint64(0)
	if i >= 0 {
		replaced = j.snapshots[i].generation
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
	if replaced > 0 {
		j.removeContent(replaced)
	}
	return j.note()
}

// removeContent removes the file of a snapshot that nobody can open any more. What cannot be removed is told by the disk, and is when the
// journal opens.
func (j *Journal) removeContent(generation uint64) {
	_ = j.files.Remove(j.path(snapshotName(generation)))
}

// A snapshotWriter writes the content of a snapshot, which nobody sees yet.
type snapshotWriter struct {
	journal    *Journal
	epoch      uint64
	generation uint64
	file       vfs.File // nil before the first piece
	pending    []byte   // of the next piece
	size       int64    // of those before
	digest     hash.Hash
	err        error
}

// Write takes the next bytes of the content.
func (w *snapshotWriter) Write(p []byte) (int, error) {
	n := len(p)
	if w.pending == nil {
		w.pending = aligned(pieceBytes)[:0]
	}
	for len(p) > 0 && w.err == nil {
		piece := p[:min(len(p), pieceBytes-len(w.pending))]
		w.pending = append(w.pending, piece...)
		p = p[len(piece):]
		if len(w.pending) == pieceBytes {
			w.err = w.flush()
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// flush makes the pending piece durable. Only the last may be smaller than the others.
func (w *snapshotWriter) flush() error {
	if w.err != nil || len(w.pending) == 0 {
		return w.err
	}
	if err := w.journal.check(w.epoch); err != nil {
		return err
	}
	if w.file == nil {
		if err := w.create(); err != nil {
			return err
		}
	}
	w.digest.Write(w.pending)
	size := len(w.pending)
	blocks := w.pending[:(size+pageBytes-1)/pageBytes*pageBytes]
	clear(blocks[size:])
	if _, err := w.file.WriteAt(blocks, w.size); err != nil {
		return err
	}
	w.size += int64(size)
	w.pending = w.pending[:0]
	return w.file.SyncData()
}

// create makes the file.
func (w *snapshotWriter) create() (err error) {
	j := w.journal
	if w.file, err = j.files.Create(j.path(snapshotName(w.generation)), vfs.WriteCategoryUnspecified); err != nil {
		return err
	}
	direct(w.file.Fd())
	return syncDirectory(j.files, j.dir)
}

// close ends the writing.
func (w *snapshotWriter) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// discard removes the content of a snapshot that nobody will see.
func (w *snapshotWriter) discard() {
	if w.file != nil && w.journal.failed.Load() == nil {
		w.journal.removeContent(w.generation)
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
	file     vfs.File // nil before the first piece
	piece    []byte   // the buffer
	rest     []byte   // of piece, not read yet
	size     int64    // of the pieces that were read
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
	if r.size == s.Size {
		if s.Size == 0 && s.Digest != sha256.Sum256(nil) {
			return &journal.DamageError{Sequence: s.Sequence, What: "the snapshot has another digest than its content"}
		}
		return io.EOF
	}
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	if !j.has(s) {
		return fmt.Errorf("%w: the one at %d was deleted", journal.ErrNoSnapshot, s.Sequence)
	}
	piece, err := r.read(int(min(s.Size-r.size, pieceBytes)))
	switch {
	case err != nil && !j.has(s): // meanwhile
		return fmt.Errorf("%w: the one at %d was deleted", journal.ErrNoSnapshot, s.Sequence)
	case errors.Is(err, fs.ErrNotExist):
		return &journal.DamageError{Sequence: s.Sequence, What: "the file of the snapshot is missing"}
	case errors.Is(err, io.EOF):
		return &journal.DamageError{Sequence: s.Sequence, What: fmt.Sprintf("the snapshot has fewer than its %d bytes", s.Size)}
	case err != nil:
		return damaged(s.Sequence, err)
	}
	r.digest.Write(piece)
	r.size += int64(len(piece))
	if r.size == s.Size && !bytes.Equal(r.digest.Sum(nil), s.Digest[:]) {
		return &journal.DamageError{Sequence: s.Sequence, What: "the snapshot has another digest than its content"}
	}
	r.rest = piece
	return nil
}

// read returns the next so many bytes, or an error.
func (r *snapshotReader) read(size int) (piece []byte, err error) {
	if r.file == nil {
		j := r.journal
		if r.file, err = j.files.Open(j.path(snapshotName(r.snapshot.generation)), vfs.SequentialReadsOption); err != nil {
			return nil, err
		}
	}
	r.piece = slices.Grow(r.piece[:0], size)[:size]
	n, err := r.file.ReadAt(r.piece, r.size)
	if n == size {
		return r.piece, nil
	}
	return nil, err
}

// Close ends the reading.
func (r *snapshotReader) Close() error {
	r.rest, r.err = nil, journal.ErrClosed
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	uncache(file.Fd()) // see diskFile.Close
	return file.Close()
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
	return errors.Join(err, r.Close())
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
	if err := b.Delete(snapshotKey(sequence), nil); err != nil {
		return err
	}
	j.mu.Lock()
	j.snapshots = rest
	j.mu.Unlock()
	if err := j.commit(b); err != nil {
		return err
	}
	j.removeContent(generation)
	return nil
}
