package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/ratecards/importers"
	"github.com/allot-engine/allot/units"
)

// An importAnswer is what allot import --json prints.
type importAnswer struct {
	Kind     string         `json:"kind"`
	Changed  bool           `json:"changed"`
	Files    []importedFile `json:"files"`
	Moved    []string       `json:"moved"`
	Warnings []string       `json:"warnings"`
}

type importedFile struct {
	Path    string            `json:"path"`
	Outcome importers.Outcome `json:"outcome"`
	Rows    int               `json:"rows"`
}

func newImport(t *terminal) *cobra.Command {
	var (
		opt       importers.Options
		effective string
		asJSON    bool
	)
	kinds := &grid{names: []string{"kind", "what it reads"}}
	var names []string
	for _, k := range importers.Kinds() {
		kinds.add(k.Name, k.Help)
		names = append(names, k.Name+"\t"+k.Help)
	}
	var list strings.Builder
	kinds.print(&list, "  ")
	cmd := &cobra.Command{
		Use:   "import KIND FILE... --into DIR",
		Short: "Turn files that carriers publish into files of a network",
		Long: `Import reads files that carriers and others publish and writes what they say into a network directory: rate cards with
their price tables, zone charts, delivery areas, transit times, holiday lists. A file with a fault changes nothing.
Importing the same file again changes nothing either. A rate card that was edited by hand stays as it is, with its price
tables brought up to date; --replace writes it anew. Read "allot network check" afterwards.

` + strings.TrimRight(list.String(), "\n"),
		Example: `  allot import usps-zones 430.json --into examples/us-parcel
  allot import usps-prices ground-advantage.csv --into examples/us-parcel
  allot import fedex-rates ground.csv --effective 2026-01-05 --into examples/us-parcel
  allot import fedex-zone-days columbus.csv.gz --origin 43215 --into examples/us-parcel`,
		Args: arguments(2, -1, "KIND or FILE"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return names, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if effective != "" {
				day, err := units.ParseDate(effective)
				if err != nil {
					return misusef("--effective: %w", err)
				}
				opt.Effective = day
			}
			if opt.Into == "" {
				return misusef("--into is missing: name the network directory to write into")
			}
			known := make([]string, 0, len(names))
			for _, k := range importers.Kinds() {
				if k.Name == args[0] {
					known = nil
					break
				}
				known = append(known, k.Name)
			}
			if known != nil {
				return misusef("unknown kind of file %.100q; %s", args[0], meant(args[0], known))
			}
			report, err := importers.Run(args[0], args[1:], opt)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(t.out, importReport(&report))
			}
			fmt.Fprint(t.out, report.String())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&opt.Into, "into", "", "the network directory `DIR` to write into; made when missing (required)")
	f.StringVar(&opt.Carrier, "carrier", "", "`NAME` of the zone set, area list and transit tables to write (default usps or fedex, as the kind says)")
	f.StringSliceVar(&opt.Services, "service", nil, "`SERVICE` to import from a file that holds several; may be repeated (default all)")
	f.StringVar(&opt.Origin, "origin", "", "a `ZIP`, its first three digits or a range of either, for files that do not name their origin")
	f.StringVar(&opt.Scope, "scope", "", "`SCOPE` of the zones and days of a fedex-zone-days list (default ground)")
	f.StringVar(&effective, "effective", "", "first `DAY` on which the figures hold, as 2026-01-05 (default what the file says)")
	f.BoolVar(&opt.Replace, "replace", false, "write cards anew that were edited by hand, and charts over newer ones")
	jsonFlag(cmd, &asJSON)
	completeDirectory(cmd, "into")
	return cmd
}

func importReport(r *importers.Report) importAnswer {
	out := importAnswer{Kind: r.Kind, Changed: r.Changed(), Files: []importedFile{}, Moved: []string{}, Warnings: []string{}}
	for _, f := range r.Files {
		out.Files = append(out.Files, importedFile(f))
	}
	out.Moved = append(out.Moved, r.Moved...)
	out.Warnings = append(out.Warnings, r.Warnings...)
	return out
}
