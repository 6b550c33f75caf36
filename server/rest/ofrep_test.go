package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt/ofrep"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
)

// contextOf returns the context of an evaluation of one flag or of several.
func contextOf(t *testing.T, c call) map[string]string {
	t.Helper()
	switch m := c.message.(type) {
	case *ofrep.EvaluateFlagRequest:
		return m.Context
	case *ofrep.EvaluateBulkRequest:
		return m.Context
	}
	t.Fatalf("got a call of %s", c.procedure)
	return nil
}

var evaluations = []string{"POST /ofrep/v1/evaluate/flags/f", "POST /ofrep/v1/evaluate/flags"}

// TestContexts sends contexts of any JSON. What arrives is what constraints compare.
func TestContexts(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	type arrived = map[string]string
	for body, want := range map[string]arrived{
		``:                 nil,
		`null`:             nil,
		`{}`:               nil,
		`{"context":null}`: nil,
		`{"context":{}}`:   nil,
		`{"flags":["a"],"context":{"targetingKey":"u","flags":"a,b"}} and more`: {"targetingKey": "u", "flags": "a,b"},
		`{"context":{"":"","a":"\u00e4\n\"\\\ud83d\ude00","b":" é "}}`:          {"": "", "a": "ä\n\"\\😀", "b": " é "},
		`{"context":{"yes":true,"no":false,"none":null,"targetingKey":null}}`:   {"yes": "true", "no": "false"},
		`{"context":{"a":5,"b":-0,"c":12345678901234567890123,"d":0}}`:          {"a": "5", "b": "-0", "c": "12345678901234567890123", "d": "0"},
		`{"context":{"a":5.0,"b":1.50,"c":0.1,"d":-0.0,"e":1e3,"f":2.5E-1}}`:    {"a": "5", "b": "1.5", "c": "0.1", "d": "0", "e": "1000", "f": "0.25"},
		`{"context":{"a":1e21,"b":1.5e-7,"c":1e400,"d":3.141592653589793115}}`:  {"a": "1e+21", "b": "1.5e-07", "c": "1e400", "d": "3.141592653589793"},
		`{"context":{"a":[ 1, "<b>", {"c" : null} ],"b":[]}}`:                   {"a": `[1,"<b>",{"c":null}]`, "b": "[]"},
		`{"context":{"user":{"plan":"pro","age":5.0}}}`:                         {"user": `{"plan":"pro","age":5.0}`, "user.plan": "pro", "user.age": "5"},
		`{"context":{"a":{"b":{"c":true,"d":null,"e":[1]}}}}`: {
			"a": `{"b":{"c":true,"d":null,"e":[1]}}`, "a.b": `{"c":true,"d":null,"e":[1]}`, "a.b.c": "true", "a.b.e": "[1]",
		},
		`{"context":{"a":{"b":1,"c":{"d":2}},"a.b":"mine","a.c.d":null}}`: {"a": `{"b":1,"c":{"d":2}}`, "a.b": "mine", "a.c": `{"d":2}`},
		`{"context":{"a":{"b":{"c":"deep"},"b.c":"flat"}}}`:               {"a": `{"b":{"c":"deep"},"b.c":"flat"}`, "a.b": `{"c":"deep"}`, "a.b.c": "flat"},
		`{"context":{"a.b":{"c":"second"},"a":{"b.c":"first"}}}`:          {"a": `{"b.c":"first"}`, "a.b": `{"c":"second"}`, "a.b.c": "first"},
		`{"context":{"a":{}," ":{"":1}}}`:                                 {"a": "{}", " ": `{"":1}`, " .": "1"},
		`{"context":{"a":"first","a":"last"}}`:                            {"a": "last"},
		`{"Context":{"a":"b"},"context":{"c":"d"},"key":"other"}`:         {"c": "d"},
	} {
		for _, line := range evaluations {
			if got := send(t, server, line, body); got.status != 200 {
				t.Errorf("%s: got %d %s", body, got.status, got.body)
				continue
			}
			c := only(t, b)
			if got := contextOf(t, c); !maps.Equal(got, want) {
				t.Errorf("%s:\n got %q\nwant %q", body, got, want)
			}
			if m, ok := c.message.(*ofrep.EvaluateFlagRequest); ok && m.Key != "f" {
				t.Errorf("%s: got key %q", body, m.Key)
			}
		}
	}
}

