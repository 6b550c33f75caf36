package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt/analytics/analyticsconnect"
	"github.com/burgeehq/burgee/gen/flipt/auth/authconnect"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/gen/flipt/meta/metaconnect"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// running is a server with both doors open on free ports and a database of its own.
type running struct {
	*server.Server
	httpURL, grpcURL string
	h1               *http.Transport // connections of all clients over HTTP/1.1
	h2               *http.Transport // connections of all clients over HTTP/2 in the clear
}

// start opens a server on an empty database and stops it when the test ends.
func start(t testing.TB) *running {
	t.Helper()
	return startAt(t, filepath.Join(t.TempDir(), "burgee.db"))
}

// startAt opens a server on the database at path and stops it when the test ends.
func startAt(t testing.TB, path string) *running {
	t.Helper()
	return startWith(t, server.Settings{Store: store.Settings{Path: path}}, server.Doors{Log: zerolog.Nop()})
}

// startWith opens a server with settings of a test's own, without addresses, and stops it when the test ends. The clients in
// what it returns speak no TLS.
func startWith(t testing.TB, s server.Settings, doors server.Doors) *running {
	t.Helper()
	s.Version, s.HTTPAddr, s.GRPCAddr, s.LogLevel, s.LogFormat = "v0.0.0-test", "127.0.0.1:8080", "127.0.0.1:9000", "error", "json"
	s.Log, s.UI = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel), server.NewUI(nil, doors.BasePath)
	if s.Store.Path == "" {
		s.Store.Path = filepath.Join(t.TempDir(), "burgee.db")
	}
	srv, err := server.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	doors.HTTP, doors.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	listeners, err := doors.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- listeners.Serve(ctx, srv.HTTP(), srv.GRPC(), func(is bool) {
			srv.Ready(is)
			if is {
				close(ready)
			}
		})
	}()
	scheme := "http://"
	if doors.TLSCert != "" {
		scheme = "https://"
	}
	r := &running{srv, scheme + listeners.HTTPAddr() + doors.BasePath, scheme + listeners.GRPCAddr(), new(http.Transport), h2c()}
	t.Cleanup(func() {
		r.h1.CloseIdleConnections() // which would keep the server from stopping for a second
		r.h2.CloseIdleConnections()
		stop()
		if err := errors.Join(<-done, srv.Close()); err != nil {
			t.Error("stop:", err)
		}
	})
	<-ready
	return r
}

// clients are the generated clients of all services over one protocol.
type clients struct {
	name       string
	flipt      fliptconnect.FliptClient
	evaluation evaluationconnect.EvaluationServiceClient
	data       evaluationconnect.DataServiceClient
	ofrep      ofrepconnect.OFREPServiceClient
	public     authconnect.PublicAuthenticationServiceClient
	auth       authconnect.AuthenticationServiceClient
	meta       metaconnect.MetadataServiceClient
	analytics  analyticsconnect.AnalyticsServiceClient
	features   burgeev1connect.FeaturesServiceClient
	documents  burgeev1connect.DocumentServiceClient
	history    burgeev1connect.HistoryServiceClient
	explain    burgeev1connect.ExplainServiceClient
	counts     burgeev1connect.CountServiceClient
	watch      burgeev1connect.WatchServiceClient
}

func newClients(name string, http connect.HTTPClient, url string, options ...connect.ClientOption) clients {
	return clients{
		name:       name,
		flipt:      fliptconnect.NewFliptClient(http, url, options...),
		evaluation: evaluationconnect.NewEvaluationServiceClient(http, url, options...),
		data:       evaluationconnect.NewDataServiceClient(http, url, options...),
		ofrep:      ofrepconnect.NewOFREPServiceClient(http, url, options...),
		public:     authconnect.NewPublicAuthenticationServiceClient(http, url, options...),
		auth:       authconnect.NewAuthenticationServiceClient(http, url, options...),
		meta:       metaconnect.NewMetadataServiceClient(http, url, options...),
		analytics:  analyticsconnect.NewAnalyticsServiceClient(http, url, options...),
		features:   burgeev1connect.NewFeaturesServiceClient(http, url, options...),
		documents:  burgeev1connect.NewDocumentServiceClient(http, url, options...),
		history:    burgeev1connect.NewHistoryServiceClient(http, url, options...),
		explain:    burgeev1connect.NewExplainServiceClient(http, url, options...),
		counts:     burgeev1connect.NewCountServiceClient(http, url, options...),
		watch:      burgeev1connect.NewWatchServiceClient(http, url, options...),
	}
}

