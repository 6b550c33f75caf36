package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzPath calls any path of the gRPC door, as HTTP/2's :path may have it, in every protocol: a fault of the server is
// neither the status of an answer nor of the rpc.
func FuzzPath(f *testing.F) {
	door := start(f).GRPC()
	f.Fuzz(func(t *testing.T, path string) {
		// as net/http reads a :path
		target, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		for _, contentType := range []string{
			"application/grpc", "application/grpc+json", "application/grpc-web+proto", "application/json", "application/proto", "application/connect+json", "text/plain", "",
		} {
			for _, verb := range []string{http.MethodPost, http.MethodGet} {
				request := &http.Request{
					Method: verb, URL: target, RequestURI: path, Host: "burgee", Proto: "HTTP/2.0", ProtoMajor: 2,
					Header: http.Header{"Content-Type": {contentType}, "Te": {"trailers"}}, Body: http.NoBody,
				}
				recorder := httptest.NewRecorder()
				door.ServeHTTP(recorder, request.WithContext(t.Context()))
				answer := recorder.Result()
				status := answer.Header.Get("Grpc-Status") + answer.Trailer.Get("Grpc-Status")
				fault := answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented
				if fault || status == "2" || status == "13" || strings.Contains(recorder.Body.String(), "internal") {
					t.Errorf("%s %q as %q: %d, grpc-status %q, %q", verb, path, contentType, answer.StatusCode, status, recorder.Body)
				}
			}
		}
	})
}
