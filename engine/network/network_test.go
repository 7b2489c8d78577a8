package network

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/faults"
)

// small returns the files of testdata/small.
func small(t testing.TB) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS("testdata/small"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path.Join("testdata/small", name))
		files[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// An edit changes one file: the first occurrence of old becomes new. Without old the file is new, without both it is
// removed.
type edit struct{ file, old, new string }

func (e edit) apply(t testing.TB, files fstest.MapFS) {
	t.Helper()
	switch {
	case e.old != "":
		text := string(files[e.file].Data)
		if !strings.Contains(text, e.old) {
			t.Fatalf("%s does not contain %q", e.file, e.old)
		}
		files[e.file] = &fstest.MapFile{Data: []byte(strings.Replace(text, e.old, e.new, 1))}
	case e.new != "":
		files[e.file] = &fstest.MapFile{Data: []byte(e.new)}
	default:
		delete(files, e.file)
	}
}

func edited(t testing.TB, edits ...edit) fstest.MapFS {
	t.Helper()
	files := small(t)
	for _, e := range edits {
		e.apply(t, files)
	}
	return files
}

func lines(fl []faults.Fault) []string {
	var all []string
	for _, f := range fl {
		all = append(all, f.String())
	}
	return all
}
