package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/gen/flipt"
)

// TestUncleanPath calls paths that http.ServeMux would answer with a redirect to another path: they are as unknown as any other.
func TestUncleanPath(t *testing.T) {
	t.Parallel()
	srv := start(t)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h1, h2 := &http.Client{Transport: srv.h1, CheckRedirect: stay}, &http.Client{Transport: srv.h2, CheckRedirect: stay}
	conn := stranger(t, srv)
	for _, path := range []string{
		"//flipt.Flipt/ListFlags", "///flipt.Flipt/ListFlags", "/flipt.Flipt//ListFlags", "/./flipt.Flipt/ListFlags", "/flipt.Flipt/./ListFlags",
		"/flipt.Flipt/../flipt.Flipt/ListFlags", "/flipt.Flipt/../x", "/flipt.Flipt/ListFlags/..", "/flipt.Flipt", "/grpc.health.v1.Health", "/..",
	} {
		for _, c := range []struct {
			client                    *http.Client
			contentType, status, body string
		}{
			{h2, "application/grpc", "200 12", ""},
			{h2, "application/grpc+json", "200 12", ""},
			{h1, "application/grpc-web+proto", "200 12", ""},
			{h2, "application/proto", "501 ", `{"code":"unimplemented"`},
			{h1, "application/json", "501 ", `{"code":"unimplemented"`},
			{h1, "text/plain", "404 ", "404 page not found"},
		} {
			request := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, srv.grpcURL+path, http.NoBody))(t)
			request.Header.Set("Content-Type", c.contentType)
			request.Header.Set("Te", "trailers")
			answer := ok(c.client.Do(request))(t)
			body := ok(io.ReadAll(answer.Body))(t)
			_ = answer.Body.Close()
			got := fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Grpc-Status")+answer.Trailer.Get("Grpc-Status"))
			if got != c.status || !strings.HasPrefix(string(body), c.body) || answer.Header.Get("Location") != "" {
				t.Errorf("%s as %s: got %s to %q %s, want %s %s", path, c.contentType, got, answer.Header.Get("Location"), body, c.status, c.body)
			}
		}
		err := conn.Invoke(t.Context(), path, new(flipt.ListFlagRequest), new(flipt.FlagList))
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: grpc-go says %v", path, err)
		}
		_, err = connect.NewClient[emptypb.Empty, emptypb.Empty](h1, srv.grpcURL+path).CallUnary(t.Context(), connect.NewRequest(new(emptypb.Empty)))
		if connect.CodeOf(err) != connect.CodeUnimplemented {
			t.Errorf("%s: Connect says %v", path, err)
		}
	}
}
