package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// checkDecode compares what the codec reads with what the standard library does, down to the texts of errors.
func checkDecode(t *testing.T, data []byte, like proto.Message) {
	t.Helper()
	want := fresh(like)
	wantErr := proto.Unmarshal(data, want)
	if wantErr != nil {
		wantErr = fmt.Errorf("unmarshal into %T: %w", want, wantErr)
	}
	got, input := fresh(like), bytes.Clone(data)
	err := Codec{}.Unmarshal(input, got)
	clear(input) // as connect does sooner or later
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("decode %T of %x: got error %v, want %v", like, data, err, wantErr)
	}
	if err == nil && !proto.Equal(got, want) {
		t.Fatalf("decode %T of %x:\ngot  %v\nwant %v", like, data, got, want)
	}
}

// checkEncode compares what the codec writes with what the standard library does. Only the entries of maps may be elsewhere.
func checkEncode(t *testing.T, m proto.Message) {
	t.Helper()
	want, wantErr := proto.Marshal(m)
	got, err := Codec{}.Marshal(m)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("encode %v: got error %v, want %v", m, err, wantErr)
	}
	for _, room := range []int{0, len(want) / 2, len(want), 2*len(want) + 600} {
		base := append(make([]byte, 0, len("base")+room), "base"...)
		appended, err := Codec{}.MarshalAppend(base, m)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("append %v: got error %v, want %v", m, err, wantErr)
		}
		if err == nil && (!bytes.HasPrefix(appended, []byte("base")) || !sameBytes(appended[4:], got, m)) {
			t.Fatalf("append %v with room for %d bytes: got %x, want base and %x", m, room, appended, got)
		}
	}
	if err == nil && (!sameBytes(got, want, m) || (got == nil) != (want == nil)) {
		t.Fatalf("encode %v:\ngot  %x\nwant %x", m, got, want)
	}
}

// sameBytes says whether two encodings of a message are the same, but for the order of the entries of maps.
func sameBytes(got, want []byte, m proto.Message) bool {
	if len(got) != len(want) {
		return false
	}
	if !hasMap(m.ProtoReflect().Descriptor()) {
		return bytes.Equal(got, want)
	}
	return bytes.Equal(stable(got, m), stable(want, m))
}

// hasMap says whether messages of a type hold maps.
func hasMap(d protoreflect.MessageDescriptor) bool {
	for i := range d.Fields().Len() {
		if field := d.Fields().Get(i); field.IsMap() || field.Message() != nil && hasMap(field.Message()) {
			return true
		}
	}
	return false
}

