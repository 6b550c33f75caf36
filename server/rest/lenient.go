package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var errWrongType = errors.New("invalid values for key(s) in json body")

// unmarshalLenient reads what protojson refuses, by the descriptor of the message. It leans on encoding/json for the
// syntax, because the texts of its errors are part of the contract.
func unmarshalLenient(data []byte, message proto.Message) error {
	proto.Reset(message)
	var first json.RawMessage
	err := json.NewDecoder(bytes.NewReader(data)).Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	err = readMessage(message.ProtoReflect(), first)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return errWrongType
	}
	return err
}

func readMessage(m protoreflect.Message, raw json.RawMessage) error {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		return readTimestamp(m, raw)
	case "google.protobuf.Struct":
		return readStruct(m, raw)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	fields := m.Descriptor().Fields()
	// In the order of declaration: of a oneof, the member that is declared last stays.
	for i := range fields.Len() {
		field := fields.Get(i)
		member, ok := members[field.JSONName()]
		if !ok {
			member, ok = members[string(field.Name())]
		}
		if !ok || isNull(member) && isOrdinary(field) {
			continue
		}
		if err := readField(m, field, member); err != nil {
			return err
		}
	}
	return nil
}

func readField(m protoreflect.Message, field protoreflect.FieldDescriptor, raw json.RawMessage) error {
	switch {
	case !isOrdinary(field):
		return readStrictly(m, field, raw)
	case field.IsMap():
		return readMap(m.Mutable(field).Map(), field.MapValue(), raw)
	case field.IsList():
		return readList(m.Mutable(field).List(), field, raw)
	}
	value, err := readValue(m.NewField(field), field, raw)
	if err != nil {
		return err
	}
	m.Set(field, value)
	return nil
}

func readMap(into protoreflect.Map, field protoreflect.FieldDescriptor, raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		value, err := readValue(into.NewValue(), field, members[key])
		if err != nil {
			return err
		}
		into.Set(protoreflect.ValueOfString(key).MapKey(), value)
	}
	return nil
}

func readList(into protoreflect.List, field protoreflect.FieldDescriptor, raw json.RawMessage) error {
	elements, err := listElements(raw)
	if err != nil {
		return err
	}
	for _, element := range elements {
		value, err := readValue(into.NewElement(), field, element)
		if err != nil {
			return err
		}
		into.Append(value)
	}
	return nil
}

// listElements also takes an object whose keys are the indices of a list: a client in PHP writes its lists so.
func listElements(raw json.RawMessage) ([]json.RawMessage, error) {
	if raw[0] != '{' {
		var elements []json.RawMessage
		err := json.Unmarshal(raw, &elements)
		return elements, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	elements := make([]json.RawMessage, len(members))
	for i := range elements {
		element, ok := members[strconv.Itoa(i)]
		if !ok {
			return nil, errWrongType
		}
		elements[i] = element
	}
	return elements, nil
}

// readValue reads one value of a field, an element of its list or a value of its map. A null, which only the last two
// still have, is the zero value.
func readValue(zero protoreflect.Value, field protoreflect.FieldDescriptor, raw json.RawMessage) (protoreflect.Value, error) {
	if isNull(raw) {
		return zero, nil
	}
	switch field.Kind() {
	case protoreflect.MessageKind:
		return zero, readMessage(zero.Message(), raw)
	case protoreflect.EnumKind:
		number, err := readEnum(field.Enum(), raw)
		return protoreflect.ValueOfEnum(number), err
	case protoreflect.StringKind:
		var text string
		err := json.Unmarshal(raw, &text)
		return protoreflect.ValueOfString(text), err
	case protoreflect.BoolKind:
		var truth bool
		err := json.Unmarshal(raw, &truth)
		return protoreflect.ValueOfBool(truth), err
	case protoreflect.FloatKind:
		number, err := readFloat[float32](raw)
		return protoreflect.ValueOfFloat32(number), err
	case protoreflect.DoubleKind:
		number, err := readFloat[float64](raw)
		return protoreflect.ValueOfFloat64(number), err
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, err := readInteger[int32](raw)
		return protoreflect.ValueOfInt32(number), err
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		number, err := readInteger[int64](raw)
		return protoreflect.ValueOfInt64(number), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		number, err := readInteger[uint32](raw)
		return protoreflect.ValueOfUint32(number), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		number, err := readInteger[uint64](raw)
		return protoreflect.ValueOfUint64(number), err
	default:
		panic(fmt.Sprintf("field %s is not ordinary", field.FullName()))
	}
}

func readEnum(enum protoreflect.EnumDescriptor, raw json.RawMessage) (protoreflect.EnumNumber, error) {
	var number protoreflect.EnumNumber
	if raw[0] != '"' {
		err := json.Unmarshal(raw, &number)
		return number, err
	}
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return 0, err
	}
	value := enum.Values().ByName(protoreflect.Name(name))
	if value == nil {
		return 0, fmt.Errorf("unknown value %q for enum %s", raw, enum.FullName())
	}
	return value.Number(), nil
}

