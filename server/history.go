package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/store"
)

// histories serves burgee.v1.HistoryService; what undoes stands in revert.go.
type histories struct {
	db *database
}

// History returns the HistoryService for use in the same process.
func (s *Server) History() burgeev1connect.HistoryServiceHandler { return &histories{s.db} }

// defaultRevisions is how many revisions a page holds when the request does not say.
const defaultRevisions = 50

// ListRevisions implements burgee.v1.HistoryService.
func (h *histories) ListRevisions(ctx context.Context, r *burgeev1.ListRevisionsRequest) (*burgeev1.ListRevisionsResponse, error) {
	q := store.Query{
		Namespace: r.NamespaceKey, Kind: store.Kind(r.Kind), Key: r.Key, Author: r.Author, Method: r.Method, Limit: int(r.Limit),
	}
	if q.Limit == 0 {
		q.Limit = defaultRevisions
	}
	var err error
	if q.From, err = timeOf("from", r.From); err != nil {
		return nil, err
	}
	if q.To, err = timeOf("to", r.To); err != nil {
		return nil, err
	}
	if q.Before, err = readRevisionToken(r.PageToken); err != nil {
		return nil, err
	}
	page, err := h.db.History(ctx, q)
	if err != nil {
		return nil, err
	}
	answer := &burgeev1.ListRevisionsResponse{NextPageToken: revisionToken(page.Next), OldestRevision: page.Oldest}
	for _, summary := range page.Revisions {
		revision := revisionOfHistory(summary.Position, summary.Said)
		revision.ChangeCount = int32(summary.Total)
		for _, t := range summary.Touched {
			revision.Changes = append(revision.Changes, &burgeev1.DocumentChange{
				NamespaceKey: t.Namespace, Kind: string(t.Kind), Key: t.Key, Action: touchActions[t.Action],
			})
		}
		answer.Revisions = append(answer.Revisions, revision)
	}
	return answer, nil
}

// touchActions are the actions of the store in the numbers of burgee.v1; one that is not known has none.
var touchActions = [...]burgeev1.DocumentAction{
	store.Created: burgeev1.DocumentAction_DOCUMENT_ACTION_CREATED,
	store.Updated: burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED,
	store.Deleted: burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED,
}

func timeOf(field string, sent *timestamppb.Timestamp) (time.Time, error) {
	if sent == nil {
		return time.Time{}, nil
	}
	if err := sent.CheckValid(); err != nil {
		return time.Time{}, invalid("invalid field %s: it is not a time between the years 1 and 9999", field)
	}
	return sent.AsTime(), nil
}

// historyToken is what the token of a page of revisions holds: base64 of this as JSON.
type historyToken struct {
	Before uint64 `json:"before"` // number that the next page is below
}

func revisionToken(before uint64) string {
	if before == 0 {
		return ""
	}
	text, _ := json.Marshal(historyToken{before}) // a number: cannot fail
	return base64.StdEncoding.EncodeToString(text)
}

func readRevisionToken(token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	var t historyToken
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil || t.Before == 0 {
		return 0, invalid("pageToken is not valid: %q", token)
	}
	return t.Before, nil
}

// revisionOfHistory returns a revision without its changes.
func revisionOfHistory(at store.Position, said *storev1.Revision) *burgeev1.Revision {
	return &burgeev1.Revision{
		Revision: at.Revision, Position: at.String(), At: said.At, Author: said.Author, Method: said.Method, Comment: said.Comment,
		Reverts: said.Reverts, Restores: said.Restores, RequestId: said.RequestId, Hash: hex.EncodeToString(at.Hash[:]),
	}
}

// GetRevision implements burgee.v1.HistoryService.
func (h *histories) GetRevision(ctx context.Context, r *burgeev1.GetRevisionRequest) (*burgeev1.GetRevisionResponse, error) {
	told, err := h.revision(ctx, r.Revision)
	if err != nil {
		return nil, err
	}
	answer := &burgeev1.GetRevisionResponse{Revision: revisionOfHistory(told.Position, told.Said)}
	answer.Revision.ChangeCount = int32(len(told.Changes))
	for i, now := range told.Changes {
		id := documentID{now.Namespace, now.Kind, now.Key}
		before, after := documentIn(told.Before[i]), documentIn(now)
		revised := &burgeev1.RevisedDocument{
			Before: documentOf(id, before, "", 0), After: documentOf(id, after, "", 0), Difference: differenceOf(id, before, after),
		}
		if after != nil {
			revised.After = documentOf(id, after, told.Position.Epoch, told.Position.Revision)
		}
		answer.Documents = append(answer.Documents, revised)
		answer.Revision.Changes = append(answer.Revision.Changes, &burgeev1.DocumentChange{
			NamespaceKey: now.Namespace, Kind: string(now.Kind), Key: now.Key, Action: revised.Difference.Action,
		})
	}
	return answer, nil
}

// revision reads one revision.
func (h *histories) revision(ctx context.Context, number uint64) (store.Revised, error) {
	told, err := h.db.Revision(ctx, number)
	if errors.Is(err, store.ErrNoRevision) {
		return told, notFound("%v", err)
	}
	return told, err
}

// documentIn returns the document of a change, nil for one that does not exist.
func documentIn(c store.Change) proto.Message {
	switch {
	case c.Flag != nil:
		return c.Flag
	case c.Segment != nil:
		return c.Segment
	case c.NamespaceDoc != nil:
		return c.NamespaceDoc
	}
	return nil
}

// Compare implements burgee.v1.HistoryService.
func (h *histories) Compare(ctx context.Context, r *burgeev1.CompareRequest) (*burgeev1.CompareResponse, error) {
	from, _, err := viewAt(ctx, h.db, r.From)
	if err != nil {
		return nil, err
	}
	to, _, err := viewAt(ctx, h.db, r.To)
	if err != nil {
		return nil, err
	}
	before, after := changedBetween(from, to, scope{r.NamespaceKey, store.Kind(r.Kind), r.Key})
	return &burgeev1.CompareResponse{
		From: from.Position().String(), To: to.Position().String(), Differences: differences(before, after),
	}, nil
}

// scope says which documents are meant: each of its parts that is not empty must be theirs.
type scope documentID

func (s scope) holds(id documentID) bool {
	return (s.namespace == "" || s.namespace == id.namespace) && (s.kind == "" || s.kind == id.kind) && (s.key == "" || s.key == id.key)
}

// changedBetween pictures, as they are in each of two states of one history, those documents of a scope that are not known to
// be the same in both: those that the same revision made.
func changedBetween(from, to *store.State, s scope) (before, after picture) {
	return notIn(from, to, s), notIn(to, from, s)
}

// notIn pictures the documents of a scope that are not in another state, or were made by another revision there.
func notIn(in, other *store.State, s scope) picture {
	found := make(picture)
	add := func(id documentID, doc proto.Message) {
		if s.holds(id) && in.DocumentRevision(id.namespace, id.kind, id.key) != other.DocumentRevision(id.namespace, id.kind, id.key) {
			found[id] = doc
		}
	}
	for namespace := range in.Namespaces().All() {
		key := namespace.Namespace.Key
		if s.namespace != "" && s.namespace != key || in.NamespaceRevision(key) == other.NamespaceRevision(key) {
			continue
		}
		add(documentID{key, store.KindNamespace, key}, namespace)
		for flag := range in.Flags(key).All() {
			add(documentID{key, store.KindFlag, flag.Flag.Key}, flag)
		}
		for segment := range in.Segments(key).All() {
			add(documentID{key, store.KindSegment, segment.Segment.Key}, segment)
		}
	}
	return found
}
