package server

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/server/eval"
)

// evaluator serves flipt.evaluation.EvaluationService (evaluation.md 6).
type evaluator struct {
	counting *counting
}

// Variant implements flipt.evaluation.EvaluationService.
func (e *evaluator) Variant(ctx context.Context, r *evaluation.EvaluationRequest) (*evaluation.VariantEvaluationResponse, error) {
	start := time.Now()
	snapshot, counting, err := e.counting.viewOf(ctx, r.Reference)
	if err != nil {
		return nil, err
	}
	flag, err := counting.flag(snapshot, namespaceOf(r.NamespaceKey), r.FlagKey)
	if err != nil {
		return nil, err
	}
	var result eval.Result
	if err := flag.Variant(r.EntityId, r.Context, &result); err != nil {
		return nil, err
	}
	counting.count(evaluated{flag, result.Outcome()})
	answer := variantAnswer(r, &result)
	answer.RequestId = requestID(r.RequestId)
	answer.Timestamp, answer.RequestDurationMillis = clock(start)
	return answer, nil
}

// Boolean implements flipt.evaluation.EvaluationService.
func (e *evaluator) Boolean(ctx context.Context, r *evaluation.EvaluationRequest) (*evaluation.BooleanEvaluationResponse, error) {
	start := time.Now()
	snapshot, counting, err := e.counting.viewOf(ctx, r.Reference)
	if err != nil {
		return nil, err
	}
	flag, err := counting.flag(snapshot, namespaceOf(r.NamespaceKey), r.FlagKey)
	if err != nil {
		return nil, err
	}
	var result eval.Result
	if err := flag.Boolean(r.EntityId, r.Context, &result); err != nil {
		return nil, err
	}
	counting.count(evaluated{flag, result.Outcome()})
	answer := booleanAnswer(r, &result)
	answer.RequestId = requestID(r.RequestId)
	answer.Timestamp, answer.RequestDurationMillis = clock(start)
	return answer, nil
}

// Batch implements flipt.evaluation.EvaluationService. All items are evaluated against one state, and share time and
// duration.
func (e *evaluator) Batch(ctx context.Context, r *evaluation.BatchEvaluationRequest) (*evaluation.BatchEvaluationResponse, error) {
	start := time.Now()
	snapshot, counting, err := e.counting.viewOf(ctx, r.Reference)
	if err != nil {
		return nil, err
	}
	b := batch{snapshot: snapshot, counting: counting, evaluated: make([]evaluated, 0, len(r.Requests))}
	answer := &evaluation.BatchEvaluationResponse{
		RequestId: requestID(r.RequestId),
		Responses: make([]*evaluation.EvaluationResponse, len(r.Requests)),
	}
	for i, item := range r.Requests {
		var err error
		if answer.Responses[i], err = b.evaluate(item); err != nil {
			return nil, err
		}
	}
	counting.count(b.evaluated...)
	now, duration := clock(start)
	for _, item := range answer.Responses {
		switch response := item.Response.(type) {
		case *evaluation.EvaluationResponse_VariantResponse:
			response.VariantResponse.Timestamp, response.VariantResponse.RequestDurationMillis = now, duration
		case *evaluation.EvaluationResponse_BooleanResponse:
			response.BooleanResponse.Timestamp, response.BooleanResponse.RequestDurationMillis = now, duration
		}
	}
	answer.RequestDurationMillis = duration
	return answer, nil
}

// batch is a batch that is being evaluated.
type batch struct {
	snapshot  *eval.Snapshot
	counting  *counting
	evaluated []evaluated // counted if nothing fails
}

