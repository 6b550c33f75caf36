package wire

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"
)

// seed adds random messages to the corpus.
func seed(f *testing.F, messages []proto.Message) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, m := range messages {
		for i := range 4 {
			m := fresh(m)
			filler{Rand: random, full: i == 0}.fill(m.ProtoReflect())
			f.Add(encoded(f, m))
		}
	}
}

// FuzzDecode reads any bytes as every request.
func FuzzDecode(f *testing.F) {
	seed(f, requests())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, like := range requests() {
			checkDecode(t, data, like)
		}
	})
}

// FuzzEncode writes every response that any bytes are.
func FuzzEncode(f *testing.F) {
	seed(f, responses())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range responses() {
			if proto.Unmarshal(data, m) == nil {
				checkEncode(t, m)
			}
		}
	})
}
