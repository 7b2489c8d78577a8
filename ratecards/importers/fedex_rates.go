package importers

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// A fedexTariff is the price table of one service, or of several that share it.
type fedexTariff struct {
	name     string              // as first printed, without marks
	services []string            // ids: fedex_ground, fedex_home_delivery
	bands    map[string][]*band  // by basis; by weight
	zones    map[string]struct{} // all that have a price
	zero     int                 // cells priced 0.00
}

// A band is one row of a price table: the prices for billable weights over "from" and not over "to" (flat), or for
// whole pounds of which both are included (per pound).
type band struct {
	line     int
	from, to int64 // thousandths of a pound; to is openEnd where there is no upper limit
	limit    quantity
	prices   map[string]units.Money // by zone; a missing zone is not served
}

const openEnd = int64(1) << 62

// The bases of FedEx's prices: for the parcel; for the parcel in FedEx's own envelope; for each pound.
const (
	basisFlat     = "flat"
	basisEnvelope = "flat_envelope"
	basisPerLb    = "per_lb"
)

// fedexHeaviest is where FedEx's published tables for parcels end, in thousandths of a pound.
const fedexHeaviest = 150_000

// parseFedExRates reads FedEx rates in one row a price: service, weight_label, weight_lb_from, weight_lb_to, basis,
// zone, price_usd. A zone may be a range ("13–16"), which means each of its numbers. Services whose names differ
// only by marks or by the leading "FedEx" are one; a name that joins two with "and" is both. A price of 0.00 stands
// for a dash in the published table: the service does not go there. The result is by id.
func parseFedExRates(in *input, fl *faults.List) ([]*fedexTariff, bool) {
	before := fl.Len()
	t := table.Read(in.name, bytes.NewReader(in.text), []table.Column{
		{Name: "service", Required: true}, {Name: "weight_label"}, {Name: "weight_lb_from", Required: true},
		{Name: "weight_lb_to", Required: true}, {Name: "basis", Required: true}, {Name: "zone", Required: true},
		{Name: "price_usd", Required: true},
	}, fl)
	tariffs := map[string]*fedexTariff{}
	bases := []string{basisFlat, basisEnvelope, basisPerLb}
	for r := range t.Rows() {
		name := plainName(r.Text("service"))
		ids := fedexIDs(name)
		if len(ids) == 0 {
			r.Fault("service", "name the service", "%q names no service", clip(r.Text("service")))
			continue
		}
		key := strings.Join(ids, "+")
		tariff := tariffs[key]
		if tariff == nil {
			tariff = &fedexTariff{name: name, services: ids, bands: map[string][]*band{}, zones: map[string]struct{}{}}
			tariffs[key] = tariff
		}
		basis := r.Text("basis")
		if !slices.Contains(bases, basis) {
			r.Fault("basis", cmp.Or(faults.DidYouMean(basis, bases), "write "+strings.Join(bases, ", ")), "unknown basis %q", clip(basis))
			continue
		}
		from, okFrom := poundsOf(r, "weight_lb_from", basis)
		to, okTo := poundsOf(r, "weight_lb_to", basis)
		if okFrom && okTo && to.amount <= from.amount {
			r.Fault("weight_lb_to", "exchange the two", "%s lb is not above weight_lb_from %s", to.number, from.number)
			okTo = false
		}
		price, err := readPrice(r.Text("price_usd"))
		if errors.Is(err, errZero) {
			price, err = noPrice, nil
		}
		if err != nil {
			r.Fault("price_usd", "write it as 13.85", "%q: %v", clip(r.Text("price_usd")), err)
		}
		zones := zoneNumbers(r.Text("zone"))
		if zones == nil {
			r.Fault("zone", `write a zone as "2" or a range as "13–16"`, "%q is no zone", clip(r.Text("zone")))
		}
		if !okFrom || !okTo || err != nil {
			continue
		}
		b := tariff.band(basis, from.amount, to)
		if b.line == 0 {
			b.line = r.Line()
		}
		for _, z := range zones {
			if _, doubled := b.prices[z]; doubled {
				r.Fault("zone", "take one of the two out", "zone %s has a price for %s lb already", z, cmp.Or(to.number, from.number+"+"))
			}
			if price == noPrice {
				tariff.zero++
				continue
			}
			b.prices[z] = price
			tariff.zones[z] = struct{}{}
		}
	}
	if fl.Len() == before && len(tariffs) == 0 {
		fl.Addf(in.name, 0, 0, "", "fetch the file again", "the file has no prices")
	}
	sorted := make([]*fedexTariff, 0, len(tariffs))
	for _, key := range slices.Sorted(maps.Keys(tariffs)) {
		if fl.Len() == before {
			tariffs[key].check(in.name, fl)
		}
		sorted = append(sorted, tariffs[key])
	}
	return sorted, fl.Len() == before
}

type pounds struct {
	quantity
	amount int64 // thousandths
}

