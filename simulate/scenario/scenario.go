package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
)

// Ceilings of one scenario.
const (
	MaxChanges = 500   // of one variant
	MaxRuns    = 1_000 // of one sweep
)

// A Scenario is a file of changes as read.
type Scenario struct {
	Name        string
	Description string // "" where there is none
	File        string // as Read was told
	Hash        string // SHA-256 of the file, hexadecimal

	runs []Variant
}

// A Variant is one run of a scenario: the whole of one without a sweep, or one combination of a sweep's choices.
type Variant struct {
	Name    string   // the scenario's, and what was chosen: "winter: reno=closed, rates=+6%"
	Choices []Choice // one an axis, in the order of the file

	scenario *Scenario
	changes  []*change
}

// A Choice is what one axis of a sweep is set to.
type Choice struct{ Axis, Option string }

// Slug returns the variant's name in letters, digits and "-_.+", as the name of a directory; those of a scenario's variants
// differ.
func (v *Variant) Slug() string {
	for i := range v.scenario.runs {
		r := &v.scenario.runs[i]
		if r.plainSlug() == v.plainSlug() && r.Name != v.Name {
			for n := range v.scenario.runs { // two names that only punctuation tells apart: number all
				if v.scenario.runs[n].Name == v.Name {
					return fmt.Sprintf("%s_%d", v.plainSlug(), n+1)
				}
			}
		}
	}
	return v.plainSlug()
}

func (v *Variant) plainSlug() string {
	parts := []string{v.scenario.Name}
	for _, c := range v.Choices {
		sign := "-"
		if strings.HasPrefix(c.Option, "+") || strings.HasPrefix(c.Option, "-") {
			sign = ""
		}
		parts = append(parts, c.Axis+sign+c.Option)
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.+", r):
			return r
		case r == '%':
			return -1
		}
		return '-'
	}, strings.Join(parts, "_"))
	return strings.Trim(s, ".")
}

// fileSource is a scenario file.
type fileSource struct {
	Name        string                    `yaml:"name"`
	Description string                    `yaml:"description"`
	Changes     strictyaml.Raw            `yaml:"changes"`
	Sweep       map[string]strictyaml.Raw `yaml:"sweep"`
}

// An axis is one key of a sweep.
type axis struct {
	name    string
	path    string
	options []option
	values  bool // its options are values of a variable
}

// An option is one of an axis: a value, or changes.
type option struct {
	name string
	path string
	raw  strictyaml.Raw // of changes
	text strictyaml.Var // of a value
}

