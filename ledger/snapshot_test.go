package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

func written(t interface {
	Helper()
	Fatal(...any)
}, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readState(t testing.TB, raw []byte) *State {
	t.Helper()
	s, err := ReadState(bytes.NewReader(raw), Config{Retention: 86_400})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A state that was written and read again is the same: it writes the same bytes, as one that events made does, and gives
// the same events and answers from then on.
func TestStatesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		seed := seeds.New(t)
		rng := rand.New(rand.NewPCG(seed, 3))
		events, s := history(seed, rng.IntN(1500))
		raw := written(t, s)
		read := readState(t, raw)
		if a, b := dump(s), dump(read); a != b {
			t.Fatalf("seed %d: read:\n%s\nwant:\n%s", seed, b, a)
		}
		other := replayed(t, events)
		other.advance(s.now)
		for name, other := range map[string]*State{"read": read, "replayed": other} {
			if again := written(t, other); !bytes.Equal(again, raw) {
				t.Fatalf("seed %d: %s state writes other bytes:\n%q\nwant:\n%q", seed, name, again, raw)
			}
		}
		// From now on both do the same.
		var ours, theirs []byte
		s.sink = func(e *Event) { ours = AppendEvent(ours, e) }
		read.sink = func(e *Event) { theirs = AppendEvent(theirs, e) }
		w, v := newWorkload(s, seed+1), newWorkload(read, seed+1)
		w.named, w.step = 1, 700 // so that request ids come again
		v.named, v.step = 1, 700
		if s.warehouses.len() == 0 {
			w.named, v.named = 0, 0
		}
		w.run(500)
		v.run(500)
		if !bytes.Equal(ours, theirs) || dump(s) != dump(read) || !bytes.Equal(written(t, s), written(t, read)) {
			t.Fatalf("seed %d: the states part:\n%s\nwant:\n%s", seed, dump(read), dump(s))
		}
	}
}

// Every prefix and every flipped bit is refused, or is another state in its only form. The reader gives what it can: a
// byte at a time, or an error.
func TestDamagedStatesAreRefused(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	_, s := history(seed, 150)
	raw := written(t, s)
	for n := range raw {
		if _, err := ReadState(bytes.NewReader(raw[:n]), Config{}); !errors.Is(err, ErrFormat) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(raw), err)
		}
	}
	if _, err := ReadState(bytes.NewReader(append(slices.Clip(raw), 0)), Config{}); !errors.Is(err, ErrFormat) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := ReadState(iotest.OneByteReader(bytes.NewReader(raw)), Config{}); err != nil {
		t.Errorf("a byte at a time: %v", err)
	}
	if _, err := ReadState(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(raw))), Config{}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := ReadState(idle{}, Config{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
	refused, other := 0, 0
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		read, err := ReadState(bytes.NewReader(raw), Config{})
		switch {
		case errors.Is(err, ErrFormat):
			refused++
		case err != nil || !bytes.Equal(written(t, read), raw):
			t.Fatalf("bit %d: read as\n%q\nis\n%q, %v", bit, written(t, read), raw, err)
		default:
			other++
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
	if refused == 0 || other == 0 {
		t.Errorf("%d refused, %d read as another state", refused, other)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestWriteTellsTheWritersError(t *testing.T) {
	t.Parallel()
	_, s := history(1, 100)
	if err := s.Write(failing{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A length that claims more than there is costs no more than what is there.
func TestReadStateTrustsNoLength(t *testing.T) {
	t.Parallel()
	var before, after runtime.MemStats
	for _, raw := range [][]byte{
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		append([]byte{byte(len(stateMagic) + 3 + 10*5)}, stateMagic+"\x00\x00\x01"+
			"\xff\xff\xff\xff\x07\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x07\xff\xff\xff\xff\x07\xff\xff\xff\xff\x07"...),
	} {
		runtime.ReadMemStats(&before)
		if _, err := ReadState(bytes.NewReader(raw), Config{}); !errors.Is(err, ErrFormat) {
			t.Errorf("%x: %v", raw, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 { // other tests allocate meanwhile
			t.Errorf("%x allocates %d bytes", raw, n)
		}
	}
}

// isWide reports whether what was read as a state is of the first version.
func isWide(raw []byte) bool {
	_, n := binary.Uvarint(raw)
	return raw[n+len(stateMagic)] == wideVersion
}

// FuzzReadState: no bytes panic, and what is read is written as the same bytes and goes on.
func FuzzReadState(f *testing.F) {
	for seed := range uint64(8) {
		_, s := history(seed, int(20*seed))
		f.Add(written(f, s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ReadState(bytes.NewReader(raw), Config{})
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if again := written(t, s); !bytes.Equal(again, raw) && !isWide(raw) {
			t.Fatalf("read and written again:\n%q\nwas\n%q", again, raw)
		}
		_ = dump(s)
		if s.now < maxInstant/2 {
			s.advance(s.now + YearSeconds)
		}
	})
}

// openHolds returns a state with n open holds of 2 lines with answers of 350 bytes.
func openHolds(n int) *State {
	const warehouses, skus = 50, 20_000
	s := NewState(Config{})
	must(s.Extend(noon, ids("warehouse-", warehouses), ids("sku-", skus), ids("service-", 8), []string{"v1"}))
	levels := make([]StockLevel, 0, skus)
	for w := range Warehouse(warehouses) {
		levels = levels[:0]
		for sku := range SKU(skus) {
			levels = append(levels, StockLevel{w, sku, 1_000_000, 2})
		}
		_, err := s.SetStock(noon, Request{}, levels)
		must(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	answer := make([]byte, 350)
	for i := range n {
		w, w2 := Warehouse(rng.IntN(warehouses)), Warehouse(rng.IntN(warehouses))
		_, err := s.Allocate(&Allocation{
			Request: Request{ID: fmt.Sprint("request-", i)}, At: noon + units.Instant(i/1000), Order: "order-1234567", TTL: 6000 + int64(i%1000),
			Stock:     []StockClaim{{w, SKU(rng.IntN(skus)), 1}, {w2, SKU(rng.IntN(skus)), 2}},
			Shipments: []ShipmentClaim{{w, 1, units.Date(noon / 86_400), 1}, {w2, 1, units.Date(noon / 86_400), 1}},
			Basis:     Basis{Network: 1, Sequence: s.sequence, At: noon}, Answer: append([]byte(nil), answer...),
		})
		must(err)
		if i%2 == 0 {
			_, err = s.Confirm(s.now, HoldID(i+1), Request{})
			must(err)
		}
	}
	return s
}

// BenchmarkReadState reads a snapshot with a million open holds, as a restart does.
func BenchmarkReadState(b *testing.B) {
	const holds = 1_000_000
	raw := written(b, openHolds(holds))
	b.SetBytes(int64(len(raw)))
	var before, after runtime.MemStats
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		s, err := ReadState(bytes.NewReader(raw), Config{})
		must(err)
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if s.Open() != holds {
			b.Fatal(s.Open(), "open")
		}
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/restart")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/holds, "B/hold")
	b.ReportMetric(float64(len(raw))/holds, "written-B/hold")
}

func BenchmarkWrite(b *testing.B) {
	s := openHolds(200_000)
	for b.Loop() {
		must(s.Write(io.Discard))
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "holds/s")
}
