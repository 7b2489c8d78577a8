package pebblejournal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// How the store is tuned. What is most of it, the files of networks, is written once, in order, and read in order if ever.
const (
	memTableBytes = 8 << 20
	memTables     = 16      // before writers wait for the disk
	cacheBytes    = 8 << 20 // nothing is read twice
	blockBytes    = 32 << 10
	tableBytes    = 32 << 20 // in the first level; doubles with each
)

// Open opens the journal in a directory, or makes one there when the directory is missing or empty. It verifies the
// journal's own values, the descriptions of its snapshots, its first and its last group, and that it reaches as far as
// when it was last closed; Read and Verify verify the rest.
//
// It gets ErrLocked, ErrFormat, ErrForeign, ErrReadOnly, ErrDamaged, or what the disk refused. Each says what to do.
func Open(dir string, options Options) (*Journal, error) {
	if options.FS == nil {
		options.FS = vfs.Default
		absolute, err := filepath.Abs(dir) // a process is told from itself by the name of the directory only
		if err != nil {
			return nil, err
		}
		dir = absolute
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	j := &Journal{dir: dir, options: options}
	j.files = &disk{FS: options.FS, log: options.Log, stop: j.stop}
	err := j.open()
	if err != nil {
		return nil, explain(dir, err)
	}
	return j, nil
}

// explain says which directory and, where the error does not, what to do.
func explain(dir string, err error) error {
	err = plain(err)
	switch {
	case errors.Is(err, journal.ErrDamaged):
		return fmt.Errorf("%s: %w; %s", dir, err, mend(err))
	case errors.Is(err, journal.ErrLocked), errors.Is(err, journal.ErrFormat), errors.Is(err, journal.ErrForeign):
		return fmt.Errorf("%s: %w", dir, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s: %w: %w; %s", dir, journal.ErrReadOnly, err, mend(err))
	default:
		return fmt.Errorf("%s: %w; %s", dir, err, mend(err))
	}
}

// mend says what to do about something that the disk refused.
func mend(err error) string {
	switch {
	case errors.Is(err, journal.ErrDamaged):
		return "restore the directory from a backup, or a dump made before into a new directory"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk is full: free some space and start again"
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only: look in the system's log for the reason, mount it for writing and start again"
	case errors.Is(err, fs.ErrPermission):
		return "give this user the directory and its files and start again"
	case errors.Is(err, fs.ErrNotExist):
		return "name a directory with a journal"
	default:
		return "look in the system's log for errors of the disk, mend it and start again"
	}
}

// open does what Open says. On an error everything is released.
func (j *Journal) open() (err error) {
	files, err := j.options.FS.List(j.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !j.options.ReadOnly:
		if err := makeDirectory(j.options.FS, j.dir); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if err := recognize(files); err != nil {
		return err
	}
	j.groups = newGroupLog(j.files, j.dir)
	if j.options.ReadOnly && !slices.ContainsFunc(files, isContent) {
		return fmt.Errorf("%w: there is nothing in it; name a directory with a journal", journal.ErrForeign)
	}
	if err := j.acquire(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if j.db != nil {
				err = errors.Join(err, attempt(j.db.Close))
			}
			err = errors.Join(err, j.lock.Close())
		}
	}()
	marked, err := j.marker.read(j.options.FS, j.dir)
	if err != nil {
		return err
	}
	if err := j.checkStoreFormat(); err != nil {
		return err
	}
	if !marked {
		if err := j.inspect(files); err != nil {
			return err
		}
		if j.options.ReadOnly {
			return fmt.Errorf("%w: nothing was ever written into it; name a directory with a journal", journal.ErrForeign)
		}
	}
	if !j.options.ReadOnly {
		if err := probe(j.options.FS, j.dir); err != nil {
			return err
		}
		j.files.guarded.Store(true)
	}
	j.db, err = j.openStore(j.options.ReadOnly, marked)
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return &journal.DamageError{What: "the file " + manifestMarker + "* is missing"}
	case err != nil:
		return err
	}
	var idle []string
	if err := attempt(func() error { idle, err = j.load(marked); return err }); err != nil {
		return err
	}
	j.opened.Store(true) // first, so that nothing is missed
	if err := j.found.Load(); err != nil {
		return damaged(0, *err)
	}
	if j.options.ReadOnly {
		return nil
	}
	j.files.checked()
	for _, name := range idle {
		_ = j.files.Remove(j.path(name)) // one that stays was logged
	}
	return j.marker.write(j.options.FS, j.dir, j.end.Sequence)
}

// makeDirectory makes a directory and those above it, so that they outlive a crash.
func makeDirectory(files vfs.FS, dir string) error {
	var made []string
	for missing := dir; ; missing = files.PathDir(missing) {
		if _, err := files.Stat(missing); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		made = append(made, missing)
		if files.PathDir(missing) == missing {
			break
		}
	}
	if err := files.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, m := range made {
		if err := syncDirectory(files, files.PathDir(m)); err != nil {
			return err
		}
	}
	return nil
}

func syncDirectory(files vfs.FS, dir string) error {
	d, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// probe writes a little, so that a disk that is full or read-only is found out before the store meets it.
func probe(files vfs.FS, dir string) error {
	name := files.PathJoin(dir, markerName+temporary)
	f, err := files.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4<<10))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return errors.Join(files.Remove(name), syncDirectory(files, dir))
}

