package server

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// completeSegment is completeFlag for a segment.
func completeSegment(doc *burgeev1.SegmentDocument, namespace, key string, current *storev1.Segment, now *timestamppb.Timestamp, newID func() string) (*storev1.Segment, error) {
	sent := doc.GetSegment()
	if err := sameKeys("segment", sent, namespace, key); err != nil {
		return nil, err
	}
	c := completion{namespace, key, now, newID}
	constraints, err := c.constraints(sent.GetConstraints(), current.GetSegment().GetConstraints())
	if err != nil {
		return nil, err
	}
	stored := &storev1.Segment{Created: current.GetCreated(), Segment: &flipt.Segment{
		Key: key, Name: sent.GetName(), Description: sent.GetDescription(), MatchType: sent.GetMatchType(), NamespaceKey: namespace,
		Constraints: constraints, CreatedAt: now, UpdatedAt: now,
	}}
	if current != nil {
		stored.Segment.CreatedAt = current.Segment.CreatedAt
		if sameSegment(stored.Segment, current.Segment) {
			stored.Segment.UpdatedAt = current.Segment.UpdatedAt
		}
	}
	return stored, nil
}

// sameSegment compares segments without their constraints, which have times of their own; but one that is gone has changed
// its segment.
func sameSegment(a, b *flipt.Segment) bool {
	return a.Name == b.Name && a.Description == b.Description && a.MatchType == b.MatchType && keepsAll(a.Constraints, b.Constraints)
}

func (c completion) constraints(sent, current []*flipt.Constraint) ([]*flipt.Constraint, error) {
	constraints := make([]*flipt.Constraint, len(sent))
	known := knownItems(current)
	for i, s := range sent {
		path := fmt.Sprintf("segment.constraints[%d]", i)
		before, err := known.take(path, s.GetId())
		if err != nil {
			return nil, err
		}
		operator, value, err := normalizeConstraint(s.GetType(), s.GetProperty(), s.GetOperator(), s.GetValue())
		if err != nil {
			return nil, fieldFailure(path, "%v", err)
		}
		made := &flipt.Constraint{
			Id: s.GetId(), SegmentKey: c.key, Type: s.GetType(), Property: s.GetProperty(), Operator: operator, Value: value,
			Description: s.GetDescription(), NamespaceKey: c.namespace, CreatedAt: c.now, UpdatedAt: c.now,
		}
		if before == nil {
			made.Id = c.newID()
		} else {
			made.CreatedAt, made.UpdatedAt = before.CreatedAt, before.UpdatedAt
			if !proto.Equal(made, before) {
				made.UpdatedAt = c.now
			}
		}
		constraints[i] = made
	}
	return constraints, nil
}

// keyed is what a document is about: a flag or a segment.
type keyed interface {
	GetNamespaceKey() string
	GetKey() string
}

// sameKeys refuses a document that says to be another one than its request names.
func sameKeys(path string, sent keyed, namespace, key string) error {
	if sent.GetKey() != "" && sent.GetKey() != key {
		return fieldFailure(path+".key", "must be %q or empty", key)
	}
	if sent.GetNamespaceKey() != "" && sent.GetNamespaceKey() != namespace {
		return fieldFailure(path+".namespaceKey", "must be %q or empty", namespace)
	}
	return nil
}

// item is what has an id in a list of a document.
type item interface {
	GetId() string
}

// items are those of a list of the current document, by id, that no item of the one that was sent has claimed.
type items[T item] struct {
	free  map[string]T
	taken map[string]bool
}

func knownItems[T item](current []T) items[T] {
	known := items[T]{free: make(map[string]T, len(current)), taken: make(map[string]bool)}
	for _, one := range current {
		known.free[one.GetId()] = one
	}
	return known
}

// take returns the item that an item at path was sent with the id of, and nothing for an empty id.
func (k items[T]) take(path, id string) (T, error) {
	var none T
	if id == "" {
		return none, nil
	}
	if k.taken[id] {
		return none, fieldFailure(path+".id", "%q is not unique", id)
	}
	found, ok := k.free[id]
	if !ok {
		return none, fieldFailure(path+".id", "%q is the id of no item of this list; leave it out for a new one", id)
	}
	k.taken[id] = true
	return found, nil
}

// keepsAll says whether no item of the list before is gone.
func keepsAll[T item](now, before []T) bool {
	ids := make(map[string]bool, len(now))
	for _, one := range now {
		ids[one.GetId()] = true
	}
	for _, one := range before {
		if !ids[one.GetId()] {
			return false
		}
	}
	return true
}

// sameOrder says whether a list was sent with the same items in the same order as now: then their ranks stay, which need not
// be 1 to n.
func sameOrder[T item](sent, current []T) bool {
	if len(sent) != len(current) {
		return false
	}
	for i, one := range sent {
		if one.GetId() != current[i].GetId() {
			return false
		}
	}
	return true
}
