package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// What Open refuses a journal for, besides the errors of package journal.
var (
	// ErrNetwork: the journal is of another network than the options name.
	ErrNetwork = errors.New("the journal is of another network")
	// ErrUnfinished: a restore into the journal did not come to its end.
	ErrUnfinished = errors.New("unfinished restore")
)

// Options configure Open. A zero field takes the default in its comment.
type Options struct {
	Network       string        // name of the network; a journal of another one is refused; required by Open
	Ledger        ledger.Config // its Sink must be nil
	SnapshotEvery int           // records from one snapshot to the next, up to eight times as many where much is remembered; default 1,000,000
	Keep          int           // snapshots kept, with the records behind the oldest of them; default 2; negative keeps everything
	Log           *slog.Logger  // default slog.Default()

	// Failed is called once, with the reason, when the journal can no longer be written: the process must stop. It is
	// called before anybody who waits for an answer hears of it. Default: nothing, see Store.Done.
	Failed func(error)
}

// defaults fills zero fields. The times to remember are made explicit, because the journal keeps them.
func (o *Options) defaults() error {
	if o.Ledger.Sink != nil {
		return errors.New("the ledger's events go to the journal; leave Options.Ledger.Sink nil")
	}
	if o.SnapshotEvery <= 0 {
		o.SnapshotEvery = 1_000_000
	}
	if o.Keep == 0 {
		o.Keep = 2
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ledger.Retention <= 0 {
		o.Ledger.Retention = 7 * 24 * 3600
	}
	if o.Ledger.RefusalRetention <= 0 {
		o.Ledger.RefusalRetention = 3600
	}
	return nil
}

// formatNumber is the number of the format that this package writes: of events, snapshots and values.
const formatNumber = 1

// formatName is the name of the value that holds a journal's format.
const formatName = "format"

// A format says what a journal's records are. The times to remember belong to it because they decide what a state made
// from the same events has forgotten.
type format struct {
	Format           int    `json:"format"`
	Network          string `json:"network"`
	Retention        int64  `json:"retention"`
	RefusalRetention int64  `json:"refusal_retention"`
	Unfinished       string `json:"unfinished,omitempty"` // what is being done to it, until that is complete
}

// config returns the configuration that rebuilds the states of a journal.
func (f *format) config(c ledger.Config) ledger.Config {
	c.Retention, c.RefusalRetention = f.Retention, f.RefusalRetention
	return c
}

func (f *format) write(j journal.Journal, epoch uint64) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return j.SetValue(epoch, formatName, text)
}

// readFormat returns a journal's format; ok is false when the journal is empty and has none.
func readFormat(j journal.Journal) (f format, ok bool, err error) {
	text, err := j.Value(formatName)
	if errors.Is(err, journal.ErrNoValue) {
		start, end := j.Bounds()
		if start == end && end == (journal.Position{}) {
			return format{}, false, nil
		}
		return format{}, false, fmt.Errorf("%w: it has %d records but says nothing of its format; name the data directory of a ledger, or restore a dump into a new one",
			journal.ErrForeign, end.Sequence)
	}
	if err != nil {
		return format{}, false, fmt.Errorf("reading the format: %w", err)
	}
	var number struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &number); err != nil || number.Format < 1 {
		return format{}, false, fmt.Errorf("%w: its format reads %.80q; restore a dump into a new directory", journal.ErrDamaged, text)
	}
	if number.Format > formatNumber {
		return format{}, false, fmt.Errorf("%w: the ledger was written in format %d and this program knows up to %d; use the newer program that wrote it, or restore a dump made before",
			journal.ErrFormat, number.Format, formatNumber)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Retention <= 0 || f.RefusalRetention <= 0 {
		return format{}, false, fmt.Errorf("%w: its format reads %.200q; restore a dump into a new directory", journal.ErrDamaged, text)
	}
	if f.Unfinished != "" {
		return f, true, fmt.Errorf("%w: the %s of this journal was cut short; remove its directory and do it again", ErrUnfinished, f.Unfinished)
	}
	return f, true, nil
}
