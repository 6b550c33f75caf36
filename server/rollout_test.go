package server_test

import (
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

func bySegment(value bool, one string, several ...string) *flipt.CreateRolloutRequest_Segment {
	return &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{SegmentKey: one, SegmentKeys: several, SegmentOperator: and, Value: value}}
}

func byThreshold(percentage float32) *flipt.CreateRolloutRequest_Threshold {
	return &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: percentage, Value: true}}
}

func TestRollout(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		read := func(flag, id string) *flipt.Rollout {
			return ok(s.flipt.GetRollout(ctx, &flipt.GetRolloutRequest{NamespaceKey: "acme", FlagKey: flag, Id: id}))(t)
		}
		one := ok(s.flipt.CreateRollout(ctx, &flipt.CreateRolloutRequest{
			NamespaceKey: "acme", FlagKey: "beta", Rank: 3, Description: "d", Rule: bySegment(true, "", "vip", "vip"),
		}))(t)
		checkTimes(t, one.CreatedAt, one.UpdatedAt)
		checkID(t, one.Id)
		want := &flipt.Rollout{
			Id: one.Id, NamespaceKey: "acme", FlagKey: "beta", Rank: 3, Description: "d", Type: flipt.RolloutType_SEGMENT_ROLLOUT_TYPE,
			CreatedAt: one.CreatedAt, UpdatedAt: one.CreatedAt,
			Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKey: "vip", Value: true}},
		}
		equal(t, "with one segment", one, want)
		equal(t, "read under another flag", read("nope", one.Id), want)

		several := ok(s.flipt.CreateRollout(ctx, &flipt.CreateRolloutRequest{
			NamespaceKey: "acme", FlagKey: "beta", Rank: 0, Rule: bySegment(false, "", "vip", "de", "vip"),
		}))(t)
		want = &flipt.Rollout{
			Id: several.Id, NamespaceKey: "acme", FlagKey: "beta", Type: flipt.RolloutType_SEGMENT_ROLLOUT_TYPE,
			CreatedAt: several.CreatedAt, UpdatedAt: several.CreatedAt,
			Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"vip", "de"}, SegmentOperator: and}},
		}
		equal(t, "with several segments", several, want)
		want.GetSegment().SegmentKeys = []string{"de", "vip"}
		equal(t, "read", read("beta", several.Id), want)

		threshold := ok(s.flipt.CreateRollout(ctx, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Rank: 9, Rule: byThreshold(100)}))(t)
		equal(t, "with a threshold", threshold, &flipt.Rollout{
			Id: threshold.Id, NamespaceKey: "acme", FlagKey: "beta", Rank: 9, Type: flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE,
			CreatedAt: threshold.CreatedAt, UpdatedAt: threshold.CreatedAt,
			Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 100, Value: true}},
		})
		if got := s.rolloutRanks(t); !slices.Equal(got, []int32{0, 1, 2, 3, 9}) {
			t.Errorf("ranks %v", got)
		}
	})
}

// rolloutRanks returns the ranks of the rollouts of flag acme/beta as they are listed.
func (s session) rolloutRanks(t *testing.T) []int32 {
	t.Helper()
	list := ok(s.flipt.ListRollouts(t.Context(), &flipt.ListRolloutRequest{NamespaceKey: "acme", FlagKey: "beta"}))(t)
	ranks := make([]int32, len(list.Rules))
	for i, rollout := range list.Rules {
		ranks[i] = rollout.Rank
	}
	if int(list.TotalCount) != len(ranks) {
		t.Errorf("%d rollouts of %d", len(ranks), list.TotalCount)
	}
	return ranks
}

func TestRolloutRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		create := func(flag string, rank int32, r *flipt.CreateRolloutRequest) call {
			r.NamespaceKey, r.FlagKey, r.Rank = "acme", flag, rank
			return to(rpc.CreateRollout, r)
		}
		none, both := invalid("invalid field segmentKey or segmentKeys: must not be empty"), invalid("invalid field segmentKey or segmentKeys: only one can be present")
		outside := invalid("invalid field threshold.percentage: must be within range [0, 100]")
		s.refuse(t,
			refusal{create("", 3, &flipt.CreateRolloutRequest{}), invalid("invalid field flagKey: must not be empty")},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: byThreshold(150)}), outside},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: byThreshold(-0.5)}), outside},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: byThreshold(float32(math.NaN()))}), outside},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: bySegment(true, "")}), none},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: bySegment(true, "vip", "de")}), both},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{}), invalid("rollout rule is missing")},
			refusal{create("beta", 2, &flipt.CreateRolloutRequest{}), invalid("rollout rule is missing")},
			refusal{create("beta", 2, &flipt.CreateRolloutRequest{Rule: byThreshold(5)}), invalid("rank number: 2 already exists")},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: byThreshold(5)}), notFound(`flag "acme/nope" not found`)},
			refusal{create("nope", 3, &flipt.CreateRolloutRequest{Rule: bySegment(true, "vip")}), notFound(`flag "acme/nope or segment vip" not found`)},
			refusal{create("beta", 3, &flipt.CreateRolloutRequest{Rule: bySegment(true, "nope")}), notFound(`flag "acme/beta or segment nope" not found`)},
			refusal{create("beta", 3, &flipt.CreateRolloutRequest{Rule: bySegment(true, "", "vip", "nope")}), notFound(`flag "acme/beta or segment " not found`)},
			refusal{to(rpc.GetRollout, &flipt.GetRolloutRequest{NamespaceKey: "acme", FlagKey: "beta"}), invalid("invalid field id: must not be empty")},
			refusal{to(rpc.GetRollout, &flipt.GetRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: "zzz"}), notFound(`rollout "acme/zzz" not found`)},
			refusal{to(rpc.GetRollout, &flipt.GetRolloutRequest{NamespaceKey: "default", FlagKey: "beta", Id: made.segment}), notFound("rollout %q not found", "default/"+made.segment)},
			refusal{to(rpc.OrderRollouts, &flipt.OrderRolloutsRequest{NamespaceKey: "acme"}), invalid("invalid field flagKey: must not be empty")},
			refusal{to(rpc.OrderRollouts, &flipt.OrderRolloutsRequest{NamespaceKey: "acme", FlagKey: "beta", RolloutIds: []string{made.segment}}),
				invalid("invalid field rolloutIds: must contain atleast 2 elements")},
			refusal{to(rpc.DeleteRollout, &flipt.DeleteRolloutRequest{NamespaceKey: "acme", FlagKey: "beta"}), invalid("invalid field id: must not be empty")},
			refusal{to(rpc.DeleteRollout, &flipt.DeleteRolloutRequest{NamespaceKey: "acme", Id: made.segment}), invalid("invalid field flagKey: must not be empty")},
		)
	})
}

func TestRolloutUpdateRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		segment := func(one string, several ...string) *flipt.UpdateRolloutRequest {
			return &flipt.UpdateRolloutRequest{Rule: &flipt.UpdateRolloutRequest_Segment{Segment: bySegment(true, one, several...).Segment}}
		}
		threshold := func(percentage float32) *flipt.UpdateRolloutRequest {
			return &flipt.UpdateRolloutRequest{Rule: &flipt.UpdateRolloutRequest_Threshold{Threshold: byThreshold(percentage).Threshold}}
		}
		update := func(id, flag string, r *flipt.UpdateRolloutRequest) call {
			r.NamespaceKey, r.Id, r.FlagKey = "acme", id, flag
			return to(rpc.UpdateRollout, r)
		}
		s.refuse(t,
			refusal{update("", "", segment("")), invalid("invalid field id: must not be empty")},
			refusal{update("zzz", "", segment("")), invalid("invalid field flagKey: must not be empty")},
			refusal{update("zzz", "beta", threshold(101)), invalid("invalid field threshold.percentage: must be within range [0, 100]")},
			refusal{update("zzz", "beta", segment("")), invalid("invalid field segmentKey or segmentKeys: must not be empty")},
			refusal{update("zzz", "beta", segment("vip", "de")), invalid("invalid field segmentKey or segmentKeys: only one can be present")},
			refusal{update(made.segment, "beta", &flipt.UpdateRolloutRequest{}), invalid("invalid field rule: invalid rollout rule type")},
			refusal{update("zzz", "beta", threshold(1)), notFound(`rollout "acme/zzz" not found`)},
			refusal{update(made.fraction, "color", threshold(1)), notFound("rollout %q not found", "acme/"+made.fraction)},
			refusal{update(made.fraction, "beta", segment("vip")),
				invalid(`cannot change type of rollout: have "THRESHOLD_ROLLOUT_TYPE" attempted "SEGMENT_ROLLOUT_TYPE"`)},
			refusal{update(made.segment, "beta", threshold(1)),
				invalid(`cannot change type of rollout: have "SEGMENT_ROLLOUT_TYPE" attempted "THRESHOLD_ROLLOUT_TYPE"`)},
			refusal{update(made.segment, "beta", segment("nope")), notFound(`flag "acme/beta or segment nope" not found`)},
		)
	})
}

