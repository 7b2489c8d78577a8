// Package strictyaml decodes a YAML file into a struct and lists everything that is wrong with it at once: unknown
// keys with the nearest known one, values of the wrong shape, text its type cannot read; each with line and column.
// Faults found later, when the decoded values are checked against each other, can be placed by the same paths.
//
// A usual decoder stops at the first fault and, after decoding, has forgotten where a value stood. Parsing is
// goccy/go-yaml's; only the walk from its tree to the struct is here. Anchors, aliases, merge keys and tags are
// refused: a file that prices parcels says what it means where it means it.
package strictyaml

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/allot-engine/allot/faults"
)

// Ceilings of a file. The parser takes time that grows with the square of the nesting, so both are bounded before
// it sees the text.
const (
	MaxBytes = 1 << 18 // of the file
	MaxDepth = 50      // of nested brackets, and of dashes at the beginning of one line
)

// A Document remembers where each value of a decoded file stood.
type Document struct {
	places map[string]place // by path, as "surcharges[2].amount"
}

type place struct{ line, column int }

// A Var is what a scalar that reads $NAME stands for.
type Var struct {
	Text         string // in place of the scalar's own
	Line, Column int    // where it stands: faults of the value are placed there; 0 where that is not known
}

// A Raw is a value that is not decoded yet, for fields whose shape or variables are known only once others are read.
// The zero Raw is a value that was left out.
type Raw struct {
	d    *decoder
	path string
	node ast.Node
}

// A Shape is what a value looks like in the file.
type Shape uint8

// The shapes of values.
const (
	Absent  Shape = iota // left out, or null
	Scalar               // one value
	List                 // a list
	Mapping              // keys and values
)

// Shape returns the shape of the value.
func (r *Raw) Shape() Shape {
	switch r.node.(type) {
	case nil, *ast.NullNode:
		return Absent
	case *ast.SequenceNode:
		return List
	case *ast.MappingNode, *ast.MappingValueNode:
		return Mapping
	}
	return Scalar
}

// Decode reads the value into what into points to, as Decode does a file. Where vars is not nil, a scalar that reads $NAME
// stands for the variable of that name; one that vars does not have is a fault. used, where not nil, is told the names that
// were. The Document knows the places of the whole file and of this value.
func (r *Raw) Decode(into any, vars map[string]Var, used map[string]bool, fl *faults.List) *Document {
	if r.d == nil {
		return &Document{places: map[string]place{}}
	}
	d := &decoder{Document: Document{places: maps.Clone(r.d.places)}, file: r.d.file, faults: fl, vars: vars, used: used}
	d.walk(r.path, r.node, reflect.ValueOf(into).Elem())
	return &d.Document
}

// A decoder is one run of Decode.
type decoder struct {
	Document
	file   string
	faults *faults.List
	vars   map[string]Var
	used   map[string]bool
}

// Decode reads the one YAML document in data into the struct into points to, by its yaml tags. Faults go to fl under
// the name file; into holds what could be read. A key that is absent or null leaves its field as it is.
// Fields may be structs, pointers, slices, maps by string, strings, booleans, integers, types that read text, and Raw. The
// keys of an embedded struct with the tag ",inline" stand among those of the struct around it.
func Decode(file string, data []byte, into any, fl *faults.List) *Document {
	d := &decoder{Document: Document{places: map[string]place{}}, file: file, faults: fl}
	root := d.parse(data)
	if root != nil {
		d.places[""] = place{1, 1}
		d.walk("", root, reflect.ValueOf(into).Elem())
	}
	return &d.Document
}

// Place returns the line and column, from 1, of the value with the given path, as "surcharges[2].amount", or of the
// nearest part of the path that the file has; 0, 0 where it could not be parsed.
func (d *Document) Place(path string) (line, column int) {
	at, ok := d.places[path]
	for !ok && path != "" {
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
		at, ok = d.places[path]
	}
	return at.line, at.column
}

func (d *decoder) fault(path, mend, format string, args ...any) {
	line, column := d.Place(path)
	d.faults.Addf(d.file, line, column, path, mend, format, args...)
}

