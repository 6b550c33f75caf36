package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
)

// codeRules checks what no rule of a proto can express: that an attachment is JSON, that metadata can be written as
// JSON, and that type, property, operator and value of a constraint go together.
func codeRules(request proto.Message) []violation {
	switch r := request.(type) {
	case *flipt.CreateFlagRequest:
		return metadataRule(r, r.Metadata)
	case *flipt.UpdateFlagRequest:
		return metadataRule(r, r.Metadata)
	case *flipt.CreateVariantRequest:
		return attachmentRule(r, r.Attachment)
	case *flipt.UpdateVariantRequest:
		return attachmentRule(r, r.Attachment)
	case *flipt.CreateConstraintRequest:
		return constraintRule(r, r.Type, r.Property, r.Operator, r.Value)
	case *flipt.UpdateConstraintRequest:
		return constraintRule(r, r.Type, r.Property, r.Operator, r.Value)
	}
	return nil
}

// attachmentRule comes before the rule on the length of the same field.
func attachmentRule(request proto.Message, attachment string) []violation {
	field := request.ProtoReflect().Descriptor().Fields().ByName("attachment")
	if attachment == "" {
		return nil
	}
	if json.Valid([]byte(attachment)) {
		return depthRule(field, []byte(attachment))
	}
	return []violation{codeViolation(field, fieldOrder(field)-1, "attachment.json", "must be a json string", "invalid field attachment: ")}
}

// metadataRule refuses what only binary Protobuf can say, a value that is nothing or no number, and what no answer in JSON
// could hold.
func metadataRule(request proto.Message, metadata *structpb.Struct) []violation {
	field := request.ProtoReflect().Descriptor().Fields().ByName("metadata")
	text, err := protojson.Marshal(metadata)
	if err == nil {
		return depthRule(field, text)
	}
	return []violation{codeViolation(field, fieldOrder(field), "metadata.json", "must be a json object", "invalid field metadata: ")}
}

// maxDepth is how deep JSON within a document may be nested: with what stands around it, a features file stays within the 64
// levels that are read.
const maxDepth = 50

// depthRule refuses valid JSON that is nested too deeply.
func depthRule(field protoreflect.FieldDescriptor, text []byte) []violation {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if deepest <= maxDepth {
		return nil
	}
	message := fmt.Sprintf("must not be nested deeper than %d levels", maxDepth)
	return []violation{codeViolation(field, fieldOrder(field), string(field.Name())+".depth", message, "invalid field "+field.JSONName()+": ")}
}

// constraintRule comes after all rules on single fields.
func constraintRule(request proto.Message, kind flipt.ComparisonType, property, operator, value string) []violation {
	if property == "" || operator == "" {
		return nil
	}
	_, _, err := normalizeConstraint(kind, property, operator, value)
	if err == nil {
		return nil
	}
	fields := request.ProtoReflect().Descriptor().Fields()
	return []violation{codeViolation(fields.ByName("value"), fieldOrder(fields.Get(fields.Len()-1))+1, "constraint", err.Error(), "")}
}

func codeViolation(field protoreflect.FieldDescriptor, order int, rule, message, prefix string) violation {
	return violation{order: order, path: field.JSONName(), text: prefix + message, detail: validate.Violation_builder{
		Field: validate.FieldPath_builder{Elements: []*validate.FieldPathElement{validate.FieldPathElement_builder{
			FieldNumber: proto.Int32(int32(field.Number())),
			FieldName:   proto.String(string(field.Name())),
			FieldType:   descriptorpb.FieldDescriptorProto_Type(field.Kind()).Enum(),
		}.Build()}}.Build(),
		RuleId:  proto.String(rule),
		Message: proto.String(message),
	}.Build()}
}

// operators lists what each type of constraint can compare with.
var operators = map[flipt.ComparisonType][]string{
	flipt.ComparisonType_STRING_COMPARISON_TYPE: {"eq", "neq", "empty", "notempty", "prefix", "suffix", "isoneof", "isnotoneof",
		"contains", "notcontains"},
	flipt.ComparisonType_NUMBER_COMPARISON_TYPE:    numberOperators,
	flipt.ComparisonType_DATETIME_COMPARISON_TYPE:  numberOperators,
	flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE:   {"true", "false", "present", "notpresent"},
	flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE: {"eq", "neq", "isoneof", "isnotoneof", "contains", "notcontains"},
}

var numberOperators = []string{"eq", "neq", "lt", "lte", "gt", "gte", "present", "notpresent", "isoneof", "isnotoneof"}

// valueless lists the operators that take no value.
var valueless = []string{"true", "false", "empty", "notempty", "present", "notpresent"}

// typeNames are the words for types of constraints in the contract's texts.
var typeNames = map[flipt.ComparisonType]string{
	flipt.ComparisonType_STRING_COMPARISON_TYPE:    "string",
	flipt.ComparisonType_NUMBER_COMPARISON_TYPE:    "number",
	flipt.ComparisonType_DATETIME_COMPARISON_TYPE:  "datetime",
	flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE:   "boolean",
	flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE: "entityId",
}

// maxListValues is the largest number of elements of a list that isoneof and isnotoneof compare with.
const maxListValues = 100

// normalizeConstraint returns operator and value as they are stored, or why they do not go together (semantics.md 5).
func normalizeConstraint(kind flipt.ComparisonType, property, operator, value string) (string, string, error) {
	name, known := typeNames[kind]
	if !known {
		return "", "", invalid("invalid constraint type: %q", kind.String())
	}
	if kind == flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE && property != "entityId" {
		return "", "", invalid("property is %s instead of \"entityId\"", property)
	}
	lower := strings.ToLower(operator)
	if !slices.Contains(operators[kind], lower) {
		return "", "", invalid("constraint operator %q is not valid for type %s", operator, name)
	}
	takesNone := slices.Contains(valueless, lower)
	if value == "" && !takesNone {
		return "", "", invalid("invalid field value: must not be empty")
	}
	if kind == flipt.ComparisonType_DATETIME_COMPARISON_TYPE && value != "" {
		var err error
		if value, err = normalizeDatetime(value); err != nil {
			return "", "", err
		}
	}
	if takesNone {
		return lower, "", nil
	}
	if lower == "isoneof" || lower == "isnotoneof" {
		return lower, value, checkList(kind, name, property, value)
	}
	return lower, value, nil
}

// normalizeDatetime returns a time in UTC and whole seconds; a date alone stays one.
func normalizeDatetime(value string) (string, error) {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return at.UTC().Format(time.RFC3339), nil
	}
	if at, err := time.Parse(time.DateOnly, value); err == nil {
		return at.Format(time.DateOnly), nil
	}
	return "", invalid("parsing datetime from %q", value)
}

// checkList checks the list that isoneof and isnotoneof compare with.
func checkList(kind flipt.ComparisonType, name, property, value string) error {
	var length int
	var err error
	switch kind {
	case flipt.ComparisonType_NUMBER_COMPARISON_TYPE:
		var list []float64
		err = json.Unmarshal([]byte(value), &list)
		length = len(list)
	case flipt.ComparisonType_STRING_COMPARISON_TYPE, flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE:
		var list []string
		err = json.Unmarshal([]byte(value), &list)
		length = len(list)
	}
	if err != nil {
		return invalid("invalid value provided for property %q of type %s", property, name)
	}
	if length > maxListValues {
		return invalid("too many values provided for property %q of type %s (maximum %d)", property, name, maxListValues)
	}
	return nil
}
