package metrics

import "math"

// Disk adds how full the disk is that a directory is on: NaN where that cannot be told.
func (s *Set) Disk(dir string) {
	if s == nil {
		return
	}
	s.GaugeFunc("allot_data_disk_free_bytes", "Bytes that are free on the disk of the data directory; none without one.", nil, func() float64 {
		if free, _, err := disk(dir); err == nil {
			return free
		}
		return math.NaN()
	})
	s.GaugeFunc("allot_data_disk_bytes", "Size of the disk of the data directory; none without one.", nil, func() float64 {
		if _, size, err := disk(dir); err == nil {
			return size
		}
		return math.NaN()
	})
}