func TestRolloutUpdate(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		read := func(id string) *flipt.Rollout {
			return ok(s.flipt.GetRollout(ctx, &flipt.GetRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: id}))(t)
		}
		want := read(made.segment)
		updated := ok(s.flipt.UpdateRollout(ctx, &flipt.UpdateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: made.segment, Description: "d",
			Rule: &flipt.UpdateRolloutRequest_Segment{Segment: bySegment(false, "", "vip", "de").Segment}}))(t)
		want.Description, want.UpdatedAt = "d", updated.UpdatedAt
		want.Rule = &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"de", "vip"}, SegmentOperator: and}}
		equal(t, "segments", read(made.segment), want)

		want = read(made.fraction)
		updated = ok(s.flipt.UpdateRollout(ctx, &flipt.UpdateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: made.fraction,
			Rule: &flipt.UpdateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 0.5}}}))(t)
		want.Rule, want.UpdatedAt = &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 0.5}}, updated.UpdatedAt
		equal(t, "threshold", updated, want)
		equal(t, "threshold, read", read(made.fraction), want)
	})
}

func TestRolloutOrder(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		third := ok(s.flipt.CreateRollout(ctx, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Rank: 7, Rule: byThreshold(1)}))(t).Id
		list := func() []*flipt.Rollout {
			return ok(s.flipt.ListRollouts(ctx, &flipt.ListRolloutRequest{NamespaceKey: "acme", FlagKey: "beta"}))(t).Rules
		}
		order := func(flag string, ids ...string) call {
			return to(rpc.OrderRollouts, &flipt.OrderRolloutsRequest{NamespaceKey: "acme", FlagKey: flag, RolloutIds: ids})
		}
		s.revisions(t, 0, order("nope", third, made.segment), order("color", third, made.segment), order("beta", "zzz", "yyy"))
		s.revisions(t, 1, order("beta", third, "zzz", made.segment))
		rollouts := list()
		for i, want := range []struct {
			id   string
			rank int32
		}{{third, 1}, {made.fraction, 2}, {made.segment, 3}} {
			if rollouts[i].Id != want.id || rollouts[i].Rank != want.rank {
				t.Errorf("place %d: %s of rank %d, want %s of rank %d", i, rollouts[i].Id, rollouts[i].Rank, want.id, want.rank)
			}
		}
		if named := rollouts[0].UpdatedAt; !proto.Equal(rollouts[2].UpdatedAt, named) || proto.Equal(rollouts[1].UpdatedAt, named) {
			t.Errorf("times of update: %v", rollouts)
		}
		remove := func(flag, id string) call {
			return to(rpc.DeleteRollout, &flipt.DeleteRolloutRequest{NamespaceKey: "acme", FlagKey: flag, Id: id})
		}
		s.revisions(t, 0, remove("nope", third), remove("color", third))
		s.revisions(t, 1, remove("beta", made.fraction))
		rollouts = list()
		if len(rollouts) != 2 || rollouts[0].Id != third || rollouts[1].Id != made.segment || rollouts[1].Rank != 2 {
			t.Errorf("after the deletion: %v", rollouts)
		}
		if !proto.Equal(rollouts[0].UpdatedAt, rollouts[1].UpdatedAt) {
			t.Errorf("times of update after the deletion: %v", rollouts)
		}
	})
}
