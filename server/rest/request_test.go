package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, line := range []string{"GET /internal/v1/evaluation/snapshot/namespace/n", "POST /evaluate/v1/variant", "POST /ofrep/v1/evaluate/flags"} {
		send(t, server, line, "{}",
			"Authorization: Bearer x", "Cookie: flipt_client_token=y", "X-Flipt-Namespace: ns", "X-Flipt-Accept-Server-Version: 1.47.0", "Accept-Encoding: gzip",
			"If-None-Match: abc", "Grpcgateway-If-None-Match: forged", "Grpc-Metadata-X-Flipt-Environment: prod", "Grpc-Metadata-Authorization: Bearer z",
			"Grpc-Metadata-Content-Type: text/plain", "Grpc-Metadata-Connect-Timeout-Ms: 1", "Grpc-Encoding: snappy", "X-Server-Timeout: never", "X-Request-Id: 7")
		got := only(t, b).header
		for name, want := range map[string][]string{
			"Authorization":                 {"Bearer x", "Bearer z"},
			"Cookie":                        {"flipt_client_token=y"},
			"X-Flipt-Namespace":             {"ns"},
			"X-Flipt-Accept-Server-Version": {"1.47.0"},
			"X-Flipt-Environment":           {"prod"},
			"X-Request-Id":                  {"7"},
			"Grpcgateway-If-None-Match":     {"abc"},
			"If-None-Match":                 nil,
			"Accept-Encoding":               nil,
			"Grpc-Encoding":                 nil,
			"X-Server-Timeout":              nil,
			"Connect-Timeout-Ms":            nil,
			"Grpc-Metadata-Authorization":   nil,
		} {
			if !slices.Equal(got[name], want) {
				t.Errorf("%s: %s arrived as %q, want %q", line, name, got[name], want)
			}
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	b := &backend{answer: func(ctx context.Context, c call) reply {
		if _, limited := ctx.Deadline(); !limited || c.header.Get("X-Wait") == "" {
			return reply{}
		}
		<-ctx.Done()
		if c.header.Get("X-Wait") == "careless" {
			return reply{}
		}
		return reply{err: ctx.Err()}
	}}
	server := serve(t, b, Options{})
	const late = `{"code":4,"message":"context deadline exceeded","details":[]}`
	for _, timeout := range []string{"1n", "2m", "1000u"} {
		for _, wait := range []string{"careful", "careless"} {
			for _, line := range []string{"GET /api/v1/flags", "POST /evaluate/v1/boolean", "POST /api/v1/flags"} {
				got := send(t, server, line, "", "Grpc-Timeout: "+timeout, "X-Wait: "+wait)
				expect(t, line+" "+timeout+" "+wait, got, 504, late)
			}
		}
	}
	expect(t, "OFREP", send(t, server, "POST /ofrep/v1/evaluate/flags", "", "Grpc-Timeout: 1n"), 504, `{"errorCode":"GENERAL","errorDetails":"context deadline exceeded"}`+"\n")
	for _, timeout := range []string{"2H", "99999999H", "9223372036854775807H", "30S", "0n"} {
		if got := send(t, server, "GET /api/v1/flags", "", "Grpc-Timeout: "+timeout); got.status != 200 {
			t.Errorf("%s: got %d %s", timeout, got.status, got.body)
		}
	}
	for _, timeout := range []string{"1", "S", "1s", "-1S", "1.5S", "x"} {
		expect(t, timeout, send(t, server, "GET /api/v1/flags", "", "Grpc-Timeout: "+timeout), 400, `{"code":3,"message":"invalid grpc-timeout: `+timeout+`","details":[]}`)
	}
	if got, _, _ := grpcTimeout("9223372036854775807M"); got != time.Duration(math.MaxInt64) {
		t.Errorf("got %v for the longest timeout", got)
	}
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	b := new(backend)
	limits := func(path string) int64 {
		switch path {
		case "/evaluate/v1/variant":
			return 1000
		case "/api/v1/import":
			return 8000
		}
		return 4000
	}
	server := serve(t, b, Options{MaxBody: limits})
	for line, limit := range map[string]int{"POST /evaluate/v1/variant": 1000, "POST /api/v1/flags": 4000, "PUT /api/v1/namespaces/n/flags/f": 4000, "POST /api/v1/import": 8000} {
		fitting := `{"reference":"` + strings.Repeat("a", limit-len(`{"reference":""}`)) + `"}`
		chunked := func(body string) response {
			verb, target, _ := strings.Cut(line, " ")
			request, err := http.NewRequestWithContext(t.Context(), verb, server.URL+target, io.MultiReader(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			text, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response{got.StatusCode, got.Header, string(text)}
		}
		large := fmt.Sprintf(`{"code":8,"message":"request body exceeds the limit of %d bytes","details":[]}`, limit)
		inflated := fmt.Sprintf(`{"code":8,"message":"decompressed request body exceeds the limit of %d bytes","details":[]}`, limit)
		for what, got := range map[string]response{"plain": send(t, server, line, fitting), "gzip": send(t, server, line, zipped(t, fitting), "Content-Encoding: gzip"), "chunked": chunked(fitting)} {
			if got.status != 200 {
				t.Errorf("%s %s: got %d %s", line, what, got.status, got.body)
			}
		}
		b.take()
		expect(t, line, send(t, server, line, fitting+" "), 429, large)
		expect(t, line+" chunked", chunked(fitting+" "), 429, large)
		expect(t, line+" gzip", send(t, server, line, zipped(t, fitting+" "), "Content-Encoding: gzip"), 429, inflated)
		expect(t, line+" bomb", send(t, server, line, zipped(t, strings.Repeat("a", 1<<18)), "Content-Encoding: gzip"), 429, inflated)
		if calls := b.take(); len(calls) > 0 {
			t.Errorf("%s: handlers were called: %v", line, calls)
		}
	}
}

func TestDefaultBodyLimit(t *testing.T) {
	t.Parallel()
	server := serve(t, new(backend), Options{})
	body := `{"name":"` + strings.Repeat("a", 4<<20-len(`{"name":""}`)) + `"}`
	if got := send(t, server, "POST /api/v1/flags", body); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	expect(t, "more than 4 MiB", send(t, server, "POST /api/v1/flags", body+" "), 429, `{"code":8,"message":"request body exceeds the limit of 4194304 bytes","details":[]}`)
}

// TestZeroValuesDoNotGrow sends a body whose every element would be forty times as long with its zero values, and the
// whole of it longer than a handler takes.
func TestZeroValuesDoNotGrow(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	const count = 60_000
	body := `{"requests":[{}` + strings.Repeat(",{}", count-1) + `]}`
	for _, line := range []string{"POST /api/v1/namespaces/n/batch-evaluate", "POST /api/v1/batch-evaluate"} {
		if got := send(t, server, line, body); got.status != 200 {
			t.Errorf("%s: got %d %s", line, got.status, got.body)
		}
		if got := len(only(t, b).message.(*flipt.BatchEvaluationRequest).Requests); got != count {
			t.Errorf("%s: got %d requests, want %d", line, got, count)
		}
	}
}

func TestRequestEncoding(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	body := `{"key":"k"}`
	for _, line := range []string{"POST /api/v1/flags", "POST /api/v1/namespaces/n/flags"} {
		for encoding, sent := range map[string]string{"gzip": zipped(t, body), "GZIP": zipped(t, body), "identity": body} {
			got := send(t, server, line, sent, "Content-Encoding: "+encoding)
			if got.status != 200 || got.header.Get("Content-Encoding") != "" {
				t.Errorf("%s %s: got %d %s", line, encoding, got.status, got.body)
			}
			if m := only(t, b).message.(*flipt.CreateFlagRequest); m.Key != "k" {
				t.Errorf("%s %s: got %v", line, encoding, m)
			}
		}
	}
	for sent, message := range map[string]string{"": "EOF", "plain text, not gzip": "gzip: invalid header", zipped(t, body)[:15]: "unexpected EOF"} {
		expect(t, sent, send(t, server, "POST /api/v1/flags", sent, "Content-Encoding: gzip"), 400, `{"code":3,"message":"decompress request body: `+message+`","details":[]}`)
	}
	expect(t, "brotli", send(t, server, "POST /api/v1/flags", body, "Content-Encoding: br"), 400, `{"code":3,"message":"content encoding \"br\" is not supported: use gzip or none","details":[]}`)
}

// TestNeedlessBody holds that a body where none is due is dropped, whatever it is.
func TestNeedlessBody(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, line := range []string{"GET /api/v1/flags/f", "DELETE /api/v1/flags/f", "PUT /auth/v1/self/expire"} {
		for _, body := range []string{"{bad", `{"key":"x"}`, strings.Repeat("a", 100_000)} {
			if got := send(t, server, line, body, "Content-Type: application/json", "Content-Encoding: gzip"); got.status != 200 {
				t.Errorf("%s: got %d %s", line, got.status, got.body)
			}
			b.take()
		}
	}
}

func TestRawBody(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	for _, body := range []string{"", "version: \"1.4\"\n", `{"not": "looked at`, "\xff\x00"} {
		for _, contentType := range []string{"", "application/yaml", "application/json", "text/plain; charset=x", "application/json+pretty"} {
			headers := []string{"Content-Encoding: gzip"}
			if contentType != "" {
				headers = append(headers, "Content-Type: "+contentType)
			}
			got := send(t, server, "POST /api/v1/import?name=a.yml&file=x", zipped(t, body), headers...)
			if got.status != 200 {
				t.Errorf("%q as %q: got %d %s", body, contentType, got.status, got.body)
				continue
			}
			m := only(t, b).message.(*burgeev1.ImportRequest)
			if string(m.File.GetData()) != body || m.File.GetContentType() != contentType || m.Name != "a.yml" {
				t.Errorf("%q as %q: got %v", body, contentType, m)
			}
		}
	}
	send(t, server, "POST /api/v1/import", "x", "Content-Type: application/grpc-web+proto")
	if m := only(t, b).message.(*burgeev1.ImportRequest); string(m.File.GetData()) != "x" {
		t.Errorf("got %v", m)
	}
}

// TestBothSpellings sends what the public clients send.
func TestBothSpellings(t *testing.T) {
	t.Parallel()
	b := new(backend)
	server := serve(t, b, Options{})
	want := &evaluation.EvaluationRequest{NamespaceKey: "n", FlagKey: "f", EntityId: "e", Context: map[string]string{"a": "b"}}
	for _, body := range []string{
		`{"namespaceKey":"n","flagKey":"f","entityId":"e","context":{"a":"b"}}`,
		`{"namespace_key":"n","flag_key":"f","entity_id":"e","context":{"a":"b"},"request_id":null,"reference":null}`,
		`{"namespaceKey":"n","flagKey":"f","entityId":"e","context":{"a":"b"},"reference":null,"extra":1}`,
	} {
		send(t, server, "POST /evaluate/v1/variant", body)
		if got := only(t, b).message; !proto.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", body, got, want)
		}
	}
}
