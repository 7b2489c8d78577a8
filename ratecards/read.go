package ratecards

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
)

// Read reads the card file name from fsys with the tables it names, which stand beside it, and checks the whole. All
// that is wrong goes to fl; the card that comes back then holds what could be read, and Compile refuses it.
func Read(fsys fs.FS, name string, fl *faults.List) *Source {
	s := &Source{File: name}
	before := fl.Len()
	raw, ok := open(fsys, name, "", fl, nil)
	if ok {
		s.doc = strictyaml.Decode(name, raw, s, fl)
		if s.doc.Has("") { // else everything would be missing, which is not what is wrong
			s.readTables(fsys, fl)
			s.check(fl)
		}
	}
	s.state = stateSound
	if fl.Len() > before {
		s.state = stateFaulty
	}
	return s
}

// ReadDir reads every *.yaml file of a directory of fsys as a card, in order of name. A directory that is not there
// is a fault.
func ReadDir(fsys fs.FS, dir string, fl *faults.List) []*Source {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		fl.Addf(dir, 0, 0, "", "make a directory with a file for each rate card", "the directory cannot be read: %v", reason(err))
		return nil
	}
	var cards []*Source
	for _, e := range entries {
		if !e.IsDir() && path.Ext(e.Name()) == ".yaml" {
			cards = append(cards, Read(fsys, path.Join(dir, e.Name()), fl))
		}
	}
	return cards
}

func (s *Source) readTables(fsys fs.FS, fl *faults.List) {
	dir := path.Dir(s.File)
	for i := range s.Structures {
		st := &s.Structures[i]
		if st.Prices == "" {
			continue
		}
		at := item("structures", i) + ".prices"
		if raw, ok := open(fsys, path.Join(dir, st.Prices), at, fl, s); ok {
			st.Table = ReadPrices(path.Join(dir, st.Prices), strings.NewReader(string(raw)), st.Kind, fl)
		}
	}
	if s.Fuel != nil && s.Fuel.Table != "" {
		if raw, ok := open(fsys, path.Join(dir, s.Fuel.Table), "fuel.table", fl, s); ok {
			s.Fuel.Weeks = ReadFuel(path.Join(dir, s.Fuel.Table), strings.NewReader(string(raw)), fl)
		}
	}
}

// open reads a file whole. A file that is not there is a fault of the field that names it, with the nearest name in the
// directory, or of the file itself where no card names it.
func open(fsys fs.FS, name, field string, fl *faults.List, card *Source) ([]byte, bool) {
	f, err := fsys.Open(name)
	if err == nil {
		defer func() { _ = f.Close() }() // it was only read
		return readAll(name, f, fl)
	}
	mend := "check the file name"
	if entries, derr := fs.ReadDir(fsys, path.Dir(name)); derr == nil {
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		slices.Sort(names)
		if m := faults.DidYouMean(path.Base(name), names); m != "" {
			mend = m
		}
	}
	if card != nil {
		card.fault(fl, field, mend, "%q cannot be read: %v", name, reason(err))
	} else {
		fl.Addf(name, 0, 0, "", mend, "the file cannot be read: %v", reason(err))
	}
	return nil, false
}

// reason leaves out the path that the message already names.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
