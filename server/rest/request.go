package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
)

const (
	defaultMaxBody = 4 << 20
	// What is allocated for a body on the word of its Content-Length alone.
	maxTrusted  = 64 << 10
	prettyMedia = "application/json+pretty"
)

// translate returns the request that vanguard gets in place of r, and what ends its context.
func (e *edge) translate(ctx context.Context, w http.ResponseWriter, r *http.Request, to *route, path []string) (*http.Request, context.CancelFunc, *connect.Error) {
	for i, s := range to.template {
		if s.variable && !utf8.ValidString(path[i]) {
			return nil, nil, invalid("parsing path parameter %q: %v", s.text, errNotUTF8)
		}
	}
	inner := r.WithContext(ctx)
	inner.Method = to.verb
	inner.URL = &url.URL{Path: to.expand(path)}
	if !to.bodyIsMessage {
		query, err := readQuery(to, r.URL.RawQuery)
		if err != nil {
			return nil, nil, err
		}
		inner.URL.RawQuery = query.Encode()
	}
	timeout, limited, err := grpcTimeout(r.Header.Get("Grpc-Timeout"))
	if err != nil {
		return nil, nil, err
	}
	inner.Header = innerHeader(r.Header)
	inner.Body, inner.ContentLength = http.NoBody, 0
	inner.TransferEncoding = nil
	if to.hasBody {
		body, err := e.readBody(w, r, path[0] == "ofrep")
		if err != nil {
			return nil, nil, err
		}
		inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if contentType := to.contentType(r.Header); contentType != "" {
			inner.Header.Set("Content-Type", contentType)
		}
	}
	cancel := context.CancelFunc(func() {})
	if limited {
		ctx, cancel = context.WithTimeout(ctx, timeout)
		inner = inner.WithContext(ctx)
	}
	return inner, cancel, nil
}

// contentType returns the media type that vanguard shall see: for JSON always the one that it knows.
func (r *route) contentType(h http.Header) string {
	if !r.rawRequest {
		return "application/json"
	}
	contentType := h.Get("Content-Type")
	// Vanguard would take these for rpc protocols.
	if strings.HasPrefix(contentType, "application/grpc") || strings.HasPrefix(contentType, "application/connect") {
		return "application/octet-stream"
	}
	return contentType
}

// innerHeader returns the headers that the handler shall see.
func innerHeader(outer http.Header) http.Header {
	const metadata = "Grpc-Metadata-"
	inner := make(http.Header, len(outer))
	for name, values := range outer {
		if !isReserved(name) && !strings.HasPrefix(name, "Grpcgateway-") {
			inner[name] = values
		}
	}
	if tags := outer["If-None-Match"]; len(tags) > 0 {
		inner["Grpcgateway-If-None-Match"] = tags
	}
	for name, values := range outer {
		name, ok := strings.CutPrefix(name, metadata)
		if ok && name != "" && !isReserved(name) {
			inner[name] = append(inner[name][:len(inner[name]):len(inner[name])], values...)
		}
	}
	return inner
}

// isReserved says whether a request header is for the edge alone: it would mean something else to vanguard or to connect.
func isReserved(name string) bool {
	switch name {
	case "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "If-None-Match",
		"Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "X-Server-Timeout":
		return true
	}
	return strings.HasPrefix(name, "Grpc-") || strings.HasPrefix(name, "Connect-")
}

// readBody returns the body of a request as the codec can take it.
func (e *edge) readBody(w http.ResponseWriter, r *http.Request, ofrep bool) ([]byte, *connect.Error) {
	limit := e.maxBody(r.URL.Path)
	body, err := readBody(w, r, limit)
	switch {
	case !ofrep:
		return body, err
	case err == nil:
		return readContext(body, limit)
	case err.Code() == connect.CodeInvalidArgument:
		SetErrorCode(err, parseError)
	}
	return nil, err
}

// readBody returns the body of a request, decompressed. It holds limit, in bytes, before and after that.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *connect.Error) {
	compressed := false
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		compressed = true
	default:
		return nil, invalid("content encoding %q is not supported: use gzip or none", encoding)
	}
	if r.ContentLength > limit {
		return nil, tooLarge("request body", limit)
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), maxTrusted)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if exceeded := (*http.MaxBytesError)(nil); errors.As(err, &exceeded) {
		return nil, tooLarge("request body", limit)
	}
	if err != nil {
		return nil, invalid("read request body: %v", err)
	}
	if !compressed {
		return body.Bytes(), nil
	}
	return inflate(&body, limit)
}

func inflate(compressed io.Reader, limit int64) ([]byte, *connect.Error) {
	reader, err := gzip.NewReader(compressed)
	if err != nil {
		return nil, invalid("decompress request body: %v", err)
	}
	body, err := io.ReadAll(io.LimitReader(reader, limit+1))
	if err != nil {
		return nil, invalid("decompress request body: %v", err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge("decompressed request body", limit)
	}
	return body, nil
}

func tooLarge(what string, limit int64) *connect.Error {
	return connect.NewError(connect.CodeResourceExhausted, fmt.Errorf("%s exceeds the limit of %d bytes", what, limit))
}

// grpcTimeout reads a timeout as gRPC writes it: a number and a unit. limited says whether there is one; zero is none.
func grpcTimeout(text string) (timeout time.Duration, limited bool, problem *connect.Error) {
	if text == "" {
		return 0, false, nil
	}
	units := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second,
		'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}
	unit := units[text[len(text)-1]]
	count, err := strconv.ParseUint(text[:len(text)-1], 10, 63)
	if err != nil || unit == 0 {
		return 0, false, invalid("invalid grpc-timeout: %s", text)
	}
	if count == 0 {
		return 0, false, nil
	}
	if count > uint64(math.MaxInt64/unit) {
		return math.MaxInt64, true, nil
	}
	return time.Duration(count) * unit, true, nil
}

// wantsPretty says whether a request asks for the indented form of the response.
func wantsPretty(r *http.Request) bool {
	// What of the query can be parsed counts.
	if r.URL.Query().Has("pretty") || isPretty(r.Header.Get("Content-Type")) {
		return true
	}
	for _, line := range r.Header["Accept"] {
		for accepted := range strings.SplitSeq(line, ",") {
			if isPretty(accepted) {
				return true
			}
		}
	}
	return false
}

func isPretty(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	return strings.EqualFold(strings.TrimSpace(media), prettyMedia)
}

// acceptsGzip says whether a client can read gzip.
func acceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for accepted := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(accepted, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			weight, isWeight := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
			quality, err := strconv.ParseFloat(weight, 64)
			return !isWeight || err != nil || quality > 0
		}
	}
	return false
}
