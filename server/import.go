package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// importBatch is how many rows of an import are done at once. It is part of the contract: a batch is known by its number
// when an import is sent again.
const importBatch = 1_000

// maxImportFaults bounds the faults and the shortfalls that an import is told of.
const maxImportFaults = 1_000

// importStock reads an import to its end. receive returns io.EOF after the last message.
func (s *Server) importStock(ctx context.Context, receive func() (*allotv1.ImportStockRequest, error)) (*allotv1.ImportStockResponse, error) {
	type received struct {
		*allotv1.ImportStockRequest
		err error
	}
	messages, ended := make(chan received), make(chan struct{})
	defer close(ended)
	go func() { // it ends with the call, which fails what it waits for
		for {
			m, err := receive()
			select {
			case messages <- received{m, err}:
			case <-ended:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	im := &importing{s: s, out: &allotv1.ImportStockResponse{}}
	for {
		var m received
		select {
		case m = <-messages:
		case <-s.draining.Done():
			return nil, im.interrupted(errShutting)
		case <-ctx.Done():
			return nil, im.interrupted(context.Cause(ctx))
		}
		if errors.Is(m.err, io.EOF) {
			out, err := im.end()
			return out, im.interrupted(err)
		}
		if m.err != nil {
			return nil, im.interrupted(m.err)
		}
		if err := im.add(m.ImportStockRequest); err != nil {
			return nil, im.interrupted(err)
		}
	}
}

// An importing is one call of ImportStock.
type importing struct {
	s     *Server
	id    string
	first int64               // number of batch[0]
	batch []*allotv1.StockRow // not yet done
	out   *allotv1.ImportStockResponse
}

// interrupted adds to an error where the import is to be resumed.
func (im *importing) interrupted(err error) error {
	if err == nil || im.id == "" {
		return err
	}
	st := statusOf(err)
	if st.Code() == codes.Internal {
		return err // the log has to have it
	}
	p := proto.CloneOf(st.Proto())
	for _, d := range p.GetDetails() {
		info := &errdetails.ErrorInfo{}
		if !d.MessageIs(info) || d.UnmarshalTo(info) != nil {
			continue
		}
		metadata := map[string]string{"next_row": strconv.FormatInt(im.first, 10)}
		maps.Copy(metadata, info.GetMetadata())
		info.Metadata = metadata
		if d.MarshalFrom(info) != nil {
			return err
		}
	}
	return status.FromProto(p).Err()
}

// add takes the rows of a message, and does the batches that are full.
func (im *importing) add(m *allotv1.ImportStockRequest) error {
	var fl faults.List
	rows := m.GetRows()
	m.Rows = nil // each row is judged by itself
	violations(m, &fl)
	if len(rows) > maxRows {
		fl.Addf("", 0, 0, "rows", fmt.Sprintf("send at most %d in one message", maxRows), "%d rows", len(rows))
	}
	switch begun := im.id != ""; {
	case !begun && m.GetImportId() == "":
		fl.Addf("", 0, 0, "import_id", "name the import in the first message", "missing")
	case begun && m.GetImportId() != "" && m.GetImportId() != im.id:
		fl.Addf("", 0, 0, "import_id", "leave it out after the first message", "another import")
	case begun && m.GetFirstRow() != 0:
		fl.Addf("", 0, 0, "first_row", "leave it out after the first message", "given again")
	case !begun && m.GetFirstRow() > 1 && m.GetFirstRow()%importBatch != 1:
		fl.Addf("", 0, 0, "first_row", fmt.Sprintf("begin with 1, %d, %d and so on, as next_row told", importBatch+1, 2*importBatch+1), "row %d is within a batch", m.GetFirstRow())
	}
	if err := fl.Err(); err != nil {
		return err
	}
	if im.id == "" {
		im.id, im.first = m.GetImportId(), max(m.GetFirstRow(), 1)
	}
	for len(rows) > 0 {
		n := min(len(rows), importBatch-len(im.batch))
		im.batch = append(im.batch, rows[:n]...)
		rows = rows[n:]
		if len(im.batch) == importBatch {
			if err := im.do(); err != nil {
				return err
			}
		}
	}
	return nil
}

// end does what is left, and returns what became of it all.
func (im *importing) end() (*allotv1.ImportStockResponse, error) {
	if im.id == "" {
		return nil, im.add(&allotv1.ImportStockRequest{}) // which says what is missing
	}
	if len(im.batch) > 0 {
		if err := im.do(); err != nil {
			return nil, err
		}
	}
	im.out.NextRow = im.first
	return im.out, nil
}

// do does the batch: what lies there as one change of stock, what is on its way as one announcement. Each has a request
// id made of the import's and the batch's number, so that it is done once however often it is sent.
func (im *importing) do() error {
	snap, number := im.s.network.Load().snap, int((im.first-1)/importBatch)
	body := requestOf("", &allotv1.ImportStockRequest{Rows: im.batch}).Body
	request := func(what string) ledger.Request {
		return ledger.Request{ID: ownRequest("ImportStock "+what, im.id, number), Body: body}
	}
	now := im.s.now()
	var levels []ledger.StockLevel
	var receipts []ledger.Receipt
	var ofLevel, ofReceipt []int // rows in the batch
	bad := 0
	for i, row := range im.batch {
		switch level, receipt, ok := im.read(snap, i, row); {
		case !ok:
			bad++
		case receipt.From == 0:
			levels, ofLevel = append(levels, level), append(ofLevel, i)
		case receipt.Quantity > 0:
			receipts, ofReceipt = append(receipts, receipt), append(ofReceipt, i)
		}
	}
	for len(levels) > 0 {
		result, err := im.s.ledger.SetStock(now, request("levels"), levels)
		if err == nil {
			im.shortfalls(snap, result.Shortfalls)
			break
		}
		if levels, ofLevel, err = leaveOut(im, levels, ofLevel, err, &bad); err != nil {
			return err
		}
	}
	for len(receipts) > 0 {
		err := im.s.ledger.AddReceipts(now, request("receipts"), receipts)
		if err == nil {
			break
		}
		if receipts, ofReceipt, err = leaveOut(im, receipts, ofReceipt, err, &bad); err != nil {
			return err
		}
	}
	n := int64(len(im.batch))
	im.out.Rows += n
	im.out.Refused += int64(bad)
	im.out.Accepted += n - int64(bad)
	im.first += n
	im.batch = im.batch[:0]
	return nil
}

// read turns a row into a level or, where it has a day, into a receipt. It is false for a row with faults, which it tells.
func (im *importing) read(snap *network.Snapshot, i int, row *allotv1.StockRow) (level ledger.StockLevel, receipt ledger.Receipt, ok bool) {
	var fl faults.List
	if !soundRow(row) {
		violations(row, &fl)
	}
	told := func() int { return int(im.out.GetRefused()) + fl.Len() }
	w, known := snap.Warehouse(row.GetWarehouse())
	if !known && row.GetWarehouse() != "" {
		fl.Addf("", 0, 0, "warehouse", meant(told(), row.GetWarehouse(), snap.Rows().Warehouses, "name a warehouse of the network"), "unknown warehouse %.100q", row.GetWarehouse())
	}
	sku, sold := snap.SKUs.Row(row.GetSku())
	if !sold && row.GetSku() != "" {
		fl.Addf("", 0, 0, "sku", meant(told(), row.GetSku(), snap.SKUs.IDs, "name a SKU of the network"), "unknown SKU %.100q", row.GetSku())
	}
	if text := row.GetAvailableFrom(); text != "" && soundDate(text) {
		day, err := units.ParseDate(text)
		switch {
		case err != nil:
			fl.Addf("", 0, 0, "available_from", "write an existing day as yyyy-mm-dd", "%q is no date", text)
		case row.GetSafety() != 0:
			fl.Addf("", 0, 0, "safety", "keep units back by a row without available_from", "stock that is on its way has none")
		case known:
			if receipt.From = startOfDay(snap, w, day); receipt.From <= 0 {
				fl.Addf("", 0, 0, "available_from", "write a day after 1970", "%v is long past", day)
			}
		}
	}
	for _, f := range fl.Faults() {
		im.fault(i, f)
	}
	if fl.Len() > 0 {
		return level, receipt, false
	}
	receipt.Warehouse, receipt.SKU, receipt.Quantity = ledger.Warehouse(w), ledger.SKU(sku), row.GetOnHand()
	return ledger.StockLevel{Warehouse: receipt.Warehouse, SKU: receipt.SKU, OnHand: row.GetOnHand(), Safety: row.GetSafety()}, receipt, true
}

// fault tells what is wrong with the i-th row of the batch.
func (im *importing) fault(i int, f faults.Fault) {
	if len(im.out.GetFaults()) < maxImportFaults {
		im.out.Faults = append(im.out.Faults, &allotv1.ImportFault{Row: im.first + int64(i), Field: f.Field, Problem: f.Problem, Mend: f.Mend})
	}
}

// leaveOut returns the elements without those that the ledger finds fault with, and their rows. Any other error is
// returned.
func leaveOut[T any](im *importing, elements []T, rows []int, err error, bad *int) ([]T, []int, error) {
	invalid, ok := errors.AsType[*ledger.InvalidError](err)
	if !ok {
		return nil, nil, err
	}
	out := map[int]bool{}
	for _, f := range invalid.Faults {
		list, field, _ := strings.Cut(f.Field, "].") // as in levels[17].on_hand
		_, index, _ := strings.Cut(list, "[")
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || i >= len(elements) {
			return nil, nil, invalid // it is about no row
		}
		if field == "quantity" || field == "from" {
			field = map[string]string{"quantity": "on_hand", "from": "available_from"}[field]
		}
		im.fault(rows[i], faults.Fault{Field: field, Problem: f.Problem})
		out[i] = true
	}
	*bad += len(out)
	var left []T
	var of []int
	for i := range elements {
		if !out[i] {
			left, of = append(left, elements[i]), append(of, rows[i])
		}
	}
	return left, of, nil
}

func (im *importing) shortfalls(snap *network.Snapshot, short []ledger.Shortfall) {
	im.out.ShortfallCount += int64(len(short))
	room := maxImportFaults - len(im.out.GetShortfalls())
	im.out.Shortfalls = append(im.out.Shortfalls, writeShortfalls(snap, short[:min(len(short), room)])...)
}

// soundRow tells that a row surely keeps the rules of its proto.
func soundRow(r *allotv1.StockRow) bool {
	const most = ledger.MaxQuantity
	return len(r.GetWarehouse()) >= 1 && len(r.GetWarehouse()) <= maxName && len(r.GetSku()) >= 1 && len(r.GetSku()) <= maxName &&
		r.GetOnHand() >= 0 && r.GetOnHand() <= most && r.GetSafety() >= 0 && r.GetSafety() <= most &&
		(r.GetAvailableFrom() == "" || soundDate(r.GetAvailableFrom()))
}
