package rest

import (
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/auth"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	const flags, export, tokens = "GET /api/v1/namespaces/n/flags", "GET /api/v1/export", "GET /auth/v1/tokens"
	type list = flipt.ListFlagRequest
	for _, c := range []struct {
		line string
		want proto.Message
	}{
		{flags, &list{NamespaceKey: "n"}},
		//lint:ignore SA1019 a deprecated parameter is still one
		{flags + "?limit=2&offset=3&pageToken=a%26b&reference=%22x%22", &list{NamespaceKey: "n", Limit: 2, Offset: 3, PageToken: `a&b`, Reference: `"x"`}},
		{flags + "?page_token=a", &list{NamespaceKey: "n", PageToken: "a"}},
		{flags + "?page_token=a&pageToken=b", &list{NamespaceKey: "n", PageToken: "b"}},
		{flags + "?limit=0&offset=0&pageToken=&reference=", &list{NamespaceKey: "n"}},
		{flags + "?limit=&offset=&pageToken=&reference=", &list{NamespaceKey: "n"}},
		{flags + "?limit=%2B2", &list{NamespaceKey: "n", Limit: 2}},
		{flags + "?Limit=2&bogus=1&bogus=2&pretty&connect=v1&limit.x=1&limit[a]=1", &list{NamespaceKey: "n"}},
		// What the path says stands.
		{flags + "?namespaceKey=x&namespace_key=y", &list{NamespaceKey: "n"}},
		{"DELETE /api/v1/namespaces/n?force=true", &flipt.DeleteNamespaceRequest{Key: "n", Force: true}},
		{"DELETE /api/v1/namespaces/n?force=1", &flipt.DeleteNamespaceRequest{Key: "n", Force: true}},
		{"DELETE /api/v1/namespaces/n?force=", &flipt.DeleteNamespaceRequest{Key: "n"}},
		{"DELETE /api/v1/flags/f/rules/r/distributions/d?variantId=v", &flipt.DeleteDistributionRequest{FlagKey: "f", RuleId: "r", Id: "d", VariantId: "v"}},
		{"GET /internal/v1/evaluation/snapshot/namespace/n?reference=r", &evaluation.EvaluationNamespaceSnapshotRequest{Key: "n", Reference: "r"}},
		{"PUT /auth/v1/self/expire?expiresAt=2024-06-15T12:00:00.5%2B02:00", &auth.ExpireAuthenticationSelfRequest{ExpiresAt: &timestamppb.Timestamp{Seconds: 1718445600, Nanos: 500_000_000}}},
		{"PUT /auth/v1/self/expire", &auth.ExpireAuthenticationSelfRequest{}},
		{tokens + "?method=METHOD_OIDC", &auth.ListAuthenticationsRequest{Method: auth.Method_METHOD_OIDC}},
		{tokens + "?method=2", &auth.ListAuthenticationsRequest{Method: auth.Method_METHOD_OIDC}},
		{export + "?namespaces=a&namespaces=b&allNamespaces=true&encoding=ENCODING_JSON", &burgeev1.ExportRequest{Namespaces: []string{"a", "b"}, AllNamespaces: true, Encoding: burgeev1.Encoding_ENCODING_JSON}},
		// Bindings whose body is the message take no parameters.
		{"POST /api/v1/flags?key=x&limit=abc&limit=2", &flipt.CreateFlagRequest{}},
		{"POST /evaluate/v1/variant?flagKey=x&%zz", &evaluation.EvaluationRequest{}},
	} {
		got := send(t, server, c.line, "")
		if got.status != 200 {
			t.Errorf("%s: got %d %s", c.line, got.status, got.body)
			continue
		}
		if arrived := only(t, b).message; !proto.Equal(arrived, c.want) {
			t.Errorf("%s: got %v, want %v", c.line, arrived, c.want)
		}
	}
	for line, message := range map[string]string{
		flags + "?limit=abc":                      `parsing field "limit": strconv.ParseInt: parsing "abc": invalid syntax`,
		flags + "?limit=1.0":                      `parsing field "limit": strconv.ParseInt: parsing "1.0": invalid syntax`,
		flags + "?limit=3000000000":               `parsing field "limit": strconv.ParseInt: parsing "3000000000": value out of range`,
		flags + "?limit=2&limit=1":                `too many values for field "limit": 2, 1`,
		flags + "?pageToken=a&pageToken=b":        `too many values for field "page_token": a, b`,
		flags + "?pageToken=%FF":                  `parsing field "page_token": not valid UTF-8`,
		flags + "?pageToken=%zz":                  `invalid URL escape "%zz"`,
		flags + "?limit=1;offset=2":               `invalid semicolon separator in query`,
		"DELETE /api/v1/namespaces/n?force=maybe": `parsing field "force": strconv.ParseBool: parsing "maybe": invalid syntax`,
		tokens + "?method=NOPE":                   `parsing field "method": "NOPE" is not a valid value`,
		tokens + "?method=99":                     `parsing field "method": "99" is not a valid value`,
		"PUT /auth/v1/self/expire?expiresAt=soon": `parsing field "expires_at": parsing time "soon" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "soon" as "2006"`,
	} {
		expect(t, line, send(t, server, line, ""), 400, string(failure{Code: connect.CodeInvalidArgument, Message: message}.body()))
	}
	if calls := b.take(); len(calls) > 0 {
		t.Errorf("handlers were called: %v", calls)
	}
}

// TestNumberParameters covers the types that no request of the contract has yet.
func TestNumberParameters(t *testing.T) {
	t.Parallel()
	fields := (&flipt.RolloutThreshold{}).ProtoReflect().Descriptor().Fields()
	percentage := fields.ByName("percentage")
	duration := (&evaluation.BooleanEvaluationResponse{}).ProtoReflect().Descriptor().Fields().ByName("request_duration_millis")
	for value, want := range map[string]string{"1.50": "1.5", "1e2": "100", "-Inf": "-Infinity", "inf": "Infinity", "nan": "NaN"} {
		if got, err := canonical(percentage, value); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", value, got, err, want)
		}
		if got, err := canonical(duration, value); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", value, got, err, want)
		}
	}
	if got, err := canonical(percentage, "x"); err == nil {
		t.Errorf("got %q, want an error", got)
	}
}
