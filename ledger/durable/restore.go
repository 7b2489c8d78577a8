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

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// What Restore refuses, besides the errors of package journal.
var (
	// ErrDump: what was given is not a whole dump as Dump has written it.
	ErrDump = errors.New("not a whole dump")
	// ErrNotEmpty: the journal to restore into has something.
	ErrNotEmpty = errors.New("the journal is not empty")
)

// Restore builds a journal up again from what Dump has written, with the same records, numbers, hashes, snapshots and
// values, and verifies all of it. The journal must be empty; it stays its caller's. progress, if not nil, hears now and then
// how many of the records are done.
//
// A dump that was cut short or changed is refused with ErrDump. The journal is then of no use: Open refuses it with
// ErrUnfinished until its directory is removed.
func Restore(j journal.Journal, r io.Reader, progress func(done, total uint64)) error {
	d := &restorer{journal: j, in: bufio.NewReaderSize(r, 1<<16), digest: sha256.New(), progress: progress}
	if err := d.run(); err != nil {
		if d.number > 0 {
			err = fmt.Errorf("line %d: %w", d.number, err)
		}
		return fmt.Errorf("restoring: %w", err)
	}
	return nil
}

type restorer struct {
	journal  journal.Journal
	in       *bufio.Reader
	progress func(done, total uint64)
	number   uint64 // of the line
	digest   hash.Hash
	text     []byte // of the line
	line     dumpLine

	epoch      uint64
	start, end journal.Position // of the dump
	at         journal.Position // of the journal
	format     []byte           // written last
}

const maxLine = 2*journal.MaxRecord + 64<<20 // a record, in base64 and told

func notDump(format string, args ...any) error {
	return fmt.Errorf("%w: %s; take a dump again, or another copy of it", ErrDump, fmt.Sprintf(format, args...))
}

// next reads a line. All but that of the end count for the digest.
func (d *restorer) next() error {
	d.number++
	d.text = d.text[:0]
	for {
		part, err := d.in.ReadSlice('\n')
		d.text = append(d.text, part...)
		if err == nil {
			break
		}
		switch {
		case errors.Is(err, io.EOF):
			return notDump("it ends here without its last line")
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		case len(d.text) > maxLine:
			return notDump("a line has more than %d bytes", maxLine)
		}
	}
	d.line = dumpLine{Bytes: d.line.Bytes[:0]}
	p := json.NewDecoder(bytes.NewReader(d.text))
	p.DisallowUnknownFields()
	if err := p.Decode(&d.line); err != nil {
		return notDump("%v", err)
	}
	if d.line.Type != "end" {
		d.digest.Write(d.text)
	}
	return nil
}

func (d *restorer) run() error {
	if err := d.begin(); err != nil {
		return err
	}
	for {
		if err := d.next(); err != nil {
			return err
		}
		var err error
		switch d.line.Type {
		case "value":
			err = d.value()
		case "snapshot":
			err = d.snapshot()
		case "group":
			err = d.group()
		case "end":
			return d.finish()
		default:
			err = notDump("a line of type %.40q does not belong here", d.line.Type)
		}
		if err != nil {
			return err
		}
	}
}

// begin reads the first line and marks the journal as unfinished.
func (d *restorer) begin() error {
	start, end := d.journal.Bounds()
	snapshots, err := d.journal.Snapshots()
	if err != nil {
		return err
	}
	values, err := d.journal.Values("")
	if err != nil {
		return err
	}
	if start != (journal.Position{}) || end != start || len(snapshots)+len(values) > 0 {
		return fmt.Errorf("%w: it has %d records; name a new directory", ErrNotEmpty, end.Sequence)
	}
	if err := d.next(); err != nil {
		return err
	}
	l := &d.line
	if l.Type != "dump" {
		return notDump("it does not begin as one")
	}
	if l.Format > dumpNumber {
		return fmt.Errorf("%w: the dump has format %d and this program knows up to %d; use the newer program that wrote it", journal.ErrFormat, l.Format, dumpNumber)
	}
	if d.start, err = l.Start.position(); err != nil {
		return notDump("%v", err)
	}
	if d.end, err = l.End.position(); err != nil {
		return notDump("%v", err)
	}
	if d.end.Sequence < d.start.Sequence {
		return notDump("it ends before it starts")
	}
	if d.epoch, err = d.journal.Begin(); err != nil {
		return err
	}
	mark := format{Format: formatNumber, Network: l.Network, Retention: 1, RefusalRetention: 1, Unfinished: "restore"}
	if err := mark.write(d.journal, d.epoch); err != nil {
		return err
	}
	if d.start != (journal.Position{}) {
		if err := d.journal.StartAt(d.epoch, d.start); err != nil {
			return err
		}
	}
	d.at = d.start
	return nil
}

