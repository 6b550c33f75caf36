package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// seal ends a draft. It returns the revision to store and its changes for derive, and completes d.next; all nil when
// nothing changed. Every changed document of the new state is decoded from the very bytes that are stored: it is what a
// restart will find, and shares no memory with what the function of the draft may still hold.
func (d *Draft) seal(by Author, maxState int64) (*revision, []Change, error) {
	before := d.next.size
	r := &revision{number: d.next.position.Revision + 1, previous: d.next.position.Hash, at: d.now.UnixMicro()}
	var changes []Change
	s := newSharer()
	for _, i := range d.edited() {
		e := d.edits[i]
		body, changed, err := d.sealDocument(i, e, s)
		if err != nil {
			return nil, nil, err
		}
		if !changed {
			continue
		}
		r.records = append(r.records, record{i, body})
		r.size += len(body)
		d.next.size += int64(len(body) - e.size)
		changes = append(changes, changeOf(i, e.after))
	}
	if len(changes) == 0 && d.fold == nil {
		return nil, nil, nil
	}
	if d.next.size > maxState && d.next.size > before {
		return nil, nil, fmt.Errorf("all documents together, %d bytes of at most %d: %w", d.next.size, maxState, ErrTooLarge)
	}
	said := &storev1.Revision{
		At: timestamppb.New(d.now), Author: by.Name, Method: by.Method, Comment: by.Comment,
		Reverts: by.Reverts, Restores: by.Restores, RequestId: by.RequestID,
	}
	if d.fold != nil {
		r.fold = d.fold
		said.Fold = &storev1.Fold{Base: d.fold.base, Digest: d.fold.digest[:]}
	}
	var err error
	r.body, err = proto.MarshalOptions{Deterministic: true}.Marshal(said)
	if err != nil {
		return nil, nil, fmt.Errorf("encode revision: %w", err)
	}
	r.hash = chainHash(d.next.position.Epoch, r)
	for _, rec := range r.records {
		if c := d.open(rec.id.namespace); c != nil {
			c.revision = r.number
		}
	}
	d.next.position.Revision, d.next.position.Hash = r.number, r.hash
	d.next.at = d.now
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.Kind.rank(), b.Kind.rank()) })
	return r, changes, nil
}

// edited returns the ids of the edited documents in the order of the chain.
func (d *Draft) edited() []id {
	ids := make([]id, 0, len(d.edits))
	for i := range d.edits {
		ids = append(ids, i)
	}
	slices.SortFunc(ids, func(a, b id) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
	})
	return ids
}

// sealDocument returns the body of an edited document, nil when it was deleted, and whether it changed.
func (d *Draft) sealDocument(i id, e *edit, s *sharer) (body []byte, changed bool, err error) {
	if e.after == nil {
		return nil, true, nil
	}
	number := d.next.position.Revision + 1
	switch i.kind {
	case KindNamespace:
		return sealIn(d.next.namespaces, i, e, s, number)
	case KindFlag:
		return sealIn(d.open(i.namespace).flags, i, e, s, number)
	default:
		return sealIn(d.open(i.namespace).segments, i, e, s, number)
	}
}

func sealIn[D document](t table[D], i id, e *edit, s *sharer, number uint64) (body []byte, changed bool, err error) {
	doc := e.after.(D)
	if identify(doc) != i || doc.GetCreated() != e.created {
		return nil, false, fmt.Errorf("%s: its key, namespace or place was changed in a draft", i)
	}
	body, err = encode(doc)
	if err != nil {
		return nil, false, err
	}
	if len(body) > maxDocument {
		return nil, false, fmt.Errorf("%s, %d bytes of at most %d: %w", i, len(body), maxDocument, ErrTooLarge)
	}
	if before, ok := e.before.(D); ok {
		old, err := encode(before)
		if err != nil {
			return nil, false, err
		}
		if bytes.Equal(old, body) {
			t.set(before, e.size, e.revision)
			return nil, false, nil
		}
	}
	fresh, err := decode[D](body, s)
	if err != nil {
		return nil, false, fmt.Errorf("decode %s: %w", i, err)
	}
	t.set(fresh, len(body), number)
	e.after = fresh
	return body, true, nil
}
