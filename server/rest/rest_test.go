package rest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt/analytics/analyticsconnect"
	"github.com/burgeehq/burgee/gen/flipt/auth/authconnect"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/gen/flipt/meta/metaconnect"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
)

// call is what a handler was called with.
type call struct {
	procedure string
	message   proto.Message
	header    http.Header
}

// reply is what a handler answers: an empty message if it says nothing else.
type reply struct {
	message proto.Message
	header  http.Header
	err     error
}

// backend answers every rpc of the services behind the edge, and records what arrived.
type backend struct {
	// answer may be nil.
	answer func(context.Context, call) reply

	mu    sync.Mutex // guards calls
	calls []call
}

// take returns the calls since the last take.
func (b *backend) take() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = nil
	return calls
}

func (b *backend) intercept(connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		c := call{request.Spec().Procedure, request.Any().(proto.Message), request.Header()}
		b.mu.Lock()
		b.calls = append(b.calls, c)
		b.mu.Unlock()
		var r reply
		if b.answer != nil {
			r = b.answer(ctx, c)
		}
		if r.err != nil {
			return nil, r.err
		}
		// connect wants its type parameter known: a dynamic message stands in for any.
		output := dynamicpb.NewMessage(request.Spec().Schema.(protoreflect.MethodDescriptor).Output())
		if r.message != nil {
			proto.Merge(output, r.message)
		}
		response := connect.NewResponse(output)
		for name, values := range r.header {
			response.Header()[name] = values
		}
		return response, nil
	}
}

func service(path string, handler http.Handler) Service { return Service{path, handler} }

// services returns all services of the contract and our own.
func (b *backend) services() []Service {
	o := connect.WithHandlerOptions(append(HandlerOptions(), connect.WithInterceptors(connect.UnaryInterceptorFunc(b.intercept)))...)
	return []Service{
		service(fliptconnect.NewFliptHandler(fliptconnect.UnimplementedFliptHandler{}, o)),
		service(evaluationconnect.NewEvaluationServiceHandler(evaluationconnect.UnimplementedEvaluationServiceHandler{}, o)),
		service(evaluationconnect.NewDataServiceHandler(evaluationconnect.UnimplementedDataServiceHandler{}, o)),
		service(ofrepconnect.NewOFREPServiceHandler(ofrepconnect.UnimplementedOFREPServiceHandler{}, o)),
		service(authconnect.NewPublicAuthenticationServiceHandler(authconnect.UnimplementedPublicAuthenticationServiceHandler{}, o)),
		service(authconnect.NewAuthenticationServiceHandler(authconnect.UnimplementedAuthenticationServiceHandler{}, o)),
		service(authconnect.NewAuthenticationMethodTokenServiceHandler(authconnect.UnimplementedAuthenticationMethodTokenServiceHandler{}, o)),
		service(metaconnect.NewMetadataServiceHandler(metaconnect.UnimplementedMetadataServiceHandler{}, o)),
		service(analyticsconnect.NewAnalyticsServiceHandler(analyticsconnect.UnimplementedAnalyticsServiceHandler{}, o)),
		service(burgeev1connect.NewFeaturesServiceHandler(burgeev1connect.UnimplementedFeaturesServiceHandler{}, o, connect.WithReadMaxBytes(64<<20+4096))),
	}
}

func newEdge(t testing.TB, b *backend, o Options) http.Handler {
	t.Helper()
	h, err := New(b.services(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// serve starts the edge before a backend, for HTTP/1.1 and for HTTP/2 without TLS.
func serve(t *testing.T, b *backend, o Options) *httptest.Server {
	t.Helper()
	return serveHandler(t, newEdge(t, b, o))
}

func serveHandler(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	server.Client().Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(server.Close)
	return server
}

// response is a response that was read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

// send makes a request of a line such as "GET /meta/info". Headers are given as "Name: value".
func send(t *testing.T, server *httptest.Server, line, body string, headers ...string) response {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	got, err := server.Client().Do(request)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	defer got.Body.Close()
	data, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return response{got.StatusCode, got.Header, string(data)}
}

// only returns the one call that a backend got.
func only(t *testing.T, b *backend) call {
	t.Helper()
	calls := b.take()
	if len(calls) != 1 {
		t.Fatalf("got %d calls, want 1", len(calls))
	}
	return calls[0]
}

func expect(t *testing.T, what string, got response, status int, body string) {
	t.Helper()
	if got.status != status || got.body != body {
		t.Errorf("%s: got %d %q, want %d %q", what, got.status, got.body, status, body)
	}
	if contentType := got.header.Get("Content-Type"); contentType != "application/json" {
		t.Errorf("%s: got Content-Type %q", what, contentType)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := new(backend).services()
	for name, services := range map[string][]Service{
		"an unknown service":             {{"/flipt.Nope/", http.NotFoundHandler()}},
		"a path without slashes":         {{"flipt.Flipt", http.NotFoundHandler()}},
		"a message":                      {{"/flipt.Flag/", http.NotFoundHandler()}},
		"a service twice":                {good[0], good[0]},
		"a service without a descriptor": {{"//", http.NotFoundHandler()}},
	} {
		if _, err := New(services, Options{}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	const page = "page"
	ui := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page+r.URL.Path) })
	with, without := serve(t, new(backend), Options{Fallback: ui}), serve(t, new(backend), Options{})
	for _, path := range []string{"/", "/flags", "/api", "/api/v2/flags", "/apis/v1", "/API/v1/flags", "/metadata", "/api%2Fv1/flags", "//api/v1/flags", "/flipt.Nope/GetFlag"} {
		got := send(t, with, "GET "+path, "")
		if got.status != 200 || !strings.HasPrefix(got.body, page) {
			t.Errorf("%s: got %d %q", path, got.status, got.body)
		}
		got = send(t, without, "GET "+path, "")
		if got.status != 404 || got.body != "404 page not found\n" || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s without fallback: got %d %q", path, got.status, got.body)
		}
	}
}

// TestRequestIsNotChanged holds the edge to what vanguard does not keep: whoever stands before it still has its request.
func TestRequestIsNotChanged(t *testing.T) {
	t.Parallel()
	edge := newEdge(t, new(backend), Options{})
	var differences []string
	server := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, target, header := r.Method, r.URL.String(), r.Header.Clone()
		edge.ServeHTTP(w, r)
		if r.Method != method || r.URL.String() != target || !equalHeaders(r.Header, header) {
			differences = append(differences, method+" "+target)
		}
	}))
	for _, line := range []string{"GET /api/v1/flags/a%2Fb?reference=x&limit=1", "POST /evaluate/v1/variant?pretty", "HEAD /meta/info", "GET /api/v1/nope"} {
		send(t, server, line, "{}", "If-None-Match: x", "Accept-Encoding: gzip", "Content-Type: text/plain", "Grpc-Metadata-X-A: b")
	}
	server.Close()
	if len(differences) > 0 {
		t.Errorf("changed requests: %q", differences)
	}
}

func equalHeaders(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}

// fetch makes a request of a raw request target without a connection. It returns the zero response if HTTP does not allow
// the target.
func fetch(t testing.TB, h http.Handler, method, target, body string) response {
	t.Helper()
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body)
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return response{}
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request.WithContext(t.Context()))
	return response{recorder.Code, recorder.Header(), recorder.Body.String()}
}
