package importers

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A stage gathers the files of one import and puts them in place together. Each is written whole beside its place
// and then renamed over it, so that nobody ever reads half a file; when one rename fails, those done before are put
// back. Only a crash between two renames leaves some new and some old, each whole, and the next import ends the work.
type stage struct {
	into  string
	files []staged
}

type staged struct {
	path string // within the network directory, with slashes
	data []byte
	rows int
	keep bool // it is the merchant's to edit: once it differs it stays as it is

	old     []byte // what stands there; nil with exists false
	exists  bool
	outcome Outcome
	temp    string
}

func newStage(into string) *stage { return &stage{into: into} }

// read returns what stands at path; ok is false when nothing does.
func (s *stage) read(path string) (data []byte, ok bool, err error) {
	data, err = os.ReadFile(filepath.Join(s.into, filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// put stages a table of the given number of rows.
func (s *stage) put(path string, data []byte, rows int) {
	s.files = append(s.files, staged{path: path, data: data, rows: rows})
}

// putOnce stages a file that the merchant may edit: where it stands already and differs, it is kept.
func (s *stage) putOnce(path string, data []byte, rows int) {
	s.files = append(s.files, staged{path: path, data: data, rows: rows, keep: true})
}

// find returns what is staged for path.
func (s *stage) find(path string) *staged {
	for i := range s.files {
		if s.files[i].path == path {
			return &s.files[i]
		}
	}
	return nil
}

// commit decides the outcome of every staged file, writes those that changed and completes the report.
func (s *stage) commit(rep *Report, replace bool) error {
	slices.SortFunc(s.files, func(a, b staged) int { return cmp.Compare(a.path, b.path) })
	for i := range s.files {
		f := &s.files[i]
		var err error
		if f.old, f.exists, err = s.read(f.path); err != nil {
			return fmt.Errorf("importers: %w", err)
		}
		switch {
		case f.exists && bytes.Equal(f.old, f.data):
			f.outcome = Unchanged
		case f.exists && f.keep && !replace:
			f.outcome = Kept
			rep.warn("%s was edited and stays as it is", f.path)
		default:
			f.outcome = Written
		}
	}
	if err := s.write(); err != nil {
		return fmt.Errorf("importers: %w", err)
	}
	for _, f := range s.files {
		rep.Files = append(rep.Files, FileReport{Path: f.path, Outcome: f.outcome, Rows: f.rows})
	}
	return nil
}

func (s *stage) write() (err error) {
	defer func() {
		for _, f := range s.files {
			if f.temp != "" {
				_ = os.Remove(f.temp) // left over only when something failed, which err tells
			}
		}
	}()
	for i := range s.files {
		if f := &s.files[i]; f.outcome == Written {
			if f.temp, err = s.beside(f.path, f.data); err != nil {
				return err
			}
		}
	}
	for i := range s.files {
		f := &s.files[i]
		if f.outcome != Written {
			continue
		}
		if err := os.Rename(f.temp, s.place(f.path)); err != nil {
			return errors.Join(err, s.restore(s.files[:i]))
		}
		f.temp = ""
	}
	return nil
}

func (s *stage) place(path string) string { return filepath.Join(s.into, filepath.FromSlash(path)) }

// beside writes data into a new hidden file in the directory of path and returns its name.
func (s *stage) beside(path string, data []byte) (name string, err error) {
	place := s.place(path)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(place), "."+filepath.Base(place)+".*.importing")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// restore puts back what stood in the places of files that were renamed already.
func (s *stage) restore(files []staged) error {
	var errs []error
	for _, f := range files {
		if f.outcome != Written {
			continue
		}
		if !f.exists {
			errs = append(errs, os.Remove(s.place(f.path)))
			continue
		}
		temp, err := s.beside(f.path, f.old)
		if err == nil {
			err = os.Rename(temp, s.place(f.path))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
