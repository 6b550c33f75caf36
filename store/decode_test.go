package store

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// checkReadFlag holds what readFlag decodes to what package proto makes of it.
func checkReadFlag(t *testing.T, body []byte) (ok bool) {
	t.Helper()
	got, ok := readFlag(body, newSharer())
	if !ok {
		return false
	}
	want := new(storev1.Flag)
	if err := proto.Unmarshal(body, want); err != nil || !proto.Equal(got, want) {
		t.Errorf("%x: decoded to %v, want %v, %v", body, got, want, err)
	}
	return true
}

// everyField sets each field of a message, and those of the messages in it down to a depth, to values that differ.
func everyField(m protoreflect.Message, n *int, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		value := func() protoreflect.Value {
			*n++
			switch field.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString("text-é-" + string(rune('a'+*n%26)))
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.Int32Kind:
				return protoreflect.ValueOfInt32(int32(-*n))
			case protoreflect.Int64Kind:
				return protoreflect.ValueOfInt64(int64(-*n) << 32)
			case protoreflect.Uint64Kind:
				return protoreflect.ValueOfUint64(uint64(*n) << 40)
			case protoreflect.FloatKind:
				return protoreflect.ValueOfFloat32(float32(*n) / 3)
			case protoreflect.DoubleKind:
				return protoreflect.ValueOfFloat64(float64(*n) / 3)
			case protoreflect.EnumKind:
				return protoreflect.ValueOfEnum(protoreflect.EnumNumber(-*n))
			}
			panic(field.FullName())
		}
		isMessage := field.Kind() == protoreflect.MessageKind
		switch {
		case field.IsMap():
			continue
		case isMessage && depth == 0:
		case isMessage && field.IsList():
			for range 2 {
				everyField(m.Mutable(field).List().AppendMutable().Message(), n, depth-1)
			}
		case isMessage:
			everyField(m.Mutable(field).Message(), n, depth-1)
		case field.IsList():
			m.Mutable(field).List().Append(value())
			m.Mutable(field).List().Append(value())
		default:
			m.Set(field, value())
		}
	}
}

// TestReadFlag decodes flags with every field, so that one that is new to the schema fails here, cut off anywhere and with
// parts in another order.
func TestReadFlag(t *testing.T) {
	t.Parallel()
	doc, n := new(storev1.Flag), 0
	everyField(doc.ProtoReflect(), &n, 4)
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if !checkReadFlag(t, body) {
		t.Errorf("a flag with every field is left to package proto: %v", doc)
	}
	for end := range body {
		checkReadFlag(t, body[:end])
	}
	for place := range body {
		changed := bytes.Clone(body)
		for _, value := range []byte{0, 1, 0x80, 0xff, body[place] + 1, body[place] ^ 8} {
			changed[place] = value
			checkReadFlag(t, changed)
		}
	}
	rules, err := proto.Marshal(&storev1.Flag{Rules: doc.Rules})
	if err != nil {
		t.Fatal(err)
	}
	if !checkReadFlag(t, append(rules, body...)) {
		t.Error("a flag with its rules first is left to package proto")
	}
	if !checkReadFlag(t, nil) {
		t.Error("an empty flag is left to package proto")
	}
}

// TestReadFlagLeaves leaves to package proto what it would not decode alike.
func TestReadFlagLeaves(t *testing.T) {
	t.Parallel()
	part := func(number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
	}
	at, err := proto.Marshal(&timestamppb.Timestamp{Seconds: 7})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"two flags":            append(part(1, part(1, []byte("a"))), part(1, part(2, []byte("b")))...),
		"two times":            append(part(17, at), part(17, nil)...),
		"two default variants": part(1, append(part(10, nil), part(10, nil)...)),
		"two metadata":         part(1, append(part(11, nil), part(11, nil)...)),
		"unknown field":        part(99, nil),
		"unknown inner field":  part(2, part(4, part(99, nil))),
		"unknown time field":   part(17, part(3, nil)),
		"other type":           part(15, nil),
		"not UTF-8":            part(1, part(1, []byte{0xff})),
		"recurs, not UTF-8":    part(16, []byte{0xff}),
		"a bad rollout":        part(3, []byte{0xff}),
		"a group":              protowire.AppendTag(nil, 1, protowire.StartGroupType),
		"cut off":              {10, 5, 0},
		"half a tag":           {0x80},
	} {
		if _, ok := readFlag(body, newSharer()); ok {
			t.Errorf("%s is decoded", name)
		}
	}
}

