package pebblejournal

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/allot-engine/allot/ledger/journal"
	"golang.org/x/sys/unix"
)

// rawFile is the least that a durable journal can do: it writes the encoding of each group at the end of a file that was
// filled with zeros beforehand, and calls fdatasync. It cannot be opened again.
type rawFile struct {
	*journal.Memory
	file *os.File
	at   int64
	end  journal.Position
	buf  []byte
}

const rawBytes = 64 << 20

func newRawFile(b *testing.B, dir string) *rawFile {
	b.Helper()
	f, err := os.CreateTemp(dir, "raw")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err := f.Write(make([]byte, rawBytes)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return &rawFile{file: f}
}

func (r *rawFile) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	r.buf, r.end = journal.AppendGroup(r.buf[:0], r.end, epoch, records)
	if r.end.Sequence != expected+uint64(len(records)) {
		return r.end, journal.ErrSequence
	}
	if r.at+int64(len(r.buf)) > rawBytes {
		r.at = 0 // what the file holds does not matter here
	}
	n, err := r.file.WriteAt(r.buf, r.at)
	r.at += int64(n)
	return r.end, errors.Join(err, unix.Fdatasync(int(r.file.Fd())))
}

// benchmarkDirectory is a folder on a real disk. In memory fdatasync is free; TMPDIR names another place.
func benchmarkDirectory(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err == nil && s.Type == unix.TMPFS_MAGIC {
		b.Skip("this folder is in memory; set TMPDIR to one on a disk")
	}
	return dir
}

// commitAll lets 64 goroutines add records of 600 bytes, one at a time, and wait for each, and returns how long it took.
func commitAll(b *testing.B, c *journal.Committer, records int) time.Duration {
	b.Helper()
	const committers = 64
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range committers {
		wg.Go(func() {
			record := make([]byte, 600)
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for k := range record {
				record[k] = byte(random.Uint32()) & 63 // not quite incompressible
			}
			for range records / committers {
				record[random.IntN(len(record))]++
				if err := c.Wait(c.Add(record)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// BenchmarkJournalVersusRaw compares the journal with raw appends of the same bytes from the same number of committers,
// in rounds that alternate. One operation is a round of 6,400 records in the journal.
func BenchmarkJournalVersusRaw(b *testing.B) {
	dir := benchmarkDirectory(b)
	j, err := Open(dir+"/journal", Options{})
	if err != nil {
		b.Fatal(err)
	}
	epoch, err := j.Begin()
	if err != nil {
		b.Fatal(err)
	}
	failed := func(err error) { b.Error(err) }
	ours := journal.NewCommitter(j, epoch, 0, failed)
	raw := journal.NewCommitter(newRawFile(b, dir), epoch, 0, failed)
	commitAll(b, ours, 20_000) // so that the files have their usual sizes
	commitAll(b, raw, 5_000)

	const round = 6_400
	var oursTook, rawTook time.Duration
	rounds := 0
	for b.Loop() {
		oursTook += commitAll(b, ours, round)
		b.StopTimer()
		rawTook += commitAll(b, raw, round)
		b.StartTimer()
		rounds++
	}
	if err := errors.Join(ours.Close(), raw.Close(), j.Close()); err != nil {
		b.Fatal(err)
	}
	records := float64(rounds * round)
	b.ReportMetric(records/oursTook.Seconds(), "records/s")
	b.ReportMetric(records/rawTook.Seconds(), "raw-records/s")
	b.ReportMetric(rawTook.Seconds()/oursTook.Seconds(), "journal/raw")
}
