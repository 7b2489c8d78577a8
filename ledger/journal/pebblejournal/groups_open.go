package pebblejournal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/allot-engine/allot/ledger/journal"
)

// groupEnds is what the groups of a journal begin and end with, without their records; zero where there are none.
type groupEnds struct {
	first, last journal.Group
	end         journal.Position
}

// load finds the files among those of the directory, verifies the first group behind the start and all of the last file, and returns the
// names of the files that nobody needs.
func (l *groupLog) load(names []string, start journal.Position) (e groupEnds, idle []string, err error) {
	for _, name := range names {
		first, ok := parseNumbered(name, groupsSuffix)
		switch {
		case name == nextGroups:
			idle = append(idle, name)
		case ok:
			info, err := l.fs.Stat(l.path(name))
			if err != nil {
				return e, nil, err
			}
			l.files = append(l.files, &groupFile{first: first, size: info.Size(), used: info.Size()})
		}
	}
	slices.SortFunc(l.files, func(a, b *groupFile) int { return cmp.Compare(a.first, b.first) })
	l.start = start.Sequence
	for len(l.files) > 1 && l.files[1].first <= start.Sequence+1 { // a trimming that was cut short
		idle = append(idle, groupsName(l.files[0].first))
		l.files = l.files[1:]
	}
	e.end = start
	if len(l.files) > 0 && l.files[0].first > start.Sequence+1 {
		return e, nil, missing(start.Sequence, l.files[0].first)
	}
	n := len(l.files)
	for ; n > 0 && e.last.First == 0; n-- {
		f := l.files[n-1]
		at, err := l.scan(f, start, func(g *journal.Group) bool { e.last = *g; return true })
		if err == nil && e.last.First > 0 {
			e.end = e.last.End
			err = l.endsAt(f, at, e.end)
		}
		if err != nil {
			return e, nil, err
		}
	}
	if e.last.First > 0 {
		n++
	}
	for _, f := range l.files[n:] { // it was begun, and nobody heard of a group in it
		if f.first != e.end.Sequence+1 {
			return e, nil, missing(e.end.Sequence, f.first)
		}
		if err := l.endsAt(f, 0, e.end); err != nil {
			return e, nil, err
		}
		idle = append(idle, groupsName(f.first))
	}
	if l.files = l.files[:n]; n == 0 {
		return e, idle, nil
	}
	met := l.files[0].first == start.Sequence+1
	_, err = l.scan(l.files[0], start, func(g *journal.Group) bool {
		if g.First > start.Sequence {
			e.first = *g
			return false
		}
		met = met || g.End == start
		return true
	})
	if err == nil && !met {
		err = &journal.DamageError{Sequence: start.Sequence, What: "no group ends where the journal starts"}
	}
	return e, idle, err
}

func missing(after, before uint64) error {
	return &journal.DamageError{Sequence: after, What: fmt.Sprintf("the next records that are there are those from %d on", before)}
}

// scan reads the groups of a file, without their records, from its beginning to its end, or until visit returns false. It returns the
// place behind the last.
func (l *groupLog) scan(f *groupFile, start journal.Position, visit func(*journal.Group) bool) (at int64, err error) {
	r := &groupReader{log: l, f: f}
	if err := r.open(); err != nil {
		return 0, damaged(f.first-1, err)
	}
	defer func() { err = errors.Join(err, r.file.Close()) }()
	var chain journal.Chain
	if f.first == start.Sequence+1 {
		chain.From(start)
	}
	good := f.first - 1
	for {
		before, g, ok, err := r.group()
		switch {
		case err != nil:
			return at, damaged(good, err)
		case !ok:
			return at, nil
		case before.Sequence != good:
			return at, missing(good, g.First)
		}
		if err := chain.Next(before, &g); err != nil {
			return at, err
		}
		good, at = g.End.Sequence, r.offset
		g.Records = nil
		if !visit(&g) {
			return at, nil
		}
	}
}

// endsAt checks that a file has no frame behind the place where its groups end. The rest of one that a crash tore may be there.
func (l *groupLog) endsAt(f *groupFile, at int64, end journal.Position) (err error) {
	good := end.Sequence
	r := &groupReader{log: l, f: f, tag: tagOf(end)} // of an empty file
	if err := r.open(); err != nil {
		return damaged(good, err)
	}
	defer func() { err = errors.Join(err, r.file.Close()) }()
	if _, err := r.header(); err != nil { // it has the tag
		return damaged(good, err)
	}
	for r.offset = at + pageBytes; r.offset < f.size; r.offset += pageBytes {
		n, err := r.header()
		if err != nil {
			return damaged(good, err)
		}
		if n > 0 {
			return &journal.DamageError{Sequence: good, What: "the next group is not what was written, and there is one behind it"}
		}
	}
	return nil
}