// poundsOf reads a weight column. Only the end of a per-pound band may be empty: it has no limit then.
func poundsOf(r *table.Row, col, basis string) (pounds, bool) {
	s := r.Text(col)
	if s == "" && basis == basisPerLb && col == "weight_lb_to" {
		return pounds{amount: openEnd}, true
	}
	q, err := readQuantity(s, "lb")
	var n int64
	if err == nil {
		n, err = q.thousandths()
	}
	if err == nil && n > int64(units.MaxWeight/units.Pound)*1000 {
		err = errNumber
	}
	if err != nil {
		r.Fault(col, "write pounds as 150 or 0.5", "%q %v", clip(s), err)
		return pounds{}, false
	}
	return pounds{quantity: q, amount: n}, true
}

func (t *fedexTariff) band(basis string, from int64, to pounds) *band {
	bands := t.bands[basis]
	for i := len(bands) - 1; i >= 0; i-- { // the rows of a band stand together
		if bands[i].from == from && bands[i].to == to.amount {
			return bands[i]
		}
	}
	b := &band{from: from, to: to.amount, limit: to.quantity, prices: map[string]units.Money{}}
	t.bands[basis] = append(bands, b)
	return b
}

// check sorts the bands and adds a fault where they leave a gap, overlap or stop short of where FedEx's do.
func (t *fedexTariff) check(file string, fl *faults.List) {
	if e := t.bands[basisEnvelope]; len(e) > 1 || len(e) > 0 && len(t.bands) == 1 {
		fl.Addf(file, e[len(e)-1].line, 5, "basis", "complete the file, or take the row out",
			"%s: an envelope has one price a zone, beside those of parcels", t.name)
		return
	}
	for _, basis := range slices.Sorted(maps.Keys(t.bands)) {
		bands := t.bands[basis]
		slices.SortStableFunc(bands, func(a, b *band) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
		for i, b := range bands {
			want := b.from
			if i > 0 {
				want = bands[i-1].to
				if basis == basisPerLb { // bands of whole pounds: 100 to 499, then 500 to 999
					want += 1000
				}
			} else if basis != basisPerLb {
				want = 0
			}
			if b.from != want {
				fl.Addf(file, b.line, 3, "weight_lb_from", "put the missing row in, or take the overlapping one out",
					"%s: %s prices begin at %s lb where %s lb is next", t.name, basis, thousandthsText(b.from), thousandthsText(want))
			}
		}
		if last := bands[len(bands)-1]; basis == basisFlat && last.to < fedexHeaviest {
			fl.Addf(file, last.line, 4, "weight_lb_to", "fetch the file again",
				"%s: the table ends at %s lb, but FedEx's go to 150 lb: the file was cut off", t.name, thousandthsText(last.to))
		}
		if last := bands[len(bands)-1]; basis == basisPerLb && last.to != openEnd {
			fl.Addf(file, last.line, 4, "weight_lb_to", "fetch the file again",
				"%s: the prices by the pound end at %s lb, but FedEx's have no end: the file was cut off", t.name, thousandthsText(last.to))
		}
	}
}

func thousandthsText(n int64) string {
	if n >= openEnd {
		return "unlimited"
	}
	s := strconv.FormatInt(n/1000, 10)
	if f := n % 1000; f != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(1000+f, 10)[1:], "0")
	}
	return s
}

// zoneNumbers returns the zones that "2" or "13–16" names, or nil when s names none. The dash may be any of the
// three that spreadsheets write.
func zoneNumbers(s string) []string {
	s = strings.NewReplacer("–", "-", "—", "-").Replace(s)
	from, to, two := strings.Cut(s, "-")
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if !two {
		if !isZoneName(from) {
			return nil
		}
		return []string{from}
	}
	lo, errLo := strconv.Atoi(from)
	hi, errHi := strconv.Atoi(to)
	if errLo != nil || errHi != nil || lo < 1 || hi <= lo || hi > 99 {
		return nil
	}
	zones := make([]string, 0, hi-lo+1)
	for z := lo; z <= hi; z++ {
		zones = append(zones, strconv.Itoa(z))
	}
	return zones
}

// plainName drops trade marks, what stands in parentheses and the word "rates:" from a service's printed name, and
// makes every run of blanks one.
func plainName(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth > 0:
			depth--
		case depth > 0 || r == '®' || r == '™' || r == '℠' || r == '©' || r == '\ufffd':
		case r == '\u00a0':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	words := strings.Fields(b.String())
	words = slices.DeleteFunc(words, func(w string) bool { return strings.EqualFold(w, "rates:") })
	return strings.Join(words, " ")
}

// fedexIDs returns the service ids that a plain name stands for: "FedEx 2Day A.M." is fedex_2day_am, and
// "FedEx Ground and FedEx Home Delivery" is fedex_ground and fedex_home_delivery.
func fedexIDs(name string) []string {
	var ids []string
	for part := range strings.SplitSeq(name, " and FedEx ") {
		id := slug(part)
		if id == "" || id == carrierFedEx {
			continue
		}
		if !strings.HasPrefix(id, carrierFedEx+"_") {
			id = carrierFedEx + "_" + id
		}
		ids = append(ids, id)
	}
	return ids
}

// slug makes an id of a name: lower-case letters and digits, '_' for blanks, all else dropped.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case (r == ' ' || r == '-' || r == '_' || r == '/') && b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.Trim(b.String(), "_")
}
