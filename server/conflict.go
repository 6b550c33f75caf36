package server

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/store"
)

// conflict says why something cannot be undone.
type conflict struct {
	documentID        // what is in the way
	since      bool   // a later revision changed it
	revision   uint64 // which one, if it is known
	reason     string // why, without that revision
}

// conflicts is all that is in the way of one revert, as the error of its function.
type conflicts []conflict

// Error implements error.
func (c conflicts) Error() string {
	if len(c) == 1 {
		return c[0].String()
	}
	return fmt.Sprintf("%s, and %d more", c[0], len(c)-1)
}

// String returns the reason as a sentence.
func (c conflict) String() string {
	if c.revision == 0 {
		return c.reason
	}
	return fmt.Sprintf("%s by revision %d", c.reason, c.revision)
}

// String names the document.
func (id documentID) String() string {
	if id.kind == store.KindNamespace {
		return fmt.Sprintf("namespace %q", id.key)
	}
	return fmt.Sprintf("%s %q", id.kind, path(id.namespace, id.key))
}

// maxConflicts bounds the conflicts in the details of one error, which travel in a trailer.
const maxConflicts = 50

// refuse returns the error that a client gets for the conflicts of a revert; what says what cannot be done.
func (h *histories) refuse(ctx context.Context, what string, found conflicts) error {
	for i, c := range found[:min(len(found), maxConflicts)] {
		if !c.since || c.revision != 0 {
			continue
		}
		// A document that does not exist has no revision of its own: the newest that touched it took it away.
		page, err := h.db.History(ctx, store.Query{Namespace: c.namespace, Kind: c.kind, Key: c.key, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Revisions) > 0 {
			found[i].revision = page.Revisions[0].Position.Revision
		}
	}
	refused := connect.NewError(connect.CodeFailedPrecondition, fmt.Errorf("%s: %w", what, found))
	for _, c := range found[:min(len(found), maxConflicts)] {
		detail, err := connect.NewErrorDetail(&burgeev1.RevertConflict{
			NamespaceKey: c.namespace, Kind: string(c.kind), Key: c.key, Revision: c.revision, Reason: c.String(),
		})
		if err != nil {
			return fmt.Errorf("tell a conflict: %w", err)
		}
		refused.AddDetail(detail)
	}
	return refused
}

// changedAgain is the conflict of a document that is no longer what a revision left.
func changedAgain(now *store.State, id documentID, present proto.Message, left store.Change) conflict {
	c := conflict{documentID: id, since: true, revision: now.DocumentRevision(id.namespace, id.kind, id.key)}
	switch {
	case present == nil:
		c.reason = id.String() + " was deleted"
	case documentIn(left) == nil:
		c.reason = id.String() + " was created again"
	default:
		c.reason = id.String() + " was changed again"
	}
	return c
}

// hindrances says why a change cannot be put into the draft.
func hindrances(d *store.Draft, c store.Change) (found []conflict) {
	id := documentID{c.Namespace, c.Kind, c.Key}
	switch {
	case c.Kind != store.KindNamespace:
		if documentIn(c) != nil && d.Namespace(c.Namespace) == nil {
			found = append(found, conflict{documentID: id, reason: id.String() + " needs its namespace, which does not exist"})
		}
	case c.NamespaceDoc != nil:
	case d.Namespace(c.Key).GetNamespace().GetProtected():
		found = append(found, conflict{documentID: id, reason: id.String() + " is protected"})
	default:
		in := " is in " + id.String() + ", which would not exist"
		for flag := range d.Flags(c.Key).All() {
			inside := documentID{c.Key, store.KindFlag, flag.Flag.Key}
			found = append(found, conflict{documentID: inside, reason: inside.String() + in})
		}
		for segment := range d.Segments(c.Key).All() {
			inside := documentID{c.Key, store.KindSegment, segment.Segment.Key}
			found = append(found, conflict{documentID: inside, reason: inside.String() + in})
		}
	}
	return found
}

// lacking returns the flags that lack a segment now: those that were put, and those of a namespace that a segment was taken
// from.
func lacking(d *store.Draft, changes []store.Change) (found []conflict) {
	looked := make(map[documentID]bool)
	look := func(doc *storev1.Flag) {
		id := documentID{doc.Flag.NamespaceKey, store.KindFlag, doc.Flag.Key}
		if looked[id] {
			return
		}
		looked[id] = true
		for _, key := range segmentsOf(doc) {
			if d.Segment(id.namespace, key) == nil {
				needed := documentID{id.namespace, store.KindSegment, key}
				found = append(found, conflict{documentID: id, reason: id.String() + " uses " + needed.String() + ", which would not exist"})
			}
		}
	}
	searched := make(map[string]bool)
	for _, c := range changes {
		switch {
		case c.Kind == store.KindFlag && d.Flag(c.Namespace, c.Key) != nil:
			look(d.Flag(c.Namespace, c.Key))
		case c.Kind == store.KindSegment && c.Segment == nil && !searched[c.Namespace]:
			searched[c.Namespace] = true
			for doc := range d.Flags(c.Namespace).All() {
				look(doc)
			}
		}
	}
	return found
}