func TestContextsRefused(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	const wrongType = "invalid values for key(s) in json body"
	for body, want := range map[string][2]string{
		`{bad`:                               {"PARSE_ERROR", "invalid character 'b' looking for beginning of object key string"},
		`{"context":{"a":1}`:                 {"PARSE_ERROR", "unexpected EOF"},
		`{"context":{"a":01}}`:               {"PARSE_ERROR", "invalid character '1' after object key:value pair"},
		`[]`:                                 {"INVALID_CONTEXT", wrongType},
		`"context"`:                          {"INVALID_CONTEXT", wrongType},
		`{"context":"a"}`:                    {"INVALID_CONTEXT", wrongType},
		`{"context":[{}]}`:                   {"INVALID_CONTEXT", wrongType},
		`{"context":5}`:                      {"INVALID_CONTEXT", wrongType},
		`{"context":{"targetingKey":5}}`:     {"INVALID_CONTEXT", "targetingKey must be a string"},
		`{"context":{"targetingKey":["u"]}}`: {"INVALID_CONTEXT", "targetingKey must be a string"},
		strings.Repeat(`{"context":`, 65):    {"INVALID_CONTEXT", "json body is nested deeper than 64 levels"},
	} {
		text := fmt.Sprintf(`"errorCode":%q,"errorDetails":%q}`+"\n", want[0], want[1])
		expect(t, body, send(t, server, evaluations[0], body), 400, `{"key":"f",`+text)
		expect(t, body, send(t, server, evaluations[1], body), 400, `{`+text)
	}
	expect(t, "not gzip", send(t, server, evaluations[1], "{}", "Content-Encoding: gzip"), 400,
		`{"errorCode":"PARSE_ERROR","errorDetails":"decompress request body: unexpected EOF"}`+"\n")
	got := send(t, server, "POST /ofrep/v1/evaluate/flags/%FF", "{}")
	expect(t, "key", got, 400, `{"key":"\ufffd","errorCode":"INVALID_CONTEXT","errorDetails":"parsing path parameter \"key\": not valid UTF-8"}`+"\n")
	if calls := b.take(); len(calls) > 0 {
		t.Errorf("handlers were called: %v", calls)
	}
}

// TestContextLimit holds what is made of a small body to the limit of a body.
func TestContextLimit(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{MaxBody: func(string) int64 { return 2000 }})
	nest := func(levels int) string {
		return `{"context":` + strings.Repeat(`{"a":`, levels) + `"` + strings.Repeat("x", 100) + `"` + strings.Repeat("}", levels) + "}"
	}
	if got := send(t, server, evaluations[1], nest(5)); got.status != 200 || len(contextOf(t, only(t, b))) != 5 {
		t.Errorf("5 levels: got %d %s", got.status, got.body)
	}
	const message = `"errorCode":"GENERAL","errorDetails":"evaluation context exceeds the limit of 2000 bytes"}` + "\n"
	expect(t, "20 levels", send(t, server, evaluations[1], nest(20)), 413, "{"+message)
	got := send(t, server, evaluations[0], nest(20))
	expect(t, "20 levels", got, 413, `{"key":"f",`+message)
	if got.header["Retry-After"] != nil {
		t.Errorf("got headers %v", got.header)
	}
	body := `{"context":{"a":"` + strings.Repeat("x", 2000) + `"}}`
	expect(t, "body", send(t, server, evaluations[1], body), 413, `{"errorCode":"GENERAL","errorDetails":"request body exceeds the limit of 2000 bytes"}`+"\n")
	if calls := b.take(); len(calls) > 0 {
		t.Errorf("handlers were called: %v", calls)
	}
}

