package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

const (
	unknownReason  = evaluation.EvaluationReason_UNKNOWN_EVALUATION_REASON
	disabledReason = evaluation.EvaluationReason_FLAG_DISABLED_EVALUATION_REASON
	matchReason    = evaluation.EvaluationReason_MATCH_EVALUATION_REASON
	defaultReason  = evaluation.EvaluationReason_DEFAULT_EVALUATION_REASON
)

// checkClock wants a time of a moment ago and a duration.
func checkClock(t *testing.T, at *timestamppb.Timestamp, millis float64) {
	t.Helper()
	if age := time.Since(at.AsTime()); at == nil || age < -time.Second || age > time.Minute || millis < 0 || millis > 60_000 {
		t.Errorf("answered at %v within %v ms", at.AsTime(), millis)
	}
}

func about(flag, entity string, nameValues ...string) *evaluation.EvaluationRequest {
	r := &evaluation.EvaluationRequest{NamespaceKey: "acme", FlagKey: flag, EntityId: entity, Context: map[string]string{}}
	for i := 0; i < len(nameValues); i += 2 {
		r.Context[nameValues[i]] = nameValues[i+1]
	}
	return r
}

func TestVariantEvaluation(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		check := func(what string, r *evaluation.EvaluationRequest, want *evaluation.VariantEvaluationResponse) {
			t.Helper()
			got := ok(s.evaluation.Variant(ctx, r))(t)
			checkClock(t, got.Timestamp, got.RequestDurationMillis)
			if r.RequestId == "" {
				checkID(t, got.RequestId)
				want.RequestId = got.RequestId
			}
			want.Timestamp, want.RequestDurationMillis = got.Timestamp, got.RequestDurationMillis
			equal(t, what, got, want)
		}
		// coloru1 has bucket 797 of 1000, coloruser-3 has 222.
		check("match", about("color", "user-3", "tier", "gold"), &evaluation.VariantEvaluationResponse{
			Match: true, SegmentKeys: []string{"vip"}, Reason: matchReason, VariantKey: "red", VariantAttachment: compactAttachment, FlagKey: "color",
		})
		request := about("color", "user-4", "tier", "gold")
		request.RequestId, request.Reference = "my-id", "ignored"
		check("match with a request id", request, &evaluation.VariantEvaluationResponse{
			Match: true, SegmentKeys: []string{"vip"}, Reason: matchReason, VariantKey: "blue", FlagKey: "color", RequestId: "my-id",
		})
		check("no match", about("color", "user-3", "tier", "silver"), &evaluation.VariantEvaluationResponse{FlagKey: "color"})

		update := func(enabled bool) call {
			return to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{
				NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: enabled, DefaultVariantId: made.red,
			})
		}
		s.revisions(t, 1, update(true))
		check("default", about("color", "", "tier", "silver"), &evaluation.VariantEvaluationResponse{
			FlagKey: "color", Reason: defaultReason, VariantKey: "red", VariantAttachment: compactAttachment,
		})
		s.revisions(t, 1, update(false))
		check("disabled", about("color", "user-4", "tier", "gold"), &evaluation.VariantEvaluationResponse{
			FlagKey: "color", Reason: disabledReason, VariantKey: "red", VariantAttachment: compactAttachment,
		})
	})
}

