package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

func read(t testing.TB, format, text string) []*filedOrder {
	t.Helper()
	var orders []*filedOrder
	for o, err := range readOrders("-", format, strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, o)
	}
	return orders
}

// TestFormatsAgree reads the same orders from both formats.
func TestFormatsAgree(t *testing.T) {
	lines := read(t, formatJSON, `{"id":"a","lines":[{"sku":"mug","quantity":2},{"sku":"lamp","quantity":1}],"to":{"country":"CA","postalCode":"K1A"},"promiseDate":"2026-11-27"}
{"id":"b","lines":[{"sku":"mug","quantity":1}],"to":{"point":{"latitude":40.7,"longitude":-74},"timeZone":"America/New_York","commercial":true},"promiseAt":"2026-11-27T22:00:00Z","services":["air","ground"]}
{"id":"c","lines":[{"sku":"mug","quantity":1}],"collectAt":"shop"}
`)
	rows := read(t, formatCSV, `order_id,sku,quantity,country,postal_code,latitude,longitude,time_zone,commercial,promise_date,promise_at,collect_at,services
# rows of one order need not stand together
a,mug,2,ca,K1A,,,,,2026-11-27,,,
b,mug,1,,,40.7,-74,America/New_York,yes,,2026-11-27T17:00:00-05:00,,air;ground
a,lamp,1,,,,,,,2026-11-27,,,
c,mug,1,,,,,,,,,shop,
`)
	if len(lines) != 3 || len(rows) != 3 {
		t.Fatalf("%d orders in JSON, %d in CSV", len(lines), len(rows))
	}
	for i := range lines {
		fromJSON, err := plainJSON(lines[i].order)
		if err != nil {
			t.Fatal(err)
		}
		fromCSV, err := plainJSON(rows[i].order)
		if err != nil {
			t.Fatal(err)
		}
		if string(fromJSON) != string(fromCSV) {
			t.Errorf("JSON %s\nCSV  %s", fromJSON, fromCSV)
		}
	}
}

// TestContradictions faults rows of one order that say different things of it.
func TestContradictions(t *testing.T) {
	got := read(t, formatCSV, `order_id,sku,quantity,postal_code,promise_date,promise_at,latitude,longitude
a,mug,1,10001,2026-11-27,,,
a,lamp,1,10002,,,,
b,mug,1,10001,2026-11-27,2026-11-27T17:00:00-05:00,,
c,mug,1,,,,1,
d,mug,1,,,,,1
e,mug,1,10001,,noon,91,NaN
`)
	if len(got) != 1 || got[0].order != nil {
		t.Fatalf("%d orders", len(got))
	}
	var text strings.Builder
	for _, f := range got[0].faults {
		fmt.Fprintln(&text, f)
	}
	for _, want := range []string{
		`stdin:3:4 postal_code: "10002" here, "10001" in row 2 of the same order; give it in the first row only, or alike in all`,
		"stdin:4:6 promise_at: both a date and an instant are promised; give one of the two",
		"stdin:5:8 longitude: latitude stands alone; give both, or a postal code",
		"stdin:6:7 latitude: longitude stands alone; give both, or a postal code",
		`stdin:7:6 promise_at: "noon" is no instant`,
		"stdin:7:7 latitude: ",
		"stdin:7:8 longitude: ",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no fault %s in\n%s", want, &text)
		}
	}
}

// TestManyLines refuses an order of 10,000 lines by the network's rule, and one of 10,001 by the contract's.
func TestManyLines(t *testing.T) {
	for lines, want := range map[int]string{
		20:     "",
		21:     "21 lines; send at most 20, or raise the policy's max_lines",
		10_000: "10000 lines; send at most 20, or raise the policy's max_lines",
		10_001: "must contain no more than 10000 item(s)",
	} {
		line := strings.TrimSuffix(strings.Repeat(`{"sku":"mug","quantity":1},`, lines), ",")
		code, out, errs := allot(t, wednesday, `{"lines":[`+line+`],"to":{"postalCode":"10001"}}`, "allocate", "--network", "testdata/network")
		if want == "" {
			if code != exitDone || !strings.Contains(out, "PLANNED") {
				t.Errorf("%d lines: code %d, %s%s", lines, code, out, errs)
			}
			continue
		}
		if code != exitFaults || !strings.Contains(errs, "stdin:1 lines: "+want) {
			t.Errorf("%d lines: code %d, %.300s", lines, code, errs)
		}
	}
}

