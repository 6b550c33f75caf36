package wire

import "github.com/burgeehq/burgee/gen/flipt"

// legacyRequest reads a flipt.EvaluationRequest.
func (d *decoder) legacyRequest(m *flipt.EvaluationRequest, seen *contexts) {
	for d.more() {
		switch d.tag() {
		case 1<<3 | bytesType:
			m.RequestId = d.string()
		case 2<<3 | bytesType:
			m.FlagKey = d.string()
		case 3<<3 | bytesType:
			m.EntityId = d.string()
		case 4<<3 | bytesType:
			m.Context = d.context(m.Context, 4<<3|bytesType, seen)
		case 5<<3 | bytesType:
			m.NamespaceKey = d.string()
		default:
			d.fail()
		}
	}
}

// legacyBatch reads a flipt.BatchEvaluationRequest. Its items are in one piece of memory.
func (d *decoder) legacyBatch(m *flipt.BatchEvaluationRequest) {
	var items []flipt.EvaluationRequest
	if n := d.count(2<<3 | bytesType); n > 0 {
		m.Requests, items = make([]*flipt.EvaluationRequest, 0, n), make([]flipt.EvaluationRequest, n)
	}
	var seen contexts
	for d.more() {
		switch d.tag() {
		case 1<<3 | bytesType:
			m.RequestId = d.string()
		case 2<<3 | bytesType:
			inner, item := d.inner(), &items[len(m.Requests)]
			if inner.legacyRequest(item, &seen); inner.unusual {
				d.fail()
			}
			m.Requests = append(m.Requests, item)
		case 3<<3 | varintType:
			m.ExcludeNotFound = d.bool()
		case 4<<3 | bytesType:
			m.NamespaceKey = d.string()
		default:
			d.fail()
		}
	}
}

func (e *encoder) legacy(b []byte, m *flipt.EvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = e.text(b, 1, m.RequestId)
	b = e.text(b, 2, m.EntityId)
	b = e.context(b, 3, m.RequestContext)
	b = appendBool(b, 4, m.Match)
	b = e.text(b, 5, m.FlagKey)
	b = e.text(b, 6, m.SegmentKey)
	b = e.timestamp(b, 7, m.Timestamp)
	b = e.text(b, 8, m.Value)
	b = appendDouble(b, 9, m.RequestDurationMillis)
	b = e.text(b, 10, m.Attachment)
	b = appendNumber(b, 11, int64(m.Reason))
	b = e.text(b, 12, m.NamespaceKey)
	return e.texts(b, 13, m.SegmentKeys)
}

func (e *encoder) legacyBatch(b []byte, m *flipt.BatchEvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = e.text(b, 1, m.RequestId)
	for i, item := range m.Responses {
		start := len(b)
		b = e.legacy(open(b, 2), item)
		b = shut(b, start)
		if i == 0 {
			b = grow(b, start, len(m.Responses)-1)
		}
	}
	return appendDouble(b, 3, m.RequestDurationMillis)
}
