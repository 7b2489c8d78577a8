package history

import (
	"bytes"
	"testing"

	"github.com/allot-engine/allot/units"
)

// readsBack reads a file, leaving out what is at fault, and holds what it read against what is read from its Parquet file.
func readsBack(t *testing.T, f File) {
	t.Helper()
	o := ReadOptions{MaxBad: units.Certain, Workers: 2}
	h, bad, err := Read(t.Context(), []File{f}, o)
	if err != nil {
		return
	}
	if bad != nil && (bad.Rows > bad.Of || len(bad.Faults) == 0) {
		t.Fatalf("left out %+v", bad)
	}
	for i := range h.Len() {
		if h.At[i] <= 0 || i > 0 && h.At[i] < h.At[i-1] || h.From[i] >= h.From[i+1] || h.ID(i) == "" {
			t.Fatalf("order %d: %+v", i, h)
		}
	}
	var b bytes.Buffer
	if h.WriteParquet(&b) != nil {
		return // a name that no table can hold
	}
	if back := read(t, ReadOptions{}, Bytes("o.parquet", b.Bytes())); back.Hash != h.Hash {
		t.Fatalf("%+v\nreads back as\n%+v", h, back)
	}
}

func FuzzJSONLines(f *testing.F) {
	f.Add([]byte(good("a", "2026-11-02T15:04:05Z")))
	f.Add([]byte(good("a", "2026-11-02T15:04:05Z") + "\n" + good("b", "2026-11-02T15:04:05+01:00") + "\n{\"id\":"))
	f.Add([]byte(`{"stock":"inbound","at":"2026-11-02T15:04:05Z","warehouse":"reno","sku":"mug","quantity":1,"due":"2026-11-03T15:04:05Z"}`))
	f.Add([]byte(`{"id":"\u0061","ordered_at":"2026-11-02T15:04:05Z","lines":[{"sku":" m","quantity":"2e0"}],"to":{"point":{"latitude":1,"longitude":-2}},"promiseAt":"2026-11-09T00:00:00Z","services":["a b"],"value":1.5}`))
	f.Add([]byte("[\n"))
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, Bytes("o.jsonl", data)) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(csvHead + "a,2026-11-02T15:04:05Z,mug,2,10001,,,,\na,,cup,1,,,,,\n"))
	f.Add([]byte(csvHead + "a,2026-11-02T15:04:05Z,\"m\"\"u\ng\",2,10001,,,,12\n,2026-11-02T15:04:05Z,mug,2,,set,reno,,\n"))
	f.Add([]byte("order_id,ordered_at,sku,quantity,latitude,longitude,services,promise_date\na,2026-11-02T15:04:05Z,mug,2,1,2,a;b,2026-11-09\nb,\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, Bytes("o.csv", data)) })
}

func FuzzParquet(f *testing.F) {
	h := read(f, ReadOptions{}, Bytes("o.jsonl", []byte(good("a", "2026-11-02T15:04:05Z")+"\n"+good("b", "2026-11-02T15:04:05Z"))))
	var b bytes.Buffer
	if err := h.WriteParquet(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte("PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		readsBack(t, Bytes("o.parquet", data))
	})
}
