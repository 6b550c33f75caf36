package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server"
)

// opened opens a stream that must begin, and closes it when the test ends.
func (s session) opened(t *testing.T, path string, header ...string) *eventsWatching {
	t.Helper()
	w := ok(s.srv.follow(t.Context(), path, header...))(t)
	t.Cleanup(w.close)
	if w.answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(w.answer.Body)
		t.Fatalf("%s: %d %s", path, w.answer.StatusCode, body)
	}
	return w
}

// event returns the next event that is not about the time to come back, which must come first.
func (w *eventsWatching) event(t *testing.T) serverEvent {
	t.Helper()
	e := ok(w.nextEvent())(t)
	if e.retry != "" {
		e = ok(w.nextEvent())(t)
	}
	return e
}

func restSession(t *testing.T, doors server.Doors) session {
	t.Helper()
	doors.Log = zerolog.Nop()
	srv := startWith(t, server.Settings{}, doors)
	return session{srv.overGRPC(), srv}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := restSession(t, server.Doors{BasePath: "/flags", CORSOrigins: []string{"https://app.example"}})
	first := s.srv.Position().String()
	w := s.opened(t, "/api/v1/events", "Origin", "https://app.example")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
		"Access-Control-Allow-Origin": "https://app.example",
	} {
		if got := w.answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if e := ok(w.nextEvent())(t); len(e.retry) != 4 || e.retry < "1000" || e.retry >= "3000" {
		t.Errorf("the stream begins with %+v, want a time from 1 to 3 seconds", e)
	}
	if e := w.event(t); e.name != "snapshot" || e.id != first || strings.Contains(e.data, "\n") {
		t.Errorf("told %+v", e)
	}
	s.revisions(t, 1,
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "f", Name: "F", Description: "two\nlines"}),
		to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{Key: "f", Name: "G"}))
	made, changed := w.event(t), w.event(t)
	if made.name != "revision" || !strings.Contains(made.data, `"documents":[{"namespaceKey":"default","kind":"flag","key":"f","flag":{"flag":{"key":"f",`) {
		t.Errorf("told %+v", made)
	}
	// The header goes before the query, which a browser repeats.
	if e := s.opened(t, "/api/v1/events?position="+first, "Last-Event-Id", made.id).event(t); e != changed {
		t.Errorf("after %s: told %+v, want %+v", made.id, e, changed)
	}
	if e := s.opened(t, "/api/v1/events?position="+first, "Last-Event-Id", "?").event(t); e.name != "snapshot" {
		t.Errorf("after an id that is none: told %+v", e)
	}
	if e := s.opened(t, "/api/v1/events?documents=false&position="+made.id).event(t); !strings.Contains(e.data, `"documents":[]`) || e.id != changed.id {
		t.Errorf("without documents: told %+v", e)
	}
}

func TestStreamsRefused(t *testing.T) {
	t.Parallel()
	s := restSession(t, server.Doors{})
	const refetch, snapshot = "/ofrep/v1/_stream/default/default/events", "/client/v2/environments/default/namespaces/default/stream"
	for _, c := range []struct {
		verb, path, accept string
		status             int
		body               string
	}{
		{"GET", "/api/v1/events", "application/json", 406, `{"code":3,"message":"this path sends text/event-stream, which the header Accept does not allow","details":[]}`},
		{"GET", "/api/v1/events", "text/event-stream;q=0, */*", 406, ""},
		{"GET", "/api/v1/events?position=x", "", 400, `{"code":3,"message":"invalid field position: \"x\" is no position: want 16 hexadecimal digits, a hyphen and a number","details":[]}`},
		{"GET", "/api/v1/events?documents=maybe", "", 400, `{"code":3,"message":"invalid field documents: \"maybe\" is neither true nor false","details":[]}`},
		{"GET", "/api/v1/events?bookmarkSeconds=ten", "", 400, `{"code":3,"message":"invalid field bookmarkSeconds: \"ten\" is not a number of seconds","details":[]}`},
		{"GET", "/api/v1/events?position=%zz", "", 400, ""},
		{"POST", "/api/v1/events", "", 501, `{"code":12,"message":"Method Not Allowed","details":[]}`},
		{"GET", refetch, "application/json", 406, `{"errorCode":"GENERAL","errorDetails":"this path sends text/event-stream, which the header Accept does not allow"}` + "\n"},
		{"GET", strings.Replace(refetch, "default", "prod", 1), "", 404, `{"errorCode":"GENERAL","errorDetails":"environment \"prod\" not found"}` + "\n"},
		{"GET", strings.Replace(snapshot, "default", "prod", 1), "", 404, `{"code":5,"message":"environment \"prod\" not found","details":[]}`},
		{"DELETE", snapshot, "", 501, `{"code":12,"message":"Method Not Allowed","details":[]}`},
		{"HEAD", "/api/v1/events", "", 200, ""},
		{"HEAD", refetch, "text/*", 200, ""},
		{"HEAD", snapshot, "", 200, ""},
	} {
		request := ok(http.NewRequestWithContext(t.Context(), c.verb, s.srv.httpURL+"/", nil))(t)
		path, query, _ := strings.Cut(c.path, "?")
		request.URL.Path, request.URL.RawQuery = path, query
		if c.accept != "" {
			request.Header.Set("Accept", c.accept)
		}
		answer, body := s.srv.do(t, request)
		if answer.StatusCode != c.status || c.body != "" && string(body) != c.body {
			t.Errorf("%s %s for %q: %d %s, want %d %s", c.verb, c.path, c.accept, answer.StatusCode, body, c.status, c.body)
		}
	}
}

