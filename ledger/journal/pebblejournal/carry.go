package pebblejournal

import (
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2"
)

// What carrying a journal elsewhere needs besides reading and writing it.

// Values is journal.Journal's.
func (j *Journal) Values(prefix string) ([]string, error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	lower := append([]byte{valuePrefix}, prefix...)
	all, err := j.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{valuePrefix + 1}})
	if err != nil {
		return nil, damaged(0, err)
	}
	defer all.Close() //nolint:errcheck // it repeats the iterator's error
	var names []string
	for ok := all.First(); ok; ok = all.Next() {
		name := string(all.Key()[1:])
		if len(name) < len(prefix) || name[:len(prefix)] != prefix {
			break
		}
		names = append(names, name)
	}
	if err := all.Error(); err != nil {
		return nil, damaged(0, err)
	}
	return names, nil
}

// StartAt is journal.Journal's.
func (j *Journal) StartAt(epoch uint64, start journal.Position) error {
	if err := j.change(epoch); err != nil {
		return err
	}
	defer j.leave()
	j.appending.Lock()
	defer j.appending.Unlock()
	j.changing.Lock()
	defer j.changing.Unlock()
	if err := j.check(epoch); err != nil {
		return err
	}
	j.mu.Lock()
	empty, end := j.start == (journal.Position{}) && j.end == j.start && len(j.snapshots) == 0, j.end
	j.mu.Unlock()
	if !empty {
		return &journal.SequenceError{Expected: 0, Found: end.Sequence}
	}
	b := j.db.NewBatch()
	if err := b.Set(startKey, seal(encodePosition(start)), nil); err != nil {
		return err
	}
	if err := j.commit(b); err != nil {
		return err
	}
	j.mu.Lock()
	j.start, j.end = start, start
	j.mu.Unlock()
	return nil
}
