package rest

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// binding is a REST binding as a test sees it.
type binding struct {
	procedure, verb, path string
	variables             map[string]string
}

func (b binding) String() string { return b.verb + " " + b.path }

//go:embed testdata/bindings.txt
var contractBindings string

// allBindings returns the bindings that the contract lists (section 2), but those of authentication methods that are not
// served, and those of our own services, each with a value for every variable.
func allBindings(t *testing.T) []binding {
	t.Helper()
	var all []binding
	for line := range strings.Lines(contractBindings) {
		parts := strings.Fields(line)
		b := binding{verb: parts[0], path: parts[1], procedure: parts[2], variables: map[string]string{}}
		for strings.Contains(b.path, "{") {
			before, rest, _ := strings.Cut(b.path, "{")
			name, after, _ := strings.Cut(rest, "}")
			b.variables[name] = fmt.Sprintf("%s-%d", name, len(b.variables))
			b.path = before + b.variables[name] + after
		}
		all = append(all, b)
	}
	return all
}

func TestBindings(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, want := range allBindings(t) {
		for _, path := range []string{want.path, want.path + "/"} {
			got := send(t, server, want.verb+" "+path, "{}")
			calls := b.take()
			if got.status != 200 || len(calls) != 1 || calls[0].procedure != want.procedure {
				t.Errorf("%s: got %d %s and calls %v, want one of %s", want, got.status, got.body, calls, want.procedure)
				continue
			}
			checkVariables(t, want, calls[0].message.ProtoReflect())
		}
	}
}

func checkVariables(t *testing.T, want binding, m protoreflect.Message) {
	t.Helper()
	for name, value := range want.variables {
		got := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name))).String()
		if got != value {
			t.Errorf("%s: %s is %q, want %q", want, name, got, value)
		}
	}
}

func TestPathBeatsBody(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, want := range allBindings(t) {
		if want.verb != "POST" && want.verb != "PUT" || len(want.variables) == 0 {
			continue
		}
		body := "{"
		for name := range want.variables {
			body += fmt.Sprintf("%q:%q,", name, "from the body")
		}
		send(t, server, want.String(), strings.TrimSuffix(body, ",")+"}")
		checkVariables(t, want, only(t, b).message.ProtoReflect())
	}
}

