package server

import (
	"slices"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// adoptFlag gives a flag that was written anew the ids and times of what it replaces, so that what says the same stays the
// same: variants are matched by key, rules and rollouts by their order, distributions by their variant.
func adoptFlag(doc, old *storev1.Flag) {
	doc.Flag.CreatedAt = old.Flag.CreatedAt
	ids := adoptVariants(doc.Flag.Variants, old.Flag.Variants)
	adoptRules(doc.Rules, old.Rules, ids)
	adoptRollouts(doc.Rollouts, old.Rollouts)
	bare, oldBare := copyFlag(doc.Flag), copyFlag(old.Flag)
	bare.Variants, bare.DefaultVariant, bare.UpdatedAt = nil, nil, old.Flag.UpdatedAt
	oldBare.Variants, oldBare.DefaultVariant = nil, nil
	if proto.Equal(bare, oldBare) && doc.Flag.DefaultVariant.GetId() == old.Flag.DefaultVariant.GetId() &&
		slices.Equal(doc.Tags, old.Tags) && inService(doc) == inService(old) {
		doc.Flag.UpdatedAt = old.Flag.UpdatedAt
	}
}

// adoptVariants returns the ids that variants have now by those that they had.
func adoptVariants(variants, old []*flipt.Variant) map[string]string {
	ids := make(map[string]string, len(variants))
	for _, v := range variants {
		fresh := v.Id
		for _, before := range old {
			if before.Key != v.Key {
				continue
			}
			updated := v.UpdatedAt
			v.Id, v.CreatedAt, v.UpdatedAt = before.Id, before.CreatedAt, before.UpdatedAt
			if !proto.Equal(v, before) {
				v.UpdatedAt = updated
			}
		}
		ids[fresh] = v.Id
	}
	return ids
}

// adoptRules keeps the ranks too, since only their order says anything.
func adoptRules(rules, old []*flipt.Rule, variants map[string]string) {
	for i, rule := range rules {
		for _, d := range rule.Distributions {
			d.VariantId = variants[d.VariantId]
		}
		if i >= len(old) {
			if i > 0 {
				rule.Rank = rules[i-1].Rank + 1
			}
			continue
		}
		before, updated := old[i], rule.UpdatedAt
		rule.Id, rule.Rank, rule.CreatedAt, rule.UpdatedAt = before.Id, before.Rank, before.CreatedAt, before.UpdatedAt
		adoptDistributions(rule, before.Distributions)
		if !sameRule(rule, before) {
			rule.UpdatedAt = updated
		}
	}
}

// sameRule leaves distributions out: they have times of their own.
func sameRule(a, b *flipt.Rule) bool {
	bare := func(r *flipt.Rule) *flipt.Rule {
		return &flipt.Rule{Id: r.Id, SegmentKey: r.SegmentKey, SegmentKeys: r.SegmentKeys, SegmentOperator: r.SegmentOperator, Rank: r.Rank}
	}
	return proto.Equal(bare(a), bare(b))
}

func adoptDistributions(rule *flipt.Rule, old []*flipt.Distribution) {
	taken := make(map[string]bool, len(old))
	for _, d := range rule.Distributions {
		d.RuleId = rule.Id
		for _, before := range old {
			if before.VariantId != d.VariantId || taken[before.Id] {
				continue
			}
			taken[before.Id] = true
			d.Id, d.CreatedAt = before.Id, before.CreatedAt
			if d.Rollout == before.Rollout {
				d.UpdatedAt = before.UpdatedAt
			}
			break
		}
	}
}

func adoptRollouts(rollouts, old []*flipt.Rollout) {
	for i, rollout := range rollouts {
		if i >= len(old) {
			if i > 0 {
				rollout.Rank = rollouts[i-1].Rank + 1
			}
			continue
		}
		before, updated := old[i], rollout.UpdatedAt
		rollout.Rank = before.Rank
		if before.Type != rollout.Type {
			continue // another kind is another rollout
		}
		rollout.Id, rollout.CreatedAt, rollout.UpdatedAt = before.Id, before.CreatedAt, before.UpdatedAt
		if !proto.Equal(rollout, before) {
			rollout.UpdatedAt = updated
		}
	}
}

// adoptSegment gives a segment that was written anew the ids and times of what it replaces; constraints are the same when they
// compare the same.
func adoptSegment(doc, old *storev1.Segment) {
	segment, before := doc.Segment, old.Segment
	segment.CreatedAt = before.CreatedAt
	taken := make(map[string]bool, len(before.Constraints))
	for _, c := range segment.Constraints {
		for _, was := range before.Constraints {
			if !taken[was.Id] && sameConstraint(c, was) {
				taken[was.Id] = true
				c.Id, c.CreatedAt, c.UpdatedAt = was.Id, was.CreatedAt, was.UpdatedAt
				break
			}
		}
	}
	bare := func(s *flipt.Segment) *flipt.Segment {
		return &flipt.Segment{Name: s.Name, Description: s.Description, MatchType: s.MatchType}
	}
	if proto.Equal(bare(segment), bare(before)) {
		segment.UpdatedAt = before.UpdatedAt
	}
}

func sameConstraint(a, b *flipt.Constraint) bool {
	return a.Type == b.Type && a.Property == b.Property && a.Operator == b.Operator && a.Value == b.Value && a.Description == b.Description
}