// overGRPC returns clients that speak gRPC over HTTP/2 to the gRPC door.
func (r *running) overGRPC() clients {
	return newClients("gRPC", r.overH2(), r.grpcURL, connect.WithGRPC())
}

// overREST returns clients that send each call as the REST request that its proto binds it to. The address is the transport's.
func (r *running) overREST() clients {
	return newClients("REST", &http.Client{Transport: &restTransport{r.httpURL, r.h1}}, "http://rest", connect.WithProtoJSON())
}

// protocol is a way to call the server.
type protocol struct {
	name string
	over func(*running) clients
}

// protocols are all protocols on every door; REST is the last.
var protocols = []protocol{
	{"gRPC", (*running).overGRPC},
	{"gRPC-Web", func(r *running) clients { return newClients("gRPC-Web", r.overH1(), r.grpcURL, connect.WithGRPCWeb()) }},
	{"Connect", func(r *running) clients { return newClients("Connect", r.overH2(), r.grpcURL) }},
	{"Connect JSON", func(r *running) clients {
		return newClients("Connect JSON", r.overH1(), r.grpcURL, connect.WithProtoJSON())
	}},
	{"Connect on the REST door", func(r *running) clients { return newClients("Connect on the REST door", r.overH1(), r.httpURL) }},
	{"REST", (*running).overREST},
}

func (r *running) overH1() *http.Client { return &http.Client{Transport: r.h1} }

func (r *running) overH2() *http.Client { return &http.Client{Transport: r.h2} }

// h2c returns what speaks HTTP/2 in the clear.
func h2c() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{Protocols: protocols}
}

// restTransport turns a unary Connect call in JSON into the REST request of its first binding, and the answer back.
type restTransport struct {
	base  string
	inner *http.Transport
}

func (t *restTransport) RoundTrip(call *http.Request) (*http.Response, error) {
	var members map[string]json.RawMessage
	if err := json.NewDecoder(call.Body).Decode(&members); err != nil {
		return nil, fmt.Errorf("decode the call: %w", err)
	}
	request, method, err := t.translate(call, members)
	if err != nil {
		return nil, err
	}
	responseBody := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule).ResponseBody
	raw := responseBody != "" || method.Output().FullName() == "google.api.HttpBody"
	for name, values := range call.Header {
		if !strings.HasPrefix(name, "Connect-") && name != "Accept-Encoding" && name != "Content-Type" && name != "Content-Length" {
			request.Header[name] = values
		}
	}
	answer, err := t.inner.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	switch {
	case answer.StatusCode != http.StatusOK:
		body = connectError(body)
	case raw:
		body, err = json.Marshal(map[string]any{"contentType": answer.Header.Get("Content-Type"), "data": body})
	}
	if answer.StatusCode == http.StatusOK && responseBody != "" {
		body = fmt.Appendf(nil, "{%q:%s}", responseBody, body)
	}
	answer.Header.Set("Content-Type", "application/json")
	answer.Header.Del("Content-Length")
	answer.ContentLength = int64(len(body))
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, err
}

var pathVariable = regexp.MustCompile(`\{([a-z_]+)\}`)

