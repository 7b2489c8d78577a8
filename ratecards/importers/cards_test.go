package importers

import (
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
)

// readCard reads a card and its tables as a network does and fails on any fault: whatever a parser lets through must
// make a sound card.
func readCard(t testing.TB, yaml []byte, tables []cardTable) *ratecards.Source {
	t.Helper()
	files := fstest.MapFS{"cards/x.yaml": {Data: yaml}}
	for _, table := range tables {
		files["cards/"+table.file] = &fstest.MapFile{Data: table.csv()}
	}
	fl := &faults.List{}
	s := ratecards.Read(files, "cards/x.yaml", fl)
	if err := fl.Err(); err != nil {
		t.Fatalf("an imported card has faults:\n%v\n%s", err, yaml)
	}
	return s
}
