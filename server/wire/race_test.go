//go:build race

package wire

// raceEnabled says that the race detector is on, which makes code allocate that otherwise does not.
const raceEnabled = true

// rounds is how many random messages of each type are tried, fewer since the race detector makes the code many times slower.
const rounds = 40
