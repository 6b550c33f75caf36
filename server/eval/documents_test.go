package eval

import (
	"fmt"
	"testing"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

const namespace = "default"

var (
	operatorOR  = flipt.SegmentOperator_OR_SEGMENT_OPERATOR
	operatorAND = flipt.SegmentOperator_AND_SEGMENT_OPERATOR
)

func segmentDocument(key string, match flipt.MatchType, constraints ...*flipt.Constraint) *storev1.Segment {
	return &storev1.Segment{Segment: &flipt.Segment{Key: key, MatchType: match, Constraints: constraints}}
}

func constraintOf(kind flipt.ComparisonType, property, operator, value string) *flipt.Constraint {
	return &flipt.Constraint{Type: kind, Property: property, Operator: operator, Value: value}
}

// ruleOf spreads the variants evenly: each has an id that is its key with "id-" before it.
func ruleOf(rank int32, operator flipt.SegmentOperator, segments []string, variants ...string) *flipt.Rule {
	rule := &flipt.Rule{Id: fmt.Sprint("rule-", rank), Rank: rank, SegmentOperator: operator}
	if len(segments) == 1 {
		rule.SegmentKey = segments[0]
	} else {
		rule.SegmentKeys = segments
	}
	for _, key := range variants {
		rule.Distributions = append(rule.Distributions,
			&flipt.Distribution{VariantId: "id-" + key, Rollout: 100 / float32(len(variants))})
	}
	return rule
}

func variantFlag(key string, variants []string, rules ...*flipt.Rule) *storev1.Flag {
	flag := &flipt.Flag{Key: key, Enabled: true}
	for _, key := range variants {
		flag.Variants = append(flag.Variants, &flipt.Variant{Id: "id-" + key, Key: key})
	}
	return &storev1.Flag{Flag: flag, Rules: rules}
}

func booleanFlag(key string, enabled bool, rollouts ...*flipt.Rollout) *storev1.Flag {
	return &storev1.Flag{
		Flag:     &flipt.Flag{Key: key, Enabled: enabled, Type: flipt.FlagType_BOOLEAN_FLAG_TYPE},
		Rollouts: rollouts,
	}
}

func segmentRollout(rank int32, value bool, operator flipt.SegmentOperator, segments ...string) *flipt.Rollout {
	return &flipt.Rollout{Rank: rank, Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{
		SegmentKeys: segments, SegmentOperator: operator, Value: value,
	}}}
}

func thresholdRollout(rank int32, value bool, percentage float32) *flipt.Rollout {
	return &flipt.Rollout{Rank: rank, Rule: &flipt.Rollout_Threshold{
		Threshold: &flipt.RolloutThreshold{Percentage: percentage, Value: value},
	}}
}

func setFlag(document *storev1.Flag) Change {
	return Change{Namespace: namespace, Key: document.GetFlag().GetKey(), Kind: KindFlag, Flag: document}
}

func setSegment(document *storev1.Segment) Change {
	return Change{Namespace: namespace, Key: document.GetSegment().GetKey(), Kind: KindSegment, Segment: document}
}

// snapshotOf builds a snapshot whose documents are all sound.
func snapshotOf(t testing.TB, changes ...Change) *Snapshot {
	t.Helper()
	snapshot, problems := (*Snapshot)(nil).Apply(changes)
	for _, problem := range problems {
		t.Fatalf("problem of %s/%s: %v", problem.Namespace, problem.Key, problem.Err)
	}
	return snapshot
}

func flagOf(t testing.TB, snapshot *Snapshot, key string) Flag {
	t.Helper()
	flag, err := snapshot.Flag(namespace, key)
	if err != nil {
		t.Fatal(err)
	}
	return flag
}

// matchesConstraint says whether a segment of this one constraint matches: the door through which operators are tested.
func matchesConstraint(t testing.TB, constraint *flipt.Constraint, entityID string, context map[string]string) bool {
	t.Helper()
	snapshot := snapshotOf(t,
		setSegment(segmentDocument("s", flipt.MatchType_ALL_MATCH_TYPE, constraint)),
		setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s"))))
	var r Result
	if err := flagOf(t, snapshot, "f").Boolean(entityID, context, &r); err != nil {
		t.Fatal(err)
	}
	return r.Enabled
}
