package main

import "testing"

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, scanned uint64
		want          int
	}{
		{0, 0, 400}, {5 << 20, 4 << 20, 400}, {14 << 20, 14 << 20, 340}, {28 << 20, 28 << 20, 170}, {35 << 20, 35 << 20, 130},
		{64 << 20, 60 << 20, 90}, {1 << 30, 1 << 30, 100}, {72 << 20, 36 << 20, 50}, {1 << 30, 512 << 20, 50}, {1 << 40, 1 << 20, 10},
		{14 << 20, 1 << 40, 340},
	} {
		if got := gcPercent(c.live, c.scanned); got != c.want {
			t.Errorf("beside %d MB, of which %d are scanned: %d percent, want %d", c.live>>20, c.scanned>>20, got, c.want)
		}
	}
}
