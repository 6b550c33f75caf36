//go:build !race

package fliptdb_test

import "time"

// bound is what TestFiveHundredFlags allows.
const bound = 2 * time.Second