// TestKeysWithSlashes sends keys as old providers do, which do not encode them.
func TestKeysWithSlashes(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for path, want := range map[string]string{
		"/a/b": "a/b", "/a/b%20c/": "a/b c", "/a%2Fb/c": "a/b/c", "/a//b": "a//b", "//a": "/a", "/evaluate/flags": "evaluate/flags", "/%25/ä": "%/ä",
	} {
		got := send(t, server, evaluations[1]+path, "{}")
		if got.status != 200 {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
			continue
		}
		if m, ok := only(t, b).message.(*ofrep.EvaluateFlagRequest); !ok || m.Key != want {
			t.Errorf("%s: got %v, want key %q", path, m, want)
		}
	}
	send(t, server, evaluations[1]+"/", "{}")
	if got := only(t, b).procedure; got != ofrepconnect.OFREPServiceEvaluateBulkProcedure {
		t.Errorf("with a slash at the end: got a call of %s", got)
	}
	expect(t, "GET", send(t, server, "GET /ofrep/v1/evaluate/flags/a/b", ""), 501, `{"errorCode":"GENERAL","errorDetails":"Method Not Allowed"}`+"\n")
}

func TestErrorCode(t *testing.T) {
	t.Parallel()
	err := connect.NewError(connect.CodeInvalidArgument, errors.New("no key"))
	SetErrorCode(err, TargetingKeyMissing)
	server := serve(t, answering(reply{err: err}), Options{})
	got := send(t, server, evaluations[0], "{}")
	expect(t, "OFREP", got, 400, `{"key":"f","errorCode":"TARGETING_KEY_MISSING","errorDetails":"no key"}`+"\n")
	if got.header[errorCodeHeader] != nil {
		t.Errorf("got headers %v", got.header)
	}
	err = connect.NewError(connect.CodeResourceExhausted, errors.New("too many"))
	err.Meta().Set("Retry-After", "7")
	got = send(t, serve(t, answering(reply{err: err}), Options{}), evaluations[1], "{}")
	if after := got.header["Retry-After"]; got.status != 429 || len(after) != 1 || after[0] != "7" {
		t.Errorf("got %d, Retry-After %q", got.status, after)
	}
}

// TestBulk has the second and the fourth of four flags fail.
func TestBulk(t *testing.T) {
	t.Parallel()
	b := &backend{answer: func(ctx context.Context, c call) reply {
		failures := BulkOf(ctx)
		if failures == nil {
			return reply{err: errors.New("an rpc")}
		}
		failures.Fail(1, `b<"`, connect.NewError(connect.CodeNotFound, errors.New("not <found>")))
		missing := connect.NewError(connect.CodeInvalidArgument, errors.New("who?"))
		SetErrorCode(missing, TargetingKeyMissing)
		failures.Fail(3, "", missing)
		one := &ofrep.EvaluatedFlag{Key: "a", Metadata: new(structpb.Struct), Value: structpb.NewStringValue("<&>")}
		return reply{message: &ofrep.BulkEvaluationResponse{Flags: []*ofrep.EvaluatedFlag{one, {}, one, {}}}, header: http.Header{"X-Etag": {`W/"1"`}}}
	}}
	server := serve(t, b, Options{})
	const item = `{"key":"a","reason":"UNKNOWN","variant":"","metadata":{},"value":"<&>"}`
	const want = `{"flags":[` + item + `,{"key":"b<\"","errorCode":"FLAG_NOT_FOUND","errorDetails":"not <found>"},` +
		item + `,{"key":"","errorCode":"TARGETING_KEY_MISSING","errorDetails":"who?"}]}`
	got := send(t, server, evaluations[1], "{}")
	expect(t, "bulk", got, 200, want)
	if got.header.Get("Etag") != `W/"1"` {
		t.Errorf("got headers %v", got.header)
	}
	if got := send(t, server, evaluations[1]+"?pretty", "{}"); !strings.Contains(got.body, "\n      \"errorCode\": \"FLAG_NOT_FOUND\",\n") {
		t.Errorf("pretty: got %s", got.body)
	}
	for _, line := range []string{"POST " + ofrepconnect.OFREPServiceEvaluateBulkProcedure, "POST /evaluate/v1/batch"} {
		if got := send(t, server, line, "{}", "Content-Type: application/json"); got.status != 500 {
			t.Errorf("%s: got %d %s", line, got.status, got.body)
		}
	}
}
