//go:build race

package eval

// raceEnabled says that the race detector is on, which makes code allocate that otherwise does not.
const raceEnabled = true
