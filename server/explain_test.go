package server_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

type explainRPC = burgeev1connect.ExplainServiceClient

// toExplain makes a call of a method of burgee.v1.ExplainService.
func toExplain[Q, R any](method func(explainRPC, context.Context, Q) (R, error), request Q) call {
	return func(ctx context.Context, c clients) error {
		_, err := method(c.explain, ctx, request)
		return err
	}
}

const (
	reasonMatch   = evaluation.EvaluationReason_MATCH_EVALUATION_REASON
	reasonDefault = evaluation.EvaluationReason_DEFAULT_EVALUATION_REASON
)

// explained asks about a flag of namespace acme.
func (s session) explained(t *testing.T, flag, entity string, pairs ...string) *burgeev1.ExplainResponse {
	t.Helper()
	r := about(flag, entity, pairs...)
	return ok(s.explain.Explain(t.Context(), &burgeev1.ExplainRequest{
		NamespaceKey: r.NamespaceKey, FlagKey: r.FlagKey, EntityId: r.EntityId, Context: r.Context,
	}))(t)
}

// vipTrace is segment vip, for a tier or none, when it was tried.
func vipTrace(id, tier string) *burgeev1.SegmentTrace {
	constraint := &burgeev1.ConstraintTrace{
		Id: id, Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "tier", Operator: "eq", Wanted: "gold",
		Tried: true, Matched: tier == "gold",
	}
	if tier != "" {
		constraint.Seen = &tier
	}
	return &burgeev1.SegmentTrace{
		Key: "vip", MatchType: flipt.MatchType_ALL_MATCH_TYPE, Tried: true, Matched: tier == "gold",
		Constraints: []*burgeev1.ConstraintTrace{constraint},
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		position := s.srv.Position().String()
		red := &burgeev1.Answer{
			Match: true, Reason: reasonMatch, VariantKey: "red", Attachment: compactAttachment, SegmentKeys: []string{"vip"}, RuleId: made.rule,
		}
		falls := func(chosen bool) *burgeev1.BucketTrace {
			return &burgeev1.BucketTrace{Hashed: "coloruser-3", Bucket: 222, Buckets: 1000, Shares: []*burgeev1.ShareTrace{
				{From: 0, To: 500, VariantKey: "red", Chosen: chosen}, {From: 500, To: 1000, VariantKey: "blue"},
			}}
		}
		equal(t, "a variant", s.explained(t, "color", "user-3", "tier", "gold"), &burgeev1.ExplainResponse{
			NamespaceKey: "acme", FlagKey: "color", Type: flipt.FlagType_VARIANT_FLAG_TYPE, Enabled: true, Answer: red,
			Rules: []*burgeev1.RuleTrace{{
				Id: made.rule, Place: 1, Tried: true, Decided: true, Segments: []*burgeev1.SegmentTrace{vipTrace(made.gold, "gold")}, Bucket: falls(true),
			}},
			Suggestion: &burgeev1.Suggestion{Property: "tier", Old: proto.String("gold"), Answer: &burgeev1.Answer{}},
			Summary:    `Rule 1 matched: segment "vip"; bucket 222 of 1000 falls to variant "red".`, Position: position,
		})
		equal(t, "no variant", s.explained(t, "color", "user-3", "tier", "tin"), &burgeev1.ExplainResponse{
			NamespaceKey: "acme", FlagKey: "color", Type: flipt.FlagType_VARIANT_FLAG_TYPE, Enabled: true, Answer: &burgeev1.Answer{},
			Rules: []*burgeev1.RuleTrace{{
				Id: made.rule, Place: 1, Tried: true, Segments: []*burgeev1.SegmentTrace{vipTrace(made.gold, "tin")}, Bucket: falls(false),
			}},
			Suggestion: &burgeev1.Suggestion{Property: "tier", Old: proto.String("tin"), New: proto.String("gold"), Answer: red},
			Summary:    "No rule matched, so the flag answers no variant.", Position: position,
		})
		threshold := func(tried bool) *burgeev1.RuleTrace {
			return &burgeev1.RuleTrace{Id: made.fraction, Place: 2, Tried: tried, Value: true, Bucket: &burgeev1.BucketTrace{
				Hashed: "user-3beta", Bucket: 82, Buckets: 100, Shares: []*burgeev1.ShareTrace{{To: 26}},
			}}
		}
		equal(t, "a boolean", s.explained(t, "beta", "user-3"), &burgeev1.ExplainResponse{
			NamespaceKey: "acme", FlagKey: "beta", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE, Answer: &burgeev1.Answer{Reason: reasonDefault},
			Rules: []*burgeev1.RuleTrace{
				{Id: made.segment, Place: 1, Tried: true, Value: true, Segments: []*burgeev1.SegmentTrace{vipTrace(made.gold, "")}},
				threshold(true),
			},
			Suggestion: &burgeev1.Suggestion{Property: "tier", New: proto.String("gold"), Answer: &burgeev1.Answer{
				Match: true, Reason: reasonMatch, Enabled: true, SegmentKeys: []string{"vip"}, RuleId: made.segment,
			}},
			Summary: "No rollout matched, so the flag answers its own state, false.", Position: position,
		})
		got := s.explained(t, "beta", "user-3", "tier", "gold")
		equal(t, "a rollout that is not tried", got.Rules[1], threshold(false))
		if s.srv.Position().String() != position {
			t.Error("an explanation has changed something")
		}
	})
}

