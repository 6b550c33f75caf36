package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protojson"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// watching is an open stream of events.
type watching interface {
	// next returns the next event, or why there is none.
	next() (*burgeev1.WatchResponse, error)
	close()
}

// watchProtocol is a way to watch.
type watchProtocol struct {
	name string
	open func(context.Context, *running, *burgeev1.WatchRequest) (watching, error)
}

// watchProtocols are all of them.
var watchProtocols = []watchProtocol{
	{"gRPC", overRPC(func(r *running) (*http.Client, string) { return r.overH2(), r.grpcURL }, connect.WithGRPC())},
	{"gRPC-Web", overRPC(func(r *running) (*http.Client, string) { return r.overH1(), r.grpcURL }, connect.WithGRPCWeb())},
	{"Connect", overRPC(func(r *running) (*http.Client, string) { return r.overH2(), r.grpcURL })},
	{"Connect JSON on the REST door", overRPC(func(r *running) (*http.Client, string) { return r.overH1(), r.httpURL }, connect.WithProtoJSON())},
	{"events", openEvents},
}

// rpcWatching is a stream of any protocol of rpcs.
type rpcWatching struct {
	stream *connect.ServerStreamForClient[burgeev1.WatchResponse]
	cancel context.CancelFunc
}

func overRPC(door func(*running) (*http.Client, string), options ...connect.ClientOption) func(context.Context, *running, *burgeev1.WatchRequest) (watching, error) {
	return func(ctx context.Context, r *running, request *burgeev1.WatchRequest) (watching, error) {
		client, address := door(r)
		ctx, cancel := context.WithCancel(ctx)
		stream, err := burgeev1connect.NewWatchServiceClient(client, address, options...).Watch(ctx, request)
		if err != nil {
			cancel()
			return nil, err
		}
		return &rpcWatching{stream, cancel}, nil
	}
}

func (w *rpcWatching) next() (*burgeev1.WatchResponse, error) {
	if !w.stream.Receive() {
		if err := w.stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	return w.stream.Msg(), nil
}

func (w *rpcWatching) close() {
	w.cancel()
	_ = w.stream.Close() // its error is the cancellation
}

// serverEvent is one event of a stream of server-sent events, or a comment.
type serverEvent struct {
	id, name, data, comment, retry string
	identified                     bool // whether it has an id, be it empty
}

// eventsWatching is a stream of server-sent events.
type eventsWatching struct {
	answer *http.Response
	body   *bufio.Reader
	cancel context.CancelFunc
}

// follow opens a stream at a path of the REST door; every other text is a header's name, the next one its value.
func (r *running) follow(ctx context.Context, path string, header ...string) (*eventsWatching, error) {
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.httpURL+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := r.h1.RoundTrip(request)
	if err != nil {
		cancel()
		return nil, err
	}
	return &eventsWatching{answer, bufio.NewReader(answer.Body), cancel}, nil
}

// nextEvent returns what comes up to the next empty line.
func (w *eventsWatching) nextEvent() (serverEvent, error) {
	var e serverEvent
	for {
		line, err := w.body.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n":
			return e, nil
		case name == "id":
			e.id, e.identified = value, true
		case name == "event":
			e.name = value
		case name == "data":
			e.data = value
		case name == "retry":
			e.retry = value
		case name == "":
			e.comment = ":" + value
		default:
			return e, fmt.Errorf("a line that no client understands: %q", line)
		}
	}
}

func (w *eventsWatching) close() {
	w.cancel()
	_ = w.answer.Body.Close() // the client has seen enough
}

func openEvents(ctx context.Context, r *running, request *burgeev1.WatchRequest) (watching, error) {
	query := url.Values{"namespace": request.NamespaceKeys}
	if request.Position != "" {
		query.Set("position", request.Position)
	}
	if request.OmitDocuments {
		query.Set("documents", "false")
	}
	if request.BookmarkSeconds != 0 {
		query.Set("bookmarkSeconds", fmt.Sprint(request.BookmarkSeconds))
	}
	w, err := r.follow(ctx, "/api/v1/events?"+query.Encode(), "Accept", "text/event-stream")
	if err != nil {
		return nil, err
	}
	if w.answer.StatusCode != http.StatusOK {
		defer w.close()
		body, _ := io.ReadAll(w.answer.Body)
		return nil, fmt.Errorf("%d %s", w.answer.StatusCode, body)
	}
	return w, nil
}

var eventNames = map[string]burgeev1.WatchEvent{
	"snapshot": burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT, "revision": burgeev1.WatchEvent_WATCH_EVENT_REVISION,
	"bookmark": burgeev1.WatchEvent_WATCH_EVENT_BOOKMARK,
}

// next skips comments and times, and wants the event to be what its message says.
func (w *eventsWatching) next() (*burgeev1.WatchResponse, error) {
	for {
		e, err := w.nextEvent()
		if err != nil {
			return nil, err
		}
		if e.name == "" {
			continue
		}
		message := new(burgeev1.WatchResponse)
		if err := protojson.Unmarshal([]byte(e.data), message); err != nil {
			return nil, err
		}
		if message.Event != eventNames[e.name] || message.Position != e.id || !e.identified {
			return nil, fmt.Errorf("event %q with id %q holds %v at %q", e.name, e.id, message.Event, message.Position)
		}
		return message, nil
	}
}

// startStoppable opens a server like startAt, which stop stops before the end of the test, once.
func startStoppable(t testing.TB, path string) (_ *running, stop func()) {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "burgee.db")
	}
	srv, err := server.Open(t.Context(), server.Settings{Store: store.Settings{Path: path}, Log: zerolog.Nop(), UI: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := server.Doors{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Log: zerolog.Nop()}.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- listeners.Serve(ctx, srv.HTTP(), srv.GRPC(), srv.Ready) }()
	r := &running{srv, "http://" + listeners.HTTPAddr(), "http://" + listeners.GRPCAddr(), new(http.Transport), h2c()}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		r.h1.CloseIdleConnections()
		r.h2.CloseIdleConnections()
		cancel()
		if err := errors.Join(<-done, srv.Close()); err != nil {
			t.Error("stop:", err)
		}
	}
	t.Cleanup(stop)
	return r, stop
}