// raise goes on in a later epoch, that of the dump's next author.
func (d *restorer) raise(epoch uint64) error {
	for d.epoch < epoch {
		next, err := d.journal.Begin()
		if err != nil {
			return err
		}
		d.epoch = next
	}
	return nil
}

func (d *restorer) value() error {
	if d.line.Name == formatName {
		d.format = bytes.Clone(d.line.Bytes)
		return nil
	}
	return d.journal.SetValue(d.epoch, d.line.Name, append([]byte{}, d.line.Bytes...))
}

func (d *restorer) group() error {
	end, err := d.line.End.position()
	if err != nil {
		return notDump("%v", err)
	}
	epoch, count := d.line.Epoch, d.line.Records
	if count < 1 || count > journal.MaxRecords {
		return notDump("a group of %d records", count)
	}
	if err := d.raise(epoch); err != nil {
		return err
	}
	if d.epoch != epoch {
		return notDump("a group is of epoch %d, and the journal is at %d; restore into a new directory", epoch, d.epoch)
	}
	var all []byte
	var ends []int
	var e ledger.Event
	for range count {
		if err := d.next(); err != nil {
			return err
		}
		sequence := d.at.Sequence + uint64(len(ends)) + 1
		if d.line.Type != "record" || d.line.Sequence != sequence {
			return notDump("record %d is missing", sequence)
		}
		if err := decode(&e, d.line.Bytes, sequence); err != nil {
			if damage, ok := errors.AsType[*journal.DamageError](err); ok { // not of the journal
				return notDump("%s", damage.What)
			}
			return notDump("%v", err)
		}
		if all = append(all, d.line.Bytes...); len(all) > journal.MaxGroup {
			return notDump("a group of more than %d bytes", journal.MaxGroup)
		}
		ends = append(ends, len(all))
	}
	records, begin := make([][]byte, count), 0
	for i, end := range ends {
		records[i], begin = all[begin:end], end
	}
	// The hash is compared first, so that nothing false gets into the journal.
	if _, made := journal.AppendGroup(nil, d.at, epoch, records); made != end {
		return notDump("the records up to %d were changed: their chain is %v, and the dump says %v", made.Sequence, made, end)
	}
	if d.at, err = d.journal.Append(epoch, d.at.Sequence, records); err != nil {
		return err
	}
	if d.at != end {
		return fmt.Errorf("the journal is at %v instead of %v", d.at, end)
	}
	if d.progress != nil {
		d.progress(d.at.Sequence-d.start.Sequence, d.end.Sequence-d.start.Sequence)
	}
	return nil
}

func (d *restorer) snapshot() error {
	at, err := d.line.End.position()
	if err != nil {
		return notDump("%v", err)
	}
	if at != d.at {
		return notDump("a snapshot is of %v and stands at %v", at, d.at)
	}
	size, sum := d.line.Size, d.line.Digest
	if err := d.raise(d.line.Epoch); err != nil {
		return err
	}
	// A snapshot becomes visible only if the function that writes it does not fail.
	_, err = d.journal.WriteSnapshot(d.epoch, at, func(w io.Writer) error {
		digest := sha256.New()
		for size > 0 {
			if err := d.next(); err != nil {
				return err
			}
			if d.line.Type != "piece" || len(d.line.Bytes) == 0 || int64(len(d.line.Bytes)) > size {
				return notDump("%d bytes of the snapshot at %d are missing", size, at.Sequence)
			}
			size -= int64(len(d.line.Bytes))
			digest.Write(d.line.Bytes)
			if _, err := w.Write(d.line.Bytes); err != nil {
				return err
			}
		}
		if hex.EncodeToString(digest.Sum(nil)) != sum {
			return notDump("the snapshot at %d was changed", at.Sequence)
		}
		return nil
	})
	return err
}

// finish checks that all was there, and makes the journal one that Open takes.
func (d *restorer) finish() error {
	switch {
	case d.line.Lines != d.number-1:
		return notDump("it has %d lines before the last, and should have %d", d.number-1, d.line.Lines)
	case d.line.Digest != hex.EncodeToString(d.digest.Sum(nil)):
		return notDump("it was changed")
	case d.at != d.end:
		return notDump("it ends at %v instead of %v", d.at, d.end)
	case d.format == nil:
		return notDump("it does not tell the format of the ledger")
	}
	// The last line is the only one that the digest does not cover.
	var exact bytes.Buffer
	if err := encoder(&exact).Encode(&dumpLine{Type: "end", Lines: d.line.Lines, Digest: d.line.Digest}); err != nil {
		return err
	}
	if !bytes.Equal(exact.Bytes(), d.text) {
		return notDump("its last line was changed")
	}
	if _, err := d.in.ReadByte(); !errors.Is(err, io.EOF) {
		return notDump("there is something after its last line")
	}
	return d.journal.SetValue(d.epoch, formatName, d.format)
}
