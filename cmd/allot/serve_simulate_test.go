package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// TestServeSimulates runs a simulation of a file of a server's histories, whose result is kept where it was told to.
func TestServeSimulates(t *testing.T) {
	dir := t.TempDir()
	histories, kept := filepath.Join(dir, "histories"), filepath.Join(dir, "kept")
	if err := os.Mkdir(histories, 0o755); err != nil {
		t.Fatal(err)
	}
	orders := `{"id":"a","orderedAt":"2026-11-18T15:00:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}` + "\n"
	if err := os.WriteFile(filepath.Join(histories, "week.jsonl"), []byte(orders), 0o644); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, wednesday, "testdata/network", "--histories", histories, "--simulations", kept, "--simulate-share", "100%")
	defer s.stop()
	conn, err := grpc.NewClient(s.rpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := allotv1.NewSimulationServiceClient(conn).Run(t.Context(), &allotv1.SimulationServiceRunRequest{
		RequestId: "r", Orders: &allotv1.SimulationServiceRunRequest_History{History: "week.jsonl"},
	})
	var last *allotv1.Simulation
	for err == nil {
		var m *allotv1.SimulationServiceRunResponse
		if m, err = stream.Recv(); err == nil {
			last = m.GetSimulation()
		}
	}
	if !errors.Is(err, io.EOF) || last.GetState() != allotv1.SimulationState_SIMULATION_STATE_COMPLETE || last.GetSummary().GetOrders().GetFilled() != 1 {
		t.Errorf("%v, %v", last, err)
	}
	if list := s.post(t, "allot.v1.SimulationService/List", "{}"); !strings.Contains(list, "SIMULATION_STATE_COMPLETE") {
		t.Errorf("List: %s", list)
	}
	found, err := filepath.Glob(filepath.Join(kept, "*", "results", "summary.json"))
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestServeSimulationFlags(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--histories", ""}, exitUsage, "--histories"},
		{[]string{"--histories", "testdata/no-such"}, exitFailed, "--histories testdata/no-such"},
		{[]string{"--simulations", ""}, exitUsage, "--simulations"},
		{[]string{"--simulations", "serve_test.go"}, exitUsage, "--simulations"},
		{[]string{"--simulate-share", "0"}, exitUsage, "--simulate-share"},
		{[]string{"--simulate-share", "101%"}, exitUsage, "--simulate-share"},
		{[]string{"--simulate-share", "some"}, exitUsage, "25%"},
		{[]string{"--max-simulations", "0"}, exitUsage, "--max-simulations"},
		{[]string{"--keep-simulation-bytes", "-1"}, exitUsage, "--keep-simulation-bytes"},
	} {
		code, _, errs := allot(t, wednesday, "", append([]string{"serve", "testdata/network", "--grpc", "127.0.0.1:0", "--http", "none", "--admin", "none"}, tt.args...)...)
		if code != tt.code || !strings.Contains(errs, tt.says) {
			t.Errorf("%v: code %d, %s", tt.args, code, errs)
		}
	}
	for text, want := range map[string]float64{"25%": 0.25, "0.5": 0.5, "100%": 1, "12.5 %": 0.125, "1": 1} {
		var s shareFlag
		if err := s.Set(text); err != nil || float64(s) != want {
			t.Errorf("%s is %v, %v", text, s, err)
		}
	}
}
