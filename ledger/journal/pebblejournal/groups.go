package pebblejournal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The groups are not in the store but in files of their own, written once, in order. A store writes what it keeps a second time, when
// it leaves the log for a table; that, and the kernel's memory that both copies went through, was a fifth of what a durable order in a
// stream costs.
//
// A file is called by the first record that it is for, and full of zeros before it is used: the sync of what was written over takes
// half the time and half the processor of one that makes a file longer. A group is in a frame, which begins at a multiple of pageBytes;
// what is left of its last block is zero:
//
//	tag 8 | length of the group 4 | CRC-32C of the 12 bytes before 4 | group, as journal.AppendGroup encodes it
//
// The tag is the beginning of the chain's hash where the file begins, so that nothing that somebody has us record can be taken for a
// frame. A file ends where there is no frame with a whole group, and the next one has to go on right there. In the last that may be a
// group that a crash tore and nobody was told of; therefore no frame may follow it, and who opens the journal begins another file.
const (
	groupsSuffix = ".groups"
	nextGroups   = "next" + groupsSuffix // the file to be, until it is known what it is for

	pageBytes   = 4 << 10 // what a disk writes as a whole, at most
	frameHeader = 8 + 4 + 4

	leastGroupsBytes = 64 << 10 // of the first file after opening; each is twice as large as the last
	mostGroupsBytes  = 32 << 20
	zeroBytes        = 1 << 20   // that are written at once, so that no group waits long behind them; fewer cost more of the processor
	windowBytes      = 256 << 10 // that are read at once
	keptBytes        = 4 << 20   // of a group whose buffer is kept: what is gathered at most, but for a single record
	indexBytes       = 16 << 10  // between places of an index, at least
)

// groupsName returns the name of the file for a record and those behind it.
func groupsName(first uint64) string { return numbered(first, groupsSuffix) }

// numbered returns the name of a file of the journal: their numbers begin with 1, and they sort by them.
func numbered(number uint64, suffix string) string { return fmt.Sprintf("%020d%s", number, suffix) }

// parseNumbered is its reverse.
func parseNumbered(name, suffix string) (number uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, ok && err == nil && number > 0 && name == numbered(number, suffix)
}

// A groupLog is the files with the groups. One goroutine at a time may append; others may read meanwhile.
type groupLog struct {
	fs  vfs.FS
	dir string

	active vfs.File // is written into; nil before the first group
	at     int64    // where the next frame goes
	tag    [8]byte
	next   chan prepared // has the file to be, when it is ready; nil before the first group
	buffer []byte        // of a frame

	mu      sync.Mutex // of what follows; never held during I/O
	files   []*groupFile
	start   uint64                  // the record behind which groups are kept
	readers map[*groupReader]uint64 // the first record of the file that each is in
}

// A groupFile is one file.
type groupFile struct {
	first uint64 // record
	size  int64
	used  int64        // behind it nothing is read; size if that is not known
	tag   [8]byte      // if the index is not empty
	index []groupPlace // frames at some distance from each other, the first of all among them; empty until it is needed
}

// A groupPlace is where a group is.
type groupPlace struct {
	first  uint64 // record
	offset int64
}

// note has the index tell a place behind all others.
func note(index []groupPlace, p groupPlace) []groupPlace {
	if n := len(index); n > 0 && p.offset-index[n-1].offset < indexBytes {
		return index
	}
	return append(index, p)
}

// A prepared file has zeros only.
type prepared struct {
	file vfs.File
	size int64
	err  error
}

func newGroupLog(files vfs.FS, dir string) *groupLog {
	return &groupLog{fs: files, dir: dir, readers: map[*groupReader]uint64{}}
}

func (l *groupLog) path(name string) string { return l.fs.PathJoin(l.dir, name) }

func tagOf(p journal.Position) [8]byte { return [8]byte(p.Hash[:8]) }

