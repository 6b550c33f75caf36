package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
)

type evaluator struct {
	evaluationconnect.UnimplementedEvaluationServiceHandler
}

func (evaluator) Variant(_ context.Context, r *evaluation.EvaluationRequest) (*evaluation.VariantEvaluationResponse, error) {
	return &evaluation.VariantEvaluationResponse{
		Match: true, SegmentKeys: []string{"vip"}, Reason: evaluation.EvaluationReason_MATCH_EVALUATION_REASON, VariantKey: "blue",
		RequestId: "11111111-2222-3333-4444-555555555555", RequestDurationMillis: 0.25, Timestamp: timestamppb.Now(), FlagKey: r.FlagKey,
	}, nil
}

type flags struct {
	fliptconnect.UnimplementedFliptHandler
}

func (flags) GetFlag(_ context.Context, r *flipt.GetFlagRequest) (*flipt.Flag, error) {
	return &flipt.Flag{Key: r.Key, NamespaceKey: r.NamespaceKey, CreatedAt: timestamppb.Now(), UpdatedAt: timestamppb.Now()}, nil
}

// discard is a response writer that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) Flush()                      {}

type remote struct {
	ofrepconnect.UnimplementedOFREPServiceHandler
}

func (remote) EvaluateFlag(_ context.Context, r *ofrep.EvaluateFlagRequest) (*ofrep.EvaluatedFlag, error) {
	return &ofrep.EvaluatedFlag{
		Key: r.Key, Reason: ofrep.EvaluateReason_TARGETING_MATCH, Variant: "blue", Metadata: new(structpb.Struct), Value: structpb.NewStringValue("blue"),
	}, nil
}

func benchmark(b *testing.B, line, target, body string, direct bool) {
	ofrepPath, ofrepHandler := ofrepconnect.NewOFREPServiceHandler(remote{}, HandlerOptions()...)
	path, handler := evaluationconnect.NewEvaluationServiceHandler(evaluator{}, HandlerOptions()...)
	flagPath, flagHandler := fliptconnect.NewFliptHandler(flags{}, HandlerOptions()...)
	h, err := New([]Service{{path, handler}, {flagPath, flagHandler}, {ofrepPath, ofrepHandler}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	if direct {
		h = handler
	}
	request := httptest.NewRequest(line, target, nil)
	request.Header.Set("Content-Type", "application/json")
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		w.status = http.StatusOK
		request.Body = io.NopCloser(bytes.NewReader([]byte(body)))
		request.ContentLength = int64(len(body))
		h.ServeHTTP(w, request)
		if w.status != http.StatusOK {
			b.Fatalf("got %d", w.status)
		}
	}
}

const variantBody = `{"namespaceKey":"acme","flagKey":"color","entityId":"u1","context":{"tier":"gold","country":"DE","plan":"pro"}}`

// BenchmarkRESTVariant is the whole way of the busiest request but for the connection and the evaluation.
func BenchmarkRESTVariant(b *testing.B) {
	benchmark(b, "POST", "/evaluate/v1/variant", variantBody, false)
}

// BenchmarkConnectVariant is the same without the edge: what is left of it above is what the edge costs.
func BenchmarkConnectVariant(b *testing.B) {
	benchmark(b, "POST", evaluationconnect.EvaluationServiceVariantProcedure, variantBody, true)
}

// BenchmarkRESTRemote is an OFREP evaluation, whose context becomes one of strings.
func BenchmarkRESTRemote(b *testing.B) {
	benchmark(b, "POST", "/ofrep/v1/evaluate/flags/color", `{"context":{"targetingKey":"u1","tier":"gold","age":42,"beta":true}}`, false)
}

// BenchmarkRESTGetFlag is a request with path variables, which vanguard decodes.
func BenchmarkRESTGetFlag(b *testing.B) {
	benchmark(b, "GET", "/api/v1/namespaces/acme/flags/color", "", false)
}
