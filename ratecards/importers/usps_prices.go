package importers

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A uspsSheet is one price file of the Postal Service.
type uspsSheet struct {
	file      string
	product   *uspsProduct
	level     string // "Retail" or "Commercial"
	effective units.Date
	zones     []string // "1" to "9", in the file's order; none: one price for all
	steps     []uspsStep
	oversized []units.Money // by zone; nil: the file has no such row
	boxes     []uspsBox
	fees      []uspsFee
	notes     []string // rows that carry no rule known here, for the report
}

// A uspsStep is one row "not over".
type uspsStep struct {
	line   int
	limit  quantity
	ounces int64 // the limit in thousandths of an ounce
	prices []units.Money
}

// A uspsBox is a flat-rate container: a price whatever the weight and zone.
type uspsBox struct {
	line  int
	box   *flatRate
	price units.Money
}

// A uspsFee is a nonstandard fee.
type uspsFee struct {
	line   int
	kind   feeKind
	over   quantity // inches or cubic feet, for the kinds that measure
	amount units.Money
}

type feeKind uint8

const (
	feeLength feeKind = iota + 1
	feeVolume
	feePerishable
	feeCharacteristic
)

// uspsHeaviest is the heaviest piece of domestic mail: 70 lb. Every weight table ends there.
// Source: Domestic Mail Manual 201.7.1.
const uspsHeaviest = 70 * 16_000

var (
	lengthFee = regexp.MustCompile(`^Nonstandard Length fee > (\d+)"(?: ?<= ?\d+")?$`)
	volumeFee = regexp.MustCompile(`^Nonstandard Volume fee > (\d+) cu\. ft\.$`)
	zoneTitle = regexp.MustCompile(`^Zone ([1-9])$`)
	shortDate = regexp.MustCompile(`^\d{1,2}/\d{1,2}/\d{4}$`)
)

// parseUSPSPrices reads a price file in the layout of Notice 123: a title with the date, sections "Weight Not Over
// (ounces)" and "(pounds)" with a column for each zone, flat-rate containers above them, the oversized row and the
// fees below. The layout is not strict CSV: inch marks stand as bare quotes, and rows have empty cells to spare.
func parseUSPSPrices(in *input, fl *faults.List) (*uspsSheet, bool) {
	before := fl.Len()
	s := &uspsSheet{file: in.name, level: "Retail"}
	p := uspsParser{sheet: s, fl: fl}
	cr := csv.NewReader(bytes.NewReader(in.text))
	cr.LazyQuotes = true
	cr.FieldsPerRecord = -1
	for {
		cells, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line := 0
			if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
				line = pe.Line
			}
			fl.Addf(in.name, line, 0, "", "give the CSV file as published", "no CSV: %v", err)
			break
		}
		p.line, _ = cr.FieldPos(0)
		for i := range cells {
			cells[i] = strings.Join(strings.Fields(cells[i]), " ")
		}
		for len(cells) > 0 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) > 0 {
			p.row(cells)
		}
	}
	p.finish(before)
	return s, fl.Len() == before
}

type uspsParser struct {
	sheet *uspsSheet
	fl    *faults.List
	line  int
	unit  string // of the section: "oz", "lb"; "" before the first
	wide  int    // prices a row must have, set by the zone titles or "Single Piece"
}

func (p *uspsParser) fault(column int, field, mend, format string, args ...any) {
	p.fl.Addf(p.sheet.file, p.line, column, field, mend, format, args...)
}

func (p *uspsParser) row(cells []string) {
	s := p.sheet
	head, lower := cells[0], strings.ToLower(cells[0])
	switch {
	case s.product == nil:
		p.title(cells)
	case lower == "retail" || lower == "commercial":
		s.level = head
	case strings.HasPrefix(lower, "weight not over"):
		p.section(lower, cells)
	case head == "" && len(cells) > 1 && strings.HasPrefix(cells[1], "Zone"):
		p.zones(cells)
	case head == "":
		p.fault(1, "", "take the row out, or say in its first cell what it is", "a row without a name")
	case head[0] >= '0' && head[0] <= '9':
		p.step(cells)
	case lower == "oversized":
		if s.oversized != nil {
			p.fault(1, "Oversized", "take one of the two out", "the row stands twice")
		}
		s.oversized = p.prices(cells)
	default:
		p.extra(head, cells)
	}
}

func (p *uspsParser) title(cells []string) {
	s := p.sheet
	if s.product = uspsProductOf(cells[0]); s.product == nil {
		names := make([]string, len(uspsProducts))
		for i, known := range uspsProducts {
			names[i] = known.title
		}
		p.fault(1, "", "give a price file of "+strings.Join(names, ", "), "%q is no product known here", clip(cells[0]))
		s.product = &uspsProduct{}
		return
	}
	if strings.Contains(strings.ToLower(cells[0]), "commercial") {
		s.level = "Commercial"
	}
	for i, c := range cells[1:] {
		if shortDate.MatchString(c) {
			d, err := readUSDate(c)
			if err != nil {
				p.fault(i+2, "", "write it as 4/7/2026", "%v", err)
			}
			s.effective = d
		}
	}
}

func (p *uspsParser) section(lower string, cells []string) {
	switch {
	case strings.Contains(lower, "ounces"):
		p.unit = "oz"
	case strings.Contains(lower, "pounds") || strings.Contains(lower, "lbs"):
		p.unit = "lb"
	default:
		p.fault(1, "", `write "(ounces)" or "(pounds)"`, "%q names no unit", clip(cells[0]))
	}
	if len(cells) == 2 && strings.EqualFold(cells[1], "single piece") {
		p.wide = 1
	}
}

