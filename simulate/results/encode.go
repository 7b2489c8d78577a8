package results

import (
	"encoding/binary"
	"strconv"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/units"
)

func hasRunnerUp(o *simulate.OrderRow) bool {
	return o.RunnerUp.Warehouse >= 0 && o.RunnerUp.Service >= 0
}

// outcome is the number of an order's outcome in the dictionary of its column.
func outcome(o *simulate.OrderRow) int32 {
	if o.Malformed {
		return int32(len(outcomes)) - 1
	}
	return int32(o.Outcome) - 1
}

// place is the position of an order's destination among the locations.
func (r *Recorder) place(order int) int32 {
	if d := r.in.History.Dest[order]; d >= 0 {
		return d
	}
	if c := r.in.History.Collect[order]; c >= 0 {
		return int32(len(r.in.History.Destinations)) + c
	}
	return int32(len(r.where.postal)) - 1 // nowhere
}

// encode makes the pages of a block.
func (r *Recorder) encode(p *preparer, b *simulate.Block) (err error) {
	for i := range p.has {
		if nulls(i) == always {
			p.levels[i] = levels{values: len(p.rows)}
		} else if p.levels[i], err = newLevels(p.has[i]); err != nil {
			return err
		}
	}
	if cap(p.b.pages) < len(r.columns) {
		p.b.pages = make([]page, len(r.columns))
	}
	p.b.pages = p.b.pages[:len(r.columns)]
	for i := range r.columns {
		if p.b.pages[i], err = r.page(p, b, i); err != nil {
			return err
		}
	}
	return nil
}

