package main

import (
	"cmp"
	"slices"
	"time"
)

// quartile returns the lower quartile: a quarter of the values is smaller. It lies between two of them where it must. None give 0.
func quartile[T ~int64 | ~float64](values []T) T { return at(values, 0.25) }

// upperQuartile is the same from above, for what is better when it is larger.
func upperQuartile[T ~int64 | ~float64](values []T) T { return at(values, 0.75) }

// at returns the value with that part of the values below it.
func at[T ~int64 | ~float64](values []T, part float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	place := part * float64(len(sorted)-1)
	below := int(place)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + T((place-float64(below))*float64(sorted[above]-sorted[below]))
}

// percentile returns the value that has that part of the sorted values before it, or the last. None give the zero value.
func percentile[T cmp.Ordered](sorted []T, part float64) T {
	var none T
	if len(sorted) == 0 {
		return none
	}
	i := int(part * float64(len(sorted)))
	return sorted[min(i, len(sorted)-1)]
}

// figures are what the windows of one subject come to.
type figures struct {
	windows  int
	cpu      time.Duration // of the server, for one request
	rate     float64       // requests per second
	p50, p99 time.Duration
	bytes    int64 // of one answer's body
}

// figuresOf takes quartiles.
func figuresOf(windows []window) figures {
	var cpu, p50, p99 []time.Duration
	var rate []float64
	var bytes []int64
	for _, w := range windows {
		cpu = append(cpu, time.Duration(float64(w.CPU)/float64(w.Requests)))
		p50, p99 = append(p50, w.P50), append(p99, w.P99)
		rate = append(rate, float64(w.Requests)/w.Took.Seconds())
		bytes = append(bytes, w.Bytes/int64(w.Requests))
	}
	return figures{
		windows: len(windows), cpu: quartile(cpu), rate: upperQuartile(rate),
		p50: quartile(p50), p99: quartile(p99), bytes: quartile(bytes),
	}
}
