package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
)

// quick is a measurement too short to tell anything but that the command works.
var quick = []string{"--rounds", "2", "--slice", "1ms", "--large", "200"}

func TestRunPrintsATable(t *testing.T) {
	var out bytes.Buffer
	if err := run(quick, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 lines, 12 services, 2000 places", "naive, one shipment", "naive / engine, 50 warehouses, 50 % stocked", "at least 25.0",
		"100 to 200 warehouses, 5 % stocked", "at most 0.70"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestRunPrintsJSON(t *testing.T) {
	var out bytes.Buffer
	if err := run(append([]string{"--json"}, quick...), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Subjects) != 10 || len(r.Promises) != 7 || r.Rounds != 2 {
		t.Fatalf("%d workloads, %d promises, %d rounds", len(r.Subjects), len(r.Promises), r.Rounds)
	}
	for _, s := range r.Subjects {
		if len(s.CPU) != 2 || s.Decisions < 1 || s.Wall[0] <= 0 {
			t.Errorf("%+v", s)
		}
	}
	naive, engine := r.Subjects[1], r.Subjects[0]
	ratio := r.Promises[2]
	if want := naive.CPU[0] / engine.CPU[0]; math.Abs(ratio.Rounds[0]-want) > 1e-9*want {
		t.Errorf("%s: %v, the times of the round give %v", ratio.Name, ratio.Rounds[0], want)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--large", "100"}, {"--slice", "0s"}, {"more"}, {"--what"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