// page makes the page of a column.
func (r *Recorder) page(p *preparer, b *simulate.Block, at int) (page, error) {
	c := &r.columns[at]
	h := r.in.History
	l := &p.levels[c.null]
	out := p.e.begin(l)
	rows, ships := p.rows, b.Shipments
	number := p.number[:0]
	has := p.has[c.null]
	switch at {
	// Of orders.
	case colOrder:
		for _, o := range rows {
			out = binary.LittleEndian.AppendUint32(out, uint32(b.First+int(o)))
		}
	case colID:
		for _, o := range rows {
			out = appendPlain(out, h.ID(b.First+int(o)))
		}
	case colAt:
		for _, o := range rows {
			out = binary.LittleEndian.AppendUint64(out, uint64(h.At[b.First+int(o)])*1_000)
		}
	case colOutcome:
		for _, o := range rows {
			number = append(number, outcome(&b.Orders[o]))
		}
	case colLate:
		out = appendBits(out, len(rows), func(i int) bool { return b.Orders[rows[i]].Late })
	case colPromised:
		out = appendBits(out, len(rows), func(i int) bool { promised, _ := r.promise(b.First + int(rows[i])); return promised })
	case colMissed:
		out = appendBits(out, len(rows), func(i int) bool { return r.missed(b, int(rows[i])) })
	case colValue:
		for _, o := range rows {
			out = binary.LittleEndian.AppendUint64(out, uint64(r.value(b.First+int(o))))
		}
	case colPostal, colState, colCell:
		column := [...][]int32{r.where.postal, r.where.state, r.where.cell}[at-colPostal]
		for _, o := range rows {
			number = append(number, column[r.place(b.First+int(o))])
		}
	case colOrdered:
		for _, o := range rows {
			begin := len(out)
			out = r.appendOrdered(append(out, 0, 0, 0, 0), b.First+int(o))
			binary.LittleEndian.PutUint32(out[begin:], uint32(len(out)-begin-4))
		}
	case colShipments:
		for _, o := range rows {
			s := b.Orders[o].Shipments
			out = binary.LittleEndian.AppendUint32(out, uint32(s[1]-s[0]))
		}
	case colOrderCost:
		for _, o := range rows {
			out = binary.LittleEndian.AppendUint64(out, uint64(b.Orders[o].Cost))
		}
	case colSplitCost:
		for _, o := range rows {
			out = binary.LittleEndian.AppendUint64(out, uint64(b.Orders[o].SplitCost))
		}
	case colFloor:
		for i, o := range rows {
			if has[i] == 1 {
				out = binary.LittleEndian.AppendUint64(out, uint64(b.Orders[o].Floor))
			}
		}
	case colFloorOutcome:
		for _, o := range rows {
			number = append(number, int32(b.Orders[o].FloorOutcome))
		}
	case colStatus:
		for _, o := range rows {
			number = append(number, int32(b.Orders[o].Status))
		}
	case colGap:
		for _, o := range rows {
			out = binary.LittleEndian.AppendUint64(out, uint64(b.Orders[o].Gap))
		}
	case colWhy:
		for _, o := range rows {
			out = appendPlain(out, b.Orders[o].RunnerUp.Why)
		}
	case colUpWarehouse:
		for i, o := range rows {
			if has[i] == 1 {
				number = append(number, b.Orders[o].RunnerUp.Warehouse)
			}
		}
	case colUpService:
		for i, o := range rows {
			if has[i] == 1 {
				number = append(number, b.Orders[o].RunnerUp.Service)
			}
		}
	case colUpGap:
		for i, o := range rows {
			if has[i] == 1 {
				out = binary.LittleEndian.AppendUint64(out, uint64(b.Orders[o].RunnerUp.Gap))
			}
		}
	// Of shipments, which stand in the order of the rows.
	case colShipment:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(i)-b.Orders[ships[i].Order].Shipments[0]+1))
		}
	case colWarehouse:
		for i := range ships {
			number = append(number, ships[i].Warehouse)
		}
	case colCarrier:
		for i := range ships {
			number = append(number, r.carrier[ships[i].Service])
		}
	case colService:
		for i := range ships {
			number = append(number, ships[i].Service)
		}
	case colItems:
		for i := range ships {
			begin := len(out)
			out = r.appendItems(append(out, 0, 0, 0, 0), b.Items[ships[i].Items[0]:ships[i].Items[1]])
			binary.LittleEndian.PutUint32(out[begin:], uint32(len(out)-begin-4))
		}
	case colUnits:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].Units))
		}
	case colParcels:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].Parcels))
		}
	case colWeight:
		for i := range ships {
			out = binary.LittleEndian.AppendUint64(out, uint64(kilograms(ships[i].Weight)))
		}
	case colZone:
		for i := range ships {
			out = appendPlain(out, ships[i].Zone)
		}
	case colGuessed:
		out = appendBits(out, len(ships), func(i int) bool { return ships[i].Guessed })
	case colShipDate:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].ShipDate))
		}
	case colDeliveryDate:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].DeliveryDate))
		}
	case colArrival:
		for i := range ships {
			out = binary.LittleEndian.AppendUint64(out, uint64(ships[i].Arrival)*1_000)
		}
	case colDaysLate:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].DaysLate))
		}
	case colKilometres:
		for i := range ships {
			out = binary.LittleEndian.AppendUint64(out, uint64(ships[i].Metres))
		}
	case colCO2:
		for i := range ships {
			out = binary.LittleEndian.AppendUint64(out, uint64(ships[i].CO2Grams))
		}
	case colInTime:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].InTime))
		}
	case colDelayed:
		for i := range ships {
			out = binary.LittleEndian.AppendUint32(out, uint32(ships[i].Delayed))
		}
	case colLost:
		out = appendBits(out, len(ships), func(i int) bool { return ships[i].Lost })
	case colCost:
		for i := range ships {
			out = binary.LittleEndian.AppendUint64(out, uint64(ships[i].Cost))
		}
	case colFreight:
		for i := range ships {
			out = binary.LittleEndian.AppendUint64(out, uint64(ships[i].Freight))
		}
	default:
		for i := at - colTerms; i < len(b.Costs); i += len(r.terms) {
			out = binary.LittleEndian.AppendUint64(out, uint64(b.Costs[i]))
		}
	}
	if c.kind == kindName {
		p.number = number
		return p.e.names(c, len(rows), l, number)
	}
	return p.e.end(c, len(rows), out)
}

// appendBits appends n flags as Parquet has them: eight to a byte, the first lowest.
func appendBits(dst []byte, n int, is func(int) bool) []byte {
	for at := 0; at < n; at += 8 {
		bits := byte(0)
		for i := at; i < min(at+8, n); i++ {
			if is(i) {
				bits |= 1 << (i - at)
			}
		}
		dst = append(dst, bits)
	}
	return dst
}

func (r *Recorder) value(order int) units.Money {
	if v := r.in.History.Value; v != nil {
		return v[order]
	}
	return 0
}

// appendOrdered appends what was ordered.
func (r *Recorder) appendOrdered(dst []byte, order int) []byte {
	h := r.in.History
	for l := h.From[order]; l < h.From[order+1]; l++ {
		if l > h.From[order] {
			dst = append(dst, ';')
		}
		dst = append(append(dst, h.SKUs[h.SKU[l]]...), ':')
		dst = appendCount(dst, h.Units[l])
	}
	return dst
}

// appendItems appends what is in a shipment.
func (r *Recorder) appendItems(dst []byte, items []engine.Item) []byte {
	for i, it := range items {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(append(dst, r.snap.SKUs.IDs[it.SKU]...), ':')
		dst = appendCount(dst, it.Quantity)
	}
	return dst
}

