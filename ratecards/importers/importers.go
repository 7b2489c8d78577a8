// Package importers turns the files that carriers publish into Allot's own: rate cards with their price tables, zone
// charts, delivery areas, transit times and holiday calendars, each where a network directory keeps it.
//
// A published file is parsed whole before anything is written; each of its faults is listed with file, row and column
// (or JSON path) and the mend, and a file with a fault changes nothing. What is written depends on the input and the
// options alone, so importing the same file again leaves every byte as it is.
//
//	usps-prices      cards/SERVICE-DATE.yaml and its tables
//	fedex-rates      the same, one card for each service of the file
//	usps-zones       zones/usps/ORIGIN.csv
//	fedex-zones      zones/fedex/ORIGIN.csv, one for each origin of the file
//	fedex-zone-days  zones/fedex/ORIGIN.csv and transit/fedex/ORIGIN.csv
//	delivery-areas   areas/fedex.csv
//	holidays         calendars/COUNTRY.csv
//
// zones/usps is the zone set that a network's services name "usps"; transit/fedex and areas/fedex likewise.
//
// # What an import keeps
//
// A published price file gives prices, and a card needs more: discounts, fuel, surcharges. Those are the merchant's,
// written into the card by hand. So a card file that stands already is kept as it is when it differs from what the
// import would write, and the report says so; its price tables are always brought up to date. Options.Replace writes
// the card anew. A service's card of an earlier date is given the effective_to that makes room for the new one, so
// that every ship date has one card. A zone chart replaces the one of the same origin, unless that is newer, and the report lists the
// destinations that moved. A holiday list replaces the years it speaks of and keeps the others.
package importers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// Options say where an import goes and what its files leave open. A zero field takes the default in its comment.
type Options struct {
	Into      string     // the network directory; made when missing; required
	Carrier   string     // name of the zone set, area list and transit tables to write; default "usps" or "fedex", as the kind says
	Services  []string   // ids of the services to import from a file that holds several; default all
	Origin    string     // a ZIP, its first three digits or a range of either; for files that do not name their origin
	Scope     string     // scope of the zones and days of a fedex-zone-days list; default "ground"
	Effective units.Date // first day the figures hold; default what the file says; required where it says nothing
	Replace   bool       // write cards anew that were edited, and charts over newer ones
}

// Outcome says what an import did with one file of the network.
type Outcome string

// The outcomes.
const (
	Written   Outcome = "written"   // new, or its bytes changed
	Unchanged Outcome = "unchanged" // it stood so already
	Kept      Outcome = "kept"      // it was edited by hand and stays as it was; see Options.Replace
)

// A FileReport is one file that an import made.
type FileReport struct {
	Path    string // within the network directory, with slashes
	Outcome Outcome
	Rows    int // of a table, without its header; 0 for a card
}

// A Report says what an import did. Its lines are for people; they come in the same order every time.
type Report struct {
	Kind     string
	Files    []FileReport // by path
	Moved    []string     // what a newer list changed: "zones/usps/070.csv: 01000-01299 from zone 2 to 3"
	Warnings []string     // what was repaired, skipped or is still missing
}

// Changed tells whether the import wrote anything.
func (r Report) Changed() bool {
	return slices.ContainsFunc(r.Files, func(f FileReport) bool { return f.Outcome == Written })
}

// String prints the report, one thing a line.
func (r Report) String() string {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "%-9s %s", f.Outcome, f.Path)
		if f.Rows > 0 {
			fmt.Fprintf(&b, " (%d rows)", f.Rows)
		}
		b.WriteByte('\n')
	}
	for _, m := range r.Moved {
		fmt.Fprintf(&b, "moved     %s\n", m)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "note      %s\n", w)
	}
	if !r.Changed() {
		b.WriteString("nothing changed\n")
	}
	return b.String()
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// A Kind is one layout of published file.
type Kind struct {
	Name string // stable, as given on a command line
	Help string // one line
	run  func(*job)
}

// A job is one run of an import on its way from inputs to staged files.
type job struct {
	opt     Options
	carrier string
	inputs  []input
	stage   *stage
	cards   []newCard
	report  *Report
	faults  *faults.List
}

