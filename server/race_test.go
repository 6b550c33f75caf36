//go:build race

package server_test

import "time"

// importBound is what TestImportSpeed allows: the race detector makes the code many times slower.
const importBound = 60 * time.Second

// raceFactor is how much more time TestBombs allows under the race detector.
const raceFactor = 12
