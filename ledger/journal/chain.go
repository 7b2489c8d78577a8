package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// The encoding of a group, integers big-endian:
//
//	hash 32 | previous hash 32 | epoch 8 | first sequence 8 | count 4 | count × (length 4 | record)
//
// hash is SHA-256 over all that follows it, so encoding and hashing go over the same bytes once.
const (
	hashSize     = sha256.Size
	groupHeader  = hashSize + hashSize + 8 + 8 + 4
	recordHeader = 4
)

// MinGroup is the size of the smallest encoding of a group.
const MinGroup = groupHeader + recordHeader

// FirstOf returns the number of the first record of an encoded group, of at least MinGroup bytes, without verifying it.
func FirstOf(encoding []byte) uint64 { return binary.BigEndian.Uint64(encoding[2*hashSize+8:]) }

// AppendGroup appends the encoding of a group that follows previous, and returns it with the position after the group:
// its hash is SHA-256(previous hash ‖ epoch ‖ first sequence ‖ count ‖ length-prefixed records). The records must
// satisfy CheckRecords and not be empty.
func AppendGroup(dst []byte, previous Position, epoch uint64, records [][]byte) ([]byte, Position) {
	begin := len(dst)
	dst = append(dst, make([]byte, hashSize)...)
	dst = append(dst, previous.Hash[:]...)
	dst = binary.BigEndian.AppendUint64(dst, epoch)
	dst = binary.BigEndian.AppendUint64(dst, previous.Sequence+1)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(records)))
	for _, r := range records {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(r)))
		dst = append(dst, r...)
	}
	end := Position{Sequence: previous.Sequence + uint64(len(records)), Hash: sha256.Sum256(dst[begin+hashSize:])}
	copy(dst[begin:], end.Hash[:])
	return dst, end
}

// DecodeGroup decodes and verifies one group, and returns it with the position before it. The records alias the encoding;
// their slice is appended to records, which may be nil. Errors are DamageErrors.
func DecodeGroup(encoding []byte, records [][]byte) (previous Position, g Group, err error) {
	damage := func(format string, args ...any) (Position, Group, error) {
		return Position{}, Group{}, &DamageError{Sequence: previous.Sequence, What: "a group " + fmt.Sprintf(format, args...)}
	}
	if len(encoding) < groupHeader {
		return damage("of %d bytes is cut off", len(encoding))
	}
	body := encoding[hashSize:]
	hash := sha256.Sum256(body)
	if hash != [hashSize]byte(encoding) {
		return damage("has another hash than its content")
	}
	previous.Hash = [hashSize]byte(body)
	body = body[hashSize:]
	g.Epoch = binary.BigEndian.Uint64(body)
	g.First = binary.BigEndian.Uint64(body[8:])
	count := binary.BigEndian.Uint32(body[16:])
	body = body[20:]
	if g.First == 0 || count == 0 || count > MaxRecords || g.First+uint64(count) < g.First {
		return damage("of %d records from %d makes no sense", count, g.First)
	}
	previous.Sequence = g.First - 1
	for range count {
		if len(body) < recordHeader {
			return damage("ends before its records")
		}
		length := binary.BigEndian.Uint32(body)
		body = body[recordHeader:]
		if uint64(length) > uint64(len(body)) {
			return damage("ends inside a record")
		}
		records = append(records, body[:length:length])
		body = body[length:]
	}
	if len(body) != 0 {
		return damage("has %d bytes too many", len(body))
	}
	g.Records = records
	g.End = Position{Sequence: previous.Sequence + uint64(count), Hash: hash}
	return previous, g, nil
}

// A Chain verifies that groups follow one another. The zero Chain takes any first group.
type Chain struct {
	at    Position
	epoch uint64
	known bool
}

// From makes the chain expect a group that follows a known position.
func (c *Chain) From(at Position) { c.at, c.known = at, true }

// Next takes a decoded group with the position before it; a DamageError says that it does not follow.
func (c *Chain) Next(previous Position, g *Group) error {
	switch {
	case c.known && previous.Sequence != c.at.Sequence:
		return &DamageError{Sequence: c.at.Sequence, What: fmt.Sprintf("the next group begins with record %d", g.First)}
	case c.known && previous.Hash != c.at.Hash:
		return &DamageError{Sequence: c.at.Sequence, What: "the next group continues another chain"}
	case g.Epoch < c.epoch:
		return &DamageError{Sequence: c.at.Sequence, What: fmt.Sprintf("a group of epoch %d follows one of epoch %d", g.Epoch, c.epoch)}
	}
	c.at, c.epoch, c.known = g.End, g.Epoch, true
	return nil
}

// End checks that the groups ended where the journal does.
func (c *Chain) End(end Position) error {
	switch {
	case c.at.Sequence != end.Sequence:
		return &DamageError{Sequence: c.at.Sequence, What: fmt.Sprintf("the records up to %d are missing", end.Sequence)}
	case c.at.Hash != end.Hash:
		return &DamageError{Sequence: c.at.Sequence, What: "the journal ends with another hash"}
	}
	return nil
}

// After returns the group without its records up to and including a sequence, which must be before its last.
func (g Group) After(sequence uint64) Group {
	if sequence >= g.First {
		g.Records = g.Records[sequence+1-g.First:]
		g.First = sequence + 1
	}
	return g
}
