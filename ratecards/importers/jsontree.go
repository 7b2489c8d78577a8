package importers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/allot-engine/allot/faults"
)

// A node is one value of a JSON file with its path, so that every fault can say where it stands. Decoding into
// structs would report the first wrong type only.
type node struct {
	in    *input
	fl    *faults.List
	path  string // as destinations[3].zoneId
	value any
	ok    bool // the value is there
}

// readJSON parses the whole of in. A syntax error is a fault with its line.
func readJSON(in *input, fl *faults.List) (node, bool) {
	dec := json.NewDecoder(bytes.NewReader(in.text))
	dec.UseNumber()
	n := node{in: in, fl: fl, ok: true}
	err := dec.Decode(&n.value)
	at := dec.InputOffset()
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more text follows the end of the JSON value")
		}
	}
	if err != nil {
		if se := (*json.SyntaxError)(nil); errors.As(err, &se) {
			at = se.Offset
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			at, err = int64(len(in.text)), errors.New("the file ends in the middle of a value: it was cut off")
		}
		line := 1 + bytes.Count(in.text[:min(int(at), len(in.text))], []byte{'\n'})
		fl.Addf(in.name, line, 0, "", "give the JSON file as the carrier's site answers it", "no JSON: %v", err)
		return node{}, false
	}
	return n, true
}

func (n node) fault(mend, format string, args ...any) {
	n.fl.Addf(n.in.name, 0, 0, n.path, mend, format, args...)
}

// has tells whether an object has a member that is not null.
func (n node) has(name string) bool {
	m, _ := n.value.(map[string]any)
	return m[name] != nil
}

// member returns the named member of an object; the result's ok is false when n is no object or lacks it.
func (n node) member(name string) node {
	path := name
	if n.path != "" {
		path = n.path + "." + name
	}
	m, _ := n.value.(map[string]any)
	v := m[name]
	return node{in: n.in, fl: n.fl, path: path, value: v, ok: v != nil}
}

// items returns the elements of an array; anything else is a fault and returns none.
func (n node) items() []node {
	list, ok := n.value.([]any)
	if !ok {
		n.fault("give an array", "%s", n.wrong())
		return nil
	}
	nodes := make([]node, len(list))
	for i, v := range list {
		nodes[i] = node{in: n.in, fl: n.fl, path: fmt.Sprintf("%s[%d]", n.path, i), value: v, ok: true}
	}
	return nodes
}

// text returns a string or a number as it is written; anything else is a fault and ok is false.
func (n node) text() (s string, ok bool) {
	switch v := n.value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	}
	n.fault("give a string", "%s", n.wrong())
	return "", false
}

// optional returns the text of a value that may be missing; ok is false only when it is there and no text.
func (n node) optional() (s string, ok bool) {
	if !n.ok {
		return "", true
	}
	return n.text()
}

func (n node) wrong() string {
	switch v := n.value.(type) {
	case nil:
		return "is missing"
	case string:
		return strconv.Quote(clip(v)) + " is of the wrong kind"
	case json.Number:
		return clip(v.String()) + " is of the wrong kind"
	case bool:
		return strconv.FormatBool(v) + " is of the wrong kind"
	case []any:
		return "an array stands here"
	default:
		return "an object stands here"
	}
}
