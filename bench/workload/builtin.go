package workload

import (
	"embed"
	"path"
	"strings"
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
