package export

import (
	"context"
	"encoding/csv"
	"iter"
	"maps"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Sizes of what is in memory at once: rows handed on together, and rows of one Parquet row group, which is encoded whole.
const (
	batchRows = 1_000
	groupRows = 100_000
)

func writeParquet[R any](ctx context.Context, to sink, rows iter.Seq2[*R, error]) (written int64, err error) {
	w := parquet.NewGenericWriter[R](to.w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows),
		parquet.CreatedBy("allot", "", ""))
	for _, key := range slices.Sorted(maps.Keys(to.options.Metadata)) {
		w.SetKeyValueMetadata(key, to.options.Metadata[key])
	}
	batch := make([]R, 0, batchRows)
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := w.Write(batch)
		batch, written = batch[:0], written+int64(n)
		to.options.Step(written)
		return err
	}
	for row, err := range rows {
		if err != nil {
			return written, err
		}
		if batch = append(batch, *row); len(batch) == batchRows {
			if err := flush(); err != nil {
				return written, err
			}
		}
	}
	if err := flush(); err != nil {
		return written, err
	}
	return written, w.Close()
}

func writeCSV[R any](ctx context.Context, to sink, columns []column[R], rows iter.Seq2[*R, error]) (written int64, err error) {
	w := csv.NewWriter(to.w)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.name
	}
	if err := w.Write(record); err != nil {
		return 0, err
	}
	for row, err := range rows {
		if err != nil {
			return written, err
		}
		for i, c := range columns {
			record[i] = c.text(row)
		}
		if err := w.Write(record); err != nil {
			return written, err
		}
		if written++; written%batchRows == 0 {
			if err := ctx.Err(); err != nil {
				return written, context.Cause(ctx)
			}
			to.options.Step(written)
		}
	}
	w.Flush()
	to.options.Step(written)
	return written, w.Error()
}
