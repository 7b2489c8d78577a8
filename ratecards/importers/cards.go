package importers

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// A cardTable is one price table of a card on its way to CSV. It keeps weights as the tariff writes them, so that
// the ounce limit reads "15.999 oz" and not in grams.
type cardTable struct {
	file  string
	zones []string // none: one column for any zone
	flat  bool     // one row, whatever the weight
	rows  []tableRow
}

// noPrice is an empty cell: not served.
const noPrice units.Money = -1

type tableRow struct {
	notOver string // "" in a flat table, or without upper end
	basis   string
	prices  []units.Money // by zone; noPrice where not served
}

// csv writes the table as ratecards.ReadPrices reads it.
func (t *cardTable) csv() []byte {
	based := slices.ContainsFunc(t.rows, func(r tableRow) bool { return r.basis != "" })
	var header []string
	if !t.flat {
		header = append(header, "not_over")
	}
	if based {
		header = append(header, "basis")
	}
	zones := t.zones
	if len(zones) == 0 {
		zones = []string{ratecards.AnyZone}
	}
	records := [][]string{append(header, zones...)}
	for _, row := range t.rows {
		var record []string
		if !t.flat {
			record = append(record, row.notOver)
		}
		if based {
			record = append(record, row.basis)
		}
		for _, p := range row.prices {
			text := ""
			if p != noPrice {
				text = p.String()
			}
			record = append(record, text)
		}
		records = append(records, record)
	}
	return csvBytes(records)
}

func csvBytes(records [][]string) []byte {
	var b bytes.Buffer
	cw := csv.NewWriter(&b)
	if err := cw.WriteAll(records); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// A newCard is one that this import makes.
type newCard struct {
	path   string
	source *ratecards.Source
}

// putCard stages a card's tables, and the card itself once all cards of the import are known; see stageCards.
func (j *job) putCard(from string, card *ratecards.Source, tables []cardTable) {
	path := cardsDir + "/" + card.Service + "-" + card.EffectiveFrom.String() + ".yaml"
	if slices.ContainsFunc(j.cards, func(c newCard) bool { return c.path == path }) {
		j.faults.Addf(from, 0, 0, "", "import one of the two", "another file of this import makes %s already", path)
		return
	}
	j.cards = append(j.cards, newCard{path, card})
	for _, t := range tables {
		if at := cardsDir + "/" + t.file; j.stage.find(at) == nil { // services may share a table
			j.stage.put(at, t.csv(), len(t.rows))
		}
	}
}

const cardsDir = "cards"

// cardYAML prints a card as ratecards.Read reads it.
func cardYAML(card *ratecards.Source) []byte {
	body, err := yaml.MarshalWithOptions(card, yaml.IndentSequence(true), yaml.CustomMarshaler(func(w units.Weight) ([]byte, error) {
		return []byte(weightText(w)), nil
	}))
	if err != nil {
		panic(err) // a Source has only fields that print
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, from the prices published for %s on.\n", card.Name, card.EffectiveFrom)
	b.WriteString("# Discounts, fuel and further surcharges belong in this file; another import of the same prices leaves them alone.\n")
	b.Write(body)
	return []byte(b.String())
}

// weightText prints a weight in ounces where those read better than what units prints: 15.999 oz.
func weightText(w units.Weight) string {
	s := w.String()
	if strings.HasSuffix(s, " g") {
		thousandths := (int64(w)*1000 + int64(units.Ounce)/2) / int64(units.Ounce)
		if oz := thousandthsText(thousandths) + " oz"; w < units.Kilogram && must(units.ParseWeight(oz)) == w {
			return oz
		}
	}
	return s
}
