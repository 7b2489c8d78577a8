package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// good is an order of JSON Lines.
func good(id, at string) string {
	return fmt.Sprintf(`{"id":%q,"orderedAt":%q,"lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"}}`, id, at)
}

func TestFaultsOfJSONLines(t *testing.T) {
	order := good("a", "2026-11-02T15:04:05Z")
	with := func(old, now string) string { return strings.Replace(order, old, now, 1) }
	for _, c := range []struct{ line, want string }{
		{`{"id":`, "o.jsonl:1"},
		{order + ` x`, "o.jsonl:1:"},
		{order + order, "there is more behind the order"},
		{`"a"`, `"a" is not an object`},
		{`null`, "null is no order"},
		{`[` + order + `]`, "one JSON document, not one a line"},
		{"{\n" + order[1:], "one JSON document, not one a line"},
		{with(`"id"`, `"idd"`), `o.jsonl:1 idd: unknown name; did you mean "id"?`},
		{with(`"sku"`, `"skuu"`), `lines[0].skuu: unknown name; did you mean "sku"?`},
		{with(`"postalCode"`, `"zip"`), "to.zip: unknown name; there is country, postalCode"},
		{with(`"a"`, `""`), "o.jsonl:1 id: the order has no id"},
		{with(`"a"`, `7`), "id: 7 is no text"},
		{with(`"a"`, `"`+strings.Repeat("x", 129)+`"`), "is 129 bytes long"},
		{with(`"to"`, `"id":"b","to"`), "id: it stands twice"},
		{with(`"to"`, `"promiseDate":"2026-11-05","promise_date":"2026-11-05","to"`), "promise_date: it stands twice"},
		{with(`[{"sku":"mug","quantity":2}]`, `[]`), "lines: the order has no lines"},
		{with(`[{"sku":"mug","quantity":2}]`, `{}`), "lines: {} is not a list"},
		{with(`[{"sku":"mug","quantity":2}]`, `["mug"]`), `lines: "mug" is not an object`},
		{with(`2}]`, `0}]`), "lines[0].quantity: 0 units cannot be ordered; write 1 to"},
		{with(`2}]`, `-1}]`), "lines[0].quantity: -1 units"},
		{with(`2}]`, `1.5}]`), "lines[0].quantity: 1.5 is no whole number"},
		{with(`2}]`, `99999999999}]`), "99999999999 units cannot be ordered"},
		{with(`,"quantity":2`, ``), "lines[0].quantity: the line has no quantity"},
		{with(`"sku":"mug",`, ``), "lines[0].sku: the line has no SKU"},
		{with(`"orderedAt":"2026-11-02T15:04:05Z",`, ``), "orderedAt: the order has no time; say when"},
		{with(`2026-11-02T15:04:05Z`, `2026-11-02`), `orderedAt: "2026-11-02" is no moment; write RFC 3339`},
		{with(`2026-11-02T15:04:05Z`, `1950-11-02T15:04:05Z`), "is before 1970"},
		{with(`"to":`, `"promiseDate":"2026-02-30","to":`), `promiseDate: "2026-02-30" is no date`},
		{with(`"to":`, `"promiseDate":"1970-01-01","to":`), "is before 1970"},
		{with(`"to":`, `"promiseAt":12,"to":`), "promiseAt: 12 is no moment"},
		{with(`"to":`, `"promiseDate":"2026-11-05","promiseAt":"2026-11-05T15:04:05Z","to":`), "both a date and an instant"},
		{with(`,"to":{"postalCode":"10001"}`, ``), "to: the order has no destination"},
		{with(`"postalCode":"10001"`, `"point":{"latitude":91,"longitude":0}`), "to.point:"},
		{with(`"postalCode":"10001"`, `"point":{"latitude":"north","longitude":0}`), `to.point.latitude: "north" is no number`},
		{with(`"postalCode"`, `"country":"us","postalCode"`), `to.country: "us" is no country`},
		{with(`"postalCode"`, `"commercial":"yes","postalCode"`), "to.commercial: \"yes\" is neither true nor false"},
		{with(`"to":`, `"value":-5,"to":`), "value: -5.00 is negative"},
		{with(`"to":`, `"value":"a lot","to":`), `value: "a lot" is no amount of money`},
		{with(`"to":`, `"services":[""],"to":`), "is no name of a service"},
		{with(`"to":`, `"warehouse":"reno","to":`), "warehouse: an order has no such member"},
		{`{"stock":"adjust","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":0}`, "adjusting by 0 units does nothing"},
		{`{"stock":"ajust","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1}`, `"ajust" is no kind of move`},
		{`{"stock":"set","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":-1}`, "-1 units cannot be on hand"},
		{`{"stock":"inbound","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1}`, "the inbound stock has no time"},
		{`{"stock":"inbound","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1,"due":"2026-11-01T15:04:05Z"}`, "when it was announced"},
		{`{"stock":"set","at":"2026-11-02T15:04:05Z","sku":"mug","quantity":1}`, "the move of stock has no warehouse"},
		{`{"stock":"set","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1,"id":"x"}`, "id: a move of stock has no such member"},
		{order + "\n" + good("a", "2026-11-02T15:04:05Z"), `o.jsonl:2 id: order "a" stands in row 1 already`},
		{order + "\n\n" + good("b", "2026-11-02T15:04:04Z"), "o.jsonl:3: 2026-11-02T15:04:04Z is before row 1, which is of 2026-11-02T15:04:05Z; sort"},
		{"", "o.jsonl: there are no orders"},
		{"\n\n  \n", "o.jsonl: there are no orders"},
		{`{"stock":"set","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1}`, "o.jsonl: there are no orders"},
	} {
		if got := refused(t, ReadOptions{}, Bytes("o.jsonl", []byte(c.line))); !strings.Contains(got, c.want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s\ngot  %s\nwant %s", c.line, got, c.want)
		}
	}
}

