// Package faults collects everything that is wrong with an input, each thing with its place and its mend, so that
// whoever wrote the input can put all of it right in one go.
package faults

import (
	"fmt"
	"slices"
	"strings"
)

// A Fault is one thing wrong with an input.
type Fault struct {
	File    string // the file's name within the input, or "" where there is none
	Row     int    // line in the file from 1, or 0 where there is none
	Column  int    // field of a table or character of a line from 1, or 0 where there is none
	Field   string // column name, or path of a YAML or request field; may be ""
	Problem string // what is wrong, quoting what was given
	Mend    string // what to do about it; may be ""
}

// String prints the fault on one line, as `warehouses.csv:12:4 cutoff: "25:00" is no time of day; write hh:mm`.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Row > 0 {
		fmt.Fprintf(&b, ":%d", f.Row)
		if f.Column > 0 {
			fmt.Fprintf(&b, ":%d", f.Column)
		}
	}
	if f.Field != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Field)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(f.Problem)
	if f.Mend != "" {
		b.WriteString("; ")
		b.WriteString(f.Mend)
	}
	return b.String()
}

// A List gathers faults. The zero value is empty and ready.
type List struct{ faults []Fault }

// Add appends a fault.
func (l *List) Add(f Fault) { l.faults = append(l.faults, f) }

// Addf appends a fault whose problem is formatted from format and args.
func (l *List) Addf(file string, row, column int, field, mend, format string, args ...any) {
	l.Add(Fault{File: file, Row: row, Column: column, Field: field, Mend: mend, Problem: fmt.Sprintf(format, args...)})
}

// Len returns the number of faults.
func (l *List) Len() int { return len(l.faults) }

// Faults returns the faults by file, then place in it; faults of one place stay in the order they were found.
func (l *List) Faults() []Fault {
	sorted := slices.Clone(l.faults)
	slices.SortStableFunc(sorted, func(a, b Fault) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Row != b.Row {
			return a.Row - b.Row
		}
		return a.Column - b.Column
	})
	return sorted
}

// Err returns nil when the list is empty, else an *Error with all of it.
func (l *List) Err() error {
	if len(l.faults) == 0 {
		return nil
	}
	return &Error{Faults: l.Faults()}
}

// An Error is an input refused for its faults, of which there is at least one.
type Error struct{ Faults []Fault }

// Error prints every fault on a line of its own.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
