package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A versionAnswer is what allot version --json prints.
type versionAnswer struct {
	Version  string `json:"version"`            // of the module, "(devel)" for a build from a working tree
	Commit   string `json:"commit,omitempty"`   // the revision it was built from
	Time     string `json:"time,omitempty"`     // when that was committed
	Modified bool   `json:"modified,omitempty"` // the working tree had changes beside it
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(t *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Tell which allot this is",
		Example: `  allot version
  allot version --json`,
		Args:              arguments(0, 0, "no argument"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return fmt.Errorf("the program was built without build information")
			}
			v := versionOf(info)
			if asJSON {
				return writeJSON(t.out, v)
			}
			fmt.Fprintln(t.out, v)
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func versionOf(info *debug.BuildInfo) versionAnswer {
	v := versionAnswer{Version: info.Main.Version, Go: info.GoVersion}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	v.Commit, v.Time, v.Modified = settings["vcs.revision"], settings["vcs.time"], settings["vcs.modified"] == "true"
	v.Platform = "unknown"
	if settings["GOOS"] != "" {
		v.Platform = settings["GOOS"] + "/" + settings["GOARCH"]
	}
	return v
}

// String says it in a line.
func (v versionAnswer) String() string {
	built := ""
	if v.Commit != "" {
		built = fmt.Sprintf(" (commit %.12s of %s", v.Commit, v.Time)
		if v.Modified {
			built += ", modified"
		}
		built += ")"
	}
	return fmt.Sprintf("allot %s%s %s %s", v.Version, built, v.Go, v.Platform)
}

func jsonFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "json", false, "print JSON, for programs")
}
