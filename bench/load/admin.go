package load

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An admin reads the admin port of the target.
type admin struct {
	o      *Options
	client *http.Client
	base   string

	cpu float64 // at the last sample, in seconds
	at  time.Time
	gcs float64

	heapStart  int64
	most       int64
	start, end map[string]float64
	startAt    time.Time
	endAt      time.Time
	files      []File
	why        []string // what could not be read
}

func newAdmin(o *Options) *admin {
	base := o.Admin
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return &admin{o: o, client: &http.Client{}, base: strings.TrimSuffix(base, "/")}
}

// get reads a page within a time.
func (a *admin) get(ctx context.Context, path string, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	raw, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s%s answers %s", a.base, path, answer.Status)
	}
	return raw, err
}

// sample reads the metrics.
func (a *admin) sample(ctx context.Context, within time.Duration) (map[string]float64, error) {
	raw, err := a.get(ctx, "/metrics", within)
	if err != nil {
		return nil, err
	}
	return parseMetrics(raw), nil
}

// parseMetrics reads the text format of Prometheus, version 0.0.4: a sample a line, its name and labels, its value, and
// perhaps a time. What it does not understand it leaves out.
func parseMetrics(raw []byte) map[string]float64 {
	out := map[string]float64{}
	for line := range bytes.Lines(raw) {
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		end := strings.LastIndexByte(text, '}') + 1
		if end == 0 {
			end = strings.IndexByte(text, ' ')
		}
		if end <= 0 {
			continue
		}
		fields := strings.Fields(text[end:])
		if len(fields) == 0 {
			continue
		}
		if x, err := strconv.ParseFloat(fields[0], 64); err == nil {
			out[text[:end]] = x
		}
	}
	return out
}

// The metrics that a result is made of.
const (
	metricCPU      = "process_cpu_seconds_total"
	metricHeap     = "go_memstats_heap_alloc_bytes"
	metricHeapUse  = "go_memstats_heap_inuse_bytes"
	metricLive     = "go_gc_heap_live_bytes"
	metricGCs      = "go_gc_duration_seconds_count"
	metricGCPause  = "go_gc_duration_seconds_sum"
	metricResident = "process_resident_memory_bytes"
	metricGroups   = "allot_journal_group_records"
	metricAppend   = "allot_journal_append_duration_seconds"
	metricCalls    = "allot_calls_total"
)

// median returns the median of what a histogram without labels saw between two samples, as far as its buckets tell: within
// one, evenly. It is 0 where it saw nothing, and the last bound where the median is above that.
func median(start, end map[string]float64, name string) float64 {
	type bucket struct{ bound, count float64 }
	var list []bucket
	for sample, n := range end {
		label, ok := strings.CutPrefix(sample, name+`_bucket{le="`)
		bound, err := strconv.ParseFloat(strings.TrimSuffix(label, `"}`), 64)
		if ok && err == nil {
			list = append(list, bucket{bound, n - start[sample]})
		}
	}
	slices.SortFunc(list, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	if len(list) == 0 {
		return 0
	}
	half, below := list[len(list)-1].count/2, bucket{}
	if half == 0 {
		return 0
	}
	for _, b := range list {
		if b.count >= half {
			if math.IsInf(b.bound, 1) {
				return below.bound
			}
			return below.bound + (b.bound-below.bound)*(half-below.count)/(b.count-below.count)
		}
		below = b
	}
	return below.bound
}

func heapOf(sample map[string]float64) int64 {
	if x, ok := sample[metricHeap]; ok {
		return int64(x)
	}
	return int64(sample[metricHeapUse])
}

// liveOf is what the last collection found in use; where a target does not tell, with the garbage since then.
func liveOf(sample map[string]float64) int64 {
	if x, ok := sample[metricLive]; ok {
		return int64(x)
	}
	return heapOf(sample)
}

// find makes sure that the port answers.
func (a *admin) find(ctx context.Context) error {
	s, err := a.sample(ctx, reachFor)
	if err == nil {
		a.see(s)
	}
	return err
}

func (a *admin) see(s map[string]float64) {
	a.cpu, a.gcs, a.at = s[metricCPU], s[metricGCs], time.Now()
}

// fill adds to a second what the server used in it. A server that does not answer at once is left out.
func (a *admin) fill(ctx context.Context, s *Second) {
	sample, err := a.sample(ctx, 900*time.Millisecond)
	if err != nil {
		return
	}
	cpu, gcs, at := a.cpu, a.gcs, a.at
	a.see(sample)
	if !s.Warm {
		a.most = max(a.most, heapOf(sample))
	}
	if took := a.at.Sub(at).Seconds(); took > 0 {
		s.ServerCPU = (a.cpu - cpu) / took
	}
	s.Heap, s.GCs = heapOf(sample), int64(a.gcs-gcs)
}

// collect makes the server collect its garbage and returns what is left.
func (a *admin) collect(ctx context.Context) (heap int64, profile []byte, err error) {
	profile, err = a.get(ctx, "/debug/pprof/heap?gc=1", time.Minute)
	if err != nil {
		return 0, nil, err
	}
	sample, err := a.sample(ctx, reachFor)
	if err != nil {
		return 0, nil, err
	}
	return liveOf(sample), profile, nil
}

// measure takes the samples at both ends of the measured part, and the profile of what is between.
func (a *admin) measure(g *generator, over <-chan struct{}) {
	until := func(due time.Duration) {
		timer := time.NewTimer(due - g.since())
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-over:
		}
	}
	tell := func(err error) {
		if err != nil {
			a.why = append(a.why, err.Error())
		}
	}
	// The collection is done in the warm-up, where it disturbs nobody.
	until(g.o.WarmUp - min(g.o.WarmUp/2, 2*time.Second))
	var err error
	a.heapStart, _, err = a.collect(g.ctx)
	tell(err)
	until(g.o.WarmUp)
	a.startAt = time.Now()
	a.start, err = a.sample(g.ctx, reachFor)
	tell(err)
	profiled := make(chan error, 1)
	if g.o.Profile {
		go func() {
			until(g.o.WarmUp + g.o.profileFrom)
			profiled <- a.profile(g.ctx)
		}()
	} else {
		profiled <- nil
	}
	until(g.o.WarmUp + g.o.Duration)
	a.endAt = time.Now()
	after := context.WithoutCancel(g.ctx)
	a.end, err = a.sample(after, reachFor)
	tell(err)
	tell(<-profiled)
}

