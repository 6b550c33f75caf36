package server

import (
	"context"
	"slices"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
)

// ListSegmentUses implements burgee.v1.ExplainService. The uses of a flag are its rules and then its rollouts, by rank.
func (e *explanations) ListSegmentUses(_ context.Context, r *burgeev1.ListSegmentUsesRequest) (*burgeev1.ListSegmentUsesResponse, error) {
	namespace := namespaceOf(r.NamespaceKey)
	state, _ := e.db.View()
	if state.Segment(namespace, r.Key) == nil {
		return nil, segmentNotFound(namespace, r.Key)
	}
	answer := new(burgeev1.ListSegmentUsesResponse)
	for doc := range state.Flags(namespace).All() {
		answer.Uses = append(answer.Uses, segmentUses(doc, r.Key)...)
	}
	return answer, nil
}

// segmentUses returns the rules and rollouts of a flag that name the segment.
func segmentUses(doc *storev1.Flag, key string) []*burgeev1.SegmentUse {
	var uses []*burgeev1.SegmentUse
	use := func(rank int32) *burgeev1.SegmentUse {
		use := &burgeev1.SegmentUse{FlagKey: doc.Flag.Key, FlagName: doc.Flag.Name, Rank: rank, Archived: doc.ArchivedAt != nil}
		uses = append(uses, use)
		return use
	}
	for _, rule := range doc.Rules {
		if rule.SegmentKey == key || slices.Contains(rule.SegmentKeys, key) {
			use(rule.Rank).RuleId = rule.Id
		}
	}
	for _, rollout := range doc.Rollouts {
		if s := rollout.GetSegment(); s != nil && (s.SegmentKey == key || slices.Contains(s.SegmentKeys, key)) {
			use(rollout.Rank).RolloutId = rollout.Id
		}
	}
	return uses
}
