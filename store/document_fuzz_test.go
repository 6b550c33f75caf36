package store

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// FuzzDatabaseBody loads a document with any body, under the id that it bears and under another. It is refused in one
// sentence, or becomes a document that is stored and loaded again as it is, and of which a state can be made.
func FuzzDatabaseBody(f *testing.F) {
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		switch kind % 3 {
		case 0:
			fuzzBody[*storev1.Namespace](t, body, KindNamespace)
		case 1:
			checkReadFlag(t, body)
			fuzzBody[*storev1.Flag](t, body, KindFlag)
		default:
			fuzzBody[*storev1.Segment](t, body, KindSegment)
		}
	})
}

func fuzzBody[D document](t *testing.T, body []byte, kind Kind) {
	if body == nil {
		body = []byte{}
	}
	s := newSharer()
	other := stored{id: id{"default", kind, "not-a-key-of-a-seed"}, revision: 1, body: body}
	checkSentence(t, body, other.decode(s))
	doc, err := decode[D](body, s)
	if err != nil {
		return
	}
	d := stored{id: identify(doc), revision: 1, body: body}
	if err := d.decode(s); err != nil {
		checkSentence(t, body, err)
		return
	}
	again, err := encode(doc)
	if err != nil {
		t.Fatalf("%x: %v", body, err)
	}
	fresh, err := decode[D](again, s)
	if err != nil || !proto.Equal(fresh, doc) {
		t.Fatalf("%x: loaded as %v, and stored and loaded again as %v, %v", body, doc, fresh, err)
	}
	if third, err := encode(fresh); err != nil || !bytes.Equal(third, again) {
		t.Fatalf("%x: stored as %x, then as %x, %v", body, again, third, err)
	}
	namespace := &storev1.Namespace{Created: 1}
	if fresh.GetCreated() == 1 {
		namespace.Created = 2
	}
	docs := []stored{d}
	if kind != KindNamespace {
		docs = append(docs, stored{id: id{d.id.namespace, KindNamespace, d.id.namespace}, revision: 1, doc: namespace, created: namespace.Created})
	}
	_, _, err = build(loaded{head: head{created: 100}, chunks: [][]stored{docs}, deletions: map[string]uint64{}})
	checkSentence(t, body, err)
}

// checkSentence holds an error, where there is one, to a line that an operator can read.
func checkSentence(t *testing.T, body []byte, err error) {
	t.Helper()
	if err != nil && (strings.ContainsAny(err.Error(), "\n\r\x00") || len(err.Error()) > 500+8*len(body)) {
		t.Errorf("%x: error %q", body, err)
	}
}
