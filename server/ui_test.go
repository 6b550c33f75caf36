package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/burgeehq/burgee/server"
)

// TestPlainPage looks at what a program without a web UI answers beside the API.
func TestPlainPage(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, c := range []struct {
		verb, path string
		status     int
		page       bool
	}{
		{http.MethodGet, "/", http.StatusOK, true},
		{http.MethodHead, "/", http.StatusOK, false},
		{http.MethodGet, "/flags/color", http.StatusOK, true},
		{http.MethodGet, "/assets/index.js", http.StatusNotFound, false},
		{http.MethodPost, "/", http.StatusMethodNotAllowed, false},
	} {
		got, body := srv.do(t, ok(http.NewRequestWithContext(t.Context(), c.verb, srv.httpURL+c.path, nil))(t))
		if got.StatusCode != c.status || strings.Contains(string(body), "<h1>Burgee</h1>") != c.page {
			t.Errorf("%s %s: %d %s", c.verb, c.path, got.StatusCode, body)
		}
	}
}

// TestUI serves a build: its files, packed for who takes that, its page for the routes of the application, and nothing for what is
// missing.
func TestUI(t *testing.T) {
	t.Parallel()
	ui := server.NewUI(fstest.MapFS{
		"index.html": {Data: []byte("<head>the page")}, "theme-init.js": {Data: []byte("the theme")},
		"assets/index-1.js": {Data: []byte("the script")}, "assets/index-1.js.br": {Data: []byte("brotli")}, "assets/index-1.js.gz": {Data: []byte("gzip")},
	}, "/flags")
	const page, forever = `200 <head><base href="/flags/">the page`, "public, max-age=31536000, immutable"
	for _, c := range []struct{ path, accept, want, encoding, cache string }{
		{"/", "br", page, "", "no-cache"},
		{"/index.html", "", page, "", "no-cache"},
		{"/ns/default/flags/color", "", page, "", "no-cache"},
		{"/ns/a.b/flags/v1.2", "", page, "", "no-cache"}, // keys of old imports have dots
		{"/theme-init.js", "", "200 the theme", "", "no-cache"},
		{"/assets/index-1.js", "", "200 the script", "", forever},
		{"/assets/index-1.js", "gzip, br;q=0", "200 gzip", "gzip", forever},
		{"/assets/index-1.js", "gzip, BR", "200 brotli", "br", forever},
		{"/assets/index-2.js", "br", "404 404 page not found\n", "", ""},
		{"/assets/", "", "404 404 page not found\n", "", ""},
		{"/favicon.ico", "", "404 404 page not found\n", "", ""},
		{"/../secret.txt", "", "404 404 page not found\n", "", ""},
	} {
		request := httptest.NewRequest(http.MethodGet, c.path, nil)
		request.Header.Set("Accept-Encoding", c.accept)
		answer := httptest.NewRecorder()
		ui.ServeHTTP(answer, request)
		header := answer.Result().Header
		if got := answer.Result().Status[:3] + " " + answer.Body.String(); got != c.want || header.Get("Content-Encoding") != c.encoding || header.Get("Cache-Control") != c.cache {
			t.Errorf("%s for %q: got %q, %q, %q, want %q, %q, %q", c.path, c.accept, got, header.Get("Content-Encoding"), header.Get("Cache-Control"), c.want, c.encoding, c.cache)
		}
		if tag := header.Get("Etag"); tag != "" {
			request.Header.Set("If-None-Match", tag)
			again := httptest.NewRecorder()
			if ui.ServeHTTP(again, request); again.Code != http.StatusNotModified {
				t.Errorf("%s again: %d", c.path, again.Code)
			}
		}
	}
}

// TestSecurityHeaders looks at answers of each kind.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, path := range []string{"/", "/api/v1/namespaces", "/api/v1/nothing", "/health", "/metrics", "/assets/nothing.js"} {
		got, _ := srv.do(t, ok(http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+path, nil))(t))
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
				"manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types vue",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
		} {
			if header := got.Header[name]; len(header) != 1 || header[0] != want {
				t.Errorf("%s of %s: %q, want %q", name, path, header, want)
			}
		}
	}
}