func appendCount[N int | int32 | int64](dst []byte, n N) []byte {
	if n >= 0 && n < 10 {
		return append(dst, byte('0'+n))
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func appendFlag(dst []byte, is bool) []byte {
	if is {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// lines writes a block as CSV.
func (r *Recorder) lines(p *preparer, b *simulate.Block) {
	out := p.b.csv[:0]
	h := r.in.History
	terms := len(r.terms)
	for i := range b.Orders {
		o := &b.Orders[i]
		order := b.First + i
		at := r.place(order)
		begin := len(out)
		out = append(strconv.AppendInt(out, int64(order), 10), ',')
		out = append(appendQuoted(out, h.ID(order)), ',')
		out = append(p.dates.instant(out, h.At[order]), ',')
		out = append(append(out, r.columns[colOutcome].names.quoted[outcome(o)]...), ',')
		out = append(appendFlag(out, o.Late), ',')
		promised, _ := r.promise(order)
		out = append(appendFlag(out, promised), ',')
		out = append(appendFlag(out, r.missed(b, i)), ',')
		out = append(appendMoney(out, r.value(order)), ',')
		out = append(append(out, r.columns[colPostal].names.quoted[r.where.postal[at]]...), ',')
		out = append(append(out, r.columns[colState].names.quoted[r.where.state[at]]...), ',')
		out = append(append(out, r.columns[colCell].names.quoted[r.where.cell[at]]...), ',')
		p.text = r.appendOrdered(p.text[:0], order)
		out = append(appendQuoted(out, p.text), ',')
		out = append(appendCount(out, o.Shipments[1]-o.Shipments[0]), ',')
		out = append(appendMoney(out, o.Cost), ',')
		out = append(appendMoney(out, o.SplitCost), ',')
		if o.FloorOutcome == engine.Planned {
			out = appendMoney(out, o.Floor)
		}
		out = append(append(append(out, ','), outcomes[o.FloorOutcome]...), ',')
		out = append(append(out, statuses[o.Status]...), ',')
		out = append(appendMoney(out, o.Gap), ',')
		out = append(appendQuoted(out, o.RunnerUp.Why), ',')
		if hasRunnerUp(o) {
			out = append(append(out, r.columns[colUpWarehouse].names.quoted[o.RunnerUp.Warehouse]...), ',')
			out = append(append(out, r.columns[colUpService].names.quoted[o.RunnerUp.Service]...), ',')
			out = append(appendMoney(out, o.RunnerUp.Gap), ',')
		} else {
			out = append(out, ",,,"...)
		}
		if o.Shipments[0] == o.Shipments[1] {
			for range len(r.columns) - colShipment - 1 {
				out = append(out, ',')
			}
			out = append(out, '\n')
			continue
		}
		p.prefix = append(p.prefix[:0], out[begin:]...)
		for n := o.Shipments[0]; n < o.Shipments[1]; n++ {
			s := &b.Shipments[n]
			if n > o.Shipments[0] {
				out = append(out, p.prefix...)
			}
			out = append(appendCount(out, n-o.Shipments[0]+1), ',')
			out = append(append(out, r.columns[colWarehouse].names.quoted[s.Warehouse]...), ',')
			out = append(append(out, r.columns[colCarrier].names.quoted[r.carrier[s.Service]]...), ',')
			out = append(append(out, r.columns[colService].names.quoted[s.Service]...), ',')
			p.text = r.appendItems(p.text[:0], b.Items[s.Items[0]:s.Items[1]])
			out = append(appendQuoted(out, p.text), ',')
			out = append(appendCount(out, s.Units), ',')
			out = append(appendCount(out, s.Parcels), ',')
			out = append(appendDecimal(out, kilograms(s.Weight), 6, 0), ',')
			out = append(appendQuoted(out, s.Zone), ',')
			out = append(appendFlag(out, s.Guessed), ',')
			out = append(p.dates.append(out, s.ShipDate), ',')
			out = append(p.dates.append(out, s.DeliveryDate), ',')
			out = append(p.dates.instant(out, s.Arrival), ',')
			out = append(appendCount(out, s.DaysLate), ',')
			out = append(appendDecimal(out, s.Metres, 3, 0), ',')
			out = append(appendCount(out, s.CO2Grams), ',')
			out = append(appendDecimal(out, int64(s.InTime), 4, 0), ',')
			out = append(appendCount(out, s.Delayed), ',')
			out = append(appendFlag(out, s.Lost), ',')
			out = append(appendMoney(out, s.Cost), ',')
			out = appendMoney(out, s.Freight)
			for _, cost := range b.Costs[int(n)*terms : (int(n)+1)*terms] {
				out = appendMoney(append(out, ','), cost)
			}
			out = append(out, '\n')
		}
	}
	p.b.csv = out
}
