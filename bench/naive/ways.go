package naive

import (
	"math"
	"time"
)

// A way is how an order would travel from one warehouse by one service, whatever of it does.
type way struct {
	service  *service
	zone     string
	miles    float64
	ship     time.Time // day, as midnight UTC
	arrival  time.Time
	daysLate int
}

// waysFrom returns the ways from a warehouse that end within the horizon, on time or late.
func (t *task) waysFrom(w *warehouse) []way {
	ready, clock := w.ready(t.now)
	between := haversine(w.at.areaLat, w.at.areaLng, t.to.areaLat, t.to.areaLng)
	miles := haversine(w.at.lat, w.at.lng, t.to.lat, t.to.lng)
	var ways []way
	for _, s := range t.n.services {
		if w.carriers != nil && !w.carriers[s.carrier] || s.only == "residential" && t.commercial || s.only == "commercial" && !t.commercial {
			continue
		}
		zone := zoneAt(t.n.bands[s.zones], between)
		days, ok := transitDays(s.transit[zone], t.n.onTime)
		if zone == "" || !ok {
			continue
		}
		ship, ok := t.shipDay(w, s, ready, clock)
		if !ok {
			continue
		}
		day := ship
		for range days {
			day = s.linehaul.after(day)
		}
		for !s.delivery.open(day) {
			day = day.AddDate(0, 0, 1)
		}
		if day.After(t.horizon) {
			continue
		}
		late := 0
		if day.After(t.deadline) {
			late = int(math.Round(day.Sub(t.deadline).Hours() / 24))
		}
		ways = append(ways, way{service: s, zone: zone, miles: miles, ship: ship, arrival: day.Add(s.deliverBy), daysLate: late})
	}
	return ways
}

// ready returns the day and time of day at which an order that comes now leaves the warehouse's hands. An order at or before
// the cut-off of a work day is worked on that day, else on the next; every 24 hours of processing are one work
// day, and what runs past midnight belongs to the next.
func (w *warehouse) ready(now time.Time) (day time.Time, clock time.Duration) {
	day = midnight(now.In(w.at.zone))
	for {
		if w.work.open(day) {
			y, m, d := day.Date()
			if cutoff := time.Date(y, m, d, 0, 0, int(w.cutoff/time.Second), 0, w.at.zone); !now.After(cutoff) {
				break
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	processing := w.processing
	for ; processing >= 24*time.Hour; processing -= 24 * time.Hour {
		day = w.work.after(day)
	}
	clock = w.cutoff + processing
	if clock > 24*time.Hour {
		day, clock = w.work.after(day), clock-24*time.Hour
	}
	return day, clock
}

// shipDay returns the day of the first pickup at or after the time an order is ready whose day has room at the warehouse and
// for the service there.
func (t *task) shipDay(w *warehouse, s *service, ready time.Time, clock time.Duration) (time.Time, bool) {
	for day := ready; !day.After(t.horizon); day = day.AddDate(0, 0, 1) {
		if !s.pickup.open(day) {
			continue
		}
		if last := s.pickups[len(s.pickups)-1]; day.Equal(ready) && last < clock {
			continue // the last pickup of the day has gone
		}
		if w.capacity > 0 && t.n.stock.Used[Slot{Warehouse: w.id, Ship: day}] >= w.capacity {
			continue
		}
		if s.capacity > 0 && t.n.stock.Used[Slot{Warehouse: w.id, Service: s.id, Ship: day}] >= s.capacity {
			continue
		}
		return day, true
	}
	return time.Time{}, false
}

// transitDays returns the fewest days within which a share of at least target of the parcels arrives.
func transitDays(histogram []float64, target float64) (int, bool) {
	sum := 0.0
	for days, share := range histogram {
		if sum += share; sum >= target-1e-9 {
			return days, true
		}
	}
	return 0, false
}

// zoneAt returns the zone of a distance: that of the first band whose end it is not over.
func zoneAt(bands []band, miles float64) string {
	for _, b := range bands {
		if b.miles == 0 || miles <= b.miles {
			return b.zone
		}
	}
	return ""
}

const (
	earthRadiusKm     = 6371.0088 // the mean radius of the IUGG
	kilometresPerMile = 1.609344
	kilogramsPerPound = 0.45359237
)

// haversine returns the great-circle distance in miles between two points in degrees.
// Source: R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68 (1984).
func haversine(lat1, lng1, lat2, lng2 float64) float64 {
	const radians = math.Pi / 180
	a := math.Sin((lat2 - lat1) * radians / 2)
	b := math.Sin((lng2 - lng1) * radians / 2)
	h := a*a + math.Cos(lat1*radians)*math.Cos(lat2*radians)*b*b
	return 2 * earthRadiusKm / kilometresPerMile * math.Asin(math.Sqrt(math.Min(1, h)))
}

// openDays is a week without some days.
type openDays struct {
	week   map[time.Weekday]bool
	closed map[date]bool
}

// A date is a day as a key.
type date struct {
	year  int
	month time.Month
	day   int
}

func (c *openDays) open(d time.Time) bool {
	if !c.week[d.Weekday()] {
		return false
	}
	y, m, dd := d.Date()
	return !c.closed[date{y, m, dd}]
}

// after returns the first open day after d.
func (c *openDays) after(d time.Time) time.Time {
	for {
		if d = d.AddDate(0, 0, 1); c.open(d) {
			return d
		}
	}
}

// midnight returns the date that a moment has in its own zone, as midnight UTC.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
