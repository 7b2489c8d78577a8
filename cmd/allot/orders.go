package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/spf13/cobra"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

func ordersTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "orders",
		Short: "The files of orders that allocate, forecast fit and simulate read",
		Long: `Orders come as JSON Lines or as CSV. The ending of a file's name tells which: .csv is CSV, .jsonl, .ndjson and .json are
JSON Lines. Standard input is JSON Lines unless --format says csv.

JSON Lines: one order a line, in the JSON of the API's Order. A name that the API does not know is a fault.

  {"id":"o-1","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"},"promiseDate":"2026-11-27"}

CSV: a header row that names the columns in any order, then one row a line of an order. Rows with the same order_id are
one order; what holds for the whole order stands in its first row, and may stand in the others.

  order_id      required: the merchant's name for the order
  sku           required: the article
  quantity      required: units, 1 or more
  postal_code   where it goes
  country       ISO 3166-1 alpha-2, default US
  latitude      degrees, with longitude in place of a postal code
  longitude     degrees
  time_zone     IANA name, default that of the place
  commercial    yes for a business address, default no
  promise_date  the local day at the destination by whose end it must have arrived, as 2026-11-27
  promise_at    or the instant by which it must have arrived, as 2026-11-27T17:00:00-05:00
  collect_at    the warehouse where the buyer collects it, in place of a destination
  services      the only services that may be used, separated by semicolons
  ordered_at    when it came, as 2026-11-02T15:04:05Z; in JSON Lines orderedAt. Allocate passes over it
  value         what the buyer paid for the goods, without shipping, as 49.90. Only replays make use of it

An order with a fault is listed with file, row and column and is not decided; the other orders are. In a CSV with a row
that cannot be read nothing is decided, since the row may be a line of any of its orders.

Replays ("allot simulate" and the questions on top of it) read histories: orders that all say when they came, in the order of
time, each with a name of its own; the rows of an order in CSV stand one below the other. What happened to the stock
stands between them. In JSON Lines it is a line with the member stock:

  {"stock":"inbound","at":"2026-11-02T06:00:00Z","warehouse":"reno","sku":"mug","quantity":500,"due":"2026-11-09T08:00:00Z"}

In CSV it is a row with these columns, and ordered_at is when it happened or was announced:

  event         adjust: quantity more are on hand, or fewer where it is negative; set: quantity are on hand from now on;
                inbound: quantity will be on hand from due on; empty or order: the row is of an order
  warehouse     its id
  due           of inbound: when it will be on hand

Parquet has the columns of CSV, one row a line of an order: text, or of the type that fits (timestamps, dates, decimals,
booleans, integers). Several files are merged by time. Every fault of every file is listed, and nothing is replayed
unless --max-bad allows a share of them.`,
	}
}

// The formats of files of orders.
const (
	formatJSON = history.JSONLines
	formatCSV  = history.CSV
)

// formatOf returns the format that a file's name tells, if it is a known one.
func formatOf(name string, known ...string) (string, bool) {
	format, ok := history.FormatOf(name)
	return format, ok && slices.Contains(known, format)
}

// A filedOrder is an order with its place in a file.
type filedOrder struct {
	order  *allotv1.Order
	at     units.Instant // when it came; 0 where the file does not say
	file   string
	row    int
	faults []faults.Fault                    // it cannot be read, and order is nil
	place  func(f faults.Fault) faults.Fault // puts a fault, whose Field is that of the order, in its place in the file
}

// readOrders yields the orders of a file. Errors are of the file itself, and end it.
func readOrders(name, format string, stdin io.Reader) iter.Seq2[*filedOrder, error] {
	return func(yield func(*filedOrder, error) bool) {
		in := stdin
		shown := "stdin"
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				yield(nil, err)
				return
			}
			defer func() { _ = f.Close() }() // it is only read
			in, shown = f, name
		}
		if format == formatCSV {
			csvOrders(shown, in, yield)
		} else {
			jsonOrders(shown, in, yield)
		}
	}
}

// maxLine bounds a line of JSON Lines, as the API bounds a request.
const maxLine = 4 << 20