// TestExplainSummaries has a flag for every way to end.
func TestExplainSummaries(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile([]byte(`
namespace: acme
flags:
- {key: off, name: Off, variants: [{key: a, default: true}]}
- {key: bare, name: Bare, enabled: true}
- {key: nothing, name: Nothing, enabled: true, variants: [{key: a, default: true}], rules: [{segment: gold, distributions: [{variant: a, rollout: 100}]}]}
- key: few
  name: Few
  enabled: true
  variants: [{key: a}, {key: b, default: true}]
  rules: [{segment: {keys: [all, de, gold], operator: OR_SEGMENT_OPERATOR}, distributions: [{variant: a, rollout: 0.1}]}]
- {key: alone, name: Alone, enabled: true, rules: [{segment: all}]}
- {key: on, name: On, enabled: true, type: BOOLEAN_FLAG_TYPE}
- {key: half, name: Half, type: BOOLEAN_FLAG_TYPE, rollouts: [{threshold: {percentage: 99.5, value: true}}]}
- {key: both, name: Both, type: BOOLEAN_FLAG_TYPE, rollouts: [{segment: {keys: [all, de], operator: AND_SEGMENT_OPERATOR, value: true}}]}
segments:
- {key: all, name: All}
- {key: de, name: DE, constraints: [{type: STRING_COMPARISON_TYPE, property: country, operator: eq, value: DE}]}
- {key: gold, name: Gold, constraints: [{type: STRING_COMPARISON_TYPE, property: tier, operator: eq, value: gold}]}
`))}))(t)
	for flag, want := range map[string]string{
		"off":     `The flag is disabled, so it answers its default variant "a".`,
		"bare":    "The flag has no rules, so it answers no variant.",
		"nothing": `No rule matched, so the flag answers its default variant "a".`,
		"few":     `Rule 1 matched: segments "all" and "de"; bucket 461 of 1000 falls to no variant, so the flag answers its default variant "b".`,
		"alone":   `Rule 1 matched: segment "all"; it has no distributions, so the flag answers no variant.`,
		"on":      "The flag has no rollouts, so it answers its own state, true.",
		"half":    "Rollout 1 matched: bucket 74 of 100 is below 100; it answers true.",
		"both":    `Rollout 1 matched: segments "all" and "de"; it answers true.`,
	} {
		if got := s.explained(t, flag, "u1", "country", "DE").Summary; got != want {
			t.Errorf("%s:\n got %s\nwant %s", flag, got, want)
		}
	}
}

