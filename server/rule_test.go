package server_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

const and = flipt.SegmentOperator_AND_SEGMENT_OPERATOR

func TestRule(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		// A single segment is OR, however it is given; of several, each counts once, in the order of the request.
		one := ok(s.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
			NamespaceKey: "acme", FlagKey: "color", SegmentKey: "de", SegmentOperator: and, Rank: 2,
		}))(t)
		checkTimes(t, one.CreatedAt, one.UpdatedAt)
		checkID(t, one.Id)
		want := &flipt.Rule{
			Id: one.Id, FlagKey: "color", SegmentKey: "de", Rank: 2, NamespaceKey: "acme", CreatedAt: one.CreatedAt, UpdatedAt: one.CreatedAt,
		}
		equal(t, "with one segment", one, want)
		listed := ok(s.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
			NamespaceKey: "acme", FlagKey: "color", SegmentKeys: []string{"de", "de"}, SegmentOperator: and, Rank: 2,
		}))(t)
		want.Id, want.CreatedAt, want.UpdatedAt = listed.Id, listed.CreatedAt, listed.UpdatedAt
		equal(t, "with a list of one segment", listed, want)
		several := ok(s.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
			NamespaceKey: "acme", FlagKey: "color", SegmentKeys: []string{"vip", "de", "vip"}, SegmentOperator: and, Rank: 9,
		}))(t)
		want.Id, want.CreatedAt, want.UpdatedAt, want.Rank = several.Id, several.CreatedAt, several.UpdatedAt, 9
		want.SegmentKey, want.SegmentKeys, want.SegmentOperator = "", []string{"vip", "de"}, and
		equal(t, "with several segments", several, want)

		// Reads sort the segments, and do not look at the flag.
		want.SegmentKeys = []string{"de", "vip"}
		equal(t, "read", ok(s.flipt.GetRule(ctx, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: several.Id}))(t), want)
		equal(t, "read under another flag", ok(s.flipt.GetRule(ctx, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "nope", Id: several.Id}))(t), want)
		if got := s.ranks(t); !slices.Equal(got, []int32{1, 2, 2, 9}) {
			t.Errorf("ranks %v", got)
		}
	})
}

// ranks returns the ranks of the rules of flag acme/color as they are listed.
func (s session) ranks(t *testing.T) []int32 {
	t.Helper()
	list := ok(s.flipt.ListRules(t.Context(), &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: "color"}))(t)
	ranks := make([]int32, len(list.Rules))
	for i, rule := range list.Rules {
		ranks[i] = rule.Rank
	}
	if int(list.TotalCount) != len(ranks) {
		t.Errorf("%d rules of %d", len(ranks), list.TotalCount)
	}
	return ranks
}

func TestRuleRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		create := func(flag, one string, several []string, rank int32) call {
			return to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: flag, SegmentKey: one, SegmentKeys: several, Rank: rank})
		}
		update := func(id, flag, one string, several []string) call {
			return to(rpc.UpdateRule, &flipt.UpdateRuleRequest{NamespaceKey: "acme", Id: id, FlagKey: flag, SegmentKey: one, SegmentKeys: several})
		}
		order := func(flag string, ids ...string) call {
			return to(rpc.OrderRules, &flipt.OrderRulesRequest{NamespaceKey: "acme", FlagKey: flag, RuleIds: ids})
		}
		none, both := invalid("invalid field segmentKey or segmentKeys: must not be empty"), invalid("invalid field segmentKey or segmentKeys: only one can be present")
		s.refuse(t,
			refusal{create("", "", nil, 0), invalid("invalid field flagKey: must not be empty")},
			refusal{create("nope", "", nil, 0), none},
			refusal{create("nope", "vip", []string{"de"}, 0), both},
			refusal{create("nope", "vip", nil, 0), invalid("invalid field rank: must be greater than 0")},
			refusal{create("nope", "vip", nil, -1), invalid("invalid field rank: must be greater than 0")},
			refusal{create("nope", "vip", nil, 1), notFound(`flag "acme/nope" or segment "acme/vip" not found`)},
			refusal{create("color", "nope", nil, 1), notFound(`flag "acme/color" or segment "acme/nope" not found`)},
			refusal{create("color", "", []string{"vip", "nope"}, 1), notFound(`flag "acme/color" or segment "acme/" not found`)},
			refusal{to(rpc.GetRule, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color"}), invalid("invalid field id: must not be empty")},
			refusal{to(rpc.GetRule, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: "zzz"}), notFound(`rule "acme/zzz" not found`)},
			refusal{to(rpc.GetRule, &flipt.GetRuleRequest{NamespaceKey: "default", FlagKey: "color", Id: made.rule}), notFound("rule %q not found", "default/"+made.rule)},
			refusal{to(rpc.ListRules, &flipt.ListRuleRequest{NamespaceKey: "acme"}), invalid("invalid field flagKey: must not be empty")},
			refusal{update("", "", "", nil), invalid("invalid field id: must not be empty")},
			refusal{update(made.rule, "", "", nil), invalid("invalid field flagKey: must not be empty")},
			refusal{update(made.rule, "color", "", nil), none},
			refusal{update(made.rule, "color", "vip", []string{"de"}), both},
			refusal{update("zzz", "color", "vip", nil), notFound(`rule "acme/zzz" not found`)},
			refusal{update(made.rule, "color", "nope", nil), notFound("rule %q not found", "acme/"+made.rule)},
			refusal{order("", made.rule), invalid("invalid field flagKey: must not be empty")},
			refusal{order("color"), invalid("invalid field ruleIds: must contain atleast 2 elements")},
			refusal{order("color", made.rule), invalid("invalid field ruleIds: must contain atleast 2 elements")},
			refusal{to(rpc.DeleteRule, &flipt.DeleteRuleRequest{NamespaceKey: "acme", FlagKey: "color"}), invalid("invalid field id: must not be empty")},
			refusal{to(rpc.DeleteRule, &flipt.DeleteRuleRequest{NamespaceKey: "acme", Id: made.rule}), invalid("invalid field flagKey: must not be empty")},
		)
	})
}

