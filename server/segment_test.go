package server_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestSegment(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		created := ok(s.flipt.CreateSegment(ctx, &flipt.CreateSegmentRequest{
			Key: "vip", Name: "VIP", Description: "d", MatchType: flipt.MatchType_ANY_MATCH_TYPE,
		}))(t)
		checkTimes(t, created.CreatedAt, created.UpdatedAt)
		equal(t, "created", created, &flipt.Segment{
			Key: "vip", Name: "VIP", Description: "d", MatchType: flipt.MatchType_ANY_MATCH_TYPE, NamespaceKey: "default",
			CreatedAt: created.CreatedAt, UpdatedAt: created.CreatedAt,
		})
		constraint := ok(s.flipt.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
			SegmentKey: "vip", Type: flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE, Property: "p", Operator: "true",
		}))(t)

		updated := ok(s.flipt.UpdateSegment(ctx, &flipt.UpdateSegmentRequest{Key: "vip", Name: "Very"}))(t)
		want := proto.CloneOf(created)
		want.Name, want.Description, want.MatchType, want.UpdatedAt = "Very", "", flipt.MatchType_ALL_MATCH_TYPE, updated.UpdatedAt
		want.Constraints = []*flipt.Constraint{constraint}
		equal(t, "updated", updated, want)
		equal(t, "read", ok(s.flipt.GetSegment(ctx, &flipt.GetSegmentRequest{Key: "vip", Reference: "ignored"}))(t), want)
		equal(t, "list", ok(s.flipt.ListSegments(ctx, &flipt.ListSegmentRequest{}))(t),
			&flipt.SegmentList{Segments: []*flipt.Segment{want}, TotalCount: 1})
	})
}

func TestSegmentRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		create := func(namespace, key, name string) call {
			return to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: namespace, Key: key, Name: name})
		}
		update := func(namespace, key, name string) call {
			return to(rpc.UpdateSegment, &flipt.UpdateSegmentRequest{NamespaceKey: namespace, Key: key, Name: name})
		}
		s.refuse(t,
			refusal{create("acme", "", ""), invalid("invalid field key: must not be empty")},
			refusal{create("acme", "no good", ""), invalid("invalid field key: contains invalid characters")},
			refusal{create("acme", "x", ""), invalid("invalid field name: must not be empty")},
			refusal{create("nope", "x", "X"), notFound(`namespace "nope" not found`)},
			refusal{create("acme", "vip", "X"), invalid(`segment "acme/vip" is not unique`)},
			refusal{to(rpc.GetSegment, &flipt.GetSegmentRequest{NamespaceKey: "acme"}), invalid("invalid field key: must not be empty")},
			refusal{to(rpc.GetSegment, &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "nope"}), notFound(`segment "acme/nope" not found`)},
			refusal{to(rpc.GetSegment, &flipt.GetSegmentRequest{Key: "vip"}), notFound(`segment "default/vip" not found`)},
			refusal{update("acme", "", ""), invalid("invalid field key: must not be empty")},
			refusal{update("acme", "vip", ""), invalid("invalid field name: must not be empty")},
			refusal{update("acme", "nope", "x"), notFound(`segment "acme/nope" not found`)},
			refusal{update("nope", "vip", "x"), notFound(`segment "nope/vip" not found`)},
			refusal{to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "acme"}), invalid("invalid field key: must not be empty")},
			refusal{to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "acme", Key: "vip"}), invalid(`segment "acme/vip" is in use`)},
		)
	})
}

func TestSegmentDelete(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		remove := func(key string) call {
			return to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "acme", Key: key})
		}
		s.revisions(t, 0, remove("nope"), to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "nope", Key: "vip"}))
		inUse := refusal{remove("vip"), invalid(`segment "acme/vip" is in use`)}
		// One use after the other: by a rollout alone, by a rule alone, and by both among others.
		used := ok(s.flipt.CreateRollout(t.Context(), &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Rank: 7, Rule: bySegment(true, "de")}))(t)
		s.refuse(t, refusal{remove("de"), invalid(`segment "acme/de" is in use`)})
		update := &flipt.UpdateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: used.Id,
			Rule: &flipt.UpdateRolloutRequest_Segment{Segment: bySegment(true, "", "de", "vip").Segment}}
		s.revisions(t, 1, to(rpc.UpdateRollout, update))
		s.refuse(t, refusal{remove("de"), invalid(`segment "acme/de" is in use`)})
		s.revisions(t, 1, to(rpc.DeleteRollout, &flipt.DeleteRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: used.Id}))
		s.revisions(t, 1, to(rpc.DeleteRollout, &flipt.DeleteRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: made.segment}))
		s.refuse(t, inUse)
		s.revisions(t, 1, to(rpc.UpdateRule, &flipt.UpdateRuleRequest{
			NamespaceKey: "acme", FlagKey: "color", Id: made.rule, SegmentKeys: []string{"de", "vip"},
		}))
		s.refuse(t, inUse, refusal{remove("de"), invalid(`segment "acme/de" is in use`)})
		s.revisions(t, 1, to(rpc.UpdateRule, &flipt.UpdateRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.rule, SegmentKey: "de"}))
		s.revisions(t, 1, remove("vip"))
		s.refuse(t, refusal{to(rpc.GetSegment, &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "vip"}), notFound(`segment "acme/vip" not found`)})

		// A new one of the same key has none of the old constraints.
		s.revisions(t, 1, to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: "acme", Key: "vip", Name: "VIP"}))
		again := ok(s.flipt.GetSegment(t.Context(), &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "vip"}))(t)
		if len(again.Constraints) > 0 {
			t.Errorf("a new segment has %v", again.Constraints)
		}
	})
}
