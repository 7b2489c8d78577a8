package pebblejournal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A fault happens at one operation of a file system.
type fault struct {
	name   string
	err    error
	only   func(errorfs.OpKind) bool // which operations are counted
	lasts  bool                      // every later operation fails, too
	writes bool                      // half of what is written reaches the file
}

var faults = []fault{
	{name: "EIO once", err: syscall.EIO, only: func(errorfs.OpKind) bool { return true }},
	{name: "ENOSPC from then on", err: syscall.ENOSPC, lasts: true, only: needsSpace},
	{name: "short write", err: io.ErrShortWrite, writes: true, only: func(k errorfs.OpKind) bool { return k == errorfs.OpFileWrite }},
	{name: "failed fsync", err: syscall.EIO, only: func(k errorfs.OpKind) bool {
		return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
	}},
	{name: "read-only from then on", err: syscall.EROFS, lasts: true, only: func(k errorfs.OpKind) bool { return k.ReadOrWrite() == errorfs.OpIsWrite }},
}

func needsSpace(k errorfs.OpKind) bool {
	switch k {
	case errorfs.OpCreate, errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpRename, errorfs.OpLink:
		return true
	default:
		return false
	}
}

// faulty is a file system in which the n-th operation fails.
type faulty struct {
	fault
	mu    sync.Mutex
	left  int
	fired string // the operation, if it happened
}

func (f *faulty) String() string { return f.name }

// MaybeError decides about one operation.
func (f *faulty) MaybeError(op errorfs.Op) error {
	if f.writes || !f.only(op.Kind) {
		return nil
	}
	return f.count(op.Kind, op.Path)
}

func (f *faulty) count(kind errorfs.OpKind, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left == 0 {
		f.fired = fmt.Sprintf("operation of kind %d on %s", kind, path.Base(name))
	}
	if f.left == 0 || f.left < 0 && f.lasts {
		return f.err
	}
	return nil
}

// over returns the file system.
func (f *faulty) over(files vfs.FS) vfs.FS {
	if f.writes {
		return shortWrites{files, f}
	}
	return errorfs.Wrap(files, f)
}

// shortWrites is a file system in which a write is cut short.
type shortWrites struct {
	vfs.FS
	faulty *faulty
}

func (s shortWrites) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	return shortFile{f, name, s.faulty}, err
}

func (s shortWrites) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.ReuseForWrite(from, to, c)
	return shortFile{f, to, s.faulty}, err
}

func (s shortFile) WriteAt(p []byte, at int64) (int, error) {
	if err := s.faulty.count(errorfs.OpFileWriteAt, s.name); err != nil {
		n, _ := s.File.WriteAt(p[:len(p)/2], at)
		return n, err
	}
	return s.File.WriteAt(p, at)
}

type shortFile struct {
	vfs.File
	name   string
	faulty *faulty
}

func (s shortFile) Write(p []byte) (int, error) {
	if err := s.faulty.count(errorfs.OpFileWrite, s.name); err != nil {
		n, _ := s.File.Write(p[:len(p)/2])
		return n, err
	}
	return s.File.Write(p)
}