// readInteger also takes numbers in quotes, and those with a fraction of zero.
func readInteger[T int32 | int64 | uint32 | uint64](raw json.RawMessage) (T, error) {
	text := unquoted(raw)
	var number T
	err := json.Unmarshal(text, &number)
	if err == nil {
		return number, nil
	}
	var float float64
	if json.Unmarshal(text, &float) == nil && math.Abs(float) < 1<<53 && float64(T(float)) == float {
		return T(float), nil
	}
	return 0, err
}

func readFloat[T float32 | float64](raw json.RawMessage) (T, error) {
	switch string(raw) {
	case `"NaN"`:
		return T(math.NaN()), nil
	case `"Infinity"`:
		return T(math.Inf(1)), nil
	case `"-Infinity"`:
		return T(math.Inf(-1)), nil
	}
	var number T
	err := json.Unmarshal(unquoted(raw), &number)
	return number, err
}

func readTimestamp(m protoreflect.Message, raw json.RawMessage) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("bad Timestamp: %w", err)
	}
	timestamp := timestamppb.New(t)
	if !timestamp.IsValid() {
		return fmt.Errorf("bad Timestamp: %s is out of range", text)
	}
	proto.Merge(m.Interface(), timestamp)
	return nil
}

// readStruct hides the cause of its errors, which would otherwise be taken for a wrong type.
func readStruct(m protoreflect.Message, raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &map[string]json.RawMessage{}); err != nil {
		return fmt.Errorf("bad StructValue: %v", err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		return fmt.Errorf("bad StructValue: %v", err)
	}
	object, err := structpb.NewStruct(members)
	if err != nil {
		return fmt.Errorf("bad StructValue: %v", err)
	}
	proto.Merge(m.Interface(), object)
	return nil
}

// isOrdinary says whether a field has a type that is read here. No request of the contract has any other.
func isOrdinary(field protoreflect.FieldDescriptor) bool {
	if field.IsMap() {
		if field.MapKey().Kind() != protoreflect.StringKind {
			return false
		}
		field = field.MapValue()
	}
	switch field.Kind() {
	case protoreflect.BytesKind, protoreflect.GroupKind:
		return false
	case protoreflect.MessageKind:
		name := field.Message().FullName()
		return name.Parent() != "google.protobuf" || name.Name() == "Timestamp" || name.Name() == "Struct" || name.Name() == "Empty"
	}
	return true
}

// readStrictly leaves a field to protojson.
func readStrictly(m protoreflect.Message, field protoreflect.FieldDescriptor, raw json.RawMessage) error {
	alone, err := json.Marshal(map[string]json.RawMessage{field.JSONName(): raw})
	if err != nil {
		return err
	}
	holder := m.New()
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(alone, holder.Interface()); err != nil {
		return errWrongType
	}
	if holder.Has(field) {
		m.Set(field, holder.Get(field))
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// unquoted returns the text between the quotes of a JSON string, without decoding it, or raw itself.
func unquoted(raw json.RawMessage) []byte {
	if len(raw) >= 2 && raw[0] == '"' {
		return raw[1 : len(raw)-1]
	}
	return raw
}
