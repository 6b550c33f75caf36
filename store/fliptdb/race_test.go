//go:build race

package fliptdb_test

import "time"

// bound is what TestFiveHundredFlags allows: the race detector makes SQLite, which is Go, many times slower.
const bound = 30 * time.Second
