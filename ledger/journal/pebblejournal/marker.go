package pebblejournal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A marker is the file that says that a directory is a journal's, of which format, and how far it reached at least.
//
//	allot journal
//	format 3
//	reached 4711
//	checksum 0badcafe
type marker struct {
	mu      sync.Mutex
	reached uint64
	written bool // what is in the file is reached
}

const (
	markerName = "JOURNAL"
	temporary  = ".tmp"
	maxMarker  = 1 << 10 // bytes
)

// encodeMarker returns the text of the marker.
func encodeMarker(reached uint64) string {
	text := fmt.Sprintf("allot journal\nformat %d\nreached %d\n", format, reached)
	return fmt.Sprintf("%schecksum %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// decodeMarker returns what the text of a marker says: ErrFormat for another format, whose later lines may differ.
func decodeMarker(text string) (reached uint64, err error) {
	rest, ok := strings.CutPrefix(text, "allot journal\nformat ")
	if !ok {
		return 0, &journal.DamageError{What: "the file " + markerName + " is not what was written"}
	}
	var number uint64
	if _, err := fmt.Sscanf(rest, "%d\n", &number); err == nil && number > 0 && number != format {
		return 0, formatError(number)
	}
	if _, err := fmt.Sscanf(rest, fmt.Sprintf("%d\nreached %%d\n", format), &reached); err != nil || encodeMarker(reached) != text {
		return 0, &journal.DamageError{What: "the file " + markerName + " is not what was written"}
	}
	return reached, nil
}

// read reads the marker of a directory and reports whether there is one.
func (m *marker) read(files vfs.FS, dir string) (bool, error) {
	f, err := files.Open(files.PathJoin(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMarker))
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	m.reached, err = decodeMarker(string(text))
	m.written = err == nil
	return true, err
}

// write makes the marker of a directory durable.
func (m *marker) write(files vfs.FS, dir string, reached uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.written && reached <= m.reached {
		return nil
	}
	name := files.PathJoin(dir, markerName)
	f, err := files.Create(name+temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, encodeMarker(reached))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := files.Rename(name+temporary, name); err != nil {
		return err
	}
	if err := syncDirectory(files, dir); err != nil {
		return err
	}
	m.reached, m.written = reached, true
	return nil
}
