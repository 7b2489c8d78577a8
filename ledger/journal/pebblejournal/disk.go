package pebblejournal

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A disk is the file system below the store, made so that the store cannot try a failed write again.
//
// Once it is guarded, the first operation that fails to write stops the process where it failed. Pebble would do so for
// most of them, but it would repeat a flush or a compaction, and it dies of a panic in the background or of an unlocked
// mutex, without a word about the disk, when it cannot begin its next log or its next manifest.
//
// And before the checks of opening have passed it removes none of the store's files: Pebble takes a log or a manifest
// that was cut short for one that ended there, and removes what only the lost part named.
type disk struct {
	vfs.FS
	log     *slog.Logger
	stop    func(error) // does not return
	guarded atomic.Bool // once a first write went well

	mu      sync.Mutex
	passed  bool     // the checks
	waiting []string // to be removed
}

// written passes the outcome of an operation that writes on, unless it must stop the process.
func (d *disk) written(operation, name string, err error) error {
	if err != nil && d.guarded.Load() {
		d.stop(fmt.Errorf("%s %s: %w", operation, name, err))
	}
	return err
}

// Unwrap returns the file system below.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// Create makes a file. A marker of the store names another file, whose entry in the directory must be durable first: the
// store relies on entries becoming durable in the order in which they were made, which no file system promises.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(d.FS.PathBase(name), "marker.") {
		dir := d.FS.PathDir(name)
		if err := d.written("fsync", dir, syncDirectory(d.FS, dir)); err != nil {
			return nil, err
		}
	}
	f, err := d.FS.Create(name, category)
	return d.file(name, f, d.written("create", name, err))
}

// ReuseForWrite makes a file of an old one.
func (d *disk) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(from, to, category)
	return d.file(to, f, d.written("rename to", to, err))
}

// OpenReadWrite opens a file for writing.
func (d *disk) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, category, options...)
	return d.file(name, f, d.written("open", name, err))
}

// OpenDir opens a directory, which is written when it is synced.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	return d.file(name, f, err)
}

func (d *disk) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d, name}, nil
}

// Rename moves a file.
func (d *disk) Rename(from, to string) error {
	return d.written("rename to", to, d.FS.Rename(from, to))
}

// Link gives a file another name.
func (d *disk) Link(from, to string) error { return d.written("link", to, d.FS.Link(from, to)) }

// Remove removes a file, now or when the checks have passed.
func (d *disk) Remove(name string) error {
	base := d.FS.PathBase(name)
	d.mu.Lock()
	wait := !d.passed && (strings.HasSuffix(base, ".log") || strings.HasSuffix(base, ".sst") ||
		strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "OPTIONS-"))
	if wait {
		d.waiting = append(d.waiting, name)
	}
	d.mu.Unlock()
	if wait {
		return nil
	}
	return d.remove(name)
}

// remove removes a file. One that stays takes space and does no harm; the next opening tries again.
func (d *disk) remove(name string) error {
	err := d.FS.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("a file of the journal that is not needed any more could not be removed", "file", name, "error", plain(err))
	}
	return err
}

// checked says that the checks have passed.
func (d *disk) checked() {
	d.mu.Lock()
	waiting := d.waiting
	d.passed, d.waiting = true, nil
	d.mu.Unlock()
	for _, name := range waiting {
		d.remove(name) //nolint:errcheck // it was logged
	}
}

// A diskFile is a file that the store may write.
type diskFile struct {
	vfs.File
	disk *disk
	name string
}

// Write appends.
func (f *diskFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.disk.written("write", f.name, err)
}

// WriteAt writes somewhere.
func (f *diskFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.disk.written("write", f.name, err)
}

// Sync is fsync.
func (f *diskFile) Sync() error { return f.disk.written("fsync", f.name, f.File.Sync()) }

// SyncData is fdatasync.
func (f *diskFile) SyncData() error { return f.disk.written("fdatasync", f.name, f.File.SyncData()) }

// SyncTo is sync_file_range or fdatasync.
func (f *diskFile) SyncTo(length int64) (full bool, err error) {
	full, err = f.File.SyncTo(length)
	return full, f.disk.written("sync", f.name, err)
}

// Close may be the first to hear that a write failed. The kernel need not keep what a table has, or a file of groups or of a snapshot, which is on the
// disk by then and is read by a restart, a snapshot or a reader who is far behind, each once and in order. The next then gets memory
// that is at hand, and not what others have a use for. Rejected: to leave it to the kernel, which took ever new memory; on a virtual
// machine, where that is the host's, it was a sixth of what a durable order in a stream cost when groups were in tables.
func (f *diskFile) Close() error {
	if strings.HasSuffix(f.name, ".sst") || strings.HasSuffix(f.name, groupsSuffix) || strings.HasSuffix(f.name, snapshotSuffix) {
		uncache(f.Fd())
	}
	return f.disk.written("close", f.name, f.File.Close())
}
