package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// breaches are the ways to break each kind of rule, with what the contract says then.
var breaches = map[string][]struct {
	value          any
	reason, nested string // of a field of the request, and of one of a message in it where that differs
}{
	"required":           {{nil, "must not be empty", ""}},
	"string.min_len":     {{"", "must not be empty", ""}},
	"string.pattern":     {{"no good", "contains invalid characters", ""}},
	"string.max_bytes":   {{`"` + strings.Repeat("x", 1024000) + `"`, "must be less than 1000 KB", ""}},
	"repeated.min_items": {{1, "must contain atleast 2 elements", ""}, {0, "must contain atleast 2 elements", ""}},
	"int32.gt":           {{int32(0), "must be greater than 0", ""}, {int32(-5), "must be greater than 0", ""}},
	"int32.gte":          {{int32(-1), "must be greater than or equal to 0", ""}},
	"float.gte":          {{float32(-0.5), "must be greater than or equal to '0'", "must be within range [0, 100]"}},
	"float.lte":          {{float32(100.5), "must be less than or equal to '100'", "must be within range [0, 100]"}},
}

// TestFieldRules breaks each rule of each field of each request that is served, and wants the contract's text, and the
// violation in the details.
func TestFieldRules(t *testing.T) {
	t.Parallel()
	srv := start(t)
	conn := stranger(t, srv)
	tried := 0
	for _, service := range servedServices(t) {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			for _, b := range brokenRequests(t, method.Input()) {
				tried++
				checkBreach(t, srv, conn, "/"+string(service.FullName())+"/"+string(method.Name()), b)
			}
		}
	}
	if tried < 90 {
		t.Errorf("only %d breaches were tried", tried)
	}
}

// servedServices returns the services of the contract and our own.
func servedServices(t *testing.T) []protoreflect.ServiceDescriptor {
	var services []protoreflect.ServiceDescriptor
	for _, name := range []protoreflect.FullName{
		"flipt.Flipt", "flipt.evaluation.EvaluationService", "flipt.evaluation.DataService", "flipt.ofrep.OFREPService",
		"flipt.auth.PublicAuthenticationService", "flipt.auth.AuthenticationService", "flipt.meta.MetadataService",
		"flipt.analytics.AnalyticsService", "burgee.v1.FeaturesService",
	} {
		services = append(services, ok(protoregistry.GlobalFiles.FindDescriptorByName(name))(t).(protoreflect.ServiceDescriptor))
	}
	return services
}

// breach is a request that breaks one rule of one field.
type breach struct {
	request proto.Message
	path    string // of the field, as in JSON
	field   string // of the request, that holds it
	reason  string
}

func brokenRequests(t *testing.T, input protoreflect.MessageDescriptor) []breach {
	t.Helper()
	var found []breach
	eachRule(input, func(field protoreflect.FieldDescriptor, rule string) {
		ways, known := breaches[rule]
		if !known {
			t.Errorf("%s: there is no text for rule %s", field.FullName(), rule)
		}
		for _, way := range ways {
			request := validRequest(t, input)
			breakField(request.ProtoReflect(), field, way.value)
			found = append(found, breach{request, field.JSONName(), string(field.Name()), way.reason})
		}
	})
	// The messages within.
	for i := range input.Fields().Len() {
		outer := input.Fields().Get(i)
		if outer.Message() == nil || outer.Cardinality() == protoreflect.Repeated {
			continue
		}
		eachRule(outer.Message(), func(field protoreflect.FieldDescriptor, rule string) {
			for _, way := range breaches[rule] {
				request := validRequest(t, input)
				breakField(request.ProtoReflect().Mutable(outer).Message(), field, way.value)
				reason := way.reason
				if way.nested != "" {
					reason = way.nested
				}
				found = append(found, breach{request, outer.JSONName() + "." + field.JSONName(), string(outer.Name()), reason})
			}
		})
	}
	return found
}

// eachRule calls do with each rule of each field of a message, such as string.min_len.
func eachRule(message protoreflect.MessageDescriptor, do func(protoreflect.FieldDescriptor, string)) {
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
		if rules == nil || rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
			continue
		}
		rules.ProtoReflect().Range(func(kind protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if kind.Message() == nil {
				do(field, string(kind.Name()))
				return true
			}
			value.Message().Range(func(rule protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
				do(field, string(kind.Name())+"."+string(rule.Name()))
				return true
			})
			return true
		})
	}
}