// recognize refuses a directory that holds anything but a journal, or the beginnings of one.
func recognize(files []string) error {
	for _, name := range files {
		switch {
		case name == markerName:
			return nil // whatever else there is
		case name == markerName+temporary, name == "LOCK", name == "lost+found":
		case strings.HasPrefix(name, "MANIFEST-"), strings.HasPrefix(name, "OPTIONS-"), strings.HasPrefix(name, "marker."), name == nextGroups:
		case isContent(name), strings.HasSuffix(name, ".dbtmp"):
		default:
			return fmt.Errorf("%w: there is %q; name an empty directory or one with a journal", journal.ErrForeign, name)
		}
	}
	return nil
}

// isContent reports whether a name is that of a file without which there is no journal, or that is not made before there
// is a store: the marker, the manifest of the store, a log, a table, a file of groups, or one of a snapshot.
func isContent(name string) bool {
	number, _, _ := strings.Cut(name, ".")
	_, err := strconv.ParseUint(number, 10, 64)
	hasNumber := err == nil && (name == number+".log" || name == number+".sst" || name == number+groupsSuffix || name == number+snapshotSuffix)
	return hasNumber || name == markerName || strings.HasPrefix(name, manifestMarker)
}

// manifestMarker begins the name of the file that names the store's manifest. Without it Pebble sees no store.
const manifestMarker = "marker.manifest."

// acquire locks the directory.
func (j *Journal) acquire() error {
	files := j.options.FS
	lock, err := pebble.LockDirectory(j.dir, files)
	if j.options.ReadOnly && errors.Is(err, syscall.EROFS) {
		// Nobody on this machine writes there. A lock that locks nothing will do.
		lock, err = pebble.LockDirectory(j.dir, unlocked{files})
	}
	if err == nil {
		j.lock = lock
		return nil
	}
	if _, ok := errors.AsType[*fs.PathError](err); !ok && held(err) { // else the file could not be made
		return fmt.Errorf("%w: %w; stop it, or name another directory", journal.ErrLocked, err)
	}
	return err
}

// held reports whether somebody holds a lock. Pebble has no error for it.
func held(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || strings.Contains(err.Error(), "lock held by current process")
}

// unlocked is a file system without locks.
type unlocked struct{ vfs.FS }

// Lock locks nothing.
func (unlocked) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// checkStoreFormat refuses a store of a newer Pebble.
func (j *Journal) checkStoreFormat() error {
	value, err := atomicfs.ReadMarker(j.options.FS, j.dir, "format-version")
	if err != nil || value == "" {
		return err
	}
	version, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return &journal.DamageError{What: fmt.Sprintf("the format of the store is %q", value)}
	}
	if version > uint64(pebble.FormatNewest) {
		return fmt.Errorf("%w: the store has version %d, and this program knows those up to %d; use a newer program",
			journal.ErrFormat, version, pebble.FormatNewest)
	}
	return nil
}

// inspect looks into a directory without our marker: there is either nothing, or a journal whose making was cut short by
// a crash, or one that lost its marker, or somebody else's store, in which nothing may be changed. The first two have no
// more than the format.
func (j *Journal) inspect(files []string) error {
	db, err := j.openStore(true, true)
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		if slices.ContainsFunc(files, isContent) { // the store makes them after its manifest is durable
			return &journal.DamageError{What: "the files " + markerName + " and " + manifestMarker + "* are missing"}
		}
		return nil
	}
	if err != nil {
		return err
	}
	err = attempt(func() error {
		groups := slices.ContainsFunc(files, func(name string) bool { return strings.HasSuffix(name, groupsSuffix) })
		empty, err := isEmpty(db, nil)
		if err != nil || empty && !groups {
			return err
		}
		if _, err := getSealed(db, formatKey); errors.Is(err, pebble.ErrNotFound) {
			return fmt.Errorf("%w: another store is there; name an empty directory or one with a journal", journal.ErrForeign)
		} else if err != nil {
			return err
		}
		if empty, err = isEmpty(db, formatKey); err == nil && (!empty || groups) {
			err = &journal.DamageError{What: "the file " + markerName + " is missing, which tells how far the records reached"}
		}
		return err
	})
	return errors.Join(err, attempt(db.Close))
}

