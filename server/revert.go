package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/store"
)

// A revert is a plan, which says for the newest state which documents are to become what they were, and then one function on
// a draft for all plans, which puts them there and looks whether anything is left that lacks what it needs.

// reverting is what a revert wants: what documents become, and what is in its way.
type reverting struct {
	changes   []store.Change
	conflicts []conflict
}

// plan says what a revert wants of the newest state.
type plan func(now *store.State) reverting

// Revert implements burgee.v1.HistoryService. Undoing a revision leaves alone what is already as it was before it.
func (h *histories) Revert(ctx context.Context, r *burgeev1.RevertRequest) (*burgeev1.RevertResponse, error) {
	by := caller(ctx)
	var (
		wants plan
		what  string // for the error
		err   error
	)
	if target, ok := r.Target.(*burgeev1.RevertRequest_Revision); ok {
		by.Reverts, what = target.Revision, fmt.Sprintf("revision %d cannot be undone", target.Revision)
		wants, err = h.undo(ctx, r)
	} else {
		what = r.Reference + " cannot be brought back"
		wants, by.Restores, err = h.restore(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	answer, position, err := store.Update(ctx, h.db, by, func(d *store.Draft) (*burgeev1.RevertResponse, error) {
		return revert(d, wants, r.DryRun)
	})
	if errors.Is(err, errDryRun) {
		state, _ := h.db.View()
		position, err = state.Position(), nil
	}
	if refused := (conflicts)(nil); errors.As(err, &refused) {
		return nil, h.refuse(ctx, what, refused)
	}
	if err != nil {
		return nil, err
	}
	answer.Position = position.String()
	return answer, nil
}

// undo plans to undo one revision: what it changed becomes what it was before, unless it has changed again since.
func (h *histories) undo(ctx context.Context, r *burgeev1.RevertRequest) (plan, error) {
	if r.Reference != "" {
		return nil, invalid("invalid field reference: must be empty for one revision")
	}
	told, err := h.revision(ctx, r.GetRevision())
	if err != nil {
		return nil, err
	}
	return func(now *store.State) (found reverting) {
		for i, left := range told.Changes {
			id := documentID{left.Namespace, left.Kind, left.Key}
			present := documentAt(now, id)
			switch {
			case sameDocument(present, documentIn(told.Before[i])):
			case sameDocument(present, documentIn(left)):
				found.changes = append(found.changes, told.Before[i])
			default:
				found.conflicts = append(found.conflicts, changedAgain(now, id, present, left))
			}
		}
		return found
	}, nil
}

// restore plans to bring back what there was at a reference, and returns the number of its revision.
func (h *histories) restore(ctx context.Context, r *burgeev1.RevertRequest) (plan, uint64, error) {
	meant, err := scopeOf(r)
	if err != nil {
		return nil, 0, err
	}
	if r.Reference == "" {
		return nil, 0, invalid("invalid field reference: must be rev: with a number or at: with a time")
	}
	then, _, err := viewAt(ctx, h.db, r.Reference)
	if err != nil {
		return nil, 0, err
	}
	now, _ := h.db.View()
	if meant.key != "" && documentAt(then, documentID(meant)) == nil && documentAt(now, documentID(meant)) == nil {
		return nil, 0, notFound("%s exists neither now nor at %s", documentID(meant), r.Reference)
	}
	if meant.key == "" && meant.namespace != "" && then.Namespace(meant.namespace) == nil && now.Namespace(meant.namespace) == nil {
		return nil, 0, notFound("namespace %q exists neither now nor at %s", meant.namespace, r.Reference)
	}
	return func(now *store.State) (found reverting) {
		present, past := changedBetween(now, then, meant)
		for id, doc := range past {
			if !sameDocument(present[id], doc) {
				found.changes = append(found.changes, changeTo(id, doc))
			}
		}
		for id := range present {
			if past[id] == nil {
				found.changes = append(found.changes, changeTo(id, nil))
			}
		}
		return found
	}, then.Position().Revision, nil
}

// scopeOf returns what a request means to bring back.
func scopeOf(r *burgeev1.RevertRequest) (scope, error) {
	switch target := r.Target.(type) {
	case *burgeev1.RevertRequest_Document:
		d := target.Document
		meant := scope{d.GetNamespaceKey(), store.Kind(d.GetKind()), d.GetKey()}
		switch meant.kind {
		case store.KindFlag, store.KindSegment:
		case store.KindNamespace:
			if meant.namespace != meant.key {
				return scope{}, invalid("invalid field document.key: must be the key of the namespace")
			}
		default:
			return scope{}, invalid("invalid field document.kind: %q is none of namespace, flag and segment", d.GetKind())
		}
		if meant.namespace == "" || meant.key == "" {
			return scope{}, invalid("invalid field document.key: must not be empty")
		}
		return meant, nil
	case *burgeev1.RevertRequest_NamespaceKey:
		if target.NamespaceKey == "" {
			return scope{}, invalid("invalid field namespaceKey: must not be empty")
		}
		return scope{namespace: target.NamespaceKey}, nil
	case *burgeev1.RevertRequest_Everything:
		if target.Everything {
			return scope{}, nil
		}
	}
	return scope{}, invalid("invalid field target: must say what to undo")
}

// revert carries out a plan. A dry run ends with errDryRun beside its answer.
func revert(d *store.Draft, wants plan, dryRun bool) (*burgeev1.RevertResponse, error) {
	wanted := wants(d.Base())
	slices.SortFunc(wanted.changes, inOrder)
	found := wanted.conflicts
	if len(found) == 0 {
		found = put(d, wanted.changes)
	}
	if len(found) > 0 {
		return nil, conflicts(found)
	}
	answer := new(burgeev1.RevertResponse)
	for _, c := range wanted.changes {
		id := documentID{c.Namespace, c.Kind, c.Key}
		answer.Differences = append(answer.Differences, differenceOf(id, documentAt(d.Base(), id), documentIn(c)))
	}
	sortDifferences(answer.Differences)
	if dryRun {
		return answer, errDryRun
	}
	return answer, nil
}

// inOrder sorts what is put so that nothing comes before what it needs: namespaces, segments, flags; then what is taken away,
// the other way round.
func inOrder(a, b store.Change) int {
	return cmp.Or(cmp.Compare(step(a), step(b)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Key, b.Key))
}

func step(c store.Change) int {
	place := map[store.Kind]int{store.KindNamespace: 1, store.KindSegment: 2, store.KindFlag: 3}[c.Kind]
	if documentIn(c) == nil {
		return 7 - place
	}
	return place
}

// put makes the documents of the draft what the changes say, and returns what hinders that.
func put(d *store.Draft, changes []store.Change) (found []conflict) {
	for _, c := range changes {
		if hinders := hindrances(d, c); len(hinders) > 0 {
			found = append(found, hinders...)
			continue
		}
		d.Put(keepProtected(d, c))
	}
	return append(found, lacking(d, changes)...)
}

// keepProtected keeps the mark of a protected namespace that becomes what it was before it had it.
func keepProtected(d *store.Draft, c store.Change) store.Change {
	if c.NamespaceDoc == nil || c.NamespaceDoc.Namespace.Protected || !d.Namespace(c.Key).GetNamespace().GetProtected() {
		return c
	}
	c.NamespaceDoc = proto.CloneOf(c.NamespaceDoc)
	c.NamespaceDoc.Namespace.Protected = true
	return c
}

// documentAt returns a document of a state, nil when it does not exist.
func documentAt(state *store.State, id documentID) proto.Message {
	c := store.Change{}
	switch id.kind {
	case store.KindNamespace:
		c.NamespaceDoc = state.Namespace(id.key)
	case store.KindFlag:
		c.Flag = state.Flag(id.namespace, id.key)
	case store.KindSegment:
		c.Segment = state.Segment(id.namespace, id.key)
	}
	return documentIn(c)
}

// changeTo returns the change that makes a document what doc is, nil to take it away.
func changeTo(id documentID, doc proto.Message) store.Change {
	c := store.Change{Namespace: id.namespace, Kind: id.kind, Key: id.key}
	switch doc := doc.(type) {
	case *storev1.Namespace:
		c.NamespaceDoc = doc
	case *storev1.Flag:
		c.Flag = doc
	case *storev1.Segment:
		c.Segment = doc
	}
	return c
}

// sameDocument says whether two documents are equal in all that is stored, or both do not exist.
func sameDocument(a, b proto.Message) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a == b || proto.Equal(a, b)
}