func TestBooleanEvaluation(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		check := func(what string, r *evaluation.EvaluationRequest, want *evaluation.BooleanEvaluationResponse) {
			t.Helper()
			got := ok(s.evaluation.Boolean(t.Context(), r))(t)
			checkClock(t, got.Timestamp, got.RequestDurationMillis)
			checkID(t, got.RequestId)
			want.RequestId, want.Timestamp, want.RequestDurationMillis = got.RequestId, got.Timestamp, got.RequestDurationMillis
			equal(t, what, got, want)
		}
		check("segment", about("beta", "u1", "tier", "gold"), &evaluation.BooleanEvaluationResponse{
			Enabled: true, Reason: matchReason, FlagKey: "beta", SegmentKeys: []string{"vip"},
		})
		// Without a segment, the threshold of 25.5 % and then the flag itself decide.
		check("nothing", about("beta", "u1"), &evaluation.BooleanEvaluationResponse{Reason: defaultReason, FlagKey: "beta"})
		matched := 0
		for i := range 40 {
			r := about("beta", strings.Repeat("x", i))
			if got := ok(s.evaluation.Boolean(t.Context(), r))(t); got.Enabled {
				matched++
				check("threshold", r, &evaluation.BooleanEvaluationResponse{Enabled: true, Reason: matchReason, FlagKey: "beta"})
			}
		}
		if matched == 0 || matched == 40 {
			t.Errorf("the threshold matches %d of 40 entities", matched)
		}
		// Enabled is the answer when nothing matches, and no switch.
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "beta", Name: "Beta", Enabled: true}))
		check("enabled", about("beta", "u1"), &evaluation.BooleanEvaluationResponse{Enabled: true, Reason: defaultReason, FlagKey: "beta"})
	})
}

func TestEvaluationRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "odd", Name: "Odd", Type: 7}))
		elsewhere := &evaluation.EvaluationRequest{FlagKey: "color", EntityId: "u1"}
		batch := func(items ...*evaluation.EvaluationRequest) call {
			return toEval(evalRPC.Batch, &evaluation.BatchEvaluationRequest{Requests: items})
		}
		s.refuse(t,
			refusal{toEval(evalRPC.Variant, about("nope", "u1")), notFound(`flag "acme/nope" not found`)},
			refusal{toEval(evalRPC.Variant, about("", "u1")), notFound(`flag "acme" not found`)},
			refusal{toEval(evalRPC.Variant, elsewhere), notFound(`flag "default/color" not found`)},
			refusal{toEval(evalRPC.Variant, about("beta", "u1")), invalid("flag type BOOLEAN_FLAG_TYPE invalid")},
			refusal{toEval(evalRPC.Variant, about("odd", "u1")), invalid("flag type 7 invalid")},
			refusal{toEval(evalRPC.Boolean, about("nope", "u1")), notFound(`flag "acme/nope" not found`)},
			refusal{toEval(evalRPC.Boolean, elsewhere), notFound(`flag "default/color" not found`)},
			refusal{toEval(evalRPC.Boolean, about("color", "u1")), invalid("flag type VARIANT_FLAG_TYPE invalid")},
			refusal{toEval(evalRPC.Boolean, about("odd", "u1")), invalid("flag type 7 invalid")},
			// Anything but an unknown flag fails the whole batch.
			refusal{batch(about("color", "u1"), about("odd", "u1")), invalid("unknown flag type: 7")},
		)
	})
}

