package strictyaml

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

type settings struct {
	Name    string                 `yaml:"name"`
	Count   int                    `yaml:"count,omitempty"`
	On      bool                   `yaml:"on"`
	Weight  units.Weight           `yaml:"weight"`
	Price   *units.Money           `yaml:"price"`
	Tags    []string               `yaml:"tags"`
	Parts   []part                 `yaml:"parts"`
	Best    *part                  `yaml:"best"`
	ByZone  map[string]units.Money `yaml:"by_zone"`
	Ratio   float64                `yaml:"ratio"` // a kind Decode does not know
	ignored string                 `yaml:"ignored"`
	Left    string                 `yaml:"-"`
}

type part struct {
	Size units.Length `yaml:"size"`
	Name string       `yaml:"name"`
}

func TestDecode(t *testing.T) {
	var fl faults.List
	var s settings
	doc := Decode("f.yaml", []byte("\xef\xbb\xbf"+`# a comment
name: "two words"
count: -7
on: yes
weight: 3 lb 4 oz
price: 8.20
tags: [a, "b c", 2.50]
parts:
  - size: 2 in
    name: >
      folded
      text
  - {size: 10 cm}
best: {name: x}
by_zone: {2: 1.00, "9-10": 2.50}
ignored:
`), &s, &fl)
	if got := fl.Len(); got != 1 || !strings.Contains(fl.Faults()[0].String(), `f.yaml:16:1 ignored: unknown key "ignored"`) {
		t.Fatal(fl.Err())
	}
	if s.Name != "two words" || s.Count != -7 || !s.On || s.Weight != 52*units.Ounce || *s.Price != 820*units.Cent ||
		!slices.Equal(s.Tags, []string{"a", "b c", "2.50"}) || len(s.Parts) != 2 || s.Parts[0].Size != 2*units.Inch ||
		s.Parts[0].Name != "folded text\n" || s.Parts[1].Size != 100*units.Millimetre || s.Best.Name != "x" ||
		s.ByZone["2"] != units.Currency || s.ByZone["9-10"] != 250*units.Cent || s.ignored != "" {
		t.Errorf("decoded %+v", s)
	}
	for path, want := range map[string][2]int{
		"name": {2, 7}, "parts[1]": {13, 5}, "parts[1].size": {13, 12}, "parts[0]": {9, 5}, "parts[0].name": {10, 11},
		"parts[1].name": {13, 5}, "parts[7].name.x": {9, 3}, "nothing": {1, 1}, "best": {14, 7}, "by_zone.9-10": {15, 28}, "": {1, 1},
	} {
		if line, column := doc.Place(path); line != want[0] || column != want[1] {
			t.Errorf("Place(%q) = %d, %d, want %d, %d", path, line, column, want[0], want[1])
		}
	}
	if !doc.Has("parts[1].size") || doc.Has("parts[1].name") || !doc.Has("") {
		t.Error("Has is wrong")
	}
}