func TestRuleUpdate(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		read := func() *flipt.Rule {
			return ok(s.flipt.GetRule(ctx, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.rule}))(t)
		}
		want := read()
		update := &flipt.UpdateRuleRequest{NamespaceKey: "acme", Id: made.rule, FlagKey: "color", SegmentKeys: []string{"vip", "de"}, SegmentOperator: and}
		updated := ok(s.flipt.UpdateRule(ctx, update))(t)
		want.SegmentKey, want.SegmentKeys, want.SegmentOperator, want.UpdatedAt = "", []string{"de", "vip"}, and, updated.UpdatedAt
		equal(t, "with several segments", updated, want)
		equal(t, "read", read(), want)

		// Under another flag's key, the whole rule is updated all the same.
		update = &flipt.UpdateRuleRequest{NamespaceKey: "acme", Id: made.rule, FlagKey: "beta", SegmentKeys: []string{"de"}, SegmentOperator: and}
		s.revisions(t, 1, to(rpc.UpdateRule, update))
		updated = read()
		want.SegmentKey, want.SegmentKeys, want.SegmentOperator, want.UpdatedAt = "de", nil, 0, updated.UpdatedAt
		equal(t, "with one segment", updated, want)
	})
}

func TestRuleOrder(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		ids := []string{made.rule}
		for rank := range int32(3) {
			ids = append(ids, ok(s.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
				NamespaceKey: "acme", FlagKey: "color", SegmentKey: "vip", Rank: rank + 2,
			}))(t).Id)
		}
		list := func() []*flipt.Rule {
			return ok(s.flipt.ListRules(ctx, &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: "color"}))(t).Rules
		}
		order := func(flag string, ids ...string) call {
			return to(rpc.OrderRules, &flipt.OrderRulesRequest{NamespaceKey: "acme", FlagKey: flag, RuleIds: ids})
		}
		s.revisions(t, 0, order("nope", ids...), order("beta", ids...), order("color", "zzz", "yyy"))
		// The rank of an unknown id stays unused; a rule that is not named keeps its own.
		s.revisions(t, 1, order("color", ids[2], "zzz", ids[0], ids[3]))
		rules := list()
		wantIDs, wantRanks := []string{ids[2], ids[1], ids[0], ids[3]}, []int32{1, 2, 3, 4}
		for i, rule := range rules {
			if rule.Id != wantIDs[i] || rule.Rank != wantRanks[i] {
				t.Errorf("place %d: %s of rank %d, want %s of rank %d", i, rule.Id, rule.Rank, wantIDs[i], wantRanks[i])
			}
		}
		if named := rules[0].UpdatedAt; !proto.Equal(rules[2].UpdatedAt, named) || !proto.Equal(rules[3].UpdatedAt, named) || proto.Equal(rules[1].UpdatedAt, named) {
			t.Errorf("times of update: %v", rules)
		}

		remove := func(flag, id string) call {
			return to(rpc.DeleteRule, &flipt.DeleteRuleRequest{NamespaceKey: "acme", FlagKey: flag, Id: id})
		}
		s.revisions(t, 0, remove("nope", ids[1]), remove("beta", ids[1]))
		s.revisions(t, 1, remove("color", ids[1]))
		rules = list()
		if len(rules) != 3 || rules[0].Id != ids[2] || rules[1].Id != ids[0] || rules[2].Id != ids[3] {
			t.Fatalf("after the deletion: %v", rules)
		}
		if got := s.ranks(t); !slices.Equal(got, []int32{1, 2, 3}) {
			t.Errorf("ranks after the deletion: %v", got)
		}
	})
}

// TestRuleRanks shows that ranks need be neither dense nor unique, and that a deletion makes them so, even one of nothing.
func TestRuleRanks(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		for _, rank := range []int32{7, 7, 5} {
			s.revisions(t, 1, to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "color", SegmentKey: "vip", Rank: rank}))
		}
		if got := s.ranks(t); !slices.Equal(got, []int32{1, 5, 7, 7}) {
			t.Errorf("ranks %v", got)
		}
		s.revisions(t, 1, to(rpc.DeleteRule, &flipt.DeleteRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: "zzz"}))
		if got := s.ranks(t); !slices.Equal(got, []int32{1, 2, 3, 4}) {
			t.Errorf("ranks %v after a deletion of nothing", got)
		}
		rules := ok(s.flipt.ListRules(t.Context(), &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: "color"}))(t).Rules
		for _, rule := range rules {
			if !proto.Equal(rule.UpdatedAt, rules[0].UpdatedAt) || proto.Equal(rule.UpdatedAt, rule.CreatedAt) {
				t.Errorf("rule %s was updated at %v, want one new time for all", rule.Id, rule.UpdatedAt.AsTime())
			}
		}
	})
}
