package journal

import (
	"maps"
	"slices"
	"strings"
)

// What carrying a journal elsewhere needs besides reading and writing it.

// Values is Journal.Values.
func (m *Memory) Values(prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	names := slices.Sorted(maps.Keys(m.values))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) }), nil
}

// StartAt is Journal.StartAt.
func (m *Memory) StartAt(epoch uint64, start Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(epoch); err != nil {
		return err
	}
	if m.start != (Position{}) || len(m.groups) > 0 || len(m.snapshots) > 0 {
		return &SequenceError{Expected: 0, Found: m.end().Sequence}
	}
	m.start = start
	return nil
}
