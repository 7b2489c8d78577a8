// Package allot_test holds the house rules that no linter knows, as ordinary tests over the sources.
package allot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// largeFiles lists every file over 1 MiB that belongs in the repository, each with its reason.
var largeFiles = map[string]string{}

const maxFileBytes = 1 << 20

// sources returns the slash-separated path of every file of the repository, in order. It leaves out
// what git ignores: the folders that make and node fill.
func sources(t *testing.T) []string {
	t.Helper()
	skip := []string{".git", ".build", "bin", "node_modules"}
	var files []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skip, entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular():
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(files, "go.mod") {
		t.Fatal("found no go.mod; this test runs in the root of the repository")
	}
	return files
}

// read returns the text of a file of the repository.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parse returns the syntax of a Go file of the repository, with its comments.
func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return syntax
}

// inTestdata reports whether a file is an input of a test, which may be anything.
func inTestdata(file string) bool {
	return strings.HasPrefix(file, "testdata/") || strings.Contains(file, "/testdata/")
}

// TestPackageComments wants a paragraph at the head of every package that people write, in one file
// of it and only one, so that godoc shows it once.
func TestPackageComments(t *testing.T) {
	type pkg struct {
		name      string
		written   bool // by people, in part at least
		commented []string
	}
	packages := map[string]*pkg{}
	for _, file := range sources(t) {
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || inTestdata(file) {
			continue
		}
		syntax := parse(t, file)
		p := packages[path.Dir(file)]
		if p == nil {
			p = &pkg{name: syntax.Name.Name}
			packages[path.Dir(file)] = p
		}
		if ast.IsGenerated(syntax) {
			continue
		}
		p.written = true
		if syntax.Doc != nil {
			p.commented = append(p.commented, file)
			if text := syntax.Doc.Text(); p.name != "main" && !strings.HasPrefix(text, "Package "+p.name+" ") {
				t.Errorf("%s: the package comment begins %.40q; begin it with %q", file, text, "Package "+p.name+" ")
			}
		}
	}
	for folder, p := range packages {
		switch {
		case p.written && len(p.commented) == 0:
			t.Errorf("%s: package %s has no package comment; say in a paragraph what it is for", folder, p.name)
		case len(p.commented) > 1:
			t.Errorf("%s: %d files have a package comment, %s; keep one", folder, len(p.commented), strings.Join(p.commented, ", "))
		}
	}
}

