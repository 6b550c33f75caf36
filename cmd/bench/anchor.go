package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
)

// An anchor is a server of one of the stacks as they come, which evaluates nothing: whatever it is asked, it answers the same, but for
// the key of the flag. Its answers have the shape of burgee's.

// anchorCommand serves one anchor until its standard input ends. The arguments are the server and the file with the answers of
// batches, each behind its length.
func anchorCommand(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: bench anchor SERVER FILE")
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return fmt.Errorf("read answers of batches: %w", err)
	}
	echo := new(echo)
	for file := bytes.NewReader(data); file.Len() > 0; {
		batch := new(evaluation.BatchEvaluationResponse)
		if err := protodelim.UnmarshalFrom(file, batch); err != nil {
			return fmt.Errorf("read answers of batches: %w", err)
		}
		echo.batches = append(echo.batches, batch)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 2)
	go func() { served <- serveAnchor(args[0], echo, listener) }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin) // ends when the conductor does
		served <- err
	}()
	if err := json.NewEncoder(os.Stdout).Encode(listener.Addr().String()); err != nil {
		return err
	}
	return <-served
}

// serveAnchor serves until the listener fails.
func serveAnchor(server string, echo *echo, listener net.Listener) error {
	switch server {
	case connectGo:
		mux := http.NewServeMux()
		mux.Handle(evaluationconnect.NewEvaluationServiceHandler(echo))
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		protocols.SetUnencryptedHTTP2(true)
		return (&http.Server{Handler: mux, Protocols: protocols}).Serve(listener)
	case grpcGo:
		srv := grpc.NewServer()
		srv.RegisterService(&description, echo)
		return srv.Serve(listener)
	case netHTTP:
		mux := http.NewServeMux()
		mux.HandleFunc("POST /evaluate/v1/variant", echoJSON)
		return (&http.Server{Handler: mux}).Serve(listener)
	}
	return fmt.Errorf("no anchor %q", server)
}

// echo is the service of the anchors of Connect and grpc-go.
type echo struct {
	batches []*evaluation.BatchEvaluationResponse // are only read
	asked   atomic.Uint64
}

// What every answer says.
const (
	echoSegment    = "segment-04"
	echoVariant    = "variant-1"
	echoAttachment = `{"color":"#ff8801","label":"Buy now","size":11}`
	echoRequest    = "9a6286d1-1834-4650-a44e-03dcb0e13b36"
	echoMillis     = 0.018915
	echoSeconds    = 1_700_000_000
	echoNanos      = 690_720_170
	echoTime       = "2023-11-14T22:13:20.690720170Z" // the same
)

// Variant implements evaluation.EvaluationService.
func (*echo) Variant(_ context.Context, r *evaluation.EvaluationRequest) (*evaluation.VariantEvaluationResponse, error) {
	return &evaluation.VariantEvaluationResponse{
		Match: true, SegmentKeys: []string{echoSegment}, Reason: evaluation.EvaluationReason_MATCH_EVALUATION_REASON,
		VariantKey: echoVariant, VariantAttachment: echoAttachment, RequestId: echoRequest, RequestDurationMillis: echoMillis,
		Timestamp: &timestamppb.Timestamp{Seconds: echoSeconds, Nanos: echoNanos}, FlagKey: r.FlagKey,
	}, nil
}

// Boolean implements evaluation.EvaluationService.
func (*echo) Boolean(_ context.Context, r *evaluation.EvaluationRequest) (*evaluation.BooleanEvaluationResponse, error) {
	return &evaluation.BooleanEvaluationResponse{
		Enabled: true, Reason: evaluation.EvaluationReason_MATCH_EVALUATION_REASON, RequestId: echoRequest, RequestDurationMillis: echoMillis,
		Timestamp: &timestamppb.Timestamp{Seconds: echoSeconds, Nanos: echoNanos}, FlagKey: r.FlagKey, SegmentKeys: []string{echoSegment},
	}, nil
}

// Batch implements evaluation.EvaluationService. The answers are burgee's, and so have its bytes.
func (e *echo) Batch(context.Context, *evaluation.BatchEvaluationRequest) (*evaluation.BatchEvaluationResponse, error) {
	return e.batches[e.asked.Add(1)%uint64(len(e.batches))], nil
}

// jsonAnswer is a VariantEvaluationResponse for package json.
type jsonAnswer struct {
	Match                 bool     `json:"match"`
	SegmentKeys           []string `json:"segmentKeys"`
	Reason                string   `json:"reason"`
	VariantKey            string   `json:"variantKey"`
	VariantAttachment     string   `json:"variantAttachment"`
	RequestID             string   `json:"requestId"`
	RequestDurationMillis float64  `json:"requestDurationMillis"`
	Timestamp             string   `json:"timestamp"`
	FlagKey               string   `json:"flagKey"`
}

// echoJSON is the handler of the anchor of net/http.
func echoJSON(w http.ResponseWriter, r *http.Request) {
	var ask jsonRequest
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(jsonAnswer{ // an error means that the driver has gone
		Match: true, SegmentKeys: []string{echoSegment}, Reason: "MATCH_EVALUATION_REASON", VariantKey: echoVariant,
		VariantAttachment: echoAttachment, RequestID: echoRequest, RequestDurationMillis: echoMillis, Timestamp: echoTime, FlagKey: ask.FlagKey,
	})
}

// description is what grpc-go's own generator would write of the service.
var description = grpc.ServiceDesc{
	ServiceName: evaluationconnect.EvaluationServiceName,
	HandlerType: (*evaluationconnect.EvaluationServiceHandler)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Variant", Handler: method((*echo).Variant)},
		{MethodName: "Boolean", Handler: method((*echo).Boolean)},
		{MethodName: "Batch", Handler: method((*echo).Batch)},
	},
}

// method is a unary method of grpc-go, without interceptors.
func method[Q, A any](call func(*echo, context.Context, *Q) (*A, error)) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		ask := new(Q)
		if err := decode(ask); err != nil {
			return nil, err
		}
		return call(srv.(*echo), ctx, ask)
	}
}