// TestPaths looks at requests that reach no rpc.
func TestPaths(t *testing.T) {
	t.Parallel()
	srv := start(t)
	session{srv.overGRPC(), srv}.open(t)
	const (
		missing = `404 {"code":5,"message":"Not Found","details":[]}`
		wrong   = `501 {"code":12,"message":"Method Not Allowed","details":[]}`
	)
	for _, c := range []struct{ verb, path, body, want string }{
		{http.MethodGet, "/api/v1/nothing", "", missing},
		{http.MethodGet, "/api/v1", "", missing},
		{http.MethodGet, "/API/v1/flags", "", "200 "}, // outside the API, so the page
		{http.MethodGet, "/evaluate/v1/nothing", "", missing},
		{http.MethodGet, "/internal/v1/nothing", "", missing},
		{http.MethodGet, "/meta/nothing", "", missing},
		{http.MethodGet, "/auth/v1/nothing", "", missing},
		{http.MethodPost, "/ofrep/v1/nothing", "{}", `404 {"errorCode":"FLAG_NOT_FOUND","errorDetails":"Not Found"}`},
		{http.MethodGet, "/api/v1/namespaces//flags", "", missing},
		{http.MethodPost, "/api/v1/namespaces//evaluate", "{}", missing},
		{http.MethodPatch, "/api/v1/namespaces/acme/flags/color", "{}", wrong},
		{http.MethodOptions, "/api/v1/namespaces/acme/flags/color", "", wrong},
		{http.MethodGet, "/evaluate/v1/variant", "", wrong},
		{http.MethodHead, "/api/v1/namespaces/acme", "", "200 "},
		{http.MethodHead, "/api/v1/namespaces/nope", "", "404 "},
		{http.MethodPost, "/evaluate/v1/variant", "", `404 {"code":5,"message":"flag \"default\" not found","details":[]}`},
		{http.MethodPost, "/evaluate/v1/variant", "null", `404 {"code":5,"message":"flag \"default\" not found","details":[]}`},
		{http.MethodPost, "/evaluate/v1/variant", `{"context":[]}`, `400 {"code":3,"message":"invalid values for key(s) in json body","details":[]}`},
		{http.MethodPost, "/api/v1/namespaces/acme/flags", `{"key":"x","name":"X","enabled":"true"}`, `400 {"code":3,"message":"invalid values for key(s) in json body","details":[]}`},
		{http.MethodPost, "/api/v1/namespaces/acme/flags", `{"namespaceKey":"default","key":"color","name":"X"}`, `400 {"code":3,"message":"flag \"acme/color\" is not unique","details":[]}`},
		{http.MethodGet, "/api/v1/namespaces/acme/flags?limit=2&limit=1", "", `400 {"code":3,"message":"too many values for field \"limit\": 2, 1","details":[]}`},
	} {
		got, body := srv.do(t, ok(http.NewRequestWithContext(t.Context(), c.verb, srv.httpURL+c.path, strings.NewReader(c.body)))(t))
		line := got.Status[:3] + " " + compact(body)
		if line != c.want && (c.want != "200 " || !strings.HasPrefix(line, c.want)) {
			t.Errorf("%s %s: got %s, want %s", c.verb, c.path, line, c.want)
		}
	}
}

// TestUnknownProcedures asks the gRPC door for what it does not have, in each protocol.
func TestUnknownProcedures(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, path := range []string{"/flipt.Nothing/Nothing", "/flipt.auth.AuthenticationMethodTokenService/CreateToken"} {
		for contentType, want := range map[string]string{
			"application/json": `501 {"code":"unimplemented"`, "application/proto": `501 {"code":"unimplemented"`, "text/plain": "404 404 page not found",
		} {
			request := ok(http.NewRequestWithContext(t.Context(), http.MethodPost, srv.grpcURL+path, strings.NewReader("{}")))(t)
			request.Header.Set("Content-Type", contentType)
			got, body := srv.do(t, request)
			if line := got.Status[:3] + " " + string(body); !strings.HasPrefix(line, want) {
				t.Errorf("%s as %s: got %s, want %s", path, contentType, line, want)
			}
		}
	}
}
