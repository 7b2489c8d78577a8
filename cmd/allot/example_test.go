package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/units"
)

const example = "examples/us-parcel"

// orderTime is when the example's orders come: the Monday before Thanksgiving 2026, 10:00 in New York.
const orderTime = "2026-11-23T15:00:00Z"

// firstLines returns the first n lines of a file.
func firstLines(t *testing.T, name string, n int) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfterN(string(raw), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "")
}

// TestGolden decides the first 200 orders of the example and compares with what was decided before, in a form that a
// person can read. It is the same as
//
//	head -200 orders.jsonl | allot allocate --network . --now 2026-11-23T15:00:00Z --explain --candidates 0 --text
func TestGolden(t *testing.T) {
	dir := repository(t, example)
	golden := filepath.Join(dir, "golden", "decisions.txt")
	code, got, errs := allot(t, time.Time{}, firstLines(t, filepath.Join(dir, "orders.jsonl"), 200),
		"allocate", "--network", dir, "--now", orderTime, "--explain", "--candidates", "0", "--text")
	if code != exitDone {
		t.Fatalf("code %d: %s", code, errs)
	}
	t.Log(strings.TrimSpace(errs))
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if want := string(raw); got != want {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		line := 1 + strings.Count(got[:at], "\n")
		t.Errorf("decisions changed, first in line %d of %s:\n%s\nif that is right, run go test ./cmd/allot -run TestGolden -update",
			line, golden, lineAround(got, at))
	}
}

// lineAround returns the line of a text in which a byte stands.
func lineAround(s string, at int) string {
	begin := strings.LastIndexByte(s[:at], '\n') + 1
	end := strings.IndexByte(s[at:], '\n')
	if end < 0 {
		return s[begin:]
	}
	return s[begin : at+end]
}

