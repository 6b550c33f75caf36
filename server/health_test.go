package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func TestHealthOverHTTP(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, c := range []struct {
		verb, path string
		status     int
		body       string
	}{
		{http.MethodGet, "/health", http.StatusOK, "{\"status\":\"SERVING\"}\n"},
		{http.MethodGet, "/health?service=", http.StatusOK, "{\"status\":\"SERVING\"}\n"},
		{http.MethodHead, "/health", http.StatusOK, ""},
		{http.MethodGet, "/health?service=flipt.Flipt", http.StatusNotFound, `{"code":5,"message":"unknown service","details":[]}`},
		{http.MethodPost, "/health", http.StatusNotImplemented, `{"code":12,"message":"Method Not Allowed","details":[]}`},
	} {
		got, body := srv.do(t, ok(http.NewRequestWithContext(t.Context(), c.verb, srv.httpURL+c.path, nil))(t))
		if got.StatusCode != c.status || string(body) != c.body || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %q, want %d %q", c.verb, c.path, got.StatusCode, body, c.status, c.body)
		}
	}
	srv.Ready(false)
	got, body := srv.do(t, ok(http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+"/health", nil))(t))
	if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), `"NOT_SERVING"`) {
		t.Errorf("not ready: %d %s", got.StatusCode, body)
	}
}

func TestHealthOverGRPC(t *testing.T) {
	t.Parallel()
	srv := start(t)
	client := grpc_health_v1.NewHealthClient(stranger(t, srv))
	ctx := t.Context()
	checked := ok(client.Check(ctx, new(grpc_health_v1.HealthCheckRequest)))(t)
	if checked.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("status %v", checked.Status)
	}
	_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "flipt.Flipt"})
	if got := status.Convert(err); got.Code() != codes.NotFound || got.Message() != "unknown service" {
		t.Errorf("another service: %v", err)
	}
}

func TestHealthWatch(t *testing.T) {
	t.Parallel()
	srv := start(t)
	client := grpc_health_v1.NewHealthClient(stranger(t, srv))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := ok(client.Watch(ctx, new(grpc_health_v1.HealthCheckRequest)))(t)
	if got := ok(watch.Recv())(t); got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("first status %v", got.Status)
	}
	left := ok(client.Watch(ctx, new(grpc_health_v1.HealthCheckRequest)))(t)
	ok(left.Recv())(t)
	unknown := ok(client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "x"}))(t)
	if _, err := unknown.Recv(); status.Code(err) != codes.NotFound {
		t.Errorf("another service: %v", err)
	}
	srv.Ready(false)
	if got := ok(watch.Recv())(t); got.Status != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("status %v after the server stopped serving", got.Status)
	}
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the watch ends with %v", err)
	}
	ok(left.Recv())(t)
	cancel()
	if _, err := left.Recv(); err == nil {
		t.Error("a watch that was given up goes on")
	}
}