// jsonOrders yields the orders of JSON Lines.
func jsonOrders(file string, in io.Reader, yield func(*filedOrder, error) bool) {
	r := bufio.NewReaderSize(in, 64<<10)
	for row := 1; ; row++ {
		line, long, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			yield(nil, fmt.Errorf("reading %s: %w", file, err))
			return
		}
		end := err != nil
		if row == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			o := jsonOrder(file, row, text, long)
			if !yield(o, nil) {
				return
			}
			if row == 1 && len(o.faults) > 0 && (text[0] == '[' || string(text) == "{") {
				return // every further line would be a fault of its own, and none of them the cause
			}
		}
		if end {
			return
		}
	}
}

// readLine returns the next line, cut where it is too long. The error is io.EOF with the last line.
func readLine(r *bufio.Reader) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) <= maxLine {
			line = append(line, part...)
		} else {
			long = true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, long, err
		}
	}
}

func jsonOrder(file string, row int, text []byte, long bool) *filedOrder {
	o := &filedOrder{file: file, row: row}
	o.place = func(f faults.Fault) faults.Fault {
		f.File, f.Row = file, row
		return f
	}
	if long {
		o.faults = []faults.Fault{o.place(faults.Fault{
			Problem: fmt.Sprintf("the line is longer than %d bytes", maxLine), Mend: "write one order a line",
		})}
		return o
	}
	when, cut, err := orderedAt(text)
	if err != nil {
		o.faults = append(o.faults, o.place(faults.Fault{Field: "orderedAt", Problem: err.Error()}))
	}
	if cut, err = valueOf(cut); err != nil {
		o.faults = append(o.faults, o.place(faults.Fault{Field: "value", Problem: err.Error()}))
	}
	order, err := server.ParseOrder(cut)
	o.at = when
	bad, _ := asFaults(err)
	for _, f := range bad {
		f = o.place(f)
		if text[0] != '{' || string(text) == "{" {
			f.Mend = `write one order a line, as {"id":"o-1","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"}}`
		}
		o.faults = append(o.faults, f)
	}
	o.order = order
	return o
}

// orderedAt takes the member orderedAt, which the API's Order does not have, out of an order in JSON: blanks stand in its
// place, so that what is wrong with the rest stays where it is. It says nothing of what is no JSON.
func orderedAt(text []byte) (at units.Instant, rest []byte, err error) {
	value, rest := cutMember(text, "orderedAt")
	if value == nil {
		return 0, text, nil
	}
	if err = json.Unmarshal(value, &at); err != nil {
		err = fmt.Errorf("%.60s is no moment; write it as \"2026-11-02T15:04:05Z\"", value)
	}
	return at, rest, err
}

// valueOf takes the member value out of an order in JSON, as orderedAt does. Only replays make use of it.
func valueOf(text []byte) (rest []byte, err error) {
	value, rest := cutMember(text, "value")
	if value == nil {
		return text, nil
	}
	var worth units.Money
	if err = json.Unmarshal(value, &worth); err != nil {
		err = fmt.Errorf("%.60s is no amount; write it as \"49.90\"", value)
	}
	return rest, err
}

// cutMember returns a member of an object in JSON, and the text with blanks in its place; nil where it has none.
func cutMember(text []byte, member string) (value json.RawMessage, rest []byte) {
	if !bytes.Contains(text, []byte(`"`+member+`"`)) {
		return nil, text
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, broken := d.Token(); broken != nil || open != json.Delim('{') {
		return nil, text // whoever reads the order says what is wrong with it
	}
	for before := d.InputOffset(); d.More(); before = d.InputOffset() {
		key, broken := d.Token()
		value = nil
		if broken != nil || d.Decode(&value) != nil {
			break
		}
		if key != member {
			continue
		}
		end := d.InputOffset()
		rest = bytes.Clone(text)
		for i := before; i < end; i++ { // with the comma before it
			rest[i] = ' '
		}
		if string(bytes.TrimSpace(rest[:end])) == "{" { // it was the first, and has its comma behind it
			if i := bytes.IndexByte(rest[end:], ','); i >= 0 && len(bytes.TrimSpace(rest[end:end+int64(i)])) == 0 {
				rest[end+int64(i)] = ' '
			}
		}
		return value, rest
	}
	return nil, text
}
