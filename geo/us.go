package geo

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"sync"

	"github.com/allot-engine/allot/faults"
)

//go:generate go run ./internal/genzips -out zipdata/us.tsv.gz

// usFile is a GeoNames postal file with time zones. zipdata/README.md tells where it comes from and under what terms.
//
//go:embed zipdata/us.tsv.gz
var usFile []byte

var us = sync.OnceValue(func() *Places {
	unpacked, err := gzip.NewReader(bytes.NewReader(usFile))
	if err != nil {
		panic(fmt.Sprintf("geo: built-in ZIP table: %v", err))
	}
	var fl faults.List
	places := readGeoNames("us.tsv", unpacked, &fl, func(string, Point) string { return "" })
	if err := fl.Err(); err != nil {
		panic(fmt.Sprintf("geo: built-in ZIP table: %v", err))
	}
	return places
})

// US returns the built-in table of the ZIP codes of the United States, its territories and its military post: all
// ZIP code tabulation areas of the Census, and the post office box, single-address and military ZIPs that GeoNames
// lists, each with state and time zone. The first call unpacks it, which takes some tens of milliseconds.
//
// ZIPs are areas that the Postal Service redraws at will; the table is as of the sources in geo/zipdata/README.md.
// A ZIP that has no area of its own lies where its town does, or, marked Approximate, at the mean of its 3-digit area.
func US() *Places { return us() }
