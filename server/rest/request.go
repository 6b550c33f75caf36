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

// translate makes the request that the handler gets, through vanguard or not, in place of the client's.
func (a *answer) translate(path []string) *connect.Error {
	r, to := a.outer, a.route
	for i, s := range to.template {
		if s.variable && !utf8.ValidString(path[i]) {
			return invalid("parsing path parameter %q: %v", s.text, errNotUTF8)
		}
	}
	target := &a.target
	target.Path = to.procedure
	if to.direct == nil {
		target.Path = to.expand(path)
	}
	if !to.bodyIsMessage {
		query, err := readQuery(to, r.URL.RawQuery)
		if err != nil {
			return err
		}
		target.RawQuery = query.Encode()
	}
	timeout, limited, err := grpcTimeout(first(r.Header, "Grpc-Timeout"))
	if err != nil {
		return err
	}
	header := innerHeader(r.Header)
	size, source := 0, io.ReadCloser(http.NoBody)
	if to.hasBody {
		body, err := a.readBody()
		if err != nil {
			return err
		}
		a.held.Reset(body)
		size, source = len(body), &a.held
		if contentType := to.contentType(r.Header); contentType != "" {
			header["Content-Type"] = []string{contentType}
		}
	}
	if to.direct != nil { // as vanguard says it
		header["Connect-Protocol-Version"] = []string{"1"}
	}
	if a.ofrep || to.direct == nil {
		r = r.WithContext(context.WithValue(r.Context(), answerKey{}, a))
	}
	if limited {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		r, a.cancel = r.WithContext(ctx), cancel
	}
	a.inner = *r
	a.inner.Method, a.inner.URL, a.inner.Header = to.verb, target, header
	a.inner.Body, a.inner.ContentLength, a.inner.TransferEncoding = source, int64(size), nil
	return nil
}

// heldBody is a body that is in memory.
type heldBody struct{ bytes.Reader }

// Close does nothing.
func (*heldBody) Close() error { return nil }

// contentType returns the media type that vanguard shall see: for JSON always the one that it knows.
func (r *route) contentType(h http.Header) string {
	if !r.rawRequest {
		return "application/json"
	}
	contentType := first(h, "Content-Type")
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
	hasMetadata := false
	for name, values := range outer {
		if !isReserved(name) && !strings.HasPrefix(name, "Grpcgateway-") {
			inner[name] = values
		}
		hasMetadata = hasMetadata || strings.HasPrefix(name, metadata)
	}
	if tags := outer["If-None-Match"]; len(tags) > 0 {
		inner["Grpcgateway-If-None-Match"] = tags
	}
	if !hasMetadata {
		return inner
	}
	for name, values := range outer {
		name, ok := strings.CutPrefix(name, metadata)
		if ok && name != "" && !isReserved(name) {
			inner[name] = append(inner[name][:len(inner[name]):len(inner[name])], values...)
		}
	}
	return inner
}

// first is h.Get for a name in its canonical form, at a fraction of the cost.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
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

// readBody returns the body of the request as the codec can take it. It is good until release.
func (a *answer) readBody() ([]byte, *connect.Error) {
	limit := a.edge.maxBody(a.outer.URL.Path)
	body, err := a.readText(limit)
	switch {
	case !a.ofrep:
		return body, err
	case err == nil && a.route.direct == nil: // the key is in the path
		return readContext(body, nil, limit, nil)
	case err == nil:
		return readContext(body, a.key, limit, a.body.AvailableBuffer())
	case err.Code() == connect.CodeInvalidArgument:
		SetErrorCode(err, parseError)
	}
	return nil, err
}

// readText returns the body of the request, decompressed. It holds limit, in bytes, before and after that.
func (a *answer) readText(limit int64) ([]byte, *connect.Error) {
	r, compressed := a.outer, false
	switch encoding := strings.ToLower(first(r.Header, "Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		compressed = true
	default:
		return nil, invalid("content encoding %q is not supported: use gzip or none", encoding)
	}
	if r.ContentLength > limit {
		return nil, tooLarge("request body", limit)
	}
	size := int(min(max(r.ContentLength, 0), maxTrusted))
	if a.ofrep {
		size += size // for the context
	}
	a.body.Grow(size + bytes.MinRead)
	source := io.Reader(r.Body)
	if r.ContentLength < 0 { // otherwise it ends there
		source = http.MaxBytesReader(a.w, r.Body, limit)
	}
	_, err := a.body.ReadFrom(source)
	if exceeded := (*http.MaxBytesError)(nil); errors.As(err, &exceeded) || int64(a.body.Len()) > limit {
		return nil, tooLarge("request body", limit)
	}
	if err != nil {
		return nil, invalid("read request body: %v", err)
	}
	if !compressed {
		return a.body.Bytes(), nil
	}
	return inflate(&a.body, limit)
}

// release ends what the request was given, and leaves the answer to another one. The handler has returned.
func (a *answer) release() {
	if a.cancel != nil {
		a.cancel()
	}
	if !a.done { // in a panic, of which nobody knows where it leads
		return
	}
	clear(a.header)
	empty := answer{edge: a.edge, header: a.header}
	if a.body.Cap() <= maxTrusted {
		a.body.Reset()
		empty.body = a.body
	}
	*a = empty
	a.edge.answers.Put(a)
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
	if r.URL.RawQuery != "" && r.URL.Query().Has("pretty") || isPretty(first(r.Header, "Content-Type")) {
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
			if !isWeight {
				return true
			}
			quality, err := strconv.ParseFloat(weight, 64)
			return err != nil || quality > 0
		}
	}
	return false
}
