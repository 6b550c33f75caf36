package server

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// completeFlag makes the stored flag of a document that was sent: ranks by order, ids and times of the items of current that
// stay, new ones for the others, variants by their ids. What it returns shares no item with either; current is nil for a flag
// that does not exist. The field rules of the document were checked with its request; that its segments exist is for
// missingSegment to say. Its errors are field errors, placed in a field document.
func completeFlag(doc *burgeev1.FlagDocument, namespace, key string, current *storev1.Flag, now *timestamppb.Timestamp, newID func() string) (*storev1.Flag, error) {
	sent := doc.GetFlag()
	if err := sameKeys("flag", sent, namespace, key); err != nil {
		return nil, err
	}
	if current != nil && sent.GetType() != current.Flag.Type {
		return nil, fieldFailure("flag.type", "cannot change type of flag: have %q attempted %q", current.Flag.Type, sent.GetType())
	}
	c := completion{namespace, key, now, newID}
	variants, err := c.variants(sent.GetVariants(), current.GetFlag().GetVariants())
	if err != nil {
		return nil, err
	}
	stored := &storev1.Flag{
		Flag: &flipt.Flag{
			Key: key, Name: sent.GetName(), Description: sent.GetDescription(), Enabled: sent.GetEnabled(), NamespaceKey: namespace,
			Type: sent.GetType(), Metadata: metadata(sent.GetMetadata()), Variants: variants.list, CreatedAt: now, UpdatedAt: now,
		},
		Created: current.GetCreated(), ArchivedAt: current.GetArchivedAt(), Tags: sortedTags(doc.Tags),
	}
	if stored.Flag.DefaultVariant, err = variants.fallback(sent.GetDefaultVariant()); err != nil {
		return nil, err
	}
	if stored.Rules, err = c.rules(doc.Rules, current.GetRules(), variants); err != nil {
		return nil, err
	}
	if stored.Rollouts, err = c.rollouts(doc.Rollouts, current.GetRollouts()); err != nil {
		return nil, err
	}
	if current != nil {
		stored.Flag.CreatedAt = current.Flag.CreatedAt
		if sameFlag(stored, current) {
			stored.Flag.UpdatedAt = current.Flag.UpdatedAt
		}
	}
	return stored, nil
}

// sameFlag compares flags without the items of their lists, which have times of their own; but an item that is gone has
// changed its flag.
func sameFlag(a, b *storev1.Flag) bool {
	bare := func(f *flipt.Flag) *flipt.Flag {
		bare := copyFlag(f)
		bare.Variants, bare.DefaultVariant, bare.UpdatedAt = nil, nil, nil
		return bare
	}
	return proto.Equal(bare(a.Flag), bare(b.Flag)) && a.Flag.DefaultVariant.GetId() == b.Flag.DefaultVariant.GetId() &&
		slices.Equal(a.Tags, b.Tags) &&
		keepsAll(a.Flag.Variants, b.Flag.Variants) && keepsAll(a.Rules, b.Rules) && keepsAll(a.Rollouts, b.Rollouts)
}

// sortedTags returns each tag once, in the order of the alphabet.
func sortedTags(sent []string) []string {
	tags := slices.Clone(sent)
	slices.Sort(tags)
	return slices.Compact(tags)
}

// completion makes the items of one document.
type completion struct {
	namespace, key string // of the document
	now            *timestamppb.Timestamp
	newID          func() string
}

// completedVariants are the variants of a flag, to be found by what a document may call them.
type completedVariants struct {
	list        []*flipt.Variant
	byID, byKey map[string]*flipt.Variant
}

func (c completion) variants(sent, current []*flipt.Variant) (completedVariants, error) {
	to := completedVariants{
		list: make([]*flipt.Variant, len(sent)), byID: make(map[string]*flipt.Variant, len(sent)), byKey: make(map[string]*flipt.Variant, len(sent)),
	}
	known := knownItems(current)
	for i, v := range sent {
		path := fmt.Sprintf("flag.variants[%d]", i)
		before, err := known.take(path, v.GetId())
		if err != nil {
			return to, err
		}
		if to.byKey[v.GetKey()] != nil {
			return to, fieldFailure(path+".key", "variant %q is not unique", v.GetKey())
		}
		made := &flipt.Variant{
			Id: v.GetId(), FlagKey: c.key, Key: v.GetKey(), Name: v.GetName(), Description: v.GetDescription(), Attachment: v.GetAttachment(),
			NamespaceKey: c.namespace, CreatedAt: c.now, UpdatedAt: c.now,
		}
		if before == nil {
			made.Id = c.newID()
		} else {
			made.CreatedAt, made.UpdatedAt = before.CreatedAt, before.UpdatedAt
			if !proto.Equal(made, before) {
				made.UpdatedAt = c.now
			}
		}
		to.list[i], to.byID[made.Id], to.byKey[made.Key] = made, made, made
	}
	return to, nil
}

// find returns the variant with an id, or else with a key.
func (v completedVariants) find(name string) *flipt.Variant {
	if variant := v.byID[name]; variant != nil {
		return variant
	}
	return v.byKey[name]
}

// fallback returns the default variant: by its id, where it has one, since its key may be the one before a change.
func (v completedVariants) fallback(sent *flipt.Variant) (*flipt.Variant, error) {
	if sent == nil {
		return nil, nil
	}
	path, name := "flag.defaultVariant.id", sent.Id
	if name == "" {
		path, name = "flag.defaultVariant.key", sent.Key
	}
	variant := v.find(name)
	if variant == nil {
		return nil, fieldFailure(path, "the flag has no variant %q", name)
	}
	return variant, nil
}