// TestTermsSum adds up, for every order of the example, the terms that Explain gives, and the charges of every parcel.
func TestTermsSum(t *testing.T) {
	dir := repository(t, example)
	now, err := units.ParseInstant(orderTime)
	if err != nil {
		t.Fatal(err)
	}
	fl := &allocateFlags{network: dir, explain: true, candidates: maxCandidates}
	a, err := newAllocation(fl, time.Unix(int64(now), 0))
	if err != nil {
		t.Fatal(err)
	}
	defer a.server.Close()
	planned, orders := 0, 0
	for o, err := range readOrders(filepath.Join(dir, "orders.jsonl"), formatJSON, nil) {
		if err != nil || len(o.faults) > 0 {
			t.Fatal(err, o.faults)
		}
		orders++
		a.tally.orders++
		if testing.Short() && orders%10 > 0 {
			continue
		}
		d, err := a.decide(context.Background(), o)
		if err != nil {
			t.Fatalf("%s: %v", o.order.GetId(), err)
		}
		checkSums(t, o.order.GetId(), d)
		if d.decision.GetOutcome() == allotv1.Outcome_OUTCOME_PLANNED {
			planned++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d orders, %d planned of those that were looked at", orders, planned)
	if orders != 2_000 || planned < orders/20 {
		t.Errorf("the example has %d orders, %d planned; it is to have 2,000, most of which can be filled", orders, planned)
	}
}

func checkSums(t *testing.T, id string, d *decided) {
	t.Helper()
	x, plan := d.explanation, d.decision
	if plan.GetOutcome() != allotv1.Outcome_OUTCOME_PLANNED {
		if len(x.GetShipments()) > 0 || plan.GetCostMicros() != 0 {
			t.Errorf("%s is refused and has shipments or a cost", id)
		}
	}
	if len(x.GetShipments()) != len(plan.GetShipments()) {
		t.Errorf("%s: %d shipments decided, %d explained", id, len(plan.GetShipments()), len(x.GetShipments()))
		return
	}
	total := plan.GetSplitCostMicros()
	for i, s := range x.GetShipments() {
		decided := plan.GetShipments()[i]
		of := addTerms(s.GetTerms())
		if cost := decided.GetFreightMicros() + decided.GetHandlingMicros() + decided.GetOtherMicros(); of != cost {
			t.Errorf("%s, shipment %d: the terms sum to %d, its parts to %d", id, i, of, cost)
		}
		total += of
		freight := int64(0)
		for _, p := range s.GetParcels() {
			charges := int64(0)
			for _, c := range p.GetCharges() {
				charges += c.GetAmountMicros()
			}
			if charges != p.GetTotalMicros() {
				t.Errorf("%s, shipment %d: the charges of a parcel sum to %d, not to %d", id, i, charges, p.GetTotalMicros())
			}
			freight += charges
		}
		if freight > decided.GetFreightMicros() {
			t.Errorf("%s, shipment %d: its parcels cost %d, its freight %d", id, i, freight, decided.GetFreightMicros())
		}
	}
	if total != plan.GetCostMicros() {
		t.Errorf("%s: the terms sum to %d, the decision costs %d", id, total, plan.GetCostMicros())
	}
	for _, c := range x.GetCandidates() {
		if got := addTerms(c.GetTerms()); got != c.GetCostMicros() {
			t.Errorf("%s, candidate %s by %s: the terms sum to %d, not to %d", id, c.GetWarehouse(), c.GetService(), got, c.GetCostMicros())
		}
	}
}

func addTerms(terms []*allotv1.Term) int64 {
	sum := int64(0)
	for _, term := range terms {
		sum += term.GetAmountMicros()
	}
	return sum
}

// TestSameBytes decides the example twice.
func TestSameBytes(t *testing.T) {
	dir := repository(t, example)
	n := 300
	if testing.Short() {
		n = 30
	}
	orders := firstLines(t, filepath.Join(dir, "orders.jsonl"), n)
	var outs [2]string
	for i := range outs {
		_, outs[i], _ = allot(t, time.Time{}, orders, "allocate", "--network", dir, "--now", orderTime, "--explain")
	}
	if outs[0] != outs[1] || outs[0] == "" {
		t.Error("the same orders at the same moment gave different bytes")
	}
}

// TestTerminal prints for people on a terminal, and tells how far a long job is.
func TestTerminal(t *testing.T) {
	dir := repository(t, example)
	var out, errs bytes.Buffer
	on := &terminal{
		in: strings.NewReader(firstLines(t, filepath.Join(dir, "orders.jsonl"), 3)), out: bufio.NewWriter(&out), err: &errs,
		outIsTerminal: true, errIsTerminal: true, now: time.Now,
	}
	if code := on.run(context.Background(), []string{"allocate", "--network", dir, "--now", orderTime}); code != exitDone {
		t.Fatalf("code %d: %s", code, &errs)
	}
	if got := out.String(); !strings.HasPrefix(got, "o-0001  ") || strings.Contains(got, "{") {
		t.Errorf("a terminal shows %s", got)
	}
	errs.Reset()
	p := newProgress(on, false, "order")
	p.step(1)
	if errs.Len() > 0 {
		t.Errorf("a short job says %q", &errs)
	}
	p.began = p.began.Add(-4 * time.Second)
	p.step(12_000)
	p.step(12_001) // too soon after the last
	if got := errs.String(); !strings.HasPrefix(got, "\r12,000 orders, ") || strings.Contains(got, "12,001") {
		t.Errorf("a long job says %q", got)
	}
	p.clear()
	if !strings.HasSuffix(errs.String(), " \r") {
		t.Errorf("the line is left behind: %q", &errs)
	}
}

// TestInterrupted ends between two orders.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out, errs bytes.Buffer
	orders := &cancelling{text: `{"id":"a","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}` + "\n", after: 3, cancel: cancel}
	on := &terminal{in: orders, out: bufio.NewWriter(&out), err: &errs, now: func() time.Time { return wednesday }}
	if code := on.run(ctx, []string{"allocate", "--network", "testdata/network"}); code != exitFailed {
		t.Errorf("code %d", code)
	}
	if !strings.Contains(errs.String(), "interrupted after ") {
		t.Errorf("it says %q", &errs)
	}
}

// A cancelling is an endless file that is interrupted.
type cancelling struct {
	text   string
	after  int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.after--; c.after == 0 {
		c.cancel()
	}
	return copy(p, c.text), nil
}
