package wire

import (
	"runtime"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// TestDecodeAllocations holds that a request costs its copy and its map, which is two allocations, and a batch its copy, its
// items, the list of them, and one map for each order in which the entries of the same context come.
func TestDecodeAllocations(t *testing.T) {
	const orders = 3 // of three entries, as Go's maps give them
	for _, request := range sampleRequests(100) {
		bound := 1 + 2.0
		switch request.(type) {
		case *evaluation.BatchEvaluationRequest, *flipt.BatchEvaluationRequest:
			bound = 3 + 2*orders
		}
		data := encoded(t, request)
		got := testing.AllocsPerRun(100, func() {
			if err := (Codec{}).Unmarshal(data, request); err != nil {
				t.Fatal(err)
			}
		})
		if got > bound && !raceEnabled {
			t.Errorf("decode %T: %v allocations, want at most %v", request, got, bound)
		}
	}
}

// TestEncodeNoAlloc holds that a response costs nothing where there is room for it, and one allocation where there is none.
func TestEncodeNoAlloc(t *testing.T) {
	for _, response := range sampleResponses(100) {
		for _, test := range []struct {
			room  int
			bound float64
		}{{2 * proto.Size(response), 0}, {single, 1}} {
			buffer := make([]byte, 0, test.room)
			got := testing.AllocsPerRun(100, func() {
				if _, err := (Codec{}).MarshalAppend(buffer, response); err != nil {
					t.Fatal(err)
				}
			})
			if got > test.bound && !raceEnabled {
				t.Errorf("encode %T with room for %d bytes: %v allocations, want at most %v", response, test.room, got, test.bound)
			}
		}
	}
}

// TestDecodeBounds holds that requests made to cost much memory cost no more than in proportion to their size: a list of
// empty items, and contexts of empty entries, all with the same key.
func TestDecodeBounds(t *testing.T) {
	const size = 1 << 17
	for name, piece := range map[string]string{
		"empty items":   "\x1a\x00",
		"empty entries": "\x2a\x00",
	} {
		var data []byte
		for len(data) < size {
			data = append(data, piece...)
		}
		for _, like := range requests() {
			hand := bytesOf(func() { _ = Codec{}.Unmarshal(data, fresh(like)) })
			standard := bytesOf(func() { _ = proto.Unmarshal(data, fresh(like)) })
			if bound := 2*standard + 10*size; hand > bound && !raceEnabled {
				t.Errorf("%s as %T: %d bytes allocated, want at most %d", name, like, hand, bound)
			}
		}
	}
}

// bytesOf is what a call allocates.
func bytesOf(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
