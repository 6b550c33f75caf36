package server

import (
	"context"
	"time"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/eval"
)

// Evaluate implements flipt.Flipt.
func (m *management) Evaluate(_ context.Context, r *flipt.EvaluationRequest) (*flipt.EvaluationResponse, error) {
	start := time.Now()
	snapshot, counting := m.counting.view()
	answer, evaluated, err := legacyAnswer(snapshot, counting, namespaceOf(r.NamespaceKey), r)
	if err != nil {
		return nil, err
	}
	counting.count(evaluated)
	answer.RequestId, answer.NamespaceKey = requestID(r.RequestId), r.NamespaceKey
	answer.Timestamp, answer.RequestDurationMillis = clock(start)
	return answer, nil
}

// BatchEvaluate implements flipt.Flipt.
func (m *management) BatchEvaluate(_ context.Context, r *flipt.BatchEvaluationRequest) (*flipt.BatchEvaluationResponse, error) {
	start := time.Now()
	namespace := namespaceOf(r.NamespaceKey)
	snapshot, counting := m.counting.view()
	var all []evaluated
	answer := &flipt.BatchEvaluationResponse{RequestId: requestID(r.RequestId)}
	for _, item := range r.Requests {
		if key := item.GetNamespaceKey(); key != "" && key != namespace {
			return nil, invalid("invalid field namespace_key: must be the same for all requests if specified")
		}
		one, evaluated, err := legacyAnswer(snapshot, counting, namespace, item)
		if r.ExcludeNotFound && missing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one.NamespaceKey, all = namespace, append(all, evaluated)
		answer.Responses = append(answer.Responses, one)
	}
	counting.count(all...)
	now, duration := clock(start)
	for _, one := range answer.Responses {
		one.Timestamp = now
	}
	answer.RequestDurationMillis = duration
	return answer, nil
}

// legacyAnswer leaves request id, namespace, time, duration and counting the evaluation to the caller.
func legacyAnswer(
	snapshot *eval.Snapshot, counting *counting, namespace string, r *flipt.EvaluationRequest,
) (*flipt.EvaluationResponse, evaluated, error) {
	flag, err := counting.flag(snapshot, namespace, r.GetFlagKey())
	if err != nil {
		return nil, evaluated{}, err
	}
	var result eval.Result
	if err := flag.Variant(r.GetEntityId(), r.GetContext(), &result); err != nil {
		return nil, evaluated{}, err
	}
	answer := &flipt.EvaluationResponse{
		EntityId: r.GetEntityId(), RequestContext: r.GetContext(), Match: result.Match, FlagKey: r.GetFlagKey(),
		Value: result.VariantKey, Attachment: result.Attachment, Reason: legacyReasons[result.Reason], SegmentKeys: result.SegmentKeys(),
	}
	if len(answer.SegmentKeys) > 0 {
		answer.SegmentKey = answer.SegmentKeys[0]
	}
	return answer, evaluated{flag, result.Outcome()}, nil
}

// legacyReasons are the evaluator's in the numbers of flipt.
var legacyReasons = [...]flipt.EvaluationReason{
	eval.Unknown:      flipt.EvaluationReason_UNKNOWN_EVALUATION_REASON,
	eval.FlagDisabled: flipt.EvaluationReason_FLAG_DISABLED_EVALUATION_REASON,
	eval.Match:        flipt.EvaluationReason_MATCH_EVALUATION_REASON,
	eval.Default:      flipt.EvaluationReason_DEFAULT_EVALUATION_REASON,
}
