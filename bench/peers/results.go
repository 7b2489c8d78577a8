package main

import (
	"fmt"
	"os"
	"strings"
)

// The lines between which the section stands that this command writes.
const (
	beginning = "<!-- written by go run ./bench/peers: begin -->"
	end       = "<!-- written by go run ./bench/peers: end -->"
)

// section is the result as a section of RESULTS.md.
func (r *result) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Peers\n\n```\n%s\n```\n\n", r.Command)
	fmt.Fprintf(&b, "%s, %d processors, load %s before; %s; files in %s. Medians of %d interleaved rounds of one run, and the least and the most of them.\n",
		r.Machine, r.CPUs, r.Load, r.Go, r.Dir, r.Rounds)
	b.WriteString(r.compared() + "\n\n")
	for _, p := range r.Peers {
		fmt.Fprintf(&b, "- %s\n", p)
	}
	for _, part := range r.Tables {
		fmt.Fprintf(&b, "\n### %s\n\n", part.Title)
		if part.Note != "" {
			fmt.Fprintf(&b, "%s\n\n", part.Note)
		}
		b.WriteString("| | median | least | most | |\n| --- | --- | --- | --- | --- |\n")
		for _, f := range part.Rows {
			median, least, most := f.values()
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.TrimSpace(f.Name), median, least, most, f.Unit)
		}
	}
	if len(r.Promises) > 0 {
		b.WriteString("\n### What is promised of them\n\n| | median | least | most | promised | |\n| --- | --- | --- | --- | --- | --- |\n")
		for _, p := range r.Promises {
			verdict := "holds"
			if !p.Holds {
				verdict = "missed"
			}
			f := figure{Rounds: p.Rounds}
			median, least, most := f.values()
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", p.Name, median, least, most, p.Target, verdict)
		}
	}
	b.WriteString("\n" + leftOut)
	return b.String()
}

// leftOut says what the figures do not.
const leftOut = `What is left out: making the models and handing them over, which HiGHS and CBC get for nothing, and the prices in them, which Allot works
out in every decision; other settings of the solvers, and native HiGHS; PostgreSQL's choice of a warehouse, which it is told; replicas,
connection poolers and partitions of PostgreSQL; networks between machines: everything is on one.
`

// rewrite puts a section between its lines in a file, at the end where they are not there.
func rewrite(file, section string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := replace(string(data), section)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func replace(text, section string) (string, error) {
	section = beginning + "\n" + section + end + "\n"
	before, rest, begun := strings.Cut(text, beginning+"\n")
	if !begun {
		if strings.Contains(text, end) {
			return "", fmt.Errorf("the line %q is there, but not %q", end, beginning)
		}
		return strings.TrimRight(text, "\n") + "\n\n" + section, nil
	}
	_, after, ended := strings.Cut(rest, end+"\n")
	if !ended {
		return "", fmt.Errorf("the line %q is there, but not %q", beginning, end)
	}
	return before + section + after, nil
}
