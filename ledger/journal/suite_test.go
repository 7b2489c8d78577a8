package journal_test

import (
	"testing"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
)

// memory is a place that forgets.
type memory struct{}

func (memory) Open() (journal.Journal, error) { return journal.NewMemory(), nil }
func (memory) Keeps() bool                    { return false }

func TestMemoryPassesTheSuite(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Store { return memory{} })
}