// translate builds the REST request from the members of the message.
func (t *restTransport) translate(call *http.Request, members map[string]json.RawMessage) (*http.Request, protoreflect.MethodDescriptor, error) {
	method, err := methodOf(call.URL.Path)
	if err != nil {
		return nil, nil, err
	}
	rule := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	verb, path := "", ""
	for _, binding := range append([]*annotations.HttpRule{rule}, rule.AdditionalBindings...) {
		if verb, path = fill(binding, method.Input(), members); path != "" {
			break
		}
	}
	if path == "" {
		return nil, nil, fmt.Errorf("%s: %w", method.FullName(), errUnsayable)
	}
	body, contentType := []byte(nil), "application/json"
	switch rule.Body {
	case "*":
		if body, err = json.Marshal(members); err != nil {
			return nil, nil, err
		}
	case "":
	default: // one member, of a file what is in it
		if body = members[rule.Body]; method.Input().Fields().ByName(protoreflect.Name(rule.Body)).Message().FullName() == "google.api.HttpBody" {
			var file struct {
				ContentType string
				Data        []byte
			}
			if err := json.Unmarshal(body, &file); err != nil {
				return nil, nil, err
			}
			body, contentType = file.Data, file.ContentType
		}
		delete(members, rule.Body)
	}
	query := make(url.Values)
	if rule.Body != "*" {
		for name, value := range members {
			addQuery(query, name, value)
		}
	}
	request, err := http.NewRequestWithContext(call.Context(), verb, t.base+path+"?"+query.Encode(), bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", contentType)
	}
	return request, method, err
}

// errUnsayable is returned for a call that no path of REST can express, since a member of its path is empty.
var errUnsayable = errors.New("no REST path can say this")

// fill puts members into the variables of a binding's path, and takes them out of members. The path is empty when one of
// them is.
func fill(binding *annotations.HttpRule, message protoreflect.MessageDescriptor, members map[string]json.RawMessage) (string, string) {
	verb, template := verbAndPath(binding)
	var filled []string
	missing := false
	path := pathVariable.ReplaceAllStringFunc(template, func(name string) string {
		field := message.Fields().ByName(protoreflect.Name(strings.Trim(name, "{}")))
		var text string
		if value, ok := members[field.JSONName()]; !ok || json.Unmarshal(value, &text) != nil || text == "" {
			missing = true
		}
		filled = append(filled, field.JSONName())
		return url.PathEscape(text)
	})
	if missing {
		return verb, ""
	}
	for _, name := range filled {
		delete(members, name)
	}
	return verb, path
}

func addQuery(query url.Values, name string, value json.RawMessage) {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		for _, item := range list {
			addQuery(query, name, item)
		}
		return
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	query.Add(name, text)
}

func methodOf(procedure string) (protoreflect.MethodDescriptor, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(procedure, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, err
	}
	return found.(protoreflect.MethodDescriptor), nil
}

func verbAndPath(rule *annotations.HttpRule) (string, string) {
	switch p := rule.Pattern.(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

// connectError turns the error body of a REST path, OFREP's included, into Connect's.
func connectError(body []byte) []byte {
	var failed struct {
		Code         uint32
		Message      string
		ErrorCode    string
		ErrorDetails string
	}
	if err := json.Unmarshal(body, &failed); err != nil {
		failed.Code, failed.Message = uint32(connect.CodeUnknown), string(body)
	}
	switch failed.ErrorCode {
	case "":
	case "FLAG_NOT_FOUND":
		failed.Code, failed.Message = uint32(connect.CodeNotFound), failed.ErrorDetails
	case "INVALID_CONTEXT", "TARGETING_KEY_MISSING":
		failed.Code, failed.Message = uint32(connect.CodeInvalidArgument), failed.ErrorDetails
	default:
		failed.Code, failed.Message = uint32(connect.CodeInternal), failed.ErrorDetails
	}
	text, _ := json.Marshal(map[string]string{"code": connect.Code(failed.Code).String(), "message": failed.Message}) // strings: cannot fail
	return text
}
