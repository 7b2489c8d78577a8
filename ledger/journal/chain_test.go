package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/allot-engine/allot/internal/seeds"
)

func TestGroupsDecodeToWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := Position{Sequence: rapid.Uint64Range(0, 1<<63).Draw(t, "sequence")}
		copy(before.Hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		epoch := rapid.Uint64().Draw(t, "epoch")
		records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 20), 1, 10).Draw(t, "records")
		size, err := CheckRecords(records)
		if err != nil {
			t.Fatal(err)
		}
		encoding, end := AppendGroup([]byte("before"), before, epoch, records)
		encoding = encoding[len("before"):]
		if len(encoding) != size {
			t.Fatalf("%d bytes, and CheckRecords said %d", len(encoding), size)
		}
		previous, g, err := DecodeGroup(encoding, nil)
		if err != nil {
			t.Fatal(err)
		}
		if previous != before || g.Epoch != epoch || g.First != before.Sequence+1 || g.End != end || !slices.EqualFunc(g.Records, records, bytes.Equal) {
			t.Fatalf("decoded %v %v", previous, g)
		}
	})
}

func TestDamagedGroupsAreRefused(t *testing.T) {
	encoding, _ := AppendGroup(nil, Position{Sequence: 4}, 2, [][]byte{[]byte("a"), nil, []byte("bcd")})
	for bit := range 8 * len(encoding) {
		damaged := slices.Clone(encoding)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, _, err := DecodeGroup(damaged, nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("bit %d: %v", bit, err)
		}
	}
	for n := range encoding {
		if _, _, err := DecodeGroup(encoding[:n], nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, _, err := DecodeGroup(append(slices.Clone(encoding), 0), nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestChainRefusesWhatDoesNotFollow(t *testing.T) {
	first, at := AppendGroup(nil, Position{}, 3, [][]byte{nil})
	next, end := AppendGroup(nil, at, 3, [][]byte{nil, nil})
	decode := func(b []byte) (Position, *Group) {
		before, g, err := DecodeGroup(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return before, &g
	}
	another, _ := AppendGroup(nil, Position{Sequence: 1}, 3, [][]byte{nil})
	gap, _ := AppendGroup(nil, end, 3, [][]byte{nil})
	older, _ := AppendGroup(nil, at, 2, [][]byte{nil})
	for name, b := range map[string][]byte{"again": first, "another chain": another, "a gap": gap, "an older epoch": older} {
		var chain Chain
		chain.From(Position{})
		if err := chain.Next(decode(first)); err != nil {
			t.Fatal(err)
		}
		if err := chain.Next(decode(b)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var chain Chain
	chain.From(Position{})
	for _, b := range [][]byte{first, next} {
		if err := chain.Next(decode(b)); err != nil {
			t.Error(err)
		}
	}
	if err := chain.End(end); err != nil {
		t.Error(err)
	}
	if err := chain.End(at); !errors.Is(err, ErrDamaged) {
		t.Errorf("at another end: %v", err)
	}
}

// FuzzDecodeGroup wants no panic, nothing taken that encodes otherwise, and no memory beyond the input's size. Half of
// the inputs get a right hash, since no fuzzer finds one.
func FuzzDecodeGroup(f *testing.F) {
	good, _ := AppendGroup(nil, Position{Sequence: 4}, 2, [][]byte{[]byte("a"), nil, []byte("bcd")})
	f.Add(good, false)
	f.Add(good[:len(good)-1], true)
	huge := slices.Clone(good)
	binary.BigEndian.PutUint32(huge[groupHeader-4:], 1<<32-1)
	f.Add(huge, true)
	f.Fuzz(func(t *testing.T, encoding []byte, hashed bool) {
		if hashed && len(encoding) >= hashSize {
			encoding = slices.Clone(encoding)
			hash := sha256.Sum256(encoding[hashSize:])
			copy(encoding, hash[:])
		}
		before, g, err := DecodeGroup(encoding, nil)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if again, end := AppendGroup(nil, before, g.Epoch, g.Records); !bytes.Equal(again, encoding) || end != g.End {
			t.Fatalf("%x decodes, and encodes as %x", encoding, again)
		}
	})
}
