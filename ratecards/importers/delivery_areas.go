package importers

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
)

// An areaZip is one ZIP of a delivery-area list with its class in each of the list's columns.
type areaZip struct {
	line    int
	zip     zip
	classes []string // one for each of areaList.services; "" is no class
}

// An areaList is a carrier's list of ZIPs whose delivery costs extra.
type areaList struct {
	file     string
	services []string // what each class column is for: "hd" (home delivery), "sp"
	zips     []areaZip
}

const (
	areaZipColumn    = "zip_code"
	areaColumnPrefix = "das_type_"
)

// parseAreas reads a delivery-area list: zip_code, then one column das_type_X for each family X of services with
// its own classes (hd is home delivery), a class as "DAS_EXTENDED" or nothing. Rows are returned by ZIP.
func parseAreas(in *input, fl *faults.List) (areaList, bool) {
	before := fl.Len()
	list := areaList{file: in.name}
	header, _, _ := bytes.Cut(in.text, []byte{'\n'})
	columns := []table.Column{{Name: areaZipColumn, Required: true}}
	seen := map[string]bool{}
	for name := range strings.SplitSeq(string(header), ",") {
		name = strings.Trim(strings.TrimSpace(name), `"`)
		if service, ok := strings.CutPrefix(name, areaColumnPrefix); ok && isWord(service) && !seen[name] {
			seen[name] = true
			list.services = append(list.services, service)
			columns = append(columns, table.Column{Name: name})
		}
	}
	if len(list.services) == 0 {
		fl.Addf(in.name, 1, 0, "", "add a column as das_type_hd", "no column holds delivery-area classes")
	}
	t := table.Read(in.name, bytes.NewReader(in.text), columns, fl)
	list.zips = make([]areaZip, 0, t.Len())
	lines := map[zip]int{}
	for r := range t.Rows() {
		a := areaZip{line: r.Line(), classes: make([]string, len(list.services))}
		listed := false
		for i, s := range list.services {
			class := strings.ToLower(r.Text(areaColumnPrefix + s))
			if class != "" && !isWord(class) {
				r.Fault(areaColumnPrefix+s, "write a class as DAS or DAS_EXTENDED", "%q is no class", clip(class))
			}
			listed = listed || class != ""
			a.classes[i] = class
		}
		z, err := readZip(r.Text(areaZipColumn))
		if err != nil {
			r.Fault(areaZipColumn, "write five digits", "%v", err)
			continue
		}
		a.zip = z
		if first, doubled := lines[z]; doubled {
			r.Fault(areaZipColumn, "take one of the two out", "%s stands in line %d already", z, first)
			continue
		}
		lines[z] = a.line
		if listed {
			list.zips = append(list.zips, a)
		}
	}
	if fl.Len() == before && len(list.zips) == 0 {
		fl.Addf(in.name, 0, 0, "", "fetch the file again", "the list has no ZIPs")
	}
	slices.SortFunc(list.zips, func(a, b areaZip) int { return cmp.Compare(a.zip, b.zip) })
	return list, fl.Len() == before
}

// isWord tells whether s is lower-case letters, digits and underscores that begin with a letter, at most 40.
func isWord(s string) bool {
	for i := range len(s) {
		letter := s[i] >= 'a' && s[i] <= 'z'
		if !letter && (i == 0 || s[i] != '_' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
