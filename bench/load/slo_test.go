package load

import (
	"strings"
	"testing"
	"time"
)

func TestParseSLO(t *testing.T) {
	for _, c := range []struct {
		text string
		want []SLO
	}{
		{"p99<20ms", []SLO{{"p99<20ms", "all", "p99", "<", 20e6}}},
		{" p99 < 20ms , errors <= 0.1% ", []SLO{{"p99<20ms", "all", "p99", "<", 20e6}, {"errors<=0.1%", "all", "errors", "<=", 0.001}}},
		{"allocate:p99.99<1.5s", []SLO{{"allocate:p99.99<1.5s", "allocate", "p99.99", "<", 1.5e9}}},
		{"errors<0.001", []SLO{{"errors<0.001", "all", "errors", "<", 0.001}}},
		{"goodput>=5000", []SLO{{"goodput>=5000", "all", "goodput", ">=", 5000}}},
		{"quote:goodput>5000/s,max<1m", []SLO{{"quote:goodput>5000/s", "quote", "goodput", ">", 5000}, {"max<1m", "all", "max", "<", 60e9}}},
	} {
		got, err := ParseSLO(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		for i := range c.want {
			if i >= len(got) || got[i] != c.want[i] {
				t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
			}
		}
	}
	for text, want := range map[string]string{
		"":                           "a condition is missing; write conditions as",
		"p99<20ms,":                  "a condition is missing",
		"p99":                        `"p99" has no < or >`,
		"p98<20ms":                   `unknown figure "p98"; did you mean`,
		"errrors<1%":                 `did you mean "errors"?`,
		"alocate:p99<20ms":           `did you mean "allocate"?`,
		"p99<20":                     `p99: "20" is no limit of it; write a time with its unit`,
		"p99<-20ms":                  "no limit",
		"p99>20ms":                   "p99 is limited the other way; write p99<20ms",
		"goodput<=5000":              "write goodput>=5000",
		"errors<101%":                "write a share",
		"errors<NaN":                 "write a share",
		"goodput>Inf":                "write operations a second",
		"p99<1ms,p98<2,errors<x,max": "errors: \"x\"", // and all others
	} {
		_, err := ParseSLO(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := ParseSLO("p99<1,errors<x,max"); strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three faults are told as %v", err)
	}
}

func TestJudge(t *testing.T) {
	r := &Result{Duration: 2 * time.Second, Operations: []Operation{
		{Name: "all", Intended: 1000, Answered: 990, Latency: Latency{Count: 990, Mean: 1e6, P50: 1e6, P99: 20e6, Max: 30e6}},
		{Name: "quote", Intended: 10},
	}}
	for text, want := range map[string]bool{
		"p99<20ms": false, "p99<=20ms": true, "p50<2ms": true, "max<30ms": false, "mean<=1ms": true,
		"errors<1%": false, "errors<=1%": true, "errors<1.1%": true,
		"goodput>495": false, "goodput>=495": true,
		"quote:p99<1h":        false, // it had no answer
		"quote:errors<=100%":  true,
		"quote:errors<100%":   false,
		"ship:errors<1%":      false, // there was none
		"p50<2ms,errors<0.1%": false,
		"p50<2ms,errors<2%":   true,
	} {
		slo, err := ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Judge(slo); got != want {
			t.Errorf("%s: %v, %+v", text, got, r.Objectives)
		}
		if len(r.Objectives) != len(slo) {
			t.Errorf("%s: objectives %+v", text, r.Objectives)
		}
	}
}

// FuzzParseSLO wants what is read to be read from its own text as the same.
func FuzzParseSLO(f *testing.F) {
	for _, text := range []string{"p99<20ms,errors<0.1%", "allocate:p99<=20ms", "goodput>=5000/s", "p99,,<>", "max<1h,mean<1ns", "errors<1e-9", "a:b:p50<1s", "p99<=<"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		slo, err := ParseSLO(text)
		if err != nil {
			if slo != nil {
				t.Error("both an answer and an error")
			}
			return
		}
		for _, s := range slo {
			again, err := ParseSLO(s.Text)
			if err != nil || len(again) != 1 || again[0] != s {
				t.Errorf("%+v is read again as %+v, %v", s, again, err)
			}
			if !(s.Limit >= 0) || s.Figure == "" || s.Sign == "" {
				t.Errorf("%+v", s)
			}
		}
	})
}
