package server

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/store"
)

// GetSegment implements flipt.Flipt.
func (m *management) GetSegment(ctx context.Context, r *flipt.GetSegmentRequest) (*flipt.Segment, error) {
	namespace := namespaceOf(r.NamespaceKey)
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	doc := state.Segment(namespace, r.Key)
	if doc == nil {
		return nil, segmentNotFound(namespace, r.Key)
	}
	return doc.Segment, nil
}

// ListSegments implements flipt.Flipt.
func (m *management) ListSegments(ctx context.Context, r *flipt.ListSegmentRequest) (*flipt.SegmentList, error) {
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	key := answerKey{procedure: fliptconnect.FliptListSegmentsProcedure, namespace: namespaceOf(r.NamespaceKey), page: pageRequest{r.Limit, r.Offset, r.PageToken}}
	if r.Reference != "" {
		return listSegments(state, key)
	}
	return cached(ctx, m.cache, state, key, func() (*flipt.SegmentList, error) { return listSegments(state, key) })
}

func listSegments(state *store.State, key answerKey) (*flipt.SegmentList, error) {
	page, err := paginate(state.Segments(key.namespace), key.page, func(doc *storev1.Segment) (string, uint64) { return doc.Segment.Key, doc.Created })
	if err != nil {
		return nil, err
	}
	list := &flipt.SegmentList{NextPageToken: page.next, TotalCount: page.total, Segments: make([]*flipt.Segment, len(page.items))}
	for i, doc := range page.items {
		list.Segments[i] = doc.Segment
	}
	return list, nil
}

// CreateSegment implements flipt.Flipt.
func (m *management) CreateSegment(ctx context.Context, r *flipt.CreateSegmentRequest) (*flipt.Segment, error) {
	return update(ctx, m.db, r, createSegment)
}

func createSegment(d *store.Draft, r *flipt.CreateSegmentRequest) (*flipt.Segment, error) {
	namespace := namespaceOf(r.NamespaceKey)
	if d.Namespace(namespace) == nil {
		return nil, namespaceNotFound(namespace)
	}
	if d.Segment(namespace, r.Key) != nil {
		return nil, invalid("segment %q is not unique", path(namespace, r.Key))
	}
	segment := &flipt.Segment{
		Key: r.Key, Name: r.Name, Description: r.Description, MatchType: r.MatchType, NamespaceKey: namespace,
		CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	d.CreateSegment(&storev1.Segment{Segment: segment})
	return segment, nil
}

// UpdateSegment implements flipt.Flipt.
func (m *management) UpdateSegment(ctx context.Context, r *flipt.UpdateSegmentRequest) (*flipt.Segment, error) {
	return update(ctx, m.db, r, updateSegment)
}

func updateSegment(d *store.Draft, r *flipt.UpdateSegmentRequest) (*flipt.Segment, error) {
	namespace := namespaceOf(r.NamespaceKey)
	doc := d.EditSegment(namespace, r.Key)
	if doc == nil {
		return nil, segmentNotFound(namespace, r.Key)
	}
	segment := doc.Segment
	segment.Name, segment.Description, segment.MatchType, segment.UpdatedAt = r.Name, r.Description, r.MatchType, d.Now()
	return segment, nil
}

// DeleteSegment implements flipt.Flipt.
func (m *management) DeleteSegment(ctx context.Context, r *flipt.DeleteSegmentRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteSegment)
}

func deleteSegment(d *store.Draft, r *flipt.DeleteSegmentRequest) error {
	namespace := namespaceOf(r.NamespaceKey)
	if d.Segment(namespace, r.Key) == nil {
		return nil
	}
	for doc := range d.Flags(namespace).All() {
		if usesSegment(doc, r.Key) {
			return invalid("segment %q is in use", path(namespace, r.Key))
		}
	}
	d.DeleteSegment(namespace, r.Key)
	return nil
}

// usesSegment says whether a rule or a rollout of the flag names the segment.
func usesSegment(doc *storev1.Flag, key string) bool {
	for _, rule := range doc.Rules {
		if rule.SegmentKey == key || slices.Contains(rule.SegmentKeys, key) {
			return true
		}
	}
	for _, rollout := range doc.Rollouts {
		if s := rollout.GetSegment(); s != nil && (s.SegmentKey == key || slices.Contains(s.SegmentKeys, key)) {
			return true
		}
	}
	return false
}

func segmentNotFound(namespace, key string) error {
	return notFound("segment %q not found", path(namespace, key))
}

// CreateConstraint implements flipt.Flipt.
func (m *management) CreateConstraint(ctx context.Context, r *flipt.CreateConstraintRequest) (*flipt.Constraint, error) {
	return update(ctx, m.db, r, createConstraint)
}

func createConstraint(d *store.Draft, r *flipt.CreateConstraintRequest) (*flipt.Constraint, error) {
	namespace := namespaceOf(r.NamespaceKey)
	operator, value, err := normalizeConstraint(r.Type, r.Property, r.Operator, r.Value)
	if err != nil {
		return nil, err
	}
	doc := d.EditSegment(namespace, r.SegmentKey)
	if doc == nil {
		return nil, segmentNotFound(namespace, r.SegmentKey)
	}
	constraint := &flipt.Constraint{
		Id: d.NewID(), SegmentKey: r.SegmentKey, Type: r.Type, Property: r.Property, Operator: operator, Value: value,
		Description: r.Description, NamespaceKey: namespace, CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	doc.Segment.Constraints = append(doc.Segment.Constraints, constraint)
	return constraint, nil
}

// UpdateConstraint implements flipt.Flipt.
func (m *management) UpdateConstraint(ctx context.Context, r *flipt.UpdateConstraintRequest) (*flipt.Constraint, error) {
	return update(ctx, m.db, r, updateConstraint)
}

func updateConstraint(d *store.Draft, r *flipt.UpdateConstraintRequest) (*flipt.Constraint, error) {
	operator, value, err := normalizeConstraint(r.Type, r.Property, r.Operator, r.Value)
	if err != nil {
		return nil, err
	}
	doc := d.EditSegment(namespaceOf(r.NamespaceKey), r.SegmentKey)
	for _, c := range doc.GetSegment().GetConstraints() {
		if c.Id == r.Id {
			c.Type, c.Property, c.Operator, c.Value, c.Description = r.Type, r.Property, operator, value, r.Description
			c.UpdatedAt = d.Now()
			return c, nil
		}
	}
	return nil, notFound("constraint %q not found", r.Id)
}

// DeleteConstraint implements flipt.Flipt.
func (m *management) DeleteConstraint(ctx context.Context, r *flipt.DeleteConstraintRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteConstraint)
}

func deleteConstraint(d *store.Draft, r *flipt.DeleteConstraintRequest) error {
	if doc := d.EditSegment(namespaceOf(r.NamespaceKey), r.SegmentKey); doc != nil {
		doc.Segment.Constraints = slices.DeleteFunc(doc.Segment.Constraints, func(c *flipt.Constraint) bool { return c.Id == r.Id })
	}
	return nil
}
