package server

import (
	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
)

// documentOf returns a stored document as clients read it, without content when doc is nil. revision is the number of the one
// that made it; with 0 for an unknown one it has no ETag either. It shares what doc holds.
func documentOf(id documentID, doc proto.Message, epoch string, revision uint64) *burgeev1.Document {
	answer := &burgeev1.Document{NamespaceKey: id.namespace, Kind: string(id.kind), Key: id.key}
	etag := ""
	if revision != 0 {
		etag = documentETag(epoch, revision)
	}
	switch doc := doc.(type) {
	case *storev1.Flag:
		answer.Document = &burgeev1.Document_Flag{Flag: &burgeev1.FlagDocument{
			Flag: doc.Flag, Rules: doc.Rules, Rollouts: doc.Rollouts, Tags: doc.Tags, ArchivedAt: doc.ArchivedAt, Etag: etag, Revision: revision,
		}}
	case *storev1.Segment:
		answer.Document = &burgeev1.Document_Segment{Segment: &burgeev1.SegmentDocument{Segment: doc.Segment, Etag: etag, Revision: revision}}
	case *storev1.Namespace:
		answer.Document = &burgeev1.Document_Namespace{Namespace: &burgeev1.NamespaceDocument{
			Namespace: doc.Namespace, Color: doc.Color, Production: doc.Production, Etag: etag, Revision: revision,
		}}
	}
	return answer
}