// TestLongLine refuses a line that no request could hold, without keeping it, and reads on.
func TestLongLine(t *testing.T) {
	good := `{"id":"after","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}`
	got := read(t, formatJSON, `{"id":"`+strings.Repeat("x", maxLine)+`"}`+"\n"+good)
	if len(got) != 2 || len(got[0].faults) != 1 || !strings.Contains(got[0].faults[0].Problem, "longer than 4194304 bytes") {
		t.Fatalf("%d orders, the first with %v", len(got), got[0].faults)
	}
	if len(got[1].faults) > 0 || got[1].row != 2 || got[1].order.GetId() != "after" {
		t.Errorf("the second is %+v", got[1])
	}
}

// TestNotText refuses what is not UTF-8 in either format, and passes over a byte order mark.
func TestNotText(t *testing.T) {
	if got := read(t, formatJSON, "{\"id\":\"\xff\xfe\"}"); len(got) != 1 || len(got[0].faults) != 1 ||
		!strings.Contains(got[0].faults[0].Problem, "UTF-8") || got[0].faults[0].Row != 1 {
		t.Errorf("JSON: %+v", got[0])
	}
	if got := read(t, formatCSV, "order_id,sku,quantity\na,\xff,1\n"); len(got) != 1 || len(got[0].faults) != 1 ||
		got[0].faults[0].String() != `stdin:2:2 sku: "\xff" is not UTF-8 text; save the file as UTF-8` {
		t.Errorf("CSV: %+v", got[0])
	}
	for format, text := range map[string]string{
		formatJSON: "\xef\xbb\xbf" + `{"id":"a"}`, formatCSV: "\xef\xbb\xbforder_id,sku,quantity\r\na,mug,1\r\n",
	} {
		if got := read(t, format, text); len(got) != 1 || len(got[0].faults) > 0 || got[0].order.GetId() != "a" {
			t.Errorf("%s with a byte order mark: %+v", format, got)
		}
	}
}

// TestManyFaults lists the first thousand and counts the rest.
func TestManyFaults(t *testing.T) {
	code, _, errs := allot(t, wednesday, strings.Repeat("{}\n", 700), "allocate", "--network", "testdata/network")
	if lines := strings.Count(errs, "\n"); code != exitFaults || lines != maxFaults+2 {
		t.Errorf("code %d and %d lines", code, lines)
	}
	if !strings.HasSuffix(errs, "700 not decided; 1,400 faults\n") {
		t.Errorf("the end is %q", errs[len(errs)-80:])
	}
}

// TestFileVanishes ends with the code for what could not be read.
func TestFileVanishes(t *testing.T) {
	dir := t.TempDir()
	code, _, errs := allot(t, wednesday, "", "allocate", "--network", "testdata/network", "--format", "jsonl", dir)
	if code != exitFailed || !strings.Contains(errs, "reading "+dir) {
		t.Errorf("a directory for a file: code %d, %s", code, errs)
	}
	code, _, errs = allot(t, wednesday, "", "allocate", "--network", "testdata/network", "--format", "csv", dir)
	if code != exitFaults || !strings.Contains(errs, "reading failed") {
		t.Errorf("a directory for a CSV: code %d, %s", code, errs)
	}
}

