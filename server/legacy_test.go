package server_test

import (
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestLegacyEvaluation(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "bare", Name: "Bare", Enabled: true}))
		gold := map[string]string{"tier": "gold"}
		got := ok(s.flipt.Evaluate(ctx, &flipt.EvaluationRequest{
			RequestId: "my-id", NamespaceKey: "acme", FlagKey: "color", EntityId: "user-3", Context: gold,
		}))(t)
		checkClock(t, got.Timestamp, got.RequestDurationMillis)
		equal(t, "match", got, &flipt.EvaluationResponse{
			RequestId: "my-id", EntityId: "user-3", RequestContext: gold, Match: true, FlagKey: "color", SegmentKey: "vip",
			SegmentKeys: []string{"vip"}, Value: "red", Attachment: compactAttachment, NamespaceKey: "acme",
			Reason:    flipt.EvaluationReason_MATCH_EVALUATION_REASON,
			Timestamp: got.Timestamp, RequestDurationMillis: got.RequestDurationMillis,
		})
		// The namespace is the request's, even where that is empty.
		got = ok(s.flipt.Evaluate(ctx, &flipt.EvaluationRequest{FlagKey: "bare", EntityId: "u1"}))(t)
		checkID(t, got.RequestId)
		equal(t, "no match", got, &flipt.EvaluationResponse{
			RequestId: got.RequestId, EntityId: "u1", FlagKey: "bare", Timestamp: got.Timestamp, RequestDurationMillis: got.RequestDurationMillis,
		})
	})
}

func TestLegacyRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		evaluate := func(flag, entity string) call {
			return to(rpc.Evaluate, &flipt.EvaluationRequest{NamespaceKey: "acme", FlagKey: flag, EntityId: entity})
		}
		batch := func(namespace string, exclude bool, items ...*flipt.EvaluationRequest) call {
			return to(rpc.BatchEvaluate, &flipt.BatchEvaluationRequest{NamespaceKey: namespace, Requests: items, ExcludeNotFound: exclude})
		}
		other := invalid("invalid field namespace_key: must be the same for all requests if specified")
		s.refuse(t,
			refusal{evaluate("", ""), invalid("invalid field flagKey: must not be empty")},
			refusal{evaluate("color", ""), invalid("invalid field entityId: must not be empty")},
			refusal{evaluate("beta", "u1"), invalid("flag type BOOLEAN_FLAG_TYPE invalid")},
			refusal{evaluate("nope", "u1"), notFound(`flag "acme/nope" not found`)},
			refusal{to(rpc.Evaluate, &flipt.EvaluationRequest{FlagKey: "nope", EntityId: "u1"}), notFound(`flag "default/nope" not found`)},
			refusal{batch("acme", false, &flipt.EvaluationRequest{FlagKey: "nope", EntityId: "u1"}), notFound(`flag "acme/nope" not found`)},
			refusal{batch("", false, &flipt.EvaluationRequest{FlagKey: "nope", EntityId: "u1"}), notFound(`flag "default/nope" not found`)},
			refusal{batch("acme", true, &flipt.EvaluationRequest{FlagKey: "beta", EntityId: "u1"}), invalid("flag type BOOLEAN_FLAG_TYPE invalid")},
			refusal{batch("acme", false, &flipt.EvaluationRequest{NamespaceKey: "default", FlagKey: "color", EntityId: "u1"}), other},
			refusal{batch("", false, &flipt.EvaluationRequest{NamespaceKey: "acme", FlagKey: "color", EntityId: "u1"}), other},
		)
	})
}

func TestLegacyBatch(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		gold := map[string]string{"tier": "gold"}
		got := ok(s.flipt.BatchEvaluate(ctx, &flipt.BatchEvaluationRequest{NamespaceKey: "acme", ExcludeNotFound: true, Requests: []*flipt.EvaluationRequest{
			{RequestId: "dropped", FlagKey: "color", EntityId: "user-4", Context: gold},
			{FlagKey: "nope", EntityId: "u1"},
			{NamespaceKey: "acme", FlagKey: "color"}, // entity ids may be empty here
		}}))(t)
		checkID(t, got.RequestId)
		if len(got.Responses) != 2 {
			t.Fatalf("%d responses, want 2: %v", len(got.Responses), got.Responses)
		}
		at := got.Responses[0].Timestamp
		checkClock(t, at, got.RequestDurationMillis)
		equal(t, "batch", got, &flipt.BatchEvaluationResponse{
			RequestId: got.RequestId, RequestDurationMillis: got.RequestDurationMillis,
			Responses: []*flipt.EvaluationResponse{
				{
					EntityId: "user-4", RequestContext: gold, Match: true, FlagKey: "color", SegmentKey: "vip", SegmentKeys: []string{"vip"},
					Value: "blue", NamespaceKey: "acme", Reason: flipt.EvaluationReason_MATCH_EVALUATION_REASON, Timestamp: at,
				},
				{FlagKey: "color", NamespaceKey: "acme", Timestamp: at},
			},
		})
		empty := ok(s.flipt.BatchEvaluate(ctx, &flipt.BatchEvaluationRequest{RequestId: "my-id"}))(t)
		if empty.RequestId != "my-id" || len(empty.Responses) > 0 {
			t.Errorf("an empty batch is answered with %v", empty)
		}
	})
}

// TestLegacyBatchOrder holds a batch to the order of its items: the first that is wrong decides.
func TestLegacyBatchOrder(t *testing.T) {
	t.Parallel()
	c := start(t).overGRPC()
	_, err := c.flipt.BatchEvaluate(t.Context(), &flipt.BatchEvaluationRequest{Requests: []*flipt.EvaluationRequest{
		{FlagKey: "nope", EntityId: "e"}, {FlagKey: "nope", EntityId: "e", NamespaceKey: "other"},
	}})
	if want := notFound("flag %q not found", "default/nope"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
