package server

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// GetRollout implements flipt.Flipt.
func (m *management) GetRollout(ctx context.Context, r *flipt.GetRolloutRequest) (*flipt.Rollout, error) {
	namespace := namespaceOf(r.NamespaceKey)
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	if rollout := rolloutByID(state.Flag(namespace, r.FlagKey), r.Id); rollout != nil {
		return sortedRollout(rollout), nil
	}
	for doc := range state.Flags(namespace).All() {
		if rollout := rolloutByID(doc, r.Id); rollout != nil {
			return sortedRollout(rollout), nil
		}
	}
	return nil, rolloutNotFound(namespace, r.Id)
}

// ListRollouts implements flipt.Flipt.
func (m *management) ListRollouts(ctx context.Context, r *flipt.ListRolloutRequest) (*flipt.RolloutList, error) {
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	rollouts := state.Flag(namespaceOf(r.NamespaceKey), r.FlagKey).GetRollouts()
	page, err := paginateSlice(rollouts, pageRequest{limit: r.Limit, token: r.PageToken}, (*flipt.Rollout).GetId)
	if err != nil {
		return nil, err
	}
	list := &flipt.RolloutList{NextPageToken: page.next, TotalCount: page.total, Rules: make([]*flipt.Rollout, len(page.items))}
	for i, rollout := range page.items {
		list.Rules[i] = sortedRollout(rollout)
	}
	return list, nil
}

// CreateRollout implements flipt.Flipt.
func (m *management) CreateRollout(ctx context.Context, r *flipt.CreateRolloutRequest) (*flipt.Rollout, error) {
	return update(ctx, m.db, r, createRollout)
}

func createRollout(d *store.Draft, r *flipt.CreateRolloutRequest) (*flipt.Rollout, error) {
	namespace := namespaceOf(r.NamespaceKey)
	doc := d.EditFlag(namespace, r.FlagKey)
	if slices.ContainsFunc(doc.GetRollouts(), func(other *flipt.Rollout) bool { return other.Rank == r.Rank }) {
		return nil, invalid("rank number: %d already exists", r.Rank)
	}
	rollout := &flipt.Rollout{
		Id: d.NewID(), NamespaceKey: namespace, FlagKey: r.FlagKey, Rank: r.Rank, Description: r.Description,
		CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	switch rule := r.Rule.(type) {
	case *flipt.CreateRolloutRequest_Segment:
		segment := rolloutSegment(rule.Segment)
		if doc == nil || !segmentsExist(d, namespace, segment.SegmentKey, segment.SegmentKeys) {
			return nil, notFound("flag %q not found", path(namespace, r.FlagKey)+" or segment "+rule.Segment.SegmentKey)
		}
		rollout.Type = flipt.RolloutType_SEGMENT_ROLLOUT_TYPE
		rollout.Rule = &flipt.Rollout_Segment{Segment: segment}
	case *flipt.CreateRolloutRequest_Threshold:
		rollout.Type = flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE
		rollout.Rule = &flipt.Rollout_Threshold{Threshold: rolloutThreshold(rule.Threshold)}
	default:
		return nil, invalid("rollout rule is missing")
	}
	if doc == nil {
		return nil, flagNotFound(namespace, r.FlagKey)
	}
	doc.Rollouts = append(doc.Rollouts, rollout)
	sortRollouts(doc.Rollouts)
	return rollout, nil
}

// UpdateRollout implements flipt.Flipt.
func (m *management) UpdateRollout(ctx context.Context, r *flipt.UpdateRolloutRequest) (*flipt.Rollout, error) {
	return update(ctx, m.db, r, updateRollout)
}

func updateRollout(d *store.Draft, r *flipt.UpdateRolloutRequest) (*flipt.Rollout, error) {
	namespace := namespaceOf(r.NamespaceKey)
	rollout := rolloutByID(d.EditFlag(namespace, r.FlagKey), r.Id)
	if rollout == nil {
		return nil, rolloutNotFound(namespace, r.Id)
	}
	switch rule := r.Rule.(type) {
	case *flipt.UpdateRolloutRequest_Segment:
		if rollout.GetSegment() == nil {
			return nil, otherKind(rollout.Type, flipt.RolloutType_SEGMENT_ROLLOUT_TYPE)
		}
		segment := rolloutSegment(rule.Segment)
		if !segmentsExist(d, namespace, segment.SegmentKey, segment.SegmentKeys) {
			return nil, notFound("flag %q not found", path(namespace, r.FlagKey)+" or segment "+rule.Segment.SegmentKey)
		}
		rollout.Rule = &flipt.Rollout_Segment{Segment: segment}
	case *flipt.UpdateRolloutRequest_Threshold:
		if rollout.GetThreshold() == nil {
			return nil, otherKind(rollout.Type, flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE)
		}
		rollout.Rule = &flipt.Rollout_Threshold{Threshold: rolloutThreshold(rule.Threshold)}
	default:
		return nil, invalid("invalid field rule: invalid rollout rule type")
	}
	rollout.Description, rollout.UpdatedAt = r.Description, d.Now()
	return sortedRollout(rollout), nil
}

func otherKind(have, attempted flipt.RolloutType) error {
	return invalid("cannot change type of rollout: have %q attempted %q", have, attempted)
}

// OrderRollouts implements flipt.Flipt.
func (m *management) OrderRollouts(ctx context.Context, r *flipt.OrderRolloutsRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, orderRollouts)
}