// story uses every part of a journal, in two openings, and remembers what it was told.
func (l *life) story(files vfs.FS, fatal func(error), opened func(*Journal, uint64)) error {
	for opening := range 2 {
		j, err := Open("data/journal", Options{FS: files, Log: quiet, Fatal: fatal})
		if err != nil {
			return err
		}
		err = l.chapter(j, opening, opened)
		if err := errors.Join(err, j.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) chapter(j *Journal, opening int, opened func(*Journal, uint64)) error {
	epoch, err := j.Begin()
	if err != nil {
		return err
	}
	opened(j, epoch)
	add := func(size int) error {
		_, end := j.Bounds()
		records := [][]byte{fmt.Appendf(nil, "%d %0*d", opening, size, end.Sequence), nil}
		l.mu.Lock()
		l.added = append(l.added, string(records[0]), "")
		l.mu.Unlock()
		end, err := j.Append(epoch, end.Sequence, records)
		if err == nil {
			l.mu.Lock()
			l.durable = end.Sequence
			l.mu.Unlock()
		}
		return err
	}
	keep := func(trim bool) error {
		_, at := j.Bounds()
		s, err := j.WriteSnapshot(epoch, at, func(w io.Writer) error {
			_, err := io.WriteString(w, snapshotText(at))
			return err
		})
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.snapshots[at.Sequence] = s
		l.mu.Unlock()
		if !trim {
			return nil
		}
		l.mu.Lock()
		l.trying = at.Sequence
		l.mu.Unlock()
		if err := j.Trim(epoch, at.Sequence); err != nil {
			return err
		}
		l.mu.Lock()
		l.trimmed = at.Sequence
		l.mu.Unlock()
		return nil
	}
	for _, step := range []func() error{
		func() error { return add(10) },
		func() error { return j.SetValue(epoch, "network", []byte("north")) },
		func() error { return add(90_000) },
		func() error { return keep(false) },
		func() error { return add(90_000) },
		func() error { return add(90_000) }, // each is too long for the file that is ready
		func() error { return keep(true) },
		func() error { return add(300_000) },
		func() error { return add(10) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// endure lets a story meet a fault, and checks what a restart without faults finds. It reports whether the fault came.
func endure(f fault, n int, random *rand.Rand) (fired bool, err error) {
	files := vfs.NewCrashableMem()
	l := newLife()
	faulty := &faulty{fault: f, left: n}
	stopped, ended := make(chan error, 1), make(chan error, 1)
	var mu sync.Mutex
	var j *Journal
	var epoch uint64
	go func() {
		ended <- l.story(faulty.over(files), func(err error) {
			select {
			case stopped <- err:
			default:
			}
			select {} // the process is gone
		}, func(opened *Journal, e uint64) {
			mu.Lock()
			j, epoch = opened, e
			mu.Unlock()
		})
	}()
	var failure error
	select {
	case failure = <-stopped:
		mu.Lock()
		if j != nil { // while the process ends, nobody gets an answer any more
			_, end := j.Bounds()
			if _, err := j.Append(epoch, end.Sequence, [][]byte{[]byte("late")}); err == nil {
				return true, errors.New("a record was acknowledged after the failure")
			}
		}
		mu.Unlock()
		if !errors.Is(failure, journal.ErrFailed) || !strings.Contains(failure.Error(), "the process stops") {
			return true, fmt.Errorf("the process stops for %w", failure)
		}
	case failure = <-ended:
	case <-time.After(5 * time.Minute):
		return true, errors.New("neither stopped nor ended")
	}
	faulty.mu.Lock()
	at := faulty.fired
	faulty.mu.Unlock()
	if at == "" {
		return false, failure
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	restart := files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{100, 0, 50}[random.IntN(3)], RNG: random})
	again, err := Open("data/journal", Options{FS: restart, Log: quiet, Fatal: func(err error) { panic(err) }})
	if err != nil {
		return true, fmt.Errorf("%s: after %w the journal does not open: %w", at, failure, err)
	}
	if err := l.check(again); err != nil {
		return true, fmt.Errorf("%s: after %w: %w", at, failure, err)
	}
	if err := again.Close(); err != nil {
		return true, fmt.Errorf("%s: after %w: %w", at, failure, err)
	}
	return true, nil
}

func TestFaultsStopTheProcessAndLoseNothing(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			step := 1000 / rounds(50, 1000) // every operation in the long version, some of them else
			for n := 1 + random.IntN(step); ; n += step {
				fired, err := endure(f, n, random)
				if err != nil {
					t.Fatalf("operation %d: %v", n, err)
				}
				if !fired {
					t.Logf("fewer than %d operations", n)
					return
				}
			}
		})
	}
}

// TestFailedFsyncEndsTheProcess runs itself as a process whose disk fails, with nothing to stop it but the default.
func TestFailedFsyncEndsTheProcess(t *testing.T) {
	const variable = "ALLOT_TEST_FAILING_JOURNAL"
	if suffix := os.Getenv(variable); suffix != "" {
		disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, suffix) {
				return syscall.EIO
			}
			return nil
		}))
		j, err := Open("j", Options{FS: disk, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
		var epoch uint64
		if err == nil {
			epoch, err = j.Begin()
		}
		if err == nil {
			_, err = j.Append(epoch, 0, [][]byte{[]byte("a")})
		}
		fmt.Fprintln(os.Stderr, "the process goes on:", err)
		os.Exit(0)
	}
	for _, suffix := range []string{".log", groupsSuffix} {
		t.Run(suffix, func(t *testing.T) {
			process := exec.Command(os.Args[0], "-test.run=^TestFailedFsyncEndsTheProcess$")
			process.Env = append(os.Environ(), variable+"="+suffix)
			out, err := process.CombinedOutput()
			if code := process.ProcessState.ExitCode(); code != exitFailed {
				t.Errorf("the process ends with %d, %v", code, err)
			}
			for _, words := range []string{"the journal failed", "fdatasync", suffix, "input/output error", "the process stops", "start again"} {
				if !strings.Contains(string(out), words) {
					t.Errorf("it does not say %q", words)
				}
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