// isEmpty reports whether a store has no key, or none but one.
func isEmpty(db *pebble.DB, but []byte) (bool, error) {
	all, err := db.NewIter(nil)
	if err != nil {
		return false, damaged(0, err)
	}
	empty := !all.First() || bytes.Equal(all.Key(), but) && !all.Next()
	if err := all.Close(); err != nil {
		return false, damaged(0, err)
	}
	return empty, nil
}

// openStore opens Pebble. There must be a store already when it should exist, else pebble.ErrDBDoesNotExist.
func (j *Journal) openStore(readOnly, exists bool) (db *pebble.DB, err error) {
	options := &pebble.Options{
		FS:                          j.files,
		Lock:                        j.lock,
		ReadOnly:                    readOnly,
		ErrorIfNotExists:            exists,
		CacheSize:                   cacheBytes,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       64,
		BytesPerSync:                1 << 20,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      storeLogger{j},
		EventListener:               j.events(),
	}
	for i := range options.TargetFileSizes {
		options.TargetFileSizes[i] = tableBytes << min(i, 4)
	}
	for i := range options.Levels {
		options.Levels[i] = pebble.LevelOptions{
			BlockSize:      blockBytes,
			IndexBlockSize: 4 * blockBytes,
			FilterPolicy:   nil,
			// The fastest compression took 0.9 of 47 µs a call, for records that snapshots soon make superfluous.
			Compression: func() *sstable.CompressionProfile { return block.NoCompression },
		}
	}
	err = attempt(func() error {
		db, err = pebble.Open(j.dir, options)
		return err
	})
	if err == nil {
		return db, nil
	}
	// What the operating system did not refuse is wrong with what it read.
	if _, refused := errors.AsType[syscall.Errno](err); isDamage(err) || !refused && !errors.Is(err, pebble.ErrDBDoesNotExist) {
		return nil, &journal.DamageError{What: line(err.Error())}
	}
	return nil, plain(err)
}

// isDamage reports whether an error of the store tells of damage: something does not check, or a file is missing.
func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist)
}

// events lets the journal hear what goes wrong in the background. See the package comment.
func (j *Journal) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { // of reading; the disk stops the process when writing fails
			switch {
			case errors.Is(err, pebble.ErrCancelledCompaction), errors.Is(err, pebble.ErrClosed):
			case j.opened.Load():
				j.stop(damaged(0, err))
			default:
				j.found.CompareAndSwap(nil, &err)
			}
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			j.options.Log.Error("the journal is damaged", "file", i.Path, "error", plain(i.Details))
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			j.options.Log.Warn("the disk cannot keep up with the journal; writers wait", "reason", i.Reason)
		},
		LowDiskSpace: func(i pebble.LowDiskSpaceInfo) {
			j.options.Log.Warn("the disk of the journal fills up", "store", i.String())
		},
	}
}

// A storeLogger hears what Pebble has to say.
type storeLogger struct{ journal *Journal }

// Infof is for those who look for a fault in the store itself.
func (l storeLogger) Infof(format string, args ...any) { l.log(slog.LevelDebug, format, args) }

// Errorf hears of what Pebble could put right.
func (l storeLogger) Errorf(format string, args ...any) { l.log(slog.LevelWarn, format, args) }

// Fatalf hears of what Pebble could not write. It does not return.
func (l storeLogger) Fatalf(format string, args ...any) {
	l.journal.stop(fmt.Errorf(strings.ReplaceAll(format, "%v", "%w"), args...))
}

func (l storeLogger) log(level slog.Level, format string, args []any) {
	if log := l.journal.options.Log; log.Enabled(context.Background(), level) {
		log.Log(context.Background(), level, "store: "+line(fmt.Sprintf(format, args...)))
	}
}

// line makes one line of a text of the store, without what it appends for its own debugging.
func line(text string) string {
	text = strings.ReplaceAll(text, "<corruption detail carrier>", "")
	return strings.TrimRight(strings.Join(strings.Fields(text), " "), ":; ")
}

// plain makes an error of the store one whose text is a line; a log would print its stack, too.
func plain(err error) error { return &plainError{err} }

type plainError struct{ error }

// Error is a line.
func (e *plainError) Error() string { return line(e.error.Error()) }

// Unwrap returns the store's error.
func (e *plainError) Unwrap() error { return e.error }

