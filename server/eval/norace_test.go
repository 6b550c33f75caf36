//go:build !race

package eval

// raceEnabled says that the race detector is off, so that allocations can be counted.
const raceEnabled = false
