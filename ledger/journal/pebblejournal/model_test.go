package pebblejournal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// kinds are the errors that both journals must agree on.
var kinds = []error{journal.ErrFenced, journal.ErrSequence, journal.ErrTrimmed, journal.ErrNoSnapshot, journal.ErrNoValue,
	journal.ErrTooLarge, journal.ErrDamaged, journal.ErrClosed, errMine}

var errMine = errors.New("mine")

func kind(err error) string {
	if err == nil {
		return "ok"
	}
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	return "another error: " + err.Error()
}

// TestRandomStoriesMatchMemory compares the journal with the plain specification, step by step, over reopenings.
func TestRandomStoriesMatchMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := vfs.NewMem()
		open := func() *Journal {
			j, err := Open("j", Options{FS: files, Log: quiet, Fatal: func(err error) { panic(err) }})
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		ours := open()
		model := journal.NewMemory()
		epoch := uint64(0)
		begin := func() {
			a, err := ours.Begin()
			if err != nil {
				t.Fatal(err)
			}
			b, err := model.Begin()
			if err != nil || a != b {
				t.Fatalf("epoch %d, want %d (%v)", a, b, err)
			}
			epoch = a
		}
		begin()
		// both does the same to both and compares what they say.
		both := func(what string, do func(journal.Journal) (string, error)) {
			a, errA := do(ours)
			b, errB := do(model)
			if a != b || kind(errA) != kind(errB) {
				t.Fatalf("%s: got %.200q, %v; want %.200q, %v", what, a, errA, b, errB)
			}
		}
		sequence := func(name string) uint64 {
			_, end := model.Bounds()
			return rapid.Uint64Range(0, end.Sequence+2).Draw(t, name)
		}
		someEpoch := func() uint64 {
			return epoch - uint64(max(0, rapid.IntRange(-8, 1).Draw(t, "epochs ago")))
		}
		content := func(s journal.Snapshot, err error) (string, error) { return fmt.Sprint(s), err }
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				_, end := model.Bounds()
				expected := end.Sequence
				if rapid.IntRange(0, 9).Draw(t, "elsewhere") == 9 {
					expected = sequence("expected")
				}
				e := someEpoch()
				records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 5), 0, 4).Draw(t, "records")
				both("append", func(j journal.Journal) (string, error) {
					end, err := j.Append(e, expected, records)
					return fmt.Sprint(end), err
				})
			},
			"snapshot": func(t *rapid.T) {
				at := journal.Position{Sequence: sequence("at")}
				for g, err := range model.Read(func() uint64 { s, _ := model.Bounds(); return s.Sequence }()) {
					if err == nil && g.End.Sequence >= at.Sequence {
						at = g.End
						break
					}
				}
				if rapid.Bool().Draw(t, "start") {
					at, _ = model.Bounds()
				}
				text := rapid.String().Draw(t, "text")
				e, fails := someEpoch(), rapid.IntRange(0, 4).Draw(t, "fails") == 4
				both("snapshot", func(j journal.Journal) (string, error) {
					return content(j.WriteSnapshot(e, at, func(w io.Writer) error {
						_, err := io.WriteString(w, text)
						if fails {
							err = errMine
						}
						return err
					}))
				})
			},
			"trim": func(t *rapid.T) {
				e, s := someEpoch(), sequence("up to")
				both("trim", func(j journal.Journal) (string, error) { return "", j.Trim(e, s) })
			},
			"delete": func(t *rapid.T) {
				e, s := someEpoch(), sequence("at")
				both("delete", func(j journal.Journal) (string, error) { return "", j.DeleteSnapshot(e, s) })
			},
			"value": func(t *rapid.T) {
				e := someEpoch()
				name := rapid.SampledFrom([]string{"a", "aa", "b", "\x00"}).Draw(t, "name")
				value := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "value")
				if rapid.IntRange(0, 3).Draw(t, "delete") == 3 {
					value = nil
				}
				both("set value", func(j journal.Journal) (string, error) { return "", j.SetValue(e, name, value) })
			},
			"begin": func(*rapid.T) { begin() },
			"reopen": func(t *rapid.T) {
				if err := ours.Close(); err != nil {
					t.Fatal(err)
				}
				ours = open()
			},
			"": func(t *rapid.T) {
				both("bounds", func(j journal.Journal) (string, error) {
					start, end := j.Bounds()
					return fmt.Sprint(start, end), nil
				})
				after := sequence("after")
				both("read", func(j journal.Journal) (string, error) {
					records, err := journaltest.Records(j, after)
					return fmt.Sprintf("%q", records), err
				})
				both("snapshots", func(j journal.Journal) (string, error) {
					all, err := j.Snapshots()
					text := fmt.Sprint(all)
					for _, s := range all {
						c, errContent := journaltest.Content(j, s.Sequence)
						text, err = text+c, errors.Join(err, errContent)
					}
					return text, err
				})
				both("values", func(j journal.Journal) (text string, err error) {
					for _, name := range []string{"a", "aa", "b", "\x00"} {
						value, err := j.Value(name)
						text += fmt.Sprintf("%q %s ", value, kind(err))
					}
					names, err := j.Values("a")
					return text + fmt.Sprintf("%q", names), err
				})
				if err := ours.Verify(nil); err != nil {
					t.Fatal(err)
				}
			},
		})
		if err := ours.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDecodeSnapshot wants no panic and nothing taken that encodes otherwise, checksummed or not.
func FuzzDecodeSnapshot(f *testing.F) {
	s := snapshot{generation: 3, Snapshot: journal.Snapshot{Position: journal.Position{Sequence: 7}, Epoch: 2, Size: 5 << 20}}
	f.Add(encodeSnapshot(s), true)
	f.Add(seal(encodeSnapshot(s)), false)
	s.Size = math.MaxInt64
	f.Add(encodeSnapshot(s), true)
	f.Fuzz(func(t *testing.T, encoding []byte, sealed bool) {
		if sealed {
			encoding = seal(encoding)
		}
		s, err := decodeSnapshot(encoding)
		if err != nil {
			return
		}
		if again := seal(encodeSnapshot(s)); !slices.Equal(again, encoding) {
			t.Fatalf("%x decodes, and encodes as %x", encoding, again)
		}
		if s.Size < 0 {
			t.Fatalf("%d bytes", s.Size)
		}
	})
}

// FuzzDecodeMarker wants no panic and nothing taken that encodes otherwise.
func FuzzDecodeMarker(f *testing.F) {
	f.Add(encodeMarker(0))
	f.Add(encodeMarker(math.MaxUint64))
	f.Add("allot journal\nformat 99\n")
	f.Fuzz(func(t *testing.T, text string) {
		if reached, err := decodeMarker(text); err == nil && encodeMarker(reached) != text {
			t.Fatalf("%q is taken for %d", text, reached)
		} else if err != nil && !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrFormat) {
			t.Fatal(err)
		}
	})
}

// BenchmarkRead reads, and verifies, 100,000 records of 600 bytes in groups of 64 from the tables of the store.
func BenchmarkRead(b *testing.B) {
	const records, group = 100_000, 64
	j, err := Open(b.TempDir(), Options{Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	epoch, err := j.Begin()
	if err != nil {
		b.Fatal(err)
	}
	batch := make([][]byte, group)
	for i := range batch {
		batch[i] = make([]byte, 600)
		for k := range batch[i] {
			batch[i][k] = byte(i * k)
		}
	}
	for first := uint64(0); first < records; first += group {
		if _, err := j.Append(epoch, first, batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.db.Flush(); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		for g, err := range j.Read(0) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(g.Records)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}
