package importers

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// A period is the days of one card, of this import or of the network directory.
type period struct {
	path     string
	service  string
	from, to units.Date // to 0: until further notice
	card     *ratecards.Source
	text     []byte // of a card that stands; nil for one of this import
}

// stageCards stages the cards of the import. No ship date may have two cards of one service, and a published tariff
// holds until the next: so a card ends on the day before the next one of its service begins. A card that stands gets
// the line that says so and is otherwise left alone.
func (j *job) stageCards() {
	if len(j.cards) == 0 || j.opt.Into == "" || j.faults.Len() > 0 {
		return
	}
	periods := j.standingCards()
	for _, c := range j.cards {
		periods = slices.DeleteFunc(periods, func(p period) bool { return p.path == c.path })
		periods = append(periods, period{path: c.path, service: c.source.Service, from: c.source.EffectiveFrom, card: c.source})
	}
	slices.SortFunc(periods, func(a, b period) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.from, b.from), cmp.Compare(a.path, b.path))
	})
	for i := range periods {
		p := &periods[i]
		next := units.Date(0)
		if i+1 < len(periods) && periods[i+1].service == p.service {
			next = periods[i+1].from
		}
		switch {
		case next != 0 && next == p.from:
			if p.text == nil || periods[i+1].text == nil {
				j.report.warn("%s and %s price the service %s from the same day on: take one of the two out", p.path, periods[i+1].path, p.service)
			}
		case next == 0 || p.to != 0 && p.to < next:
		case p.text == nil:
			p.card.EffectiveTo = next - 1
		case periods[i+1].text == nil: // the import brought the next one
			text, ok := endCard(p.text, next-1)
			if !ok {
				j.report.warn("%s: add effective_to: %s, for %s begins on the day after", p.path, next-1, periods[i+1].path)
				break
			}
			j.stage.put(p.path, text, 0)
			j.report.Moved = append(j.report.Moved, p.path+": ends on "+(next-1).String())
		}
	}
	for _, c := range j.cards {
		j.stage.putOnce(c.path, cardYAML(c.source), 0)
	}
}

// standingCards reads service and dates of the cards in the network directory. What cannot be read is for the
// network's own check to report.
func (j *job) standingCards() []period {
	entries, err := os.ReadDir(filepath.Join(j.opt.Into, cardsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		j.faults.Addf(cardsDir, 0, 0, "", "check that the directory can be read", "%v", err)
	}
	var periods []period
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".yaml" {
			continue
		}
		name := path.Join(cardsDir, e.Name())
		text, ok, err := j.stage.read(name)
		var head struct {
			Service string     `yaml:"service"`
			From    units.Date `yaml:"effective_from"`
			To      units.Date `yaml:"effective_to"`
		}
		if err != nil || !ok || yaml.Unmarshal(text, &head) != nil || head.Service == "" || head.From == 0 {
			continue
		}
		periods = append(periods, period{path: name, service: head.Service, from: head.From, to: head.To, text: text})
	}
	return periods
}

var (
	toLine   = regexp.MustCompile(`(?m)^effective_to:.*$`)
	fromLine = regexp.MustCompile(`(?m)^effective_from:.*$`)
)

// endCard returns the text of a card with its last day set; ok is false where it has no line to put it in.
func endCard(text []byte, last units.Date) (ended []byte, ok bool) {
	line := []byte(`effective_to: "` + last.String() + `"`)
	if at := toLine.FindIndex(text); at != nil {
		return slices.Concat(text[:at[0]], line, text[at[1]:]), true
	}
	if at := fromLine.FindIndex(text); at != nil {
		return slices.Concat(text[:at[1]], []byte("\n"), line, text[at[1]:]), true
	}
	return nil, false
}
