package wire

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// requests returns an empty message of each type that is read by hand.
func requests() []proto.Message {
	return []proto.Message{
		new(evaluation.EvaluationRequest), new(evaluation.BatchEvaluationRequest),
		new(flipt.EvaluationRequest), new(flipt.BatchEvaluationRequest),
		new(ofrep.EvaluateFlagRequest), new(ofrep.EvaluateBulkRequest),
	}
}

// responses returns an empty message of each type that is written by hand.
func responses() []proto.Message {
	return []proto.Message{
		new(evaluation.VariantEvaluationResponse), new(evaluation.BooleanEvaluationResponse), new(evaluation.ErrorEvaluationResponse),
		new(evaluation.EvaluationResponse), new(evaluation.BatchEvaluationResponse),
		new(flipt.EvaluationResponse), new(flipt.BatchEvaluationResponse),
		new(ofrep.EvaluatedFlag), new(ofrep.BulkEvaluationResponse),
	}
}

// filler makes random messages of any type.
type filler struct {
	*rand.Rand
	full bool // sets every field
	odd  bool // makes texts that are not UTF-8
}

// fill sets the fields of a message.
func (f filler) fill(m protoreflect.Message) {
	if value, ok := m.Interface().(*structpb.Value); ok {
		f.fillValue(value)
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case !f.full && f.IntN(4) == 0:
		case field.ContainingOneof() != nil && m.WhichOneof(field.ContainingOneof()) != nil && f.IntN(2) == 0:
		case field.IsMap():
			entries := m.Mutable(field).Map()
			for range f.length() {
				if field.MapValue().Message() == nil {
					entries.Set(f.scalar(field.MapKey()).MapKey(), f.scalar(field.MapValue()))
					continue
				}
				f.fill(entries.Mutable(f.scalar(field.MapKey()).MapKey()).Message())
			}
		case field.IsList():
			list := m.Mutable(field).List()
			for range f.length() {
				if field.Message() == nil {
					list.Append(f.scalar(field))
					continue
				}
				f.fill(list.AppendMutable().Message())
			}
		case field.Message() != nil:
			f.fill(m.Mutable(field).Message())
		default:
			m.Set(field, f.scalar(field))
		}
	}
}

// fillValue makes the kinds of values that handlers make.
func (f filler) fillValue(m *structpb.Value) {
	if f.IntN(2) == 0 {
		m.Kind = &structpb.Value_BoolValue{BoolValue: f.IntN(2) == 0}
		return
	}
	m.Kind = &structpb.Value_StringValue{StringValue: f.text()}
}

func (f filler) length() int {
	if f.full {
		return 1 + f.IntN(12)
	}
	return f.IntN(4)
}

func (f filler) scalar(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(f.text())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(f.full || f.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(f.number()))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(f.number()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(f.number())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{0, math.Copysign(0, -1), 0.0123, 1e300, math.NaN(), math.Inf(-1)}[f.IntN(6)])
	default:
		panic("no random value for the kind " + field.Kind().String())
	}
}

func (f filler) number() int64 {
	return []int64{0, 1, 3, 5, 127, 128, -1, 999_999_999, 1764000000, math.MaxInt64, math.MinInt64}[f.IntN(11)]
}

func (f filler) text() string {
	if f.odd && f.IntN(8) == 0 {
		return []string{"\xff", "abcdefgh\xc3", "\xed\xa0\x80", "a\xe2\x82"}[f.IntN(4)]
	}
	switch f.IntN(8) {
	case 0:
		return ""
	case 1:
		return []string{"é", "日本語", "👋🏽", "\u2028 ", "\x00", "abcdefghé", "\uFFFD"}[f.IntN(7)]
	case 2:
		return strings.Repeat("x", 120+f.IntN(20)) // about where a length takes a second byte
	case 3:
		if f.IntN(50) == 0 {
			return strings.Repeat("long ", 3270+f.IntN(20)) // about where it takes a third
		}
		return strings.Repeat("ü", 64)
	default:
		return []string{"default", "user-1", "user-2", "country", "plan", "a"}[f.IntN(6)]
	}
}

// fresh returns an empty message of the same type.
func fresh(m proto.Message) proto.Message {
	return m.ProtoReflect().New().Interface()
}

// encoded is what the standard library makes of a message.
func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
