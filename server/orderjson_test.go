package server

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
)

func TestParseOrder(t *testing.T) {
	got, err := ParseOrder([]byte(`{"id": "o-1", "lines": [{"sku": "mug", "quantity": 2}], "to": {"postalCode": "10001"}}`))
	if err != nil || !proto.Equal(got, order("10001", "mug", 2)) {
		t.Errorf("%v, %v", got, err)
	}
	for name, tt := range map[string]struct {
		in   string
		want faults.Fault // Problem: a part of it
	}{
		"misspelt":   {"{\n  \"lins\": []}", faults.Fault{Row: 2, Column: 3, Field: "lins", Problem: `did you mean "lines"?`}},
		"wrong type": {`{"lines": [{"quantity": "two"}]}`, faults.Fault{Row: 1, Column: 25, Field: "quantity", Problem: `"two"`}},
		"no JSON":    {`lines: []`, faults.Fault{Row: 1, Column: 1, Problem: "lines"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseOrder([]byte(tt.in))
			bad, ok := asFaults(err)
			if !ok || len(bad) != 1 {
				t.Fatalf("%v", err)
			}
			if f := bad[0]; f.Row != tt.want.Row || f.Column != tt.want.Column || f.Field != tt.want.Field || !strings.Contains(f.Problem, tt.want.Problem) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func FuzzParseOrder(f *testing.F) {
	f.Add([]byte(`{"id": "o-1", "lines": [{"sku": "mug", "quantity": 2}], "to": {"postalCode": "10001"}}`))
	f.Add([]byte(`{"promiseAt": "2026-11-27T14:00:00-05:00", "to": {"point": {"latitude": 1e400}}}`))
	f.Add([]byte("{\"id\": \"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseOrder(data)
		if bad, ok := asFaults(err); err != nil && (!ok || bad[0].Problem == "") {
			t.Fatalf("refused without a fault: %v", err)
		}
		if err == nil {
			if _, err := proto.Marshal(m); err != nil {
				t.Errorf("cannot be sent: %v", err)
			}
			_, _ = ReadOrder(proto.Clone(m).(*allotv1.Order)) // must not panic
		}
	})
}
