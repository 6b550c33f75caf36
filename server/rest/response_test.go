package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/structpb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// answering returns a backend that always gives one reply.
func answering(r reply) *backend {
	return &backend{answer: func(context.Context, call) reply { return r }}
}

func TestSuccess(t *testing.T) {
	t.Parallel()
	server := serve(t, answering(reply{message: &flipt.Flag{Key: "a<b>&", Metadata: &structpb.Struct{}}}), Options{})
	const flag = `{"key":"a<b>&","name":"","description":"","enabled":false,"variants":[],"namespaceKey":"","type":"VARIANT_FLAG_TYPE","metadata":{}}`
	for _, line := range []string{"GET /api/v1/flags/a", "POST /api/v1/flags", "PUT /api/v1/namespaces/n/flags/a"} {
		got := send(t, server, line, "{}")
		expect(t, line, got, 200, flag)
		if len(got.header) != 3 || got.header.Get("Date") == "" || got.header.Get("Content-Length") == "" {
			t.Errorf("%s: got headers %v, want Content-Type, Content-Length and Date", line, got.header)
		}
	}
	server = serve(t, new(backend), Options{})
	expect(t, "Empty", send(t, server, "DELETE /api/v1/flags/a", ""), 200, "{}")
	expect(t, "direct", send(t, server, "POST /evaluate/v1/batch", ""), 200, `{"requestId":"","responses":[],"requestDurationMillis":0}`)
}

func TestPretty(t *testing.T) {
	t.Parallel()
	server := serve(t, answering(reply{message: &flipt.Flag{
		Key: `a: "b",  {}`, Variants: []*flipt.Variant{{Id: "1"}, {}}, DefaultVariant: &flipt.Variant{}, Metadata: &structpb.Struct{}, Type: 7,
	}}), Options{})
	const pretty = `{
  "key": "a: \"b\",  {}",
  "variants": [
    {
      "id": "1"
    },
    {}
  ],
  "type": 7,
  "defaultVariant": {},
  "metadata": {}
}`
	for _, c := range []struct{ line, header string }{
		{"GET /api/v1/flags/a?pretty", "X-A: b"},
		{"GET /api/v1/flags/a?pretty=true", "X-A: b"},
		{"GET /api/v1/flags/a?pretty=false&limit", "X-A: b"},
		{"POST /api/v1/flags?x=%zz&pretty=", "X-A: b"},
		{"GET /api/v1/flags/a", "Accept: application/json+pretty"},
		{"GET /api/v1/flags/a", "Accept: text/html, application/json+pretty; q=0.9"},
		{"PUT /api/v1/flags/a", "Content-Type: application/json+pretty"},
		{"PUT /api/v1/flags/a", "Content-Type: application/json+pretty; charset=utf-8"},
	} {
		expect(t, c.line+" "+c.header, send(t, server, c.line, `{"unknown":1}`, c.header), 200, pretty)
	}
	for _, c := range []struct{ line, header string }{
		{"GET /api/v1/flags/a?Pretty", "Accept: application/json"}, {"GET /api/v1/flags/a?x=pretty", "Accept: application/jsonpretty"},
	} {
		if got := send(t, server, c.line, "", c.header); strings.Contains(got.body, "\n") {
			t.Errorf("%s %s: got %s", c.line, c.header, got.body)
		}
	}
	server = serve(t, answering(reply{message: &evaluation.VariantEvaluationResponse{SegmentKeys: []string{"a"}}}), Options{})
	expect(t, "direct", send(t, server, "POST /evaluate/v1/variant?pretty", ""), 200, "{\n  \"segmentKeys\": [\n    \"a\"\n  ]\n}")
	expect(t, "error", send(t, server, "GET /api/v1/nope?pretty", ""), 404, `{"code":5,"message":"Not Found","details":[]}`)
}

func TestRawResponse(t *testing.T) {
	t.Parallel()
	info := answering(reply{message: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(`{"a":"", "b":[0,"<"]}`)}})
	server := serve(t, info, Options{})
	expect(t, "info", send(t, server, "GET /meta/info", ""), 200, `{"a":"", "b":[0,"<"]}`)
	expect(t, "pretty info", send(t, server, "GET /meta/config?pretty", ""), 200, "{\n  \"a\": \"\",\n  \"b\": [\n    0,\n    \"<\"\n  ]\n}")

	file := "version: \"1.4\"\n"
	for _, contentType := range []string{"application/yaml", "text/plain; charset=utf-8"} {
		export := answering(reply{message: &burgeev1.ExportResponse{File: &httpbody.HttpBody{ContentType: contentType, Data: []byte(file)}}})
		server = serve(t, export, Options{})
		for _, line := range []string{"GET /api/v1/export", "GET /api/v1/export?pretty"} {
			got := send(t, server, line, "")
			if got.status != 200 || got.body != file || got.header.Get("Content-Type") != contentType {
				t.Errorf("%s: got %d %q %q", line, got.status, got.body, got.header.Get("Content-Type"))
			}
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1023, 1024, 200_000} {
		data := strings.Repeat("a", size)
		server := serve(t, answering(reply{message: &httpbody.HttpBody{ContentType: "text/plain", Data: []byte(data)}}), Options{})
		for accept, isGzip := range map[string]bool{
			"": false, "gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "gzip; q=1.0": true, "gzip;q=0": false, "gzip;q=0.000, br": false, "identity": false, "gzipped": false, "gzip;q=x": true,
		} {
			headers := []string{"X-A: b"}
			if accept != "" {
				headers = append(headers, "Accept-Encoding: "+accept)
			}
			got := send(t, server, "GET /meta/info", "", headers...)
			isGzip = isGzip && size >= 1024
			var vary []string
			if size >= 1024 {
				vary = []string{"Accept-Encoding"}
			}
			if (got.header.Get("Content-Encoding") == "gzip") != isGzip || !slices.Equal(got.header["Vary"], vary) {
				t.Errorf("%d bytes for %q: got headers %v", size, accept, got.header)
			}
			if isGzip {
				got.body = gunzip(t, got.body)
			}
			if got.body != data || got.header.Get("Content-Type") != "text/plain" {
				t.Errorf("%d bytes for %q: got %d bytes, %v", size, accept, len(got.body), got.header)
			}
		}
	}
}

