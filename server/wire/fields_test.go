package wire

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// fields are those that the codec knows, of the messages at hand and of all messages within them.
var fields = map[protoreflect.FullName][]string{
	"flipt.evaluation.EvaluationRequest": {
		"1 request_id string", "2 namespace_key string", "3 flag_key string", "4 entity_id string", "5 context map string string", "6 reference string",
	},
	"flipt.evaluation.BatchEvaluationRequest": {
		"1 request_id string", "3 requests repeated flipt.evaluation.EvaluationRequest", "4 reference string",
	},
	"flipt.evaluation.BatchEvaluationResponse": {
		"1 request_id string", "2 responses repeated flipt.evaluation.EvaluationResponse", "3 request_duration_millis double",
	},
	"flipt.evaluation.EvaluationResponse": {
		"1 type flipt.evaluation.EvaluationResponseType", "2 boolean_response oneof flipt.evaluation.BooleanEvaluationResponse",
		"3 variant_response oneof flipt.evaluation.VariantEvaluationResponse", "4 error_response oneof flipt.evaluation.ErrorEvaluationResponse",
	},
	"flipt.evaluation.BooleanEvaluationResponse": {
		"1 enabled bool", "2 reason flipt.evaluation.EvaluationReason", "3 request_id string", "4 request_duration_millis double",
		"5 timestamp google.protobuf.Timestamp", "6 flag_key string", "7 segment_keys repeated string",
	},
	"flipt.evaluation.VariantEvaluationResponse": {
		"1 match bool", "2 segment_keys repeated string", "3 reason flipt.evaluation.EvaluationReason", "4 variant_key string",
		"5 variant_attachment string", "6 request_id string", "7 request_duration_millis double", "8 timestamp google.protobuf.Timestamp",
		"9 flag_key string",
	},
	"flipt.evaluation.ErrorEvaluationResponse": {
		"1 flag_key string", "2 namespace_key string", "3 reason flipt.evaluation.ErrorEvaluationReason",
	},
	"flipt.EvaluationRequest": {
		"1 request_id string", "2 flag_key string", "3 entity_id string", "4 context map string string", "5 namespace_key string",
	},
	"flipt.BatchEvaluationRequest": {
		"1 request_id string", "2 requests repeated flipt.EvaluationRequest", "3 exclude_not_found bool", "4 namespace_key string",
	},
	"flipt.BatchEvaluationResponse": {
		"1 request_id string", "2 responses repeated flipt.EvaluationResponse", "3 request_duration_millis double",
	},
	"flipt.EvaluationResponse": {
		"1 request_id string", "2 entity_id string", "3 request_context map string string", "4 match bool", "5 flag_key string",
		"6 segment_key string", "7 timestamp google.protobuf.Timestamp", "8 value string", "9 request_duration_millis double",
		"10 attachment string", "11 reason flipt.EvaluationReason", "12 namespace_key string", "13 segment_keys repeated string",
	},
	"flipt.ofrep.EvaluateFlagRequest": {"1 key string", "2 context map string string"},
	"flipt.ofrep.EvaluateBulkRequest": {"2 context map string string"},
	"flipt.ofrep.EvaluatedFlag": {
		"1 key string", "2 reason flipt.ofrep.EvaluateReason", "3 variant string", "4 metadata google.protobuf.Struct",
		"5 value google.protobuf.Value",
	},
	"flipt.ofrep.BulkEvaluationResponse": {"1 flags repeated flipt.ofrep.EvaluatedFlag"},
	"google.protobuf.Timestamp":          {"1 seconds int64", "2 nanos int32"},
	"google.protobuf.Struct":             {"1 fields map string google.protobuf.Value"},
	"google.protobuf.Value": {
		"1 null_value oneof google.protobuf.NullValue", "2 number_value oneof double", "3 string_value oneof string", "4 bool_value oneof bool",
		"5 struct_value oneof google.protobuf.Struct", "6 list_value oneof google.protobuf.ListValue",
	},
	"google.protobuf.ListValue": {"1 values repeated google.protobuf.Value"},
}

// TestFields fails when a message has got a field, or a field has changed, and the codec has not been taught.
func TestFields(t *testing.T) {
	t.Parallel()
	found := make(map[protoreflect.FullName][]string)
	for _, m := range slices.Concat(requests(), responses()) {
		describe(m.ProtoReflect().Descriptor(), found)
	}
	for name := range maps.Keys(fields) {
		if found[name] == nil {
			t.Errorf("%s is in none of the messages", name)
		}
	}
	for name, got := range found {
		if want := fields[name]; !slices.Equal(got, want) {
			t.Errorf("the fields of %s are %q; this package knows %q: teach it, then change this list", name, got, want)
		}
	}
}

// describe adds the fields of a message, and of those within it, to found.
func describe(d protoreflect.MessageDescriptor, found map[protoreflect.FullName][]string) {
	if found[d.FullName()] != nil {
		return
	}
	found[d.FullName()] = []string{}
	var texts []string
	for i := range d.Fields().Len() {
		field := d.Fields().Get(i)
		text := fmt.Sprintf("%d %s ", field.Number(), field.Name())
		switch {
		case field.IsMap():
			text += "map " + typeOf(field.MapKey()) + " " + typeOf(field.MapValue())
		case field.IsList():
			text += "repeated " + typeOf(field)
		case field.HasOptionalKeyword():
			text += "optional " + typeOf(field)
		case field.ContainingOneof() != nil:
			text += "oneof " + typeOf(field)
		default:
			text += typeOf(field)
		}
		texts = append(texts, text)
		inner := field.Message()
		if field.IsMap() {
			inner = field.MapValue().Message()
		}
		if inner != nil {
			describe(inner, found)
		}
	}
	found[d.FullName()] = texts
}

func typeOf(field protoreflect.FieldDescriptor) string {
	switch {
	case field.Message() != nil:
		return string(field.Message().FullName())
	case field.Enum() != nil:
		return string(field.Enum().FullName())
	default:
		return field.Kind().String()
	}
}
