package rest

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

var (
	hotRequests = []proto.Message{
		(*evaluation.EvaluationRequest)(nil), (*evaluation.BatchEvaluationRequest)(nil), (*flipt.EvaluationRequest)(nil),
		(*flipt.BatchEvaluationRequest)(nil), (*ofrep.EvaluateFlagRequest)(nil), (*ofrep.EvaluateBulkRequest)(nil),
	}
	hotAnswers = []proto.Message{
		(*evaluation.VariantEvaluationResponse)(nil), (*evaluation.BooleanEvaluationResponse)(nil), (*evaluation.BatchEvaluationResponse)(nil),
		(*flipt.EvaluationResponse)(nil), (*flipt.BatchEvaluationResponse)(nil), (*ofrep.EvaluatedFlag)(nil), (*ofrep.BulkEvaluationResponse)(nil),
	}
)

func empty(m proto.Message) proto.Message { return m.ProtoReflect().New().Interface() }

// filler makes messages.
type filler struct {
	*rand.Rand
	whole bool     // every field has a usual value that is not zero
	texts []string // what strings are taken from
}

var usualTexts = []string{"a", "color", "11111111-2222", `{"color":"#ff8800"}`, "line\nend\t\"quoted\" \\ /", "Grüße 🚩 \u2028 \ufffd", "\x00\x1f\x7f\b\f\r", "<a href='&'>"}

func (f *filler) message(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); f.whole || f.IntN(4) > 0 {
			f.field(m, field)
		}
	}
}

func (f *filler) field(m protoreflect.Message, field protoreflect.FieldDescriptor) {
	switch {
	case field.IsMap():
		values := m.Mutable(field).Map()
		for range 1 + f.IntN(20) {
			values.Set(protoreflect.ValueOfString(f.text()).MapKey(), f.value(values.NewValue(), field.MapValue()))
		}
	case field.IsList():
		list := m.Mutable(field).List()
		for range 1 + f.IntN(4) {
			list.Append(f.value(list.NewElement(), field))
		}
	default:
		m.Set(field, f.value(m.NewField(field), field))
	}
}

func (f *filler) value(fresh protoreflect.Value, field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(f.whole || f.IntN(2) == 0)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(f.text())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(f.double())
	case protoreflect.EnumKind:
		numbers := field.Enum().Values()
		if f.whole {
			return protoreflect.ValueOfEnum(numbers.Get(1 + f.IntN(numbers.Len()-1)).Number())
		}
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(f.IntN(numbers.Len() + 1)))
	}
	switch into := fresh.Message().Interface().(type) {
	case *timestamppb.Timestamp:
		proto.Merge(into, f.time())
	case *structpb.Struct:
		into.Fields = map[string]*structpb.Value{f.text(): f.any(), f.text(): f.any()}
	case *structpb.Value:
		proto.Merge(into, f.any())
	default:
		f.message(fresh.Message())
	}
	return fresh
}

func (f *filler) text() string {
	return f.texts[f.IntN(len(f.texts))]
}

func (f *filler) double() float64 {
	usual := []float64{0.25, 1, -1, 3e-9, 1e21, 1e-6, 9.99e-7, 123456789.125, 1e100, 5e-324, math.MaxFloat64, 0.1234567890123}
	if f.whole {
		return usual[f.IntN(len(usual))]
	}
	odd := append(usual, 0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.Float64frombits(f.Uint64()))
	return odd[f.IntN(len(odd))]
}

func (f *filler) time() *timestamppb.Timestamp {
	at := &timestamppb.Timestamp{Seconds: minSeconds + f.Int64N(maxSeconds-minSeconds+1), Nanos: []int32{0, 1, 999_999_999, 120_000_000, 1_000, 500}[f.IntN(6)]}
	if !f.whole && f.IntN(8) == 0 {
		*at = timestamppb.Timestamp{Seconds: []int64{minSeconds - 1, maxSeconds + 1, 0}[f.IntN(3)], Nanos: []int32{-1, 1e9, 1e9 + 1}[f.IntN(3)]}
	}
	return at
}

func (f *filler) any() *structpb.Value {
	kinds := []*structpb.Value{structpb.NewStringValue(f.text()), structpb.NewBoolValue(true), structpb.NewBoolValue(false)}
	if !f.whole {
		kinds = append(kinds, structpb.NewNullValue(), structpb.NewNumberValue(f.double()), structpb.NewListValue(&structpb.ListValue{}), &structpb.Value{},
			structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewNullValue()}}))
	}
	return kinds[f.IntN(len(kinds))]
}

