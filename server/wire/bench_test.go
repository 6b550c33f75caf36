package wire

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// standard is what connect does without this package.
type standard struct{}

func (standard) MarshalAppend(base []byte, message any) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(base, message.(proto.Message))
}

func (standard) Unmarshal(data []byte, message any) error {
	return proto.Unmarshal(data, message.(proto.Message))
}

type codec interface {
	MarshalAppend([]byte, any) ([]byte, error)
	Unmarshal([]byte, any) error
}

var codecs = []struct {
	name  string
	codec codec
}{{"wire", Codec{}}, {"proto", standard{}}}

func sampleContext() map[string]string {
	return map[string]string{"country": "de", "plan": "enterprise", "version": "4.12.0"}
}

// sampleRequests are of the sizes that clients send, the batches with many items.
func sampleRequests(items int) []proto.Message {
	batch, legacy := new(evaluation.BatchEvaluationRequest), new(flipt.BatchEvaluationRequest)
	for i := range items {
		key := fmt.Sprintf("checkout-flag-%d", i)
		batch.Requests = append(batch.Requests, &evaluation.EvaluationRequest{
			NamespaceKey: "default", FlagKey: key, EntityId: "user-48213", Context: sampleContext(),
		})
		legacy.Requests = append(legacy.Requests, &flipt.EvaluationRequest{FlagKey: key, EntityId: "user-48213", Context: sampleContext()})
	}
	return []proto.Message{
		&evaluation.EvaluationRequest{
			RequestId: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", NamespaceKey: "default", FlagKey: "new-checkout",
			EntityId: "user-48213", Context: sampleContext(),
		},
		batch,
		&flipt.EvaluationRequest{FlagKey: "new-checkout", EntityId: "user-48213", Context: sampleContext()},
		legacy,
		&ofrep.EvaluateFlagRequest{Key: "new-checkout", Context: sampleContext()},
		&ofrep.EvaluateBulkRequest{Context: sampleContext()},
	}
}

// sampleResponses are of the sizes that handlers make, the batches with many items.
func sampleResponses(items int) []proto.Message {
	now := &timestamppb.Timestamp{Seconds: 1764000000, Nanos: 123456789}
	variant := &evaluation.VariantEvaluationResponse{
		Match: true, SegmentKeys: []string{"beta-testers"}, Reason: evaluation.EvaluationReason_MATCH_EVALUATION_REASON, VariantKey: "blue",
		VariantAttachment: `{"colour":"#00f"}`, RequestId: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", RequestDurationMillis: 0.0123,
		Timestamp: now, FlagKey: "new-checkout",
	}
	boolean := &evaluation.BooleanEvaluationResponse{
		Enabled: true, SegmentKeys: []string{"beta-testers"}, Reason: evaluation.EvaluationReason_MATCH_EVALUATION_REASON,
		RequestId: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", RequestDurationMillis: 0.0123, Timestamp: now, FlagKey: "new-checkout",
	}
	failure := &evaluation.ErrorEvaluationResponse{
		FlagKey: "gone", NamespaceKey: "default", Reason: evaluation.ErrorEvaluationReason_NOT_FOUND_ERROR_EVALUATION_REASON,
	}
	legacy := &flipt.EvaluationResponse{
		RequestId: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", EntityId: "user-48213", RequestContext: sampleContext(), Match: true,
		FlagKey: "new-checkout", SegmentKey: "beta-testers", Timestamp: now, Value: "blue", RequestDurationMillis: 0.0123,
		Reason: flipt.EvaluationReason_MATCH_EVALUATION_REASON, NamespaceKey: "default", SegmentKeys: []string{"beta-testers"},
	}
	remote := &ofrep.EvaluatedFlag{
		Key: "new-checkout", Reason: ofrep.EvaluateReason_TARGETING_MATCH, Variant: "blue", Value: structpb.NewStringValue("blue"),
		Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"attachment": structpb.NewStringValue(`{"colour":"#00f"}`), "segments": structpb.NewStringValue("beta-testers"),
		}},
	}
	batch := &evaluation.BatchEvaluationResponse{RequestId: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", RequestDurationMillis: 1.5}
	legacies, bulk := &flipt.BatchEvaluationResponse{RequestId: batch.RequestId}, new(ofrep.BulkEvaluationResponse)
	for i := range items {
		item := &evaluation.EvaluationResponse{
			Type:     evaluation.EvaluationResponseType_VARIANT_EVALUATION_RESPONSE_TYPE,
			Response: &evaluation.EvaluationResponse_VariantResponse{VariantResponse: variant},
		}
		if i%2 == 1 {
			item.Type = evaluation.EvaluationResponseType_BOOLEAN_EVALUATION_RESPONSE_TYPE
			item.Response = &evaluation.EvaluationResponse_BooleanResponse{BooleanResponse: boolean}
		}
		batch.Responses = append(batch.Responses, item)
		legacies.Responses = append(legacies.Responses, legacy)
		bulk.Flags = append(bulk.Flags, remote)
	}
	single := &evaluation.EvaluationResponse{
		Type:     evaluation.EvaluationResponseType_ERROR_EVALUATION_RESPONSE_TYPE,
		Response: &evaluation.EvaluationResponse_ErrorResponse{ErrorResponse: failure},
	}
	return []proto.Message{variant, boolean, failure, single, batch, legacy, legacies, remote, bulk}
}

// BenchmarkDecode reads each request, the batches with 100 items, by hand and by the standard library.
func BenchmarkDecode(b *testing.B) {
	for _, request := range sampleRequests(100) {
		data, err := proto.Marshal(request)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range codecs {
			b.Run(fmt.Sprintf("%T/%s", request, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.codec.Unmarshal(data, request); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEncode writes each response, the batches with 100 items, by hand and by the standard library.
func BenchmarkEncode(b *testing.B) {
	for _, response := range sampleResponses(100) {
		buffer := make([]byte, 0, 2*proto.Size(response))
		for _, c := range codecs {
			b.Run(fmt.Sprintf("%T/%s", response, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.codec.MarshalAppend(buffer, response); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
