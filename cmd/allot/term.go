package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
)

// isTerminal tells whether a person is at the other end of a reader or writer.
func isTerminal(end any) bool {
	f, ok := end.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A grid is a table with aligned columns for people. A column whose name begins with '>' is set to the right.
type grid struct {
	names []string
	rows  [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// print writes the grid, each line behind an indent.
func (g *grid) print(w io.Writer, indent string) {
	widths := make([]int, len(g.names))
	head := make([]string, len(g.names))
	for i, name := range g.names {
		head[i] = strings.TrimPrefix(name, ">")
	}
	all := append([][]string{head}, g.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if strings.HasPrefix(g.names[i], ">") {
				cell = gap + cell
			} else {
				cell += gap
			}
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(cell)
		}
		fmt.Fprintf(w, "%s%s\n", indent, strings.TrimRight(b.String(), " "))
	}
}

// pairs writes names and values in two columns.
func pairs(w io.Writer, indent string, list ...string) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(list); i += 2 {
		fmt.Fprintf(tw, "%s%s\t%s\n", indent, list[i], list[i+1])
	}
	_ = tw.Flush() // the writer below remembers its error
}

// writeJSON writes a value as indented JSON.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
