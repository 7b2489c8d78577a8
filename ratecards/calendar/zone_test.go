package calendar

import (
	"archive/zip"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// zoneNames are zones with unlike habits: half-hour and quarter-hour offsets, no DST, DST of half an hour, changes at
// midnight, dates left out, dates lived twice.
var zoneNames = []string{
	"UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage",
	"America/Adak", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam", "Pacific/Pago_Pago", "America/Sao_Paulo", "America/St_Johns",
	"America/Havana", "America/Asuncion", "America/Santiago", "Europe/London", "Europe/Dublin", "Europe/Berlin", "Europe/Kyiv",
	"Europe/Istanbul", "Africa/Casablanca", "Africa/Cairo", "Africa/Monrovia", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Beirut",
	"Asia/Gaza", "Asia/Tokyo", "Asia/Pyongyang", "Asia/Manila", "Australia/Sydney", "Australia/Lord_Howe", "Australia/Adelaide",
	"Pacific/Apia", "Pacific/Kwajalein", "Pacific/Chatham", "Pacific/Kiritimati", "Antarctica/Troll", "Antarctica/Casey",
}

// allZones adds every zone that the toolchain's own database names.
func allZones(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	for _, n := range zoneNames {
		names[n] = true
	}
	all := append([]string(nil), zoneNames...)
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Logf("only %d zones: %v", len(all), err)
		return all
	}
	zr, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Logf("only %d zones: %v", len(all), err)
		return all
	}
	defer zr.Close()
	for _, f := range zr.File {
		if !strings.HasSuffix(f.Name, "/") && !names[f.Name] && f.Name != "Factory" {
			all = append(all, f.Name)
		}
	}
	return all
}

