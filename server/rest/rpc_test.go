package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
)

// flagServer answers GetFlag and refuses all else.
func flagServer() *backend {
	return &backend{answer: func(_ context.Context, c call) reply {
		if m, ok := c.message.(*flipt.GetFlagRequest); ok && m.Key != "nope" {
			return reply{message: &flipt.Flag{Key: m.Key, NamespaceKey: m.NamespaceKey}, header: http.Header{"X-Etag": {"t"}}}
		}
		return reply{err: connect.NewError(connect.CodeNotFound, errors.New("flag not found"))}
	}}
}

// TestClients lets the generated client speak each protocol through the port of the REST edge.
func TestClients(t *testing.T) {
	t.Parallel()
	server := serve(t, flagServer(), Options{})
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2c.CloseIdleConnections)
	http1, http2 := server.Client(), &http.Client{Transport: h2c}
	for name, client := range map[string]fliptconnect.FliptClient{
		"Connect":               fliptconnect.NewFliptClient(http1, server.URL),
		"Connect JSON":          fliptconnect.NewFliptClient(http1, server.URL, connect.WithProtoJSON()),
		"Connect gzip":          fliptconnect.NewFliptClient(http1, server.URL, connect.WithSendGzip()),
		"Connect over HTTP/2":   fliptconnect.NewFliptClient(http2, server.URL),
		"gRPC-Web":              fliptconnect.NewFliptClient(http1, server.URL, connect.WithGRPCWeb()),
		"gRPC-Web over HTTP/2":  fliptconnect.NewFliptClient(http2, server.URL, connect.WithGRPCWeb()),
		"gRPC":                  fliptconnect.NewFliptClient(http2, server.URL, connect.WithGRPC()),
		"gRPC with JSON":        fliptconnect.NewFliptClient(http2, server.URL, connect.WithGRPC(), connect.WithProtoJSON()),
		"gRPC with gzip bodies": fliptconnect.NewFliptClient(http2, server.URL, connect.WithGRPC(), connect.WithSendGzip()),
	} {
		got, err := client.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "a/b", NamespaceKey: strings.Repeat("n", 2000)})
		if err != nil || got.Key != "a/b" || len(got.NamespaceKey) != 2000 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		_, err = client.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "nope"})
		if refused := (*connect.Error)(nil); !errors.As(err, &refused) || refused.Code() != connect.CodeNotFound || refused.Message() != "flag not found" {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

func TestConnectJSON(t *testing.T) {
	t.Parallel()
	server := serve(t, flagServer(), Options{})
	const line = "POST /flipt.Flipt/GetFlag"
	for _, headers := range [][]string{
		{"Content-Type: application/json"},
		{"Content-Type: application/json", "Connect-Protocol-Version: 1"},
		{"Content-Type: application/json; charset=utf-8"},
		{"Content-Type: application/json", "Accept-Encoding: gzip"},
	} {
		got := send(t, server, line+"?pretty", `{"key":"a","unknown":1}`, headers...)
		got.header.Set("Content-Type", strings.TrimSuffix(got.header.Get("Content-Type"), "; charset=utf-8"))
		expect(t, strings.Join(headers, ", "), got, 200, `{"key":"a","name":"","description":"","enabled":false,"variants":[],"namespaceKey":"","type":"VARIANT_FLAG_TYPE"}`)
		if got.header.Get("X-Etag") != "t" {
			t.Errorf("%v: got headers %v, want those of the handler", headers, got.header)
		}
		expect(t, "error", send(t, server, line, `{"key":"nope"}`, headers...), 404, `{"code":"not_found","message":"flag not found"}`)
		expect(t, "malformed", send(t, server, line, `{"key":1}`, headers...), 400, `{"code":"invalid_argument","message":"unmarshal message: `+wrongType+`"}`)
	}
	for line, status := range map[string]int{"GET /flipt.Flipt/GetFlag": 405, "POST /flipt.Flipt/Nope": 404, "POST /flipt.Flipt": 404, "POST /flipt.Flipt/GetFlag/x": 404} {
		if got := send(t, server, line, "{}", "Content-Type: application/json"); got.status != status {
			t.Errorf("%s: got %d %s, want %d", line, got.status, got.body, status)
		}
	}
	if got := send(t, server, line, "{}", "Content-Type: text/plain"); got.status != 415 {
		t.Errorf("text/plain: got %d %s", got.status, got.body)
	}
}

// TestRESTOverHTTP2 holds that the protocol version of HTTP means nothing to REST.
func TestRESTOverHTTP2(t *testing.T) {
	t.Parallel()
	server := serve(t, flagServer(), Options{})
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	server.Client().Transport = transport
	expect(t, "GET", send(t, server, "GET /api/v1/flags/a%2Fb", ""), 200, `{"key":"a/b","name":"","description":"","enabled":false,"variants":[],"namespaceKey":"","type":"VARIANT_FLAG_TYPE"}`)
	expect(t, "error", send(t, server, "POST /api/v1/flags", "{bad"), 400, `{"code":3,"message":"invalid character 'b' looking for beginning of object key string","details":[]}`)
	if got := send(t, server, "HEAD /api/v1/flags/a", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: got %d %q", got.status, got.body)
	}
}

// FuzzTarget sends any request target: none may be a fault of the server.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/api/v1/flags?limit=1&limit=2", "/api/v1/namespaces//flags", "/api/v1/flags/%2F%25%FF", "/ofrep/v1/evaluate/flags/a:b", "/meta/info?pretty", "/auth/v1/tokens?method=METHOD_OIDC",
		"/api/v1/flags/f/rules/order/", "/api/v1/namespaces/n/flags/f/rules/r/distributions/d?variantId=%00", "*", "/", "//", "/internal/v1/evaluation/snapshot/namespace/n?reference=a;b",
		"/auth/v1/self/expire?expiresAt=0000-01-01T00:00:00Z", "/api/v1/export?namespaces=a&namespaces=&encoding=1", "/flipt.Flipt/GetFlag?connect=v1", "http://a/api/v1/flags", "/api/v1/flags?%zz",
	} {
		f.Add(target)
	}
	edge := newEdge(f, new(backend), Options{})
	f.Fuzz(func(t *testing.T, target string) {
		for _, verb := range []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"} {
			got := fetch(t, edge, verb, target, "{}")
			if got.status >= 500 && got.status != http.StatusNotImplemented {
				t.Errorf("%s %q: got %d %s", verb, target, got.status, got.body)
			}
		}
	})
}
