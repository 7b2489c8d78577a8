package main

import "github.com/allot-engine/allot/geo"

// stateByPrefix returns the state, territory or military region of ZIPs whose first three digits tell it and that the
// sources do not give or have wrong, or "". Source: USPS Publication 65 and Domestic Mail Manual L002, 3-digit prefixes.
func stateByPrefix(code string) string {
	switch code[:3] {
	case "006", "007", "009":
		return "PR"
	case "008":
		return "VI"
	case "726":
		return "AR" // GeoNames has Gilbert, 72643, in Missouri
	case "569":
		return "DC" // government agencies
	case "340":
		return "AA"
	case "090", "091", "092", "093", "094", "095", "096", "097", "098", "099":
		return "AE"
	case "962", "963", "964", "965", "966":
		return "AP"
	case "967":
		if code == "96799" {
			return "AS"
		}
	case "969":
		switch {
		case code == "96939", code == "96940":
			return "PW"
		case code >= "96941" && code <= "96944":
			return "FM"
		case code >= "96950" && code <= "96952":
			return "MP"
		case code == "96960", code == "96970":
			return "MH"
		default:
			return "GU"
		}
	}
	return ""
}

func isMilitary(code string) bool {
	switch stateByPrefix(code) {
	case "AA", "AE", "AP":
		return true
	}
	return false
}

// noPlace is a ZIP of the time zone package that no post office has: the Postal Service keeps it for letters to Santa
// Claus.
const noPlace = "88888"

// zoneMends are ZIPs whose zone the package has wrong: the county, or the part of it, is by 49 CFR part 71 in another
// zone, or on Navajo land's wrong side of daylight saving time.
var zoneMends = map[string]string{
	"37338": "America/New_York",          // Graysville, Rhea County, Tennessee
	"37419": "America/New_York",          // Chattanooga
	"37854": "America/New_York",          // Rockwood, Roane County, Tennessee
	"40140": "America/Chicago",           // Garfield, Breckinridge County, Kentucky
	"42716": "America/New_York",          // Buffalo, Larue County, Kentucky
	"42757": "America/New_York",          // Magnolia, Larue County
	"42764": "America/New_York",          // Mount Sherman, Larue County
	"47532": "America/Indiana/Vincennes", // Ferdinand, Dubois County, Indiana
	"69165": "America/Chicago",           // Sutherland, Lincoln County, Nebraska
	"83522": "America/Los_Angeles",       // Cottonwood, Idaho, north of the Salmon River
	"86004": "America/Phoenix",           // Flagstaff
	"86040": "America/Phoenix",           // Page, Arizona, outside the Navajo Nation
	"89024": "America/Los_Angeles",       // Mesquite, Nevada
}

// islands are the principal places of the zones of Pacific territories, of which no source has the ZIPs' points.
// Source: zone.tab of the tz database 2025b, which is in the public domain; degrees and minutes there.
var islands = map[string]geo.Point{
	"Pacific/Chuuk":     {Lat: 7 + 25./60, Lng: 151 + 47./60},
	"Pacific/Guam":      {Lat: 13 + 28./60, Lng: 144 + 45./60},
	"Pacific/Kosrae":    {Lat: 5 + 19./60, Lng: 162 + 59./60},
	"Pacific/Kwajalein": {Lat: 9 + 5./60, Lng: 167 + 20./60},
	"Pacific/Majuro":    {Lat: 7 + 9./60, Lng: 171 + 12./60},
	"Pacific/Pago_Pago": {Lat: -(14 + 16./60), Lng: -(170 + 42./60)},
	"Pacific/Palau":     {Lat: 7 + 20./60, Lng: 134 + 29./60},
	"Pacific/Pohnpei":   {Lat: 6 + 58./60, Lng: 158 + 13./60},
	"Pacific/Saipan":    {Lat: 15 + 12./60, Lng: 145 + 45./60},
}
