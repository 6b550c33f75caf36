package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		info := ok(s.meta.GetInfo(t.Context(), new(emptypb.Empty)))(t)
		checkMembers(t, "info", info.Data, "version", "goVersion", "updateAvailable", "isRelease", "os", "arch",
			"authentication.required", "storage.type", "analytics", "ui.theme")
		config := ok(s.meta.GetConfiguration(t.Context(), new(emptypb.Empty)))(t)
		checkMembers(t, "configuration", config.Data, "log.level", "log.encoding", "ui.enabled", "ui.defaultTheme", "authentication.required",
			"authentication.methods.token.Method", "authentication.methods.token.enabled", "authentication.methods.github.enabled",
			"authentication.methods.oidc.enabled", "authentication.methods.kubernetes.enabled", "authentication.methods.jwt.enabled",
			"audit.sinks", "cache.enabled", "cors.enabled", "cors.allowedOrigins", "server.protocol", "server.host", "server.httpPort",
			"server.grpcPort", "storage.type", "db.protocol", "tracing.enabled")
		if info.ContentType != "application/json" || config.ContentType != "application/json" {
			t.Errorf("content types %q and %q", info.ContentType, config.ContentType)
		}
	})
}

// checkMembers wants members, named by their paths, in JSON without blanks.
func checkMembers(t *testing.T, what string, text []byte, paths ...string) {
	t.Helper()
	if compact(text) != string(text) {
		t.Errorf("%s has blanks: %s", what, text)
	}
	for _, path := range paths {
		var at any
		if err := json.Unmarshal(text, &at); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for name := range strings.SplitSeq(path, ".") {
			member, found := at.(map[string]any)[name]
			if !found {
				t.Fatalf("%s lacks %s: %s", what, path, text)
			}
			at = member
		}
	}
}

func TestMetadataValues(t *testing.T) {
	t.Parallel()
	srv := start(t)
	get := func(path string, into any) {
		t.Helper()
		answer, body := srv.do(t, ok(http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+path, nil))(t))
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %v", path, answer.StatusCode, answer.Header)
		}
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatal(err)
		}
	}
	var info struct {
		Version   string
		IsRelease bool
		Storage   struct{ Type string }
	}
	get("/meta/info", &info)
	if info.Version != "v0.0.0-test" || info.IsRelease || info.Storage.Type != "database" {
		t.Errorf("info %+v", info)
	}
	var config struct {
		Log    struct{ Level, Encoding string }
		Server struct {
			Protocol, Host     string
			HTTPPort, GRPCPort int
		}
		Authentication struct{ Required bool }
	}
	get("/meta/config", &config)
	if s := config.Server; s.Protocol != "http" || s.Host != "127.0.0.1" || s.HTTPPort != 8080 || s.GRPCPort != 9000 {
		t.Errorf("server %+v", s)
	}
	if config.Log.Level != "ERROR" || config.Log.Encoding != "json" || config.Authentication.Required {
		t.Errorf("configuration %+v", config)
	}
}
