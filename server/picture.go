package server

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server/diff"
	"github.com/burgeehq/burgee/store"
)

// reader is a state or a draft.
type reader interface {
	Namespaces() store.List[*storev1.Namespace]
	Flags(namespace string) store.List[*storev1.Flag]
	Segments(namespace string) store.List[*storev1.Segment]
}

// picture is everything that a draft holds at one moment.
type picture map[documentID]proto.Message

// documentID names a document.
type documentID struct {
	namespace string
	kind      store.Kind
	key       string
}

func pictureOf(r reader) picture {
	p := make(picture)
	for doc := range r.Namespaces().All() {
		key := doc.Namespace.Key
		p[documentID{key, store.KindNamespace, key}] = doc
		for flag := range r.Flags(key).All() {
			p[documentID{key, store.KindFlag, flag.Flag.Key}] = flag
		}
		for segment := range r.Segments(key).All() {
			p[documentID{key, store.KindSegment, segment.Segment.Key}] = segment
		}
	}
	return p
}

// differences says which documents are not the same in both pictures, by namespace, kind and key.
func differences(before, after picture) []*burgeev1.DocumentDifference {
	var found []*burgeev1.DocumentDifference
	for id, now := range after {
		was := before[id]
		if was == now {
			continue
		}
		if d := differenceOf(id, was, now); was == nil || len(d.Fields) > 0 {
			found = append(found, d)
		}
	}
	for id, was := range before {
		if after[id] == nil {
			found = append(found, differenceOf(id, was, nil))
		}
	}
	sortDifferences(found)
	return found
}

// differenceOf says what became of one document, which is nil where it does not exist. One that has only other times was
// updated, without a member that tells it.
func differenceOf(id documentID, was, now proto.Message) *burgeev1.DocumentDifference {
	d := &burgeev1.DocumentDifference{NamespaceKey: id.namespace, Kind: string(id.kind), Key: id.key}
	switch {
	case was == nil:
		d.Action = burgeev1.DocumentAction_DOCUMENT_ACTION_CREATED
	case now == nil:
		d.Action = burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED
	default:
		d.Action, d.Fields = burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED, diff.Documents(was, now)
	}
	return d
}

func sortDifferences(list []*burgeev1.DocumentDifference) {
	slices.SortFunc(list, func(a, b *burgeev1.DocumentDifference) int {
		return cmp.Or(cmp.Compare(a.NamespaceKey, b.NamespaceKey), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
}
