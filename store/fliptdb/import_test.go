package fliptdb_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
	"github.com/burgeehq/burgee/store/fliptdb"
)

// burgee opens a server on a new database; it is closed by the end of the test.
func burgee(t testing.TB) *server.Server {
	t.Helper()
	srv, err := server.Open(t.Context(), server.Settings{Store: store.Settings{Path: filepath.Join(t.TempDir(), "burgee.db")}, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv
}

// imported returns a server that holds the contents.
func imported(t testing.TB, contents *fliptdb.Contents) *server.Server {
	t.Helper()
	srv := burgee(t)
	documents := server.Documents{Namespaces: contents.Namespaces, Segments: contents.Segments, Flags: contents.Flags}
	answer, err := srv.ImportDocuments(t.Context(), store.Author{Method: "test"}, documents, new(burgeev1.ImportRequest))
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range answer.Warnings {
		t.Errorf("warning: %s", warning)
	}
	return srv
}

// answer is what the evaluation endpoints say, or their error.
type answer struct {
	Match, Enabled                        bool
	Reason, VariantKey, VariantAttachment string
	Value, Attachment                     string // of the deprecated endpoint
	SegmentKeys                           []string
	Message                               string // of an error
}

// ask sends JSON to an endpoint of the REST door.
func ask(t testing.TB, srv *server.Server, path string, body any) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, bytes.NewReader(text))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	srv.HTTP().ServeHTTP(recorder, request)
	var got answer
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s answers %d %s: %v", path, recorder.Code, recorder.Body, err)
	}
	return got
}

// variant evaluates a flag for an entity.
func variant(t testing.TB, srv *server.Server, namespace, flag, entity string) answer {
	t.Helper()
	return ask(t, srv, "/evaluate/v1/variant", map[string]any{"namespaceKey": namespace, "flagKey": flag, "entityId": entity, "context": map[string]string{"p": "x"}})
}

// compiled returns the programs of the contents, without a server: each document must have one, and be fit for the store.
func compiled(t testing.TB, contents *fliptdb.Contents) *eval.Snapshot {
	t.Helper()
	var changes []eval.Change
	var documents []proto.Message
	for _, doc := range contents.Segments {
		changes = append(changes, eval.Change{Namespace: doc.Segment.NamespaceKey, Key: doc.Segment.Key, Kind: eval.KindSegment, Segment: doc})
		documents = append(documents, doc)
	}
	for _, doc := range contents.Flags {
		changes = append(changes, eval.Change{Namespace: doc.Flag.NamespaceKey, Key: doc.Flag.Key, Kind: eval.KindFlag, Flag: doc})
		documents = append(documents, doc)
	}
	for _, doc := range documents {
		if _, err := proto.Marshal(doc); err != nil {
			t.Errorf("%v: %v", doc, err)
		}
	}
	snapshot, problems := (*eval.Snapshot)(nil).Apply(changes)
	for _, p := range problems {
		t.Errorf("%s/%s does not compile: %v", p.Namespace, p.Key, p.Err)
	}
	return snapshot
}
