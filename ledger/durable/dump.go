package durable

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// dumpNumber is the number of the format of dumps.
const dumpNumber = 1

// A dumpLine is one line of a dump, in JSON. The first has the type "dump", the last "end". Between them are the values;
// then the records, each group after a line of its own; and each snapshot where it belongs among the groups, as a line and
// then its pieces. Everything is there twice where people read it: "event" tells what "bytes" says.
type dumpLine struct {
	Type string `json:"type"` // dump, value, snapshot, piece, group, record, end

	Format  int           `json:"format,omitempty"`  // dump
	Network string        `json:"network,omitempty"` // dump
	Start   *dumpPosition `json:"start,omitempty"`   // dump: the records behind it follow
	End     *dumpPosition `json:"end,omitempty"`     // dump, group, snapshot: place after it

	Name string `json:"name,omitempty"` // value

	Epoch   uint64 `json:"epoch,omitempty"`   // snapshot, group
	Size    int64  `json:"size,omitempty"`    // snapshot: bytes
	Digest  string `json:"sha256,omitempty"`  // snapshot: of its bytes; end: of all lines before
	Records int    `json:"records,omitempty"` // group

	Sequence uint64     `json:"sequence,omitempty"` // record
	Event    *EventJSON `json:"event,omitempty"`    // record

	Lines uint64 `json:"lines,omitempty"` // end: before it

	Bytes []byte `json:"bytes,omitempty"` // value, piece, record
}

// A dumpPosition is a journal.Position.
type dumpPosition struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

func dumped(p journal.Position) *dumpPosition {
	return &dumpPosition{p.Sequence, hex.EncodeToString(p.Hash[:])}
}

func (p *dumpPosition) position() (journal.Position, error) {
	if p == nil {
		return journal.Position{}, errors.New("it names no place")
	}
	sum, err := hex.DecodeString(p.Hash)
	if err != nil || len(sum) != sha256.Size {
		return journal.Position{}, fmt.Errorf("its hash is %.80q", p.Hash)
	}
	return journal.Position{Sequence: p.Sequence, Hash: [32]byte(sum)}, nil
}

const pieceOfDump = 192 << 10 // bytes of a snapshot in a line

// Dump writes all that a journal holds as lines of JSON, which people and jq can read and Restore takes. It verifies the
// chain on the way. progress, if not nil, hears now and then how many of the records are done.
//
// A journal that was trimmed costs a state's memory, for the names in its snapshot.
func Dump(j journal.Journal, w io.Writer, progress func(done, total uint64)) error {
	h, err := OpenReadOnly(j, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	d := &dumper{History: h, out: bufio.NewWriterSize(w, 1<<16), digest: sha256.New()}
	d.json = encoder(&d.line)
	if err := d.run(progress); err != nil {
		return fmt.Errorf("dumping: %w", err)
	}
	return nil
}

// encoder writes the lines of dumps.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

type dumper struct {
	*History
	out    *bufio.Writer
	json   *json.Encoder
	line   bytes.Buffer
	lines  uint64
	digest hash.Hash
}

func (d *dumper) put(l *dumpLine) error {
	d.line.Reset()
	if err := d.json.Encode(l); err != nil {
		return err
	}
	d.lines++
	d.digest.Write(d.line.Bytes())
	_, err := d.out.Write(d.line.Bytes())
	return err
}

func (d *dumper) run(progress func(done, total uint64)) error {
	start, end := d.journal.Bounds()
	names := new(Names)
	if start.Sequence > 0 {
		state, _, err := base(d.journal, d.config, start.Sequence, d.log)
		if err != nil {
			return err
		}
		names = NamesOf(state)
	}
	if err := d.put(&dumpLine{Type: "dump", Format: dumpNumber, Network: d.network, Start: dumped(start), End: dumped(end)}); err != nil {
		return err
	}
	if err := d.values(); err != nil {
		return err
	}
	snapshots, err := d.journal.Snapshots()
	if err != nil {
		return err
	}
	snapshotsAt := func(sequence uint64) error {
		for len(snapshots) > 0 && snapshots[0].Sequence <= sequence {
			if s := snapshots[0]; s.Sequence >= start.Sequence {
				if err := d.snapshot(&s); err != nil {
					return err
				}
			}
			snapshots = snapshots[1:]
		}
		return nil
	}
	if err := snapshotsAt(start.Sequence); err != nil {
		return err
	}
	at := start
	var e ledger.Event
	for g, err := range d.journal.Read(start.Sequence) {
		if err != nil {
			return err
		}
		if g.End.Sequence > end.Sequence {
			break // it was appended since
		}
		if err := d.put(&dumpLine{Type: "group", Epoch: g.Epoch, Records: len(g.Records), End: dumped(g.End)}); err != nil {
			return err
		}
		for i, record := range g.Records {
			if err := d.record(&e, names, g.First+uint64(i), record); err != nil {
				return err
			}
		}
		if err := snapshotsAt(g.End.Sequence); err != nil {
			return err
		}
		at = g.End
		if progress != nil {
			progress(at.Sequence-start.Sequence, end.Sequence-start.Sequence)
		}
	}
	if at != end {
		return &journal.DamageError{Sequence: at.Sequence, What: fmt.Sprintf("the records up to %d are missing", end.Sequence)}
	}
	sum := d.digest.Sum(nil)
	if err := d.put(&dumpLine{Type: "end", Lines: d.lines, Digest: hex.EncodeToString(sum)}); err != nil {
		return err
	}
	return d.out.Flush()
}

func (d *dumper) values() error {
	names, err := d.journal.Values("")
	if err != nil {
		return err
	}
	for _, name := range names {
		value, err := d.journal.Value(name)
		if err != nil {
			return err
		}
		if err := d.put(&dumpLine{Type: "value", Name: name, Bytes: value}); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) snapshot(s *journal.Snapshot) error {
	l := dumpLine{Type: "snapshot", End: dumped(s.Position), Epoch: s.Epoch, Size: s.Size, Digest: hex.EncodeToString(s.Digest[:])}
	if err := d.put(&l); err != nil {
		return err
	}
	r, err := d.journal.OpenSnapshot(s.Sequence)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	piece := make([]byte, pieceOfDump)
	for {
		n, err := io.ReadFull(r, piece)
		if n > 0 {
			if err := d.put(&dumpLine{Type: "piece", Bytes: piece[:n]}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (d *dumper) record(e *ledger.Event, names *Names, sequence uint64, record []byte) error {
	if err := decode(e, record, sequence); err != nil {
		return err
	}
	names.Learn(e)
	view := names.EventJSON(e)
	return d.put(&dumpLine{Type: "record", Sequence: sequence, Event: &view, Bytes: record})
}