// TestWords refuses words that do not belong in a repository: folders of somebody's machine,
// registries that only some of its users reach, and work put off.
func TestWords(t *testing.T) {
	refused := []struct {
		pattern *regexp.Regexp
		mend    string
	}{
		{regexp.MustCompile(`(?:^|[\s"'(=:])/(?:root|home|Users|work|workspace|mnt)/`), "a path of somebody's machine; write a relative one"},
		{regexp.MustCompile(`\b(?:proxy\.golang\.org|registry\.npmjs\.org)\b`), "a registry's host; the user's own settings choose it"},
		{regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME)\b`), "work put off; do it, or open an issue"},
	}
	text := []string{".go", ".md", ".proto", ".yaml", ".yml", ".csv", ".json", ".mod", ".sh", ".txt", ""}
	for _, file := range sources(t) {
		if !slices.Contains(text, path.Ext(file)) || path.Base(file) == "package-lock.json" || inTestdata(file) {
			continue
		}
		content := read(t, file)
		for _, r := range refused {
			for _, at := range r.pattern.FindAllStringIndex(content, -1) {
				line := 1 + strings.Count(content[:at[1]], "\n")
				t.Errorf("%s:%d: %q is %s", file, line, strings.TrimSpace(content[at[0]:at[1]]), r.mend)
			}
		}
	}
}

// TestFileSizes keeps the repository light: every clone carries every large file for ever.
func TestFileSizes(t *testing.T) {
	large := map[string]bool{}
	for _, file := range sources(t) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() <= maxFileBytes {
			continue
		}
		large[file] = true
		if largeFiles[file] == "" {
			t.Errorf("%s has %d bytes, more than %d; make it smaller, or list it in largeFiles with the reason", file, info.Size(), maxFileBytes)
		}
	}
	for file := range largeFiles {
		if !large[file] {
			t.Errorf("%s is no longer large; take it off largeFiles", file)
		}
	}
}

// TestFuzzSeeds wants a seed corpus behind every fuzz target, in the code or in testdata/fuzz:
// without one, an ordinary test run would execute the target on nothing.
func TestFuzzSeeds(t *testing.T) {
	targets := 0
	for _, file := range sources(t) {
		if !strings.HasSuffix(file, "_test.go") || inTestdata(file) {
			continue
		}
		for _, decl := range parse(t, file).Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") || len(fn.Type.Params.List) != 1 {
				continue
			}
			targets++
			corpus, err := filepath.Glob(filepath.Join(path.Dir(file), "testdata", "fuzz", fn.Name.Name, "*"))
			if err != nil {
				t.Fatal(err)
			}
			if len(corpus) == 0 && !addsSeeds(fn) {
				t.Errorf("%s: %s has no seed corpus; call Add with inputs that reach its corners", file, fn.Name.Name)
			}
		}
	}
	t.Logf("%d fuzz targets", targets)
}

// addsSeeds reports whether a fuzz target calls Add on its argument, or hands that to a helper.
func addsSeeds(fn *ast.FuncDecl) bool {
	names := fn.Type.Params.List[0].Names
	if len(names) != 1 {
		return false
	}
	isArgument := func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		return ok && id.Name == names[0].Name
	}
	found := false
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			selector, ok := call.Fun.(*ast.SelectorExpr)
			found = found || ok && selector.Sel.Name == "Add" && isArgument(selector.X)
			found = found || slices.ContainsFunc(call.Args, isArgument)
		}
		return !found
	})
	return found
}

// TestDocsKeepTheirWord follows what the pages at the root tell a reader to do: every `make TARGET`
// exists and every relative link leads somewhere.
func TestDocsKeepTheirWord(t *testing.T) {
	command := regexp.MustCompile("(?m)(?:^(?:\\$ )?|`)make +([a-z][a-z-]*)")
	link := regexp.MustCompile(`\]\(([^)\s#]+)(?:#[^)\s]*)?\)`)
	targets := makeTargets(t)
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text := read(t, page)
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			if _, ok := targets[m[1]]; !ok {
				t.Errorf("%s tells to run make %s, and the Makefile has no such target", page, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}

// makeTargets returns the targets that the Makefile declares phony, each with its line of help.
func makeTargets(t *testing.T) map[string]string {
	t.Helper()
	makefile := read(t, "Makefile")
	targets := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\.PHONY: (\S+)$`).FindAllStringSubmatch(makefile, -1) {
		targets[m[1]] = ""
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):[^#\n]*## (.+)$`).FindAllStringSubmatch(makefile, -1) {
		targets[m[1]] = m[2]
	}
	return targets
}

// TestMakeHelp wants every target to explain itself in `make help`.
func TestMakeHelp(t *testing.T) {
	targets := makeTargets(t)
	if targets["help"] == "" {
		t.Fatal("the Makefile has no target help, or this test no longer reads it")
	}
	for name, help := range targets {
		if help == "" {
			t.Errorf("Makefile: target %s has no explanation; write one behind ## on its line", name)
		}
	}
}

// TestGeneratorsMatchLibraries holds the generators in tools/go.mod to the versions of the libraries
// that their output calls.
func TestGeneratorsMatchLibraries(t *testing.T) {
	for _, module := range []string{"google.golang.org/protobuf", "connectrpc.com/connect"} {
		version := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`)
		library := version.FindStringSubmatch(read(t, "go.mod"))
		generator := version.FindStringSubmatch(read(t, "tools/go.mod"))
		if library == nil || generator == nil {
			t.Errorf("%s is missing from go.mod or from tools/go.mod", module)
		} else if library[1] != generator[1] {
			t.Errorf("%s is %s in go.mod and %s in tools/go.mod; make them equal and run make generate", module, library[1], generator[1])
		}
	}
}

// TestRandomTestsHaveSeeds wants every random test to be repeatable: its seed comes from internal/seeds, which also seeds
// rapid wherever it is imported.
func TestRandomTestsHaveSeeds(t *testing.T) {
	const seeds = "github.com/allot-engine/allot/internal/seeds"
	rapid, seeded := map[string]string{}, map[string]bool{}
	for _, file := range sources(t) {
		if !strings.HasSuffix(file, "_test.go") || inTestdata(file) || path.Dir(file) == "internal/seeds" {
			continue
		}
		syntax := parse(t, file)
		var random string // the name that the file gives math/rand/v2
		for _, spec := range syntax.Imports {
			switch strings.Trim(spec.Path.Value, `"`) {
			case "pgregory.net/rapid":
				rapid[path.Dir(file)] = file
			case seeds:
				seeded[path.Dir(file)] = true
			case "math/rand":
				t.Errorf("%s imports math/rand; import math/rand/v2", file)
			case "math/rand/v2":
				if random = "rand"; spec.Name != nil {
					random = spec.Name.Name
				}
			}
		}
		ast.Inspect(syntax, func(n ast.Node) bool {
			call, _ := n.(*ast.CallExpr)
			if call == nil {
				return true
			}
			f, _ := call.Fun.(*ast.SelectorExpr)
			if f == nil || strings.HasPrefix(f.Sel.Name, "New") {
				return true
			}
			if x, _ := f.X.(*ast.Ident); x != nil && x.Name == random {
				t.Errorf("%s calls %s.%s, which no seed repeats; draw from rand.New(rand.NewPCG(seeds.New(t), 0))", file, random, f.Sel.Name)
			}
			return true
		})
	}
	if len(rapid) == 0 || len(seeded) == 0 {
		t.Fatal("found no random test; this test no longer reads them")
	}
	for dir, file := range rapid {
		if !seeded[dir] {
			t.Errorf("%s draws from rapid, and no test of its package imports %s, which seeds it", file, seeds)
		}
	}
}
