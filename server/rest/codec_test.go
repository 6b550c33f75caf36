package rest

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/auth"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

func mustStruct(t testing.TB, members map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(members)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	const zeroFlag = `"key":"","name":"","description":"","enabled":false,"variants":[],"namespaceKey":"","type":"VARIANT_FLAG_TYPE"`
	for _, c := range []struct {
		message proto.Message
		want    string
	}{
		{&flipt.Flag{}, "{" + zeroFlag + "}"},
		{&flipt.Flag{Metadata: &structpb.Struct{}}, "{" + zeroFlag + `,"metadata":{}}`},
		{&flipt.EvaluationRequest{}, `{"requestId":"","flagKey":"","entityId":"","context":{},"namespaceKey":""}`},
		{&flipt.Rollout{Id: "1", Rank: 2, Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 66.666664}}},
			`{"id":"1","namespaceKey":"","flagKey":"","type":"UNKNOWN_ROLLOUT_TYPE","rank":2,"description":"","threshold":{"percentage":66.666664,"value":false}}`},
		{&flipt.Flag{Name: `<a href="x, y: z">&\ ` + "\u2028\n", Type: 7, CreatedAt: &timestamppb.Timestamp{Seconds: 1, Nanos: 120_000_000}, UpdatedAt: &timestamppb.Timestamp{Nanos: 1}},
			`{"key":"","name":"<a href=\"x, y: z\">&\\ ` + "\u2028" + `\n","description":"","enabled":false,"createdAt":"1970-01-01T00:00:01.120Z","updatedAt":"1970-01-01T00:00:00.000000001Z","variants":[],"namespaceKey":"","type":7}`},
		{mustStruct(t, map[string]any{"b": "<&>", "a": []any{1, 2.5, nil, map[string]any{}}}), `{"a":[1,2.5,null,{}],"b":"<&>"}`},
		{&ofrep.EvaluatedFlag{Value: structpb.NewBoolValue(false)}, `{"key":"","reason":"UNKNOWN","variant":"","value":false}`},
	} {
		got, err := Marshal([]byte("before "), c.message)
		if err != nil || string(got) != "before "+c.want {
			t.Errorf("%v: got %s, %v, want %s", c.message, got, err, c.want)
		}
	}
	if _, err := Marshal(nil, &flipt.Flag{Key: "\xff"}); err == nil {
		t.Error("invalid UTF-8: got no error")
	}
}