// TestHotMessagesAreWhole fails when a message has a field that only protojson knows: every message in which every field has a
// usual value is written and read without it.
func TestHotMessagesAreWhole(t *testing.T) {
	t.Parallel()
	f := &filler{rand.New(rand.NewPCG(1, 2)), true, usualTexts}
	for range 200 {
		for _, m := range hotAnswers {
			m = empty(m)
			f.message(m.ProtoReflect())
			if _, ok := writeHot(nil, m); !ok {
				t.Fatalf("%T: not written: %v", m, m)
			}
			sameWriting(t, m)
		}
		for _, m := range hotRequests {
			m = empty(m)
			f.message(m.ProtoReflect())
			text, err := marshalAny(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			if got := empty(m); !readHot(text, got) || !proto.Equal(got, m) {
				t.Fatalf("%T: not read from %s: got %v, want %v", m, text, got, m)
			}
		}
	}
}

// TestHotMessagesAtRandom compares with protojson what no fuzzer finds by itself.
func TestHotMessagesAtRandom(t *testing.T) {
	t.Parallel()
	f := &filler{rand.New(rand.NewPCG(3, 4)), false, append([]string{"\xff", "ok\xc3", ""}, usualTexts...)}
	for range 2000 {
		for _, m := range hotAnswers {
			m = empty(m)
			f.message(m.ProtoReflect())
			sameWriting(t, m)
		}
	}
	for _, m := range []proto.Message{
		(*evaluation.VariantEvaluationResponse)(nil), (*ofrep.BulkEvaluationResponse)(nil),
		&evaluation.BatchEvaluationResponse{Responses: []*evaluation.EvaluationResponse{nil, {}}},
		&evaluation.BatchEvaluationResponse{Responses: []*evaluation.EvaluationResponse{{Response: &evaluation.EvaluationResponse_ErrorResponse{}}}},
		&flipt.BatchEvaluationResponse{Responses: []*flipt.EvaluationResponse{nil}},
		&ofrep.BulkEvaluationResponse{Flags: []*ofrep.EvaluatedFlag{nil, {Metadata: &structpb.Struct{}}}},
		&ofrep.EvaluatedFlag{Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"a": nil}}},
	} {
		sameWriting(t, m)
	}
}

// sameWriting holds what is written, and the error, to those of protojson.
func sameWriting(t *testing.T, m proto.Message) {
	t.Helper()
	const before = "before "
	got, err := Marshal([]byte(before), m)
	want, wantErr := marshalAny([]byte(before), m)
	if string(got) != string(want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("%T %v:\n got %s, %v\nwant %s, %v", m, m, got, err, want, wantErr)
	}
}

