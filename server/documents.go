package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/store"
)

// documentService serves burgee.v1.DocumentService.
type documentService struct {
	db        *database
	validator *validator
	// lastEvaluated returns when the flags of a namespace were last evaluated, by key.
	lastEvaluated func(ctx context.Context, namespace string) (map[string]time.Time, error)
}

// GetFlagDocument implements burgee.v1.DocumentService.
func (s *documentService) GetFlagDocument(ctx context.Context, r *burgeev1.GetFlagDocumentRequest) (*burgeev1.FlagDocument, error) {
	doc, err := s.get(ctx, documentID{r.NamespaceKey, store.KindFlag, r.Key}, r.Reference)
	return doc.GetFlag(), err
}

// GetSegmentDocument implements burgee.v1.DocumentService.
func (s *documentService) GetSegmentDocument(ctx context.Context, r *burgeev1.GetSegmentDocumentRequest) (*burgeev1.SegmentDocument, error) {
	doc, err := s.get(ctx, documentID{r.NamespaceKey, store.KindSegment, r.Key}, r.Reference)
	return doc.GetSegment(), err
}

// GetNamespaceDocument implements burgee.v1.DocumentService.
func (s *documentService) GetNamespaceDocument(ctx context.Context, r *burgeev1.GetNamespaceDocumentRequest) (*burgeev1.NamespaceDocument, error) {
	doc, err := s.get(ctx, documentID{r.Key, store.KindNamespace, r.Key}, r.Reference)
	return doc.GetNamespace(), err
}

func (s *documentService) get(ctx context.Context, id documentID, reference string) (*burgeev1.Document, error) {
	state, _, err := viewAt(ctx, s.db, reference)
	if err != nil {
		return nil, err
	}
	doc := shownIn(state, id)
	if doc.Document == nil {
		return nil, id.missing()
	}
	unchanged(ctx, tagOf(doc))
	return doc, nil
}

// ReplaceFlagDocument implements burgee.v1.DocumentService.
func (s *documentService) ReplaceFlagDocument(ctx context.Context, r *burgeev1.ReplaceFlagDocumentRequest) (*burgeev1.FlagDocument, error) {
	doc, err := s.one(ctx, &burgeev1.Edit{
		NamespaceKey: r.NamespaceKey, Key: r.Key, IfMatch: r.IfMatch, Create: r.Create, Action: &burgeev1.Edit_ReplaceFlag{ReplaceFlag: r.Document},
	})
	return doc.GetFlag(), err
}

// ReplaceSegmentDocument implements burgee.v1.DocumentService.
func (s *documentService) ReplaceSegmentDocument(ctx context.Context, r *burgeev1.ReplaceSegmentDocumentRequest) (*burgeev1.SegmentDocument, error) {
	doc, err := s.one(ctx, &burgeev1.Edit{
		NamespaceKey: r.NamespaceKey, Key: r.Key, IfMatch: r.IfMatch, Create: r.Create, Action: &burgeev1.Edit_ReplaceSegment{ReplaceSegment: r.Document},
	})
	return doc.GetSegment(), err
}

// ReplaceNamespaceDocument implements burgee.v1.DocumentService.
func (s *documentService) ReplaceNamespaceDocument(ctx context.Context, r *burgeev1.ReplaceNamespaceDocumentRequest) (*burgeev1.NamespaceDocument, error) {
	doc, err := s.one(ctx, &burgeev1.Edit{
		NamespaceKey: r.Key, IfMatch: r.IfMatch, Create: r.Create, Action: &burgeev1.Edit_ReplaceNamespace{ReplaceNamespace: r.Document},
	})
	return doc.GetNamespace(), err
}

// ArchiveFlag implements burgee.v1.DocumentService.
func (s *documentService) ArchiveFlag(ctx context.Context, r *burgeev1.ArchiveFlagRequest) (*burgeev1.FlagDocument, error) {
	doc, err := s.one(ctx, &burgeev1.Edit{
		NamespaceKey: r.NamespaceKey, Key: r.Key, IfMatch: r.IfMatch, Action: &burgeev1.Edit_ArchiveFlag{ArchiveFlag: new(burgeev1.ArchiveDocument)},
	})
	return doc.GetFlag(), err
}

// UnarchiveFlag implements burgee.v1.DocumentService.
func (s *documentService) UnarchiveFlag(ctx context.Context, r *burgeev1.UnarchiveFlagRequest) (*burgeev1.FlagDocument, error) {
	doc, err := s.one(ctx, &burgeev1.Edit{
		NamespaceKey: r.NamespaceKey, Key: r.Key, IfMatch: r.IfMatch, Action: &burgeev1.Edit_UnarchiveFlag{UnarchiveFlag: new(burgeev1.UnarchiveDocument)},
	})
	return doc.GetFlag(), err
}

// one carries out an edit that is a request of its own. Over REST the headers If-Match and If-None-Match: * guard it.
func (s *documentService) one(ctx context.Context, edit *burgeev1.Edit) (*burgeev1.Document, error) {
	call, ok := connect.CallInfoForHandlerContext(ctx)
	if ok {
		header := call.RequestHeader()
		if edit.IfMatch == "" {
			edit.IfMatch = strings.Join(header.Values("If-Match"), ",")
		}
		if slices.Contains(header["Grpcgateway-If-None-Match"], "*") {
			edit.Create = true
		}
	}
	documents, _, err := s.edit(ctx, []editing{{Edit: edit, document: "document"}})
	if err != nil {
		return nil, err
	}
	if ok {
		call.ResponseHeader().Set("X-Etag", tagOf(documents[0]))
	}
	return documents[0], nil
}

