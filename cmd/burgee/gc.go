package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// gcHeap is how large the heap, what is alive and garbage together, may always grow before it is collected, in bytes, as long
	// as the garbage is not more than gcMost percent of what is alive. Go's own setting, 100 percent, makes a server with few flags
	// collect hundreds of times a second under load.
	gcHeap = 112 << 20
	gcMost = 400
)

// tuneGC spends memory up to gcHeap on fewer garbage collections, which are a tenth of the CPU time of a small server under load.
// A large one collects as often as Go has it, but for memory that costs a collection nothing, such as that of long answers: it
// does not make room for as much garbage. One whose operator has set GOGC is left alone.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		runtime.SetFinalizer(new(gcCycle), (*gcCycle).ended)
	}
}

// gcCycle is never alive at the end of a collection, which is how that is seen.
type gcCycle struct {
	percent int // as it was set last
	_       [24]byte
}

// ended sets when the next collection begins.
func (c *gcCycle) ended() {
	sizes := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}}
	metrics.Read(sizes)
	if percent := gcPercent(sizes[0].Value.Uint64(), sizes[1].Value.Uint64()); percent != c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
	runtime.SetFinalizer(c, (*gcCycle).ended)
}

// gcPercent returns how much garbage may lie around beside so many bytes that are alive, of which a collection looks at some, in
// steps of five percent of the former: what gcHeap leaves, and never less than a collection looks at.
func gcPercent(live, scanned uint64) int {
	spare := max(gcHeap-min(gcHeap, live), min(scanned, live))
	percent := spare * 100 / max(live, 1)
	return int(min(max(percent, 10), gcMost)) / 5 * 5
}
