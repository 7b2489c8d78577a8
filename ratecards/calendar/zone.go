package calendar

import (
	"fmt"
	"math"
	"time"
	_ "time/tzdata" // zones must load on machines without a zone database, and alike on all of them

	"github.com/allot-engine/allot/units"
)

// The span over which a Zone knows every change of its clocks: 1970 to the end of 2099, UTC. Before and after it the
// first and last offset hold.
const (
	firstSecond = 0
	lastSecond  = 4_102_444_800 // 2100-01-01T00:00:00Z

	// One index entry for each 2^24 s, about 194 days, so that a lookup scans past two or three changes at most.
	bucketBits = 24
	buckets    = lastSecond>>bucketBits + 1
)

// A Zone is an IANA time zone compiled to the sorted list of its changes. It is immutable and safe to share.
type Zone struct {
	name   string
	starts []int64         // UTC second at which each period begins; starts[0] is the beginning of time
	offset []int32         // seconds east of UTC during each period
	index  [buckets]uint16 // period in which each bucket of time begins
}

// LoadZone compiles an IANA zone such as "America/Los_Angeles". The empty name and "Local" are refused: a place's zone
// must not depend on the machine that asks.
func LoadZone(iana string) (*Zone, error) {
	if iana == "" || iana == "Local" {
		return nil, fmt.Errorf("calendar: %q is no time zone; write an IANA name, as America/New_York", iana)
	}
	loc, err := time.LoadLocation(iana)
	if err != nil {
		return nil, fmt.Errorf("calendar: %q is no time zone; write an IANA name, as America/New_York", iana)
	}
	z := &Zone{name: iana}
	for at := time.Unix(firstSecond, 0).In(loc); ; {
		_, offset := at.Zone()
		switch n := len(z.offset); {
		case n == 0:
			z.starts, z.offset = append(z.starts, math.MinInt64), append(z.offset, int32(offset))
		case z.offset[n-1] != int32(offset): // a change of name or of the DST flag alone moves no clock
			z.starts, z.offset = append(z.starts, at.Unix()), append(z.offset, int32(offset))
		}
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Unix() >= lastSecond {
			break
		}
		if !end.After(at) {
			// By a zone's rule for the far future, time gives every year 365 days, and on the last day of a leap
			// year a bound in the past. It matters to bounds alone, not to the offset.
			end = at.Add(24 * time.Hour)
		}
		at = end
	}
	p := 0
	for b := range z.index {
		for p+1 < len(z.starts) && z.starts[p+1] <= int64(b)<<bucketBits {
			p++
		}
		z.index[b] = uint16(p)
	}
	return z, nil
}

// Name returns the IANA name the zone was loaded by.
func (z *Zone) Name() string { return z.name }

// String returns the IANA name the zone was loaded by.
func (z *Zone) String() string { return z.name }

// period returns the position of the period that holds the UTC second t.
func (z *Zone) period(t int64) int {
	p := int(z.index[min(max(t>>bucketBits, 0), buckets-1)])
	for p+1 < len(z.starts) && z.starts[p+1] <= t {
		p++
	}
	return p
}

const daySeconds = int64(units.EndOfDay)

// Local returns the date and time of day that clocks in the zone show at t.
func (z *Zone) Local(t units.Instant) (units.Date, units.Clock) {
	wall := int64(t) + int64(z.offset[z.period(int64(t))])
	day := wall / daySeconds
	if wall%daySeconds < 0 {
		day--
	}
	return units.Date(day), units.Clock(wall - day*daySeconds)
}

// Instant returns the first moment at which clocks in the zone show the time of day c on date d or something later.
// That is the moment itself where clocks show it once, the earlier of two where they are set back over it, and the
// moment of the jump where they are set forward past it. It never decreases when d and c advance. c may be 24:00.
func (z *Zone) Instant(d units.Date, c units.Clock) units.Instant {
	wall := int64(d)*daySeconds + int64(c)
	// No clock differs from UTC by as much as a day, so every period that ends a day or more before wall, read as
	// UTC, shows only earlier times.
	p := z.period(wall - daySeconds)
	for p+1 < len(z.starts) && z.starts[p+1]+int64(z.offset[p]) <= wall {
		p++
	}
	return units.Instant(max(z.starts[p], wall-int64(z.offset[p])))
}