// documentReader is a state or a draft.
type documentReader interface {
	Namespace(key string) *storev1.Namespace
	Flag(namespace, key string) *storev1.Flag
	Segment(namespace, key string) *storev1.Segment
}

// find returns the stored document, or nil when there is none.
func (id documentID) find(in documentReader) proto.Message {
	switch id.kind {
	case store.KindFlag:
		if doc := in.Flag(id.namespace, id.key); doc != nil {
			return doc
		}
	case store.KindSegment:
		if doc := in.Segment(id.namespace, id.key); doc != nil {
			return doc
		}
	case store.KindNamespace:
		if doc := in.Namespace(id.key); doc != nil {
			return doc
		}
	}
	return nil
}

// shownIn returns a document as clients read it in a state, without content when there is none.
func shownIn(state *store.State, id documentID) *burgeev1.Document {
	return documentOf(id, id.find(state), state.Position().Epoch, state.DocumentRevision(id.namespace, id.kind, id.key))
}

// missing is the error for a document that does not exist.
func (id documentID) missing() error {
	switch id.kind {
	case store.KindFlag:
		return flagNotFound(id.namespace, id.key)
	case store.KindSegment:
		return segmentNotFound(id.namespace, id.key)
	}
	return namespaceNotFound(id.key)
}

// documentETag names the state of a document that a revision made: 8 digits of the epoch, of which a restore draws a new one,
// and the revision.
func documentETag(epoch string, revision uint64) string {
	return fmt.Sprintf(`"%.8s-%d"`, epoch, revision)
}

func tagOf(doc *burgeev1.Document) string {
	return doc.GetFlag().GetEtag() + doc.GetSegment().GetEtag() + doc.GetNamespace().GetEtag() // one at most is not empty
}

// mismatch says that a document is not what the caller of a change takes it for.
type mismatch struct {
	code    connect.Code
	text    string
	current *burgeev1.Document
}

func (m *mismatch) Error() string { return m.text }

// answer is the error that clients get: with the current document, without its content if there is none.
func (m *mismatch) answer(text error) *connect.Error {
	answer := connect.NewError(m.code, text)
	if detail, err := connect.NewErrorDetail(m.current); err == nil {
		answer.AddDetail(detail)
	}
	return answer
}

// maxTrailed is the size of the largest document, in bytes, that an error over gRPC brings along: it travels in a trailer, and
// clients take no trailers of more than 8 KiB.
const maxTrailed = 4 << 10

// trimmed leaves ETag and revision of a document that is too large for the protocol of the call. err is of this call alone.
func trimmed(ctx context.Context, err error) error {
	call, ok := connect.CallInfoForHandlerContext(ctx)
	found := (*mismatch)(nil)
	if !ok || call.Peer().Protocol != connect.ProtocolGRPC || !errors.As(err, &found) || proto.Size(found.current) <= maxTrailed {
		return err
	}
	current := &burgeev1.Document{NamespaceKey: found.current.NamespaceKey, Kind: found.current.Kind, Key: found.current.Key}
	switch doc := found.current.Document.(type) {
	case *burgeev1.Document_Flag:
		current.Document = &burgeev1.Document_Flag{Flag: &burgeev1.FlagDocument{Etag: doc.Flag.Etag, Revision: doc.Flag.Revision}}
	case *burgeev1.Document_Segment:
		current.Document = &burgeev1.Document_Segment{Segment: &burgeev1.SegmentDocument{Etag: doc.Segment.Etag, Revision: doc.Segment.Revision}}
	case *burgeev1.Document_Namespace:
		current.Document = &burgeev1.Document_Namespace{Namespace: &burgeev1.NamespaceDocument{Etag: doc.Namespace.Etag, Revision: doc.Namespace.Revision}}
	}
	found.current = current
	return err
}

// guard refuses an edit of a document that exists where it must not, or that is not the one that the caller has seen before
// the request.
func guard(d *store.Draft, id documentID, ifMatch string, create bool) error {
	if create && id.find(d) != nil {
		return &mismatch{connect.CodeAlreadyExists, id.String() + " exists already", shownIn(d.Base(), id)}
	}
	if ifMatch == "" {
		return nil
	}
	current := shownIn(d.Base(), id)
	if current.Document == nil {
		return &mismatch{connect.CodeFailedPrecondition, id.String() + " does not exist", current}
	}
	tag := tagOf(current)
	if ifMatch == "*" || slices.ContainsFunc(strings.Split(ifMatch, ","), func(listed string) bool { return strings.TrimSpace(listed) == tag }) {
		return nil
	}
	return &mismatch{connect.CodeFailedPrecondition, fmt.Sprintf("%s has changed: its ETag is %s", id, tag), current}
}

// documentAfter returns a document of a draft as clients read it once the draft is the next revision.
func documentAfter(d *store.Draft, id documentID) *burgeev1.Document {
	position, doc := d.Base().Position(), id.find(d)
	if doc != nil && proto.Equal(doc, id.find(d.Base())) {
		return shownIn(d.Base(), id)
	}
	return documentOf(id, doc, position.Epoch, position.Revision+1)
}
