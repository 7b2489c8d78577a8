package load

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// ResultFile is the name of a result in its directory.
const ResultFile = "result.json"

// Write writes a result into a directory, which it makes where it is missing.
func (r *Result) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	name := filepath.Join(dir, ResultFile)
	if err := os.WriteFile(name+".tmp", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name) // whole or not at all
}

// ReadResult reads the result in a directory.
func ReadResult(dir string) (*Result, error) {
	name := filepath.Join(dir, ResultFile)
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case r.Version > ResultVersion:
		return nil, fmt.Errorf("%s: version %d is of a later allot; this one reads up to %d", name, r.Version, ResultVersion)
	case r.Version < 1:
		return nil, fmt.Errorf("%s is no result of allot bench: it has no version", name)
	}
	return r, nil
}
