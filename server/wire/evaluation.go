package wire

import "github.com/burgeehq/burgee/gen/flipt/evaluation"

// evaluationRequest reads an evaluation.EvaluationRequest.
func (d *decoder) evaluationRequest(m *evaluation.EvaluationRequest, seen *contexts) {
	for d.more() {
		switch d.tag() {
		case 1<<3 | bytesType:
			m.RequestId = d.string()
		case 2<<3 | bytesType:
			m.NamespaceKey = d.string()
		case 3<<3 | bytesType:
			m.FlagKey = d.string()
		case 4<<3 | bytesType:
			m.EntityId = d.string()
		case 5<<3 | bytesType:
			m.Context = d.context(m.Context, 5<<3|bytesType, seen)
		case 6<<3 | bytesType:
			m.Reference = d.string()
		default:
			d.fail()
		}
	}
}

// evaluationBatch reads an evaluation.BatchEvaluationRequest. Its items are in one piece of memory.
func (d *decoder) evaluationBatch(m *evaluation.BatchEvaluationRequest) {
	var items []evaluation.EvaluationRequest
	if n := d.count(3<<3 | bytesType); n > 0 {
		m.Requests, items = make([]*evaluation.EvaluationRequest, 0, n), make([]evaluation.EvaluationRequest, n)
	}
	var seen contexts
	for d.more() {
		switch d.tag() {
		case 1<<3 | bytesType:
			m.RequestId = d.string()
		case 3<<3 | bytesType:
			inner, item := d.inner(), &items[len(m.Requests)]
			if inner.evaluationRequest(item, &seen); inner.unusual {
				d.fail()
			}
			m.Requests = append(m.Requests, item)
		case 4<<3 | bytesType:
			m.Reference = d.string()
		default:
			d.fail()
		}
	}
}

func (e *encoder) variant(b []byte, m *evaluation.VariantEvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = appendBool(b, 1, m.Match)
	b = e.texts(b, 2, m.SegmentKeys)
	b = appendNumber(b, 3, int64(m.Reason))
	b = e.text(b, 4, m.VariantKey)
	b = e.text(b, 5, m.VariantAttachment)
	b = e.text(b, 6, m.RequestId)
	b = appendDouble(b, 7, m.RequestDurationMillis)
	b = e.timestamp(b, 8, m.Timestamp)
	return e.text(b, 9, m.FlagKey)
}

func (e *encoder) boolean(b []byte, m *evaluation.BooleanEvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = appendBool(b, 1, m.Enabled)
	b = appendNumber(b, 2, int64(m.Reason))
	b = e.text(b, 3, m.RequestId)
	b = appendDouble(b, 4, m.RequestDurationMillis)
	b = e.timestamp(b, 5, m.Timestamp)
	b = e.text(b, 6, m.FlagKey)
	return e.texts(b, 7, m.SegmentKeys)
}

func (e *encoder) failure(b []byte, m *evaluation.ErrorEvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = e.text(b, 1, m.FlagKey)
	b = e.text(b, 2, m.NamespaceKey)
	return appendNumber(b, 3, int64(m.Reason))
}

func (e *encoder) evaluation(b []byte, m *evaluation.EvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = appendNumber(b, 1, int64(m.Type))
	start := len(b)
	switch response := m.Response.(type) {
	case nil:
		return b
	case *evaluation.EvaluationResponse_BooleanResponse:
		if response != nil {
			return shut(e.boolean(open(b, 2), response.BooleanResponse), start)
		}
	case *evaluation.EvaluationResponse_VariantResponse:
		if response != nil {
			return shut(e.variant(open(b, 3), response.VariantResponse), start)
		}
	case *evaluation.EvaluationResponse_ErrorResponse:
		if response != nil {
			return shut(e.failure(open(b, 4), response.ErrorResponse), start)
		}
	}
	e.unusual = true
	return b
}

func (e *encoder) evaluationBatch(b []byte, m *evaluation.BatchEvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = e.text(b, 1, m.RequestId)
	for i, item := range m.Responses {
		start := len(b)
		b = e.evaluation(open(b, 2), item)
		b = shut(b, start)
		if i == 0 {
			b = grow(b, start, len(m.Responses)-1)
		}
	}
	return appendDouble(b, 3, m.RequestDurationMillis)
}
