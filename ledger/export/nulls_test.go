package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestNullsOfManyRows writes many rows, beyond a row group, in which optional fields are null by chance and in runs of all
// lengths, and reads them back: what was 0 is null, and nothing else is.
func TestNullsOfManyRows(t *testing.T) {
	rows, seeds := 120_000, []uint64{1, 0, 2}
	if testing.Short() {
		rows, seeds = 60_000, seeds[:1]
	}
	for _, seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 29))
		left, null := 0, false
		some := func(n int) int { // 0, or up to n; by chance, and with another seed in runs
			if left--; left < 0 {
				null = !null
				if left = 0; seed > 0 {
					left = rng.IntN(1 + rng.IntN(3_000*int(seed)))
				}
			}
			if seed == 0 && rng.IntN(3) == 0 || seed > 0 && null {
				return 0
			}
			return 1 + rng.IntN(n)
		}
		all := make([]Shipment, rows)
		for i := range all {
			all[i] = Shipment{
				HoldID: fmt.Sprint(i), Warehouse: fmt.Sprint("w", i%7), SKU: fmt.Sprint("s", rng.IntN(5_000)), Units: int32(i),
				ShipDate: nullable(int32(some(1 << (1 + rng.IntN(30))))), DeliveryDate: nullable(int32(some(400))), ArrivesAt: nullable(int64(some(1 << 40))),
			}
		}
		var out bytes.Buffer
		written, err := writeParquet(t.Context(), sink{w: &out, options: Options{Step: func(int64) {}}}, func(yield func(*Shipment, error) bool) {
			for i := range all {
				if !yield(&all[i], nil) {
					return
				}
			}
		})
		if err != nil || written != int64(rows) {
			t.Fatalf("%d rows: %v", written, err)
		}
		file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		names := file.Schema().Columns()
		n, wrong, nulls := 0, 0, 0
		for _, group := range file.RowGroups() {
			from := group.Rows()
			batch := make([]parquet.Row, 777)
			for {
				k, err := from.ReadRows(batch)
				for _, row := range batch[:k] {
					want := &all[n]
					for column, v := range row {
						var is int64
						switch names[column][0] {
						case "ship_date":
							is = was(want.ShipDate)
						case "delivery_date":
							is = was(want.DeliveryDate)
						case "arrives_at":
							is = was(want.ArrivesAt)
						case "units":
							if v.IsNull() || v.Int64() != int64(want.Units) {
								wrong++
							}
							continue
						case "hold_id":
							if v.IsNull() || string(v.ByteArray()) != want.HoldID {
								wrong++
							}
							continue
						default:
							continue
						}
						if v.IsNull() {
							nulls++
						}
						if v.IsNull() != (is == 0) || is != 0 && v.Int64() != is {
							if wrong++; wrong < 5 {
								t.Errorf("seed %d, row %d: %s is %v (null: %v), want %d", seed, n, names[column][0], v, v.IsNull(), is)
							}
						}
					}
					n++
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := from.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if n != rows || wrong > 0 || nulls < rows/2 || nulls > 5*rows/2 {
			t.Errorf("seed %d: %d rows of %d, %d nulls, %d values are wrong", seed, n, rows, nulls, wrong)
		}
	}
}

func was[T int32 | int64](v *T) int64 {
	if v == nil {
		return 0
	}
	return int64(*v)
}
