package server_test

import (
	"fmt"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// someone is an entity with a tier, or without a context.
func someone(entity, tier string) *burgeev1.EntityContext {
	c := &burgeev1.EntityContext{EntityId: entity}
	if tier != "" {
		c.Context = map[string]string{"tier": tier}
	}
	return c
}

func TestPreviewSegment(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		all := []*burgeev1.EntityContext{someone("u1", "gold"), someone("u2", "tin"), someone("u3", "")}
		equal(t, "a stored segment",
			ok(s.explain.PreviewSegment(ctx, &burgeev1.PreviewSegmentRequest{NamespaceKey: "acme", SegmentKey: "vip", Contexts: all}))(t),
			&burgeev1.PreviewSegmentResponse{Matched: 1, Results: []*burgeev1.SegmentTrace{
				vipTrace(made.gold, "gold"), vipTrace(made.gold, "tin"), vipTrace(made.gold, ""),
			}})
		draft := tierDraft("tin")
		got := ok(s.explain.PreviewSegment(ctx, &burgeev1.PreviewSegmentRequest{NamespaceKey: "acme", Draft: draft, Contexts: all}))(t)
		if got.Matched != 1 || !got.Results[1].Matched || got.Results[1].Constraints[0].Id != "" {
			t.Errorf("a draft: %v", got)
		}
		draft.Segment.Key = "new"
		got = ok(s.explain.PreviewSegment(ctx, &burgeev1.PreviewSegmentRequest{NamespaceKey: "acme", Draft: draft, Contexts: all}))(t)
		if got.Matched != 1 || got.Results[0].Key != "new" {
			t.Errorf("a draft of a new segment: %v", got)
		}
	})
}

func TestPreviewRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		preview := func(segment string, draft *burgeev1.SegmentDocument, contexts ...*burgeev1.EntityContext) call {
			return toExplain(explainRPC.PreviewSegment,
				&burgeev1.PreviewSegmentRequest{NamespaceKey: "acme", SegmentKey: segment, Draft: draft, Contexts: contexts})
		}
		one := someone("u1", "gold")
		large := &burgeev1.SegmentDocument{Segment: &flipt.Segment{Key: "large", Name: "Large"}}
		for i := range 101 {
			large.Segment.Constraints = append(large.Segment.Constraints, &flipt.Constraint{
				Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: fmt.Sprint("p", i), Operator: "empty",
			})
		}
		many := make([]*burgeev1.EntityContext, 1000)
		for i := range many {
			many[i] = one
		}
		wrong := tierDraft("tin")
		wrong.Segment.Constraints[0].Operator = "lt"
		s.refuse(t,
			refusal{preview("nope", nil, one), notFound(`segment "acme/nope" not found`)},
			refusal{preview("", nil, one), invalid("invalid field segmentKey: must not be empty without a draft")},
			refusal{preview("vip", tierDraft("tin"), one), invalid("invalid field segmentKey: must be empty when there is a draft")},
			refusal{preview("", large, many...), invalid(`the preview of segment "acme/large" would list 101000 constraints, more than 100000`)},
			refusal{preview("vip", nil), invalid("invalid field contexts: must contain atleast 1 elements")},
			refusal{preview("", wrong, one), invalid(`invalid field draft.segment.constraints[0].value: constraint operator "lt" is not valid for type string`)},
		)
	})
}