// stable puts the fields and entries of an encoded message in order.
func stable(data []byte, like proto.Message) []byte {
	m := fresh(like)
	if err := proto.Unmarshal(data, m); err != nil {
		return []byte(err.Error())
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// TestDecodeRandom reads random requests: whole, cut off anywhere, two in a row, and with a byte changed.
func TestDecodeRandom(t *testing.T) {
	t.Parallel()
	for _, like := range requests() {
		t.Run(string(like.ProtoReflect().Descriptor().FullName()), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			for i := range rounds {
				m := fresh(like)
				filler{Rand: random, full: i%8 == 0}.fill(m.ProtoReflect())
				data := encoded(t, m)
				if !read(data, fresh(like)) {
					t.Fatalf("%v is not read by hand", m)
				}
				checkDecode(t, data, like)
				checkDecode(t, data[:random.IntN(len(data)+1)], like)
				checkDecode(t, slices.Concat(data, encoded(t, m)), like)
				for range 4 {
					if changed := bytes.Clone(data); len(changed) > 0 {
						changed[random.IntN(min(len(changed), 64))] = byte(random.IntN(256))
						checkDecode(t, changed, like)
					}
				}
			}
		})
	}
}

// TestDecodeReplaces reads into a message that is not empty.
func TestDecodeReplaces(t *testing.T) {
	t.Parallel()
	for _, like := range requests() {
		got, want := fresh(like), fresh(like)
		filler{Rand: rand.New(rand.NewPCG(1, 2)), full: true}.fill(got.ProtoReflect())
		got.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
		filler{Rand: rand.New(rand.NewPCG(3, 4))}.fill(want.ProtoReflect())
		if err := (Codec{}).Unmarshal(encoded(t, want), got); err != nil || !proto.Equal(got, want) {
			t.Errorf("decode into a full message: error %v\ngot  %v\nwant %v", err, got, want)
		}
	}
}

// TestDecodeUnusual reads requests that are unusual or malformed, each as every type.
func TestDecodeUnusual(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		"empty":                      "",
		"field 0":                    "\x02\x01a",
		"unknown field":              "\x7a\x01a",
		"unknown field of two bytes": "\x82\x01\x01a",
		"tag of two bytes":           "\x8a\x00\x01a",
		"varint for text":            "\x08\x01",
		"fixed64 for text":           "\x09aaaaaaaa",
		"group":                      "\x0b\x0c",
		"end of a group":             "\x0c",
		"wire type 6":                "\x0e",
		"field twice":                "\x0a\x01a\x0a\x01b",
		"length of two bytes":        "\x0a\x81\x00a",
		"length of ten bytes":        "\x0a\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00a",
		"length of eleven bytes":     "\x0a\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00a",
		"length beyond the end":      "\x0a\x02a",
		"length beyond anything":     "\x0a\xff\xff\xff\xff\x7f",
		"length cut off":             "\x0a\x80",
		"no length":                  "\x0a",
		"not UTF-8":                  "\x0a\x01\xff",
		"surrogate":                  "\x0a\x03\xed\xa0\x80",
		"rune over two fields":       "\x0a\x01\xc3\x12\x01\xa9",
		"bool of two bytes":          "\x18\x80\x01",
		"bool of 2":                  "\x18\x02",
		"bool cut off":               "\x18",
	}
	// The same of a map: in its field, and within an item of a batch.
	for name, entries := range map[string][]string{
		"empty entry":          {""},
		"key alone":            {"\x0a\x01k"},
		"value alone":          {"\x12\x01v"},
		"value first":          {"\x12\x01v\x0a\x01k"},
		"key twice":            {"\x0a\x01k\x0a\x01l\x12\x01v"},
		"same key":             {"\x0a\x01k\x12\x01v", "\x0a\x01k\x12\x01w"},
		"one key over another": {"\x0a\x01k\x12\x01v", "\x0a\x01k\x12\x01v"},
		"unknown field":        {"\x0a\x01k\x12\x01v\x1a\x01x"},
		"wrong type":           {"\x0a\x01k\x10\x01"},
		"not UTF-8":            {"\x0a\x01k\x12\x01\xff"},
		"key not UTF-8":        {"\x0a\x01\xff\x12\x01v"},
		"cut off":              {"\x0a\x01k\x12\x02v"},
	} {
		for field := byte(2); field <= 5; field++ {
			var data []byte
			for _, entry := range entries {
				data = protowire.AppendBytes(append(data, field<<3|bytesType), []byte(entry))
			}
			inputs[fmt.Sprintf("map %d: %s", field, name)] = string(data)
			inputs[fmt.Sprintf("map %d: %s, and again", field, name)] = string(data) + "\x0a\x01r" + string(data)
			for list := byte(2); list <= 3; list++ {
				item := protowire.AppendBytes([]byte{list<<3 | bytesType}, data)
				inputs[fmt.Sprintf("map %d in list %d: %s", field, list, name)] = string(item)
				inputs[fmt.Sprintf("map %d in list %d: %s, and again", field, list, name)] = string(item) + string(item) + "\x0a\x01r" + string(item)
			}
		}
	}
	for name, data := range inputs {
		t.Run(name, func(t *testing.T) {
			for _, like := range requests() {
				checkDecode(t, []byte(data), like)
			}
		})
	}
}

