package main

import "testing"

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, scanned uint64
		want          int
	}{
		{0, 0, 400}, {5 << 20, 4 << 20, 400}, {22 << 20, 22 << 20, 400}, {28 << 20, 28 << 20, 300}, {40 << 20, 30 << 20, 180},
		{84 << 20, 30 << 20, 35}, {84 << 20, 42 << 20, 50}, {64 << 20, 60 << 20, 90}, {1 << 30, 1 << 30, 100}, {1 << 30, 512 << 20, 50},
		{1 << 40, 1 << 20, 10}, {28 << 20, 1 << 40, 300}, {112 << 20, 1 << 40, 100},
	} {
		if got := gcPercent(c.live, c.scanned); got != c.want {
			t.Errorf("beside %d MB, of which %d are scanned: %d percent, want %d", c.live>>20, c.scanned>>20, got, c.want)
		}
	}
}