var kinds = []Kind{
	{"usps-prices", "USPS price files, CSV in the layout of Notice 123: Ground Advantage, Priority Mail, Media Mail", importUSPSPrices},
	{"usps-zones", "USPS zone charts, JSON as the zone chart service answers it, one file an origin", importUSPSZones},
	{"fedex-rates", "FedEx rate tables, CSV with a row a price: ground and express (option effective)", importFedExRates},
	{"fedex-zones", "FedEx zone charts, JSON of origins and destination ranges", importFedExZones},
	{"fedex-zone-days", "FedEx zones and service days by ZIP from one origin, CSV or CSV.gz (option origin)", importZoneDays},
	{"delivery-areas", "delivery-area surcharge ZIPs, CSV with zip_code and a das_type_X column for each family of services", importAreas},
	{"holidays", "public holidays, CSV of country, region, date, name and type", importHolidays},
}

// Kinds returns the kinds of file that Run imports, in the order people should read them.
func Kinds() []Kind { return slices.Clone(kinds) }

// Run imports files of one kind into the network directory opt.Into. With any fault in kind, options or files it
// returns all of them as a *faults.Error and changes nothing; an error of the file system leaves every file as it was.
func Run(kind string, files []string, opt Options) (Report, error) {
	rep := Report{Kind: kind}
	fl := &faults.List{}
	at := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == kind })
	if at < 0 {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = k.Name
		}
		fl.Addf("", 0, 0, "kind", cmp.Or(faults.DidYouMean(kind, names), "the kinds are "+strings.Join(names, ", ")),
			"unknown kind of file %q", clip(kind))
		return rep, fl.Err()
	}
	j := &job{opt: opt, carrier: cmp.Or(opt.Carrier, carrierOf(kind)), report: &rep, faults: fl, stage: newStage(opt.Into)}
	j.checkOptions()
	j.inputs = readInputs(files, &rep, fl)
	kinds[at].run(j)
	j.stageCards()
	if err := fl.Err(); err != nil {
		return Report{Kind: kind}, err
	}
	if err := j.stage.commit(&rep, opt.Replace); err != nil {
		return Report{Kind: kind}, err
	}
	return rep, nil
}

// The carriers whose layouts are known, as file names begin.
const (
	carrierUSPS  = "usps"
	carrierFedEx = "fedex"
)

func carrierOf(kind string) string {
	if strings.HasPrefix(kind, carrierUSPS) {
		return carrierUSPS
	}
	return carrierFedEx
}

func (j *job) checkOptions() {
	if j.opt.Into == "" {
		j.option("into", "name the network directory", "no directory was given")
	}
	if !isFileWord(j.carrier) {
		j.option("carrier", "write lower-case letters, digits, - and _", "%q cannot begin a file name", clip(j.carrier))
	}
	if d := j.opt.Effective; d != 0 && (d < units.DateOf(1990, 1, 1) || d > units.DateOf(2099, 12, 31)) {
		j.option("effective", "write a date from 1990 to 2099", "%s is out of range", d)
	}
}

// option adds a fault of an option.
func (j *job) option(name, mend, format string, args ...any) {
	j.faults.Addf("", 0, 0, "option "+name, mend, format, args...)
}

// origin returns the option, or nil where it is not given or at fault.
func (j *job) origin() *zipRange {
	if j.opt.Origin == "" {
		return nil
	}
	r, err := readOrigin(j.opt.Origin)
	if err != nil {
		j.option("origin", "write a ZIP as 43215, its first three digits or a range as 430-432", "%v", err)
		return nil
	}
	return &r
}

// selects tells whether the caller wants a service. Once every service of the files has been asked for, unknown
// tells which of the wanted ones there were not.
func (j *job) selects(service string) bool {
	return len(j.opt.Services) == 0 || slices.Contains(j.opt.Services, service)
}

// unknown adds a fault for each wanted service that the files do not hold.
func (j *job) unknown(held []string) {
	for _, want := range j.opt.Services {
		if !slices.Contains(held, want) {
			j.option("services", cmp.Or(faults.DidYouMean(want, held), "they hold "+strings.Join(held, ", ")),
				"the files hold no service %q", clip(want))
		}
	}
}

func isFileWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 60
}
