package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
	"github.com/burgeehq/burgee/server/rest"
	"github.com/burgeehq/burgee/store"
)

// streams serves the responses without end of the REST door, which the edge of REST cannot send.
type streams struct {
	feed        *feed
	interceptor *interceptor

	mu     sync.Mutex
	topics map[topicID]*topic // guarded by mu; those that somebody follows
}

func newStreams(f *feed, i *interceptor) *streams {
	return &streams{feed: f, interceptor: i, topics: make(map[topicID]*topic)}
}

// streamPath is a path that streams are served at. A segment of its template in braces takes any text that is not empty.
type streamPath struct {
	template  string
	procedure string // whose right it asks for
	serve     func(s *streams, out *streamWriter, r *http.Request, variables []string) error
}

// streamPaths are all of them: the events of our own, those of OpenFeature, and what newer Flipt client SDKs follow.
var streamPaths = []streamPath{
	{"/api/v1/events", burgeev1connect.WatchServiceWatchProcedure, (*streams).events},
	{refetchPath, ofrepconnect.OFREPServiceEvaluateBulkProcedure, (*streams).refetches},
	{snapshotPath, evaluationconnect.DataServiceEvaluationSnapshotNamespaceProcedure, (*streams).snapshots},
}

// before serves the paths of streams, and leaves the others to next.
func (s *streams) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
		for _, p := range streamPaths {
			if variables, ok := p.match(path); ok {
				s.answer(w, r, p, variables)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// match returns what a path has in the places of the template's variables.
func (p streamPath) match(path string) ([]string, bool) {
	if fixed, _, _ := strings.Cut(p.template, "{"); !strings.Contains(path, "%") && !strings.HasPrefix(path, fixed) {
		return nil, false // as nearly all do not, this is soon said
	}
	if strings.Count(path, "/") != strings.Count(p.template, "/") {
		return nil, false
	}
	var variables []string
	segments := strings.Split(path, "/")
	for i, want := range strings.Split(p.template, "/") {
		got, err := url.PathUnescape(segments[i])
		switch {
		case err != nil:
			return nil, false
		case strings.HasPrefix(want, "{") && got != "":
			variables = append(variables, got)
		case want != got:
			return nil, false
		}
	}
	return variables, true
}

// answer serves a stream. An error before its beginning is answered, one after it ends it.
func (s *streams) answer(w http.ResponseWriter, r *http.Request, p streamPath, variables []string) {
	start := time.Now()
	out := newStreamWriter(w)
	err := s.serve(out, r, p, variables)
	if errors.Is(err, errHead) {
		return
	}
	if err != nil && !out.begun {
		refuse(w, r, err)
	}
	_ = s.interceptor.settle(r.Context(), p.template, start, err) // the client has its answer
}

func (s *streams) serve(out *streamWriter, r *http.Request, p streamPath, variables []string) error {
	switch {
	case rights[p.procedure] == 0:
		return errDenied()
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return connect.NewError(connect.CodeUnimplemented, errors.New(http.StatusText(http.StatusMethodNotAllowed)))
	case len(variables) > 0 && variables[0] != defaultEnvironment:
		err := connect.NewError(connect.CodeNotFound, fmt.Errorf("environment %q not found", variables[0]))
		rest.SetErrorCode(err, generalCode)
		return err
	}
	return p.serve(s, out, r, variables)
}

// defaultEnvironment is the only one, as in Flipt v1, whose clients name it nevertheless.
const defaultEnvironment = "default"

// topicID names what is told to every stream of a kind.
type topicID struct {
	path      string // template
	namespace string
	class     versionClass
}

// topic is what streams of one kind about one namespace are told, made once for each revision of that.
type topic struct {
	id      topicID
	streams int // guarded by streams.mu

	mu       sync.Mutex
	seen     uint64 // guarded by mu; newest revision of all
	revision uint64 // guarded by mu; newest one of the namespace
	body     []byte // guarded by mu
	err      error  // guarded by mu; why there is no body
}

// newest returns what is told of the newest state that the topic has seen, and the revision of the namespace.
func (t *topic) newest(w *window, body func(*window) ([]byte, error)) ([]byte, uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if number := w.newest().Revision; number > t.seen {
		revision := w.state.NamespaceRevision(t.id.namespace)
		if t.seen == 0 || revision != t.revision {
			t.revision = revision
			t.body, t.err = body(w)
		}
		t.seen = number
	}
	return t.body, t.revision, t.err
}

// topic returns the topic of an id, for one more stream until leave is called.
func (s *streams) topic(id topicID) (_ *topic, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[id]
	if t == nil {
		t = &topic{id: id}
		s.topics[id] = t
	}
	t.streams++
	return t, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.streams--; t.streams == 0 {
			delete(s.topics, id)
		}
	}
}

// follower is a stream about a namespace.
type follower struct {
	topic topicID
	body  func(*window) ([]byte, error) // what is told of a state; shared by all followers of the topic
	knows func(*store.State) bool       // whether the client has what it would be told first; nil for never
	alive func() error                  // sends a sign of life; nil where there is none
}

// follow sends what a namespace is, and again after each revision that changes it, until ctx ends, the server stops or the
// client takes nothing. A client that is slow gets the newest one only.
func (s *streams) follow(ctx context.Context, out *streamWriter, f follower) error {
	leave, stopping := s.feed.join()
	defer leave()
	topic, drop := s.topic(f.topic)
	defer drop()
	silence := time.NewTicker(keepAlive)
	defer silence.Stop()
	var told uint64
	for first := true; ; first = false {
		moved, err := s.tell(out, topic, f, &told, first)
		if err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case <-moved:
				waiting = false
			case <-silence.C:
				if f.alive != nil {
					err = f.alive()
				}
			case <-ctx.Done():
				err = ctx.Err()
			case <-stopping:
				err = errStopping()
			}
			if err != nil {
				return err
			}
		}
	}
}

