package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// everyWatch runs a test over every way to watch, each time on a new server.
func everyWatch(t *testing.T, test func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching)) {
	t.Helper()
	for _, p := range watchProtocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			test(t, session{srv.overGRPC(), srv}, func(r *burgeev1.WatchRequest) watching {
				t.Helper()
				w := ok(p.open(t.Context(), srv, r))(t)
				t.Cleanup(w.close)
				return w
			})
		})
	}
}

// told says an event in a line: `revision 3 +flag acme/color`, `snapshot first last 2: namespace default, …`, `bookmark 4`.
func told(t testing.TB, w watching) string {
	t.Helper()
	m, err := w.next()
	if err != nil {
		t.Fatal(err)
	}
	return line(m)
}

func line(m *burgeev1.WatchResponse) string {
	_, number, _ := strings.Cut(m.Position, "-")
	var documents []string
	for _, d := range m.Documents {
		documents = append(documents, strings.TrimSuffix(fmt.Sprintf("%s %s/%s", d.Kind, d.NamespaceKey, d.Key), "/"+d.NamespaceKey))
	}
	switch m.Event {
	case burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT:
		text := "snapshot"
		if m.First {
			text += " first"
		}
		if m.Last {
			text += " last"
		}
		return text + " " + number + ": " + strings.Join(documents, ", ")
	case burgeev1.WatchEvent_WATCH_EVENT_REVISION:
		text := "revision " + number
		for i, c := range m.Revision.Changes {
			text += fmt.Sprintf(" %c%s %s/%s", " +~-"[c.Action], c.Kind, c.NamespaceKey, c.Key)
			if len(m.Documents) > 0 && (m.Documents[i].Key != c.Key || (m.Documents[i].Document == nil) != (c.Action == burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED)) {
				text += " but " + documents[i]
			}
		}
		if len(m.Documents) == 0 {
			text += " without documents"
		}
		return text
	}
	return "bookmark " + number
}

func expectTold(t testing.TB, w watching, want ...string) {
	t.Helper()
	for _, want := range want {
		if got := told(t, w); got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		w := watch(new(burgeev1.WatchRequest))
		first := ok(w.next())(t)
		if got, want := line(first), "snapshot first last 1: namespace default"; got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
		s.revisions(t, 1,
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "f", Name: "F"}),
			to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "acme", Name: "Acme"}))
		expectTold(t, w, "revision 2 +flag default/f", "revision 3 +namespace acme/acme")
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{Key: "f", Name: "G"}))
		m := ok(w.next())(t)
		if got := m.Documents[0].GetFlag(); line(m) != "revision 4 ~flag default/f" || got.GetFlag().Name != "G" || got.Revision != 4 ||
			got.Etag != fmt.Sprintf(`"%.8s-4"`, m.Position) || m.Revision.Method != "/flipt.Flipt/UpdateFlag" || m.Revision.ChangeCount != 1 {
			t.Errorf("told %v", m)
		}
		s.revisions(t, 1, to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{Key: "f"}))
		expectTold(t, w, "revision 5 -flag default/f")
		expectTold(t, watch(&burgeev1.WatchRequest{Position: first.Position}), "revision 2 +flag default/f",
			"revision 3 +namespace acme/acme", "revision 4 ~flag default/f", "revision 5 -flag default/f")
		expectTold(t, watch(&burgeev1.WatchRequest{Position: s.srv.Position().String()}), "bookmark 5")
		expectTold(t, watch(&burgeev1.WatchRequest{OmitDocuments: true}), "snapshot first last 5: ")
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "f", Name: "F"}))
		expectTold(t, w, "revision 6 +flag default/f")
	})
}

// TestWatchUnknown begins at positions that this history does not have.
func TestWatchUnknown(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		at := s.srv.Position()
		for _, position := range []string{
			"0123456789abcdef-1", "0123456789abcdef-0", "0123456789abcdef-99", at.Epoch + "-2", at.Epoch + "-0", at.Epoch + "-18446744073709551615",
		} {
			w := watch(&burgeev1.WatchRequest{Position: position})
			if got, want := told(t, w), "snapshot first last 1: namespace default"; got != want {
				t.Errorf("from %s: told %q, want %q", position, got, want)
			}
		}
	})
}

func TestWatchNamespaces(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		s.open(t)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "f", Name: "F"}))
		w := watch(&burgeev1.WatchRequest{NamespaceKeys: []string{"acme", "nope"}, BookmarkSeconds: 1})
		now := s.srv.Position().Revision
		expectTold(t, w, fmt.Sprintf("snapshot first last %d: namespace acme, segment acme/vip, segment acme/de, flag acme/color, flag acme/beta", now))
		s.revisions(t, 1, to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{Key: "f"}))
		expectTold(t, w, fmt.Sprintf("bookmark %d", now+1), fmt.Sprintf("bookmark %d", now+1))
		s.revisions(t, 1, to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "beta"}))
		m := ok(w.next())(t)
		for m.Event == burgeev1.WatchEvent_WATCH_EVENT_BOOKMARK { // one may have come in between
			m = ok(w.next())(t)
		}
		if got, want := line(m), fmt.Sprintf("revision %d -flag acme/beta", now+2); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// TestWatchPart watches one of two namespaces that a revision changes.