func TestImpactOfFlag(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		before := s.srv.Position()
		counted := ok(s.explain.Impact(ctx, &burgeev1.ImpactRequest{
			NamespaceKey: "acme", Flag: colorDraft(made), Entities: 1000, Context: map[string]string{"tier": "gold"},
		}))(t).Flags[0]
		kept, moved := int32(0), int32(0)
		for i := range 200 {
			if ok(s.evaluation.Variant(ctx, about("color", fmt.Sprint(i+1), "tier", "gold")))(t).VariantKey == "red" {
				kept++
			} else {
				moved++
			}
		}
		if counted.FlagKey != "color" || counted.Evaluated != 1000 || len(counted.Changes) != 100 || len(counted.Shifts) != 2 {
			t.Fatalf("got %v", counted)
		}
		shifts := map[string]int32{}
		for _, shift := range counted.Shifts {
			shifts[fmt.Sprint(shift.Old, shift.New, shift.Changed)] = shift.Count
		}
		if shifts["blueredtrue"] != counted.Changed || shifts["redredfalse"] != 1000-counted.Changed || counted.Changed < moved || 1000-counted.Changed < kept {
			t.Errorf("%d changed by %v; of 200, %d keep theirs and %d do not", counted.Changed, counted.Shifts, kept, moved)
		}
		for _, change := range counted.Changes {
			now := ok(s.evaluation.Variant(ctx, about("color", change.EntityId, "tier", "gold")))(t)
			if now.VariantKey != "blue" || change.Old.VariantKey != "blue" || change.New.VariantKey != "red" {
				t.Fatalf("entity %s gets %s, but: %v", change.EntityId, now.VariantKey, change)
			}
		}
		given := ok(s.explain.Impact(ctx, &burgeev1.ImpactRequest{NamespaceKey: "acme", Flag: colorDraft(made), Contexts: []*burgeev1.EntityContext{
			someone("user-1", "tin"), someone("user-3", "gold"), someone("user-1", "gold"),
		}}))(t).Flags[0]
		equal(t, "given contexts", given, &burgeev1.FlagImpact{
			FlagKey: "color", Evaluated: 3, Changed: 1,
			Shifts: []*burgeev1.AnswerShift{{Count: 1}, {Old: "blue", New: "red", Count: 1, Changed: true}, {Old: "red", New: "red", Count: 1}},
			Changes: []*burgeev1.ChangedAnswer{{
				EntityId: "user-1", ContextIndex: 2, Old: given.Changes[0].GetOld(),
				New: &burgeev1.Answer{
					Match: true, Reason: reasonMatch, VariantKey: "red", Attachment: compactAttachment, SegmentKeys: []string{"vip"}, RuleId: made.rule,
				},
			}},
		})
		if after := s.srv.Position(); after != before {
			t.Errorf("the impact moved the position from %v to %v", before, after)
		}
	})
}

// TestImpactDetails: an attachment is part of the answer, and a flag that does not exist yet has none.
func TestImpactDetails(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	made := s.open(t)
	draft := colorDraft(made)
	draft.Flag.Variants[0].Attachment = `{"hex":"#a00"}`
	request := &burgeev1.ImpactRequest{NamespaceKey: "acme", Flag: draft, Contexts: []*burgeev1.EntityContext{someone("user-3", "gold")}}
	got := ok(s.explain.Impact(t.Context(), request))(t).Flags[0]
	equal(t, "another attachment", got.Shifts[0], &burgeev1.AnswerShift{Old: "red", New: "red", Count: 1, Changed: true})
	request.Flag = &burgeev1.FlagDocument{Flag: &flipt.Flag{Key: "new", Name: "New", Enabled: true, Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}}
	got = ok(s.explain.Impact(t.Context(), request))(t).Flags[0]
	equal(t, "a new flag", got, &burgeev1.FlagImpact{
		FlagKey: "new", Evaluated: 1, Changed: 1, Shifts: []*burgeev1.AnswerShift{{New: "true", Count: 1, Changed: true}},
		Changes: []*burgeev1.ChangedAnswer{{EntityId: "user-3", Old: &burgeev1.Answer{Error: `flag "acme/new" not found`},
			New: &burgeev1.Answer{Enabled: true, Reason: reasonDefault}}},
	})
}

func TestImpactOfSegment(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "other", Name: "Other", Enabled: true}))
		got := ok(s.explain.Impact(t.Context(), &burgeev1.ImpactRequest{
			NamespaceKey: "acme", Segment: tierDraft("tin"), Contexts: []*burgeev1.EntityContext{someone("user-3", "gold"), someone("user-3", "tin")},
		}))(t)
		red := &burgeev1.Answer{
			Match: true, Reason: reasonMatch, VariantKey: "red", Attachment: compactAttachment, SegmentKeys: []string{"vip"}, RuleId: made.rule,
		}
		yes := &burgeev1.Answer{Match: true, Reason: reasonMatch, Enabled: true, SegmentKeys: []string{"vip"}, RuleId: made.segment}
		no := &burgeev1.Answer{Reason: reasonDefault}
		equal(t, "both flags", got, &burgeev1.ImpactResponse{Flags: []*burgeev1.FlagImpact{
			{FlagKey: "beta", Evaluated: 2, Changed: 2,
				Shifts:  []*burgeev1.AnswerShift{{Old: "false", New: "true", Count: 1, Changed: true}, {Old: "true", New: "false", Count: 1, Changed: true}},
				Changes: []*burgeev1.ChangedAnswer{{EntityId: "user-3", Old: yes, New: no}, {EntityId: "user-3", ContextIndex: 1, Old: no, New: yes}}},
			{FlagKey: "color", Evaluated: 2, Changed: 2,
				Shifts: []*burgeev1.AnswerShift{{New: "red", Count: 1, Changed: true}, {Old: "red", Count: 1, Changed: true}},
				Changes: []*burgeev1.ChangedAnswer{{EntityId: "user-3", Old: red, New: &burgeev1.Answer{}},
					{EntityId: "user-3", ContextIndex: 1, Old: &burgeev1.Answer{}, New: red}}},
		}})
		unused := tierDraft("tin")
		unused.Segment.Key = "new"
		equal(t, "a segment that nobody uses", ok(s.explain.Impact(t.Context(),
			&burgeev1.ImpactRequest{NamespaceKey: "acme", Segment: unused, Entities: 1}))(t), &burgeev1.ImpactResponse{})
	})
}

func TestImpactRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		file := "namespace: acme\nflags:\n"
		for i := range 10 {
			file += fmt.Sprintf("- {key: f%d, name: F, type: BOOLEAN_FLAG_TYPE, rollouts: [{segment: {key: vip, value: true}}]}\n", i)
		}
		ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile([]byte(file))}))(t)
		impact := func(r *burgeev1.ImpactRequest) call {
			if r.NamespaceKey == "" {
				r.NamespaceKey = "acme"
			}
			return toExplain(explainRPC.Impact, r)
		}
		one := []*burgeev1.EntityContext{someone("u1", "")}
		s.refuse(t,
			refusal{impact(&burgeev1.ImpactRequest{Entities: 1}), invalid("invalid field flag: there must be a flag or a segment, and not both")},
			refusal{impact(&burgeev1.ImpactRequest{Flag: colorDraft(made), Segment: tierDraft("tin"), Entities: 1}),
				invalid("invalid field flag: there must be a flag or a segment, and not both")},
			refusal{impact(&burgeev1.ImpactRequest{Flag: colorDraft(made), Entities: 1, Contexts: one}),
				invalid("invalid field entities: must be 0 when there are contexts")},
			refusal{impact(&burgeev1.ImpactRequest{Flag: colorDraft(made)}), invalid("invalid field contexts: must not be empty without entities")},
			refusal{impact(&burgeev1.ImpactRequest{NamespaceKey: "nope", Flag: colorDraft(made), Entities: 1}), notFound(`namespace "nope" not found`)},
			refusal{impact(&burgeev1.ImpactRequest{Flag: &burgeev1.FlagDocument{Flag: &flipt.Flag{Name: "No key"}}, Entities: 1}),
				invalid("invalid field flag.flag.key: must not be empty")},
			refusal{impact(&burgeev1.ImpactRequest{Segment: tierDraft("tin"), Entities: 100_000}),
				invalid("100000 entities and 12 flags are 1200000 evaluations, more than 1000000")},
		)
	})
}

func TestSegmentUses(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		second := ok(s.flipt.CreateRule(t.Context(),
			&flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "color", SegmentKeys: []string{"de", "vip"}, Rank: 2}))(t).Id
		uses := func(key string) []*burgeev1.SegmentUse {
			t.Helper()
			return ok(s.explain.ListSegmentUses(t.Context(), &burgeev1.ListSegmentUsesRequest{NamespaceKey: "acme", Key: key}))(t).Uses
		}
		in := func(uses ...*burgeev1.SegmentUse) *burgeev1.ListSegmentUsesResponse {
			return &burgeev1.ListSegmentUsesResponse{Uses: uses}
		}
		equal(t, "vip", in(uses("vip")...), in(
			&burgeev1.SegmentUse{FlagKey: "color", FlagName: "Color", RuleId: made.rule, Rank: 1},
			&burgeev1.SegmentUse{FlagKey: "color", FlagName: "Color", RuleId: second, Rank: 2},
			&burgeev1.SegmentUse{FlagKey: "beta", FlagName: "Beta", RolloutId: made.segment, Rank: 1}))
		equal(t, "de", in(uses("de")...), in(&burgeev1.SegmentUse{FlagKey: "color", FlagName: "Color", RuleId: second, Rank: 2}))
		ok(s.flipt.DeleteRule(t.Context(), &flipt.DeleteRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: second}))(t)
		equal(t, "nobody", in(uses("de")...), in())
		s.refuse(t, refusal{toExplain(explainRPC.ListSegmentUses, &burgeev1.ListSegmentUsesRequest{NamespaceKey: "acme", Key: "nope"}),
			notFound(`segment "acme/nope" not found`)})
	})
}