func TestBatchEvaluation(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		second := about("beta", "u1")
		second.RequestId = "r2"
		lost := &evaluation.EvaluationRequest{FlagKey: "nope", EntityId: "u1"}
		got := ok(s.evaluation.Batch(ctx, &evaluation.BatchEvaluationRequest{
			RequestId: "outer", Requests: []*evaluation.EvaluationRequest{about("color", "user-3", "tier", "gold"), second, lost, about("nope", "")},
		}))(t)
		if len(got.Responses) != 4 {
			t.Fatalf("%d responses, want 4", len(got.Responses))
		}
		variant, boolean := got.Responses[0].GetVariantResponse(), got.Responses[1].GetBooleanResponse()
		checkClock(t, variant.GetTimestamp(), got.RequestDurationMillis)
		if !proto.Equal(variant.GetTimestamp(), boolean.GetTimestamp()) {
			t.Errorf("times %v and %v, want one", variant.GetTimestamp(), boolean.GetTimestamp())
		}
		missing := func(namespace string) *evaluation.EvaluationResponse {
			return &evaluation.EvaluationResponse{
				Type: evaluation.EvaluationResponseType_ERROR_EVALUATION_RESPONSE_TYPE,
				Response: &evaluation.EvaluationResponse_ErrorResponse{ErrorResponse: &evaluation.ErrorEvaluationResponse{
					FlagKey: "nope", NamespaceKey: namespace, Reason: evaluation.ErrorEvaluationReason_NOT_FOUND_ERROR_EVALUATION_REASON,
				}},
			}
		}
		at, took := variant.GetTimestamp(), got.RequestDurationMillis
		equal(t, "batch", got, &evaluation.BatchEvaluationResponse{RequestId: "outer", RequestDurationMillis: took, Responses: []*evaluation.EvaluationResponse{
			{
				Type: evaluation.EvaluationResponseType_VARIANT_EVALUATION_RESPONSE_TYPE,
				Response: &evaluation.EvaluationResponse_VariantResponse{VariantResponse: &evaluation.VariantEvaluationResponse{
					Match: true, SegmentKeys: []string{"vip"}, Reason: matchReason, VariantKey: "red", VariantAttachment: compactAttachment,
					FlagKey: "color", Timestamp: at, RequestDurationMillis: took,
				}},
			},
			{
				Type: evaluation.EvaluationResponseType_BOOLEAN_EVALUATION_RESPONSE_TYPE,
				Response: &evaluation.EvaluationResponse_BooleanResponse{BooleanResponse: &evaluation.BooleanEvaluationResponse{
					Reason: defaultReason, RequestId: "r2", FlagKey: "beta", Timestamp: at, RequestDurationMillis: took,
				}},
			},
			missing(""), missing("acme"),
		}})
		empty := ok(s.evaluation.Batch(ctx, &evaluation.BatchEvaluationRequest{Reference: "ignored"}))(t)
		checkID(t, empty.RequestId)
		if len(empty.Responses) > 0 {
			t.Errorf("an empty batch is answered with %v", empty.Responses)
		}
	})
}

// TestEvaluationOfSeveralSegments looks at which segments are named, by OR and by AND.
func TestEvaluationOfSeveralSegments(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		evaluate := func(context ...string) []string {
			got := ok(s.evaluation.Variant(t.Context(), about("color", "u1", context...)))(t)
			if got.Match != (len(got.SegmentKeys) > 0) {
				t.Errorf("match %v with segments %v", got.Match, got.SegmentKeys)
			}
			slices.Sort(got.SegmentKeys)
			return got.SegmentKeys
		}
		update := func(operator flipt.SegmentOperator) {
			s.revisions(t, 1, to(rpc.UpdateRule, &flipt.UpdateRuleRequest{
				NamespaceKey: "acme", FlagKey: "color", Id: made.rule, SegmentKeys: []string{"vip", "de"}, SegmentOperator: operator,
			}))
		}
		update(flipt.SegmentOperator_OR_SEGMENT_OPERATOR)
		if got := evaluate("country", "DE"); !slices.Equal(got, []string{"de"}) {
			t.Errorf("one of two: %v", got)
		}
		if got := evaluate("country", "DE", "tier", "gold"); !slices.Equal(got, []string{"de", "vip"}) {
			t.Errorf("two of two: %v", got)
		}
		update(and)
		if got := evaluate("country", "DE"); len(got) != 0 {
			t.Errorf("one where both must match: %v", got)
		}
		if got := evaluate("country", "DE", "tier", "gold"); !slices.Equal(got, []string{"de", "vip"}) {
			t.Errorf("both: %v", got)
		}
	})
}

// TestEvaluationDeadline ends a call whose time is over.
func TestEvaluationDeadline(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		if _, err := s.evaluation.Variant(ctx, about("color", "u1")); err == nil || !strings.HasPrefix(err.Error(), "deadline_exceeded: ") {
			t.Errorf("got %v", err)
		}
	})
}
