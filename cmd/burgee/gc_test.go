package main

import "testing"

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {5 << 20, 400}, {16 << 20, 400}, {32 << 20, 200}, {40 << 20, 160}, {64 << 20, 100}, {1 << 30, 100},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("beside %d MB: %d percent, want %d", c.live>>20, got, c.want)
		}
	}
}
