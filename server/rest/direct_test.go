package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// byVanguard makes all requests of an edge go through vanguard, and returns how many routes had not.
func byVanguard(n *node) int {
	direct := 0
	for _, r := range n.routes {
		if r.direct != nil {
			r.direct = nil
			direct++
		}
	}
	for _, next := range n.literals {
		direct += byVanguard(next)
	}
	if n.variable != nil {
		direct += byVanguard(n.variable)
	}
	return direct
}

// answerAll answers what the entity id, the targetingKey or the first key asks for.
func answerAll(ctx context.Context, c call) reply {
	var wanted string
	switch m := c.message.(type) {
	case *evaluation.EvaluationRequest:
		wanted = m.EntityId
	case *flipt.EvaluationRequest:
		wanted = m.EntityId
	case *ofrep.EvaluateFlagRequest:
		wanted = m.Context["targetingKey"]
	case *ofrep.EvaluateBulkRequest:
		wanted = m.Context["targetingKey"]
	}
	if _, ok := c.message.(*ofrep.EvaluateBulkRequest); ok {
		BulkOf(ctx).Announce(EventStream{Type: "sse"})
	}
	if code := codeNamed(wanted); code != 0 {
		err := connect.NewError(code, errors.New("said\n\"so\" \u2028 Grüße"))
		if detail, problem := connect.NewErrorDetail(&validate.Violations{Violations: []*validate.Violation{{RuleId: proto.String("x")}}}); problem == nil {
			err.AddDetail(detail)
		}
		err.Meta().Set("X-Meta", "m")
		SetErrorCode(err, TargetingKeyMissing)
		return reply{err: err}
	}
	switch wanted {
	case "plain error":
		return reply{err: errors.New("plain")}
	case "no text":
		return reply{err: connect.NewError(connect.CodeAborted, nil)}
	case "prefix":
		return reply{err: connect.NewError(connect.CodeInternal, errors.New("unmarshal message: not so"))}
	case "late":
		<-ctx.Done()
		return reply{err: ctx.Err()}
	case "unchanged":
		return reply{header: http.Header{"X-Etag": {`W/"t"`}, "X-Http-Code": {"304"}}}
	case "failures":
		if _, ok := c.message.(*ofrep.EvaluateBulkRequest); ok {
			BulkOf(ctx).Fail(0, "first", connect.NewError(connect.CodeNotFound, errors.New("flag was not found")))
			return reply{message: longAnswer(c)}
		}
	case "long":
		return reply{message: longAnswer(c)}
	case "headers":
		return reply{header: http.Header{"X-Etag": {`W/"t"`}, "Vary": {"Accept"}, "X-Two": {"a", "b"}, "Trailer-X": {"t"}, "Grpc-Status": {"1"}, "Www-Authenticate": {"x"}}}
	}
	return reply{}
}

func codeNamed(text string) connect.Code {
	var code connect.Code
	_ = code.UnmarshalText([]byte(text)) // what is no name is no code
	return code
}

func longAnswer(c call) proto.Message {
	long := strings.Repeat("long ", 1000)
	switch c.message.(type) {
	case *ofrep.EvaluateFlagRequest:
		return &ofrep.EvaluatedFlag{Key: long, Metadata: &structpb.Struct{}, Value: structpb.NewStringValue(long)}
	case *ofrep.EvaluateBulkRequest:
		return &ofrep.BulkEvaluationResponse{Flags: []*ofrep.EvaluatedFlag{{Key: "x"}, {Key: long}}}
	}
	if strings.HasSuffix(c.procedure, "/Variant") {
		return &evaluation.VariantEvaluationResponse{FlagKey: long}
	}
	return nil
}

// ways are two edges that differ in nothing but in the way of requests to their backends.
type ways struct {
	addresses [2]string
	backends  [2]*backend
}

func bothWays(t *testing.T) *ways {
	t.Helper()
	w := new(ways)
	for i := range w.addresses {
		w.backends[i] = &backend{answer: answerAll}
		inner := newEdge(t, w.backends[i], Options{MaxBody: func(string) int64 { return 20_000 }})
		if direct := byVanguard; i == 1 && direct(inner.(*edge).routes) == 0 {
			t.Fatal("no request goes without vanguard")
		}
		server := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Origin") // as whoever stands before the edge may do
			w.Header().Set("X-Frame-Options", "DENY")
			inner.ServeHTTP(w, r)
		}))
		w.addresses[i] = server.Listener.Addr().String()
	}
	return w
}

