package pebblejournal

import (
	"testing"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A place is a directory of a file system.
type place struct {
	dir     string
	options Options
}

func (p place) Open() (journal.Journal, error) { return Open(p.dir, p.options) }
func (p place) Keeps() bool                    { return true }

func TestInMemoryPassesTheSuite(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Store {
		t.Helper()
		return place{"data/journal", Options{FS: vfs.NewMem(), Fatal: fatal(t)}}
	})
}

func TestOnDiskPassesTheSuite(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Store {
		t.Helper()
		return place{t.TempDir() + "/data/journal", Options{Fatal: fatal(t)}}
	})
}

// fatal fails the test when the journal stops the process.
func fatal(t *testing.T) func(error) {
	t.Helper()
	return func(err error) { panic(err) }
}
