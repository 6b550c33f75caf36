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
	_, snapshot := m.db.View()
	answer, err := legacyAnswer(snapshot, namespaceOf(r.NamespaceKey), r)
	if err != nil {
		return nil, err
	}
	answer.RequestId, answer.NamespaceKey = requestID(r.RequestId), r.NamespaceKey
	answer.Timestamp, answer.RequestDurationMillis = clock(start)
	return answer, nil
}

// BatchEvaluate implements flipt.Flipt.
func (m *management) BatchEvaluate(_ context.Context, r *flipt.BatchEvaluationRequest) (*flipt.BatchEvaluationResponse, error) {
	start := time.Now()
	namespace := namespaceOf(r.NamespaceKey)
	_, snapshot := m.db.View()
	answer := &flipt.BatchEvaluationResponse{RequestId: requestID(r.RequestId)}
	for _, item := range r.Requests {
		if key := item.GetNamespaceKey(); key != "" && key != namespace {
			return nil, invalid("invalid field namespace_key: must be the same for all requests if specified")
		}
		one, err := legacyAnswer(snapshot, namespace, item)
		if r.ExcludeNotFound && missing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one.NamespaceKey = namespace
		answer.Responses = append(answer.Responses, one)
	}
	now, duration := clock(start)
	for _, one := range answer.Responses {
		one.Timestamp = now
	}
	answer.RequestDurationMillis = duration
	return answer, nil
}

// legacyAnswer leaves request id, namespace, time and duration to the caller.
func legacyAnswer(snapshot *eval.Snapshot, namespace string, r *flipt.EvaluationRequest) (*flipt.EvaluationResponse, error) {
	flag, err := snapshot.Flag(namespace, r.GetFlagKey())
	if err != nil {
		return nil, err
	}
	var result eval.Result
	if err := flag.Variant(r.GetEntityId(), r.GetContext(), &result); err != nil {
		return nil, err
	}
	answer := &flipt.EvaluationResponse{
		EntityId: r.GetEntityId(), RequestContext: r.GetContext(), Match: result.Match, FlagKey: r.GetFlagKey(),
		Value: result.VariantKey, Attachment: result.Attachment, Reason: legacyReasons[result.Reason], SegmentKeys: result.SegmentKeys(),
	}
	if len(answer.SegmentKeys) > 0 {
		answer.SegmentKey = answer.SegmentKeys[0]
	}
	return answer, nil
}

// legacyReasons are the evaluator's in the numbers of flipt.
var legacyReasons = [...]flipt.EvaluationReason{
	eval.Unknown:      flipt.EvaluationReason_UNKNOWN_EVALUATION_REASON,
	eval.FlagDisabled: flipt.EvaluationReason_FLAG_DISABLED_EVALUATION_REASON,
	eval.Match:        flipt.EvaluationReason_MATCH_EVALUATION_REASON,
	eval.Default:      flipt.EvaluationReason_DEFAULT_EVALUATION_REASON,
}
