package importers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/allot-engine/allot/faults"
)

// maxInput bounds one input file, after decompression: 64 MiB. The longest list a carrier publishes today, a zone
// for every ZIP of the United States, takes one.
const maxInput = 64 << 20

// An input is one published file: decompressed, and in UTF-8 with no byte order mark.
type input struct {
	name string // as the caller gave it; names the file in faults and reports
	text []byte
}

// readInputs reads every file. What cannot be read is a fault in fl; what had to be repaired is a warning in rep.
func readInputs(files []string, rep *Report, fl *faults.List) []input {
	if len(files) == 0 {
		fl.Addf("", 0, 0, "", "name the file or files to import", "no file was given")
	}
	seen := map[string]bool{}
	ins := make([]input, 0, len(files))
	for _, name := range files {
		if seen[name] {
			fl.Addf(name, 0, 0, "", "name each file once", "the file was given twice")
			continue
		}
		seen[name] = true
		raw, err := readLimited(name)
		if err != nil {
			mend := "check the name and that the file can be read"
			if errors.Is(err, errTooLarge) {
				mend = "split the file"
			}
			fl.Addf(name, 0, 0, "", mend, "%v", err)
			continue
		}
		if in, ok := decode(name, raw, rep, fl); ok {
			ins = append(ins, in)
		}
	}
	return ins
}

var errTooLarge = fmt.Errorf("larger than %d bytes", maxInput)

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return limited(f)
}

func limited(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(raw) > maxInput {
		err = errTooLarge
	}
	return raw, err
}

// decode turns the bytes of a file into text. A gzip file is known by its first two bytes, whatever its name.
func decode(name string, raw []byte, rep *Report, fl *faults.List) (input, bool) {
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			raw, err = limited(zr)
		}
		if err != nil {
			fl.Addf(name, 0, 0, "", "fetch the file again", "the gzip data is damaged or cut off: %v", err)
			return input{}, false
		}
	}
	if bytes.HasPrefix(raw, []byte{0xff, 0xfe}) || bytes.HasPrefix(raw, []byte{0xfe, 0xff}) {
		fl.Addf(name, 1, 0, "", "save the file as UTF-8", "the file is UTF-16 text")
		return input{}, false
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if i := bytes.IndexFunc(raw, isBinary); i >= 0 {
		fl.Addf(name, 1+bytes.Count(raw[:i], []byte{'\n'}), 0, "", "give the CSV or JSON file as the carrier publishes it",
			"the file is not text: it holds the byte 0x%02x", raw[i])
		return input{}, false
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		fl.Addf(name, 1, 0, "", "fetch the file again", "the file is empty")
		return input{}, false
	}
	text, repaired := repairUTF8(raw)
	if repaired > 0 {
		rep.warn("%s: %d bytes are not UTF-8, the first in line %d; they were read as Windows-1252", name, repaired,
			1+bytes.Count(raw[:firstInvalid(raw)], []byte{'\n'}))
	}
	return input{name: name, text: text}, true
}

func isBinary(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }

// windows1252 is the upper control block of that code page, which differs from Latin-1 only there. U+FFFD stands
// for the five bytes that have no meaning. Source: the WHATWG Encoding Standard, index windows-1252.
var windows1252 = []rune("€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ")

// repairUTF8 reads every byte that is not part of a UTF-8 sequence as Windows-1252, in which spreadsheets of the
// carriers' kind save their CSV: there 0xAE is the registered mark. It works byte by byte because files glued
// together from several exports mix both. It returns the text and how many bytes it read so.
func repairUTF8(raw []byte) ([]byte, int) {
	if utf8.Valid(raw) {
		return raw, 0
	}
	out := make([]byte, 0, len(raw)+len(raw)/8)
	repaired := 0
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			repaired++
			r = rune(raw[i])
			if r < 0xa0 {
				r = windows1252[r-0x80]
			}
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out, repaired
}

func firstInvalid(raw []byte) int {
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(raw)
}

// clip shortens what a fault quotes.
func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "…"
}
