// Package calendar holds the days and hours that decide when an order leaves and when it arrives: weeks with their
// holidays, time zones, a warehouse's cut-off and processing time, a carrier's pickups, and the arithmetic that
// joins a pickup, a linehaul and a delivery calendar into an arrival date and back.
//
// Everything is compiled once and then read only. A day is answered by one or two array loads, a time zone by a
// short scan from an index, and nothing on these paths allocates. Dates are civil dates of the place they are about
// (units.Date), times of day are local (units.Clock), moments are UTC seconds (units.Instant); only a Zone turns one
// into the other, so a date never shifts by accident when midnight passes somewhere else.
//
// # Holiday files
//
// Holidays come as CSV with a header row:
//
//	calendar,date,name
//	us-parcel,2026-11-26,Thanksgiving
//	us-parcel,2026-12-25,Christmas Day
//
// calendar names the list, so that one file may hold many; date is a day on which the places that use the list do
// not work; name is free text. Two rows of one calendar may not name the same date. Lines that begin with # are notes.
package calendar