// append makes a group durable behind the position where the journal ends. size is that of its encoding.
func (l *groupLog) append(before journal.Position, epoch uint64, records [][]byte, size int) (journal.Position, error) {
	total := (frameHeader + size + pageBytes - 1) / pageBytes * pageBytes
	if l.active == nil || l.at+int64(total) > l.last().size {
		if err := l.begin(before, int64(total)); err != nil {
			return before, err
		}
	}
	if len(l.buffer) < total {
		l.buffer = aligned(max(total, windowBytes))
	}
	b := l.buffer[:total]
	copy(b, l.tag[:])
	binary.BigEndian.PutUint32(b[8:], uint32(size))
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[:12], castagnoli))
	_, end := journal.AppendGroup(b[:frameHeader], before, epoch, records) // encoded in place
	clear(b[frameHeader+size:])
	if _, err := l.active.WriteAt(b, l.at); err != nil {
		return before, err
	}
	if err := l.active.SyncData(); err != nil {
		return before, err
	}
	if len(l.buffer) > 2*keptBytes {
		l.buffer = nil
	}
	l.at += int64(total)
	l.mu.Lock()
	f := l.files[len(l.files)-1]
	f.tag, f.used, f.index = l.tag, l.at, note(f.index, groupPlace{before.Sequence + 1, l.at - int64(total)})
	l.mu.Unlock()
	return end, nil
}

// aligned returns memory that may be written past the page cache.
func aligned(n int) []byte {
	b := make([]byte, n+pageBytes)
	skip := -uintptr(unsafe.Pointer(&b[0])) % pageBytes
	return b[skip : skip+uintptr(n) : skip+uintptr(n)]
}

func (l *groupLog) last() *groupFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files[len(l.files)-1]
}

// begin begins a file with room for a frame, behind the position where the journal ends.
func (l *groupLog) begin(before journal.Position, room int64) error {
	var p prepared
	if l.active != nil {
		if err := l.active.Close(); err != nil {
			return err
		}
		if p = <-l.next; p.err != nil {
			return p.err
		}
	} else {
		p = l.prepare(max(leastGroupsBytes, room))
	}
	if p.err == nil && p.size < room {
		if err := p.file.Close(); err != nil {
			return err
		}
		p = l.prepare(room)
	}
	if p.err != nil {
		return p.err
	}
	first := before.Sequence + 1
	if err := errors.Join(l.fs.Rename(l.path(nextGroups), l.path(groupsName(first))), syncDirectory(l.fs, l.dir)); err != nil {
		return err
	}
	l.active, l.at, l.tag = p.file, 0, tagOf(before)
	l.mu.Lock()
	l.files = append(l.files, &groupFile{first: first, size: p.size})
	l.mu.Unlock()
	next := make(chan prepared, 1)
	l.next = next
	go func() { next <- l.prepare(min(2*p.size, mostGroupsBytes)) }()
	return nil
}

// prepare makes the file to be.
func (l *groupLog) prepare(size int64) prepared {
	f, err := l.fs.Create(l.path(nextGroups), vfs.WriteCategoryUnspecified)
	if err != nil {
		return prepared{err: err}
	}
	_ = f.Preallocate(0, size) // in one piece, if it can be; a disk that is full says so below
	direct(f.Fd())
	zeros := aligned(int(min(size, zeroBytes)))
	for at := int64(0); err == nil && at < size; at += zeroBytes {
		_, err = f.WriteAt(zeros[:min(size-at, zeroBytes)], at)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return prepared{err: errors.Join(err, f.Close())}
	}
	return prepared{file: f, size: size}
}

// close ends the writing.
func (l *groupLog) close() error {
	if l.active == nil {
		return nil
	}
	err := l.active.Close()
	p := <-l.next
	l.active, l.next = nil, nil
	if err = errors.Join(err, p.err); err == nil {
		err = p.file.Close()
	}
	_ = l.fs.Remove(l.path(nextGroups)) // what cannot be removed is told by the disk, and is when the journal opens
	return err
}

// trim drops the files of which nothing is kept when groups are only kept behind a record, or when their readers are done.
func (l *groupLog) trim(start uint64) {
	l.mu.Lock()
	l.start = start
	l.mu.Unlock()
	l.remove()
}

