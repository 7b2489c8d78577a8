//go:build race

package enginetest

// RaceDetector tells that the race detector is on. Pools then drop what they hold at random, so that counting
// allocations says nothing.
const RaceDetector = true
