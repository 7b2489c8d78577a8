// Package geo knows where things are: points and the distance between them, postal places with their region and
// time zone, H3 cells for destinations that come as points, service areas, and the bands that turn a distance into a
// zone when no carrier's chart is at hand.
//
// Distances are great-circle distances on a sphere. [Kilometres] (haversine) is the specification; where one point
// is compared with many, [Unit] vectors and a dot product give the same answer for a fiftieth of the work.
//
// Everything here is built once and then only read, so it may be shared between goroutines without locks.
package geo