// TestRefetches follows the event stream that a bulk evaluation names.
func TestRefetches(t *testing.T) {
	t.Parallel()
	s := restSession(t, server.Doors{BasePath: "/tools/flags"})
	s.open(t)
	bulk := func(namespace, query, known string) (*http.Response, string) {
		t.Helper()
		request := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, s.srv.httpURL+"/ofrep/v1/evaluate/flags"+query, strings.NewReader(`{"context":{"targetingKey":"u"}}`)))(t)
		request.Header.Set(namespaceHeader, namespace)
		request.Header.Set("If-None-Match", known)
		answer, body := s.srv.do(t, request)
		return answer, string(body)
	}
	type named struct {
		EventStreams []struct {
			Type, URL          string
			Endpoint           struct{ Origin, RequestURI string }
			InactivityDelaySec int
		}
	}
	stream := func(body string) string {
		t.Helper()
		var n named
		if err := json.Unmarshal([]byte(body), &n); err != nil || len(n.EventStreams) != 1 || n.EventStreams[0].Type != "sse" ||
			n.EventStreams[0].InactivityDelaySec != 120 || n.EventStreams[0].Endpoint.Origin != "" {
			t.Fatalf("%v: %s", err, body)
		}
		return strings.TrimPrefix(n.EventStreams[0].Endpoint.RequestURI, "/tools/flags")
	}
	answer, body := bulk("acme", "", "")
	path := stream(body)
	if want := "/ofrep/v1/_stream/default/acme/events"; path != want {
		t.Fatalf("%s, want it to be at %s", body, want)
	}
	if _, pretty := bulk("acme", "?pretty", ""); stream(pretty) != path || !strings.Contains(pretty, "\n  \"eventStreams\": [") {
		t.Errorf("pretty: %s", pretty)
	}
	w := s.opened(t, path, "Accept", "text/event-stream")
	at := s.srv.Position()
	first := w.event(t)
	want := serverEvent{id: at.String(), name: "message", data: fmt.Sprintf(`{"type":"refetchEvaluation","etag":"\"%s\"","lastModified":`, at)}
	if !strings.HasPrefix(first.data, want.data) || first.id != want.id || first.name != want.name {
		t.Errorf("told %+v, want %+v", first, want)
	}
	again := s.opened(t, path, "Last-Event-Id", first.id)
	s.revisions(t, 1,
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "elsewhere", Name: "F"}),
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "on", Name: "F", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}))
	second := w.event(t)
	if second.id != s.srv.Position().String() {
		t.Errorf("told %+v, want it of %s", second, s.srv.Position())
	}
	if e := again.event(t); e != second {
		t.Errorf("after %s: told %+v, want %+v", first.id, e, second)
	}
	if e := s.opened(t, path, "Last-Event-Id", first.id).event(t); e != second {
		t.Errorf("after %s: told %+v, want %+v", first.id, e, second)
	}
	refetched, body := bulk("acme", "?flagConfigEtag=%22"+second.id+"%22", answer.Header.Get("Etag"))
	if refetched.StatusCode != http.StatusOK || !strings.Contains(body, `"key":"on"`) {
		t.Errorf("after the event: %d %s", refetched.StatusCode, body)
	}
	if unchanged, _ := bulk("acme", "", refetched.Header.Get("Etag")); unchanged.StatusCode != http.StatusNotModified {
		t.Errorf("without a change: %d", unchanged.StatusCode)
	}
	// a namespace that does not exist yet
	_, body = bulk("new 1", "", "")
	if path = stream(body); path != "/ofrep/v1/_stream/default/new%201/events" {
		t.Errorf("of an odd name: %s", path)
	}
	later := s.opened(t, "/ofrep/v1/_stream/default/later/events")
	if e := later.event(t); e.id != at.Epoch+"-0" {
		t.Errorf("of no namespace: told %+v", e)
	}
	s.revisions(t, 1, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "later", Name: "Later"}))
	if e := later.event(t); e.id != s.srv.Position().String() {
		t.Errorf("of a new namespace: told %+v", e)
	}
}

// TestSnapshotStream wants each line to hold the very snapshot that the polling path answers.
func TestSnapshotStream(t *testing.T) {
	t.Parallel()
	s := restSession(t, server.Doors{})
	made := s.open(t)
	polled := func(namespace, version string) string {
		t.Helper()
		request := ok(http.NewRequestWithContext(t.Context(), http.MethodGet, s.srv.httpURL+"/internal/v1/evaluation/snapshot/namespace/"+namespace, nil))(t)
		request.Header.Set("X-Flipt-Accept-Server-Version", version)
		_, body := s.srv.do(t, request)
		return `{"result":` + string(body) + "}\n"
	}
	type client struct {
		namespace, version string
		lines              *bufio.Reader
	}
	var clients []client
	for _, namespace := range []string{"acme", "nope"} {
		for _, version := range []string{"1.47.0", "1.38.0", ""} {
			w := s.opened(t, "/client/v2/environments/default/namespaces/"+namespace+"/stream", "X-Flipt-Accept-Server-Version", version)
			if got := w.answer.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			clients = append(clients, client{namespace, version, w.body})
		}
	}
	expect := func(namespace string) {
		t.Helper()
		for _, c := range clients {
			if c.namespace != namespace {
				continue
			}
			if got, want := ok(c.lines.ReadString('\n'))(t), polled(c.namespace, c.version); got != want {
				t.Errorf("%s for %q:\n got %s\nwant %s", c.namespace, c.version, got, want)
			}
		}
	}
	expect("acme")
	expect("nope")
	s.revisions(t, 1,
		to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "elsewhere", Name: "F"}),
		to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: true, DefaultVariantId: made.red}))
	expect("acme")
	s.revisions(t, 1, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "nope", Name: "Nope"}))
	expect("nope")
	s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "nope", Key: "f", Name: "F"}))
	expect("nope")
}
