package server_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// The tests here hold the OpenFeature Remote Evaluation Protocol by what goes over the wire, beyond what the original does.

const bulkPath = "/ofrep/v1/evaluate/flags"

// standard is a session over REST with the flags color and beta in the namespace acme, which its requests name.
type standard struct{ session }

func newStandard(t *testing.T) standard {
	t.Helper()
	srv := start(t)
	s := standard{session{srv.overREST(), srv}}
	s.open(t)
	return s
}

// post sends an evaluation. Headers are given as pairs of name and value.
func (s standard) post(t *testing.T, path, body string, nameValues ...string) (answer *http.Response, text string) {
	t.Helper()
	call := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, s.srv.httpURL+path, strings.NewReader(body)))(t)
	call.Header.Set(namespaceHeader, "acme")
	for i := 0; i < len(nameValues); i += 2 {
		call.Header.Add(nameValues[i], nameValues[i+1])
	}
	answer, data := s.srv.do(t, call)
	return answer, string(data)
}

func (s standard) expect(t *testing.T, path, body string, status int, want string) {
	t.Helper()
	answer, text := s.post(t, path, body)
	if answer.StatusCode != status || strings.TrimSuffix(text, "\n") != want || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s:\n got %d %s (%s)\nwant %d %s", path, body, answer.StatusCode, text, answer.Header.Get("Content-Type"), status, want)
	}
}

// addBoolean adds a flag that is on for the entities of a segment with one constraint.
func (s standard) addBoolean(t *testing.T, key string, kind flipt.ComparisonType, property, operator, value string) {
	t.Helper()
	s.revisions(t, 1,
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: key, Name: key, Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}),
		to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: "acme", Key: key, Name: key}),
		to(rpc.CreateConstraint, &flipt.CreateConstraintRequest{
			NamespaceKey: "acme", SegmentKey: key, Type: kind, Property: property, Operator: operator, Value: value,
		}),
		to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: key, Rank: 1,
			Rule: &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{key}, Value: true}}}))
}

// TestStandardContext evaluates constraints of every type against JSON of every type.
func TestStandardContext(t *testing.T) {
	t.Parallel()
	s := newStandard(t)
	const (
		text, number = flipt.ComparisonType_STRING_COMPARISON_TYPE, flipt.ComparisonType_NUMBER_COMPARISON_TYPE
		truth, time  = flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE, flipt.ComparisonType_DATETIME_COMPARISON_TYPE
	)
	for i, c := range []struct {
		kind                      flipt.ComparisonType
		property, operator, value string
		yes, no                   []string
	}{
		{number, "age", "gte", "18", []string{`{"age":18}`, `{"age":18.0}`, `{"age":1.8e1}`, `{"age":"18"}`}, []string{`{"age":17.99}`, `{"age":true}`, `{"age":null}`, `{}`}},
		{number, "age", "isoneof", "[1,2.5]", []string{`{"age":2.50}`, `{"age":1}`}, []string{`{"age":2}`}},
		{truth, "beta", "true", "", []string{`{"beta":true}`, `{"beta":"true"}`, `{"beta":1}`}, []string{`{"beta":false}`, `{"beta":null}`, `{"beta":[true]}`}},
		{truth, "beta", "notpresent", "", []string{`{"beta":null}`, `{}`, `{"other":false}`}, []string{`{"beta":false}`}},
		{time, "since", "lt", "2024-06-15", []string{`{"since":"2024-06-14T23:59:59Z"}`}, []string{`{"since":"2024-06-15"}`, `{"since":20240614}`}},
		{text, "age", "eq", "5", []string{`{"age":5}`, `{"age":5.0}`, `{"age":"5"}`}, []string{`{"age":"5.0"}`, `{"age":50}`}},
		{text, "id", "eq", "12345678901234567890", []string{`{"id":12345678901234567890}`}, []string{`{"id":12345678901234567891}`}},
		{text, "user.plan", "eq", "pro", []string{`{"user":{"plan":"pro"}}`, `{"user.plan":"pro"}`, `{"user.plan":"pro","user":{"plan":"free"}}`},
			[]string{`{"user":{"plan":"free"}}`, `{"user":"pro"}`, `{"user":{"Plan":"pro"}}`, `{"user.plan":"free","user":{"plan":"pro"}}`}},
		{text, "a.b.c", "eq", "true", []string{`{"a":{"b":{"c":true}}}`, `{"a.b":{"c":true}}`, `{"a":{"b.c":true}}`}, []string{`{"a":{"b":{"c":null}}}`}},
		{text, "roles", "contains", `"admin"`, []string{`{"roles":["user","admin"]}`}, []string{`{"roles":["administrator"]}`}},
		{text, "roles", "eq", `["a",{"b":1}]`, []string{`{"roles":[ "a", {"b" : 1} ]}`}, []string{`{"roles":["a"]}`}},
	} {
		key := fmt.Sprint("flag-", i)
		s.addBoolean(t, key, c.kind, c.property, c.operator, c.value)
		for _, context := range c.yes {
			s.expect(t, bulkPath+"/"+key, `{"context":`+context+`}`, 200,
				`{"key":"`+key+`","reason":"TARGETING_MATCH","variant":"true","metadata":{},"value":true}`)
		}
		for _, context := range c.no {
			s.expect(t, bulkPath+"/"+key, `{"context":`+context+`}`, 200,
				`{"key":"`+key+`","reason":"DEFAULT","variant":"false","metadata":{},"value":false}`)
		}
	}
}