// TestContextsDiffer reads batches in which contexts return, so that some are shared, and others are nearly the same.
func TestContextsDiffer(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range rounds {
		modern, legacy := new(evaluation.BatchEvaluationRequest), new(flipt.BatchEvaluationRequest)
		for range random.IntN(20) {
			context := map[string]string{"plan": strings.Repeat("x", random.IntN(7))}
			for range random.IntN(3) {
				context[fmt.Sprint(random.IntN(2))] = fmt.Sprint(random.IntN(2))
			}
			modern.Requests = append(modern.Requests, &evaluation.EvaluationRequest{Context: context})
			legacy.Requests = append(legacy.Requests, &flipt.EvaluationRequest{Context: context})
		}
		checkDecode(t, encoded(t, modern), modern)
		checkDecode(t, encoded(t, legacy), legacy)
	}
}

// TestEncodeRandom writes random responses, also such with texts that are not UTF-8.
func TestEncodeRandom(t *testing.T) {
	t.Parallel()
	for _, like := range responses() {
		t.Run(string(like.ProtoReflect().Descriptor().FullName()), func(t *testing.T) {
			t.Parallel()
			random, refused := rand.New(rand.NewPCG(1, 2)), 0
			for i := range rounds {
				m := fresh(like)
				filler{Rand: random, full: i%8 == 0}.fill(m.ProtoReflect())
				if _, ok := write(nil, m); !ok {
					t.Fatalf("%v is not written by hand", m)
				}
				checkEncode(t, m)
				filler{Rand: random, odd: true}.fill(m.ProtoReflect())
				if _, err := (Codec{}).Marshal(m); err != nil {
					refused++
				}
				checkEncode(t, m)
			}
			if refused == 0 {
				t.Error("no text that is not UTF-8 was tried")
			}
		})
	}
}

// TestEncodeUnusual writes what handlers do not make.
func TestEncodeUnusual(t *testing.T) {
	t.Parallel()
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	value := func(kind *structpb.Value) *ofrep.EvaluatedFlag { return &ofrep.EvaluatedFlag{Key: "k", Value: kind} }
	metadata := func(kind *structpb.Value) *ofrep.EvaluatedFlag {
		return &ofrep.EvaluatedFlag{Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"m": kind}}}
	}
	messages := []proto.Message{
		&evaluation.EvaluationResponse{Response: (*evaluation.EvaluationResponse_BooleanResponse)(nil)},
		&evaluation.EvaluationResponse{Response: (*evaluation.EvaluationResponse_VariantResponse)(nil)},
		&evaluation.EvaluationResponse{Response: (*evaluation.EvaluationResponse_ErrorResponse)(nil)},
		&evaluation.EvaluationResponse{Response: &evaluation.EvaluationResponse_BooleanResponse{}},
		&evaluation.EvaluationResponse{Response: &evaluation.EvaluationResponse_VariantResponse{}},
		&evaluation.EvaluationResponse{Response: &evaluation.EvaluationResponse_ErrorResponse{}},
		&evaluation.BatchEvaluationResponse{Responses: []*evaluation.EvaluationResponse{{}, nil, {Type: 1}}},
		&flipt.BatchEvaluationResponse{Responses: []*flipt.EvaluationResponse{{}, nil, {Match: true}}},
		&ofrep.BulkEvaluationResponse{Flags: []*ofrep.EvaluatedFlag{{}, nil, {Key: "k"}}},
		value(new(structpb.Value)), value(structpb.NewNullValue()), value(structpb.NewNumberValue(0)),
		value(structpb.NewListValue(new(structpb.ListValue))), value(structpb.NewStructValue(new(structpb.Struct))),
		value(&structpb.Value{Kind: (*structpb.Value_StringValue)(nil)}), value(&structpb.Value{Kind: (*structpb.Value_BoolValue)(nil)}),
		metadata(nil), metadata(new(structpb.Value)), metadata(structpb.NewNumberValue(1)),
	}
	for _, m := range responses() {
		checkEncode(t, m) // the empty one is usual
		messages = append(messages, m.ProtoReflect().Type().Zero().Interface())
		m.ProtoReflect().SetUnknown(unknown)
		messages = append(messages, m)
	}
	messages = append(messages, withUnknown(unknown)...)
	for _, m := range messages {
		if _, ok := write(nil, m); ok {
			t.Errorf("%T %v is written by hand", m, m)
		}
		checkEncode(t, m)
	}
}

