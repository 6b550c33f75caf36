package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// remoteRequest reads an ofrep.EvaluateFlagRequest.
func (d *decoder) remoteRequest(m *ofrep.EvaluateFlagRequest) {
	for d.more() {
		switch d.tag() {
		case 1<<3 | bytesType:
			m.Key = d.string()
		case 2<<3 | bytesType:
			m.Context = d.context(m.Context, 2<<3|bytesType, nil)
		default:
			d.fail()
		}
	}
}

// remoteBulk reads an ofrep.EvaluateBulkRequest.
func (d *decoder) remoteBulk(m *ofrep.EvaluateBulkRequest) {
	for d.more() {
		switch d.tag() {
		case 2<<3 | bytesType:
			m.Context = d.context(m.Context, 2<<3|bytesType, nil)
		default:
			d.fail()
		}
	}
}

func (e *encoder) remote(b []byte, m *ofrep.EvaluatedFlag) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	b = e.text(b, 1, m.Key)
	b = appendNumber(b, 2, int64(m.Reason))
	b = e.text(b, 3, m.Variant)
	b = e.metadata(b, 4, m.Metadata)
	if m.Value == nil {
		return b
	}
	return e.value(b, 5, m.Value)
}

// metadata appends a google.protobuf.Struct unless it is nil.
func (e *encoder) metadata(b []byte, field byte, m *structpb.Struct) []byte {
	if m == nil {
		return b
	}
	e.known(m.ProtoReflect())
	start := len(b)
	b = open(b, field)
	for key, value := range m.Fields {
		entry := len(b)
		b = e.item(open(b, 1), 1, key)
		b = e.value(b, 2, value)
		b = shut(b, entry)
	}
	return shut(b, start)
}

// value appends a google.protobuf.Value. Handlers make text and truth values; others are unusual.
func (e *encoder) value(b []byte, field byte, m *structpb.Value) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	start := len(b)
	b = open(b, field)
	switch kind := m.Kind.(type) {
	case *structpb.Value_StringValue:
		if kind != nil {
			return shut(e.item(b, 3, kind.StringValue), start)
		}
	case *structpb.Value_BoolValue:
		if kind != nil {
			return shut(append(b, 4<<3|varintType, byte(protowire.EncodeBool(kind.BoolValue))), start)
		}
	}
	e.unusual = true
	return b
}

func (e *encoder) remoteBulk(b []byte, m *ofrep.BulkEvaluationResponse) []byte {
	if m == nil {
		e.unusual = true
		return b
	}
	e.known(m.ProtoReflect())
	for i, item := range m.Flags {
		start := len(b)
		b = e.remote(open(b, 1), item)
		b = shut(b, start)
		if i == 0 {
			b = grow(b, start, len(m.Flags)-1)
		}
	}
	return b
}