func TestCompact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		``:                             ``,
		`{"a": 1, "b": [true, " , "]}`: `{"a":1,"b":[true," , "]}`,
		`["\" ", "\\", " \\\" "]`:      `["\" ","\\"," \\\" "]`,
	} {
		if got := string(compact([]byte(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestUnmarshal is section 5 of the contract.
func TestUnmarshal(t *testing.T) {
	t.Parallel()
	type flag = flipt.CreateFlagRequest
	segment := &flipt.CreateRolloutRequest{Rule: &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{Value: true}}}
	threshold := &flipt.CreateRolloutRequest{Rule: &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 5}}}
	items := &evaluation.BatchEvaluationRequest{Requests: []*evaluation.EvaluationRequest{{FlagKey: "a"}, {FlagKey: "b"}}}
	for _, c := range []struct {
		body string
		want proto.Message
	}{
		{"", &flag{}},
		{" \n", &flag{}},
		{"null", &flag{}},
		{"{}", &flag{}},
		{`{"namespaceKey":"a"}`, &flag{NamespaceKey: "a"}},
		{`{"namespace_key":"a"}`, &flag{NamespaceKey: "a"}},
		{`{"namespace_key":"a","namespaceKey":"b"}`, &flag{NamespaceKey: "b"}},
		{`{"namespaceKey":"b","namespace_key":"a"}`, &flag{NamespaceKey: "b"}},
		{`{"NamespaceKey":"a","bogus":[{"x":1}],"key":"k"}`, &flag{Key: "k"}},
		{`{"key":"a","key":"b"}`, &flag{Key: "b"}},
		{`{"key":null,"enabled":null,"type":null,"metadata":null}`, &flag{}},
		{`{"key":"a"}{"key":"b"}`, &flag{Key: "a"}},
		{`{"key":"a"} trailing`, &flag{Key: "a"}},
		{`{"key":"a"}` + strings.Repeat("[", 100), &flag{Key: "a"}},
		{`{"type":"BOOLEAN_FLAG_TYPE"}`, &flag{Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}},
		{`{"type":1}`, &flag{Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}},
		{`{"type":1,"bogus":1}`, &flag{Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}},
		{`{"type":7}`, &flag{Type: 7}},
		{`{"metadata":{"a":{"b":[1,null]},"a":2}}`, &flag{Metadata: mustStruct(t, map[string]any{"a": 2})}},
		{`{"metadata":{"a":{"b":[1.5,null]}}}`, &flag{Metadata: mustStruct(t, map[string]any{"a": map[string]any{"b": []any{1.5, nil}}})}},
		{`{"metadata":{},"x":1}`, &flag{Metadata: &structpb.Struct{}}},
		{"{\"key\":\"\xff\"}", &flag{Key: "\ufffd"}},
		{`{"key":"\ud800"}`, &flag{Key: "\ufffd"}},
		{`{"rank":"3","x":0}`, &flipt.CreateRuleRequest{Rank: 3}},
		{`{"rank":3.0}`, &flipt.CreateRuleRequest{Rank: 3}},
		{`{"rank":3e0}`, &flipt.CreateRuleRequest{Rank: 3}},
		{`{"rank":null,"segmentKeys":["a",null],"segmentOperator":"AND_SEGMENT_OPERATOR"}`,
			&flipt.CreateRuleRequest{SegmentKeys: []string{"a", ""}, SegmentOperator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR}},
		{`{"rollout":33.3}`, &flipt.CreateDistributionRequest{Rollout: 33.3}},
		{`{"rollout":"33.3","x":0}`, &flipt.CreateDistributionRequest{Rollout: 33.3}},
		{`{"rollout":"-Infinity","x":0}`, &flipt.CreateDistributionRequest{Rollout: float32(math.Inf(-1))}},
		{`{"segment":{"value":true},"threshold":{"percentage":5}}`, threshold},
		{`{"threshold":{"percentage":5},"segment":{"value":true}}`, threshold},
		{`{"threshold":null,"segment":{"value":true}}`, segment},
		{`{"requests":[{"flagKey":"a"},{"flagKey":"b"}]}`, items},
		{`{"requests":{"0":{"flagKey":"a"},"1":{"flagKey":"b"}}}`, items},
		{`{"requests":{"1":{"flag_key":"b"},"0":{"flagKey":"a"}}}`, items},
		{`{"requests":{}}`, &evaluation.BatchEvaluationRequest{}},
		{`{"requests":[null,{"flagKey":null}]}`, &evaluation.BatchEvaluationRequest{Requests: []*evaluation.EvaluationRequest{{}, {}}}},
		{`{"context":{"a":null,"b":"x","b":"y"}}`, &evaluation.EvaluationRequest{Context: map[string]string{"a": "", "b": "y"}}},
		{`{"context":null,"reference":null,"request_id":null,"flag_key":"f"}`, &evaluation.EvaluationRequest{FlagKey: "f"}},
		{`{"expiresAt":"2024-06-15T12:00:00+02:00","x":1}`, &auth.CreateTokenRequest{ExpiresAt: &timestamppb.Timestamp{Seconds: 1718445600}}},
		{`{"contentType":"a","data":"aGk=","x":1}`, &httpbody.HttpBody{ContentType: "a", Data: []byte("hi")}},
		{`{"key":"a","x":0,"variants":null,"value":null}`, &ofrep.EvaluatedFlag{Key: "a", Value: structpb.NewNullValue()}},
		{`{"key":"a","x":0,"value":[1]}`, &ofrep.EvaluatedFlag{Key: "a", Value: structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNumberValue(1)}})}},
	} {
		got := c.want.ProtoReflect().New().Interface()
		if err := Unmarshal([]byte(c.body), got); err != nil || !proto.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.body, got, err, c.want)
		}
	}
}

const wrongType = "invalid values for key(s) in json body"

