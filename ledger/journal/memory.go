package journal

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
)

// A Memory is a Journal that forgets everything when the process ends: the plain specification, for tests and for trying
// things out. It holds all in one piece and does the obvious thing under one mutex.
type Memory struct {
	mu        sync.Mutex
	epoch     uint64
	start     Position
	groups    []memoryGroup // of what is kept
	snapshots []memorySnapshot
	values    map[string][]byte
	closed    bool
}

// A memoryGroup is one group as encoded by AppendGroup, with the positions around it.
type memoryGroup struct {
	before, end Position
	encoding    []byte
}

type memorySnapshot struct {
	Snapshot
	content []byte
}

// NewMemory returns an empty journal.
func NewMemory() *Memory { return &Memory{values: map[string][]byte{}} }

var _ Journal = (*Memory)(nil)

// end is where the journal ends.
func (m *Memory) end() Position {
	if len(m.groups) == 0 {
		return m.start
	}
	return m.groups[len(m.groups)-1].end
}

// check refuses changes after the end of the journal or of the epoch.
func (m *Memory) check(epoch uint64) error {
	switch {
	case m.closed:
		return ErrClosed
	case epoch != m.epoch || epoch == 0:
		return fmt.Errorf("%w: epoch %d, now %d", ErrFenced, epoch, m.epoch)
	}
	return nil
}

// Begin is Journal.Begin.
func (m *Memory) Begin() (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, ErrClosed
	}
	m.epoch++
	return m.epoch, nil
}

// Bounds is Journal.Bounds.
func (m *Memory) Bounds() (start, end Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.start, m.end()
}