func loadZone(t testing.TB, name string) *Zone {
	t.Helper()
	z, err := LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// wall returns what time.Time says clocks show at u: seconds since 1970 on the wall.
func wall(u int64, loc *time.Location) int64 {
	_, offset := time.Unix(u, 0).In(loc).Zone()
	return u + int64(offset)
}

// firstAtOrAfter returns whether u is the first second at which clocks show w or later: they do at u, and in no period
// that ends by then nor at the second before.
func firstAtOrAfter(u, w int64, loc *time.Location) bool {
	if wall(u, loc) < w || wall(u-1, loc) >= w {
		return false
	}
	for at := u - 1; at > u-3*daySeconds; {
		start, end := time.Unix(at, 0).In(loc).ZoneBounds()
		if !end.IsZero() && end.Unix() <= u && wall(end.Unix()-1, loc) >= w {
			return false
		}
		if start.IsZero() {
			break
		}
		at = start.Unix() - 1
	}
	return true
}

func TestZoneMatchesTime(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, name := range allZones(t) {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		z := loadZone(t, name)
		if z.Name() != name || z.String() != name {
			t.Errorf("%s calls itself %s", name, z)
		}
		var instants []int64
		for range 200 {
			instants = append(instants, rng.Int64N(lastSecond))
		}
		for year := 1971; year < 2100; year++ { // the ends of years, leap years above all
			instants = append(instants, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix()+rng.Int64N(4*daySeconds)-3*daySeconds)
		}
		for i := 1; i < len(z.starts); i++ { // around every change
			instants = append(instants, z.starts[i]-1, z.starts[i], z.starts[i]+1, z.starts[i]+rng.Int64N(7200)-3600)
		}
		for _, u := range instants {
			d, c := z.Local(units.Instant(u))
			at := time.Unix(u, 0).In(loc)
			y, m, day := at.Date()
			clock := units.Clock(at.Hour()*3600 + at.Minute()*60 + at.Second())
			if d != units.DateOf(y, int(m), day) || c != clock {
				t.Fatalf("%s: Local(%d) = %v %v, time says %v", name, u, d, c, at)
			}
			// Where the wall time of u is shown once, Instant gives u back; in any case it is the first such moment.
			w := int64(d)*daySeconds + int64(c) + rng.Int64N(3)*1800
			got := int64(z.Instant(units.Date(w/daySeconds), units.Clock(w%daySeconds)))
			if u > daySeconds && !firstAtOrAfter(got, w, loc) {
				t.Fatalf("%s: Instant(%v %v) = %v, which is not the first moment at or after", name, units.Date(w/daySeconds),
					units.Clock(w%daySeconds), time.Unix(got, 0).In(loc))
			}
			if end := z.Instant(units.Date(w/daySeconds), units.EndOfDay); end != z.Instant(units.Date(w/daySeconds)+1, 0) {
				t.Fatalf("%s: 24:00 on %v is not 00:00 of the next day", name, units.Date(w/daySeconds))
			}
		}
	}
}

func TestZoneInstantNeverGoesBack(t *testing.T) {
	for _, name := range zoneNames {
		z := loadZone(t, name)
		for i := 1; i < len(z.starts); i++ {
			w := z.starts[i] + int64(max(z.offset[i], z.offset[i-1])) - 3*3600
			last := units.Instant(0)
			for range 6 * 60 {
				u := z.Instant(units.Date(w/daySeconds), units.Clock(w%daySeconds))
				if u < last {
					t.Fatalf("%s: Instant(%v %v) = %v, before %v", name, units.Date(w/daySeconds), units.Clock(w%daySeconds), u, last)
				}
				last = u
				w += 60
			}
		}
	}
}

func TestZoneTable(t *testing.T) {
	ny, apia := loadZone(t, "America/New_York"), loadZone(t, "Pacific/Apia")
	date := units.DateOf
	for _, c := range []struct {
		name string
		zone *Zone
		day  units.Date
		at   units.Clock
		want string
	}{
		{"winter", ny, date(2026, 1, 15), 14 * units.Hour, "2026-01-15T19:00:00Z"},
		{"summer", ny, date(2026, 7, 15), 14 * units.Hour, "2026-07-15T18:00:00Z"},
		{"a time that is skipped is the moment of the jump", ny, date(2026, 3, 8), 2*units.Hour + 30*units.Minute, "2026-03-08T07:00:00Z"},
		{"the end of the gap is the same moment", ny, date(2026, 3, 8), 3 * units.Hour, "2026-03-08T07:00:00Z"},
		{"a time shown twice is the earlier", ny, date(2026, 11, 1), units.Hour + 30*units.Minute, "2026-11-01T05:30:00Z"},
		{"after the overlap", ny, date(2026, 11, 1), 2 * units.Hour, "2026-11-01T07:00:00Z"},
		{"a day that was left out", apia, date(2011, 12, 30), 12 * units.Hour, "2011-12-30T10:00:00Z"},
		{"24:00", ny, date(2026, 12, 31), units.EndOfDay, "2027-01-01T05:00:00Z"},
	} {
		if got := c.zone.Instant(c.day, c.at); got.String() != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	if d, at := ny.Local(0); d.String() != "1969-12-31" || at != 19*units.Hour {
		t.Errorf("the beginning of 1970 is %v %v in New York", d, at)
	}
	if d, at := ny.Local(-10 * units.Instant(daySeconds)); d.String() != "1969-12-21" || at != 19*units.Hour {
		t.Errorf("before the span: %v %v", d, at)
	}
	if d, _ := ny.Local(lastSecond + 1_000_000_000_000); d < LastDate {
		t.Errorf("after the span: %v", d)
	}
}

func TestLoadZoneRefuses(t *testing.T) {
	for _, name := range []string{"", "Local", "America/New York", "Mars/Olympus", "../etc/passwd", "EST5EDT4"} {
		if z, err := LoadZone(name); err == nil || !strings.Contains(err.Error(), "IANA") {
			t.Errorf("LoadZone(%q) = %v, %v", name, z, err)
		}
	}
}