// Has tells whether the file has a value at the path; Has("") whether it could be parsed at all.
func (d *Document) Has(path string) bool {
	_, ok := d.places[path]
	return ok
}

func (d *decoder) parse(data []byte) (root ast.Node) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) > MaxBytes {
		d.faults.Addf(d.file, 0, 0, "", "split it", "the file is larger than %d bytes", MaxBytes)
		return nil
	}
	if !utf8.Valid(data) {
		d.faults.Addf(d.file, invalidLine(data), 0, "", "save the file as UTF-8", "the file is not UTF-8 text")
		return nil
	}
	if line := tooDeep(data); line > 0 {
		d.faults.Addf(d.file, line, 0, "", "write it flatter", "values nest more than %d deep", MaxDepth)
		return nil
	}
	// The parser is fed text that strangers wrote; a panic in it is a fault of the file, not of the process.
	defer func() {
		if r := recover(); r != nil {
			d.faults.Addf(d.file, 0, 0, "", "check its syntax", "the file is no YAML that can be read")
			root = nil
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		line, column, message := 0, 0, err.Error()
		if se, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			message = se.Message
			if se.Token != nil && se.Token.Position != nil {
				line, column = se.Token.Position.Line, se.Token.Position.Column
			}
		}
		d.faults.Addf(d.file, line, column, "", "check indentation, quotes and brackets", "%s", message)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.DirectiveType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.faults.Addf(d.file, 1, 1, "", "fill it in", "the file is empty")
		return nil
	case 1:
		return bodies[0]
	}
	at := placeOf(bodies[1])
	d.faults.Addf(d.file, at.line, at.column, "", "write each into a file of its own", "the file has more than one document")
	return nil
}

func invalidLine(data []byte) int {
	for i, line := range bytes.Split(data, []byte{'\n'}) {
		if !utf8.Valid(line) {
			return i + 1
		}
	}
	return 0
}

// tooDeep returns the first line at which brackets, or dashes at the beginning of a line, nest beyond MaxDepth, or 0. It
// counts brackets within quotes too: no honest file comes near.
func tooDeep(data []byte) int {
	depth := 0
	for i, line := range bytes.Split(data, []byte{'\n'}) {
		dashes := 0
		for rest := bytes.TrimLeft(line, " "); bytes.HasPrefix(rest, []byte("- ")) || bytes.HasPrefix(rest, []byte("? ")); dashes++ {
			rest = bytes.TrimLeft(rest[2:], " ")
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			}
			if depth > MaxDepth || dashes > MaxDepth {
				return i + 1
			}
		}
	}
	return 0
}

// placeOf returns where a node begins. A block mapping's own token is that of its first colon, so its place is taken
// from its first key.
func placeOf(n ast.Node) place {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			n = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		n = m.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{t.Position.Line, t.Position.Column}
	}
	return place{}
}

// walk sets v from the node.
func (d *decoder) walk(path string, n ast.Node, v reflect.Value) {
	if v.Type() == reflect.TypeFor[Raw]() {
		d.at(path, n)
		v.Set(reflect.ValueOf(Raw{d, path, n}))
		return
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.at(path, n)
		d.fault(path, "write the value itself", "anchors, aliases and tags are not read")
		return
	case *ast.MappingValueNode:
		d.mapping(path, n, []*ast.MappingValueNode{n}, v)
		return
	case *ast.MappingNode:
		d.mapping(path, n, n.Values, v)
		return
	case *ast.SequenceNode:
		d.sequence(path, n, v)
		return
	}
	d.scalar(path, n, v)
}

// at remembers where the value of a path stands.
func (d *decoder) at(path string, n ast.Node) {
	if path != "" {
		d.places[path] = placeOf(n)
	}
}

// indirect follows pointers to the value to set, allocating them.
func indirect(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	return v
}

func readsText(v reflect.Value) (encoding.TextUnmarshaler, bool) {
	return reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
}

