package rest

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	jsonName = "json"
	// Connect keeps a codec of its own for bodies that name their character set.
	jsonCharsetName = "json; charset=utf-8"
	maxDepth        = 64
)

// Codec writes and reads messages as the JSON of the contract. Its zero value is the codec "json" of connect. It has no
// state and is safe for concurrent use.
type Codec struct{ name string }

// Name returns the name under which connect knows the codec.
func (c Codec) Name() string {
	if c.name == "" {
		return jsonName
	}
	return c.name
}

// Marshal returns a message as JSON; see [Marshal].
func (c Codec) Marshal(message any) ([]byte, error) {
	return c.MarshalAppend(nil, message)
}

// MarshalAppend appends a message as JSON; see [Marshal].
func (c Codec) MarshalAppend(base []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a message", message)
	}
	return Marshal(base, m)
}

// Unmarshal reads a message from JSON; see [Unmarshal].
func (c Codec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a message", message)
	}
	return Unmarshal(data, m)
}

// edgeCodec is the same for vanguard, which makes an error without a code a fault of the server. It leaves the zero values
// out of requests, which go to the handlers: with them a body could grow beyond any limit.
type edgeCodec struct {
	requests map[protoreflect.FullName]bool // never written after New
}

func (edgeCodec) Name() string { return jsonName }

func (c edgeCodec) MarshalAppend(base []byte, message proto.Message) ([]byte, error) {
	if c.requests[message.ProtoReflect().Descriptor().FullName()] {
		return protojson.MarshalOptions{}.MarshalAppend(base, message)
	}
	return Marshal(base, message)
}

func (edgeCodec) Unmarshal(data []byte, message proto.Message) error {
	if err := Unmarshal(data, message); err != nil {
		return connect.NewError(connect.CodeInvalidArgument, err)
	}
	return nil
}

// Marshal appends a message to base as compact JSON: lowerCamelCase names in the order of declaration, zero values
// written, absent messages and optional fields left out, enums by name. Equal messages give equal bytes.
func Marshal(base []byte, message proto.Message) ([]byte, error) {
	if data, ok := writeHot(base, message); ok {
		return data, nil
	}
	return marshalAny(base, message)
}

// marshalAny is Marshal by protojson.
func marshalAny(base []byte, message proto.Message) ([]byte, error) {
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.MarshalAppend(base, message)
	if err != nil {
		return nil, fmt.Errorf("write json: %w", err)
	}
	return append(data[:len(base)], compact(data[len(base):])...), nil
}

// compact drops, in place, the blanks between tokens, which protojson writes in some builds and not in others.
func compact(data []byte) []byte {
	out := data[:0]
	inString := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case c == '"':
			inString = !inString
		case c == ' ' && !inString:
			continue
		case c == '\\':
			out = append(out, c)
			i++
			c = data[i]
		}
		out = append(out, c)
	}
	return out
}

// Unmarshal reads the first JSON value of data into a message and ignores what follows it. Nothing, or null, is the empty
// message. It takes all that protojson takes, but enum numbers with a fraction, and more: see the package comment and
// section 5 of the contract. Its errors are meant for clients and have the contract's texts.
func Unmarshal(data []byte, message proto.Message) error {
	if readHot(data, message) {
		return nil
	}
	return unmarshalAny(data, message)
}

// unmarshalAny is Unmarshal by protojson and what goes beyond that.
func unmarshalAny(data []byte, message proto.Message) error {
	fraction, err := survey(data)
	if err != nil {
		return err
	}
	// A fraction may stand where an enum is due, which protojson allows.
	if !fraction && (protojson.UnmarshalOptions{}).Unmarshal(data, message) == nil {
		return nil
	}
	return unmarshalLenient(data, message)
}

var errTooDeep = errors.New("json body is nested deeper than 64 levels")

// survey looks over the first value of data, well-formed or not: whether it is nested too deeply, and whether it may hold
// a number with a fraction or an exponent.
func survey(data []byte) (fraction bool, err error) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		if inString {
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
			continue
		}
		switch c {
		case '"':
			inString = true
		case '{', '[':
			if depth++; depth > maxDepth {
				return fraction, errTooDeep
			}
		case '}', ']':
			if depth--; depth <= 0 {
				return fraction, nil
			}
		case '.', 'E':
			fraction = true
		case 'e':
			fraction = fraction || i > 0 && '0' <= data[i-1] && data[i-1] <= '9'
		}
	}
	return fraction, nil
}