// exchange sends a request, and returns status, headers and body of the answer and what the handler was called with.
func (w *ways) exchange(t *testing.T, i int, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", w.addresses[i])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	reader := bufio.NewReader(conn)
	got, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err == nil && got.StatusCode == http.StatusContinue {
		got, err = http.ReadResponse(reader, &http.Request{Method: method})
	}
	if err != nil {
		t.Fatalf("%.300s: %v", request, err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodHead && got.Header.Get("Content-Encoding") == "" && got.ContentLength != int64(len(body)) {
		t.Errorf("%.300s: said to be of %d bytes, sent %d", request, got.ContentLength, len(body))
	}
	got.Header.Del("Date")
	text := fmt.Sprintln(got.Status, got.ContentLength, got.TransferEncoding, got.Close, headerLines(got.Header), string(body))
	for _, c := range w.backends[i].take() {
		json, err := marshalAny(nil, c.message)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintln(c.procedure, string(json), headerLines(c.header))
	}
	return text
}

func headerLines(h http.Header) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, fmt.Sprintf("%s: %q", name, h[name]))
	}
	return lines
}

// TestDirectIsTheSame sends requests to an edge that calls handlers without vanguard where it can, and to one that never does.
// Answers and calls must be equal.
func TestDirectIsTheSame(t *testing.T) {
	t.Parallel()
	w := bothWays(t)
	sent, called := 0, 0
	same := func(request string) {
		t.Helper()
		got, want := w.exchange(t, 0, request), w.exchange(t, 1, request)
		if got != want {
			t.Errorf("%.300s\n got %.3000s\nwant %.3000s", request, got, want)
		}
		sent++
		if strings.Contains(got, "Connect-Protocol-Version") {
			called++
		}
	}
	for i, path := range directPaths {
		for j, body := range directBodies() {
			headers := []string{"", "Content-Type: application/json\r\n", "Accept-Encoding: gzip\r\n"}[(i+j)%3]
			if strings.Contains(body, `"late"`) {
				headers += "Grpc-Timeout: 20m\r\n"
			}
			same(post(path, headers, body))
		}
		body := `{"entityId":"e","context":{"targetingKey":"k","a":"b"}}`
		for _, headers := range directHeaders {
			same(post(path, headers, body))
		}
		same(post(path, "Content-Encoding: gzip\r\n", zipped(t, body)))
		same(post(path, "Content-Encoding: gzip\r\n", zipped(t, body)[:20]))
		same(post(path, "Content-Encoding: gzip\r\n", zipped(t, strings.Repeat(" ", 30_000))))
		same(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path, len(body), body))
		same(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n%s\r\n0\r\n\r\n", path, body))
		same(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path, 25_000, strings.Repeat(" ", 25_000)))
		same(fmt.Sprintf("POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body))
		same(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n\r\n", path))
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			same(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body))
		}
		same(strings.Replace(post(path, "", body), "/v1/", "/v2/", 1))
	}
	if called < sent/3 {
		t.Errorf("%d of %d requests came to a handler", called, sent)
	}
}

var directPaths = []string{
	"/evaluate/v1/variant", "/evaluate/v1/boolean/", "/evaluate/v1/batch", "/evaluate/v1/variant?pretty", "/evaluate/v1/variant?flagKey=x&flagKey=y&%zz", "//evaluate/v1/variant",
	"/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/color", "/ofrep/v1/evaluate/flags/a%2Fb%20%22c%22/%C3%BC:x/", "/ofrep/v1/evaluate/flags/%FF", "/ofrep/v1/evaluate/flags/color?pretty=1&key=z",
	"/api/v1/namespaces", "/api/v1/flags", "/api/v1/segments", "/auth/v1/method/token", "/api/v1/evaluate", "/api/v1/batch-evaluate", "/api/v1/namespaces/acme/evaluate", "/api/v1/namespaces/acme/flags",
}

var directHeaders = []string{
	"", "Content-Type: text/plain\r\n", "Content-Type: application/json; charset=utf-8\r\n", "Content-Type: application/json+pretty\r\n", "Content-Type: application/proto\r\n",
	"Content-Type: application/grpc\r\n", "Content-Type: a/b\r\nContent-Type: c/d\r\n", "Accept: application/json+pretty\r\n", "Connect-Timeout-Ms: 1\r\n", "Connect-Protocol-Version: 7\r\n",
	"Connect-Accept-Encoding: gzip\r\n", "Connect-Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", "Content-Encoding: identity\r\n", "X-Server-Timeout: 0.0001\r\n", "Grpc-Timeout: x\r\n", "Grpc-Timeout: 1H\r\n",
	"Origin: http://a\r\nCookie: flipt_client_token=a\r\n", "Expect: 100-continue\r\n", "If-None-Match: a\r\nIf-None-Match: b\r\nIf-Match: c\r\n", "Grpc-Metadata-X: a\r\nX: b\r\nGrpc-Metadata-Content-Type: c\r\n",
	"Grpcgateway-X: a\r\n", "Connection: close\r\n", "Connection: keep-alive, X-A\r\nX-A: a\r\nKeep-Alive: 5\r\n", "Te: trailers\r\n", "Accept-Encoding: gzip;q=0, br\r\n", "Grpc-Metadata-Accept-Encoding: gzip\r\n",
	"X-Flipt-Namespace: n\r\nAuthorization: Bearer x\r\nUser-Agent: y\r\nX-Request-Id: 1\r\n",
}

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: example:80\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