// Read reads a scenario. file is the name by which faults call it. The error is a *faults.Error with everything that is wrong
// with the text by itself, each with line and column; whether what it names exists is for Check.
func Read(file string, data []byte) (*Scenario, error) {
	var fl faults.List
	var src fileSource
	doc := strictyaml.Decode(file, data, &src, &fl)
	r := &reader{file: file, fl: &fl, doc: doc, used: map[string]bool{}, seen: map[faults.Fault]bool{}}
	sum := sha256.Sum256(data)
	sc := &Scenario{Name: src.Name, Description: src.Description, File: file, Hash: hex.EncodeToString(sum[:])}
	if doc.Has("") {
		r.head(&src)
		r.axes(src.Sweep)
		r.variants(sc, &src.Changes)
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return sc, nil
}

// Runs returns the variants of a scenario: itself, or every combination of its sweep's choices, the last axis changing first.
func (s *Scenario) Runs() []Variant { return slices.Clone(s.runs) }

// A reader is one run of Read.
type reader struct {
	file string
	fl   *faults.List
	doc  *strictyaml.Document
	list []axis
	used map[string]bool
	seen map[faults.Fault]bool // faults that were told, for what is read many times
}

func (r *reader) fault(path, mend, format string, args ...any) {
	line, column := r.doc.Place(path)
	r.fl.Addf(r.file, line, column, path, mend, format, args...)
}

// head checks what stands at the top.
func (r *reader) head(src *fileSource) {
	switch {
	case src.Name == "" && !r.doc.Has("name"):
		r.fault("name", "write name: and what people call the scenario", "the scenario has no name")
	case strings.TrimSpace(src.Name) == "" || len(src.Name) > 100 || strings.ContainsFunc(src.Name, func(c rune) bool { return c < ' ' }):
		r.fault("name", "write 1 to 100 bytes on one line", "%q is no name", clip(src.Name))
	}
}

// axes reads the sweep.
func (r *reader) axes(sweep map[string]strictyaml.Raw) {
	for _, name := range slices.Sorted(maps.Keys(sweep)) {
		raw := sweep[name]
		a := axis{name: name, path: "sweep." + name}
		if !plain(name) {
			r.fault(a.path, "write letters, digits, - and _, as rates", "%q is no name for what a sweep varies", clip(name))
			continue
		}
		switch raw.Shape() {
		case strictyaml.List:
			var values []string
			doc := raw.Decode(&values, nil, nil, r.fl)
			a.values = true
			for i, v := range values {
				path := fmt.Sprintf("%s[%d]", a.path, i)
				line, column := doc.Place(path)
				a.options = append(a.options, option{name: v, path: path, text: strictyaml.Var{Text: v, Line: line, Column: column}})
			}
		case strictyaml.Mapping:
			var options map[string]strictyaml.Raw
			doc := raw.Decode(&options, nil, nil, r.fl)
			for o, changes := range options {
				a.options = append(a.options, option{name: o, path: a.path + "." + o, raw: changes})
			}
			byPlace(doc, a.options, func(o option) string { return o.path })
			for i, o := range a.options {
				if s := o.raw.Shape(); s != strictyaml.List && s != strictyaml.Absent {
					a.options[i].raw = strictyaml.Raw{}
					line, column := doc.Place(o.path)
					r.fl.Addf(r.file, line, column, o.path, "write a list of changes, as [{close: reno}], or [] for none", "a list of changes belongs here")
				}
			}
		default:
			r.fault(a.path, "write values, as [+0%, +3%], or options with their changes, as {open: [], closed: [{close: reno}]}", "nothing to vary")
			continue
		}
		if len(a.options) == 0 {
			r.fault(a.path, "write two options or more", "there is no option")
			continue
		}
		for i, o := range a.options {
			if slices.ContainsFunc(a.options[:i], func(p option) bool { return p.name == o.name }) {
				r.fl.Addf(r.file, o.text.Line, o.text.Column, o.path, "leave one of the two out", "%q stands twice", clip(o.name))
			}
			if o.name == "" || len(o.name) > 100 {
				r.fault(o.path, "write 1 to 100 bytes", "%q is no name of an option", clip(o.name))
			}
		}
		r.list = append(r.list, a)
	}
	byPlace(r.doc, r.list, func(a axis) string { return a.path })
}

// byPlace sorts by place in the file.
func byPlace[T any](doc *strictyaml.Document, list []T, path func(T) string) {
	slices.SortStableFunc(list, func(a, b T) int {
		la, ca := doc.Place(path(a))
		lb, cb := doc.Place(path(b))
		if la != lb {
			return la - lb
		}
		if ca != cb {
			return ca - cb
		}
		return strings.Compare(path(a), path(b))
	})
}

func plain(name string) bool {
	if name == "" || len(name) > 50 {
		return false
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// variants reads the changes of every combination.
func (r *reader) variants(sc *Scenario, base *strictyaml.Raw) {
	if s := base.Shape(); s != strictyaml.List && s != strictyaml.Absent {
		r.fault("changes", "write a list, each change with a dash before it", "a list of changes belongs here")
		return
	}
	runs := 1
	for _, a := range r.list {
		if runs *= len(a.options); runs > MaxRuns {
			r.fault("sweep", fmt.Sprintf("leave options out; at most %d runs", MaxRuns), "the sweep has more than %d runs", MaxRuns)
			return
		}
	}
	at := make([]int, len(r.list))
	for range runs {
		v := Variant{Name: sc.Name, scenario: sc}
		vars := map[string]strictyaml.Var{}
		var chosen []string
		for i, a := range r.list {
			o := a.options[at[i]]
			v.Choices = append(v.Choices, Choice{a.name, o.name})
			chosen = append(chosen, a.name+"="+o.name)
			if a.values {
				vars[a.name] = o.text
			}
		}
		if len(chosen) > 0 {
			v.Name += ": " + strings.Join(chosen, ", ")
		}
		v.changes = r.changes(nil, "changes", base, vars)
		for i, a := range r.list {
			if o := a.options[at[i]]; !a.values {
				v.changes = r.changes(v.changes, o.path, &o.raw, vars)
			}
		}
		if len(v.changes) > MaxChanges {
			r.once(faults.Fault{File: r.file, Row: 1, Column: 1, Problem: fmt.Sprintf("there are %d changes in one run", len(v.changes)), Mend: fmt.Sprintf("write at most %d", MaxChanges)})
		}
		sc.runs = append(sc.runs, v)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < len(r.list[i].options) {
				break
			}
			at[i] = 0
		}
	}
	for _, a := range r.list {
		if a.values && !r.used[a.name] {
			r.fault(a.path, fmt.Sprintf("write $%s where the value goes; or, in place of the list, each option with its changes, as {open: [], closed: [{close: reno}]}", a.name),
				"no change uses $%s", a.name)
		}
	}
}

// once adds a fault unless it was told of another combination.
func (r *reader) once(f faults.Fault) {
	if !r.seen[f] {
		r.seen[f] = true
		r.fl.Add(f)
	}
}

// changes appends the changes of one list.
func (r *reader) changes(into []*change, path string, raw *strictyaml.Raw, vars map[string]strictyaml.Var) []*change {
	var list []Change
	var own faults.List
	doc := raw.Decode(&list, vars, r.used, &own)
	for i := range list {
		before := own.Len()
		at := fmt.Sprintf("%s[%d]", path, i)
		if !doc.Has(at) {
			line, column := doc.Place(at)
			own.Addf(r.file, line, column, at, "leave it out", "a change is empty")
			continue
		}
		if slices.ContainsFunc(own.Faults(), func(f faults.Fault) bool { return f.Field == at || strings.HasPrefix(f.Field, at+".") }) {
			continue // what it says is not known
		}
		c := toChange(r.file, at, &list[i], doc, &own)
		if c != nil && own.Len() == before { // toChange found nothing
			into = append(into, c)
		}
	}
	for _, f := range own.Faults() {
		r.once(f)
	}
	return into
}
