package load

import "errors"

// An SLO is one condition of a service level objective.
type SLO struct {
	Text      string  // as it was written
	Operation string  // by name; "all" where none was written
	Figure    string  // p50, p90, p95, p99, p99.9, p99.99, max, mean, errors or goodput
	Sign      string  // < <= > >=
	Limit     float64 // nanoseconds, a share of the intended operations, or operations a second
}

// ParseSLO reads conditions with commas between them, as "p99<20ms,errors<0.1%" or "allocate:p99<20ms". Faults are a *faults.Error
// that has all of them.
func ParseSLO(text string) ([]SLO, error) { return nil, errors.New("load: not built yet") }

// Judge holds a result against conditions, keeps them as its Objectives, and tells whether all of them hold.
func (r *Result) Judge(slo []SLO) bool { return false }