// remove removes what is trimmed and not read.
func (l *groupLog) remove() {
	l.mu.Lock()
	var names []string
	for len(l.files) > 1 && l.files[1].first <= l.start+1 && !l.isRead(l.files[0]) {
		names = append(names, groupsName(l.files[0].first))
		l.files = l.files[1:]
	}
	l.mu.Unlock()
	for _, name := range names {
		_ = l.fs.Remove(l.path(name)) // what cannot be removed is told by the disk, and is when the journal opens
	}
}

// isRead reports whether somebody reads a file, or one before it. Under the mutex.
func (l *groupLog) isRead(f *groupFile) bool {
	for _, first := range l.readers {
		if first <= f.first {
			return true
		}
	}
	return false
}

// A groupReader reads groups in their order. While it is open, no file is removed that it may come to.
type groupReader struct {
	log    *groupLog
	f      *groupFile
	file   vfs.File
	used   int64 // of the file
	tag    [8]byte
	offset int64 // of the frame

	window  []byte // bytes of the file
	from    int64  // where they begin
	records [][]byte
	reached uint64 // the last record of the group before; zero before the first
}

// reader returns a reader that begins in the file with the record after another. Nothing is read yet.
func (l *groupLog) reader(after uint64) *groupReader {
	r := &groupReader{log: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := slices.BinarySearchFunc(l.files, after+1, func(f *groupFile, first uint64) int { return cmp.Compare(f.first, first) })
	if !found && i > 0 {
		i--
	}
	if i < len(l.files) {
		r.f = l.files[i]
		l.readers[r] = r.f.first
	}
	return r
}

// close lets go of the files.
func (r *groupReader) close() error {
	var err error
	if r.file != nil {
		err = r.file.Close()
	}
	r.log.mu.Lock()
	delete(r.log.readers, r)
	r.log.mu.Unlock()
	r.log.remove()
	return err
}

// open opens the file that the reader is in, at its beginning.
func (r *groupReader) open() (err error) {
	if r.file != nil {
		if err := r.file.Close(); err != nil {
			return err
		}
		r.file = nil
	}
	// What the kernel would read ahead of the groups that a reader follows is about to be written.
	r.file, err = r.log.fs.Open(r.log.path(groupsName(r.f.first)), vfs.RandomReadsOption)
	r.offset, r.from, r.window = 0, 0, r.window[:0]
	r.log.mu.Lock()
	r.used = r.f.used
	r.log.mu.Unlock()
	return err
}

// seek goes to the frame with the record after another, or to one a little before.
func (r *groupReader) seek(after uint64) (err error) {
	defer func() {
		if err != nil {
			err = damaged(after, err)
		}
	}()
	if r.f == nil {
		return &journal.DamageError{What: "the records behind it are missing"}
	}
	if err := r.open(); err != nil {
		return err
	}
	l := r.log
	l.mu.Lock()
	index, tag := r.f.index, r.f.tag
	l.mu.Unlock()
	if len(index) == 0 {
		for {
			b, err := r.frame()
			if err != nil {
				return err
			}
			if b == nil || len(index) > 0 && journal.FirstOf(b) <= index[len(index)-1].first {
				break // the file has ended; a crash tore what is there
			}
			index = note(index, groupPlace{journal.FirstOf(b), r.offset})
			r.skip(len(b))
		}
		tag = r.tag
		l.mu.Lock()
		if len(r.f.index) == 0 {
			r.f.index, r.f.tag = index, tag
		}
		l.mu.Unlock()
	}
	r.offset, r.tag = 0, tag
	i, found := slices.BinarySearchFunc(index, after+1, func(p groupPlace, first uint64) int { return cmp.Compare(p.first, first) })
	if !found && i > 0 {
		i--
	}
	if i < len(index) {
		r.offset = index[i].offset
	}
	return nil
}

// follow goes on in the file that begins with a record, if there is one.
func (r *groupReader) follow(first uint64) error {
	l := r.log
	l.mu.Lock()
	i := slices.IndexFunc(l.files, func(f *groupFile) bool { return f.first == first })
	if i < 0 || l.files[i] == r.f {
		l.mu.Unlock()
		return nil
	}
	r.f = l.files[i]
	l.readers[r] = first
	l.mu.Unlock()
	return r.open()
}

// bytes returns so many bytes of the file, or those that it has.
func (r *groupReader) bytes(offset int64, n int) ([]byte, error) {
	if offset < r.from || offset+int64(n) > r.from+int64(len(r.window)) {
		size := int(min(int64(max(n, windowBytes)), max(0, r.used-offset)))
		r.window = slices.Grow(r.window[:0], size)[:size]
		k, err := r.file.ReadAt(r.window, offset)
		r.window, r.from = r.window[:k], offset
		if err != nil && !errors.Is(err, io.EOF) {
			r.window = r.window[:0]
			return nil, err
		}
	}
	b := r.window[offset-r.from:]
	return b[:min(n, len(b))], nil
}

// header returns the length of the group in the frame at the offset; 0 if there is none. The first frame of a file has its tag.
func (r *groupReader) header() (length int, err error) {
	b, err := r.bytes(r.offset, frameHeader)
	if err != nil || len(b) < frameHeader || binary.BigEndian.Uint32(b[12:]) != crc32.Checksum(b[:12], castagnoli) {
		return 0, err
	}
	if r.offset == 0 {
		r.tag = [8]byte(b)
	}
	n := binary.BigEndian.Uint32(b[8:])
	if r.tag != [8]byte(b) || n < journal.MinGroup || n > journal.MaxGroup {
		return 0, nil
	}
	return int(n), nil
}

// frame returns the encoding of the group in the frame at the offset, which is not verified; nil if there is none, or not all of it.
func (r *groupReader) frame() (group []byte, err error) {
	n, err := r.header()
	if n == 0 {
		return nil, err
	}
	group, err = r.bytes(r.offset+frameHeader, n)
	if len(group) < n {
		return nil, err
	}
	return group, nil
}

// skip goes behind the frame with a group of so many bytes.
func (r *groupReader) skip(n int) {
	r.offset += (frameHeader + int64(n) + pageBytes - 1) / pageBytes * pageBytes
}

// next returns the next group, be it in the file or in the next. good is the last record that was read well.
func (r *groupReader) next(good uint64) (before journal.Position, g journal.Group, err error) {
	if r.reached > 0 {
		err = r.follow(r.reached + 1)
	}
	ok := false
	if err == nil {
		before, g, ok, err = r.group()
	}
	if err == nil && !ok {
		err = &journal.DamageError{What: "the next group is missing, or not what was written"}
	}
	if err != nil {
		return before, g, damaged(good, err)
	}
	r.reached = g.End.Sequence
	return before, g, nil
}

// with returns the group with a record, and the position before it; or the first group, if the record was trimmed.
func (l *groupLog) with(sequence uint64) (before journal.Position, g journal.Group, err error) {
	r := l.reader(sequence - 1)
	defer r.close() //nolint:errcheck // nothing was written
	if err := r.seek(sequence - 1); err != nil {
		return before, g, err
	}
	for g.End.Sequence < sequence {
		if before, g, err = r.next(sequence - 1); err != nil {
			return before, g, err
		}
	}
	g.Records = nil // they were the reader's
	return before, g, nil
}

// group returns the group at the offset and goes behind it; false if there is none, or not a whole one. Its records are valid until the
// next call.
func (r *groupReader) group() (before journal.Position, g journal.Group, ok bool, err error) {
	b, err := r.frame()
	if b == nil || err != nil {
		return before, g, false, err
	}
	before, g, err = journal.DecodeGroup(b, r.records[:0])
	if err != nil || r.offset == 0 && r.tag != tagOf(before) {
		return before, g, false, nil //nolint:nilerr // it is torn, or damaged; the caller knows
	}
	r.records = g.Records
	r.skip(len(b))
	return before, g, true, nil
}