// TestStandardTargetingKey leaves the targeting key out of requests for flags that need it and for flags that do not.
func TestStandardTargetingKey(t *testing.T) {
	t.Parallel()
	s := newStandard(t)
	s.addBoolean(t, "mine", flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE, "entityId", "eq", "me")
	const (
		needed = `{"key":"%[1]s","errorCode":"TARGETING_KEY_MISSING","errorDetails":"flag %[1]s needs a targetingKey in the context"}`
		gold   = `{"key":"beta","reason":"TARGETING_MATCH","variant":"true","metadata":{},"value":true}`
		none   = `{"key":"color","reason":"UNKNOWN","variant":"","metadata":{},"value":""}`
	)
	for _, without := range []string{"", `"targetingKey":null,`} {
		s.expect(t, bulkPath+"/beta", `{"context":{`+without+`"tier":"gold"}}`, 200, gold)
		s.expect(t, bulkPath+"/beta", `{"context":{`+without+`"tier":"lead"}}`, 400, fmt.Sprintf(needed, "beta"))
		s.expect(t, bulkPath+"/color", `{"context":{`+without+`"tier":"gold"}}`, 400, fmt.Sprintf(needed, "color"))
		s.expect(t, bulkPath+"/color", `{"context":{`+without+`"tier":"lead"}}`, 200, none)
		s.expect(t, bulkPath+"/mine", `{"context":{`+without+`"tier":"gold"}}`, 400, fmt.Sprintf(needed, "mine"))
		s.expect(t, bulkPath, `{"context":{`+without+`"tier":"gold"}}`, 200,
			`{"flags":[`+fmt.Sprintf(needed, "color")+`,`+gold+`,`+fmt.Sprintf(needed, "mine")+`],`+acmeStream+`}`)
	}
	s.expect(t, bulkPath+"/mine", `{"context":{"targetingKey":"me"}}`, 200, `{"key":"mine","reason":"TARGETING_MATCH","variant":"true","metadata":{},"value":true}`)
	for _, body := range []string{"", "{}", `{"context":{}}`, `{"context":null}`} {
		s.expect(t, bulkPath+"/color", body, 200, none)
	}
}