func (c completion) rules(sent, current []*flipt.Rule, variants completedVariants) ([]*flipt.Rule, error) {
	rules := make([]*flipt.Rule, len(sent))
	known := knownItems(current)
	ranked := sameOrder(sent, current)
	for i, r := range sent {
		path := fmt.Sprintf("rules[%d]", i)
		before, err := known.take(path, r.GetId())
		if err != nil {
			return nil, err
		}
		one, several := segmentKeys(r.GetSegmentKey(), r.GetSegmentKeys())
		made := &flipt.Rule{
			Id: r.GetId(), FlagKey: c.key, SegmentKey: one, SegmentKeys: several, SegmentOperator: operator(several, r.GetSegmentOperator()),
			Rank: int32(i + 1), NamespaceKey: c.namespace, CreatedAt: c.now, UpdatedAt: c.now,
		}
		if before == nil {
			made.Id = c.newID()
		} else {
			made.CreatedAt = before.CreatedAt
		}
		if ranked {
			made.Rank = before.Rank
		}
		if made.Distributions, err = c.distributions(path, made.Id, r.GetDistributions(), before.GetDistributions(), variants); err != nil {
			return nil, err
		}
		if before != nil && sameRule(made, before) && keepsAll(made.Distributions, before.Distributions) {
			made.UpdatedAt = before.UpdatedAt
		}
		rules[i] = made
	}
	return rules, nil
}

func (c completion) distributions(rulePath, rule string, sent, current []*flipt.Distribution, variants completedVariants) ([]*flipt.Distribution, error) {
	distributions := make([]*flipt.Distribution, len(sent))
	known := knownItems(current)
	for i, d := range sent {
		path := fmt.Sprintf("%s.distributions[%d]", rulePath, i)
		before, err := known.take(path, d.GetId())
		if err != nil {
			return nil, err
		}
		variant := variants.find(d.GetVariantId())
		if variant == nil {
			return nil, fieldFailure(path+".variantId", "the flag has no variant %q", d.GetVariantId())
		}
		made := &flipt.Distribution{
			Id: d.GetId(), RuleId: rule, VariantId: variant.Id, Rollout: d.GetRollout(), CreatedAt: c.now, UpdatedAt: c.now,
		}
		if before == nil {
			made.Id = c.newID()
		} else {
			made.CreatedAt = before.CreatedAt
			if made.VariantId == before.VariantId && made.Rollout == before.Rollout {
				made.UpdatedAt = before.UpdatedAt
			}
		}
		distributions[i] = made
	}
	return distributions, nil
}

func (c completion) rollouts(sent, current []*flipt.Rollout) ([]*flipt.Rollout, error) {
	rollouts := make([]*flipt.Rollout, len(sent))
	known := knownItems(current)
	ranked := sameOrder(sent, current)
	for i, r := range sent {
		path := fmt.Sprintf("rollouts[%d]", i)
		before, err := known.take(path, r.GetId())
		if err != nil {
			return nil, err
		}
		made := &flipt.Rollout{
			Id: r.GetId(), NamespaceKey: c.namespace, FlagKey: c.key, Rank: int32(i + 1), Description: r.GetDescription(),
			CreatedAt: c.now, UpdatedAt: c.now,
		}
		switch rule := r.GetRule().(type) {
		case *flipt.Rollout_Segment:
			made.Type, made.Rule = flipt.RolloutType_SEGMENT_ROLLOUT_TYPE, &flipt.Rollout_Segment{Segment: rolloutSegment(rule.Segment)}
		case *flipt.Rollout_Threshold:
			made.Type, made.Rule = flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE, &flipt.Rollout_Threshold{Threshold: rolloutThreshold(rule.Threshold)}
		default:
			return nil, fieldFailure(path, "rollout rule is missing")
		}
		switch {
		case before == nil:
			made.Id = c.newID()
		case before.Type != made.Type:
			return nil, fieldFailure(path, "%v", otherKind(before.Type, made.Type))
		default:
			made.CreatedAt, made.UpdatedAt = before.CreatedAt, before.UpdatedAt
			if ranked {
				made.Rank = before.Rank
			}
			if !proto.Equal(made, before) {
				made.UpdatedAt = c.now
			}
		}
		rollouts[i] = made
	}
	return rollouts, nil
}

// missingSegment returns a field error for the first rule or rollout of a document that names a segment that there is not.
func missingSegment(doc *burgeev1.FlagDocument, namespace string, exists func(key string) bool) error {
	check := func(path, one string, several []string) error {
		if one != "" && !exists(one) {
			return fieldFailure(path+".segmentKey", "segment %q not found", namespace+"/"+one)
		}
		for i, key := range several {
			if !exists(key) {
				return fieldFailure(fmt.Sprintf("%s.segmentKeys[%d]", path, i), "segment %q not found", namespace+"/"+key)
			}
		}
		return nil
	}
	for i, r := range doc.GetRules() {
		if err := check(fmt.Sprintf("rules[%d]", i), r.GetSegmentKey(), r.GetSegmentKeys()); err != nil {
			return err
		}
	}
	for i, r := range doc.GetRollouts() {
		if s := r.GetSegment(); s != nil {
			if err := check(fmt.Sprintf("rollouts[%d].segment", i), s.SegmentKey, s.SegmentKeys); err != nil {
				return err
			}
		}
	}
	return nil
}
