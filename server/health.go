package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// health answers grpc.health.v1.Health and GET /health. The server as a whole has a state, its services have none of their
// own.
type health struct {
	db *database

	mu      sync.Mutex
	serving bool          // guarded by mu
	changed chan struct{} // guarded by mu; closed and replaced when serving changes
}

func newHealth(db *database) *health { return &health{db: db, changed: make(chan struct{})} }

// set says whether requests are welcome.
func (h *health) set(serving bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.serving != serving {
		h.serving = serving
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// status returns the state and a channel that is closed when it changes.
func (h *health) status() (grpchealth.Status, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.serving {
		return grpchealth.StatusServing, h.changed
	}
	return grpchealth.StatusNotServing, h.changed
}

// Check implements grpchealth.Checker.
func (h *health) Check(_ context.Context, r *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if r.Service != "" {
		return nil, errUnknownService()
	}
	status, _ := h.status()
	return &grpchealth.CheckResponse{Status: status}, nil
}

func errUnknownService() error {
	return connect.NewError(connect.CodeNotFound, errors.New("unknown service"))
}

// healthWatch is what grpchealth leaves out.
const healthWatch = "/" + grpchealth.HealthV1ServiceName + "/Watch"

// watch sends the state and each change of it, and ends when the server stops. Its messages have one field each, a string
// and an enum, which are the wrappers of a string and an int32 on the wire.
func (h *health) watch(ctx context.Context, r *connect.Request[wrapperspb.StringValue], s *connect.ServerStream[wrapperspb.Int32Value]) error {
	if r.Msg.Value != "" {
		return errUnknownService()
	}
	for {
		status, changed := h.status()
		if err := s.Send(wrapperspb.Int32(int32(status))); err != nil {
			return err
		}
		if status == grpchealth.StatusNotServing {
			return connect.NewError(connect.CodeUnavailable, errors.New("the server is not serving"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// ServeHTTP answers GET /health. Evaluation goes on when writes have stopped, so that is said beside the state.
func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = w.Write([]byte(`{"code":12,"message":"Method Not Allowed","details":[]}`))
		return
	}
	if r.URL.Query().Get("service") != "" {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":5,"message":"unknown service","details":[]}`))
		return
	}
	answer := struct {
		Status string `json:"status"`
		Writes string `json:"writes,omitempty"`
	}{Status: "SERVING"}
	if status, _ := h.status(); status != grpchealth.StatusServing {
		answer.Status = "NOT_SERVING"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := h.db.Health(); err != nil {
		answer.Writes = err.Error()
	}
	_ = json.NewEncoder(w).Encode(answer) // an error is the client's having left
}
