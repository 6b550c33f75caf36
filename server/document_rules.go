package server

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// part is a piece of a document as the request of the contract that would make it, whose rules are the document's.
type part struct {
	place   string // in the request that holds the document
	request proto.Message
}

// isOurs says whether a request is one of our own services.
func isOurs(message protoreflect.MessageDescriptor) bool {
	return message.ParentFile().Package() == "burgee.v1"
}

// partsOf returns the pieces of all documents in a request of ours, wherever they stand.
func partsOf(place string, message protoreflect.Message) []part {
	switch doc := message.Interface().(type) {
	case *burgeev1.FlagDocument:
		return flagParts(place, doc)
	case *burgeev1.SegmentDocument:
		return segmentParts(place, doc)
	case *burgeev1.NamespaceDocument:
		return []part{{join(place, "namespace"), &flipt.UpdateNamespaceRequest{Key: unnamed, Name: doc.GetNamespace().GetName()}}}
	}
	var parts []part
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.IsMap() || !isOurs(field.Message()) {
			return true
		}
		inner := join(place, field.JSONName())
		if !field.IsList() {
			parts = append(parts, partsOf(inner, value.Message())...)
			return true
		}
		for i := range value.List().Len() {
			parts = append(parts, partsOf(fmt.Sprintf("%s[%d]", inner, i), value.List().Get(i).Message())...)
		}
		return true
	})
	return parts
}

// unnamed stands for what the server knows: the keys of a part's parents and, since a document that exists keeps it, its own.
const unnamed = "unnamed"

func flagParts(place string, doc *burgeev1.FlagDocument) []part {
	flag := doc.GetFlag()
	parts := []part{{join(place, "flag"), &flipt.UpdateFlagRequest{Key: unnamed, Name: flag.GetName(), Metadata: flag.GetMetadata()}}}
	for i, v := range flag.GetVariants() {
		parts = append(parts, part{fmt.Sprintf("%s.flag.variants[%d]", place, i),
			&flipt.CreateVariantRequest{FlagKey: unnamed, Key: v.GetKey(), Attachment: v.GetAttachment()}})
	}
	for i, r := range doc.GetRules() {
		rule := fmt.Sprintf("%s.rules[%d]", place, i)
		parts = append(parts, part{rule,
			&flipt.CreateRuleRequest{FlagKey: unnamed, Rank: 1, SegmentKey: r.GetSegmentKey(), SegmentKeys: r.GetSegmentKeys()}})
		for j, d := range r.GetDistributions() {
			parts = append(parts, part{fmt.Sprintf("%s.distributions[%d]", rule, j),
				&flipt.CreateDistributionRequest{FlagKey: unnamed, RuleId: unnamed, VariantId: d.GetVariantId(), Rollout: d.GetRollout()}})
		}
	}
	for i, r := range doc.GetRollouts() {
		if r.GetRule() == nil { // what there is is checked where it stands
			parts = append(parts, part{fmt.Sprintf("%s.rollouts[%d]", place, i), &flipt.CreateRolloutRequest{FlagKey: unnamed}})
		}
	}
	return parts
}

func segmentParts(place string, doc *burgeev1.SegmentDocument) []part {
	segment := doc.GetSegment()
	parts := []part{{join(place, "segment"), &flipt.UpdateSegmentRequest{Key: unnamed, Name: segment.GetName()}}}
	for i, c := range segment.GetConstraints() {
		parts = append(parts, part{fmt.Sprintf("%s.segment.constraints[%d]", place, i), &flipt.CreateConstraintRequest{
			SegmentKey: unnamed, Type: c.GetType(), Property: c.GetProperty(), Operator: c.GetOperator(), Value: c.GetValue(),
		}})
	}
	return parts
}
