// Package wire reads and writes by hand the binary messages of evaluation, which make up nearly all traffic, and leaves every
// other message, and anything unusual in these, to the standard library of Protobuf. It is faster by knowing the messages:
// one copy of a request instead of one for each string, maps without reflection, answers checked and written in one pass.
//
// It decides nothing about meaning. What it reads is what [proto.Unmarshal] reads, what it writes is what [proto.Marshal]
// writes, and what is refused is refused by them in their words. Unusual is what correct clients do not send and handlers do
// not make: unknown fields, groups, wrong wire types, tags of more than one byte, entries of a map that are not side by side,
// text that is not UTF-8, absent items of a list. A message that is malformed is unusual too.
//
// The tables are the type switches in this file. A message that gets a field must be taught here; a test fails until it is.
package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/runtime/protoiface"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// single is how many bytes are enough for most answers that are not batches, and for most items of one.
const single = 256

// Codec is the codec "proto" of connect, and behaves like connect's own in all that a client or a handler can see but two
// things, both of the requests that are read by hand: their strings share one copy of the whole request, so that whoever
// keeps one longer than the request clones it; and items of a batch whose contexts have the same bytes may have one map in
// common, so that a context is never written to. It has no state and is safe for concurrent use.
type Codec struct{}

// Name returns the name under which connect knows the codec.
func (Codec) Name() string { return "proto" }

// IsBinary says that what the codec writes is not text.
func (Codec) IsBinary() bool { return true }

// Marshal returns a message in the binary format; see [Codec.MarshalAppend].
func (Codec) Marshal(message any) ([]byte, error) {
	if data, ok := write(make([]byte, 0, single), message); ok {
		return data, nil
	}
	m, err := messageOf(message)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(m)
}

// MarshalAppend appends a message in the binary format to base. Fields are in the order of their numbers, entries of a map in
// no order. A string that is not UTF-8 is an error.
func (Codec) MarshalAppend(base []byte, message any) ([]byte, error) {
	if data, ok := write(base, message); ok {
		return data, nil
	}
	m, err := messageOf(message)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{}.MarshalAppend(base, m)
}

// MarshalStable returns a message in the binary format with the entries of maps in order. It is not made for speed.
func (Codec) MarshalStable(message any) ([]byte, error) {
	m, err := messageOf(message)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// Unmarshal replaces what is in a message by what data holds, and keeps no reference to data. A string that is not UTF-8 is
// an error. What is in the message after an error is not said.
func (Codec) Unmarshal(data []byte, message any) error {
	if read(data, message) {
		return nil
	}
	m, err := messageOf(message)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("unmarshal into %T: %w", message, err)
	}
	return nil
}

// messageOf refuses, in connect's words, what is not a message.
func messageOf(message any) (proto.Message, error) {
	if m, ok := message.(proto.Message); ok {
		return m, nil
	}
	if _, ok := message.(protoiface.MessageV1); ok {
		return nil, fmt.Errorf("%T uses github.com/golang/protobuf, but connect-go only supports google.golang.org/protobuf: see https://go.dev/blog/protobuf-apiv2", message)
	}
	return nil, fmt.Errorf("%T doesn't implement proto.Message", message)
}

// read reads the messages that are read by hand. It says false, having perhaps filled a part, when the message is none of
// them or data is unusual.
func read(data []byte, message any) bool {
	switch m := message.(type) {
	case *evaluation.EvaluationRequest:
		m.Reset()
		d := newDecoder(data)
		d.evaluationRequest(m, nil)
		return !d.unusual
	case *evaluation.BatchEvaluationRequest:
		m.Reset()
		d := newDecoder(data)
		d.evaluationBatch(m)
		return !d.unusual
	case *flipt.EvaluationRequest:
		m.Reset()
		d := newDecoder(data)
		d.legacyRequest(m, nil)
		return !d.unusual
	case *flipt.BatchEvaluationRequest:
		m.Reset()
		d := newDecoder(data)
		d.legacyBatch(m)
		return !d.unusual
	case *ofrep.EvaluateFlagRequest:
		m.Reset()
		d := newDecoder(data)
		d.remoteRequest(m)
		return !d.unusual
	case *ofrep.EvaluateBulkRequest:
		m.Reset()
		d := newDecoder(data)
		d.remoteBulk(m)
		return !d.unusual
	}
	return false
}

// write appends the messages that are written by hand to base. It says false when the message is none of them or unusual.
func write(base []byte, message any) ([]byte, bool) {
	var e encoder
	switch m := message.(type) {
	case *evaluation.VariantEvaluationResponse:
		base = e.variant(base, m)
	case *evaluation.BooleanEvaluationResponse:
		base = e.boolean(base, m)
	case *evaluation.ErrorEvaluationResponse:
		base = e.failure(base, m)
	case *evaluation.EvaluationResponse:
		base = e.evaluation(base, m)
	case *evaluation.BatchEvaluationResponse:
		base = e.evaluationBatch(base, m)
	case *flipt.EvaluationResponse:
		base = e.legacy(base, m)
	case *flipt.BatchEvaluationResponse:
		base = e.legacyBatch(base, m)
	case *ofrep.EvaluatedFlag:
		base = e.remote(base, m)
	case *ofrep.BulkEvaluationResponse:
		base = e.remoteBulk(base, m)
	default:
		return nil, false
	}
	return base, !e.unusual
}
