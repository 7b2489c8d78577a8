package load

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// machine tells where this process runs, as far as the system tells.
func machine() Machine {
	m := Machine{OS: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Go: runtime.Version()}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(raw))
	}
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = field(string(raw), "model name")
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		kib, _, _ := strings.Cut(field(string(raw), "MemTotal"), " ")
		n, _ := strconv.ParseInt(kib, 10, 64) // 0 where it is something else
		m.Memory = n << 10
	}
	return m
}

// busyTime is the processor time that everything on the machine has used since it started, what a hypervisor took from it included.
// It is not known where the system does not tell, or tells of more processors than this process may use.
func busyTime() (used time.Duration, known bool) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	return parseBusy(string(raw), runtime.NumCPU())
}

// parseBusy reads /proc/stat; see proc(5). Its ticks are hundredths of a second on every Linux.
func parseBusy(text string, cores int) (used time.Duration, known bool) {
	const user, nice, system, irq, softirq, steal = 1, 2, 3, 6, 7, 8
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) <= steal || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		if fields[0] != "cpu" {
			cores--
			continue
		}
		for _, i := range []int{user, nice, system, irq, softirq, steal} {
			ticks, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return 0, false
			}
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return used, used > 0 && cores == 0
}

// field returns the value of the first line "name : value".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// build tells which build this is, as allot version does.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	out := info.Main.Version
	if out == "" {
		out = "(devel)"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		out += " " + revision
	}
	if settings["vcs.modified"] == "true" {
		out += " with changes"
	}
	return out
}