// evaluate answers one request of a batch. An unknown flag is an answer; anything else that is wrong fails the batch.
func (b *batch) evaluate(r *evaluation.EvaluationRequest) (*evaluation.EvaluationResponse, error) {
	flag, err := b.counting.flag(b.snapshot, namespaceOf(r.GetNamespaceKey()), r.GetFlagKey())
	if missing(err) {
		return &evaluation.EvaluationResponse{
			Type: evaluation.EvaluationResponseType_ERROR_EVALUATION_RESPONSE_TYPE,
			Response: &evaluation.EvaluationResponse_ErrorResponse{ErrorResponse: &evaluation.ErrorEvaluationResponse{
				FlagKey: r.GetFlagKey(), NamespaceKey: r.GetNamespaceKey(),
				Reason: evaluation.ErrorEvaluationReason_NOT_FOUND_ERROR_EVALUATION_REASON,
			}},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	var result eval.Result
	switch flag.Type() {
	case flipt.FlagType_VARIANT_FLAG_TYPE:
		if err := flag.Variant(r.GetEntityId(), r.GetContext(), &result); err != nil {
			return nil, err
		}
		b.evaluated = append(b.evaluated, evaluated{flag, result.Outcome()})
		answer := variantAnswer(r, &result)
		answer.RequestId = r.GetRequestId()
		return &evaluation.EvaluationResponse{
			Type:     evaluation.EvaluationResponseType_VARIANT_EVALUATION_RESPONSE_TYPE,
			Response: &evaluation.EvaluationResponse_VariantResponse{VariantResponse: answer},
		}, nil
	case flipt.FlagType_BOOLEAN_FLAG_TYPE:
		if err := flag.Boolean(r.GetEntityId(), r.GetContext(), &result); err != nil {
			return nil, err
		}
		b.evaluated = append(b.evaluated, evaluated{flag, result.Outcome()})
		answer := booleanAnswer(r, &result)
		answer.RequestId = r.GetRequestId()
		return &evaluation.EvaluationResponse{
			Type:     evaluation.EvaluationResponseType_BOOLEAN_EVALUATION_RESPONSE_TYPE,
			Response: &evaluation.EvaluationResponse_BooleanResponse{BooleanResponse: answer},
		}, nil
	default:
		return nil, invalid("unknown flag type: %d", flag.Type())
	}
}

func variantAnswer(r *evaluation.EvaluationRequest, result *eval.Result) *evaluation.VariantEvaluationResponse {
	return &evaluation.VariantEvaluationResponse{
		Match: result.Match, SegmentKeys: result.SegmentKeys(), Reason: reasons[result.Reason], VariantKey: result.VariantKey,
		VariantAttachment: result.Attachment, FlagKey: r.GetFlagKey(),
	}
}

func booleanAnswer(r *evaluation.EvaluationRequest, result *eval.Result) *evaluation.BooleanEvaluationResponse {
	return &evaluation.BooleanEvaluationResponse{
		Enabled: result.Enabled, SegmentKeys: result.SegmentKeys(), Reason: reasons[result.Reason], FlagKey: r.GetFlagKey(),
	}
}

// reasons are the evaluator's in the numbers of flipt.evaluation.
var reasons = [...]evaluation.EvaluationReason{
	eval.Unknown:      evaluation.EvaluationReason_UNKNOWN_EVALUATION_REASON,
	eval.FlagDisabled: evaluation.EvaluationReason_FLAG_DISABLED_EVALUATION_REASON,
	eval.Match:        evaluation.EvaluationReason_MATCH_EVALUATION_REASON,
	eval.Default:      evaluation.EvaluationReason_DEFAULT_EVALUATION_REASON,
}

// missing says whether an evaluation failed because the flag does not exist.
func missing(err error) bool {
	if err == nil {
		return false // before anything is allocated for errors.As
	}
	failed := (*eval.Error)(nil)
	return errors.As(err, &failed) && failed.Kind == eval.NotFound
}

// requestID is the one that was sent, or a new one.
func requestID(sent string) string {
	if sent == "" {
		return uuid.NewString()
	}
	return sent
}

// clock returns the time and the milliseconds since start.
func clock(start time.Time) (*timestamppb.Timestamp, float64) {
	now := time.Now()
	return timestamppb.New(now), float64(now.Sub(start)) / float64(time.Millisecond)
}
