package main

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// update rewrites what tests compare with: recorded output, docs/cli.md, the golden decisions. Read the difference
// before it is committed.
var update = flag.Bool("update", false, "rewrite recorded output")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"allot": main})
}

// TestScripts tells the stories in testdata/script, with the program itself. Each has the network of testdata/network.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			servers := fleet{}
			env.Values[fleetKey{}] = servers
			env.Defer(servers.shut)
			return os.CopyFS(env.Cd+"/network", os.DirFS("testdata/network"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "replace": replace, "serve": startServer, "end": stopServer, "post": post, "flip": flip, "same": same, "madeup": writeMadeUp,
		},
	})
}

// exits runs a command that must end with a code: exits CODE COMMAND ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		ended, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// replace changes the first occurrence of a text in a file: replace FILE OLD NEW
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	old, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	with, err := strconv.Unquote(`"` + args[2] + `"`)
	ts.Check(err)
	out, ok := replaceOnce(text, old, with)
	if !ok {
		ts.Fatalf("%s has no %q", args[0], old)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o600))
}

// same wants two directories with the same files, byte for byte: same DIR DIR
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same DIR DIR")
	}
	files := func(dir string) map[string]string {
		found := map[string]string{}
		root := ts.MkAbs(dir)
		ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			name, _ := filepath.Rel(root, path) // it lies below
			found[name] = string(raw)
			return err
		}))
		return found
	}
	a, b := files(args[0]), files(args[1])
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if other, ok := b[name]; !ok || other != a[name] {
			ts.Fatalf("%s is not the same in %s and %s, or not there", name, args[0], args[1])
		}
		delete(b, name)
	}
	if len(b) > 0 || len(a) == 0 {
		ts.Fatalf("%s has more files, or %s has none: %q", args[1], args[0], slices.Sorted(maps.Keys(b)))
	}
}
