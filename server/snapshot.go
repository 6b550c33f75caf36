package server

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/store"
)

// data serves flipt.evaluation.DataService (snapshot.md).
type data struct {
	db    *database
	cache *answerCache
}

// EvaluationSnapshotNamespace implements flipt.evaluation.DataService. Each rule and each distribution is sent once, where
// the original repeats those of rules with several segments.
func (s *data) EvaluationSnapshotNamespace(ctx context.Context, r *evaluation.EvaluationNamespaceSnapshotRequest) (*evaluation.EvaluationNamespaceSnapshot, error) {
	state, _, err := viewOf(ctx, s.db, r.Reference)
	if err != nil {
		return nil, err
	}
	class := fullClass
	if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
		class = clientClass(call.RequestHeader().Get("X-Flipt-Accept-Server-Version"))
		if tag := snapshotETag(state, r.Key, class); tag != "" {
			call.ResponseHeader().Set("X-Etag", tag)
			if call.RequestHeader().Get("Grpcgateway-If-None-Match") == tag {
				call.ResponseHeader().Set("X-Http-Code", "304")
				return new(evaluation.EvaluationNamespaceSnapshot), nil
			}
		}
	}
	build := func() (*evaluation.EvaluationNamespaceSnapshot, error) { return snapshotOf(state, r.Key, class), nil }
	if r.Reference != "" {
		return build()
	}
	key := answerKey{procedure: evaluationconnect.DataServiceEvaluationSnapshotNamespaceProcedure, namespace: r.Key, class: class}
	return cached(ctx, s.cache, state, key, build)
}

// snapshotOf returns what a class of clients evaluates a namespace with; nothing when there is no such namespace.
func snapshotOf(state *store.State, namespace string, class versionClass) *evaluation.EvaluationNamespaceSnapshot {
	b := snapshotBuilder{state: state, namespace: namespace, class: class, segments: make(map[string]*evaluation.EvaluationSegment)}
	answer := &evaluation.EvaluationNamespaceSnapshot{Namespace: &evaluation.EvaluationNamespace{Key: namespace}}
	for doc := range state.Flags(namespace).All() {
		if inService(doc) {
			answer.Flags = append(answer.Flags, b.flag(doc))
		}
	}
	return answer
}

// snapshotETag names the snapshot of a namespace for a class of clients; empty when there is no such namespace.
func snapshotETag(state *store.State, namespace string, class versionClass) string {
	revision := state.NamespaceRevision(namespace)
	if revision == 0 {
		return ""
	}
	hash := sha1.Sum(fmt.Appendf(nil, "%s %q %d %d", state.Position().Epoch, namespace, revision, class))
	return hex.EncodeToString(hash[:])
}

// versionClass says what a client understands, by the newest server version that it names.
type versionClass int

const (
	oldClass     versionClass = iota // before 1.38.0: neither entity id constraints nor default variants
	entityClass                      // before 1.47.0: no default variants
	fullClass                        // everything
	entityMinor  = 38
	defaultMinor = 47
)

// clientClass reads a version as tolerantly as the original: `v1.38`, `1.47.0`. One that is missing or unreadable counts as
// 1.37.1.
func clientClass(text string) versionClass {
	version, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), "v"), "+")
	version, prerelease, _ := strings.Cut(version, "-")
	parts := strings.Split(version, ".")
	if len(parts) > 3 {
		return oldClass
	}
	var numbers [3]uint64
	for i, part := range parts {
		var err error
		if numbers[i], err = strconv.ParseUint(part, 10, 64); err != nil {
			return oldClass
		}
	}
	reached := func(minor uint64) bool {
		if numbers == [3]uint64{1, minor, 0} {
			return prerelease == ""
		}
		return numbers[0] > 1 || numbers[0] == 1 && numbers[1] >= minor
	}
	switch {
	case reached(defaultMinor):
		return fullClass
	case reached(entityMinor):
		return entityClass
	}
	return oldClass
}

// snapshotBuilder writes flags as engines read them. Segments that several rules use are shared.
type snapshotBuilder struct {
	state     *store.State
	namespace string
	class     versionClass
	segments  map[string]*evaluation.EvaluationSegment
}

