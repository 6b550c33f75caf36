//go:build !race

package wire

// raceEnabled says that the race detector is off, so that allocations can be counted.
const raceEnabled = false

// rounds is how many random messages of each type are tried.
const rounds = 400
