package rest

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// hotBatch is a batch of 100 with contexts of three.
var hotBatch = `{"requests":[` + strings.Repeat(variantBody+",", 99) + variantBody + `]}`

func benchmarkReading(b *testing.B, text string, m proto.Message, read func([]byte, proto.Message) error) {
	data := []byte(text)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := read(data, m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads requests as they are read, and with protojson alone.
func BenchmarkRead(b *testing.B) {
	for name, read := range map[string]func([]byte, proto.Message) error{"hot": Unmarshal, "protojson": unmarshalAny} {
		b.Run("variant/"+name, func(b *testing.B) { benchmarkReading(b, variantBody, new(evaluation.EvaluationRequest), read) })
		b.Run("batch of 100/"+name, func(b *testing.B) { benchmarkReading(b, hotBatch, new(evaluation.BatchEvaluationRequest), read) })
	}
}

// BenchmarkWrite writes answers as they are written, and with protojson alone.
func BenchmarkWrite(b *testing.B) {
	answer := &evaluation.VariantEvaluationResponse{
		Match: true, SegmentKeys: []string{"vip"}, Reason: evaluation.EvaluationReason_MATCH_EVALUATION_REASON, VariantKey: "blue", VariantAttachment: `{"color":"#0000ff"}`,
		RequestId: "11111111-2222-3333-4444-555555555555", RequestDurationMillis: 0.012345, Timestamp: timestamppb.Now(), FlagKey: "color",
	}
	batch := new(evaluation.BatchEvaluationResponse)
	for range 100 {
		batch.Responses = append(batch.Responses, &evaluation.EvaluationResponse{
			Type:     evaluation.EvaluationResponseType_VARIANT_EVALUATION_RESPONSE_TYPE,
			Response: &evaluation.EvaluationResponse_VariantResponse{VariantResponse: answer},
		})
	}
	for _, m := range []proto.Message{answer, batch} {
		for name, write := range map[string]func([]byte, proto.Message) ([]byte, error){"hot": Marshal, "protojson": marshalAny} {
			b.Run(fmt.Sprintf("%s/%s", m.ProtoReflect().Descriptor().Name(), name), func(b *testing.B) {
				room := make([]byte, 0, 1<<17)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := write(room, m); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