// tell sends what the newest state is, unless told is its revision, and returns what to wait for.
func (s *streams) tell(out *streamWriter, t *topic, f follower, told *uint64, first bool) (<-chan struct{}, error) {
	window := s.feed.window.Load()
	body, revision, err := t.newest(window, f.body)
	if err != nil {
		return nil, err
	}
	if first && f.knows != nil && f.knows(window.state) {
		*told = revision
		return window.moved, nil
	}
	if !first && *told == revision {
		return window.moved, nil
	}
	*told = revision
	return window.moved, out.send(body)
}

// refetches serves the event stream of OpenFeature: an event whenever a provider has to evaluate again. Its etag names the
// revision of the namespace; that comes back with the evaluation (flagConfigEtag), which here always sees at least that one.
//
// The first event is sent at once, unless the client names the revision that is the newest: between its evaluation and the
// beginning of the stream there may have been a change.
func (s *streams) refetches(out *streamWriter, r *http.Request, variables []string) error {
	if err := acceptable(r.Header); err != nil {
		return err
	}
	if err := out.beginEvents(r); err != nil {
		return err
	}
	namespace, last := variables[1], r.Header.Get("Last-Event-Id")
	err := s.follow(r.Context(), out, follower{
		topic: topicID{path: refetchPath, namespace: namespace},
		body:  func(w *window) ([]byte, error) { return refetchEvent(w, namespace), nil },
		knows: func(state *store.State) bool { return last == refetchID(state, namespace) },
		alive: out.alive,
	})
	out.bye(err)
	return err
}

const (
	refetchPath = "/ofrep/v1/_stream/{environment}/{namespace}/events"
	// refetchInactivity is how many seconds a page may be hidden before it leaves the stream; the protocol's default.
	refetchInactivity = 120
)

// refetchStream tells providers where the changes of a namespace are told. A provider takes of its own address no more than
// the origin, so that the base path is part of what it is told.
func refetchStream(base, namespace string) rest.EventStream {
	path := strings.NewReplacer("{environment}", defaultEnvironment, "{namespace}", url.PathEscape(namespace)).Replace(refetchPath)
	return rest.EventStream{
		Type: "sse", Endpoint: rest.EventStreamEndpoint{RequestURI: base + path}, InactivityDelaySec: refetchInactivity,
	}
}

// refetchID names what a namespace is in a state.
func refetchID(state *store.State, namespace string) string {
	return store.Position{Epoch: state.Position().Epoch, Revision: state.NamespaceRevision(namespace)}.String()
}

// refetchEvent tells providers to evaluate again. When the namespace was changed is said if the window knows.
func refetchEvent(w *window, namespace string) []byte {
	id := refetchID(w.state, namespace)
	data := struct {
		Type         string `json:"type"`
		ETag         string `json:"etag"`
		LastModified int64  `json:"lastModified,omitempty"`
	}{Type: "refetchEvaluation", ETag: `"` + id + `"`}
	if number := w.state.NamespaceRevision(namespace); number > w.base.Revision {
		data.LastModified = w.events[number-w.base.Revision-1].revision.At.GetSeconds()
	}
	text, _ := json.Marshal(data) // strings and a number: cannot fail
	return fmt.Appendf(nil, "id: %s\nevent: message\ndata: %s\n\n", id, text)
}

// snapshots serves the stream of newer Flipt client SDKs: the snapshot of a namespace at once and after each change, a line
// each. Flipt v1 has no such path.
func (s *streams) snapshots(out *streamWriter, r *http.Request, variables []string) error {
	if err := out.begin("application/json", r); err != nil {
		return err
	}
	namespace, class := variables[1], clientClass(r.Header.Get("X-Flipt-Accept-Server-Version"))
	return s.follow(r.Context(), out, follower{
		topic: topicID{path: snapshotPath, namespace: namespace, class: class},
		body: func(w *window) ([]byte, error) {
			line, err := rest.Marshal([]byte(`{"result":`), snapshotOf(w.state, namespace, class))
			return append(line, "}\n"...), err
		},
	})
}

const snapshotPath = "/client/v2/environments/{environment}/namespaces/{namespace}/stream"