// validRequest returns a request that breaks no rule of a field.
func validRequest(t *testing.T, input protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	request := ok(protoregistry.GlobalTypes.FindMessageByName(input.FullName()))(t).New()
	for i := range input.Fields().Len() {
		field := input.Fields().Get(i)
		switch {
		case field.IsMap(), field.Name() == "segment_key" && input.Fields().ByName("segment_keys") != nil:
		case field.IsList():
			if field.Kind() == protoreflect.StringKind {
				list := request.Mutable(field).List()
				list.Append(protoreflect.ValueOfString("1"))
				list.Append(protoreflect.ValueOfString("2"))
			}
		case field.Kind() == protoreflect.StringKind:
			request.Set(field, protoreflect.ValueOfString("1"))
		case field.Kind() == protoreflect.Int32Kind:
			request.Set(field, protoreflect.ValueOfInt32(1))
		case field.Kind() == protoreflect.FloatKind:
			request.Set(field, protoreflect.ValueOfFloat32(1))
		case field.Message() != nil:
			request.Mutable(field)
		}
	}
	return request.Interface()
}

// breakField sets a field to a value that its rule forbids; of a list, the value is the length.
func breakField(message protoreflect.Message, field protoreflect.FieldDescriptor, value any) {
	switch {
	case value == nil:
		message.Clear(field)
	case field.IsList():
		message.Mutable(field).List().Truncate(value.(int))
	default:
		message.Set(field, protoreflect.ValueOf(value))
	}
}

func checkBreach(t *testing.T, srv *running, conn *grpc.ClientConn, procedure string, b breach) {
	t.Helper()
	want := "invalid field " + b.path + ": " + b.reason
	err := conn.Invoke(t.Context(), procedure, b.request, new(emptypb.Empty))
	got := status.Convert(err)
	if got.Code() != codes.InvalidArgument || got.Message() != want {
		t.Errorf("%s over gRPC: got %v, want %s", procedure, err, want)
		return
	}
	if details := got.Details(); len(details) != 1 {
		t.Errorf("%s over gRPC: details %v", procedure, details)
	} else if !names(details[0], b) {
		t.Errorf("%s over gRPC: details %v do not name %s", procedure, details, b.field)
	}

	body := ok(protojson.Marshal(b.request))(t)
	call := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, srv.grpcURL+procedure, strings.NewReader(string(body))))(t)
	call.Header.Set("Content-Type", "application/json")
	answer, body := srv.do(t, call)
	var failed struct {
		Code, Message string
		Details       []struct{ Type, Value string }
	}
	if err := json.Unmarshal(body, &failed); err != nil || answer.StatusCode != http.StatusBadRequest || failed.Code != "invalid_argument" || failed.Message != want {
		t.Errorf("%s over Connect: got %d %s, want %s", procedure, answer.StatusCode, body, want)
		return
	}
	detail := new(anypb.Any)
	if len(failed.Details) == 1 {
		detail.TypeUrl = "type.googleapis.com/" + failed.Details[0].Type
		detail.Value = ok(base64.RawStdEncoding.DecodeString(failed.Details[0].Value))(t)
	}
	if message, err := detail.UnmarshalNew(); err != nil || !names(message, b) {
		t.Errorf("%s over Connect: details %s do not name %s", procedure, body, b.field)
	}
}

// names says whether the first violation is the breach: as a BadRequest of a service of ours, else as protovalidate has it.
func names(detail any, b breach) bool {
	if ours := b.request.ProtoReflect().Descriptor().ParentFile().Package() == "burgee.v1"; ours {
		bad, is := detail.(*errdetails.BadRequest)
		return is && len(bad.FieldViolations) == 1 && bad.FieldViolations[0].Field == b.path && bad.FieldViolations[0].Description == b.reason
	}
	violations, is := detail.(*validate.Violations)
	if !is || len(violations.GetViolations()) == 0 {
		return false
	}
	path := violations.GetViolations()[0].GetField().GetElements()
	return len(path) > 0 && path[0].GetFieldName() == b.field
}
