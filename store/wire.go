package store

import "google.golang.org/protobuf/encoding/protowire"

// The tags of the fields that flagReader knows are their numbers with one of these.
const (
	varint    = uint64(protowire.VarintType)
	delimited = uint64(protowire.BytesType)
	fixed32   = uint64(protowire.Fixed32Type)
)

// wire goes through the fields of an encoded message.
type wire struct {
	rest []byte
	// tag is the one of the field at hand, value what it holds if its length was written, number what it holds otherwise.
	tag    uint64
	value  []byte
	number uint64
}

// next takes the next field. It returns false at the end, and before anything it does not know, which is then in rest.
func (w *wire) next() bool {
	if len(w.rest) < 2 || w.rest[0] >= 0x80 || w.rest[1] >= 0x80 {
		return w.nextOfAny()
	}
	// A short text or a small number, as almost all are.
	switch tag, second := uint64(w.rest[0]), int(w.rest[1]); tag & 7 {
	case delimited:
		if len(w.rest) < 2+second {
			return false
		}
		w.tag, w.value, w.rest = tag, w.rest[2:2+second], w.rest[2+second:]
		return true
	case varint:
		w.tag, w.number, w.rest = tag, uint64(second), w.rest[2:]
		return true
	}
	return w.nextOfAny()
}

// nextOfAny is next for fields of any length.
func (w *wire) nextOfAny() bool {
	if len(w.rest) == 0 {
		return false
	}
	tag, n := protowire.ConsumeVarint(w.rest)
	if n < 0 {
		return false
	}
	var length int
	switch tag & 7 {
	case varint:
		w.number, length = protowire.ConsumeVarint(w.rest[n:])
	case delimited:
		w.value, length = protowire.ConsumeBytes(w.rest[n:])
	case fixed32:
		var bits uint32
		bits, length = protowire.ConsumeFixed32(w.rest[n:])
		w.number = uint64(bits)
	default:
		return false
	}
	if length < 0 {
		return false
	}
	w.tag, w.rest = tag, w.rest[n+length:]
	return true
}
