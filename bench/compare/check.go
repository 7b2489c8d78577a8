package compare

import (
	"fmt"
	"math"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/faults"
)

// Check tells what keeps results from being compared: other work, another machine, another way to send. All must be as the first of a
// is. The error is a *faults.Error with every difference. Its warnings are of what may matter and need not.
func Check(a, b []*load.Result) (warnings []string, err error) {
	var bad faults.List
	first := a[0]
	all := append(append([]*load.Result(nil), a...), b...)
	for i, r := range all[1:] {
		name := fmt.Sprintf("A, run %d", i+2)
		if i+1 >= len(a) {
			name = fmt.Sprintf("B, run %d", i+2-len(a))
		}
		differs := func(field, mend string, was, is any) {
			if was != is {
				bad.Addf(name, 0, 0, field, mend, "%v, and %v in the first of A", said(is), said(was))
			}
		}
		const work, machine, way = "run both with the same workload and seed", "run both on one machine", "run both with the same flags"
		differs("kind", way, first.Kind, r.Kind)
		differs("workload", work, first.Workload.Name, r.Workload.Name)
		if first.Workload.Name == r.Workload.Name {
			differs("workload hash", work, first.Workload.Hash, r.Workload.Hash)
		}
		differs("mode", way, first.Mode, r.Mode)
		differs("orders a message", way, first.PerMessage, r.PerMessage)
		differs("connections", way, first.Connections, r.Connections)
		differs("callers", way, first.Callers, r.Callers)
		differs("timeout", way, first.Timeout, r.Timeout)
		differs("journal on disk", way, first.Target.Durable, r.Target.Durable)
		differs("server of its own", way, first.Target.Own, r.Target.Own)
		differs("processor", machine, first.Machine.CPU, r.Machine.CPU)
		differs("processors", machine, first.Machine.Cores, r.Machine.Cores)
		differs("GOMAXPROCS", machine, first.Machine.GOMAXPROCS, r.Machine.GOMAXPROCS)
		differs("memory", machine, first.Machine.Memory, r.Machine.Memory)
		differs("system", machine, first.Machine.OS, r.Machine.OS)
		if first.Kind != "saturate" && first.Kind == r.Kind && far(first.Offered, r.Offered, 0.02) {
			bad.Addf(name, 0, 0, "offered rate", "offer both the same", "%.6g a second were due, and %.6g in the first of A", r.Offered, first.Offered)
		}
		warn := func(field string, was, is any) {
			if was != is {
				warnings = append(warnings, fmt.Sprintf("%s: %s: %v, and %v in the first of A", name, field, said(is), said(was)))
			}
		}
		warn("Go", first.Machine.Go, r.Machine.Go)
		warn("kernel", first.Machine.Kernel, r.Machine.Kernel)
		warn("network in service", first.Target.Network, r.Target.Network)
		warn("warm-up", first.WarmUp, r.WarmUp)
		if first.Kind != "saturate" && far(first.Duration.Seconds(), r.Duration.Seconds(), 0.1) {
			warn("measured time", first.Duration, r.Duration)
		}
	}
	return warnings, bad.Err()
}

// said writes a value, and nothing as such.
func said(v any) any {
	if v == "" {
		return "nothing"
	}
	return v
}

// far tells whether two numbers differ by more than a share of the greater.
func far(a, b, share float64) bool { return math.Abs(a-b) > share*math.Max(math.Abs(a), math.Abs(b)) }
