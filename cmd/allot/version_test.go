package main

import (
	"runtime/debug"
	"testing"
)

func TestVersionOf(t *testing.T) {
	settings := []debug.BuildSetting{
		{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"}, {Key: "vcs.revision", Value: "0123456789abcdef"},
		{Key: "vcs.time", Value: "2026-11-20T10:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}
	for _, c := range []struct {
		info debug.BuildInfo
		want versionAnswer
		text string
	}{
		{
			debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v0.1.0"}},
			versionAnswer{Version: "v0.1.0", Go: "go1.26", Platform: "unknown"}, "allot v0.1.0 go1.26 unknown",
		},
		{
			debug.BuildInfo{GoVersion: "go1.26", Settings: settings},
			versionAnswer{
				Version: "(devel)", Commit: "0123456789abcdef", Time: "2026-11-20T10:00:00Z", Modified: true, Go: "go1.26", Platform: "linux/arm64",
			},
			"allot (devel) (commit 0123456789ab of 2026-11-20T10:00:00Z, modified) go1.26 linux/arm64",
		},
	} {
		got := versionOf(&c.info)
		if got != c.want {
			t.Errorf("versionOf = %+v, want %+v", got, c.want)
		}
		if text := got.String(); text != c.text {
			t.Errorf("it is printed %q, want %q", text, c.text)
		}
	}
}
