//go:build !race

package server_test

import "time"

// importBound is what TestImportSpeed allows.
const importBound = 2 * time.Second

// raceFactor is how much more time TestBombs allows.
const raceFactor = 1