func FuzzJSONOrders(f *testing.F) {
	f.Add([]byte(`{"id":"a","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"},"promiseDate":"2026-11-27"}`))
	f.Add([]byte("\xef\xbb\xbf{}\n\n{\"id\":1}\r\nnull\n[\n"))
	f.Add([]byte("[\n{}\n]"))
	f.Add([]byte(`{"to":{"point":{"latitude":"NaN"}},"promiseAt":"9999-12-31T23:59:60Z"}`))
	f.Add([]byte("{\"id\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) { fuzzOrders(t, formatJSON, string(raw)) })
}

func FuzzCSVOrders(f *testing.F) {
	f.Add([]byte("order_id,sku,quantity,postal_code\na,mug,1,10001\na,lamp,2,\n"))
	f.Add([]byte("order_id,sku,quantity,latitude,longitude,promise_at,services\na,mug,0,91,NaN,noon,\"a;b\n"))
	f.Add([]byte("order_id,sku,quantity,commercial,promise_date\n\"a\",mug,1e9,perhaps,2026-02-30\n,,\n"))
	f.Add([]byte("sku,quantity\nx,1"))
	f.Fuzz(func(t *testing.T, raw []byte) { fuzzOrders(t, formatCSV, string(raw)) })
}

// fuzzOrders holds that an order is read or has faults, in its file, and that every field finds its place.
func fuzzOrders(t *testing.T, format, text string) {
	t.Helper()
	for _, o := range read(t, format, text) {
		if (o.order == nil) != (len(o.faults) > 0) {
			t.Fatalf("an order with %d faults: %v", len(o.faults), o.order)
		}
		for _, f := range o.faults {
			if f.File != "stdin" || f.Problem == "" {
				t.Fatalf("a fault without its place: %+v", f)
			}
		}
		if o.order == nil {
			continue
		}
		for _, field := range []string{"", "to", "to.postal_code", "lines", "lines[0].sku", "lines[9999].quantity", "services[3]", "promise_at"} {
			if f := o.place(faults.Fault{Field: field, Problem: "p", Mend: "m"}); f.File != "stdin" || f.Row < o.row || f.Problem != "p" {
				t.Fatalf("%q is at %+v in an order of row %d", field, f, o.row)
			}
		}
	}
}

func TestWeightWords(t *testing.T) {
	for _, c := range []struct {
		weight       string
		exact, us, m string
	}{
		{"15.999 oz", "15.999 oz", "1.00 lb", "0.454 kg"},
		{"1 lb", "1 lb", "1.00 lb", "0.454 kg"},
		{"4.07 lb", "4.07 lb", "4.07 lb", "1.846 kg"},
		{"70 lb", "70 lb", "70.00 lb", "31.751 kg"},
		{"2 kg", "2 kg", "4.41 lb", "2.000 kg"},
		{"2 g", "2 g", "0.00 lb", "0.002 kg"},
		{"0.001 lb", "0.001 lb", "0.00 lb", "0.000 kg"},
		{"100000 kg", "100000 kg", "220462.26 lb", "100000.000 kg"},
	} {
		w, err := units.ParseWeight(c.weight)
		if err != nil {
			t.Fatal(err)
		}
		if got := exactWeight(w); got != c.exact {
			t.Errorf("exactWeight(%s) = %s, want %s", c.weight, got, c.exact)
		}
		if got := weightWords(w, false); got != c.us {
			t.Errorf("weightWords(%s) = %s, want %s", c.weight, got, c.us)
		}
		if got := weightWords(w, true); got != c.m {
			t.Errorf("weightWords(%s, metric) = %s, want %s", c.weight, got, c.m)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s", n, got)
		}
	}
}

// TestLateAndPartial says for people what is late and what is left out.
func TestLateAndPartial(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/network")); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "network.yaml")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := replaceOnce(string(raw), "  guess_zones: true", "  guess_zones: true\n  late: allow\n  late_cost: 3.00\n  partial: fill")
	if !ok {
		t.Fatal("the policy has changed")
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := allot(t, wednesday,
		`{"lines":[{"sku":"lamp","quantity":9}],"to":{"country":"US","point":{"latitude":40.7,"longitude":-74}},"promiseDate":"2026-11-18","services":["air"]}`,
		"allocate", "--network", dir, "--text", "--explain", "--candidates", "0")
	if code != exitDone {
		t.Fatalf("code %d: %s", code, errs)
	}
	for _, want := range []string{
		"stdin:1  9 lamp to 40.7, -74 by 2026-11-18, only by air\n", ", late\n", "1 day late", "lateness 3.00", "not filled: 4 lamp",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if !strings.Contains(errs, "1 of them late") {
		t.Errorf("the summary is %s", errs)
	}
}