// withUnknown returns responses with unknown fields somewhere within.
func withUnknown(unknown []byte) []proto.Message {
	now, text, fields := new(timestamppb.Timestamp), structpb.NewStringValue("a"), new(structpb.Struct)
	variant, boolean, failure := new(evaluation.VariantEvaluationResponse), new(evaluation.BooleanEvaluationResponse), new(evaluation.ErrorEvaluationResponse)
	item, legacy, remote := new(evaluation.EvaluationResponse), new(flipt.EvaluationResponse), new(ofrep.EvaluatedFlag)
	for _, m := range []proto.Message{now, text, fields, variant, boolean, failure, item, legacy, remote} {
		m.ProtoReflect().SetUnknown(unknown)
	}
	return []proto.Message{
		&evaluation.VariantEvaluationResponse{Timestamp: now},
		&evaluation.BooleanEvaluationResponse{Timestamp: now},
		&flipt.EvaluationResponse{Timestamp: now},
		&ofrep.EvaluatedFlag{Value: text},
		&ofrep.EvaluatedFlag{Metadata: fields},
		&ofrep.EvaluatedFlag{Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"m": text}}},
		&evaluation.EvaluationResponse{Response: &evaluation.EvaluationResponse_VariantResponse{VariantResponse: variant}},
		&evaluation.EvaluationResponse{Response: &evaluation.EvaluationResponse_BooleanResponse{BooleanResponse: boolean}},
		&evaluation.EvaluationResponse{Response: &evaluation.EvaluationResponse_ErrorResponse{ErrorResponse: failure}},
		&evaluation.BatchEvaluationResponse{Responses: []*evaluation.EvaluationResponse{item}},
		&flipt.BatchEvaluationResponse{Responses: []*flipt.EvaluationResponse{legacy}},
		&ofrep.BulkEvaluationResponse{Flags: []*ofrep.EvaluatedFlag{remote}},
	}
}

// TestOthers holds that other messages pass, and that what is no message is refused in connect's words.
func TestOthers(t *testing.T) {
	t.Parallel()
	codec := Codec{}
	if codec.Name() != "proto" || !codec.IsBinary() {
		t.Errorf("got the codec %q, binary %v", codec.Name(), codec.IsBinary())
	}
	m := &flipt.Flag{Key: "k", Name: "n", Enabled: true}
	checkEncode(t, m)
	checkDecode(t, encoded(t, m), m)
	checkDecode(t, []byte("\x0a"), m)
	const refused = "string doesn't implement proto.Message"
	for _, call := range []func() error{
		func() error { _, err := codec.Marshal("text"); return err },
		func() error { _, err := codec.MarshalAppend(nil, "text"); return err },
		func() error { _, err := codec.MarshalStable("text"); return err },
		func() error { return codec.Unmarshal(nil, "text") },
	} {
		if err := call(); fmt.Sprint(err) != refused {
			t.Errorf("got error %v, want %s", err, refused)
		}
	}
	old := fmt.Sprint(codec.Unmarshal(nil, new(oldMessage)))
	if want := "*wire.oldMessage uses github.com/golang/protobuf, but"; !strings.HasPrefix(old, want) {
		t.Errorf("got error %s, want %s…", old, want)
	}
}

// oldMessage is a message of the first generation.
type oldMessage struct{}

func (*oldMessage) Reset()         {}
func (*oldMessage) String() string { return "" }
func (*oldMessage) ProtoMessage()  {}

// TestStable holds that stable output is that of the standard library.
func TestStable(t *testing.T) {
	t.Parallel()
	for _, m := range sampleResponses(3) {
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (Codec{}).MarshalStable(m); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: got %x, error %v, want %x", m, got, err, want)
		}
	}
}
