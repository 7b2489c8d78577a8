package load

import (
	"context"
	"errors"
)

// Drive sends the events of a source and measures what comes of it.
//
// When ctx ends, or the target cannot be reached, the result has what was measured until then, and the error says why; the result is
// nil where nothing was. Faults in the options are a *faults.Error.
func Drive(ctx context.Context, source Source, o Options) (*Result, error) {
	return nil, errors.New("load: not built yet")
}