func TestWhatProtobufAccepts(t *testing.T) {
	h := read(t, ReadOptions{}, Bytes("o.jsonl", []byte(`{"id":"\u0061","ordered_at":"2026-11-02T15:04:05.9+01:00","lines":[{"sku":"m\"g","quantity":"2"},{"sku":"mug","quantity":3.0}],
`[:0]+`{"id":"\u0061","ordered_at":"2026-11-02T15:04:05.9+01:00","lines":[{"sku":"m\"g","quantity":"2"},{"sku":"mug","quantity":3.0}],"to":{"postal_code":"10001","point":null},"value":12.5,"services":null,"promise_date":null}`)))
	if h.ID(0) != "a" || h.SKUs[0] != `m"g` || h.Units[0] != 2 || h.Units[1] != 3 || h.At[0].String() != "2026-11-02T14:04:05Z" || h.Value[0] != 12_500_000 {
		t.Errorf("got %+v", h)
	}
}

const csvHead = "order_id,ordered_at,sku,quantity,postal_code,event,warehouse,due,value\n"

func TestFaultsOfCSV(t *testing.T) {
	const at = "2026-11-02T15:04:05Z"
	row := "a," + at + ",mug,2,10001,,,,\n"
	for _, c := range []struct{ text, want string }{
		{"", "o.csv:1: the file is empty"},
		{"order_id,orderedat\n", `o.csv:1:2: unknown column "orderedat"; did you mean "ordered_at"?`},
		{"order_id,sku,quantity\n", "ordered_at: a required column is missing"},
		{"order_id,ordered_at,sku,quantity,sku\n", "sku: the column stands twice"},
		{csvHead, "o.csv: there are no orders"},
		{csvHead + "a,2026-11-02,mug,2,10001,,,,\n", "o.csv:2:2 ordered_at:"},
		{csvHead + "a,,mug,2,10001,,,,\n", "o.csv:2:2 ordered_at: the order has no time"},
		{csvHead + "," + at + ",mug,2,10001,,,,\n", "o.csv:2:1 order_id: the order has no id"},
		{csvHead + "a," + at + ",,2,10001,,,,\n", "o.csv:2:3 sku: the value is missing"},
		{csvHead + "a," + at + ",mug,,10001,,,,\n", "o.csv:2:4 quantity: the value is missing"},
		{csvHead + "a," + at + ",mug,0,10001,,,,\n", "o.csv:2:4 quantity: 0 units cannot be ordered"},
		{csvHead + "a," + at + ",mug,two,10001,,,,\n", `o.csv:2:4 quantity: "two" is no whole number`},
		{csvHead + "a," + at + ",mug,2,,,,,\n", "postal_code: the order has no destination"},
		{csvHead + "a," + at + ",mug,2,10001,,reno,,\n", "o.csv:2:7 warehouse: an order has none"},
		{csvHead + "a," + at + ",mug,2,10001,oder,,,\n", `event: "oder" is no event; did you mean "order"?`},
		{csvHead + row + "a,,cup,1,10002,,,,\n", "o.csv:3:5 postal_code: it is not what row 2 of the same order says"},
		{csvHead + row + "a,,cup\n", "o.csv:3: the row has 3 fields; give 9"},
		{csvHead + row + "b," + at + ",mug,1,10001,,,,\na,,cup,1,,,,,\n", "o.csv:4:2 ordered_at: the order has no time"},
		{csvHead + row + "b," + at + ",mug,1,10001,,,,\na," + at + ",cup,1,10001,,,,\n", `o.csv:4 id: order "a" stands in row 2 already; give each order an id of its own, and write it once; the rows of one order`},
		{csvHead + row + "," + at + ",mug,5,,set,reno,,5\n", "o.csv:3:9 value: a move of stock has none"},
		{csvHead + row + "," + at + ",mug,,,set,reno,,\n", "quantity: the move of stock has no quantity"},
		{csvHead + row + "b," + at + ",\"mu\"g,1,10001,,,,\n", "o.csv:3:"},
	} {
		if got := refused(t, ReadOptions{}, Bytes("o.csv", []byte(c.text))); !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestFaultsOfParquet(t *testing.T) {
	var whole bytes.Buffer
	r := rng(t)
	h := read(t, ReadOptions{}, Bytes("o.jsonl", randomStory(r, 300).jsonl(r)))
	if err := h.WriteParquet(&whole); err != nil {
		t.Fatal(err)
	}
	type row struct {
		ID   string `parquet:"order_id"`
		At   int64  `parquet:"ordered_at,timestamp(microsecond)"`
		SKU  string `parquet:"sku"`
		N    int64  `parquet:"quantity"`
		Post int32  `parquet:"postal_code"`
		City string `parquet:"city"`
	}
	var wrong bytes.Buffer
	if err := parquet.Write(&wrong, []row{{ID: "a"}}); err != nil {
		t.Fatal(err)
	}
	type nested struct {
		ID  string   `parquet:"order_id"`
		SKU []string `parquet:"sku"`
	}
	var lists bytes.Buffer
	if err := parquet.Write(&lists, []nested{{ID: "a"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"cut off", whole.Bytes()[:whole.Len()/2], "o.parquet: it is no Parquet file, or is cut off"},
		{"one byte short", whole.Bytes()[:whole.Len()-1], "o.parquet: it is no Parquet file, or is cut off"},
		{"no Parquet", []byte("order_id,sku\n"), "o.parquet: it is no Parquet file"},
		{"empty", nil, "o.parquet: it is no Parquet file"},
		{"unknown column", wrong.Bytes(), `unknown column "city"`},
		{"postal code is a number", wrong.Bytes(), "postal_code: the column cannot be read from"},
		{"lists", lists.Bytes(), "sku: the column is nested or repeated"},
	} {
		if got := refused(t, ReadOptions{}, Bytes("o.parquet", c.data)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s\nwant %s", c.name, got, c.want)
		}
	}
	// Whatever byte is turned around, the file is read or refused, and nothing else happens.
	var small bytes.Buffer
	h = read(t, ReadOptions{}, Bytes("o.jsonl", []byte(good("a", "2026-11-02T15:04:05Z"))))
	if err := h.WriteParquet(&small); err != nil {
		t.Fatal(err)
	}
	for i := range small.Len() {
		if i%7 > 0 || testing.Short() && i%5 > 0 {
			continue
		}
		broken := bytes.Clone(small.Bytes())
		broken[i] ^= 0x55
		_, _, _ = Read(t.Context(), []File{Bytes("o.parquet", broken)}, ReadOptions{})
	}
}

func TestForeignParquet(t *testing.T) {
	type row struct {
		N    float64 `parquet:"quantity"` // as pandas has integers of a column with gaps
		ID   string  `parquet:"order_id"`
		SKU  string  `parquet:"sku"`
		At   int64   `parquet:"ordered_at,timestamp(nanosecond:local)"`
		To   string  `parquet:"postal_code"`
		Day  string  `parquet:"promise_date"`
		Paid float64 `parquet:"value"`
		Due  string  `parquet:"due"` // empty text
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	// Rows of one order in two row groups.
	for _, r := range []row{{2, "a", "mug", 1_793_000_000_999_999_999, "02139", "2026-11-27", 19.99, ""}, {1, "a", "cup", 1_793_000_000_999_999_999, "02139", "2026-11-27", 19.99, ""}} {
		if _, err := w.Write([]row{r}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h := read(t, ReadOptions{}, Bytes("o.parquet", b.Bytes()))
	if h.Len() != 1 || len(h.SKU) != 2 || h.At[0] != 1_793_000_000 || h.Promise[0].String() != "2026-11-27" || h.Value[0] != 19_990_000 ||
		h.Destinations[0].Postal != "02139" || h.Units[0] != 2 {
		t.Errorf("got %+v", h)
	}
}

// TestMaxBad leaves out a share, tells it, and refuses more.
func TestMaxBad(t *testing.T) {
	var b strings.Builder
	for i := range 1_000 {
		at := fmt.Sprintf("2026-11-02T15:%02d:%02dZ", i/60, i%60)
		switch {
		case i%200 == 7: // 5 of 1,000
			fmt.Fprintln(&b, strings.Replace(good(fmt.Sprint(i), at), `"quantity":2`, `"quantity":0`, 1))
		case i == 500: // comes too early
			fmt.Fprintln(&b, good(fmt.Sprint(i), "2026-11-02T15:00:00Z"))
		case i == 600: // stands twice
			fmt.Fprintln(&b, good("599", at))
		case i == 700:
			fmt.Fprintln(&b, `{"id"`)
		default:
			fmt.Fprintln(&b, good(fmt.Sprint(i), at))
		}
	}
	f := Bytes("o.jsonl", []byte(b.String()))
	h, bad, err := Read(t.Context(), []File{f}, ReadOptions{MaxBad: 80})
	if err != nil || bad == nil || bad.Rows != 8 || bad.Of != 1_000 || len(bad.Faults) != 8 || h.Len() != 992 {
		t.Fatalf("%v, %v", bad, err)
	}
	rows := []int{8, 208, 408, 501, 601, 608, 701, 808}
	for i, want := range rows {
		if bad.Faults[i].Row != want {
			t.Errorf("fault %d: %v, want row %d", i, bad.Faults[i], want)
		}
	}
	if got := refused(t, ReadOptions{MaxBad: 79}, f); !strings.Contains(got, "8 of 1000 orders and moves of stock are at fault") {
		t.Error(got)
	}
	if got := refused(t, ReadOptions{}, f); strings.Count(got, "\n") != 7 {
		t.Error(got)
	}
	// What is left equals a history of just these.
	var kept strings.Builder
	lines := strings.SplitAfter(b.String(), "\n")
	next := 0
	for i, line := range lines {
		if next < len(rows) && i == rows[next]-1 {
			next++
			continue
		}
		kept.WriteString(line)
	}
	if clean := read(t, ReadOptions{}, Bytes("o.jsonl", []byte(kept.String()))); clean.Hash != h.Hash {
		t.Error("what is left is not the same as without the faulty rows")
	}
}

// TestManyFaults lists a thousand and counts the rest.
func TestManyFaults(t *testing.T) {
	line := strings.Replace(good("a", "2026-11-02T15:04:05Z"), `"a"`, `""`, 1) + "\n"
	_, bad, err := Read(t.Context(), []File{Bytes("o.jsonl", []byte(strings.Repeat(line, 30_000)))}, ReadOptions{})
	fl := faultsOf(t, err)
	if len(fl) != MaxFaults+1 || fl[MaxFaults].Problem != "and 29000 more faults; 30000 of 30000 orders and moves of stock are at fault" || bad.More != 29_000 {
		t.Errorf("%d faults, %v", len(fl), fl[len(fl)-1])
	}
	for i, f := range fl[:MaxFaults] {
		if f.Row != i+1 {
			t.Fatalf("fault %d is of row %d", i, f.Row)
		}
	}
}

// TestLostRow takes the orders beside a row that cannot be told apart.
func TestLostRow(t *testing.T) {
	const at = "2026-11-02T15:04:05Z"
	var b strings.Builder
	b.WriteString(csvHead)
	for i := range 100 {
		fmt.Fprintf(&b, "o%d,%s,mug,2,10001,,,,\n", i, at)
		if i == 50 {
			b.WriteString("o51," + at + "\n")
		}
	}
	h, bad, err := Read(t.Context(), []File{Bytes("o.csv", []byte(b.String()))}, ReadOptions{MaxBad: 1000})
	if err != nil || h.Len() != 98 || bad.Rows != 2 || h.ID(50) != "o52" {
		t.Errorf("%v %v", bad, err)
	}
}

// TestFilesMerge merges files by time, and sorts rows where it is asked to.
func TestFilesMerge(t *testing.T) {
	a := good("1", "2026-11-02T10:00:00Z") + "\n" + good("2", "2026-11-02T12:00:00Z")
	b := good("3", "2026-11-02T11:00:00Z") + "\n" + good("4", "2026-11-02T12:00:00Z") + "\n" +
		`{"stock":"set","at":"2026-11-02T13:00:00Z","warehouse":"reno","sku":"mug","quantity":1}`
	ids := func(h *History) (s string) {
		for i := range h.Len() {
			s += h.ID(i)
		}
		return s
	}
	if h := read(t, ReadOptions{}, Bytes("a.jsonl", []byte(a)), Bytes("b.jsonl", []byte(b))); ids(h) != "1324" || h.File[1] != 1 || h.Row[2] != 2 || len(h.Moves) != 1 {
		t.Errorf("got %s, %+v", ids(h), h)
	}
	reversed := good("2", "2026-11-02T12:00:00Z") + "\n" + good("1", "2026-11-02T10:00:00Z")
	if got := refused(t, ReadOptions{}, Bytes("r.jsonl", []byte(reversed))); !strings.Contains(got, "r.jsonl:2") {
		t.Error(got)
	}
	one, two := read(t, ReadOptions{Sort: true}, Bytes("r.jsonl", []byte(reversed))), read(t, ReadOptions{}, Bytes("a.jsonl", []byte(a)))
	if ids(one) != "12" || one.Hash != two.Hash {
		t.Errorf("got %s", ids(one))
	}
	if got := refused(t, ReadOptions{}, Bytes("a.jsonl", []byte(a)), Bytes("again.jsonl", []byte(a))); !strings.Contains(got, `again.jsonl:1 id: order "1" stands in row 1 of a.jsonl already`) {
		t.Error(got)
	}
}

type failing struct{ io.Reader }

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }
func (failing) Close() error             { return nil }

func TestErrorsOfReading(t *testing.T) {
	f := File{Name: "o.jsonl", Open: func() (io.ReadCloser, error) { return failing{}, nil }}
	if _, _, err := Read(t.Context(), []File{f}, ReadOptions{}); err == nil || !strings.Contains(err.Error(), "o.jsonl: the disk is gone") {
		t.Errorf("got %v", err)
	}
	if _, _, err := Read(t.Context(), []File{OSFile(t.TempDir() + "/none.jsonl")}, ReadOptions{}); err == nil || !strings.Contains(err.Error(), "none.jsonl") {
		t.Errorf("got %v", err)
	}
	if got := refused(t, ReadOptions{}, Bytes("orders.xlsx", nil)); !strings.Contains(got, "the name does not tell the format") {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Read(ctx, []File{Bytes("o.jsonl", []byte(good("a", "2026-11-02T15:04:05Z")))}, ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