func (b *snapshotBuilder) flag(doc *storev1.Flag) *evaluation.EvaluationFlag {
	f := doc.Flag
	answer := &evaluation.EvaluationFlag{
		Key: f.Key, Name: f.Name, Description: f.Description, Enabled: f.Enabled, Type: evaluation.EvaluationFlagType(f.Type),
		CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
	}
	if f.Type == flipt.FlagType_VARIANT_FLAG_TYPE {
		for _, rule := range doc.Rules {
			answer.Rules = append(answer.Rules, b.rule(f, rule))
		}
	}
	if f.Type == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		for _, rollout := range doc.Rollouts {
			answer.Rollouts = append(answer.Rollouts, b.rollout(rollout))
		}
	}
	if v := f.DefaultVariant; v != nil && b.class >= fullClass {
		answer.DefaultVariant = &evaluation.EvaluationVariant{Id: v.Id, Key: v.Key, Attachment: v.Attachment}
	}
	return answer
}

func (b *snapshotBuilder) rule(f *flipt.Flag, rule *flipt.Rule) *evaluation.EvaluationRule {
	answer := &evaluation.EvaluationRule{
		Id: rule.Id, Rank: rule.Rank, SegmentOperator: evaluation.EvaluationSegmentOperator(rule.SegmentOperator),
		Segments: b.list(rule.SegmentKey, rule.SegmentKeys),
	}
	for _, d := range rule.Distributions {
		v := variantByID(f, d.VariantId)
		answer.Distributions = append(answer.Distributions, &evaluation.EvaluationDistribution{
			VariantId: d.VariantId, VariantKey: v.GetKey(), VariantAttachment: compactJSON(v.GetAttachment()), Rollout: d.Rollout,
		})
	}
	return answer
}

func (b *snapshotBuilder) rollout(rollout *flipt.Rollout) *evaluation.EvaluationRollout {
	answer := &evaluation.EvaluationRollout{Type: evaluation.EvaluationRolloutType(rollout.Type), Rank: rollout.Rank}
	switch rule := rollout.Rule.(type) {
	case *flipt.Rollout_Segment:
		answer.Rule = &evaluation.EvaluationRollout_Segment{Segment: &evaluation.EvaluationRolloutSegment{
			Value: rule.Segment.Value, SegmentOperator: evaluation.EvaluationSegmentOperator(rule.Segment.SegmentOperator),
			Segments: b.list(rule.Segment.SegmentKey, rule.Segment.SegmentKeys),
		}}
	case *flipt.Rollout_Threshold:
		answer.Rule = &evaluation.EvaluationRollout_Threshold{Threshold: &evaluation.EvaluationRolloutThreshold{
			Percentage: rule.Threshold.Percentage, Value: rule.Threshold.Value,
		}}
	}
	return answer
}

func (b *snapshotBuilder) list(one string, several []string) []*evaluation.EvaluationSegment {
	if len(several) == 0 {
		several = []string{one}
	}
	list := make([]*evaluation.EvaluationSegment, len(several))
	for i, key := range several {
		if b.segments[key] == nil {
			b.segments[key] = b.segment(key)
		}
		list[i] = b.segments[key]
	}
	return list
}

func (b *snapshotBuilder) segment(key string) *evaluation.EvaluationSegment {
	segment := b.state.Segment(b.namespace, key).GetSegment()
	answer := &evaluation.EvaluationSegment{Key: key, MatchType: evaluation.EvaluationSegmentMatchType(segment.GetMatchType())}
	for _, c := range segment.GetConstraints() {
		kind := evaluation.EvaluationConstraintComparisonType(c.Type)
		if b.class < entityClass && kind == evaluation.EvaluationConstraintComparisonType_ENTITY_ID_CONSTRAINT_COMPARISON_TYPE {
			kind = evaluation.EvaluationConstraintComparisonType_UNKNOWN_CONSTRAINT_COMPARISON_TYPE
		}
		answer.Constraints = append(answer.Constraints, &evaluation.EvaluationConstraint{
			Id: c.Id, Type: kind, Property: c.Property, Operator: c.Operator, Value: c.Value,
		})
	}
	return answer
}
