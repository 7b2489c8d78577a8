package results

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of a directory, in the order in which they take their names; the summary comes last, so that a directory that
// has one has all.
var fileNames = []string{
	"decisions.parquet", "decisions.csv", "daily.parquet", "daily.csv", "regions.geojson", "regions.csv", "summary.csv", "summary.json",
}

const (
	summaryFile = "summary.json"
	lockFile    = ".allot-run.lock"
	unfinished  = ".unfinished" // what a file's name ends in until all are finished
)

// A disk is what a directory is kept on. Errors name the path.
type disk interface {
	MkdirAll(path string) error
	Names(path string) ([]string, error)
	Read(path string) ([]byte, error)
	Create(path string, exclusive bool) (file, error)
	Rename(from, to string) error
	Remove(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// system is the disk of the system.
type system struct{}

func (system) MkdirAll(path string) error { return os.MkdirAll(path, 0o777) }

func (system) Names(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (system) Read(path string) ([]byte, error) { return os.ReadFile(path) }

func (system) Create(path string, exclusive bool) (file, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if exclusive {
		flags |= os.O_EXCL
	}
	return os.OpenFile(path, flags, 0o666)
}

func (system) Rename(from, to string) error { return os.Rename(from, to) }
func (system) Remove(path string) error     { return os.Remove(path) }

// A directory is one that a run writes.
type directory struct {
	path string
	disk disk
	open []*output

	named []string // paths of files that have their names
}

// openDirectory makes the directory, takes its lock and looks at what is there.
func openDirectory(path string, d disk) (*directory, error) {
	if err := d.MkdirAll(path); err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	lock := filepath.Join(path, lockFile)
	f, err := d.Create(lock, true)
	if errors.Is(err, fs.ErrExist) {
		by, _ := d.Read(lock)
		return nil, fmt.Errorf("results: another run is writing into %s (%s); wait for it or name another directory; if that run died, remove %s and try again",
			path, strings.TrimSpace(string(by)), lock)
	}
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	dir := &directory{path: path, disk: d}
	_, err = fmt.Fprintf(f, "process %d\n", os.Getpid())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", lock, err)
	} else {
		err = dir.look()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("results: %w", err), dir.unlock())
	}
	return dir, nil
}

// look refuses a directory with files of another kind, unless a run of ours was there before.
func (d *directory) look() error {
	names, err := d.disk.Names(d.path)
	if err != nil {
		return err
	}
	if raw, err := d.disk.Read(filepath.Join(d.path, summaryFile)); err == nil {
		var s struct {
			Format int
			Hash   *string
		}
		if json.Unmarshal(raw, &s) == nil && s.Format > 0 && s.Hash != nil {
			return nil
		}
	}
	var foreign []string
	for _, n := range names {
		if base := strings.TrimSuffix(n, unfinished); n != lockFile && (base == n || !slices.Contains(fileNames, base)) {
			foreign = append(foreign, n)
		}
	}
	if len(foreign) > 0 {
		slices.Sort(foreign)
		return fmt.Errorf("%s has files of another kind (%s); name a directory that is new or empty, or has the results of an earlier run",
			d.path, strings.Join(foreign[:min(len(foreign), 3)], ", "))
	}
	return nil
}

// An output is a file that is being written.
type output struct {
	*bufio.Writer
	path string // the name that it will have
	f    file
}

func (o *output) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("results: writing %s: %w", o.path, err)
}

// Write implements io.Writer. Its errors name the file.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	return n, o.wrap(err)
}

// create begins a file under its unfinished name.
func (d *directory) create(name string) (*output, error) {
	o := &output{path: filepath.Join(d.path, name)}
	f, err := d.disk.Create(o.path+unfinished, false)
	if err != nil {
		return nil, o.wrap(err)
	}
	o.f, o.Writer = f, bufio.NewWriterSize(f, 1<<20)
	d.open = append(d.open, o)
	return o, nil
}

// write makes a whole file.
func (d *directory) write(name string, do func(w io.Writer) error) error {
	o, err := d.create(name)
	if err != nil {
		return err
	}
	return do(o)
}

// finish gives all files their names and takes away those of an earlier run.
func (d *directory) finish() error {
	for _, o := range d.open {
		if err := o.Flush(); err != nil {
			return o.wrap(err)
		}
		if err := o.f.Sync(); err != nil {
			return o.wrap(err)
		}
	}
	for _, o := range d.open {
		f := o.f
		o.f = nil
		if err := f.Close(); err != nil {
			return o.wrap(err)
		}
	}
	for _, name := range slices.Backward(fileNames) { // the summary first: what is half replaced has none
		if err := d.disk.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("results: replacing an earlier run: %w", err)
		}
	}
	for _, name := range fileNames {
		path := filepath.Join(d.path, name)
		i := slices.IndexFunc(d.open, func(o *output) bool { return o.path == path })
		if i < 0 {
			continue
		}
		if err := d.disk.Rename(path+unfinished, path); err != nil {
			return fmt.Errorf("results: %w", err)
		}
		d.named = append(d.named, path)
	}
	d.named = nil
	return d.unlock()
}

func (d *directory) unlock() error {
	if err := d.disk.Remove(filepath.Join(d.path, lockFile)); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// abandon takes away what was written and gives the lock back.
func (d *directory) abandon() error {
	var errs []error
	for _, o := range d.open {
		if o.f != nil {
			_ = o.f.Close() // it goes
		}
		if err := d.disk.Remove(o.path + unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, path := range d.named { // without the others it is nothing
		errs = append(errs, d.disk.Remove(path))
	}
	return errors.Join(append(errs, d.unlock())...)
}