func TestWrongMethod(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	served := map[string][]string{}
	for _, known := range allBindings(t) {
		served[known.path] = append(served[known.path], known.verb)
	}
	// A literal path can also be a variable one: rules/order is a rule whose id is order.
	for path, verbs := range served {
		if parent, ok := strings.CutSuffix(path, "/order"); ok {
			for other, more := range served {
				if strings.HasPrefix(other, parent+"/id-") {
					served[path] = append(verbs, more...)
				}
			}
		}
	}
	for path, verbs := range served {
		for _, verb := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
			if slices.Contains(verbs, verb) {
				continue
			}
			got := send(t, server, verb+" "+path, "{}")
			want := `{"code":12,"message":"Method Not Allowed","details":[]}`
			if strings.HasPrefix(path, "/ofrep") {
				want = `{"errorCode":"GENERAL","errorDetails":"Method Not Allowed"}` + "\n"
			}
			expect(t, verb+" "+path, got, 501, want)
		}
	}
	if calls := b.take(); len(calls) > 0 {
		t.Errorf("got calls %v", calls)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	known := allBindings(t)
	for _, want := range known {
		got := send(t, server, "HEAD "+want.path, "")
		isGet := slices.ContainsFunc(known, func(b binding) bool { return b.path == want.path && b.verb == "GET" })
		// The path of an order is also that of a rule or rollout, which can be got.
		isGet = isGet || strings.HasSuffix(want.path, "/order")
		switch {
		case got.body != "":
			t.Errorf("HEAD %s: got body %q", want.path, got.body)
		case isGet && (got.status != 200 || len(b.take()) != 1):
			t.Errorf("HEAD %s: got %d", want.path, got.status)
		case !isGet && got.status != 501:
			t.Errorf("HEAD %s: got %d, want 501", want.path, got.status)
		}
	}
	get, head := send(t, server, "GET /api/v1/flags", ""), send(t, server, "HEAD /api/v1/flags", "")
	if get.header.Get("Content-Length") != head.header.Get("Content-Length") || get.header.Get("Content-Type") != head.header.Get("Content-Type") {
		t.Errorf("got headers %v for HEAD, want those of GET: %v", head.header, get.header)
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, line := range []string{
		"GET /api/v1", "GET /api/v1/", "GET /api/v1/nothing", "PATCH /api/v1/nothing", "GET /evaluate/v1/variants", "GET /internal/v1",
		"GET /auth/v1/x", "GET /meta", "GET /meta/", "GET /meta/nope", "POST /api/v1/namespaces//evaluate", "GET /api/v1//flags",
		"GET /api/v1/flags//", "GET /api/v1/namespaces/default/flags//rules", "GET /api/v1/Flags", "GET /api/v1/flags/a/b",
		"GET /internal/v1/evaluation/snapshot/namespace/", "GET /api/v1/flags/color:archive/x",
		// A method of authentication that is not enabled.
		"GET /auth/v1/method/github/authorize", "PATCH /auth/v1/method/github/authorize", "POST /auth/v1/method/kubernetes/serviceaccount",
		// Rollouts have no path without namespace.
		"GET /api/v1/flags/color/rollouts",
	} {
		expect(t, line, send(t, server, line, ""), 404, `{"code":5,"message":"Not Found","details":[]}`)
	}
	for _, line := range []string{"GET /ofrep", "GET /ofrep/v1/nope", "POST /ofrep/v1/evaluate/flags//", "POST /ofrep/v1/evaluate//flags"} {
		expect(t, line, send(t, server, line, ""), 404, `{"errorCode":"FLAG_NOT_FOUND","errorDetails":"Not Found"}`+"\n")
	}
	if calls := b.take(); len(calls) > 0 {
		t.Errorf("got calls %v", calls)
	}
}

func TestOrderIsAlsoAnID(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for line, want := range map[string]proto.Message{
		"PUT /api/v1/flags/f/rules/order":                          &flipt.OrderRulesRequest{FlagKey: "f"},
		"PUT /api/v1/flags/f/rules/%6Frder":                        &flipt.OrderRulesRequest{FlagKey: "f"},
		"PUT /api/v1/flags/f/rules/Order":                          &flipt.UpdateRuleRequest{FlagKey: "f", Id: "Order"},
		"GET /api/v1/flags/f/rules/order":                          &flipt.GetRuleRequest{FlagKey: "f", Id: "order"},
		"DELETE /api/v1/namespaces/n/flags/f/rules/order":          &flipt.DeleteRuleRequest{NamespaceKey: "n", FlagKey: "f", Id: "order"},
		"DELETE /api/v1/namespaces/n/flags/f/rollouts/order":       &flipt.DeleteRolloutRequest{NamespaceKey: "n", FlagKey: "f", Id: "order"},
		"PUT /api/v1/namespaces/namespaces/flags/flags/rules/flag": &flipt.UpdateRuleRequest{NamespaceKey: "namespaces", FlagKey: "flags", Id: "flag"},
	} {
		got := send(t, server, line, "{}")
		if arrived := only(t, b).message; got.status != 200 || !proto.Equal(arrived, want) {
			t.Errorf("%s: got %d and %v, want %v", line, got.status, arrived, want)
		}
	}
}

func TestKeysArrive(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, key := range []string{
		"a/b", "a:b", ":a", "a:", "x:y:z", "a%25b", "a%b", "%2F", "%", "*", "**", "{key}", ".", "..", "a b", "a+b", "a?b", "a#b", "ÄÖÜ", "日本語",
		"a;b", "a&b=c", "order", "flags", strings.Repeat("k", 3000), "\x00", "a\\b", `"`,
	} {
		escaped := url.PathEscape(key)
		// Go's client keeps dots only where they are escaped.
		if strings.Trim(key, ".") == "" {
			escaped = strings.ReplaceAll(key, ".", "%2E")
		}
		for _, line := range []string{"GET /api/v1/flags/" + escaped, "PUT /api/v1/namespaces/" + escaped + "/flags/" + escaped, "POST /ofrep/v1/evaluate/flags/" + escaped + "/"} {
			got := send(t, server, line, `{"name":"n"}`)
			if got.status != 200 {
				t.Errorf("%s: got %d %s", line, got.status, got.body)
				continue
			}
			var arrived string
			switch m := only(t, b).message.(type) {
			case *flipt.GetFlagRequest:
				arrived = m.Key
			case *flipt.UpdateFlagRequest:
				arrived = m.Key
				if m.NamespaceKey != key || m.Name != "n" {
					t.Errorf("%s: got %v", line, m)
				}
			case *ofrep.EvaluateFlagRequest:
				arrived = m.Key
			}
			if arrived != key {
				t.Errorf("%s: got key %q, want %q", line, arrived, key)
			}
		}
	}
	got := send(t, server, "GET /api/v1/flags/%FF", "")
	expect(t, "invalid UTF-8", got, 400, `{"code":3,"message":"parsing path parameter \"key\": not valid UTF-8","details":[]}`)
}

func TestParseTemplate(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/", "/flags", "/api/v2/flags", "/api/v1/{key=**}", "/api/v1/flags:batch", "/api/v1/*", "/api/v1//flags", "/api/v1/{a", "/api/v1/{a.b}"} {
		template, err := parseTemplate(path)
		if err == nil {
			t.Errorf("%q: got %v, want an error", path, template)
		}
	}
	got, err := parseTemplate("/api/v1/flags/{key}")
	want := []segment{{text: "api"}, {text: "v1"}, {text: "flags"}, {text: "key", variable: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestRawTargets sends what a client library would not let through.
func TestRawTargets(t *testing.T) {
	t.Parallel()
	b := new(backend)
	edge := newEdge(t, b, Options{})
	for target, want := range map[string]int{
		"/api/v1/flags/../flags":          404,
		"/api/v1/./flags":                 404,
		"/api/v1/flags/..":                200,
		"/api/v1/flags/a?limit=%zz":       400,
		"/api/v1/flags?limit=1;offset=2":  400,
		"/%61pi/v1/fl%61gs":               200,
		"http://example.org/api/v1/flags": 200,
	} {
		if got := fetch(t, edge, http.MethodGet, target, ""); got.status != want {
			t.Errorf("%s: got %d %s, want %d", target, got.status, got.body, want)
		}
	}
}
