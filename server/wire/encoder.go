package wire

import (
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// encoder appends messages field by field. All numbers of fields are below 16, so that each tag is one byte. It goes on after
// something unusual, when what it has appended is worth nothing.
type encoder struct {
	unusual bool
}

// known looks for fields of a message that this program does not know.
func (e *encoder) known(m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		e.unusual = true
	}
}

// text appends a field of text unless it is empty.
func (e *encoder) text(b []byte, field byte, text string) []byte {
	if text == "" {
		return b
	}
	return e.item(b, field, text)
}

// texts appends all items of a list, empty or not.
func (e *encoder) texts(b []byte, field byte, texts []string) []byte {
	for _, text := range texts {
		b = e.item(b, field, text)
	}
	return b
}

// item appends text, empty or not.
func (e *encoder) item(b []byte, field byte, text string) []byte {
	if !utf8.ValidString(text) {
		e.unusual = true
	}
	if len(text) < utf8.RuneSelf {
		b = append(b, field<<3|bytesType, byte(len(text)))
		return append(b, text...)
	}
	b = protowire.AppendVarint(append(b, field<<3|bytesType), uint64(len(text)))
	return append(b, text...)
}

// timestamp appends a time unless it is nil.
func (e *encoder) timestamp(b []byte, field byte, m *timestamppb.Timestamp) []byte {
	if m == nil {
		return b
	}
	e.known(m.ProtoReflect())
	start := len(b)
	b = open(b, field)
	b = appendNumber(b, 1, m.Seconds)
	b = appendNumber(b, 2, int64(m.Nanos))
	return shut(b, start)
}

// context appends the entries of a map, in no order.
func (e *encoder) context(b []byte, field byte, context map[string]string) []byte {
	for key, value := range context {
		start := len(b)
		b = open(b, field)
		b = e.item(b, 1, key)
		b = e.item(b, 2, value)
		b = shut(b, start)
	}
	return b
}

// appendBool appends a truth value unless it is false.
func appendBool(b []byte, field byte, v bool) []byte {
	if !v {
		return b
	}
	return append(b, field<<3|varintType, 1)
}

// appendNumber appends an integer or an enum unless it is 0.
func appendNumber(b []byte, field byte, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, field<<3|varintType), uint64(v))
}

// appendDouble appends a number unless it is 0; the negative zero is another one.
func appendDouble(b []byte, field byte, v float64) []byte {
	bits := math.Float64bits(v)
	if bits == 0 {
		return b
	}
	return protowire.AppendFixed64(append(b, field<<3|fixedType), bits)
}

// opening is how many bytes stand before the fields of a message within another: the tag, and one for the length.
const opening = 2

// open appends them, the length unknown as yet.
func open(b []byte, field byte) []byte {
	return append(b, field<<3|bytesType, 0)
}

// shut writes the length of the message that was opened at start and has ended. Where one byte is too little for it, the
// message moves: that is cheaper than to measure it first.
func shut(b []byte, start int) []byte {
	start += opening
	length := len(b) - start
	if length < utf8.RuneSelf {
		b[start-1] = byte(length)
		return b
	}
	more := protowire.SizeVarint(uint64(length)) - 1
	b = append(b, make([]byte, more)...)
	copy(b[start+more:], b[start:start+length])
	protowire.AppendVarint(b[:start-1], uint64(length))
	return b
}

// grow makes room for n more items like the one that begins at start, within reason if that one is large.
func grow(b []byte, start, n int) []byte {
	return slices.Grow(b, n*min(len(b)-start, single))
}