// TestMalformedBodies sends each body that the contract refuses to a route whose body goes to the handler undecoded, to
// one whose body vanguard decodes, and to one with path variables. No handler may be called.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	deep := strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)
	const flags, variant, batch, token = "POST /api/v1/namespaces/acme/flags", "POST /evaluate/v1/variant", "POST /evaluate/v1/batch", "POST /auth/v1/method/token"
	for _, c := range []struct{ line, body, message string }{
		{flags, `{bad`, "invalid character 'b' looking for beginning of object key string"},
		{flags, `{`, "unexpected EOF"},
		{flags, `{"key":"a"`, "unexpected EOF"},
		{flags, `bad`, "invalid character 'b' looking for beginning of value"},
		{flags, `[1]`, wrongType},
		{flags, `"a"`, wrongType},
		{flags, `1`, wrongType},
		{flags, `{"key":1}`, wrongType},
		{flags, `{"enabled":"true"}`, wrongType},
		{flags, `{"enabled":1}`, wrongType},
		{flags, `{"type":"NOPE"}`, `unknown value "\"NOPE\"" for enum flipt.FlagType`},
		{flags, `{"type":"1"}`, `unknown value "\"1\"" for enum flipt.FlagType`},
		{flags, `{"type":1.0}`, wrongType},
		{flags, `{"type":true}`, wrongType},
		{flags, `{"metadata":[1]}`, "bad StructValue: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"},
		{flags, `{"metadata":"a"}`, "bad StructValue: json: cannot unmarshal string into Go value of type map[string]json.RawMessage"},
		{flags, `{"metadata":{"a":1e999}}`, "bad StructValue: json: cannot unmarshal number 1e999 into Go value of type float64"},
		{flags, deep, "json body is nested deeper than 64 levels"},
		{"POST /api/v1/flags", `{bad`, "invalid character 'b' looking for beginning of object key string"},
		{"POST /api/v1/flags", `{"type":"NOPE"}`, `unknown value "\"NOPE\"" for enum flipt.FlagType`},
		{"PUT /api/v1/namespaces/acme/flags/color", `{"enabled":0}`, wrongType},
		{"POST /api/v1/flags/f/rules", `{"rank":"abc"}`, "invalid character 'a' looking for beginning of value"},
		{"POST /api/v1/flags/f/rules", `{"rank":1.5}`, wrongType},
		{"POST /api/v1/flags/f/rules", `{"rank":3000000000}`, wrongType},
		{"POST /api/v1/flags/f/rules/r/distributions", `{"rollout":1e39}`, wrongType},
		{"POST /api/v1/flags/f/rules/r/distributions", `{"rollout":true}`, wrongType},
		{variant, `{bad`, "invalid character 'b' looking for beginning of object key string"},
		{variant, `[]`, wrongType},
		{variant, `{"context":{"tier":1}}`, wrongType},
		{variant, `{"context":{"tier":{}}}`, wrongType},
		{variant, `{"context":[]}`, wrongType},
		{variant, `{"context":"a"}`, wrongType},
		{variant, deep, "json body is nested deeper than 64 levels"},
		{batch, `{"requests":{"a":{}}}`, wrongType},
		{batch, `{"requests":{"1":{}}}`, wrongType},
		{batch, `{"requests":"a"}`, wrongType},
		{batch, `{"requests":[1]}`, wrongType},
		{token, `{"expiresAt":"soon"}`, `bad Timestamp: parsing time "soon" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "soon" as "2006"`},
		{token, `{"expiresAt":"0001-01-01T00:00:00+01:00"}`, "bad Timestamp: 0001-01-01T00:00:00+01:00 is out of range"},
		{token, `{"expiresAt":5}`, wrongType},
	} {
		got := send(t, server, c.line, c.body)
		expect(t, c.line+" "+c.body, got, 400, string(failure{Code: connect.CodeInvalidArgument, Message: c.message}.body()))
	}
	if calls := b.take(); len(calls) > 0 {
		t.Errorf("handlers were called: %v", calls)
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nest := func(n int) string {
		return `{"metadata":` + strings.Repeat(`{"a":`, n) + `"}[{"` + strings.Repeat("}", n) + "}"
	}
	if err := Unmarshal([]byte(nest(maxDepth-1)), &flipt.CreateFlagRequest{}); err != nil {
		t.Errorf("64 levels: %v", err)
	}
	if err := Unmarshal([]byte(nest(maxDepth)), &flipt.CreateFlagRequest{}); err != errTooDeep {
		t.Errorf("65 levels: got %v, want %v", err, errTooDeep)
	}
}

