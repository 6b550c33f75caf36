package store

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// document is one of *storev1.Namespace, *storev1.Flag and *storev1.Segment.
type document interface {
	proto.Message
	comparable
	GetCreated() uint64
}

// identify returns the id that a document bears; its key is empty when the document has no inner message.
func identify[D document](doc D) id {
	switch doc := any(doc).(type) {
	case *storev1.Namespace:
		key := doc.GetNamespace().GetKey()
		return id{key, KindNamespace, key}
	case *storev1.Flag:
		return id{doc.GetFlag().GetNamespaceKey(), KindFlag, doc.GetFlag().GetKey()}
	case *storev1.Segment:
		return id{doc.GetSegment().GetNamespaceKey(), KindSegment, doc.GetSegment().GetKey()}
	}
	panic(fmt.Sprintf("store: %T is no document", doc))
}

// encode returns the body of a document: deterministic binary protobuf. The default variant of a flag is reduced to its
// id, and left out when no variant has that id. It does not touch the document.
func encode[D document](doc D) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(storable(doc))
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", identify(doc), err)
	}
	return body, nil
}

// storable returns the message that is encoded for a document: itself, or a shallow copy with a reduced default variant.
func storable(doc proto.Message) proto.Message {
	f, ok := doc.(*storev1.Flag)
	if !ok || f.GetFlag().GetDefaultVariant() == nil {
		return doc
	}
	outer, inner := shallow(f), shallow(f.Flag)
	inner.DefaultVariant = nil
	if v := variant(f.Flag, f.Flag.DefaultVariant.Id); v != nil {
		inner.DefaultVariant = &flipt.Variant{Id: v.Id}
	}
	outer.Flag = inner
	return outer
}

// shallow copies a message whose fields, known and unknown, are those of the original.
func shallow[M proto.Message](m M) M {
	from := m.ProtoReflect()
	to := from.New()
	from.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		to.Set(field, value)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to.Interface().(M)
}

// decode returns the document of a body, linked, sharing equal strings and times as s finds them.
func decode[D document](body []byte, s *sharer) (D, error) {
	var none D
	if _, ok := any(none).(*storev1.Flag); ok {
		if doc, ok := readFlag(body, s); ok {
			s.rollouts(doc)
			link(doc)
			return any(doc).(D), nil
		}
	}
	doc := none.ProtoReflect().New().Interface().(D)
	if err := proto.Unmarshal(body, doc); err != nil {
		return none, err
	}
	switch doc := any(doc).(type) {
	case *storev1.Namespace:
		s.namespace(doc)
	case *storev1.Flag:
		s.flag(doc)
		link(doc)
	case *storev1.Segment:
		s.segment(doc)
	}
	return doc, nil
}

// link makes the default variant of a flag the one of its variants that has its id, or nil when none has.
func link(doc *storev1.Flag) {
	if doc.GetFlag().GetDefaultVariant() != nil {
		doc.Flag.DefaultVariant = variant(doc.Flag, doc.Flag.DefaultVariant.Id)
	}
}

func variant(f *flipt.Flag, id string) *flipt.Variant {
	for _, v := range f.GetVariants() {
		if v.GetId() == id {
			return v
		}
	}
	return nil
}

// changeOf returns the change that a document is; doc is nil when it was deleted.
func changeOf(i id, doc proto.Message) Change {
	c := Change{Namespace: i.namespace, Kind: i.kind, Key: i.key}
	switch doc := doc.(type) {
	case *storev1.Namespace:
		c.NamespaceDoc = doc
	case *storev1.Flag:
		c.Flag = doc
	case *storev1.Segment:
		c.Segment = doc
	}
	return c
}

// rank orders changes for derive: namespaces first, then segments, then flags.
func (k Kind) rank() int {
	switch k {
	case KindNamespace:
		return 0
	case KindSegment:
		return 1
	default:
		return 2
	}
}
