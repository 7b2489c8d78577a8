package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A tool is a program that this command does not bring along.
type tool struct {
	program string
	dir     string   // of what belongs to it; "" where that is not needed
	env     []string // beside this process's own
}

// command returns the command of the program; it ends with the context, and with this process.
func (t *tool) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Env = append(os.Environ(), t.env...)
	bind(cmd)
	return cmd
}

// wait waits for a process that was told to end, and ends it when it does not.
func wait(cmd *exec.Cmd) error {
	late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	return cmd.Wait()
}

// A toolbox finds programs, and fetches them into a directory where they are missing.
type toolbox struct {
	dir   string // .build/peers
	fetch bool
	none  bool // nothing is found
	tell  func(format string, args ...any)
}

// errMissing is wrapped by what the finders below say of a program that is not there.
var errMissing = errors.New("not installed")

// errUnwanted is what they say where no programs of others are wanted.
var errUnwanted = errors.New("not wanted")

func (b *toolbox) run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	bind(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		last := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, last[len(last)-1])
	}
	return nil
}

// highs finds node and installs the pinned package beside the script that uses it.
func (b *toolbox) highs(ctx context.Context) (*tool, error) {
	if b.none {
		return nil, errUnwanted
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("node is %w", errMissing)
	}
	dir := filepath.Join(b.dir, "highs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	manifest := fmt.Sprintf(`{"private": true, "type": "module", "dependencies": {"highs": %q}}`+"\n", highsVersion)
	installed, _ := os.ReadFile(filepath.Join(dir, "node_modules", "highs", "package.json"))
	if !strings.Contains(string(installed), fmt.Sprintf("%q: %q", "version", highsVersion)) {
		if !b.fetch {
			return nil, fmt.Errorf("npm's highs is %w", errMissing)
		}
		b.tell("npm install highs@%s into %s", highsVersion, dir)
		if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(manifest), 0o644); err != nil {
			return nil, err
		}
		if err := b.run(ctx, dir, "npm", "install", "--no-audit", "--no-fund"); err != nil {
			return nil, err
		}
	}
	return &tool{program: node, dir: dir}, nil
}

// cbcPackages are what Debian's CBC needs beside what every system has.
var cbcPackages = []string{
	"coinor-cbc", "coinor-libcbc3", "coinor-libcgl1", "coinor-libclp1", "coinor-libcoinutils3v5", "coinor-libosi1v5",
	"liblapack3", "libblas3", "libgfortran5", "libquadmath0",
}

// cbc finds CBC, or unpacks Debian's.
func (b *toolbox) cbc(ctx context.Context) (*tool, error) {
	if b.none {
		return nil, errUnwanted
	}
	if program, err := exec.LookPath("cbc"); err == nil {
		return &tool{program: program}, nil
	}
	root, err := b.unpack(ctx, "cbc", cbcPackages)
	if err != nil {
		return nil, err
	}
	return &tool{program: filepath.Join(root, "usr", "bin", "cbc"), env: []string{libraries(root)}}, nil
}

// postgres finds the directory of PostgreSQL's programs, of the newest version that is there, or unpacks Debian's.
func (b *toolbox) postgres(ctx context.Context) (*tool, error) {
	if b.none {
		return nil, errUnwanted
	}
	const pattern = "usr/lib/postgresql/*/bin/postgres"
	found, _ := filepath.Glob("/" + pattern) // the pattern is well formed
	if program, err := exec.LookPath("postgres"); err == nil {
		if program, err = filepath.EvalSymlinks(program); err == nil {
			found = append(found, program)
		}
	}
	for _, program := range slices.Backward(found) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(program), "initdb")); err == nil {
			return &tool{program: program, dir: filepath.Dir(program)}, nil
		}
	}
	root, err := b.unpack(ctx, "postgres", []string{"postgresql-15", "libpq5", "libllvm14"})
	if err != nil {
		return nil, err
	}
	found, _ = filepath.Glob(filepath.Join(root, pattern))
	if len(found) == 0 {
		return nil, fmt.Errorf("PostgreSQL is %w", errMissing)
	}
	return &tool{program: found[0], dir: filepath.Dir(found[0]), env: []string{libraries(root)}}, nil
}

// unpack downloads Debian packages and unpacks them, without installing them and without being root.
func (b *toolbox) unpack(ctx context.Context, name string, packages []string) (root string, err error) {
	dir := filepath.Join(b.dir, name)
	root = filepath.Join(dir, "root")
	if exists(root) {
		return root, nil
	}
	if !b.fetch {
		return "", fmt.Errorf("%s is %w", name, errMissing)
	}
	for _, program := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s is %w, nor is %s", name, errMissing, program)
		}
	}
	b.tell("downloading %s into %s", strings.Join(packages, ", "), dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := b.run(ctx, dir, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return "", err
	}
	debs, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
	part := root + ".part"
	for _, deb := range debs {
		if err := b.run(ctx, dir, "dpkg", "-x", filepath.Base(deb), filepath.Base(part)); err != nil {
			return "", errors.Join(err, os.RemoveAll(part))
		}
	}
	return root, os.Rename(part, root)
}

// libraries is the setting by which programs below a root find theirs. Of some, as of LAPACK, Debian has several, in directories of their
// own, and links the one that is chosen when it installs it.
func libraries(root string) string {
	dirs, _ := filepath.Glob(filepath.Join(root, "usr", "lib", "*-linux-gnu*"))
	several, _ := filepath.Glob(filepath.Join(root, "usr", "lib", "*-linux-gnu*", "*", "lib*.so.*"))
	for _, file := range several {
		dirs = append(dirs, filepath.Dir(file))
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	for i := range dirs {
		if abs, err := filepath.Abs(dirs[i]); err == nil {
			dirs[i] = abs
		}
	}
	return "LD_LIBRARY_PATH=" + strings.Join(dirs, ":")
}