// TestStandardBulk has flags that fail among others that do not.
func TestStandardBulk(t *testing.T) {
	t.Parallel()
	s := newStandard(t)
	s.revisions(t, 1,
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "odd", Name: "Odd", Enabled: true, Type: 7}),
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "off", Name: "Off"}))
	const (
		color   = `{"key":"color","reason":"TARGETING_MATCH","variant":"blue","metadata":{"segments":"vip"},"value":"blue"}`
		beta    = `{"key":"beta","reason":"TARGETING_MATCH","variant":"true","metadata":{},"value":true}`
		odd     = `{"key":"odd","errorCode":"INVALID_CONTEXT","errorDetails":"unknown flag type: 7"}`
		off     = `{"key":"off","reason":"DISABLED","variant":"","metadata":{},"value":""}`
		unknown = `{"key":"%[1]s","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag was not found %[1]s"}`
	)
	for _, c := range []struct{ path, context, want string }{
		{bulkPath, ``, color + `,` + beta + `,` + odd},
		{bulkPath + "/", ``, color + `,` + beta + `,` + odd},
		{bulkPath, `"flags":"beta, nope",`, beta + `,` + fmt.Sprintf(unknown, "nope")},
		{bulkPath, `"flags":"odd,off,a/b",`, odd + `,` + off + `,` + fmt.Sprintf(unknown, "a/b")},
		{bulkPath, `"flags":"",`, fmt.Sprintf(unknown, "")},
		{bulkPath, `"flags":5,`, fmt.Sprintf(unknown, "5")},
		{bulkPath, `"flags":null,`, color + `,` + beta + `,` + odd},
	} {
		s.expect(t, c.path, `{"context":{`+c.context+`"targetingKey":"user-4","tier":"gold"}}`, 200, `{"flags":[`+c.want+`],`+acmeStream+`}`)
	}
}

// TestStandardErrors holds that every error has a code, and the key where it is of a flag.
func TestStandardErrors(t *testing.T) {
	t.Parallel()
	s := newStandard(t)
	const unknown = `{"key":"%[1]s","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag was not found %[1]s"}`
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{bulkPath + "/nope", `{}`, 404, fmt.Sprintf(unknown, "nope")},
		{bulkPath + "/a/b%20c", `{}`, 404, fmt.Sprintf(unknown, "a/b c")},
		{bulkPath + "/a%2Fb%25", `{}`, 404, fmt.Sprintf(unknown, "a/b%")},
		{bulkPath + "/日本/", `{}`, 404, fmt.Sprintf(unknown, "日本")},
		{bulkPath + "/color", `{"context":`, 400, `{"key":"color","errorCode":"PARSE_ERROR","errorDetails":"unexpected EOF"}`},
		{bulkPath, `{"context":`, 400, `{"errorCode":"PARSE_ERROR","errorDetails":"unexpected EOF"}`},
		{bulkPath + "/color", `{"context":[]}`, 400, `{"key":"color","errorCode":"INVALID_CONTEXT","errorDetails":"invalid values for key(s) in json body"}`},
		{bulkPath, `{"context":{"targetingKey":7}}`, 400, `{"errorCode":"INVALID_CONTEXT","errorDetails":"targetingKey must be a string"}`},
		{bulkPath, strings.Repeat(" ", 1<<20+1), 413, `{"errorCode":"GENERAL","errorDetails":"request body exceeds the limit of 1048576 bytes"}`},
		{"/ofrep/v1/nope", `{}`, 404, `{"errorCode":"FLAG_NOT_FOUND","errorDetails":"Not Found"}`},
	} {
		s.expect(t, c.path, c.body, c.status, c.want)
	}
}