// directBodies ask for every kind of answer, rightly and wrongly.
func directBodies() []string {
	bodies := []string{
		`{bad`, `[1]`, `{"context":{"a":1,"b":[{"c":null}],"d":{"e":true}}}`, `{"context":[]}`, `{"context":{"targetingKey":1}}`, `{"key":"other","context":{"a":"b"}}`, `{"flagKey":"a","unknown":{}}`,
		strings.Repeat("[", 70), strings.Repeat(" ", 19_998) + "{}", strings.Repeat(" ", 19_999) + "{}", `{"context":{"a":"` + strings.Repeat("a", 19_990) + `"}}`, "{\"context\":{\"a\":\"\xff\"}}", `{"requests":[{},{"flagKey":"a"}]}`, "",
	}
	wanted := []string{"", "plain error", "no text", "prefix", "late", "unchanged", "failures", "long", "headers"}
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		wanted = append(wanted, code.String())
	}
	for _, one := range wanted {
		bodies = append(bodies, fmt.Sprintf(`{"entityId":%q,"context":{"targetingKey":%q}}`, one, one))
	}
	return append(bodies, hotBodies...)
}

// TestDirectRoutes lists what goes without vanguard: what is added has a reason, and a test above.
func TestDirectRoutes(t *testing.T) {
	t.Parallel()
	var direct []string
	var list func(n *node)
	list = func(n *node) {
		for _, r := range n.routes {
			if r.direct != nil {
				direct = append(direct, r.procedure)
			}
		}
		for _, next := range n.literals {
			list(next)
		}
		if n.variable != nil {
			list(n.variable)
		}
	}
	list(newEdge(t, new(backend), Options{}).(*edge).routes)
	slices.Sort(direct)
	want := []string{
		"/flipt.Flipt/BatchEvaluate", "/flipt.Flipt/CreateFlag", "/flipt.Flipt/CreateNamespace", "/flipt.Flipt/CreateSegment", "/flipt.Flipt/Evaluate",
		"/flipt.auth.AuthenticationMethodTokenService/CreateToken", "/flipt.evaluation.EvaluationService/Batch", "/flipt.evaluation.EvaluationService/Boolean",
		"/flipt.evaluation.EvaluationService/Variant", "/flipt.ofrep.OFREPService/EvaluateBulk", "/flipt.ofrep.OFREPService/EvaluateFlag",
	}
	if !slices.Equal(direct, want) {
		t.Errorf("got %q, want %q", direct, want)
	}
}

// TestAnswersAreNotMixed holds that a request never meets what another one left, since the memory for one is used again.
func TestAnswersAreNotMixed(t *testing.T) {
	t.Parallel()
	edge := newEdge(t, &backend{answer: func(_ context.Context, c call) reply {
		switch m := c.message.(type) {
		case *ofrep.EvaluateFlagRequest:
			if m.Context["fail"] != "" {
				return reply{err: connect.NewError(connect.CodeNotFound, errors.New(m.Context["me"])), header: http.Header{"X-Me": {m.Key}}}
			}
			return reply{message: &ofrep.EvaluatedFlag{Key: m.Key, Variant: m.Context["me"]}, header: http.Header{"X-Me": {m.Key}}}
		case *flipt.GetFlagRequest:
			return reply{message: &flipt.Flag{Key: m.Key}}
		}
		return reply{}
	}}, Options{})
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 100 {
				me := fmt.Sprintf("%d-%d", caller, i)
				for _, c := range []struct{ method, path, body, want, header string }{
					{"POST", "/ofrep/v1/evaluate/flags/" + me, `{"context":{"me":"` + me + `"}}`, `{"key":"` + me + `","reason":"UNKNOWN","variant":"` + me + `"}`, me},
					{"POST", "/ofrep/v1/evaluate/flags/" + me, `{"context":{"fail":"1","me":"` + me + `"}}`, `{"key":"` + me + `","errorCode":"FLAG_NOT_FOUND","errorDetails":"` + me + `"}` + "\n", ""},
					{"POST", "/ofrep/v1/evaluate/flags", `{"context":{}}`, `{"flags":[]}`, ""},
					{"GET", "/api/v1/flags/" + me, "", `{"key":"` + me + `","name":"","description":"","enabled":false,"variants":[],"namespaceKey":"","type":"VARIANT_FLAG_TYPE"}`, ""},
					{"POST", "/api/v1/" + me, "", `{"code":5,"message":"Not Found","details":[]}`, ""},
				} {
					if got := fetch(t, edge, c.method, c.path, c.body); got.body != c.want || got.header.Get("X-Me") != c.header {
						t.Errorf("%s %s: got %s %v, want %s", c.method, c.path, got.body, got.header, c.want)
					}
				}
			}
		})
	}
	callers.Wait()
}