func (d *decoder) mapping(path string, n ast.Node, entries []*ast.MappingValueNode, v reflect.Value) {
	d.at(path, n)
	kind := v.Type()
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	_, text := readsText(reflect.New(kind).Elem())
	if text || kind.Kind() != reflect.Struct && kind.Kind() != reflect.Map {
		d.fault(path, "write "+shape(kind), "keys and values stand where none belong")
		return
	}
	v = indirect(v)
	fields, names := fieldsOf(v)
	for _, e := range entries {
		key, ok := scalarText(e.Key)
		if !ok {
			at := placeOf(e.Key)
			d.faults.Addf(d.file, at.line, at.column, path, "write a plain name", "a key is not a name")
			continue
		}
		child := join(path, key)
		if v.Kind() == reflect.Map {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			elem := reflect.New(v.Type().Elem()).Elem()
			d.walk(child, e.Value, elem)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
			continue
		}
		i, ok := fields[key]
		if !ok {
			mend := faults.DidYouMean(key, names)
			if mend == "" {
				mend = "the keys here are " + strings.Join(names, ", ")
			}
			at := placeOf(e.Key)
			d.faults.Addf(d.file, at.line, at.column, child, mend, "unknown key %q", clip(key))
			continue
		}
		d.walk(child, e.Value, v.FieldByIndex(i))
	}
}

// fieldsOf returns the index of each yaml key of a struct, and the keys in order.
func fieldsOf(v reflect.Value) (map[string][]int, []string) {
	if v.Kind() != reflect.Struct {
		return nil, nil
	}
	fields := map[string][]int{}
	var names []string
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" && f.IsExported() && inlined(v.Type(), f.Index) {
			fields[name] = f.Index
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return fields, names
}

// inlined tells whether every struct around a field is embedded with the tag ",inline".
func inlined(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		f := t.Field(i)
		if f.Tag.Get("yaml") != ",inline" {
			return false
		}
		t = f.Type
	}
	return true
}

func (d *decoder) sequence(path string, n *ast.SequenceNode, v reflect.Value) {
	d.at(path, n)
	kind := v.Type()
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if kind.Kind() != reflect.Slice {
		d.fault(path, "write "+shape(kind), "a list stands where none belongs")
		return
	}
	v = indirect(v)
	v.Set(reflect.MakeSlice(v.Type(), len(n.Values), len(n.Values)))
	for i, e := range n.Values {
		d.walk(fmt.Sprintf("%s[%d]", path, i), e, v.Index(i))
	}
}

func (d *decoder) scalar(path string, n ast.Node, v reflect.Value) {
	d.at(path, n)
	text, ok := scalarText(n)
	if !ok {
		d.fault(path, "check its syntax", "the value cannot be read")
		return
	}
	if name, isVar := strings.CutPrefix(text, "$"); isVar && d.vars != nil {
		known, ok := d.vars[name]
		if !ok {
			names := slices.Sorted(maps.Keys(d.vars))
			for i := range names {
				names[i] = "$" + names[i]
			}
			d.fault(path, cmp.Or(faults.DidYouMean(text, names), "the variables here are "+cmp.Or(strings.Join(names, ", "), "none")), "nothing says what %q stands for", clip(text))
			return
		}
		if d.used != nil {
			d.used[name] = true
		}
		text = known.Text
		if known.Line > 0 {
			d.places[path] = place{known.Line, known.Column}
		}
	}
	v = indirect(v)
	if u, ok := readsText(v); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			d.fault(path, "", "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes":
			v.SetBool(true)
		case "false", "no":
			v.SetBool(false)
		default:
			d.fault(path, "write true or false", "%q is neither true nor false", clip(text))
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			d.fault(path, "write a whole number", "%q is no whole number of this range", clip(text))
			return
		}
		v.SetInt(i)
	default:
		d.fault(path, "write "+shape(v.Type()), "%q stands where %s belongs", clip(text), shape(v.Type()))
	}
}

// scalarText returns the text of a scalar as it was written, without its quotes.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func shape(t reflect.Type) string {
	if _, ok := readsText(reflect.New(t).Elem()); ok {
		return "one value"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "keys and values"
	}
	return "one value"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