func (p *uspsParser) zones(cells []string) {
	if len(p.sheet.zones) > 0 {
		p.fault(2, "", "take one of the two out", "the zones are named twice")
		return
	}
	seen := map[string]bool{}
	for i, c := range cells[1:] {
		m := zoneTitle.FindStringSubmatch(c)
		if m == nil || seen[m[1]] {
			p.fault(i+2, "", `write "Zone 1" to "Zone 9", each once`, "%q is no zone", clip(c))
			continue
		}
		seen[m[1]] = true
		p.sheet.zones = append(p.sheet.zones, m[1])
	}
	p.wide = len(cells) - 1
}

func (p *uspsParser) step(cells []string) {
	s := p.sheet
	if p.unit == "" {
		p.fault(1, "", `put "Weight Not Over (pounds)" above it`, "a weight before any section says its unit")
		return
	}
	limit, err := readQuantity(cells[0], p.unit)
	var n int64
	if err == nil {
		n, err = limit.thousandths()
	}
	if p.unit == "lb" {
		n *= 16
	}
	if err == nil && (n <= 0 || n > uspsHeaviest) {
		err = errors.New("is no weight up to 70 lb")
	}
	if err != nil {
		p.fault(1, "", "write a number of ounces or pounds", "%q %v", clip(cells[0]), err)
		return
	}
	step := uspsStep{line: p.line, limit: limit, ounces: n}
	if len(s.steps) > 0 {
		last := s.steps[len(s.steps)-1]
		if step.ounces <= last.ounces {
			p.fault(1, "", "put the rows in order, each weight once", "%s is not above %s of line %d", limit, last.limit, last.line)
		} else if p.unit == "lb" && last.limit.unit == "lb" && step.ounces > last.ounces+16_000 {
			p.fault(1, "", "put the missing rows in", "rows between %s and %s are missing", last.limit, limit)
		}
	}
	step.prices = p.prices(cells)
	s.steps = append(s.steps, step)
}

// prices reads the cells after the first, one a zone.
func (p *uspsParser) prices(cells []string) []units.Money {
	if p.wide == 0 {
		p.fault(1, "", "put the row with the zones above it", "prices before any row says their zones")
		return nil
	}
	if len(cells)-1 != p.wide {
		p.fault(0, "", "fetch the file again, or complete the row", "the row has %d prices where %d are due", len(cells)-1, p.wide)
		return nil
	}
	prices := make([]units.Money, 0, p.wide)
	for i, c := range cells[1:] {
		field := "Single Piece"
		if i < len(p.sheet.zones) {
			field = "Zone " + p.sheet.zones[i]
		}
		m, err := readPrice(c)
		if err != nil {
			p.fault(i+2, field, "write dollars and cents, as 8.60", "%q %v", clip(c), err)
		}
		prices = append(prices, m)
	}
	return prices
}

// extra reads the rows that have a name and one price, or are notes.
func (p *uspsParser) extra(head string, cells []string) {
	s := p.sheet
	price, at := "", 0
	for i, c := range cells[1:] {
		if c != "" {
			price, at = c, i+2
			break
		}
	}
	amount := func() (units.Money, bool) {
		m, err := readPrice(price)
		if err != nil {
			p.fault(max(at, 2), head, "write dollars and cents, as 4.50", "%q %v", clip(price), err)
		}
		return m, err == nil
	}
	fee := func(kind feeKind, number, unit string) {
		f := uspsFee{line: p.line, kind: kind}
		if number != "" {
			f.over = quantity{number: number, unit: unit}
		}
		for _, other := range s.fees {
			if other.kind == f.kind && other.over == f.over {
				p.fault(1, "", "take one of the two out", "the fee stands in line %d already", other.line)
				return
			}
		}
		var ok bool
		if f.amount, ok = amount(); ok {
			s.fees = append(s.fees, f)
		}
	}
	lower := strings.ToLower(head)
	if m := lengthFee.FindStringSubmatch(head); m != nil {
		fee(feeLength, m[1], "in")
	} else if m := volumeFee.FindStringSubmatch(head); m != nil {
		fee(feeVolume, m[1], "ft3")
	} else if strings.HasPrefix(lower, "live animal and perishable") {
		fee(feePerishable, "", "")
	} else if strings.HasPrefix(lower, "nonstandard characteristic") {
		fee(feeCharacteristic, "", "")
	} else if box := flatRateOf(head); box != nil {
		for _, other := range s.boxes {
			if other.box == box {
				p.fault(1, "", "take one of the two out", "the container stands in line %d already", other.line)
				return
			}
		}
		if m, ok := amount(); ok {
			s.boxes = append(s.boxes, uspsBox{line: p.line, box: box, price: m})
		}
	} else if price != "" && price != "-" {
		s.notes = append(s.notes, fmt.Sprintf("line %d: %q (%s) is not imported: no rule is known for it", p.line, clip(head), clip(price)))
	}
}

func (p *uspsParser) finish(before int) {
	s := p.sheet
	p.line = 0
	switch {
	case p.fl.Len() > before:
	case s.product == nil:
		p.fault(0, "", "fetch the file again", "the file has no rows")
	case len(s.steps) == 0:
		p.fault(0, "", "fetch the file again", "the file has no prices by weight: it was cut off, or is no price file")
	default:
		if last := s.steps[len(s.steps)-1]; last.ounces != uspsHeaviest {
			p.fl.Addf(s.file, last.line, 1, "", "fetch the file again",
				"the table ends at %s, but the Postal Service's go to 70 lb: the file was cut off", last.limit)
		}
		if s.oversized == nil && s.product.oversized {
			s.notes = append(s.notes, `the file has no row "Oversized": parcels over 108 in of length plus girth will not be served`)
		}
	}
}