func TestWatchPart(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		both, one, bare := watch(&burgeev1.WatchRequest{NamespaceKeys: []string{"default", "acme"}}),
			watch(&burgeev1.WatchRequest{NamespaceKeys: []string{"acme"}}),
			watch(&burgeev1.WatchRequest{NamespaceKeys: []string{"acme"}, OmitDocuments: true})
		expectTold(t, both, "snapshot first last 1: namespace default")
		expectTold(t, one, "snapshot first last 1: ")
		expectTold(t, bare, "snapshot first last 1: ")
		importFile(t, s.srv, "namespace: default\nflags:\n- {key: a, name: A}\n---\nnamespace: {key: acme, name: Acme}\nflags:\n- {key: b, name: B}\n")
		expectTold(t, both, "revision 2 +flag acme/b +namespace acme/acme +flag default/a")
		expectTold(t, one, "revision 2 +flag acme/b +namespace acme/acme")
		expectTold(t, bare, "revision 2 +flag acme/b +namespace acme/acme without documents")
	})
}

// TestWatchParts sends a snapshot that is too large for one message.
func TestWatchParts(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		const flags = 120
		importFile(t, s.srv, largeFile(flags, 20_000))
		fresh := watch(new(burgeev1.WatchRequest))
		var keys []string
		for part := 0; ; part++ {
			m := ok(fresh.next())(t)
			size := 0
			for _, d := range m.Documents {
				keys = append(keys, d.Key)
				size += len(d.GetFlag().GetFlag().GetDescription())
			}
			if m.First != (part == 0) || m.Last != (m.Position != "") || size > 1<<20 {
				t.Fatalf("part %d: %d bytes, %s", part, size, line(m))
			}
			if m.Last {
				if part < 2 {
					t.Errorf("%d parts", part+1)
				}
				break
			}
		}
		if len(keys) != flags+1 || !slices.IsSorted(keys[1:]) || keys[1] != "f000" {
			t.Errorf("the snapshot holds %d documents: %s", len(keys), keys)
		}
	})
}

// TestWatchTooLarge makes a revision that no client takes as one message.
func TestWatchTooLarge(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		w := watch(&burgeev1.WatchRequest{BookmarkSeconds: 3600}) // none on a slow machine either
		expectTold(t, w, "snapshot first last 1: namespace default")
		importFile(t, s.srv, largeFile(40, 100_000))
		documents := 0
		for first := true; ; first = false {
			m := ok(w.next())(t)
			if m.Event != burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT || m.First != first {
				t.Fatalf("told %s", line(m))
			}
			if documents += len(m.Documents); m.Last {
				break
			}
		}
		if documents != 41 {
			t.Errorf("%d documents, want 41", documents)
		}
		s.revisions(t, 1, to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{Key: "f000"}))
		expectTold(t, w, "revision 3 -flag default/f000")
	})
}

// TestWatchEnds stops the server under open streams.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	for _, p := range watchProtocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv, stop := startStoppable(t, "")
			w := ok(p.open(t.Context(), srv, new(burgeev1.WatchRequest)))(t)
			defer w.close()
			expectTold(t, w, "snapshot first last 1: namespace default")
			ended := make(chan error, 1)
			go func() {
				_, err := w.next()
				ended <- err
			}()
			begin := time.Now()
			stop()
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("the server takes %s to stop", took)
			}
			err := <-ended
			if refused := (*connect.Error)(nil); errors.As(err, &refused) {
				if refused.Code() != connect.CodeUnavailable || refused.Message() != "server is stopping" {
					t.Errorf("the stream ends with %v", err)
				}
			} else if !errors.Is(err, io.EOF) || p.name != "events" {
				t.Errorf("the stream ends with %v", err)
			}
		})
	}
}

func TestWatchRefused(t *testing.T) {
	t.Parallel()
	for _, p := range watchProtocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			for _, c := range []struct {
				request *burgeev1.WatchRequest
				want    string
			}{
				{&burgeev1.WatchRequest{Position: "17"}, `invalid field position: "17" is no position: want 16 hexadecimal digits, a hyphen and a number`},
				{&burgeev1.WatchRequest{BookmarkSeconds: -1}, "invalid field bookmarkSeconds"},
				{&burgeev1.WatchRequest{NamespaceKeys: make([]string, 101)}, "invalid field namespaceKeys"},
			} {
				w, err := p.open(t.Context(), srv, c.request)
				if err == nil {
					defer w.close()
					_, err = w.next()
				}
				if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `\"`, `"`), c.want) {
					t.Errorf("%q: %v", c.want, err)
				}
				if refused := (*connect.Error)(nil); errors.As(err, &refused) && refused.Code() != connect.CodeInvalidArgument {
					t.Errorf("%q: %v", c.want, err)
				}
			}
		})
	}
}

// TestWatchLeft wants nothing to be left of streams whose clients have gone.
func TestWatchLeft(t *testing.T) {
	t.Parallel()
	everyWatch(t, func(t *testing.T, s session, watch func(*burgeev1.WatchRequest) watching) {
		for range 3 {
			w := watch(new(burgeev1.WatchRequest))
			expectTold(t, w, "snapshot first last "+fmt.Sprint(s.srv.Position().Revision)+": namespace default")
			if n := s.srv.Watchers(); n != 1 {
				t.Fatalf("%d watchers, want 1", n)
			}
			w.close()
			until(t, "the stream to end", func() bool { return s.srv.Watchers() == 0 })
		}
	})
}

// until waits for something that a client cannot see.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// importFile imports a features file.
func importFile(t testing.TB, srv *running, file string) {
	t.Helper()
	request := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, srv.httpURL+"/api/v1/import", strings.NewReader(file)))(t)
	request.Header.Set("Content-Type", "application/yaml")
	if answer, body := srv.do(t, request); answer.StatusCode != http.StatusOK {
		t.Fatalf("import: %d %s", answer.StatusCode, body)
	}
}

// largeFile is a features file of flags with long descriptions.
func largeFile(flags, length int) string {
	var file strings.Builder
	file.WriteString("flags:\n")
	for i := range flags {
		fmt.Fprintf(&file, "- {key: f%03d, name: F, description: %s}\n", i, strings.Repeat("x", length))
	}
	return file.String()
}
