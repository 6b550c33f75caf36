package server

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// traceEnd is how long the end of the server waits for the last spans to be sent.
const traceEnd = 5 * time.Second

// tracing sends a span of every call to a collector. Without one there is none, and nothing is sent anywhere.
type tracing struct {
	provider    *sdktrace.TracerProvider
	interceptor connect.Interceptor
}

// newTracing takes the base URL of a collector that speaks OTLP over HTTP; spans go to v1/traces below it. Traces that callers
// began are continued.
func newTracing(ctx context.Context, endpoint, version string) (*tracing, error) {
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("--otlp-endpoint %q: want a URL such as http://127.0.0.1:4318", endpoint)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "burgee"), attribute.String("service.version", version))),
	)
	interceptor, err := otelconnect.NewInterceptor(
		otelconnect.WithTracerProvider(provider), otelconnect.WithPropagator(propagation.TraceContext{}),
		otelconnect.WithTrustRemote(), otelconnect.WithoutMetrics())
	if err != nil {
		return nil, fmt.Errorf("build the interceptor for traces: %w", err)
	}
	return &tracing{provider, interceptor}, nil
}

// close sends what is left.
func (t *tracing) close() error {
	if t == nil {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), traceEnd)
	defer done()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
