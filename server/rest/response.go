package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
)

// minCompressed is the least size, in bytes, of a response that is worth compressing.
const minCompressed = 1024

// answer takes what vanguard or a handler writes and sends what the contract wants. It belongs to one request at a time.
type answer struct {
	edge  *edge
	w     http.ResponseWriter
	route *route
	// The request as it came, and as it goes on: with target and held as its parts, and the query, which vanguard clears.
	outer  *http.Request
	inner  http.Request
	target url.URL
	held   heldBody
	query  string
	cancel context.CancelFunc // nil where there is no time limit
	body   bytes.Buffer       // what the body of outer is read into
	// What the request asks for.
	ofrep, pretty bool
	// Of an OFREP evaluation: the flag, if it is of one, and those that fail, if it is of several.
	key  *string
	bulk Bulk
	// What was written. The header is apart from that of w, of which others may have set parts.
	header http.Header
	status int
	ready  Body // in the place of what is written with status 200; mostly nil
	kept   bytes.Buffer
	sent   bool
	done   bool // all of it has returned
}

// Body is the body of a response that is made once and sent often. What its methods return is not changed.
type Body interface {
	// JSON returns the text.
	JSON() ([]byte, error)
	// Gzip returns the text in the format of gzip. It is called where the client reads that.
	Gzip() ([]byte, error)
}

// SetBody makes a body that of the response to the REST request of ctx, in the place of the message that its handler returns,
// which is best empty then. An error is still answered. It says false, and does nothing, for a call that did not come by REST
// and whose answer is the message.
func SetBody(ctx context.Context, body Body) bool {
	a, ok := ctx.Value(answerKey{}).(*answer)
	if ok {
		a.ready = body
	}
	return ok
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write sends a body that comes whole, as those of successes do, and keeps the others until finish.
func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	whole := a.route.direct != nil || first(a.header, "Content-Length") == strconv.Itoa(len(data))
	if a.status == http.StatusOK && whole && a.kept.Len() == 0 {
		a.send(data)
		return len(data), nil
	}
	return a.kept.Write(data)
}

// Flush does nothing, but vanguard insists on it.
func (a *answer) Flush() {}

// finish sends what was kept. It must be called once, after vanguard or the handler has returned.
func (a *answer) finish() {
	if !a.sent {
		a.send(a.kept.Bytes())
	}
}

func (a *answer) send(body []byte) {
	if a.sent {
		return
	}
	switch {
	case a.status == 0:
		a.fail(connect.NewError(connect.CodeInternal, errors.New("internal error")))
	case a.status != http.StatusOK:
		f := a.route.readFailure(a.status, body)
		a.sendFailure(f, a.route.status(f.Code))
	case errors.Is(a.inner.Context().Err(), context.DeadlineExceeded):
		a.fail(connect.NewError(connect.CodeDeadlineExceeded, context.DeadlineExceeded))
	case first(a.header, "X-Http-Code") == strconv.Itoa(http.StatusNotModified):
		a.copyHeader()
		a.w.Header().Del("Content-Type")
		a.sent = true
		a.w.WriteHeader(http.StatusNotModified)
	default:
		if a.ready != nil {
			var err error
			if body, err = a.ready.JSON(); err != nil {
				a.fail(connect.NewError(connect.CodeInternal, err))
				return
			}
		}
		if len(a.bulk.failures) > 0 {
			body = a.bulk.write(body)
		}
		if a.pretty {
			body = a.indent(body)
		} else {
			body = a.bulk.announce(body)
		}
		a.copyHeader()
		a.sendBody(http.StatusOK, body)
	}
}

// fail answers with an error of the edge.
func (a *answer) fail(err *connect.Error) {
	if code := err.Meta().Get(errorCodeHeader); code != "" {
		a.header.Set(errorCodeHeader, code)
	}
	status := httpStatus(err.Code())
	if a.ofrep && err.Code() == connect.CodeResourceExhausted { // here 429 would stop a provider for a while
		status = http.StatusRequestEntityTooLarge
	}
	a.sendFailure(failure{Code: err.Code(), Message: err.Message()}, status)
}

func (a *answer) sendFailure(f failure, status int) {
	a.copyHeader()
	h := a.w.Header()
	h.Set("Content-Type", "application/json")
	body := f.body()
	switch {
	case a.ofrep:
		body = f.ofrepBody(a.key, a.header.Get(errorCodeHeader))
		if status == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	case f.Code == connect.CodeUnauthenticated:
		h.Set("Www-Authenticate", f.Message)
	}
	a.sendBody(status, body)
}

// copyHeader hands on the headers of the handler, but those of the protocols in between.
func (a *answer) copyHeader() {
	h := a.w.Header()
	for name, values := range a.header {
		switch {
		case isInternal(name):
		case h[name] == nil:
			h[name] = values
		default:
			h[name] = append(h[name], values...)
		}
	}
	if tag := a.header["X-Etag"]; len(tag) > 0 {
		h["Etag"] = tag[:1]
	}
}

// isInternal says whether a response header is not for the client.
func isInternal(name string) bool {
	switch name {
	case "Accept-Encoding", "Accept-Post", "Allow", "Content-Encoding", "Content-Length", "Date", "Trailer",
		"Transfer-Encoding", "X-Etag", "X-Http-Code", errorCodeHeader:
		return true
	}
	return strings.HasPrefix(name, "Grpc-") || strings.HasPrefix(name, "Connect-") || strings.HasPrefix(name, "Trailer-")
}

// sendBody writes the response, compressed where that is asked for and worth it. That the client may be gone by now is
// no error of ours.
func (a *answer) sendBody(status int, body []byte) {
	a.sent = true
	h := a.w.Header()
	if len(body) < minCompressed {
		// Of an answer as short as this net/http itself says the length, without room in the map of headers; but not to HEAD.
		if a.outer.Method == http.MethodHead {
			h.Set("Content-Length", strconv.Itoa(len(body)))
		}
		a.w.WriteHeader(status)
		_, _ = a.w.Write(body)
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if !acceptsGzip(a.outer.Header) {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		a.w.WriteHeader(status)
		_, _ = a.w.Write(body)
		return
	}
	h.Set("Content-Encoding", "gzip")
	if a.ready != nil && !a.pretty && status == http.StatusOK {
		if zipped, err := a.ready.Gzip(); err == nil { // otherwise it is done below
			h.Set("Content-Length", strconv.Itoa(len(zipped)))
			a.w.WriteHeader(status)
			_, _ = a.w.Write(zipped)
			return
		}
	}
	h.Del("Content-Length")
	a.w.WriteHeader(status)
	compressor := a.edge.compressors.Get().(*gzip.Writer)
	defer a.edge.compressors.Put(compressor)
	compressor.Reset(a.w)
	_, _ = compressor.Write(body)
	_ = compressor.Close()
}

// indent returns the pretty form of a response: two blanks for each level, and without zero values. What cannot be written
// so stays as it is: a file, for example.
func (a *answer) indent(body []byte) []byte {
	if !a.route.rawResponse && len(a.bulk.failures) == 0 {
		message := a.route.output.New().Interface()
		if err := protojson.Unmarshal(body, message); err != nil {
			return body
		}
		terse, err := protojson.Marshal(message)
		if err != nil {
			return body
		}
		body = a.bulk.announce(terse)
	} else {
		body = a.bulk.announce(body)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "  "); err != nil {
		return body
	}
	return indented.Bytes()
}
