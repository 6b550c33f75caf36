package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	srv := start(t)
	client := srv.overH1()
	want := ok(os.ReadFile("../gen/openapi.yaml"))(t)
	for _, c := range []struct {
		path, kind string
		read       func([]byte, any) error
	}{{"/openapi.yaml", "application/yaml", yaml.Unmarshal}, {"/openapi.json", "application/json", json.Unmarshal}} {
		t.Run(c.path, func(t *testing.T) {
			answer := ok(client.Get(srv.httpURL + c.path))(t)
			body := ok(io.ReadAll(answer.Body))(t)
			if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != c.kind {
				t.Fatalf("%s, %s", answer.Status, answer.Header.Get("Content-Type"))
			}
			if c.kind == "application/yaml" && string(body) != string(want) {
				t.Error("it is not gen/openapi.yaml")
			}
			var description struct{ Paths map[string]map[string]any }
			if err := c.read(body, &description); err != nil {
				t.Fatal(err)
			}
			if description.Paths["/evaluate/v1/variant"]["post"] == nil {
				t.Error("it does not describe POST /evaluate/v1/variant")
			}
			for path, methods := range description.Paths { // each is a path of this server, which an unknown one is not
				if _, get := methods["get"]; get && !strings.Contains(path, "{") && !strings.HasPrefix(path, "/auth/v1/method/github/") { // which is not set up
					answer := ok(client.Get(srv.httpURL + path))(t)
					if answer.Body.Close(); answer.StatusCode == http.StatusNotFound {
						t.Errorf("GET %s is described, but %s", path, answer.Status)
					}
				}
			}
			request := ok(http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+c.path, nil))(t)
			request.Header.Set("If-None-Match", answer.Header.Get("Etag"))
			if again := ok(client.Do(request))(t); again.StatusCode != http.StatusNotModified {
				t.Errorf("asked again with its ETag: %s", again.Status)
			}
			if posted := ok(client.Post(srv.httpURL+c.path, "application/json", strings.NewReader("{}")))(t); posted.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("POST: %s", posted.Status)
			}
		})
	}
}
