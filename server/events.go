package server

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server/rest"
	"github.com/burgeehq/burgee/store"
)

const (
	// writeTime is how long a stream may take nothing of what is sent to it, and writeSize how much is sent at a time.
	writeTime = 5 * time.Second
	writeSize = 32 << 10
	// retryLeast and retryMost bound the time after which a client comes back to an ended stream, drawn for each so that not all
	// come at once.
	retryLeast = time.Second
	retryMost  = 3 * time.Second
)

// eventType is the media type of server-sent events.
const eventType = "text/event-stream"

// events serves WatchService.Watch as server-sent events: `snapshot`, `revision` and `bookmark`, with the position as their id.
// A part of a snapshot that is not the last has an empty id, so that a client that is cut off there begins anew.
func (s *streams) events(out *streamWriter, r *http.Request, _ []string) error {
	request, err := eventsRequest(r)
	if err != nil {
		return err
	}
	if err := s.interceptor.validator.check(request); err != nil {
		return err
	}
	watcher, err := newWatcher(request)
	if err != nil {
		return err
	}
	if text := r.Header.Get("Last-Event-Id"); text != "" {
		watcher.at, _ = store.ParsePosition(text) // one that cannot be read is one that is not known
	}
	if err := acceptable(r.Header); err != nil {
		return err
	}
	if err := out.beginEvents(r); err != nil {
		return err
	}
	watcher.send = func(m *message) error {
		frame, err := m.event()
		if err != nil {
			return err
		}
		return out.send(frame)
	}
	watcher.alive = out.alive
	err = s.feed.watch(r.Context(), watcher)
	out.bye(err)
	return err
}

// eventsRequest reads the query, whose parameters have the names of the request's fields, in either spelling, or short ones:
// position, namespace (repeated), documents (true or false), bookmarkSeconds.
func eventsRequest(r *http.Request) (*burgeev1.WatchRequest, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("%v", err)
	}
	request := &burgeev1.WatchRequest{Position: query.Get("position"), NamespaceKeys: query["namespace"]}
	if text := query.Get("documents"); text != "" {
		documents, err := strconv.ParseBool(text)
		if err != nil {
			return nil, invalid("invalid field documents: %q is neither true nor false", text)
		}
		request.OmitDocuments = !documents
	}
	if text := query.Get("bookmarkSeconds"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, invalid("invalid field bookmarkSeconds: %q is not a number of seconds", text)
		}
		request.BookmarkSeconds = int32(seconds)
	}
	return request, nil
}

// errNotAcceptable is answered with 406.
var errNotAcceptable = errors.New("this path sends text/event-stream, which the header Accept does not allow")

func acceptable(header http.Header) error {
	if acceptsEvents(header) {
		return nil
	}
	err := connect.NewError(connect.CodeInvalidArgument, errNotAcceptable)
	rest.SetErrorCode(err, generalCode)
	return err
}

// generalCode is the OFREP code of what has none of its own.
const generalCode = "GENERAL"

// acceptsEvents reads Accept (RFC 9110, 12.5.1): the most specific range that fits decides, and without any everything is
// allowed.
func acceptsEvents(header http.Header) bool {
	lines := header.Values("Accept")
	if len(lines) == 0 {
		return true
	}
	accepted, best := false, 0
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			kind, parameters, err := mime.ParseMediaType(item)
			precision := map[string]int{"*/*": 1, "text/*": 2, eventType: 3}[kind]
			if err != nil || precision < best || precision == 0 {
				continue
			}
			quality, err := strconv.ParseFloat(parameters["q"], 64)
			accepted, best = err != nil || quality > 0, precision
		}
	}
	return accepted
}

// event returns the message as a server-sent event, which is written once for all watchers.
func (m *message) event() ([]byte, error) {
	m.once.Do(func() {
		name := eventNames[m.response.Event]
		frame := fmt.Appendf(nil, "id: %s\nevent: %s\ndata: ", m.response.Position, name)
		if frame, m.err = rest.Marshal(frame, m.response); m.err == nil {
			m.frame = append(frame, "\n\n"...)
		}
	})
	return m.frame, m.err
}

// eventNames are the names of the events in streams of server-sent events.
var eventNames = map[burgeev1.WatchEvent]string{
	burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT: "snapshot",
	burgeev1.WatchEvent_WATCH_EVENT_REVISION: "revision",
	burgeev1.WatchEvent_WATCH_EVENT_BOOKMARK: "bookmark",
}

// streamWriter sends the body of a response without end. It belongs to one goroutine.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func newStreamWriter(w http.ResponseWriter) *streamWriter {
	return &streamWriter{w: w, control: http.NewResponseController(w)}
}

// errHead ends the answer to a request that wants only the head of a response.
var errHead = errors.New("a request for the head alone")

// begin sends the head of the response; if that is all, it returns errHead.
func (s *streamWriter) begin(contentType string, r *http.Request) error {
	h := s.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx keeps what it gets
	s.begun = true
	s.w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return errHead
	}
	if err := s.control.Flush(); err != nil {
		return errGone(err)
	}
	return nil
}

// errGone says that a client cannot be reached any more.
func errGone(err error) error {
	return connect.NewError(connect.CodeCanceled, fmt.Errorf("the client takes nothing any more: %w", err))
}

// beginEvents sends the head of a stream of events, and when to come back after its end.
func (s *streamWriter) beginEvents(r *http.Request) error {
	if err := s.begin(eventType, r); err != nil {
		return err
	}
	retry := retryLeast + rand.N(retryMost-retryLeast)
	return s.send(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds()))
}

// send sends a part of the body at once. It fails when the client takes nothing for writeTime. In between no deadline stands:
// over HTTP/2 one that passes ends the stream.
func (s *streamWriter) send(body []byte) error {
	for len(body) > 0 {
		part := body[:min(len(body), writeSize)]
		err := s.control.SetWriteDeadline(time.Now().Add(writeTime))
		if err == nil {
			_, err = s.w.Write(part)
		}
		if err == nil {
			err = s.control.Flush()
		}
		if err != nil {
			return errGone(err)
		}
		body = body[len(part):]
	}
	if err := s.control.SetWriteDeadline(time.Time{}); err != nil {
		return errGone(err)
	}
	return nil
}

// alive sends a comment, which clients skip.
func (s *streamWriter) alive() error { return s.send([]byte(":\n\n")) }

// bye says why the server ends a stream of events.
func (s *streamWriter) bye(reason error) {
	var expected *failure
	if errors.As(reason, &expected) {
		text := bytes.ReplaceAll([]byte(expected.text), []byte("\n"), []byte(" "))
		_ = s.send(fmt.Appendf(nil, ": %s\n\n", text)) // the client may be gone
	}
}

// refuse answers a request that has no stream.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := 0
	if errors.Is(err, errNotAcceptable) {
		status = http.StatusNotAcceptable
	}
	refused, _ := asConnect(err)
	rest.Refuse(w, r, status, refused)
}
