package main

// A warehouse is one row of warehouses.csv. The towns are those in which real merchants ship; streets, costs and
// capacities are made up.
type warehouse struct {
	id, name, kind, zip, zone string
	cutoff, hours             string // local cut-off, and hours from there to ready
	workdays, holidays        string
	capacity                  string
	perOrder, perLine         string
	perUnit, perKilogram      string
	carriers, classes         string
	share                     int // per cent of the SKUs that could lie here which do
}

const (
	anything = "plain;fragile;hazmat;cold"
	dry      = "plain;fragile;hazmat"
	gentle   = "plain;fragile"
	chilled  = "plain;fragile;cold"
	parcels  = "usps;fedex"
)

var warehouses = []warehouse{
	{"edison", "Edison NJ", "dc", "08837", "America/New_York", "15:00", "2.5", "mon-sat", "", "4200", "1.62", "0.24", "0.11", "0.06", parcels, anything, 92},
	{"columbus", "Columbus OH", "dc", "43207", "America/New_York", "14:00", "3", "mon-fri", "", "3000", "1.28", "0.19", "0.09", "0.05", parcels, dry, 78},
	{"louisville", "Louisville KY", "dc", "40219", "America/Kentucky/Louisville", "16:00", "2", "mon-sat", "", "2600", "1.24", "0.18", "0.09", "0.05", parcels, gentle, 60},
	{"memphis", "Memphis TN", "dc", "38118", "America/Chicago", "18:00", "3", "mon-fri", "", "3400", "1.19", "0.18", "0.08", "0.04", parcels, dry, 80},
	{"atlanta", "Atlanta GA", "dc", "30336", "America/New_York", "13:00", "3", "mon-fri", "", "2800", "1.31", "0.20", "0.09", "0.05", parcels, chilled, 66},
	{"dallas", "Dallas TX", "dc", "75241", "America/Chicago", "14:00", "3", "mon-sat", "", "3600", "1.22", "0.18", "0.09", "0.05", parcels, dry, 82},
	{"reno", "Reno NV", "dc", "89506", "America/Los_Angeles", "14:00", "3.5", "mon-fri", "", "2400", "1.35", "0.20", "0.10", "0.05", parcels, dry, 76},
	{"ontario", "Ontario CA", "dc", "91761", "America/Los_Angeles", "13:00", "3", "mon-sat", "", "3800", "1.58", "0.24", "0.11", "0.06", parcels + ";courier_los_angeles", anything, 88},
	{"kent", "Kent WA", "dc", "98032", "America/Los_Angeles", "12:00", "4", "mon-fri", "", "1800", "1.55", "0.23", "0.11", "0.06", parcels, gentle, 52},
	{"store_new_york", "New York, West 33rd Street", "store", "10001", "America/New_York", "14:00", "2", "daily", "stores", "90", "3.40", "0.60", "0.35", "0.10", parcels + ";courier_new_york;counter", chilled, 34},
	{"store_chicago", "Chicago, the Loop", "store", "60602", "America/Chicago", "14:00", "2", "daily", "stores", "70", "3.10", "0.55", "0.32", "0.09", parcels + ";courier_chicago;counter", chilled, 32},
	{"store_san_francisco", "San Francisco, South of Market", "store", "94103", "America/Los_Angeles", "14:00", "2", "daily", "stores", "60", "3.60", "0.65", "0.38", "0.10", parcels + ";courier_san_francisco;counter", chilled, 30},
}

func (w *warehouse) store() bool { return w.kind == "store" }

func warehousesCSV() []byte {
	records := [][]string{{"id", "name", "kind", "postal_code", "timezone", "cutoff", "processing_hours", "workdays", "holidays",
		"daily_capacity", "cost_per_order", "cost_per_line", "cost_per_unit", "cost_per_kg", "carriers", "classes"}}
	for _, w := range warehouses {
		records = append(records, []string{w.id, w.name, w.kind, w.zip, w.zone, w.cutoff, w.hours, w.workdays, w.holidays,
			w.capacity, w.perOrder, w.perLine, w.perUnit, w.perKilogram, w.carriers, w.classes})
	}
	return csvBytes(records)
}

// pickupsCSV prints where carriers collect at other times than the services say. At Memphis and Louisville, where air
// networks have their hubs, they come late; at the stores once, in the afternoon.
func pickupsCSV() []byte {
	records := [][]string{{"warehouse", "carrier", "service", "calendar", "times"}}
	add := func(warehouse, carrier, service, times string) {
		records = append(records, []string{warehouse, carrier, service, "", times})
	}
	add("edison", "usps", "", "12:00;18:00")
	add("edison", "fedex", "", "12:00;19:30")
	add("memphis", "usps", "", "21:00")
	for _, service := range []string{"fedex_express_saver", "fedex_2day", "fedex_standard_overnight", "fedex_priority_overnight"} {
		add("memphis", "", service, "19:00;22:30")
	}
	add("memphis", "fedex", "", "21:30")
	add("louisville", "usps", "", "18:30")
	add("louisville", "fedex", "", "18:30;20:30")
	for _, w := range warehouses {
		if w.store() {
			add(w.id, "usps", "", "16:30")
			add(w.id, "fedex", "", "17:30")
		}
	}
	return csvBytes(records)
}