// TestCompressedOnce holds for a handler whose body is handed through, and for a long error.
func TestCompressedOnce(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 5000)
	server := serve(t, answering(reply{message: &evaluation.BatchEvaluationResponse{RequestId: long}}), Options{})
	got := send(t, server, "POST /evaluate/v1/batch", "", "Accept-Encoding: gzip")
	if want := `{"requestId":"` + long + `","responses":[],"requestDurationMillis":0}`; gunzip(t, got.body) != want {
		t.Errorf("got %q", gunzip(t, got.body))
	}
	got = send(t, server, "POST /api/v1/flags", `{"type":"`+long+`"}`, "Accept-Encoding: gzip")
	if want := `{"code":3,"message":"unknown value \"\\\"` + long + `\\\"\" for enum flipt.FlagType","details":[]}`; got.status != 400 || gunzip(t, got.body) != want {
		t.Errorf("got %d %q", got.status, gunzip(t, got.body))
	}
}

func gunzip(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return string(data)
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	inner := newEdge(t, answering(reply{header: http.Header{
		"X-Request-Id": {"7"}, "Set-Cookie": {"a=1", "b=2"}, "Grpc-Status": {"0"}, "Connect-Extra": {"x"}, "Trailer-X": {"y"}, "Accept-Post": {"z"},
	}}), Options{})
	server := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		inner.ServeHTTP(w, r)
	}))
	for _, line := range []string{"GET /api/v1/flags", "POST /evaluate/v1/batch"} {
		got := send(t, server, line, "", "Accept-Encoding: gzip").header
		got.Del("Date")
		got.Del("Content-Length")
		want := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"7"}, "Set-Cookie": {"a=1", "b=2"}, "X-Content-Type-Options": {"nosniff"}}
		if !equalHeaders(got, want) {
			t.Errorf("%s: got %v, want %v", line, got, want)
		}
	}
}

func TestSnapshotETag(t *testing.T) {
	t.Parallel()
	const tag = "0a1b2c3d"
	b := &backend{answer: func(_ context.Context, c call) reply {
		r := reply{header: http.Header{"X-Etag": {tag}}}
		if c.header.Get("Grpcgateway-If-None-Match") == tag {
			r.header.Set("X-Http-Code", "304")
			return r
		}
		r.message = &evaluation.EvaluationNamespaceSnapshot{Namespace: &evaluation.EvaluationNamespace{Key: "n"}}
		return r
	}}
	server := serve(t, b, Options{})
	const line = "GET /internal/v1/evaluation/snapshot/namespace/n"
	for _, headers := range [][]string{{"X-A: b"}, {"If-None-Match: other"}, {`If-None-Match: "` + tag + `"`}, {"If-None-Match: W/" + tag}, {"If-None-Match: *"}} {
		got := send(t, server, line, "", headers...)
		expect(t, headers[0], got, 200, `{"namespace":{"key":"n"},"flags":[]}`)
		if !slices.Equal(got.header["Etag"], []string{tag}) || got.header["X-Etag"] != nil {
			t.Errorf("%s: got headers %v", headers[0], got.header)
		}
	}
	for _, line := range []string{line, strings.Replace(line, "GET", "HEAD", 1), line + "?pretty"} {
		got := send(t, server, line, "", "If-None-Match: "+tag, "Accept-Encoding: gzip")
		got.header.Del("Date")
		if got.status != 304 || got.body != "" || !equalHeaders(got.header, http.Header{"Etag": {tag}}) {
			t.Errorf("%s: got %d %q %v", line, got.status, got.body, got.header)
		}
	}
}

// TestLargeResponse sends more than any buffer holds by itself.
func TestLargeResponse(t *testing.T) {
	t.Parallel()
	list := &flipt.FlagList{}
	for range 20_000 {
		list.Flags = append(list.Flags, &flipt.Flag{Key: "key", Name: strings.Repeat("n", 200)})
	}
	want, err := Marshal(nil, list)
	if err != nil {
		t.Fatal(err)
	}
	server := serve(t, answering(reply{message: list}), Options{})
	if got := send(t, server, "GET /api/v1/flags", ""); got.body != string(want) {
		t.Errorf("got %d bytes, want %d", len(got.body), len(want))
	}
	if got := gunzip(t, send(t, server, "GET /api/v1/flags", "", "Accept-Encoding: gzip").body); !bytes.Equal([]byte(got), want) {
		t.Errorf("got %d bytes after decompression, want %d", len(got), len(want))
	}
}