// TestBodiesAreAnyType holds that the Content-Type of a request means nothing.
func TestBodiesAreAnyType(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, contentType := range []string{
		"", "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "text/plain", "application/x-www-form-urlencoded",
		"application/xml", "application/grpc", "application/grpc-web+proto", "application/connect+json", "application/proto", "nonsense",
	} {
		for _, line := range []string{"POST /evaluate/v1/variant?limit=x&flagKey=query", "PUT /api/v1/namespaces/n/flags/k?name=query", "GET /api/v1/flags/k"} {
			headers := []string{"Connect-Protocol-Version: 1", "Connect-Timeout-Ms: x", "X-Server-Timeout: x"}
			if contentType != "" {
				headers = append(headers, "Content-Type: "+contentType)
			}
			got := send(t, server, line, `{"flagKey":"body","name":"body"}`, headers...)
			if got.status != http.StatusOK {
				t.Errorf("%s as %q: got %d %s", line, contentType, got.status, got.body)
				continue
			}
			switch m := only(t, b).message.(type) {
			case *evaluation.EvaluationRequest:
				if m.FlagKey != "body" {
					t.Errorf("%s as %q: got %v", line, contentType, m)
				}
			case *flipt.UpdateFlagRequest:
				if m.Name != "body" {
					t.Errorf("%s as %q: got %v", line, contentType, m)
				}
			}
		}
	}
}

func FuzzJSONBody(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[1]", "{bad", `{"key":"a","key":"b"}`, `{"type":"NOPE"}`, `{"type":1.0,"enabled":"x"}`, `{"metadata":{"a":[1,null,{"b":2e3}]}}`,
		`{"requests":{"0":{"flagKey":"a"}},"context":{"a":null}}`, `{"rank":"3","segment":{"value":true},"threshold":{"percentage":"5"}}`,
		`{"expiresAt":"2024-06-15T12:00:00Z"}`, `{"segmentKeys":["a",null],"segmentOperator":1}`, "{\"name\":\"\xff\\ud800\"}", strings.Repeat("[", 65),
	} {
		f.Add([]byte(body))
	}
	edge := newEdge(f, new(backend), Options{})
	lines := []string{
		"POST /api/v1/flags", "POST /evaluate/v1/batch", "PUT /api/v1/namespaces/n/flags/f", "POST /api/v1/namespaces/n/flags/f/rollouts",
		"POST /api/v1/flags/f/rules", "POST /ofrep/v1/evaluate/flags/f", "POST /auth/v1/method/token", "POST /api/v1/import",
	}
	messages := []proto.Message{
		&flipt.CreateFlagRequest{}, &evaluation.BatchEvaluationRequest{}, &flipt.CreateRolloutRequest{}, &flipt.CreateRuleRequest{}, &auth.CreateTokenRequest{},
		&flipt.CreateDistributionRequest{}, &ofrep.EvaluateFlagRequest{}, &flipt.Flag{}, &httpbody.HttpBody{},
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, line := range lines {
			verb, target, _ := strings.Cut(line, " ")
			if got := fetch(t, edge, verb, target, string(body)); got.status >= 500 {
				t.Errorf("%s %q: got %d %s", line, body, got.status, got.body)
			}
		}
		fraction, err := survey(body)
		if err != nil {
			return
		}
		for _, m := range messages {
			want, got, lenient := m.ProtoReflect().New().Interface(), m.ProtoReflect().New().Interface(), m.ProtoReflect().New().Interface()
			if protojson.Unmarshal(body, want) != nil {
				continue
			}
			// With a fraction it may be that of an enum.
			if err := Unmarshal(body, got); err == nil && !proto.Equal(got, want) || err != nil && !fraction {
				t.Errorf("%T %q: got %v, %v, want %v", m, body, got, err, want)
			}
			if err := unmarshalLenient(body, lenient); err == nil && !proto.Equal(lenient, want) || err != nil && !fraction {
				t.Errorf("lenient %T %q: got %v, %v, want %v", m, body, lenient, err, want)
			}
		}
	})
}
