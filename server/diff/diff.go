// Package diff says what has changed between two versions of a document, member by member, as people and programs read it.
// It knows messages by their descriptors alone, and neither state nor history.
//
// Times of creation and change are bookkeeping and no difference. Items of lists are the same item when they have the same
// id, or, where they have none or are variants, the same key; the order of a list is no difference, since rules and rollouts
// carry their rank.
package diff

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
)

// Documents returns the differences between two versions of a document of burgee.store.v1, in the order of its members. Both
// must be of the same type and not nil.
func Documents(before, after proto.Message) []*burgeev1.FieldDifference {
	var w walker
	w.message("", before.ProtoReflect(), after.ProtoReflect())
	return w.found
}

// bookkeeping are the members that are not compared, by name.
var bookkeeping = map[protoreflect.Name]bool{"created_at": true, "updated_at": true, "created": true}

type walker struct {
	found []*burgeev1.FieldDifference
}

func (w *walker) message(path string, before, after protoreflect.Message) {
	fields := before.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if bookkeeping[field.Name()] {
			continue
		}
		name := join(path, field.JSONName())
		switch {
		case path == "" && isDocument(field):
			w.message(path, before.Get(field).Message(), after.Get(field).Message())
		case field.Name() == "default_variant":
			w.values(name, key(before.Get(field).Message()), key(after.Get(field).Message()))
		case field.IsList() && field.Message() != nil:
			w.list(name, before.Get(field).List(), after.Get(field).List())
		case field.Message() != nil && before.Has(field) && after.Has(field):
			w.nested(name, before.Get(field).Message(), after.Get(field).Message())
		case !sameField(field, before, after):
			w.values(name, fieldValue(field, before), fieldValue(field, after))
		}
	}
}

// isDocument says whether the field holds what the document is about, whose members stand at the top of paths.
func isDocument(field protoreflect.FieldDescriptor) bool {
	return !field.IsList() && field.Message() != nil && field.Number() == 1
}

func (w *walker) nested(path string, before, after protoreflect.Message) {
	a, isStruct := before.Interface().(*structpb.Struct)
	if !isStruct {
		w.message(path, before, after)
		return
	}
	w.object(path, a.Fields, after.Interface().(*structpb.Struct).Fields)
}

// object compares the members of two JSON objects in the order of their names.
func (w *walker) object(path string, before, after map[string]*structpb.Value) {
	for _, name := range sortedNames(before, after) {
		old, now := before[name], after[name]
		if old.GetStructValue() != nil && now.GetStructValue() != nil {
			w.object(join(path, name), old.GetStructValue().Fields, now.GetStructValue().Fields)
			continue
		}
		w.values(join(path, name), old, now)
	}
}

// list compares two lists of messages: first what was there before, in its order, then what is new.
func (w *walker) list(path string, before, after protoreflect.List) {
	now := make(map[string]protoreflect.Message, after.Len())
	for i := range after.Len() {
		now[identity(after.Get(i).Message(), i)] = after.Get(i).Message()
	}
	for i := range before.Len() {
		item := before.Get(i).Message()
		id := identity(item, i)
		name := fmt.Sprintf("%s[%s]", path, id)
		if same, ok := now[id]; ok {
			w.message(name, item, same)
		} else {
			w.values(name, messageValue(item), nil)
		}
		delete(now, id)
	}
	for i := range after.Len() {
		item := after.Get(i).Message()
		if id := identity(item, i); now[id] != nil {
			w.values(fmt.Sprintf("%s[%s]", path, id), nil, messageValue(item))
		}
	}
}

func (w *walker) values(path string, before, after *structpb.Value) {
	if !proto.Equal(before, after) {
		w.found = append(w.found, &burgeev1.FieldDifference{Path: path, Old: before, New: after})
	}
}

// identity names an item of a list: a variant by its key, others by their id, and what has neither by its place.
func identity(item protoreflect.Message, place int) string {
	for _, name := range []protoreflect.Name{"key", "id"} {
		if field := item.Descriptor().Fields().ByName(name); field != nil {
			return item.Get(field).String()
		}
	}
	return fmt.Sprint(place)
}

// key returns the key of a message that has one, or nil when it is absent.
func key(m protoreflect.Message) *structpb.Value {
	if !m.IsValid() {
		return nil
	}
	return structpb.NewStringValue(identity(m, 0))
}

func sameField(field protoreflect.FieldDescriptor, before, after protoreflect.Message) bool {
	if before.Has(field) != after.Has(field) {
		return false
	}
	return !before.Has(field) || before.Get(field).Equal(after.Get(field))
}

// fieldValue returns the value of a member as JSON, or nil when a member that can be absent is.
func fieldValue(field protoreflect.FieldDescriptor, m protoreflect.Message) *structpb.Value {
	if field.HasPresence() && !m.Has(field) {
		return nil
	}
	value := m.Get(field)
	if field.IsList() {
		list := new(structpb.ListValue)
		for i := range value.List().Len() {
			list.Values = append(list.Values, scalar(field, value.List().Get(i)))
		}
		return structpb.NewListValue(list)
	}
	return scalar(field, value)
}

func scalar(field protoreflect.FieldDescriptor, value protoreflect.Value) *structpb.Value {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return messageValue(value.Message())
	case protoreflect.EnumKind:
		if named := field.Enum().Values().ByNumber(value.Enum()); named != nil {
			return structpb.NewStringValue(string(named.Name()))
		}
		return structpb.NewNumberValue(float64(value.Enum()))
	case protoreflect.BoolKind:
		return structpb.NewBoolValue(value.Bool())
	case protoreflect.FloatKind:
		// 33.3 in single precision is 33.29999923706055 in double.
		short, _ := strconv.ParseFloat(strconv.FormatFloat(value.Float(), 'g', -1, 32), 64) // its own spelling
		return structpb.NewNumberValue(short)
	case protoreflect.DoubleKind:
		return structpb.NewNumberValue(value.Float())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return structpb.NewNumberValue(float64(value.Int()))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return structpb.NewNumberValue(float64(value.Uint()))
	default:
		return structpb.NewStringValue(value.String())
	}
}

// parents are the members of items that name what the item belongs to, which its path says already.
var parents = map[protoreflect.FullName]bool{
	"flipt.Variant.flag_key": true, "flipt.Variant.namespace_key": true, "flipt.Constraint.segment_key": true,
	"flipt.Constraint.namespace_key": true, "flipt.Rule.flag_key": true, "flipt.Rule.namespace_key": true,
	"flipt.Distribution.rule_id": true, "flipt.Rollout.flag_key": true, "flipt.Rollout.namespace_key": true,
}

// bare takes out of a message what is bookkeeping or names what it belongs to.
func bare(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case bookkeeping[field.Name()] || parents[field.FullName()]:
			m.Clear(field)
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				bare(value.List().Get(i).Message())
			}
		}
		return true
	})
}

// messageValue returns a whole item as JSON, without bookkeeping.
func messageValue(m protoreflect.Message) *structpb.Value {
	m = proto.Clone(m.Interface()).ProtoReflect()
	bare(m)
	text, err := protojson.Marshal(m.Interface())
	if err != nil {
		panic(fmt.Sprintf("diff: %s has no JSON: %v", m.Descriptor().FullName(), err)) // only text that is not UTF-8 has none
	}
	value := new(structpb.Value)
	if err := protojson.Unmarshal(text, value); err != nil {
		panic(fmt.Sprintf("diff: %s: %v", m.Descriptor().FullName(), err))
	}
	return value
}