// TestReadFlagShares finds texts and times that recur to be one.
func TestReadFlagShares(t *testing.T) {
	t.Parallel()
	at := &timestamppb.Timestamp{Seconds: 7}
	variant := &flipt.Variant{Id: "id", FlagKey: "f", Key: "on", NamespaceKey: "n", CreatedAt: at}
	body, err := encode(&storev1.Flag{
		Flag: &flipt.Flag{Key: "f", Name: "f", NamespaceKey: "n", CreatedAt: at, UpdatedAt: at, Variants: []*flipt.Variant{variant}, DefaultVariant: variant},
		Rules: []*flipt.Rule{{Id: "rule", FlagKey: "f", NamespaceKey: "n", SegmentKeys: []string{"s"},
			Distributions: []*flipt.Distribution{{RuleId: "rule", VariantId: "id", CreatedAt: at}}}},
		Rollouts: []*flipt.Rollout{{FlagKey: "f", CreatedAt: at}},
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := decode[*storev1.Flag](body, newSharer())
	if err != nil {
		t.Fatal(err)
	}
	if f := doc.Flag; f.DefaultVariant != f.Variants[0] || f.CreatedAt != f.UpdatedAt || f.CreatedAt != f.Variants[0].CreatedAt ||
		f.CreatedAt != doc.Rules[0].Distributions[0].CreatedAt || f.CreatedAt != doc.Rollouts[0].CreatedAt {
		t.Errorf("not shared: %v", doc)
	}
}

// BenchmarkDecodeFlag decodes a flag of 3 variants and 2 rules of 3 distributions, and for comparison lets package proto do it.
func BenchmarkDecodeFlag(b *testing.B) {
	at := &timestamppb.Timestamp{Seconds: 1790000000, Nanos: 123456000}
	doc := &storev1.Flag{Created: 7, Flag: &flipt.Flag{Key: "a-flag", Name: "a-flag", NamespaceKey: "default", Enabled: true,
		Description: "What the flag is for, in a sentence.", CreatedAt: at, UpdatedAt: at}}
	for range 3 {
		doc.Flag.Variants = append(doc.Flag.Variants, &flipt.Variant{Id: uuid.NewString(), FlagKey: "a-flag", NamespaceKey: "default",
			Key: "on", Name: "On", Attachment: `{"color":"red"}`, CreatedAt: at, UpdatedAt: at})
	}
	for range 2 {
		rule := &flipt.Rule{Id: uuid.NewString(), FlagKey: "a-flag", NamespaceKey: "default", SegmentKey: "a-segment", CreatedAt: at, UpdatedAt: at}
		for _, v := range doc.Flag.Variants {
			rule.Distributions = append(rule.Distributions, &flipt.Distribution{Id: uuid.NewString(), RuleId: rule.Id, VariantId: v.Id,
				Rollout: 33.3, CreatedAt: at, UpdatedAt: at})
		}
		doc.Rules = append(doc.Rules, rule)
	}
	body, err := encode(doc)
	if err != nil {
		b.Fatal(err)
	}
	s := newSharer()
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decode[*storev1.Flag](body, s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("proto", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			doc := new(storev1.Flag)
			if err := proto.Unmarshal(body, doc); err != nil {
				b.Fatal(err)
			}
			s.flag(doc)
			link(doc)
		}
	})
}