func TestDecodeFaults(t *testing.T) {
	for _, k := range []struct{ text, want string }{
		{"", "f.yaml:1:1: the file is empty"},
		{"# nothing\n", "f.yaml:1:1: the file is empty"},
		{"nmae: a", `f.yaml:1:1 nmae: unknown key "nmae"; did you mean "name"?`},
		{"zzzzzzzzzz: a", "the keys here are best, by_zone, count, name, on, parts, price, ratio, tags, weight"},
		{"parts: [{sise: 1 in}]", `f.yaml:1:10 parts[0].sise: unknown key "sise"; did you mean "size"?`},
		{"parts: [{size: 1 inn}]", `f.yaml:1:16 parts[0].size: "1 inn" is no length`},
		{"weight: .inf", `"`},
		{"weight: .nan", `f.yaml:1:9 weight: ".nan" is no weight`},
		{"count: 9999999999999999999999", "is no whole number of this range"},
		{"count: 1.5", `"1.5" is no whole number`},
		{"on: perhaps", `f.yaml:1:5 on: "perhaps" is neither true nor false`},
		{"tags: a", `f.yaml:1:7 tags: "a" stands where a list belongs; write a list`},
		{"tags: {a: b}", "tags: keys and values stand where none belong; write a list"},
		{"parts: [1]", `parts[0]: "1" stands where keys and values belongs`},
		{"best: [1]", "best: a list stands where none belongs; write keys and values"},
		{"weight: [1]", "weight: a list stands where none belongs; write one value"},
		{"weight: {lb: 1}", "weight: keys and values stand where none belong; write one value"},
		{"name: {a: b}", "name: keys and values stand where none belong; write one value"},
		{"ratio: 1.5", `ratio: "1.5" stands where one value belongs`},
		{"name: &a b", "anchors, aliases and tags are not read; write the value itself"},
		{"name: !!str b", "anchors, aliases and tags are not read"},
		{"best: &b {name: x}\nparts: [*b]", "parts[0]: anchors, aliases and tags are not read"},
		{"name: a\nname: b", "f.yaml:2:1: mapping key \"name\" already defined"},
		{"name: a\n---\nname: b", "f.yaml:3:1: the file has more than one document; write each into a file of its own"},
		{"name: [a", "check indentation, quotes and brackets"},
		{"name: a\n\tcount: 1", "check indentation"},
		{"<<: {name: b}", "a key is not a name; write a plain name"},
		{"- a\n- b", "a list stands where none belongs; write keys and values"},
		{"plain", `"plain" stands where keys and values belongs`},
		{"name: a\xff", "f.yaml:1: the file is not UTF-8 text; save the file as UTF-8"},
		{"tags: " + strings.Repeat("[", MaxDepth+1), "f.yaml:1: values nest more than 50 deep"},
		{"tags:\n" + strings.Repeat("- ", MaxDepth+1), "f.yaml:2: values nest more than 50 deep"},
		{strings.Repeat("#", MaxBytes+1), "the file is larger than 262144 bytes; split it"},
	} {
		t.Run(k.text[:min(len(k.text), 40)], func(t *testing.T) {
			var fl faults.List
			var s settings
			Decode("f.yaml", []byte(k.text), &s, &fl)
			if err := fl.Err(); err == nil || !strings.Contains(err.Error(), k.want) {
				t.Errorf("faults %v, want %q", err, k.want)
			}
		})
	}
}

// TestDecodeListsAllFaults: one pass finds every fault, and what is right is read all the same.
func TestDecodeListsAllFaults(t *testing.T) {
	var fl faults.List
	var s settings
	Decode("f.yaml", []byte("name: good\nweight: heavy\ncont: 3\nparts:\n  - size: long\n  - size: 2 in\nprice: 1.2.3\n"), &s, &fl)
	var got []string
	for _, f := range fl.Faults() {
		got = append(got, f.Field)
	}
	if want := []string{"weight", "cont", "parts[0].size", "price"}; !slices.Equal(got, want) {
		t.Errorf("faults of %v, want %v", got, want)
	}
	if s.Name != "good" || s.Parts[1].Size != 2*units.Inch {
		t.Errorf("what is right was not read: %+v", s)
	}
}

// TestLargeFilesDecodeSoon guards the ceilings: the parser's time grows faster than the file, so the largest file
// that is accepted must still be read soon.
func TestLargeFilesDecodeSoon(t *testing.T) {
	var b strings.Builder
	b.WriteString("parts:\n")
	for b.Len() < MaxBytes-100 {
		b.WriteString("  - {size: 12.5 in, name: part}\n")
	}
	var fl faults.List
	var s settings
	start := time.Now()
	Decode("f.yaml", []byte(b.String()), &s, &fl)
	if fl.Err() != nil || len(s.Parts) < 5_000 {
		t.Fatalf("%d parts, %v", len(s.Parts), fl.Err())
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("the largest file took %s", took)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "name: a\ncount: 1\n", "parts:\n  - size: 2 in\n  - {size: 1 cm, name: x}\n", "by_zone: {2: 1.00}\n", "name: |\n  a\n  b\n",
		"? a\n: b\n", "a: &x 1\nb: *x\n", "<<: {a: b}\n", "name: !!binary aGk=\n", "---\n...\n---\n", "%YAML 1.2\n---\nname: a\n", "tags: [a, b,]\n", "\"\\u00e9\": x", "name: 'it''s'\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4_000 {
			return // the parser's time, not ours
		}
		var fl faults.List
		var s settings
		doc := Decode("f.yaml", data, &s, &fl)
		for _, fault := range fl.Faults() {
			if fault.File != "f.yaml" || fault.Problem == "" {
				t.Errorf("a fault without a file or a problem: %+v", fault)
			}
		}
		if !doc.Has("") && fl.Len() == 0 {
			t.Error("nothing was read and nothing is wrong")
		}
		doc.Place("parts[3].size")
	})
}

