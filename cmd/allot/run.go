package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/allot-engine/allot/faults"
)

// A terminal is what a command reads and writes. Out has the answer, and nothing else; err has what is said about it.
type terminal struct {
	in  io.Reader
	out *bufio.Writer
	err io.Writer

	inIsTerminal, outIsTerminal, errIsTerminal bool

	now   func() time.Time
	files vfs.FS         // of data directories; nil for those of the system
	exit  func(code int) // ends the process at once; nil for os.Exit
}

// run does what the arguments ask for and returns the exit code. It returns when ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &terminal{
		in: stdin, out: bufio.NewWriterSize(stdout, 64<<10), err: stderr, now: time.Now,
		inIsTerminal: isTerminal(stdin), outIsTerminal: isTerminal(stdout), errIsTerminal: isTerminal(stderr),
	}
	return t.run(ctx, args)
}

func (t *terminal) run(ctx context.Context, args []string) int {
	began := false // whatever fails before a command begins is the fault of how it was called
	root := newRoot(t, &began)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if ferr := t.out.Flush(); ferr != nil && err == nil {
		err = fmt.Errorf("writing the output: %w", ferr)
	}
	if err == nil {
		return exitDone
	}
	if !began {
		if _, told := errors.AsType[*usageError](err); !told {
			err = misuse(err)
		}
	}
	return t.report(cmd, err)
}

// report tells what went wrong and returns the exit code for it.
func (t *terminal) report(cmd *cobra.Command, err error) int {
	if code, silent := errors.AsType[toldError](err); silent {
		return int(code)
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		err = errInterrupted // whatever it kept from being read or written
	}
	if misused, ok := errors.AsType[*usageError](err); ok {
		for line := range strings.SplitSeq(misused.Error(), "\n") {
			fmt.Fprintf(t.err, "%s: %s\n", cmd.CommandPath(), line)
		}
		fmt.Fprintf(t.err, "Run \"%s --help\" to see how it is used.\n", cmd.CommandPath())
		return exitUsage
	}
	if bad, ok := asFaults(err); ok {
		for _, f := range bad {
			fmt.Fprintln(t.err, f)
		}
		fmt.Fprintf(t.err, "%s: %s\n", cmd.CommandPath(), count(len(bad), "fault"))
		return exitFaults
	}
	fmt.Fprintf(t.err, "%s: %v\n", cmd.CommandPath(), err)
	return exitFailed
}

func newRoot(t *terminal, began *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "allot",
		Short: "Choose the warehouses and the carrier services that ship an order",
		Long: "Allot answers one question: which warehouse, or which few, should ship this order, by which carrier services, so that\n" +
			"it arrives when promised and costs least? A network directory says what there is to choose from; docs/network.md is\n" +
			"its format.",
		Example: `  allot network check examples/us-parcel
  allot serve examples/us-parcel
  allot allocate --network examples/us-parcel examples/us-parcel/orders.jsonl
  allot rate --network examples/us-parcel --from reno --to 10001 --weight "4.07 lb" --dims "12.3x9.5x3 in"`,
		Args:              cobra.ArbitraryArgs, // so that group can answer
		RunE:              group,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { *began = true; return nil },
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newServe(t), newAllocate(t), newRate(t), newNetwork(t), newImport(t), newLedger(t), newForecast(t), newPrices(t),
		newSimulate(t), newCompare(t), newScenario(t), newCutoffs(t), newLocate(t), newShippingPolicy(t), newCarriers(t),
		newBench(t), newVersion(t), exitCodesTopic(), ordersTopic(),
	)
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultCompletionCmd("allot")
	return root
}

// group is what a command does that only holds others.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(cmd *cobra.Command, name string) error {
	var known []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			known = append(known, c.Name())
		}
	}
	return misusef("unknown command %.100q; %s", name, meant(name, known))
}

// newHelp is cobra's help command, with an exit code for a topic there is not.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command or topic]",
		Short: "Explain a command or a topic",
		Example: `  allot help allocate
  allot help exit-codes`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := root.Find(args)
			if err != nil || at == nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range at.Commands() {
				if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			at, rest, err := root.Find(args)
			if err != nil || at == nil || len(rest) > 0 {
				if at == nil {
					at = root
				}
				return unknownCommand(at, strings.Join(rest, " "))
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// A usageError is a mistake in how a command was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func misuse(err error) error { return &usageError{err} }

func misusef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// flagError says what is wrong with a flag, and which was meant.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return misuse(err)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, "--"+f.Name)
		}
	})
	name := unknown.GetSpecifiedName()
	if s := unknown.GetSpecifiedShortnames(); s != "" {
		return misusef("unknown flag -%.1s in -%.50s; flags have names, as %s", name, s, strings.Join(known[:min(len(known), 3)], ", "))
	}
	return misusef("unknown flag --%.100s; %s", name, meant("--"+name, known))
}

// meant is the known name that is nearest to an unknown one, or else all of them.
func meant(got string, known []string) string {
	if s := faults.DidYouMean(got, known); s != "" {
		return s
	}
	return "there is " + strings.Join(known, ", ")
}

// arguments is a cobra.PositionalArgs that says what is missing.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return misusef("%s is missing", what)
		case most >= 0 && len(args) > most:
			return misusef("%.100q is one argument too many; it takes %s", args[most], what)
		}
		return nil
	}
}
