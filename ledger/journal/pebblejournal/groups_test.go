package pebblejournal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// groupFiles returns the names of the files of groups of the journal in j.
func groupFiles(t *testing.T, files vfs.FS) (names []string) {
	t.Helper()
	all, err := files.List("j")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if _, ok := parseNumbered(name, groupsSuffix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestGroupsFillFiles appends groups of sizes around what is left of a page and of a file, over reopenings, and reads them from
// everywhere.
func TestGroupsFillFiles(t *testing.T) {
	files := vfs.NewMem()
	var want []string
	empty := frameHeader + journal.MinGroup // a frame with a record of no bytes
	for _, sizes := range [][]int{
		{0, 1, pageBytes - empty - 1, pageBytes - empty, pageBytes - empty + 1}, // frames of one page, and of two
		{leastGroupsBytes - empty, 0},                                           // a file that is full
		{leastGroupsBytes - empty + 1, 1},                                       // a first group that does not fit the first file
		{0, 3 * leastGroupsBytes, 1},                                            // a group that does not fit the file that is ready
		slices.Repeat([]int{10_000}, 60),
		nil,
		{5},
	} {
		j, epoch := begun(t, files)
		for _, size := range sizes {
			record := strings.Repeat(string(rune('a'+len(want)%26)), size)
			if _, err := j.Append(epoch, uint64(len(want)), [][]byte{[]byte(record)}); err != nil {
				t.Fatal(err)
			}
			want = append(want, record)
		}
		for after := range want {
			got, err := journaltest.Records(j, uint64(after))
			if err != nil || !slices.Equal(got, want[after:]) {
				t.Fatalf("after %d of %d there are %d records, %v", after, len(want), len(got), err)
			}
		}
		if err := errors.Join(j.Verify(nil), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if names := groupFiles(t, files); len(names) < 8 {
		t.Errorf("there are only the files %q", names)
	}
}

// TestTrimmedFilesAreRemoved looks at the files while somebody reads them, afterwards, and after reopening.
func TestTrimmedFilesAreRemoved(t *testing.T) {
	files := vfs.NewMem()
	j, epoch := begun(t, files)
	const groups = 40
	ends := []journal.Position{{}}
	for i := range uint64(groups) {
		end, err := j.Append(epoch, i, [][]byte{make([]byte, 20_000)})
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	before := groupFiles(t, files)
	read := 0
	for g, err := range j.Read(10) {
		if err != nil {
			t.Fatal(err)
		}
		if read++; g.First != 11 {
			continue
		}
		if _, err := j.WriteSnapshot(epoch, ends[35], func(io.Writer) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := j.Trim(epoch, 35); err != nil {
			t.Fatal(err)
		}
		i, found := slices.BinarySearch(before, groupsName(11)) // the file with it, if no other
		if !found {
			i--
		}
		if got := groupFiles(t, files); i == 0 || !slices.Equal(got, before[i:]) {
			t.Errorf("while they are read there are %q, of %q", got, before)
		}
	}
	if read != groups-10 {
		t.Errorf("%d groups were read", read)
	}
	after := groupFiles(t, files)
	if len(before) < 4 || len(after) != 1 || after[0] != before[len(before)-1] {
		t.Errorf("there are %q, of %q", after, before)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, files, "j/"+before[0], "a trimming that was cut short leaves it")
	writeFile(t, files, "j/"+nextGroups, "a process that died leaves it")
	j, _ = begun(t, files)
	defer j.Close()
	if names, err := files.List("j"); err != nil || slices.Contains(names, nextGroups) || !slices.Equal(groupFiles(t, files), after) {
		t.Errorf("there are %q, %v", names, err)
	}
	if start, end := j.Bounds(); start != ends[35] || end != ends[groups] {
		t.Errorf("it goes from %v to %v", start, end)
	}
}

// FuzzGroups reads what a file of groups may have become: damage is an error, and all else can be read.
func FuzzGroups(f *testing.F) {
	first, at := journal.AppendGroup(nil, journal.Position{}, 1, [][]byte{[]byte("a"), []byte("b")})
	next, _ := journal.AppendGroup(nil, at, 2, [][]byte{nil})
	whole := frames(journal.Position{}, first, next)[:3*pageBytes]
	f.Add([]byte(nil), uint64(0))
	f.Add([]byte(whole), uint64(0))
	f.Add([]byte(whole[:pageBytes+30]), uint64(1))
	f.Add([]byte(whole[pageBytes:]), uint64(2))
	f.Fuzz(func(t *testing.T, content []byte, after uint64) {
		files := vfs.NewMem()
		if err := files.MkdirAll("j", 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, files, "j/"+groupsName(1), string(content))
		l := newGroupLog(files, "j")
		ends, _, err := l.load([]string{groupsName(1)}, journal.Position{})
		if err != nil {
			if !errors.Is(err, journal.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if ends.end.Sequence == 0 {
			return
		}
		before, g, err := l.with(1 + after%ends.end.Sequence)
		if err != nil || before.Sequence >= g.End.Sequence {
			t.Fatal(fmt.Sprint(before, g.End), err)
		}
	})
}