type common struct {
	From units.Date `yaml:"from"`
	To   units.Date `yaml:"to"`
}

type worded struct {
	Kind   string `yaml:"kind"`
	common `yaml:",inline"`
	Rest   Raw            `yaml:"rest"`
	By     map[string]Raw `yaml:"by"`
	Gone   Raw            `yaml:"gone"`
}

func TestInlineKeysStandAmongTheOthers(t *testing.T) {
	var fl faults.List
	var s worded
	doc := Decode("f.yaml", []byte("kind: a\nfrom: 2026-12-01\nunto: 2026-12-02\n"), &s, &fl)
	if s.From != units.DateOf(2026, 12, 1) || !doc.Has("from") {
		t.Errorf("decoded %+v", s)
	}
	want := `f.yaml:3:1 unto: unknown key "unto"; did you mean "to"?`
	if err := fl.Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRawIsDecodedLater(t *testing.T) {
	var fl faults.List
	var s worded
	doc := Decode("f.yaml", []byte("kind: $a\nvalues: 1\nrest:\n  - {size: $size, name: x}\n  - {size: $sise}\nby: {one: 2 in, two: [a, $a], three: {}}\ngone:\n"), &s, &fl)
	if fl.Len() != 1 || s.Kind != "$a" { // variables are for Raw.Decode
		t.Fatal(fl.Err(), s.Kind)
	}
	if s.Rest.Shape() != List || s.Gone.Shape() != Absent || (&Raw{}).Shape() != Absent {
		t.Error(s.Rest.Shape(), s.Gone.Shape())
	}
	for name, want := range map[string]Shape{"one": Scalar, "two": List, "three": Mapping} {
		raw := s.By[name]
		if raw.Shape() != want {
			t.Errorf("%s has shape %v", name, raw.Shape())
		}
	}
	if line, column := doc.Place("by.two"); line != 6 || column != 22 {
		t.Errorf("by.two at %d:%d", line, column)
	}

	fl = faults.List{}
	var parts []part
	used := map[string]bool{}
	vars := map[string]Var{"size": {"3 in", 1, 7}, "other": {Text: "x"}}
	doc = s.Rest.Decode(&parts, vars, used, &fl)
	if len(parts) != 2 || parts[0].Size != 3*units.Inch || parts[0].Name != "x" || !used["size"] || used["other"] {
		t.Errorf("decoded %+v, used %v", parts, used)
	}
	if line, column := doc.Place("rest[0].size"); line != 1 || column != 7 { // where the value stands
		t.Errorf("rest[0].size at %d:%d", line, column)
	}
	if line, column := doc.Place("rest[0].name"); line != 4 || column != 25 {
		t.Errorf("rest[0].name at %d:%d", line, column)
	}
	want := `f.yaml:5:12 rest[1].size: nothing says what "$sise" stands for; did you mean "$size"?`
	if err := fl.Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}

	fl = faults.List{}
	two := s.By["two"]
	var names []string
	two.Decode(&names, nil, nil, &fl)
	if !slices.Equal(names, []string{"a", "$a"}) || fl.Len() > 0 { // without variables it is text
		t.Error(names, fl.Err())
	}
	if doc := (&Raw{}).Decode(&names, nil, nil, &fl); doc.Has("") || len(names) != 2 {
		t.Error("what is absent was decoded")
	}
}