// Append is Journal.Append.
func (m *Memory) Append(epoch, expected uint64, records [][]byte) (Position, error) {
	size, err := CheckRecords(records)
	if err != nil {
		return Position{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(epoch); err != nil {
		return Position{}, err
	}
	before := m.end()
	switch {
	case before.Sequence != expected:
		return Position{}, &SequenceError{Expected: expected, Found: before.Sequence}
	case len(records) == 0:
		return before, nil
	}
	encoding, end := AppendGroup(make([]byte, 0, size), before, epoch, records)
	m.groups = append(m.groups, memoryGroup{before, end, encoding})
	return end, nil
}

// Read is Journal.Read.
func (m *Memory) Read(after uint64) iter.Seq2[Group, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	fail := func(err error) iter.Seq2[Group, error] {
		return func(yield func(Group, error) bool) { yield(Group{}, err) }
	}
	end := m.end()
	switch {
	case m.closed:
		return fail(ErrClosed)
	case after < m.start.Sequence:
		return fail(fmt.Errorf("%w: up to %d", ErrTrimmed, m.start.Sequence))
	case after > end.Sequence:
		return fail(&SequenceError{Expected: after, Found: end.Sequence})
	}
	groups := slices.Clone(m.groups[m.after(after):])
	return func(yield func(Group, error) bool) {
		var chain Chain
		if len(groups) > 0 {
			chain.From(groups[0].before)
		}
		for _, kept := range groups {
			before, g, err := DecodeGroup(kept.encoding, nil)
			if err == nil {
				err = chain.Next(before, &g)
			}
			if err != nil {
				yield(Group{}, err)
				return
			}
			if !yield(g.After(after), nil) {
				return
			}
		}
	}
}

// after returns the index of the first group that ends after a sequence.
func (m *Memory) after(sequence uint64) int {
	i := slices.IndexFunc(m.groups, func(g memoryGroup) bool { return g.end.Sequence > sequence })
	if i < 0 {
		return len(m.groups)
	}
	return i
}

// at returns the index of the snapshot at a sequence, or -1.
func (m *Memory) at(sequence uint64) int {
	return slices.IndexFunc(m.snapshots, func(s memorySnapshot) bool { return s.Sequence == sequence })
}

// place checks that a snapshot may stand at a position.
func (m *Memory) place(at Position) error {
	if at == m.start || slices.ContainsFunc(m.groups, func(g memoryGroup) bool { return g.end == at }) {
		return nil
	}
	return fmt.Errorf("no group ends at %v: %w", at, &SequenceError{Expected: at.Sequence, Found: m.end().Sequence})
}

// Snapshots is Journal.Snapshots.
func (m *Memory) Snapshots() ([]Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	var all []Snapshot
	for _, s := range m.snapshots {
		all = append(all, s.Snapshot)
	}
	return all, nil
}

// WriteSnapshot is Journal.WriteSnapshot.
func (m *Memory) WriteSnapshot(epoch uint64, at Position, write func(io.Writer) error) (Snapshot, error) {
	check := func() error {
		if err := m.check(epoch); err != nil {
			return err
		}
		return m.place(at)
	}
	m.mu.Lock()
	err := check()
	m.mu.Unlock()
	if err != nil {
		return Snapshot{}, err
	}
	var content bytes.Buffer
	if err := write(&content); err != nil {
		return Snapshot{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := check(); err != nil { // it may have changed meanwhile
		return Snapshot{}, err
	}
	s := Snapshot{Position: at, Epoch: epoch, Size: int64(content.Len()), Digest: sha256.Sum256(content.Bytes())}
	if i := m.at(at.Sequence); i >= 0 {
		m.snapshots = slices.Delete(m.snapshots, i, i+1)
	}
	i := slices.IndexFunc(m.snapshots, func(o memorySnapshot) bool { return o.Sequence > at.Sequence })
	if i < 0 {
		i = len(m.snapshots)
	}
	m.snapshots = slices.Insert(m.snapshots, i, memorySnapshot{s, content.Bytes()})
	return s, nil
}

// OpenSnapshot is Journal.OpenSnapshot.
func (m *Memory) OpenSnapshot(sequence uint64) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	i := m.at(sequence)
	if i < 0 {
		return nil, fmt.Errorf("%w: at %d", ErrNoSnapshot, sequence)
	}
	return io.NopCloser(bytes.NewReader(m.snapshots[i].content)), nil
}

// DeleteSnapshot is Journal.DeleteSnapshot.
func (m *Memory) DeleteSnapshot(epoch, sequence uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(epoch); err != nil {
		return err
	}
	i := m.at(sequence)
	if i < 0 {
		return fmt.Errorf("%w: at %d", ErrNoSnapshot, sequence)
	}
	rest := slices.Delete(slices.Clone(m.snapshots), i, i+1)
	if m.start.Sequence > 0 && sequence >= m.start.Sequence && !covers(rest, m.start.Sequence) {
		return fmt.Errorf("%w besides the one at %d, and the records up to %d are trimmed", ErrNoSnapshot, sequence, m.start.Sequence)
	}
	m.snapshots = rest
	return nil
}

// covers reports whether a snapshot makes up for the records up to a sequence.
func covers(snapshots []memorySnapshot, sequence uint64) bool {
	return slices.ContainsFunc(snapshots, func(s memorySnapshot) bool { return s.Sequence >= sequence })
}

// Trim is Journal.Trim.
func (m *Memory) Trim(epoch, sequence uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(epoch); err != nil {
		return err
	}
	switch {
	case sequence > m.end().Sequence:
		return &SequenceError{Expected: sequence, Found: m.end().Sequence}
	case sequence <= m.start.Sequence:
		return nil
	case !covers(m.snapshots, sequence):
		return fmt.Errorf("%w at or behind %d", ErrNoSnapshot, sequence)
	}
	if n := m.after(sequence); n > 0 {
		m.start = m.groups[n-1].end
		m.groups = slices.Delete(m.groups, 0, n)
	}
	return nil
}

// Value is Journal.Value.
func (m *Memory) Value(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	value, ok := m.values[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoValue, name)
	}
	return bytes.Clone(value), nil
}

// SetValue is Journal.SetValue.
func (m *Memory) SetValue(epoch uint64, name string, value []byte) error {
	if err := CheckValue(name, value); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(epoch); err != nil {
		return err
	}
	if value == nil {
		delete(m.values, name)
		return nil
	}
	m.values[name] = append([]byte{}, value...)
	return nil
}

// Close is Journal.Close.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
