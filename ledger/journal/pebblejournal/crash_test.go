package pebblejournal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// rounds returns how many rounds a test runs: few by default, many when ALLOT_LONG is set, very few under -short.
func rounds(few, many int) int {
	switch {
	case os.Getenv("ALLOT_LONG") != "":
		return many
	case testing.Short():
		return max(1, few/10)
	}
	return few
}

var quiet = slog.New(slog.DiscardHandler)

// A life is what the processes of one journal were told, and what they asked for.
type life struct {
	mu        sync.Mutex
	added     []string                    // every record ever added, in order; the last of them may be lost in a crash
	durable   uint64                      // the last that was acknowledged
	snapshots map[uint64]journal.Snapshot // that were acknowledged
	trimmed   uint64                      // that was acknowledged
	trying    uint64                      // a trimming that was begun
}

func newLife() *life { return &life{snapshots: map[uint64]journal.Snapshot{}} }

// snapshotText is the content of a snapshot, which follows from its place.
func snapshotText(at journal.Position) string {
	return strings.Repeat(fmt.Sprint(at.Sequence, at.Hash), 1+int(at.Hash[0])*10)
}

// check compares a journal that was opened after a crash with what was promised, and forgets what was lost rightly.
func (l *life) check(j *Journal) error {
	start, end := j.Bounds()
	got, err := journaltest.Records(j, start.Sequence)
	if err != nil {
		return err
	}
	switch {
	case end.Sequence < l.durable:
		return fmt.Errorf("the journal ends at %d, and %d was acknowledged", end.Sequence, l.durable)
	case end.Sequence > uint64(len(l.added)):
		return fmt.Errorf("the journal ends at %d, and %d records were added", end.Sequence, len(l.added))
	case start.Sequence < l.trimmed:
		return fmt.Errorf("the journal starts at %d, and was trimmed up to %d", start.Sequence, l.trimmed)
	case start.Sequence > l.trying:
		return fmt.Errorf("the journal starts at %d, and only trimming up to %d was asked for", start.Sequence, l.trying)
	}
	for i, r := range got {
		if want := l.added[start.Sequence+uint64(i)]; r != want {
			return fmt.Errorf("record %d is %.40q, want %.40q", start.Sequence+uint64(i)+1, r, want)
		}
	}
	all, err := j.Snapshots()
	if err != nil {
		return err
	}
	found := map[uint64]bool{}
	for _, s := range all {
		found[s.Sequence] = true
		text, err := journaltest.Content(j, s.Sequence)
		if err != nil {
			return err
		}
		if text != snapshotText(s.Position) {
			return fmt.Errorf("the snapshot at %v holds %.40q", s.Position, text)
		}
	}
	for sequence := range l.snapshots {
		if !found[sequence] {
			return fmt.Errorf("the snapshot at %d was acknowledged and is gone", sequence)
		}
	}
	l.added = l.added[:end.Sequence]
	l.durable = end.Sequence
	l.trimmed, l.trying = start.Sequence, start.Sequence
	return nil
}

// work adds records from several goroutines, with snapshots and trimming, until somebody closes stop.
func (l *life) work(j *Journal, c *journal.Committer, epoch, seed uint64, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	heavy := seed%12 == 0 // so many bytes that the groups fill some files
	for a := range 4 {
		random := rand.New(rand.NewPCG(seed, uint64(a)))
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				size := random.IntN(300)
				if heavy && random.IntN(10) == 0 {
					size = random.IntN(60_000)
				}
				record := fmt.Sprintf("%d %0*d", a, size, random.Uint32())
				l.mu.Lock()
				sequence := c.Add([]byte(record))
				l.added = append(l.added, record)
				l.mu.Unlock()
				if random.IntN(3) == 0 {
					continue // nobody waits for this one
				}
				if c.Wait(sequence) != nil {
					return
				}
				l.mu.Lock()
				l.durable = max(l.durable, sequence)
				l.mu.Unlock()
			}
		})
	}
	random := rand.New(rand.NewPCG(seed, 99))
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-c.Changed():
			}
			if random.IntN(4) > 0 {
				continue
			}
			_, at := j.Bounds()
			s, err := j.WriteSnapshot(epoch, at, func(w io.Writer) error {
				_, err := io.WriteString(w, snapshotText(at))
				return err
			})
			if err != nil {
				return
			}
			l.mu.Lock()
			l.snapshots[at.Sequence] = s
			l.trying = at.Sequence
			l.mu.Unlock()
			if j.Trim(epoch, at.Sequence) != nil {
				return
			}
			l.mu.Lock()
			l.trimmed = at.Sequence
			l.mu.Unlock()
		}
	})
	return &wg
}