// colorDraft gives red to all of segment vip.
func colorDraft(made shop) *burgeev1.FlagDocument {
	return &burgeev1.FlagDocument{
		Flag: &flipt.Flag{Key: "color", Name: "Color", Enabled: true, Variants: []*flipt.Variant{
			{Id: made.red, Key: "red", Attachment: attachment}, {Id: made.blue, Key: "blue"},
		}},
		Rules: []*flipt.Rule{{Id: made.rule, SegmentKey: "vip", Distributions: []*flipt.Distribution{{VariantId: "red", Rollout: 100}}}},
	}
}

// tierDraft is segment vip for another tier.
func tierDraft(tier string) *burgeev1.SegmentDocument {
	return &burgeev1.SegmentDocument{Segment: &flipt.Segment{Key: "vip", Name: "VIP", Constraints: []*flipt.Constraint{
		{Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "tier", Operator: "eq", Value: tier},
	}}}
}

func TestExplainDrafts(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		before, hash := s.srv.Position(), s.srv.Freeze()
		documents := ok(hash())(t)
		explain := func(r *burgeev1.ExplainRequest) *burgeev1.ExplainResponse {
			t.Helper()
			r.NamespaceKey = "acme"
			return ok(s.explain.Explain(ctx, r))(t)
		}
		got := explain(&burgeev1.ExplainRequest{FlagKey: "color", EntityId: "user-1", Context: map[string]string{"tier": "gold"}, Draft: colorDraft(made)})
		if got.Answer.VariantKey != "red" || got.Answer.RuleId != made.rule || len(got.Rules[0].Bucket.Shares) != 1 {
			t.Errorf("draft of a flag: %v", got)
		}
		got = explain(&burgeev1.ExplainRequest{FlagKey: "color", EntityId: "user-3", Context: map[string]string{"tier": "tin"},
			DraftSegments: []*burgeev1.SegmentDocument{tierDraft("tin")}})
		if c := got.Rules[0].Segments[0].Constraints[0]; got.Answer.VariantKey != "red" || c.Id != "" || c.Wanted != "tin" {
			t.Errorf("draft of a segment: %v", got)
		}
		// A flag that does not exist, over a segment that does not exist either; new items have no ids.
		got = explain(&burgeev1.ExplainRequest{FlagKey: "new", EntityId: "user-3",
			Draft: &burgeev1.FlagDocument{Flag: &flipt.Flag{Name: "New", Enabled: true, Variants: []*flipt.Variant{{Key: "a"}, {Key: "b"}}},
				Rules: []*flipt.Rule{{SegmentKey: "all", Distributions: []*flipt.Distribution{{VariantId: "a", Rollout: 0.1}, {VariantId: "b", Rollout: 99.9}}}}},
			DraftSegments: []*burgeev1.SegmentDocument{{Segment: &flipt.Segment{Key: "all", Name: "All"}}}})
		equal(t, "draft of a new flag", got.Answer, &burgeev1.Answer{Match: true, Reason: reasonMatch, VariantKey: "b", SegmentKeys: []string{"all"}})
		if got.Rules[0].Id != "" {
			t.Errorf("a rule without an id has id %q", got.Rules[0].Id)
		}
		if after := s.srv.Position(); after != before || ok(hash())(t) != documents {
			t.Errorf("explanations moved the position from %v to %v, or changed a document", before, after)
		}
		if stored := s.explained(t, "color", "user-1", "tier", "gold"); stored.Answer.VariantKey != "blue" {
			t.Errorf("after the drafts: %v", stored)
		}
	})
}

func TestExplainReference(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		then := s.srv.Position()
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color"}))
		r := &burgeev1.ExplainRequest{NamespaceKey: "acme", FlagKey: "color", EntityId: "user-3", Context: map[string]string{"tier": "gold"}}
		if now := ok(s.explain.Explain(ctx, r))(t); now.Enabled || now.Answer.VariantKey != "" {
			t.Errorf("now: %v", now)
		}
		r.Reference = fmt.Sprint("rev:", then.Revision)
		past := ok(s.explain.Explain(ctx, r))(t)
		if !past.Enabled || past.Answer.VariantKey != "red" || past.Answer.RuleId != made.rule || past.Position != then.String() {
			t.Errorf("at revision %d: %v", then.Revision, past)
		}
	})
}

func TestExplainRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		explain := func(change func(*burgeev1.ExplainRequest)) call {
			r := &burgeev1.ExplainRequest{NamespaceKey: "acme", FlagKey: "color", Draft: colorDraft(made)}
			change(r)
			return toExplain(explainRPC.Explain, r)
		}
		s.refuse(t,
			refusal{toExplain(explainRPC.Explain, &burgeev1.ExplainRequest{}), invalid("invalid field flagKey: must not be empty")},
			refusal{toExplain(explainRPC.Explain, &burgeev1.ExplainRequest{FlagKey: "nope"}), notFound(`flag "default/nope" not found`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) { r.NamespaceKey = "nope" }), notFound(`namespace "nope" not found`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) { r.Reference = "yesterday" }),
				invalid(`invalid field reference: "yesterday" is neither rev: with a number nor at: with a time`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) { r.FlagKey = "beta" }), invalid(`invalid field draft.flag.key: must be "beta" or empty`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) { r.Draft.Rules[0].SegmentKey = "nope" }),
				invalid(`invalid field draft.rules[0].segmentKey: segment "acme/nope" not found`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) { r.Draft.Rules[0].Distributions[0].VariantId = "green" }),
				invalid(`invalid field draft.rules[0].distributions[0].variantId: the flag has no variant "green"`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) {
				r.DraftSegments = []*burgeev1.SegmentDocument{tierDraft("tin"), tierDraft("gold")}
			}), invalid(`invalid field draftSegments[1].segment.key: segment "vip" is not unique`)},
			refusal{explain(func(r *burgeev1.ExplainRequest) {
				r.DraftSegments = []*burgeev1.SegmentDocument{{Segment: &flipt.Segment{Name: "No key"}}}
			}), invalid("invalid field draftSegments[0].segment.key: must not be empty")},
			refusal{explain(func(r *burgeev1.ExplainRequest) {
				large := tierDraft("tin")
				large.Segment.Constraints = slices.Repeat(large.Segment.Constraints, 1001)
				r.DraftSegments, r.Draft.Rules = []*burgeev1.SegmentDocument{large}, nil
				for range 100 {
					r.Draft.Rules = append(r.Draft.Rules, &flipt.Rule{SegmentKey: "vip"})
				}
			}), invalid(`the explanation of flag "acme/color" would list 100100 constraints, more than 100000`)},
		)
	})
}

// TestExplainArchived: an archived flag is not found, but what would become of a draft of it can be seen.
func TestExplainArchived(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		ok(s.documents.ArchiveFlag(ctx, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		r := &burgeev1.ExplainRequest{NamespaceKey: "acme", FlagKey: "color", EntityId: "user-3", Context: map[string]string{"tier": "gold"}}
		s.refuse(t, refusal{toExplain(explainRPC.Explain, proto.CloneOf(r)), notFound(`flag "acme/color" not found`)})
		r.Draft = colorDraft(made)
		if got := ok(s.explain.Explain(ctx, r))(t); got.Answer.VariantKey != "red" {
			t.Errorf("a draft: %v", got)
		}
		uses := ok(s.explain.ListSegmentUses(ctx, &burgeev1.ListSegmentUsesRequest{NamespaceKey: "acme", Key: "vip"}))(t).Uses
		if len(uses) != 2 || !uses[0].Archived || uses[1].Archived {
			t.Errorf("uses: %v", uses)
		}
		impact := &burgeev1.ImpactRequest{NamespaceKey: "acme", Segment: tierDraft("tin"), Contexts: []*burgeev1.EntityContext{someone("user-3", "gold")}}
		if flags := ok(s.explain.Impact(ctx, impact))(t).Flags; len(flags) != 1 || flags[0].FlagKey != "beta" {
			t.Errorf("impact of the segment: %v", flags)
		}
		impact.Flag, impact.Segment = colorDraft(made), nil
		if flag := ok(s.explain.Impact(ctx, impact))(t).Flags[0]; flag.Changed != 0 || flag.Evaluated != 1 {
			t.Errorf("impact of the archived flag: %v", flag)
		}
	})
}