// TestStandardETag changes each thing that an answer is made of.
func TestStandardETag(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	const body = `{"context":{"targetingKey":"user-3","tier":"gold","n":1,"user":{"plan":"pro"}}}`
	var tag, first string
	t.Run("changes", func(t *testing.T) {
		srv := startAt(t, path)
		s := standard{session{srv.overREST(), srv}}
		made := s.open(t)
		form := regexp.MustCompile(`^W/"[0-9a-f]{32}"$`)
		seen := map[string]string{}
		next := func(what, body string, nameValues ...string) string {
			t.Helper()
			answer, text := s.post(t, bulkPath, body, nameValues...)
			tag := answer.Header.Get("Etag")
			if other, known := seen[tag]; known || answer.StatusCode != 200 || !form.MatchString(tag) {
				t.Errorf("%s: got %d with ETag %s, which %q has; %s", what, answer.StatusCode, tag, other, text)
			}
			seen[tag] = what
			return tag
		}
		next("at first", body)
		next("another value", strings.Replace(body, `"n":1`, `"n":2`, 1))
		next("another nested value", strings.Replace(body, "pro", "free", 1))
		next("another entity", strings.Replace(body, "user-3", "user-4", 1))
		next("a name more", strings.Replace(body, `"n":1`, `"n":1,"m":null,"o":""`, 1))
		next("a list", strings.Replace(body, `"n":1`, `"flags":"beta"`, 1))
		elsewhere := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, srv.httpURL+bulkPath, strings.NewReader(body)))(t)
		if answer, _ := srv.do(t, elsewhere); seen[answer.Header.Get("Etag")] != "" {
			t.Error("another namespace has the same ETag")
		}
		for _, c := range []struct {
			what string
			call call
		}{
			{"a value", to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "beta", Name: "Beta", Enabled: true})},
			{"an attachment", to(rpc.UpdateVariant, &flipt.UpdateVariantRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.red, Key: "red", Attachment: `{"hex":"#f01"}`})},
			{"a variant", to(rpc.UpdateVariant, &flipt.UpdateVariantRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.red, Key: "crimson"})},
			{"a constraint", to(rpc.UpdateConstraint, &flipt.UpdateConstraintRequest{
				NamespaceKey: "acme", SegmentKey: "vip", Id: made.gold, Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "tier", Operator: "eq", Value: "lead",
			})},
			{"a reason", to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: true, DefaultVariantId: made.blue})},
			{"a flag", to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "more", Name: "More", Enabled: true})},
		} {
			s.revisions(t, 1, c.call)
			tag = next(c.what, body)
		}
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "elsewhere", Name: "Elsewhere"}))
		reordered := `{"context":{"user":{ "plan":"pro"},"n":1.0,"tier":"gold","targetingKey":"user-3"}}`
		for what, same := range map[string]string{"after a change elsewhere": body, "in another order": reordered} {
			if answer, _ := s.post(t, bulkPath, same); answer.Header.Get("Etag") != tag {
				t.Errorf("%s: got ETag %s, want %s", what, answer.Header.Get("Etag"), tag)
			}
		}
		_, first = s.post(t, bulkPath, body)
	})
	srv := startAt(t, path)
	s := standard{session{srv.overREST(), srv}}
	strong := strings.TrimPrefix(tag, "W/")
	for _, lines := range [][]string{{tag}, {strong}, {"*"}, {`"a", ` + tag}, {`"a"`, `W/"b",` + strong + `,"c"`}} {
		var headers []string
		for _, line := range lines {
			headers = append(headers, "If-None-Match", line)
		}
		answer, text := s.post(t, bulkPath, body, headers...)
		if answer.StatusCode != 304 || text != "" || answer.Header.Get("Etag") != tag || answer.Header.Get("Content-Type") != "" {
			t.Errorf("If-None-Match %q: got %d %q %v, want 304 with ETag %s", lines, answer.StatusCode, text, answer.Header, tag)
		}
	}
	for _, line := range []string{`"a"`, strings.Trim(strong, `"`), "", `"*"`, strong + "x", "w/" + strong} {
		answer, text := s.post(t, bulkPath, body, "If-None-Match", line)
		if answer.StatusCode != 200 || text != first || answer.Header.Get("Etag") != tag {
			t.Errorf("If-None-Match %q: got %d %q %v, want 200 with ETag %s", line, answer.StatusCode, text, answer.Header, tag)
		}
	}
	if answer, _ := s.post(t, bulkPath+"/color", body, "If-None-Match", "*"); answer.StatusCode != 200 || answer.Header.Get("Etag") != "" {
		t.Errorf("a single flag: got %d with ETag %s", answer.StatusCode, answer.Header.Get("Etag"))
	}
	ctx, header := received(t.Context(), "Grpcgateway-If-None-Match", "*", namespaceHeader, "acme")
	answer := ok(srv.overGRPC().ofrep.EvaluateBulk(ctx, &ofrep.EvaluateBulkRequest{Context: map[string]string{"targetingKey": "u"}}))(t)
	if len(answer.Flags) != 3 || header().Get("X-Etag") != "" {
		t.Errorf("gRPC: got %v with headers %v", answer, header())
	}
}
