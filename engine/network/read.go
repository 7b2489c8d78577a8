package network

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/table"
)

// Stock is what stock.csv says: where a ledger begins. Every warehouse and SKU it names is in the network.
type Stock struct{ Rows []StockRow }

// Load reads and compiles the network directory dir, whose links must not lead out of it. The error is a
// *faults.Error with everything that is wrong, or says that there is no such directory.
func Load(dir string) (*Snapshot, *Stock, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	return LoadFS(root.FS(), nil)
}

// LoadFS is Load for any file system, and for a network that follows another: see Compile for prev.
func LoadFS(fsys fs.FS, prev *Rows) (*Snapshot, *Stock, error) {
	var fl faults.List
	src := read(fsys, &fl)
	snap := compile(src, prev, &fl)
	if err := fl.Err(); err != nil {
		return nil, nil, err
	}
	return snap, &Stock{Rows: src.Stock}, nil
}

// Check returns everything that is wrong with a network directory, by file and place; nil when it can be loaded.
func Check(fsys fs.FS) []faults.Fault {
	var fl faults.List
	compile(read(fsys, &fl), nil, &fl)
	return fl.Faults()
}

// Read reads the files of a network. The error is a *faults.Error with everything that is wrong with the files one by
// one; how they fit together is for Compile. Beside an error the Source holds what could be read.
func Read(fsys fs.FS) (*Source, error) {
	var fl faults.List
	src := read(fsys, &fl)
	src.faulty = fl.Len() > 0
	return src, fl.Err()
}

// A reader is one run of read.
type reader struct {
	fsys fs.FS
	src  *Source
	fl   *faults.List
}

func read(fsys fs.FS, fl *faults.List) *Source {
	r := &reader{fsys: fsys, fl: fl, src: &Source{
		columns: map[string]map[string]int{}, broken: map[string]bool{}, cardDocs: map[string]*strictyaml.Document{},
		Charts: map[string][]*lanes.Chart{}, AreaLists: map[string][]*lanes.AreaList{}, Transits: map[string][]*lanes.TransitTable{},
	}}
	r.settings()
	r.warehouses()
	r.skus()
	r.pickups()
	r.stock()
	before := fl.Len()
	r.src.Cards = ratecards.ReadDir(fsys, CardsDir, fl)
	r.src.broken[CardsDir] = fl.Len() > before
	for _, card := range r.src.Cards {
		r.cardHead(card.File)
	}
	r.named(ZonesDir, func(set, file string, raw io.Reader) {
		r.src.Charts[set] = append(r.src.Charts[set], lanes.ReadZones(file, raw, fl))
	})
	r.named(AreasDir, func(list, file string, raw io.Reader) {
		r.src.AreaLists[list] = append(r.src.AreaLists[list], lanes.ReadAreas(file, raw, fl))
	})
	r.named(TransitDir, func(name, file string, raw io.Reader) {
		r.src.Transits[name] = append(r.src.Transits[name], lanes.ReadTransit(file, raw, fl))
	})
	r.serviceAreas()
	r.holidays()
	r.places()
	r.strange()
	return r.src
}

// open returns the content of a file that must be there, or, with optional set, may be.
func (r *reader) open(name string, optional bool) ([]byte, bool) {
	raw, err := fs.ReadFile(r.fsys, name)
	if err == nil {
		return raw, true
	}
	r.src.broken[name] = true
	if errors.Is(err, fs.ErrNotExist) {
		if optional {
			return nil, false
		}
		r.fl.Addf(name, 0, 0, "", cmp.Or(faults.DidYouMean(name, r.list(".", "")), "write the file"), "the file is missing")
		return nil, false
	}
	r.fl.Addf(name, 0, 0, "", "check that the file can be read", "reading failed: %v", reason(err))
	return nil, false
}

// reason leaves out the path that the fault names already.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// list returns the names of a directory's files with an extension, sorted; hidden ones are left out. A directory that
// is not there has none.
func (r *reader) list(dir, ext string) []string {
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.src.broken[dir] = true
		r.fl.Addf(dir, 0, 0, "", "check that it is a directory that can be read", "reading failed: %v", reason(err))
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), ext) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// named calls add for dir/NAME.csv and for every dir/NAME/ANY.csv.
func (r *reader) named(dir string, add func(name, file string, raw io.Reader)) {
	each := func(name, file string) {
		before := r.fl.Len()
		if raw, ok := r.open(file, false); ok {
			add(name, file, bytes.NewReader(raw))
		}
		if r.fl.Len() > before {
			r.src.broken[dir+"/"+name] = true
		}
	}
	for _, file := range r.list(dir, ".csv") {
		each(strings.TrimSuffix(file, ".csv"), path.Join(dir, file))
	}
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		return // list has told
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			for _, file := range r.list(path.Join(dir, e.Name()), ".csv") {
				each(e.Name(), path.Join(dir, e.Name(), file))
			}
		}
	}
}

func (r *reader) settings() {
	raw, ok := r.open(SettingsFile, false)
	if !ok {
		return
	}
	before := r.fl.Len()
	r.src.doc = strictyaml.Decode(SettingsFile, raw, &r.src.Settings, r.fl)
	if r.fl.Len() > before && !r.src.doc.Has("name") && !r.src.doc.Has("services") {
		r.src.broken[SettingsFile] = true // no YAML at all: what it would have said is unknown
	}
}

