package wire

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// vector is what this package needs of a case of the evaluator's vectors, which the original answered: texts as they occur.
type vector struct {
	ID      string
	Request struct {
		FlagKey  string `json:"flag_key"`
		EntityID string `json:"entity_id"`
		Context  map[string]string
	}
	Expect struct {
		Variant struct {
			Match       bool
			Reason      string
			SegmentKeys []string `json:"segment_keys_set"`
			Key         string   `json:"variant_key"`
			Attachment  string   `json:"variant_attachment"`
		}
		Boolean struct {
			Enabled bool
			Reason  string
		}
	}
}

// requests are the messages that ask what the vector asks.
func (v *vector) requests() []proto.Message {
	modern := &evaluation.EvaluationRequest{
		NamespaceKey: v.ID, FlagKey: v.Request.FlagKey, EntityId: v.Request.EntityID, Context: v.Request.Context,
	}
	legacy := &flipt.EvaluationRequest{
		NamespaceKey: v.ID, FlagKey: v.Request.FlagKey, EntityId: v.Request.EntityID, Context: v.Request.Context,
	}
	context := map[string]string{"targetingKey": v.Request.EntityID}
	maps.Copy(context, v.Request.Context)
	return []proto.Message{
		modern, &evaluation.BatchEvaluationRequest{RequestId: v.ID, Requests: []*evaluation.EvaluationRequest{modern, modern}},
		legacy, &flipt.BatchEvaluationRequest{RequestId: v.ID, Requests: []*flipt.EvaluationRequest{legacy, legacy}},
		&ofrep.EvaluateFlagRequest{Key: v.Request.FlagKey, Context: context}, &ofrep.EvaluateBulkRequest{Context: context},
	}
}

// responses are the messages that answer it.
func (v *vector) responses() []proto.Message {
	now := &timestamppb.Timestamp{Seconds: 1764000000, Nanos: 1}
	variant := &evaluation.VariantEvaluationResponse{
		Match: v.Expect.Variant.Match, SegmentKeys: v.Expect.Variant.SegmentKeys, VariantKey: v.Expect.Variant.Key,
		Reason:            evaluation.EvaluationReason(evaluation.EvaluationReason_value[v.Expect.Variant.Reason]),
		VariantAttachment: v.Expect.Variant.Attachment, RequestId: v.ID, Timestamp: now, FlagKey: v.Request.FlagKey,
	}
	boolean := &evaluation.BooleanEvaluationResponse{
		Enabled: v.Expect.Boolean.Enabled, Reason: evaluation.EvaluationReason(evaluation.EvaluationReason_value[v.Expect.Boolean.Reason]),
		RequestId: v.ID, Timestamp: now, FlagKey: v.Request.FlagKey,
	}
	legacy := &flipt.EvaluationResponse{
		RequestId: v.ID, EntityId: v.Request.EntityID, RequestContext: v.Request.Context, Match: variant.Match, FlagKey: variant.FlagKey,
		Value: variant.VariantKey, Attachment: variant.VariantAttachment, Timestamp: now, SegmentKeys: variant.SegmentKeys,
	}
	remote := &ofrep.EvaluatedFlag{
		Key: variant.FlagKey, Variant: variant.VariantKey, Value: structpb.NewStringValue(variant.VariantKey),
		Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"attachment": structpb.NewStringValue(variant.VariantAttachment)}},
	}
	return []proto.Message{
		variant, boolean, legacy, remote,
		&evaluation.BatchEvaluationResponse{RequestId: v.ID, Responses: []*evaluation.EvaluationResponse{
			{Response: &evaluation.EvaluationResponse_VariantResponse{VariantResponse: variant}},
			{Response: &evaluation.EvaluationResponse_BooleanResponse{BooleanResponse: boolean}},
		}},
		&flipt.BatchEvaluationResponse{RequestId: v.ID, Responses: []*flipt.EvaluationResponse{legacy, legacy}},
		&ofrep.BulkEvaluationResponse{Flags: []*ofrep.EvaluatedFlag{remote, remote}},
	}
}

// TestVectors reads the requests of all vectors and writes their answers.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../eval/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count int
		Cases []vector
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != file.Count || file.Count == 0 {
		t.Fatalf("got %d cases, want %d", len(file.Cases), file.Count)
	}
	for _, v := range file.Cases {
		for _, m := range v.requests() {
			data := encoded(t, m)
			checkDecode(t, data, m)
			if !read(data, fresh(m)) {
				t.Errorf("%s: %v is not read by hand", v.ID, m)
			}
		}
		for _, m := range v.responses() {
			checkEncode(t, m)
			if _, ok := write(nil, m); !ok {
				t.Errorf("%s: %v is not written by hand", v.ID, m)
			}
		}
	}
}