// A moment is when the power fails: before one of the operations of a file system, opening and closing included.
type moment struct {
	files  *vfs.MemFS
	life   *life
	random *rand.Rand
	left   int // operations

	mu       sync.Mutex
	after    *vfs.MemFS // what a restart finds
	promised *life      // what it must find
}

// MaybeError counts the operations; it never returns an error.
func (m *moment) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		m.mu.Lock()
		if m.left--; m.left == 0 {
			m.happen()
		}
		m.mu.Unlock()
	}
	return nil
}

func (m *moment) String() string { return "power failure" }

// happen lets the power fail now.
func (m *moment) happen() {
	l := m.life
	l.mu.Lock()
	defer l.mu.Unlock()
	m.after = m.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.random.IntN(101), RNG: m.random})
	m.promised = &life{added: slices.Clone(l.added), durable: l.durable, snapshots: maps.Clone(l.snapshots), trimmed: l.trimmed, trying: l.trying}
}

// crash opens the journal of a file system, checks it against its life, lets it work and closes it. It returns the file
// system and the promises of a random moment in between.
func (l *life) crash(files *vfs.MemFS, over func(vfs.FS) vfs.FS, random *rand.Rand) (*vfs.MemFS, *life, error) {
	m := &moment{files: files, life: l, left: 1 + random.IntN(400), random: rand.New(rand.NewPCG(random.Uint64(), 0))}
	fail := make(chan error, 2)
	j, err := Open("journal", Options{FS: errorfs.Wrap(over(files), m), Log: quiet, Fatal: func(err error) { fail <- err }})
	if err != nil {
		return nil, nil, err
	}
	if err := l.check(j); err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	epoch, err := j.Begin()
	if err != nil {
		return nil, nil, err
	}
	_, end := j.Bounds()
	c := journal.NewCommitter(j, epoch, end.Sequence, func(err error) { fail <- err })
	stop := make(chan struct{})
	wg := l.work(j, c, epoch, random.Uint64(), stop)
	for range random.IntN(30) {
		select {
		case <-c.Changed():
		case err := <-fail:
			return nil, nil, err
		}
	}
	close(stop)
	if err := c.Close(); err != nil {
		return nil, nil, err
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		return nil, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.after == nil {
		m.happen()
	}
	return m.after, m.promised, nil
}

// crashes lets journals crash a number of times, each some times in a row, and returns the first broken promise.
func crashes(t *testing.T, seed uint64, times int, over func(vfs.FS) vfs.FS) error {
	t.Helper()
	var files *vfs.MemFS
	var l *life
	var records, snapshots, trimmed int
	for i := range times {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		if i%8 == 0 {
			files, l = vfs.NewCrashableMem(), newLife()
		}
		after, promised, err := l.crash(files, over, random)
		if err != nil {
			return fmt.Errorf("crash %d of seed %d: %w", i, seed, err)
		}
		files, l = after, promised
		records += len(l.added)
		snapshots += len(l.snapshots)
		trimmed += int(l.trimmed)
		if n := i + 1; n%1000 == 0 || n == times {
			t.Logf("%d crashes; before each there were, on average, %d records, of which %d were trimmed, and %.1f snapshots",
				n, records/n, trimmed/n, float64(snapshots)/float64(n))
		}
	}
	return nil
}

func TestPowerLossLosesNothingAcknowledged(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	if err := crashes(t, seed, rounds(60, 12_000), func(f vfs.FS) vfs.FS { return f }); err != nil {
		t.Fatal(err)
	}
}

// TestPowerLossLosesWhatWasNotSynced is the control: with syncing turned off the same test must fail.
func TestPowerLossLosesWhatWasNotSynced(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	err := crashes(t, seed, 100, func(f vfs.FS) vfs.FS { return unsynced{f} })
	if err == nil {
		t.Fatal("nothing was lost without syncing; the test cannot fail")
	}
	t.Log(err)
}

// unsynced is a file system that does not sync what is written into files of groups. It does sync the zeros that they have before.
type unsynced struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) SyncData() error { return nil }

// Create makes a file that is synced as a whole only, if it is to be one of groups.
func (u unsynced) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := u.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, groupsSuffix) {
		return f, err
	}
	return unsyncedFile{f}, nil
}