// sameReading holds what is read, and the error, to those of protojson and unmarshalLenient.
func sameReading(t *testing.T, data []byte) {
	t.Helper()
	for _, m := range hotRequests {
		got, want := empty(m), empty(m)
		text := string(data)
		err, wantErr := Unmarshal(data, got), unmarshalAny([]byte(text), want)
		if !proto.Equal(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() || text != string(data) {
			t.Fatalf("%T %q:\n got %v, %v\nwant %v, %v", m, data, got, err, want, wantErr)
		}
	}
}

var hotBodies = []string{
	``, `null`, `{}`, ` { } `, `[]`, `{"flagKey":"a"}`, `{"flag_key":"a","flagKey":"b"}`, `{"flagKey":"a","flagKey":"b"}`, `{"flagKey":null}`, `{"flagKey":1}`,
	`{"flagKey":"a",}`, `{"flagKey":"a"`, `{"flagKey":"a"}x`, `{"flagKey":"a"} {`, `{"flagKey" : "a" , "entityId":"e"}` + "\n", `{"flagKey":"a" "entityId":"e"}`, `{,}`, `{"flagKey"}`,
	`{"context":{}}`, `{"context":null}`, `{"context":[]}`, `{"context":{"a":"b","c":"d"}}`, `{"context":{"a":"b","a":"d"}}`, `{"context":{"a":1}}`, `{"context":{"a":null}}`, `{"context":{"a":"b",}}`,
	`{"context":{"a":"b"},"context":{"c":"d"}}`, `{"context":{"a"}}`, `{"context":{"a":"b"`, `{"requests":[]}`, `{"requests":[{},{}]}`, `{"requests":[null]}`, `{"requests":[{"flagKey":"a"},]}`,
	`{"requests":[{"flagKey":"a","context":{"b":"{{{{"}},{"flagKey":"b"}],"requestId":"r"}`, `{"requests":[{"flagKey":"a","flagKey":"a"}]}`, `{"requests":{"0":{}}}`, `{"requests":[{}`, `{"requests":[{}]`,
	`{"excludeNotFound":true,"requests":[{}]}`, `{"exclude_not_found":false}`, `{"excludeNotFound":truer}`, `{"excludeNotFound":"true"}`, `{"excludeNotFound":1}`,
	`{"flagKey":"\u00e9\n\"\\\/\b\f\r\t"}`, `{"flagKey":"\ud83d\udea9"}`, `{"flagKey":"\ud83d"}`, `{"flagKey":"\udea9\ud83d"}`, `{"flagKey":"\ud83d\n"}`, `{"flagKey":"\u12"}`, `{"flagKey":"\u+123"}`, `{"flagKey":"\x"}`,
	`{"flagKey":"\`, `{"flagKey":"\u0000"}`, "{\"flagKey\":\"\x01\"}", "{\"flagKey\":\"\xff\"}", "{\"flagKey\":\"\x7f Gr\xc3\xbc\xc3\x9fe\"}", "{\"flagKey\":\"a\xc3\\u0041\"}", `{"fl\u0061gKey":"a"}`, `{"key":"k","context":{"\u0061":"\ta"}}`,
	`{"a":"b"}`, `{"flagKey":"a","a":{"b":[1.5,"}"]}}`, "\ufeff{}", `{"flagKey":'a'}`, `{flagKey:"a"}`, `{"":""}`, `{"reference":"rev:1","request_id":"r","entity_id":"e","namespace_key":"n"}`,
}

func TestHotBodies(t *testing.T) {
	t.Parallel()
	for _, body := range hotBodies {
		sameReading(t, []byte(body))
	}
	// More items than room is made for at once, and fewer.
	for _, item := range []string{`{}`, `{"flagKey":"{{{{{{{{{{{{"}`, `{"flagKey":"a","context":{"b":"c"}}`} {
		for _, count := range []int{1, 2, 100, maxGuess, maxGuess + 1, 1000} {
			body := []byte(`{"requests":[` + strings.Repeat(item+",", count-1) + item + `]}`)
			sameReading(t, body)
			var m evaluation.BatchEvaluationRequest
			if !readHot(body, &m) || len(m.Requests) != count {
				t.Errorf("%d times %s: got %d", count, item, len(m.Requests))
			}
		}
	}
}

// TestHotVectors reads the requests of the evaluation vectors, and writes them as answers.
func TestHotVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../eval/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct{ Request json.RawMessage }
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Cases) < 290 {
		t.Fatal(len(file.Cases), err)
	}
	for _, v := range file.Cases {
		sameReading(t, v.Request)
		var m evaluation.EvaluationRequest
		if err := Unmarshal(v.Request, &m); err != nil {
			t.Fatalf("%s: %v", v.Request, err)
		}
		sameWriting(t, &flipt.EvaluationResponse{FlagKey: m.FlagKey, EntityId: m.EntityId, RequestContext: m.Context})
	}
}

// TestHotAllocs holds the memory: a request is one copy of its text, the map and what the message needs; an answer is what is
// already there. It is not parallel, since it measures.
func TestHotAllocs(t *testing.T) {
	var request evaluation.EvaluationRequest
	if got := testing.AllocsPerRun(100, func() {
		if !readHot([]byte(variantBody), &request) {
			t.Fatal("not read")
		}
	}); got > 3 {
		t.Errorf("a request: %v allocations, want the text and two for the map", got)
	}
	batch := []byte(`{"requests":[` + strings.Repeat(`{"flagKey":"a","entityId":"b"},`, 9) + `{"flagKey":"a"}]}`)
	var requests evaluation.BatchEvaluationRequest
	if got := testing.AllocsPerRun(100, func() {
		if !readHot(batch, &requests) {
			t.Fatal("not read")
		}
	}); got > 5 {
		t.Errorf("a batch: %v allocations, want the text and two each for the items and for the list of them", got)
	}
	f := &filler{rand.New(rand.NewPCG(5, 6)), true, []string{"a", "b", "c"}}
	room := make([]byte, 0, 1<<16)
	for _, m := range hotAnswers {
		m = empty(m)
		f.message(m.ProtoReflect())
		if got := testing.AllocsPerRun(100, func() {
			if _, ok := writeHot(room, m); !ok {
				t.Fatal("not written")
			}
		}); got > 0 {
			t.Errorf("%T: %v allocations", m, got)
		}
	}
}

// FuzzHotRead reads any bytes as every request.
func FuzzHotRead(f *testing.F) {
	for _, body := range hotBodies {
		f.Add([]byte(body))
	}
	f.Add([]byte(variantBody))
	f.Fuzz(sameReading)
}

// FuzzHotWrite writes answers made of any bytes: their wire form, and messages at random with their parts as texts.
func FuzzHotWrite(f *testing.F) {
	for _, text := range usualTexts {
		f.Add([]byte(text))
	}
	for _, m := range hotAnswers {
		m = empty(m)
		(&filler{rand.New(rand.NewPCG(7, 8)), true, usualTexts}).message(m.ProtoReflect())
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var seed [8]byte
		copy(seed[:], data)
		fill := &filler{rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:]), uint64(len(data)))), false, strings.SplitAfter(string(data), "\"")}
		for _, m := range hotAnswers {
			m = empty(m)
			if proto.Unmarshal(data, m) == nil {
				sameWriting(t, m)
			}
			fill.message(m.ProtoReflect())
			sameWriting(t, m)
		}
	})
}
