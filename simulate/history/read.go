package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// The formats of files.
const (
	JSONLines = "jsonl"
	CSV       = "csv"
	Parquet   = "parquet"
)

// FormatOf returns the format that the ending of a file's name tells: .jsonl, .ndjson and .json are JSON Lines, .csv is CSV,
// .parquet is Parquet. ok is false for any other.
func FormatOf(name string) (format string, ok bool) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return CSV, true
	case ".jsonl", ".ndjson", ".json":
		return JSONLines, true
	case ".parquet":
		return Parquet, true
	}
	return "", false
}

// A File is one that Read reads.
type File struct {
	Name string // as faults tell it; its ending tells the format

	// Open returns what is in it. A reader that is an io.ReaderAt and an io.Seeker too, as files of the system and
	// bytes.Reader are, is read in place where the format is Parquet; any other is read into memory first.
	Open func() (io.ReadCloser, error)
}

// OSFile returns a file of the system.
func OSFile(name string) File {
	return File{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
}

// Bytes returns a file that is in memory.
func Bytes(name string, data []byte) File {
	return File{Name: name, Open: func() (io.ReadCloser, error) { return memory{bytes.NewReader(data)}, nil }}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// ReadOptions says how to read. The zero value refuses every fault.
type ReadOptions struct {
	Format   string                  // of all files; "": by the ending of each name
	MaxBad   units.Probability       // share of orders and moves that may be at fault: these are left out, and told in Bad
	Sort     bool                    // rows of a file may stand in any order
	Workers  int                     // that parse; 0: GOMAXPROCS. It never changes the answer
	Progress func(read, total int64) // called now and then from one goroutine; total is 0 where a size is not known
}

// MaxFaults bounds the faults that are listed one by one; the rest is counted.
const MaxFaults = 1_000

// Bad is what Read left out.
type Bad struct {
	Rows   int            // orders and moves left out
	Of     int            // those that were read, with the ones left out
	Faults []faults.Fault // the first MaxFaults, by file and row
	More   int            // faults beyond these
}

// String tells it in a line.
func (b *Bad) String() string {
	return fmt.Sprintf("%d of %d orders and moves of stock are at fault", b.Rows, b.Of)
}

// Read reads files into one history.
//
// The error is a *faults.Error where the files are at fault, with up to MaxFaults of the faults and, where there are more,
// a last one that says how many. Orders and moves at fault are left out instead as long as they are at most the share
// o.MaxBad, and then Bad tells of them; without any Bad is nil. A CSV row that cannot be told apart takes with it the order
// above and the one below, of which it may be a line. What is wrong with a whole file is always an error: no such
// column, a Parquet file that is cut off, no orders at all. Any other error is of reading, or that of ctx.
//
// The answer depends on the files alone, not on the number of workers. See BenchmarkRead for what it costs.
func Read(ctx context.Context, files []File, o ReadOptions) (*History, *Bad, error) {
	if len(files) > 1<<16 {
		return nil, nil, fmt.Errorf("%d files are more than a history can tell apart", len(files))
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	r := &reading{o: o, files: files, tasks: make(chan *task), order: make(chan *task, 2*workers), spare: make(chan []byte, 4*workers)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	defer func() {
		for _, f := range r.opened {
			_ = f.Close() // they are only read
		}
	}()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer r.cancel() // before the wait, so that nobody hands on what nobody takes
	for w := range workers {
		wg.Go(func() { r.work(w) })
	}
	wg.Go(r.produce)
	m := newMerger(workers, files, o)
	for t := range r.order {
		select {
		case p := <-t.done:
			m.add(t, p)
		case <-r.ctx.Done():
		}
		if r.ctx.Err() != nil {
			break
		}
		if o.Progress != nil {
			o.Progress(t.read, t.total)
		}
	}
	if err := context.Cause(ctx); err != nil && ctx.Err() != nil {
		return nil, nil, err
	}
	if m.err != nil {
		return nil, nil, m.err
	}
	return m.finish(ctx)
}

// A task is a piece of a file: what can be parsed on its own.
type task struct {
	file  int
	data  []byte // whole lines; nil where the file is Parquet
	row   int    // of the first line
	last  bool   // of its file
	first bool   // of its file

	header *header              // of CSV and Parquet
	parse  func(*parser, *part) // of Parquet
	err    error                // of reading: ends everything
	fault  *faults.Fault        // of the whole file
	faults []faults.Fault       // more of them
	done   chan *part

	read, total int64 // bytes until now, of all files
}

type reading struct {
	o      ReadOptions
	files  []File
	ctx    context.Context //nolint:containedctx // it lives as long as the call that got it
	cancel func()
	tasks  chan *task  // to be parsed, by any worker
	order  chan *task  // the same in order
	spare  chan []byte // buffers that are free again

	read, total int64

	opened []io.Closer // files that workers read; closed when they are done
}

func (r *reading) work(w int) {
	p := newParser(w)
	for t := range r.tasks {
		out := &part{worker: w}
		switch {
		case t.err != nil || t.fault != nil:
		case t.parse != nil:
			p.reserve(out)
			t.parse(p, out)
		case t.header != nil:
			p.reserve(out)
			p.csv(t, out)
		default:
			p.reserve(out)
			p.json(t, out)
		}
		p.parsed(out)
		if t.data != nil {
			select {
			case r.spare <- t.data[:0]:
			default:
			}
			t.data = nil
		}
		t.done <- out // has room
	}
}

// send hands a task to the workers and tells its place in the order.
func (r *reading) send(t *task) bool {
	t.done = make(chan *part, 1)
	t.read, t.total = r.read, r.total
	select {
	case r.order <- t:
	case <-r.ctx.Done():
		return false
	}
	select {
	case r.tasks <- t:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// produce cuts the files into tasks.
func (r *reading) produce() {
	defer close(r.order)
	defer close(r.tasks)
	if r.o.Progress != nil {
		r.total = r.sizes()
	}
	for i, f := range r.files {
		format := r.o.Format
		if format == "" {
			var ok bool
			if format, ok = FormatOf(f.Name); !ok {
				if !r.send(&task{file: i, fault: &faults.Fault{
					Problem: "the name does not tell the format", Mend: "end it in .jsonl, .csv or .parquet, or say the format",
				}}) {
					return
				}
				continue
			}
		}
		in, err := f.Open()
		if err != nil {
			if !r.send(&task{file: i, err: err}) {
				return
			}
			continue
		}
		var ok bool
		switch format {
		case JSONLines, CSV:
			ok = r.lines(i, format == CSV, in)
			_ = in.Close() // it is only read
		case Parquet:
			ok = r.parquet(i, in)
		default:
			_ = in.Close()
			ok = r.send(&task{file: i, err: fmt.Errorf("unknown format %q; there is jsonl, csv and parquet", format)})
		}
		if !ok {
			return
		}
	}
}

// sizes returns how large the files are together, or 0 where that cannot be told of one.
func (r *reading) sizes() int64 {
	total := int64(0)
	for _, f := range r.files {
		in, err := f.Open()
		if err != nil {
			return 0
		}
		s, ok := in.(io.Seeker)
		var n int64
		if ok {
			n, err = s.Seek(0, io.SeekEnd)
			if _, back := s.Seek(0, io.SeekStart); back != nil {
				err = back
			}
		}
		_ = in.Close()
		if !ok || err != nil {
			return 0
		}
		total += n
	}
	return total
}

// Sizes of what is parsed at once, and of the longest line.
const (
	chunk   = 1 << 20
	maxLine = 4 << 20
)

// lines cuts a file into chunks of whole lines. In a CSV a line break inside quotes ends no line, as far as quotes come in
// pairs; a record longer than maxLine is cut where it stands, and its parser says what is wrong with it.
func (r *reading) lines(file int, isCSV bool, in io.Reader) bool {
	t := &task{file: file, row: 1, first: true}
	var head *header
	var rest []byte // of the last read, which begins the next chunk
	row, began, skip := 1, false, false
	for end := false; !end; {
		if r.ctx.Err() != nil {
			return false
		}
		buf := r.buffer(len(rest) + chunk)
		buf, rest = append(buf, rest...), rest[:0]
		for {
			n, err := io.ReadFull(in, buf[len(buf):min(cap(buf), len(buf)+chunk)])
			buf = buf[:len(buf)+n]
			r.read += int64(n)
			if end = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); end {
				break
			} else if err != nil {
				r.send(&task{file: file, err: fmt.Errorf("reading %s: %w", r.files[file].Name, err)})
				return false
			}
			if skip { // the rest of a line that is too long
				at := bytes.IndexByte(buf, '\n')
				if at < 0 {
					buf = buf[:0]
					continue
				}
				buf, skip = append(buf[:0], buf[at:]...), false
			}
			cut := lastLine(buf, isCSV)
			if cut == 0 && isCSV && len(buf) > maxLine {
				cut = lastLine(buf, false) // a quote that is never closed
			}
			if cut > 0 {
				rest = append(rest, buf[cut:]...)
				buf = buf[:cut]
				break
			}
			if skip = len(buf) > maxLine; skip {
				t.fault = &faults.Fault{Row: row, Problem: fmt.Sprintf("the line is longer than %d bytes", maxLine), Mend: "write one order a line"}
				buf = buf[:0]
				break
			}
			buf = slices.Grow(buf, chunk)
		}
		if !began {
			began = true
			buf = bytes.TrimPrefix(buf, []byte("\xef\xbb\xbf"))
			if isCSV {
				var fault *faults.Fault
				var lines int
				head, buf, lines, fault = csvHeader(buf)
				row += lines
				if fault != nil {
					t.fault = fault
					return r.send(t)
				}
			}
		}
		t.data, t.row, t.last, t.header = buf, row, end, head
		row += bytes.Count(buf, []byte{'\n'})
		broken := t.first && !isCSV && oneDocument(buf)
		if broken {
			t.data, t.fault = nil, &faults.Fault{
				Row: 1, Problem: "this is one JSON document, not one a line",
				Mend: `write one order a line, as {"id":"o-1","orderedAt":"2026-11-02T15:04:05Z","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"}}`,
			}
		}
		if !r.send(t) {
			return false
		}
		if broken {
			return true
		}
		t = &task{file: file}
	}
	return true
}

// oneDocument tells a file that every line of would be at fault: an array, or an object over many lines.
func oneDocument(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	line = bytes.TrimSpace(line)
	return len(line) > 0 && (line[0] == '[' || string(line) == "{")
}

func (r *reading) buffer(size int) []byte {
	select {
	case b := <-r.spare:
		if cap(b) >= size {
			return b[:0]
		}
	default:
	}
	return make([]byte, 0, size+size/4)
}

// lastLine returns the length of the whole lines of data, 0 where it has none.
func lastLine(data []byte, quotes bool) int {
	if !quotes {
		return bytes.LastIndexByte(data, '\n') + 1
	}
	odd := bytes.Count(data, []byte{'"'})%2 == 1
	for end := len(data); ; {
		at := bytes.LastIndexByte(data[:end], '\n')
		if at < 0 {
			return 0
		}
		if bytes.Count(data[at:end], []byte{'"'})%2 == 1 {
			odd = !odd
		}
		if !odd {
			return at + 1
		}
		end = at
	}
}
