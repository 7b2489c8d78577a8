package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

const referenceHead = `# The command line

<!-- Written by ` + "`go test ./cmd/allot -run TestReference -update`" + ` from the program's own help; a test holds the two together. -->

One binary, ` + "`allot`" + `, does all there is: it serves the API, decides files of orders, prices parcels, checks networks and
imports what carriers publish. ` + "`allot help COMMAND`" + ` says what stands here.

What a command answers goes to standard output and nothing else does; faults, progress, logs and summaries go to
standard error. ` + "`--json`" + ` gives programs what people get as a table. No output depends on colour.

A typo in a command, a flag, a service, a warehouse, a SKU or a field of a file is answered with the name that was meant.
` + "`allot completion bash`" + ` (or zsh, fish, powershell) prints a script with which the shell completes commands, flags,
kinds of files, and the warehouses and services of the network that ` + "`--network`" + ` names.
`

// reference is docs/cli.md as the commands are.
func reference() string {
	on := &terminal{in: strings.NewReader(""), out: nil, err: nil, now: time.Now}
	began := false
	root := newRoot(on, &began)
	var b strings.Builder
	b.WriteString(referenceHead)
	var commands, topics []*cobra.Command
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		switch {
		case c.Name() == "completion" || c.Name() == "help":
			return
		case c.IsAdditionalHelpTopicCommand():
			topics = append(topics, c)
		case c.Runnable() && !c.HasSubCommands():
			commands = append(commands, c)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	b.WriteString("\n| command | |\n| --- | --- |\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "\n## %s\n\n", c.CommandPath())
		text(&b, c.Long, c.Short+".")
		fmt.Fprintf(&b, "\n```\n%s\n```\n", c.UseLine())
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Hidden = true
		if flags := c.LocalFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags)
		}
		fmt.Fprintf(&b, "\nExamples:\n\n```\n%s\n```\n", unindent(c.Example))
	}
	for _, c := range topics {
		fmt.Fprintf(&b, "\n## %s\n\n", c.Short)
		text(&b, c.Long, "")
	}
	return b.String()
}

func unindent(s string) string {
	return strings.TrimPrefix(strings.ReplaceAll(s, "\n  ", "\n"), "  ")
}

// text writes paragraphs; indented ones become blocks of code.
func text(b *strings.Builder, long, short string) {
	if long == "" {
		long = short
	}
	for i, paragraph := range strings.Split(long, "\n\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.HasPrefix(paragraph, "  ") {
			fmt.Fprintf(b, "```\n%s\n```\n", unindent(paragraph))
		} else {
			b.WriteString(paragraph + "\n")
		}
	}
}

// TestReference holds docs/cli.md to the commands.
func TestReference(t *testing.T) {
	name, want := repository(t, "docs/cli.md"), reference()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/cli.md is not what the commands say of themselves; run go test ./cmd/allot -run TestReference -update")
	}
}

// TestEveryCommandExplainsItself wants a line, a paragraph or an example wherever somebody may look for one.
func TestEveryCommandExplainsItself(t *testing.T) {
	began := false
	root := newRoot(&terminal{in: strings.NewReader(""), now: time.Now}, &began)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "completion" {
			return // cobra's
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the line of help is %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// TestExamplesAreCalls parses the flags of every example in the help.
func TestExamplesAreCalls(t *testing.T) {
	for _, line := range exampleLines() {
		words := shellWords(line)
		began := false
		root := newRoot(&terminal{in: strings.NewReader(""), now: time.Now}, &began)
		c, rest, err := root.Find(words)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if c.Name() == "help" {
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", line, err)
		} else if err := c.ValidateArgs(c.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// exampleLines are the calls of allot in all examples, without the program's name and what they are piped into.
func exampleLines() []string {
	var lines []string
	began := false
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			_, call, ok := strings.Cut(line, "allot ")
			if c.Name() != "completion" && ok {
				call, _, _ = strings.Cut(call, " | ")
				lines = append(lines, strings.TrimSpace(call))
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&terminal{in: strings.NewReader(""), now: time.Now}, &began))
	return lines
}

// shellWords splits a line as a shell does, as far as examples need it.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestOutputCannotBeWritten ends with a code and says so.
func TestOutputCannotBeWritten(t *testing.T) {
	var errs bytes.Buffer
	if code := run(context.Background(), []string{"version"}, strings.NewReader(""), full{}, &errs); code != exitFailed {
		t.Errorf("code %d", code)
	}
	if !strings.Contains(errs.String(), "writing the output: no space") {
		t.Errorf("it says %q", errs.String())
	}
}

// full is a disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space") }