// profile keeps a CPU profile of the measured part, or of its first half minute.
func (a *admin) profile(ctx context.Context) error {
	seconds := min(max(int((a.o.Duration-2*a.o.profileFrom).Seconds()), 1), 30)
	raw, err := a.get(ctx, "/debug/pprof/profile?seconds="+strconv.Itoa(seconds), time.Duration(seconds)*time.Second+time.Minute)
	if err != nil {
		return err
	}
	return a.keep("cpu.pprof", fmt.Sprintf("CPU profile of the server, %d s of the measured part", seconds), raw)
}

func (a *admin) keep(name, what string, raw []byte) error {
	a.files = append(a.files, File{Name: name, What: what})
	return os.WriteFile(filepath.Join(a.o.Dir, name), raw, 0o644)
}

// server tells what the admin port told of the measured part, of whose operations so many were answered.
func (a *admin) server(ctx context.Context, answered int64) *Server {
	if a.start == nil || a.end == nil {
		return &Server{Trouble: a.trouble()}
	}
	s := &Server{
		HeapStart: a.heapStart, HeapMost: a.most, GCs: int64(a.end[metricGCs] - a.start[metricGCs]),
		GCPause:  time.Duration((a.end[metricGCPause] - a.start[metricGCPause]) * float64(time.Second)),
		Resident: int64(a.end[metricResident]), Start: a.start, End: maps.Clone(a.end),
	}
	used := a.end[metricCPU] - a.start[metricCPU]
	if took := a.endAt.Sub(a.startAt).Seconds(); took > 0 {
		s.CPU = used / took
	}
	if answered > 0 {
		s.CPUPerOp = time.Duration(used * float64(time.Second) / float64(answered))
	}
	grown := func(name string) float64 { return a.end[name] - a.start[name] }
	if groups := grown(metricGroups + "_count"); groups > 0 {
		s.Groups, s.Records = int64(groups), grown(metricGroups+"_sum")/groups
		s.Fsync = time.Duration(median(a.start, a.end, metricAppend) * float64(time.Second))
	}
	for name := range a.end {
		if strings.HasPrefix(name, metricCalls+"{") && strings.Contains(name, `code="RESOURCE_EXHAUSTED"`) {
			s.Refused += int64(grown(name))
		}
	}
	heap, profile, err := a.collect(ctx)
	if err == nil {
		s.HeapEnd = heap
		if a.o.Profile {
			err = a.keep("heap.pprof", "heap profile of the server after the run", profile)
		}
	}
	if err != nil {
		a.why = append(a.why, err.Error())
	}
	s.Trouble = a.trouble()
	return s
}

// trouble tells what could not be read.
func (a *admin) trouble() string { return strings.Join(a.why, "; ") }