// load reads and checks what Open promises, and returns the names of files that nobody needs. marked says that the journal was once
// complete.
func (j *Journal) load(marked bool) (idle []string, err error) {
	switch number, err := getNumber(j.db, formatKey); {
	case errors.Is(err, pebble.ErrNotFound) && !marked && !j.options.ReadOnly:
		if err := j.initialize(); err != nil {
			return nil, err
		}
	case errors.Is(err, pebble.ErrNotFound):
		return nil, &journal.DamageError{What: "the journal's own values are missing"}
	case err != nil:
		return nil, err
	case number == 0:
		return nil, &journal.DamageError{What: "the journal's format is 0"}
	case number != format:
		return nil, formatError(number)
	}
	epoch, err := getNumber(j.db, epochKey)
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return nil, err
	}
	j.epoch = epoch
	switch start, err := getSealed(j.db, startKey); {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, err
	case len(start) != 40:
		return nil, &journal.DamageError{What: "the journal's start is no position"}
	default:
		j.start = journal.Position{Sequence: binary.BigEndian.Uint64(start), Hash: [32]byte(start[8:])}
	}
	names, err := j.options.FS.List(j.dir)
	if err != nil {
		return nil, err
	}
	if idle, err = j.loadGroups(names); err != nil {
		return nil, err
	}
	if err := j.loadSnapshots(); err != nil {
		return nil, err
	}
	idle = append(idle, j.loadContents(names)...)
	if err := j.loadStrangers(); err != nil {
		return nil, err
	}
	if j.end.Sequence < j.marker.reached {
		return nil, &journal.DamageError{Sequence: j.end.Sequence, What: fmt.Sprintf("the records up to %d are missing", j.marker.reached)}
	}
	return idle, nil
}

func formatError(number uint64) error {
	if number < format {
		return fmt.Errorf("%w: the journal has format %d, and this program knows format %d; dump it by the program that wrote it (allot ledger dump) and restore that by this one",
			journal.ErrFormat, number, format)
	}
	return fmt.Errorf("%w: the journal has format %d, and this program knows those up to %d; use a newer program",
		journal.ErrFormat, number, format)
}

// initialize makes a store that holds nothing a journal.
func (j *Journal) initialize() error {
	empty, err := isEmpty(j.db, nil)
	if err != nil {
		return err
	}
	if !empty {
		return &journal.DamageError{What: "the journal's own values are missing"}
	}
	return j.db.Set(formatKey, seal(binary.BigEndian.AppendUint64(nil, format)), pebble.Sync)
}

// getSealed reads one of the journal's own values; pebble.ErrNotFound if it was never set.
func getSealed(db *pebble.DB, key []byte) ([]byte, error) { return (&Journal{db: db}).value(key) }

func getNumber(db *pebble.DB, key []byte) (uint64, error) {
	value, err := getSealed(db, key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, &journal.DamageError{What: fmt.Sprintf("the value %q is no number", key[1:])}
	}
	return binary.BigEndian.Uint64(value), nil
}

// loadGroups verifies the first and the last groups and finds the end.
func (j *Journal) loadGroups(names []string) (idle []string, err error) {
	ends, idle, err := j.groups.load(names, j.start)
	if err != nil {
		return nil, err
	}
	if last := &ends.last; last.First > 0 && (last.Epoch < ends.first.Epoch || last.Epoch > j.epoch) {
		return nil, &journal.DamageError{Sequence: last.First - 1, What: fmt.Sprintf("the last group is of epoch %d", last.Epoch)}
	}
	j.end = ends.end
	return idle, nil
}

// bounds limits an iterator to a prefix.
func bounds(prefix byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}}
}

// loadSnapshots reads the descriptions of the snapshots.
func (j *Journal) loadSnapshots() error {
	all, err := j.db.NewIter(bounds(snapshotPrefix))
	if err != nil {
		return damaged(0, err)
	}
	defer all.Close() //nolint:errcheck // it repeats the iterator's error
	for ok := all.First(); ok; ok = all.Next() {
		value, err := all.ValueAndErr()
		if err != nil {
			return damaged(0, err)
		}
		s, err := decodeSnapshot(value)
		switch {
		case err != nil:
			return &journal.DamageError{What: err.Error()}
		case string(all.Key()) != string(snapshotKey(s.Sequence)):
			return &journal.DamageError{Sequence: s.Sequence, What: "the snapshot is not in its place"}
		case s.Sequence > j.end.Sequence:
			return &journal.DamageError{Sequence: j.end.Sequence, What: fmt.Sprintf("there is a snapshot of the records up to %d, but not the records", s.Sequence)}
		case s.Position != j.end && s.Sequence == j.end.Sequence, s.Position != j.start && s.Sequence == j.start.Sequence:
			return &journal.DamageError{Sequence: s.Sequence, What: "the snapshot is of another chain"}
		case s.Epoch > j.epoch:
			return &journal.DamageError{Sequence: s.Sequence, What: fmt.Sprintf("the snapshot is of epoch %d", s.Epoch)}
		}
		j.snapshots = append(j.snapshots, s)
		j.generation = max(j.generation, s.generation)
	}
	if err := all.Error(); err != nil {
		return damaged(0, err)
	}
	if n := len(j.snapshots); j.start.Sequence > 0 && (n == 0 || j.snapshots[n-1].Sequence < j.start.Sequence) {
		return &journal.DamageError{Sequence: j.start.Sequence, What: "the snapshot is missing that makes up for the records before"}
	}
	return nil
}