func orderRollouts(d *store.Draft, r *flipt.OrderRolloutsRequest) error {
	doc := d.EditFlag(namespaceOf(r.NamespaceKey), r.FlagKey)
	for i, id := range r.RolloutIds {
		if rollout := rolloutByID(doc, id); rollout != nil {
			rollout.Rank, rollout.UpdatedAt = int32(i+1), d.Now()
		}
	}
	sortRollouts(doc.GetRollouts())
	return nil
}

// DeleteRollout implements flipt.Flipt.
func (m *management) DeleteRollout(ctx context.Context, r *flipt.DeleteRolloutRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteRollout)
}

func deleteRollout(d *store.Draft, r *flipt.DeleteRolloutRequest) error {
	doc := d.EditFlag(namespaceOf(r.NamespaceKey), r.FlagKey)
	if doc == nil {
		return nil
	}
	doc.Rollouts = slices.DeleteFunc(doc.Rollouts, func(rollout *flipt.Rollout) bool { return rollout.Id == r.Id })
	for i, rollout := range doc.Rollouts {
		rollout.Rank, rollout.UpdatedAt = int32(i+1), d.Now()
	}
	return nil
}

func rolloutByID(doc *storev1.Flag, id string) *flipt.Rollout {
	for _, rollout := range doc.GetRollouts() {
		if rollout.Id == id {
			return rollout
		}
	}
	return nil
}

func rolloutNotFound(namespace, id string) error {
	return notFound("rollout %q not found", path(namespace, id))
}

// sortRollouts keeps the order of creation among equal ranks.
func sortRollouts(rollouts []*flipt.Rollout) {
	slices.SortStableFunc(rollouts, func(a, b *flipt.Rollout) int { return cmp.Compare(a.Rank, b.Rank) })
}

// rolloutSegment is what is stored of a request's.
func rolloutSegment(sent *flipt.RolloutSegment) *flipt.RolloutSegment {
	one, several := segmentKeys(sent.SegmentKey, sent.SegmentKeys)
	return &flipt.RolloutSegment{
		SegmentKey: one, SegmentKeys: several, Value: sent.Value, SegmentOperator: operator(several, sent.SegmentOperator),
	}
}

// rolloutThreshold is what is stored of a request's: not the message itself, which the caller owns.
func rolloutThreshold(sent *flipt.RolloutThreshold) *flipt.RolloutThreshold {
	return &flipt.RolloutThreshold{Percentage: sent.Percentage, Value: sent.Value}
}

// sortedRollout returns the rollout as reads show it, its segments sorted by key: itself where they already are.
func sortedRollout(r *flipt.Rollout) *flipt.Rollout {
	s := r.GetSegment()
	if s == nil || slices.IsSorted(s.SegmentKeys) {
		return r
	}
	return &flipt.Rollout{
		Id: r.Id, NamespaceKey: r.NamespaceKey, FlagKey: r.FlagKey, Type: r.Type, Rank: r.Rank, Description: r.Description,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{
			SegmentKey: s.SegmentKey, Value: s.Value, SegmentKeys: sortedKeys(s.SegmentKeys), SegmentOperator: s.SegmentOperator,
		}},
	}
}
