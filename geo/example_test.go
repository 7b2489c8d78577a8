package geo_test

import (
	"fmt"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
)

func ExamplePlaces_Lookup() {
	us := geo.US()
	for _, zip := range []string{"10001-1234", "00910", "00000"} {
		row, ok := us.Lookup("US", zip)
		if !ok {
			fmt.Println(zip, "is not known")
			continue
		}
		fmt.Println(zip, us.Region(row), us.TimeZone(row), us.Point(row), us.Approximate(row))
	}
	// Output:
	// 10001-1234 NY America/New_York 40.75065,-73.99729 false
	// 00910 PR America/Puerto_Rico 18.40885,-66.09357 true
	// 00000 is not known
}

func ExampleBands_Zone() {
	us, bands := geo.US(), geo.USPSBands()
	reno, _ := us.Lookup("US", "89434")
	manhattan, _ := us.Lookup("US", "10001")
	km := geo.Kilometres(us.AreaCentre(reno), us.AreaCentre(manhattan))
	fmt.Printf("%.0f miles, zone %d\n", km/geo.KilometresPerMile, bands.Zone(km)+1)
	// Output: 2355 miles, zone 8
}

func ExampleReadAreas() {
	const file = `{"type": "FeatureCollection", "features": [
		{"type": "Feature", "properties": {"name": "reno-same-day"}, "geometry": {"type": "Polygon", "coordinates":
			[[[-119.9, 39.4], [-119.7, 39.4], [-119.7, 39.6], [-119.9, 39.6], [-119.9, 39.4]]]}},
		{"type": "Feature", "properties": {"name": "nowhere"}, "geometry": {"type": "Point", "coordinates": [0, 0]}}]}`
	var fl faults.List
	areas := geo.ReadAreas("areas.geojson", strings.NewReader(file), &fl)
	fmt.Println(areas[0].Name, areas[0].Contains(geo.Point{Lat: 39.53, Lng: -119.81}))
	fmt.Println(fl.Err())
	// Output:
	// reno-same-day true
	// areas.geojson:4 features[1].geometry.type: "Point" is no area; draw a Polygon or a MultiPolygon
}
