package server_test

import (
	"net/http"
	"slices"
	"testing"
)

// TestCookies asks which answers make a browser forget its session.
func TestCookies(t *testing.T) {
	t.Parallel()
	srv := start(t)
	cleared := []string{"flipt_client_state=; Path=/; Max-Age=0", "flipt_client_token=; Path=/; Max-Age=0"}
	for _, c := range []struct {
		method, path, cookie string
		status               int
		want                 []string
	}{
		{"PUT", "/auth/v1/self/expire", "", 401, cleared},
		{"PUT", "/auth/v1/self/expire/", "flipt_client_token=x", 401, cleared},
		{"GET", "/auth/v1/self", "flipt_client_token=x", 401, cleared},
		{"GET", "/auth/v1/self", "other=x", 401, nil},
		{"GET", "/auth/v1/method", "flipt_client_token=x", 200, nil},
		{"GET", "/api/v1/namespaces", "flipt_client_token=x", 200, nil},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, srv.httpURL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header["Set-Cookie"]; answer.StatusCode != c.status || !slices.Equal(got, c.want) {
			t.Errorf("%s %s with %q: %d %q, want %d %q", c.method, c.path, c.cookie, answer.StatusCode, got, c.status, c.want)
		}
	}
}
