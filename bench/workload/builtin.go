package workload

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/allot-engine/allot/faults"
)

//go:embed specs/*.yaml
var specs embed.FS

// Builtins returns the names of the specs that come with the package, in alphabetical order.
func Builtins() []string {
	entries, err := specs.ReadDir("specs")
	if err != nil {
		panic(err) // it is embedded
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return out
}

// Builtin returns a spec that comes with the package; ok is false where there is none of this name.
func Builtin(name string) (spec *Spec, ok bool) {
	data, err := specs.ReadFile(path.Join("specs", name+".yaml"))
	if err != nil {
		return nil, false
	}
	if spec, err = Read(name+".yaml", data); err != nil {
		panic(err) // a test reads each
	}
	return spec, true
}

// Text returns the file that a spec was read from; nil where it was built in code.
func (s *Spec) Text() []byte { return s.text }

// Open returns the spec that people name: one that comes with the package, or a file. The error is a *faults.Error where the file
// has faults, and says which name was meant where there is neither.
func Open(name string) (*Spec, error) {
	if s, ok := Builtin(name); ok {
		return s, nil
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && path.Ext(name) == "" && path.Base(name) == name {
		names := Builtins()
		return nil, fmt.Errorf("there is no workload %q: %s, or name a file", name, cmp.Or(faults.DidYouMean(name, names), "there is "+strings.Join(names, ", ")))
	}
	if err != nil {
		return nil, err
	}
	return Read(name, data)
}