// cardHead remembers where a card says what a network must agree with.
func (r *reader) cardHead(file string) {
	raw, err := fs.ReadFile(r.fsys, file)
	if err != nil {
		return // told
	}
	var head struct {
		Carrier  string `yaml:"carrier"`
		Currency string `yaml:"currency"`
		Zones    struct {
			Scope string `yaml:"scope"`
		} `yaml:"zones"`
	}
	var told faults.List // by the reader of cards, which knows all its keys
	r.src.cardDocs[file] = strictyaml.Decode(file, raw, &head, &told)
}

func (r *reader) serviceAreas() {
	for _, name := range r.list(AreasDir, ".geojson") {
		file := path.Join(AreasDir, name)
		before := r.fl.Len()
		if raw, ok := r.open(file, false); ok {
			for _, area := range geo.ReadAreas(file, bytes.NewReader(raw), r.fl) {
				if slices.ContainsFunc(r.src.ServiceAreas, func(a geo.Area) bool { return a.Name == area.Name }) {
					r.fl.Addf(file, 0, 0, "", "give each area a name of its own", "another file has an area %q too", area.Name)
					continue
				}
				r.src.ServiceAreas = append(r.src.ServiceAreas, area)
			}
		}
		if r.fl.Len() > before {
			r.src.broken[AreasDir] = true
		}
	}
}

func (r *reader) holidays() {
	type key struct {
		calendar string
		date     int32
	}
	first := map[key]string{}
	for _, name := range r.list(CalendarsDir, ".csv") {
		file := path.Join(CalendarsDir, name)
		before := r.fl.Len()
		if raw, ok := r.open(file, false); ok {
			for _, h := range calendar.ReadHolidays(file, bytes.NewReader(raw), r.fl) {
				k := key{h.Calendar, int32(h.Date)}
				if first[k] != "" {
					r.fl.Addf(file, 0, 0, "date", "leave one of the two out", "calendar %q names %v here and in %s", h.Calendar, h.Date, first[k])
					continue
				}
				first[k] = file
				r.src.Holidays = append(r.src.Holidays, h)
			}
		}
		if r.fl.Len() > before {
			r.src.broken[CalendarsDir] = true
		}
	}
}

func (r *reader) places() {
	tables := []*geo.Places{geo.US()}
	for _, name := range r.list(PlacesDir, ".txt") {
		file := path.Join(PlacesDir, name)
		f, err := r.fsys.Open(file)
		if err != nil {
			r.fl.Addf(file, 0, 0, "", "check that the file can be read", "reading failed: %v", reason(err))
			continue
		}
		tables = append(tables, geo.ReadGeoNames(file, f, r.fl))
		_ = f.Close() // it was only read
	}
	if len(tables) > 1 {
		r.src.Places = geo.Merge(tables...)
	}
}

// strange notes files at the top that no part of a network has the name of, but nearly.
func (r *reader) strange() {
	known := []string{SettingsFile, WarehousesFile, SKUsFile, StockFile, PickupsFile}
	var absent []string
	for _, name := range known {
		if _, err := fs.Stat(r.fsys, name); err != nil {
			absent = append(absent, name)
		}
	}
	for _, name := range r.list(".", "") {
		if !slices.Contains(known, name) && faults.DidYouMean(name, absent) != "" {
			r.src.strange = append(r.src.strange, name)
		}
	}
}

// readRows reads a CSV at the top of the directory, remembers where its columns are, and appends to into what each
// makes of every row that has all its fields. sound tells whether the row has no fault so far; where a required column is missing none is. A
// file in which thousands of rows are wrong is not read to its end.
func readRows[T any](r *reader, name string, optional bool, columns []table.Column, into *[]T, each func(row *table.Row, sound func() bool) T) {
	raw, ok := r.open(name, optional)
	if !ok {
		return
	}
	at := map[string]int{}
	cr := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	cr.Comment = '#'
	header, _ := cr.Read() // an error is table.Read's to tell
	for i, col := range header {
		if col = strings.TrimSpace(col); at[col] == 0 {
			at[col] = i + 1
		}
	}
	r.src.columns[name] = at
	var own faults.List
	t := table.Read(name, bytes.NewReader(raw), columns, &own)
	r.src.broken[name] = own.Len() > 0 // a row that could not be read may be the one that is referred to
	complete := true
	for _, c := range columns {
		complete = complete && (!c.Required || at[c.Name] > 0)
	}
	*into = slices.Grow(*into, t.Len())
	for row := range t.Rows() {
		before := own.Len()
		*into = append(*into, each(row, func() bool { return complete && own.Len() == before }))
		if own.Len() > 2*maxFaults {
			r.src.broken[name] = true
			break
		}
	}
	for i, f := range own.Faults() {
		if i == maxFaults {
			r.fl.Addf(name, 0, 0, "", "mend those first", "more than %d faults; the others are not listed", maxFaults)
			break
		}
		r.fl.Add(f)
	}
}