// loadStrangers looks for keys between those of the journal.
func (j *Journal) loadStrangers() error {
	all, err := j.db.NewIter(nil)
	if err != nil {
		return damaged(0, err)
	}
	defer all.Close() //nolint:errcheck // it repeats the iterator's error
	ok := all.First()
	for ok {
		prefix := byte(0)
		if key := all.Key(); len(key) > 0 {
			prefix = key[0]
		}
		switch prefix {
		case snapshotPrefix, valuePrefix, metaPrefix:
			ok = all.SeekGE([]byte{prefix + 1})
		default:
			return &journal.DamageError{What: fmt.Sprintf("there is an unknown key %q", all.Key())}
		}
	}
	if err := all.Error(); err != nil {
		return damaged(0, err)
	}
	return nil
}

// loadContents looks through the names of the files of the directory for the contents of snapshots, and returns those of snapshots that were
// never finished, or are deleted.
func (j *Journal) loadContents(names []string) (idle []string) {
	for _, name := range names {
		generation, ok := parseNumbered(name, snapshotSuffix)
		if !ok {
			continue
		}
		j.generation = max(j.generation, generation)
		if !slices.ContainsFunc(j.snapshots, func(s snapshot) bool { return s.generation == generation }) {
			idle = append(idle, name)
		}
	}
	return idle
}

// Verify reads everything: the chain from the start to the end and every snapshot, and returns all that is wrong, which
// errors.Is ErrDamaged finds. progress, if not nil, hears now and then of the last record or the snapshot that was good.
func (j *Journal) Verify(progress func(sequence uint64)) error {
	if progress == nil {
		progress = func(uint64) {}
	}
	start, _ := j.Bounds()
	all, err := j.Snapshots()
	if err != nil {
		return err
	}
	places := map[uint64]journal.Position{}
	for _, s := range all {
		places[s.Sequence] = s.Position
	}
	var wrong []error
	for g, err := range j.Read(start.Sequence) {
		if err != nil {
			wrong = append(wrong, err)
			break
		}
		for s := range g.Records {
			if _, ok := places[g.First+uint64(s)]; ok && s < len(g.Records)-1 {
				wrong = append(wrong, &journal.DamageError{Sequence: g.First + uint64(s), What: "a snapshot is inside a group"})
			}
		}
		if at, ok := places[g.End.Sequence]; ok && at != g.End {
			wrong = append(wrong, &journal.DamageError{Sequence: g.End.Sequence, What: "the snapshot is of another chain"})
		}
		progress(g.End.Sequence)
	}
	for _, s := range all {
		if err := j.verifySnapshot(s.Sequence); err != nil && !errors.Is(err, journal.ErrNoSnapshot) { // deleted meanwhile
			wrong = append(wrong, err)
			continue
		}
		progress(s.Sequence)
	}
	return errors.Join(wrong...)
}

// note notes how far the journal reaches.
func (j *Journal) note() error {
	_, end := j.Bounds()
	if err := j.marker.write(j.options.FS, j.dir, end.Sequence); err != nil {
		j.stop(err)
	}
	return nil
}

// Close waits for what is under way, loops over Read included, writes what is only in the store's log into its tables, and
// releases the directory.
func (j *Journal) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed {
		return journal.ErrClosed
	}
	j.users.Wait()
	if err := j.failed.Load(); err != nil {
		return *err // Pebble cannot be used any more; the directory stays locked until the process ends
	}
	if !j.options.ReadOnly {
		if err := errors.Join(j.groups.close(), attempt(j.db.Flush)); err != nil {
			j.stop(err)
		}
		if err := j.note(); err != nil {
			return err
		}
	}
	return errors.Join(attempt(j.db.Close), j.lock.Close())
}
