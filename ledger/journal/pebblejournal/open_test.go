package pebblejournal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// begun opens the journal in j, and begins an epoch.
func begun(t *testing.T, files vfs.FS) (j *Journal, epoch uint64) {
	t.Helper()
	j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
	if err != nil {
		t.Fatal(err)
	}
	epoch, err = j.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return j, epoch
}

// small makes a journal of two records in the directory j.
func small(t *testing.T, files vfs.FS) {
	t.Helper()
	j, epoch := begun(t, files)
	if _, err := j.Append(epoch, 0, [][]byte{[]byte("a"), []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantRefusal wants Open to refuse with an error that says some words.
func wantRefusal(t *testing.T, files vfs.FS, dir string, want error, words ...string) {
	t.Helper()
	j, err := Open(dir, Options{FS: files, Log: quiet, Fatal: fatal(t)})
	if err == nil {
		j.Close()
		t.Fatalf("it opens; want %v", want)
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, w := range append(words, dir) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}

func TestTwoInOneProcessAreRefused(t *testing.T) {
	dir := t.TempDir() + "/j"
	j, err := Open(dir, Options{Log: quiet, Fatal: fatal(t)})
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, nil, dir, journal.ErrLocked, "stop it")
	if _, err := Open(dir, Options{Log: quiet, ReadOnly: true}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("for reading: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(dir, Options{Log: quiet, Fatal: fatal(t)}); err != nil {
		t.Fatalf("after closing: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTwoProcessesAreRefused runs itself as the other process.
func TestTwoProcessesAreRefused(t *testing.T) {
	const variable = "ALLOT_TEST_LOCKED_JOURNAL"
	if dir := os.Getenv(variable); dir != "" {
		wantRefusal(t, nil, dir, journal.ErrLocked, "stop it")
		return
	}
	dir := t.TempDir() + "/j"
	j, err := Open(dir, Options{Log: quiet, Fatal: fatal(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	other := exec.Command(os.Args[0], "-test.run=^TestTwoProcessesAreRefused$", "-test.v")
	other.Env = append(os.Environ(), variable+"="+dir)
	out, err := other.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestTwoProcessesAreRefused") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestNewerFormatsAreRefused(t *testing.T) {
	t.Run("of the marker", func(t *testing.T) {
		files := vfs.NewMem()
		small(t, files)
		writeFile(t, files, "j/JOURNAL", "allot journal\nformat 4\nsomething new\n")
		wantRefusal(t, files, "j", journal.ErrFormat, "format 4", "newer program")
	})
	t.Run("an older one of the marker", func(t *testing.T) {
		files := vfs.NewMem()
		small(t, files)
		writeFile(t, files, "j/JOURNAL", "allot journal\nformat 1\nreached 2\nchecksum 01234567\n")
		wantRefusal(t, files, "j", journal.ErrFormat, "format 1", "allot ledger dump")
	})
	t.Run("of the values", func(t *testing.T) {
		files := vfs.NewMem()
		small(t, files)
		change(t, files, func(db *pebble.DB) error {
			return db.Set(formatKey, seal(binary.BigEndian.AppendUint64(nil, 4)), pebble.Sync)
		})
		wantRefusal(t, files, "j", journal.ErrFormat, "format 4", "newer program")
	})
	t.Run("of the store", func(t *testing.T) {
		files := vfs.NewMem()
		small(t, files)
		writeFile(t, files, "j/marker.format-version.999999.999", "")
		wantRefusal(t, files, "j", journal.ErrFormat, "version 999", "newer program")
	})
}

func writeFile(t *testing.T, files vfs.FS, name, text string) {
	t.Helper()
	f, err := files.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// change lets somebody write into the store of the journal in j.
func change(t *testing.T, files vfs.FS, do func(*pebble.DB) error) {
	t.Helper()
	db, err := pebble.Open("j", &pebble.Options{FS: files, FormatMajorVersion: pebble.FormatNewest, Logger: pebbleQuiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

type pebbleQuiet struct{}

func (pebbleQuiet) Infof(string, ...any)           {}
func (pebbleQuiet) Errorf(string, ...any)          {}
func (pebbleQuiet) Fatalf(format string, _ ...any) { panic(format) }

func TestWhatIsNoJournalIsRefusedAndLeftAlone(t *testing.T) {
	t.Run("somebody's files", func(t *testing.T) {
		files := vfs.NewMem()
		if err := files.MkdirAll("j", 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, files, "j/thesis.txt", "")
		wantRefusal(t, files, "j", journal.ErrForeign, "thesis.txt", "empty directory")
		if names, err := files.List("j"); err != nil || !slices.Equal(names, []string{"thesis.txt"}) {
			t.Errorf("there is now %q, %v", names, err)
		}
	})
	t.Run("somebody's store", func(t *testing.T) {
		files := vfs.NewMem()
		if err := files.MkdirAll("j", 0o755); err != nil {
			t.Fatal(err)
		}
		change(t, files, func(db *pebble.DB) error { return db.Set([]byte("their"), []byte("key"), pebble.Sync) })
		wantRefusal(t, files, "j", journal.ErrForeign, "another store")
		change(t, files, func(db *pebble.DB) error { _, closer, err := db.Get([]byte("their")); closer.Close(); return err })
	})
	t.Run("nothing, for reading", func(t *testing.T) {
		files := vfs.NewMem()
		if _, err := Open("j", Options{FS: files, ReadOnly: true, Log: quiet}); err == nil {
			t.Error("it opens")
		}
		if names, _ := files.List(""); len(names) != 0 {
			t.Errorf("there is now %q", names)
		}
	})
}

// TestReadingMakesNoJournal opens for reading what is none, or will be one.
func TestReadingMakesNoJournal(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, files vfs.FS){
		"an empty directory": func(*testing.T, vfs.FS) {},
		"a journal that was never made": func(t *testing.T, files vfs.FS) {
			t.Helper()
			writeFile(t, files, "j/LOCK", "")
			change(t, files, func(*pebble.DB) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := vfs.NewMem()
			if err := files.MkdirAll("j", 0o755); err != nil {
				t.Fatal(err)
			}
			prepare(t, files)
			before := contents(t, files)
			_, err := Open("j", Options{FS: files, ReadOnly: true, Log: quiet})
			if !errors.Is(err, journal.ErrForeign) || !strings.Contains(err.Error(), "name a directory with a journal") {
				t.Errorf("got %v", err)
			}
			if after := contents(t, files); !reflect.DeepEqual(after, before) {
				t.Errorf("there is now %q", slices.Collect(maps.Keys(after)))
			}
			j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
			if err != nil {
				t.Fatal(err)
			}
			j.Close()
		})
	}
}

// TestAJournalWithoutItsMarkerIsDamaged also lets the power fail at every moment of making a journal: whatever is there
// then, with the marker or without, is no damage.
func TestAJournalWithoutItsMarkerIsDamaged(t *testing.T) {
	for name, use := range map[string]func(j *Journal) error{
		"records": func(j *Journal) error {
			epoch, err := j.Begin()
			if err == nil {
				_, err = j.Append(epoch, 0, [][]byte{nil})
			}
			return err
		},
		"an epoch": func(j *Journal) error { _, err := j.Begin(); return err },
		"nothing":  func(*Journal) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			files := vfs.NewMem()
			j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(use(j), j.Close(), files.Remove("j/"+markerName)); err != nil {
				t.Fatal(err)
			}
			if name != "nothing" {
				wantRefusal(t, files, "j", journal.ErrDamaged, markerName+" is missing", "restore")
				_, err := Open("j", Options{FS: files, ReadOnly: true, Log: quiet})
				if !errors.Is(err, journal.ErrDamaged) {
					t.Errorf("for reading: %v", err)
				}
				return
			}
			if j, err = Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)}); err != nil {
				t.Fatal(err)
			}
			j.Close()
		})
	}
	t.Run("power failures", func(t *testing.T) {
		seed := seeds.New(t)
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		unmarked, begun := 0, 0
		for n := 1; ; n++ {
			for _, percent := range []int{0, 30, 70, 100} {
				files := vfs.NewCrashableMem()
				var after *vfs.MemFS
				left := n
				disk := errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
						if left--; left == 0 {
							after = files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random})
						}
					}
					return nil
				}))
				j, err := Open("data/j", Options{FS: disk, Log: quiet, Fatal: fatal(t)})
				if err != nil {
					t.Fatal(err)
				}
				if after == nil { // it was made before
					j.Close()
					if unmarked < 10 || begun < 10 {
						t.Errorf("only %d journals were cut short, %d of them begun", unmarked, begun)
					}
					return
				}
				if names, err := after.List("data/j"); err == nil && !slices.Contains(names, markerName) {
					unmarked++
					if slices.ContainsFunc(names, isContent) {
						begun++
					}
				}
				again, err := Open("data/j", Options{FS: after, Log: quiet, Fatal: fatal(t)})
				if err != nil {
					t.Fatalf("after operation %d, with %d %% of what was not synced: %v", n, percent, err)
				}
				again.Close()
				j.Close()
			}
		}
	})
}

// TestDamageIsLoggedInALine looks at what an operator sees.
func TestDamageIsLoggedInALine(t *testing.T) {
	files := vfs.NewMem()
	small(t, files)
	for name, b := range contents(t, files) {
		if strings.HasSuffix(name, ".sst") {
			b[10] ^= 1 // in the first block
			writeFile(t, files, "j/"+name, string(b))
		}
	}
	var log strings.Builder
	_, err := Open("j", Options{FS: files, Log: slog.New(slog.NewTextHandler(&log, nil)), Fatal: fatal(t)})
	if err == nil {
		t.Fatal("it opens")
	}
	if err := tells(err); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "the journal is damaged") || !strings.Contains(log.String(), ".sst") {
		t.Errorf("the log does not tell: %s", log.String())
	}
	for _, words := range []string{".go:", "stack", "carrier", `\n`} {
		if strings.Contains(log.String()+err.Error(), words) {
			t.Errorf("there is %q in %s%v", words, log.String(), err)
		}
	}
}

// frames returns the content of a file of groups that begins behind a position.
func frames(begin journal.Position, groups ...[]byte) string {
	var b []byte
	for _, g := range groups {
		tag := tagOf(begin)
		h := binary.BigEndian.AppendUint32(tag[:], uint32(len(g)))
		h = binary.BigEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
		b = append(append(b, h...), g...)
		b = append(b, make([]byte, -len(b)&(pageBytes-1))...)
	}
	return string(append(b, make([]byte, leastGroupsBytes)...))
}

func TestWhatDoesNotBelongIsDamage(t *testing.T) {
	groupOf := func(before journal.Position, epoch uint64, records ...string) ([]byte, journal.Position) {
		var b [][]byte
		for _, r := range records {
			b = append(b, []byte(r))
		}
		return journal.AppendGroup(nil, before, epoch, b)
	}
	first, afterFirst := groupOf(journal.Position{}, 1, "a", "b") // as small has it
	next, _ := groupOf(afterFirst, 1, "x")
	type world struct {
		*testing.T
		*vfs.MemFS
	}
	write := func(w world, name, content string) { writeFile(w.T, w.MemFS, "j/"+name, content) }
	store := func(do func(*pebble.DB) error) func(world) {
		return func(w world) { change(w.T, w.MemFS, do) }
	}
	for name, do := range map[string]func(world){
		"an unknown key": store(func(db *pebble.DB) error { return db.Set([]byte("q"), nil, pebble.Sync) }),
		"a gap": func(w world) {
			later, _ := groupOf(journal.Position{Sequence: 5}, 1, "x")
			write(w, groupsName(6), frames(journal.Position{Sequence: 5}, later))
		},
		"a gap before nothing": func(w world) { write(w, groupsName(6), frames(journal.Position{})) },
		"a gap in a file": func(w world) {
			later, _ := groupOf(journal.Position{Sequence: 5}, 1, "x")
			write(w, groupsName(1), frames(journal.Position{}, first, later))
		},
		"another chain": func(w world) {
			other, _ := groupOf(journal.Position{Sequence: 2}, 1, "x")
			write(w, groupsName(3), frames(journal.Position{Sequence: 2}, other))
		},
		"another chain in a file": func(w world) {
			other, _ := groupOf(journal.Position{Sequence: 2}, 1, "x")
			write(w, groupsName(1), frames(journal.Position{}, first, other))
		},
		"a first group that is not the first": func(w world) { write(w, groupsName(1), frames(afterFirst, next)) },
		"a group that is not whole before another": func(w world) {
			half := slices.Clone(first)
			half[len(half)-1] ^= 1
			write(w, groupsName(1), frames(journal.Position{}, half, next))
		},
		"a frame in an empty file": func(w world) {
			write(w, groupsName(3), strings.Repeat("\x00", pageBytes)+frames(afterFirst, next))
		},
		"a group in another place": func(w world) { write(w, groupsName(3), frames(journal.Position{}, first)) },
		"a group of a later epoch": func(w world) {
			next, _ := groupOf(afterFirst, 9, "x")
			write(w, groupsName(3), frames(afterFirst, next))
		},
		"missing records": func(w world) { write(w, groupsName(1), frames(journal.Position{})) },
		"missing files": func(w world) {
			if err := w.Remove("j/" + groupsName(1)); err != nil {
				w.Fatal(err)
			}
		},
		"missing values": store(func(db *pebble.DB) error { return db.Delete(formatKey, pebble.Sync) }),
		"a snapshot of what is not there": store(func(db *pebble.DB) error {
			s := snapshot{Snapshot: journal.Snapshot{Position: journal.Position{Sequence: 3}}}
			return db.Set(snapshotKey(3), seal(encodeSnapshot(s)), pebble.Sync)
		}),
		"a start without a snapshot": store(func(db *pebble.DB) error {
			return db.Set(startKey, seal(encodePosition(afterFirst)), pebble.Sync)
		}),
		"a start inside a group": store(func(db *pebble.DB) error {
			return db.Set(startKey, seal(encodePosition(journal.Position{Sequence: 1})), pebble.Sync)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			files := vfs.NewMem()
			small(t, files)
			do(world{t, files})
			j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
			if err == nil {
				defer j.Close()
				start, _ := j.Bounds()
				_, err = journaltest.Records(j, start.Sequence)
				if v := j.Verify(nil); !errors.Is(v, journal.ErrDamaged) {
					t.Errorf("Verify says %v", v)
				}
			} else if !strings.Contains(err.Error(), "restore") {
				t.Errorf("the error does not say what to do: %v", err)
			}
			if !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("control", func(t *testing.T) { // files that are made here are read
		files := vfs.NewMem()
		small(t, files)
		writeFile(t, files, "j/"+groupsName(1), frames(journal.Position{}, first, next))
		writeFile(t, files, "j/"+groupsName(4), frames(journal.Position{})) // begun and empty
		j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if got, err := journaltest.Records(j, 0); err != nil || !slices.Equal(got, []string{"a", "b", "x"}) {
			t.Errorf("it holds %q, %v", got, err)
		}
	})
}

func TestReadOnly(t *testing.T) {
	files := vfs.NewMem()
	small(t, files)
	before := contents(t, files)
	j, err := Open("j", Options{FS: files, ReadOnly: true, Log: quiet, Fatal: fatal(t)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := journaltest.Records(j, 0); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("it holds %q, %v", got, err)
	}
	if err := j.Verify(nil); err != nil {
		t.Error(err)
	}
	_, end := j.Bounds()
	_, begin := j.Begin()
	_, appended := j.Append(1, 2, [][]byte{nil})
	_, snapshot := j.WriteSnapshot(1, end, func(io.Writer) error { return nil })
	for _, err := range []error{begin, appended, snapshot, j.Trim(1, 1), j.DeleteSnapshot(1, 1), j.SetValue(1, "x", nil)} {
		if !errors.Is(err, journal.ErrReadOnly) {
			t.Errorf("got %v", err)
		}
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	after := contents(t, files)
	for name, b := range after {
		if string(b) != string(before[name]) || len(after) != len(before) {
			t.Errorf("reading changed %s", name)
		}
	}
}

// TestReadOnlyDisk opens a journal on a disk that refuses every write.
func TestReadOnlyDisk(t *testing.T) {
	files := vfs.NewMem()
	small(t, files)
	disk := errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose {
			return syscall.EROFS
		}
		return nil
	}))
	wantRefusal(t, disk, "j", journal.ErrReadOnly, "mount it for writing")
	wantRefusal(t, disk, "new", journal.ErrReadOnly, "mount it for writing")
	j, err := Open("j", Options{FS: disk, ReadOnly: true, Log: quiet, Fatal: fatal(t)})
	if err != nil {
		t.Fatalf("for reading: %v", err)
	}
	if got, err := journaltest.Records(j, 0); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("it holds %q, %v", got, err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestFullDiskIsRefused(t *testing.T) {
	files := vfs.NewMem()
	small(t, files)
	full := errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	wantRefusal(t, full, "j", syscall.ENOSPC, "free some space")
}

// TestUnfinishedSnapshotsAreRemoved looks below the journal for what a snapshot left that never became visible.
func TestUnfinishedSnapshotsAreRemoved(t *testing.T) {
	files := vfs.NewMem()
	small(t, files)
	rest := "j/" + snapshotName(7)
	writeFile(t, files, rest, "half")
	j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := files.Stat(rest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the rest of a snapshot is there: %v", err)
	}
	if j.generation < 7 {
		t.Errorf("the next snapshot would be of generation %d again", j.generation+1)
	}
}
