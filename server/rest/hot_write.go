package rest

import (
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// writeHot appends the answer to an evaluation to base, if message is one with nothing unusual in it, and says whether it did.
// What it appends is to the byte what [Marshal] makes of the message otherwise.
func writeHot(base []byte, message proto.Message) ([]byte, bool) {
	w := writer{out: base}
	switch m := message.(type) {
	case *evaluation.VariantEvaluationResponse:
		w.variant(m)
	case *evaluation.BooleanEvaluationResponse:
		w.boolean(m)
	case *evaluation.BatchEvaluationResponse:
		w.batch(m)
	case *flipt.EvaluationResponse:
		w.legacy(m)
	case *flipt.BatchEvaluationResponse:
		w.legacyBatch(m)
	case *ofrep.EvaluatedFlag:
		w.flag(m)
	case *ofrep.BulkEvaluationResponse:
		w.bulk(m)
	default:
		return base, false
	}
	if w.unusual {
		return base, false
	}
	return w.out, true
}

func (w *writer) variant(m *evaluation.VariantEvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.truth(`{"match":`, m.Match)
	w.list(`,"segmentKeys":`, m.SegmentKeys)
	w.enum(`,"reason":`, evaluation.EvaluationReason_name, int32(m.Reason))
	w.text(`,"variantKey":`, m.VariantKey)
	w.text(`,"variantAttachment":`, m.VariantAttachment)
	w.text(`,"requestId":`, m.RequestId)
	w.double(`,"requestDurationMillis":`, m.RequestDurationMillis)
	w.time(`,"timestamp":`, m.Timestamp)
	w.text(`,"flagKey":`, m.FlagKey)
	w.raw(`}`)
}

func (w *writer) boolean(m *evaluation.BooleanEvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.truth(`{"enabled":`, m.Enabled)
	w.enum(`,"reason":`, evaluation.EvaluationReason_name, int32(m.Reason))
	w.text(`,"requestId":`, m.RequestId)
	w.double(`,"requestDurationMillis":`, m.RequestDurationMillis)
	w.time(`,"timestamp":`, m.Timestamp)
	w.text(`,"flagKey":`, m.FlagKey)
	w.list(`,"segmentKeys":`, m.SegmentKeys)
	w.raw(`}`)
}

func (w *writer) batch(m *evaluation.BatchEvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.text(`{"requestId":`, m.RequestId)
	w.raw(`,"responses":[`)
	for i, item := range m.Responses {
		w.comma(i)
		w.item(item)
	}
	w.double(`],"requestDurationMillis":`, m.RequestDurationMillis)
	w.raw(`}`)
}

func (w *writer) item(m *evaluation.EvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.enum(`{"type":`, evaluation.EvaluationResponseType_name, int32(m.Type))
	switch answer := m.Response.(type) {
	case nil:
	case *evaluation.EvaluationResponse_BooleanResponse:
		if !w.missing(answer == nil) {
			w.raw(`,"booleanResponse":`)
			w.boolean(answer.BooleanResponse)
		}
	case *evaluation.EvaluationResponse_VariantResponse:
		if !w.missing(answer == nil) {
			w.raw(`,"variantResponse":`)
			w.variant(answer.VariantResponse)
		}
	case *evaluation.EvaluationResponse_ErrorResponse:
		if !w.missing(answer == nil) {
			w.raw(`,"errorResponse":`)
			w.refused(answer.ErrorResponse)
		}
	default:
		w.unusual = true
	}
	w.raw(`}`)
}

func (w *writer) refused(m *evaluation.ErrorEvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.text(`{"flagKey":`, m.FlagKey)
	w.text(`,"namespaceKey":`, m.NamespaceKey)
	w.enum(`,"reason":`, evaluation.ErrorEvaluationReason_name, int32(m.Reason))
	w.raw(`}`)
}

func (w *writer) legacy(m *flipt.EvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.text(`{"requestId":`, m.RequestId)
	w.text(`,"entityId":`, m.EntityId)
	w.texts(`,"requestContext":`, m.RequestContext)
	w.truth(`,"match":`, m.Match)
	w.text(`,"flagKey":`, m.FlagKey)
	w.text(`,"segmentKey":`, m.SegmentKey)
	w.time(`,"timestamp":`, m.Timestamp)
	w.text(`,"value":`, m.Value)
	w.double(`,"requestDurationMillis":`, m.RequestDurationMillis)
	w.text(`,"attachment":`, m.Attachment)
	w.enum(`,"reason":`, flipt.EvaluationReason_name, int32(m.Reason))
	w.text(`,"namespaceKey":`, m.NamespaceKey)
	w.list(`,"segmentKeys":`, m.SegmentKeys)
	w.raw(`}`)
}

func (w *writer) legacyBatch(m *flipt.BatchEvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.text(`{"requestId":`, m.RequestId)
	w.raw(`,"responses":[`)
	for i, item := range m.Responses {
		w.comma(i)
		w.legacy(item)
	}
	w.double(`],"requestDurationMillis":`, m.RequestDurationMillis)
	w.raw(`}`)
}

func (w *writer) flag(m *ofrep.EvaluatedFlag) {
	if w.missing(m == nil) {
		return
	}
	w.text(`{"key":`, m.Key)
	w.enum(`,"reason":`, ofrep.EvaluateReason_name, int32(m.Reason))
	w.text(`,"variant":`, m.Variant)
	w.object(`,"metadata":`, m.Metadata)
	w.value(`,"value":`, m.Value)
	w.raw(`}`)
}

func (w *writer) bulk(m *ofrep.BulkEvaluationResponse) {
	if w.missing(m == nil) {
		return
	}
	w.raw(`{"flags":[`)
	for i, item := range m.Flags {
		w.comma(i)
		w.flag(item)
	}
	w.raw(`]}`)
}
