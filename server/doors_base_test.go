package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server"
)

// TestBasePathServesEverything runs a session below a base path, over every protocol on both doors.
func TestBasePathServesEverything(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := startWith(t, server.Settings{}, server.Doors{BasePath: "/tools/flags"})
			s := session{p.over(srv), srv}
			s.open(t)
			ok(s.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "tools", Name: "Named like a segment of the base"}))(t)
			if got := ok(s.evaluation.Variant(t.Context(), about("color", "someone", "tier", "gold")))(t); !got.Match {
				t.Errorf("variant %v", got)
			}
			s.refuse(t, refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "nope"}), notFound(`flag "acme/nope" not found`)})
		})
	}
}

func TestBasePath(t *testing.T) {
	t.Parallel()
	srv := startWith(t, server.Settings{}, server.Doors{BasePath: "/flags"})
	root := strings.TrimSuffix(srv.httpURL, "/flags")
	const outside = "404 not found: everything is below /flags/\n"
	for _, c := range []struct{ verb, path, header, want string }{
		{http.MethodGet, "/flags/health", "", `200 {"status":"SERVING"}`},
		{http.MethodGet, "/flags/meta/info", "", `200 {"version":"v0.0.0-test"`},
		{http.MethodGet, "/flags/api/v1/namespaces/default", "", `200 {"key":"default"`},
		{http.MethodGet, "/flags/api/v1/namespaces/default/", "", `200 {"key":"default"`},
		{http.MethodGet, "/flags/api/v1/namespaces/default/flags/a%2Fb", "", `404 {"code":5,"message":"flag \"default/a/b\" not found"`},
		{http.MethodGet, "/flags/api/v1/nothing", "", `404 {"code":5,"message":"Not Found"`},
		{http.MethodGet, "/flags/", "", "200 <!doctype html>"},
		{http.MethodGet, "/flags/ns/default/flags", "", "200 <!doctype html>"},
		{http.MethodGet, "/flags/assets/index.js", "", "404 404 page not found\n"},
		{http.MethodPost, "/flags/", "", "405 method not allowed\n"},

		{http.MethodGet, "/flags", "", "307 /flags/"},
		{http.MethodHead, "/flags", "", "307 /flags/"},
		{http.MethodGet, "/flags?q=1&r=%2F", "", "307 /flags/?q=1&r=%2F"},
		{http.MethodPost, "/flags", "", outside},

		{http.MethodGet, "/", "", outside},
		{http.MethodGet, "/health", "", outside},
		{http.MethodGet, "/api/v1/namespaces", "", outside},
		{http.MethodPost, "/evaluate/v1/boolean", "", outside},
		{http.MethodPost, "/flipt.Flipt/ListFlags", "", outside},
		{http.MethodGet, "/flagship", "", outside},
		{http.MethodGet, "/FLAGS/health", "", outside},
		{http.MethodGet, "/flags%2Fhealth", "", outside},
		{http.MethodGet, "//flags/health", "", outside},
		{http.MethodGet, "/x/../flags/health", "", outside},

		// the guards stand before the base path
		{http.MethodGet, "/flags/health", "Host: flags.example.com", `403 host "flags.example.com" is not allowed`},
		{http.MethodGet, "/health", "Host: flags.example.com", `403 host "flags.example.com" is not allowed`},
		{http.MethodPost, "/flags/evaluate/v1/boolean", "Sec-Fetch-Site: cross-site", "403 cross-origin request"},
		{http.MethodPost, "/flags/evaluate/v1/boolean", "Origin: https://elsewhere.example", "403 cross-origin request"},
	} {
		request := ok(http.NewRequestWithContext(t.Context(), c.verb, root, nil))(t)
		request.URL.Opaque, _, _ = strings.Cut(c.path, "?") // as it is, nothing cleaned
		if strings.HasPrefix(c.path, "//") {
			request.URL.Opaque = root + c.path
		}
		_, request.URL.RawQuery, _ = strings.Cut(c.path, "?")
		if name, value, found := strings.Cut(c.header, ": "); found {
			request.Header.Set(name, value)
			request.Host = request.Header.Get("Host")
		}
		answer, err := srv.h1.RoundTrip(request) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		text := string(body)
		if to := answer.Header.Get("Location"); to != "" {
			text = to
		}
		if got := fmt.Sprint(answer.StatusCode, " ", text); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s %s: got %s, want %s", c.verb, c.path, c.header, got, c.want)
		}
	}
}

// TestBasePathOfPages follows the links of the page, from deep below it.
func TestBasePathOfPages(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "/flags", "/tools/flags"} {
		srv := startWith(t, server.Settings{}, server.Doors{BasePath: base})
		_, page := srv.do(t, ok(http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+"/ns/default/flags/color", nil))(t))
		if !strings.Contains(string(page), `<head><base href="`+base+`/">`) {
			t.Errorf("base path %q: the page says otherwise: %s", base, page)
		}
		for _, link := range []string{"health", "meta/info", "api/v1/namespaces"} {
			if !strings.Contains(string(page), `href="`+link+`"`) {
				t.Errorf("base path %q: no link to %s in %s", base, link, page)
			}
			answer, _ := srv.do(t, ok(http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+"/"+link, nil))(t))
			if answer.StatusCode != http.StatusOK {
				t.Errorf("base path %q: the link to %s leads to %s", base, link, answer.Status)
			}
		}
	}
}

func TestBasePathThatCannotBe(t *testing.T) {
	t.Parallel()
	for base, good := range map[string]bool{
		"": true, "/flags": true, "/tools/flags": true, "/a-b_c~d.e/9": true,
		"/": false, "flags": false, "/flags/": false, "//flags": false, "/tools//flags": false, "/..": false, "/tools/../flags": false, "/.": false,
		"/.hidden": false, "/fl ags": false, "/fl%20ags": false, "/flags?x": false, "/flags#x": false, `/fl"ags`: false, "/fl<ags": false,
		"/flägs": false, "/flags\n": false, "http://host/flags": false, "/flags;x": false, "/{flags}": false,
	} {
		err := server.Doors{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", BasePath: base}.Check()
		if good && err != nil || !good && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("--base-path %q: want a path such as /flags", base))) {
			t.Errorf("base path %q: %v", base, err)
		}
	}
}
