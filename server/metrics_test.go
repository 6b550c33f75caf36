package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// metrics returns the lines of GET /metrics.
func metrics(t *testing.T, r *running) []string {
	t.Helper()
	answer, err := r.overH1().Get(r.httpURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("GET /metrics: %s %q, %v", answer.Status, answer.Header.Get("Content-Type"), err)
	}
	return strings.Split(string(text), "\n")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := start(t)
	ctx := t.Context()
	rest, grpc := r.overREST(), r.overGRPC()
	if _, err := grpc.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{Key: "f", Name: "F", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []clients{rest, rest, grpc} {
		if _, err := c.evaluation.Boolean(ctx, &evaluation.EvaluationRequest{FlagKey: "f"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rest.evaluation.Boolean(ctx, &evaluation.EvaluationRequest{FlagKey: "gone"}); err == nil {
		t.Fatal("a flag that does not exist was evaluated")
	}
	lines := metrics(t, r)
	const boolean = `procedure="/flipt.evaluation.EvaluationService/Boolean"`
	for _, want := range []string{
		`burgee_requests_total{code="ok",door="grpc",` + boolean + `} 1`,
		`burgee_requests_total{code="ok",door="http",` + boolean + `} 2`,
		`burgee_requests_total{code="not_found",door="http",` + boolean + `} 1`,
		`burgee_request_duration_seconds_count{door="http",` + boolean + `} 3`,
		`burgee_revision 2`,
		`burgee_writer_batch_revisions_count 1`,
		`burgee_writer_batch_revisions_bucket{le="1"} 1`,
		`burgee_writes_stopped 0`,
		`burgee_writer_waiting 0`,
		`burgee_watchers 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("/metrics has no line %s", want)
		}
	}
	for _, family := range []string{"go_goroutines ", "process_resident_memory_bytes ", "burgee_wal_bytes "} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, family) }) {
			t.Errorf("/metrics has no %s", family)
		}
	}
}

func TestTraces(t *testing.T) {
	t.Parallel()
	got := make(chan string, 16)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sent := new(v1.ExportTraceServiceRequest)
		if err == nil {
			err = proto.Unmarshal(body, sent)
		}
		if err != nil || r.URL.Path != "/base/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					got <- span.Name
				}
			}
		}
	}))
	defer collector.Close()
	t.Run("calls", func(t *testing.T) {
		r := startWith(t, server.Settings{OTLP: collector.URL + "/base"}, server.Doors{Log: zerolog.Nop()})
		for _, c := range []clients{r.overREST(), r.overGRPC()} {
			if _, err := c.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{}); err != nil {
				t.Fatal(err)
			}
		}
	}) // the end of the server sends what is left
	close(got)
	var names []string
	for name := range got {
		names = append(names, name)
	}
	if want := []string{"flipt.Flipt/ListFlags", "flipt.Flipt/ListFlags"}; !slices.Equal(names, want) {
		t.Errorf("spans %q, want %q", names, want)
	}
}

func TestTraceEndpointRefused(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"127.0.0.1:4318", "ftp://x", "http://", "::"} {
		_, err := server.Open(context.Background(), server.Settings{OTLP: endpoint, Store: store.Settings{Path: filepath.Join(t.TempDir(), "burgee.db")}, Log: zerolog.Nop()})
		if err == nil || !strings.Contains(err.Error(), "--otlp-endpoint") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
