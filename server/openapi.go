package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/burgeehq/burgee/gen"
)

// openAPI serves the description of the REST API at /openapi.yaml and /openapi.json: of exactly the server that runs.
type openAPI struct {
	json func() ([]byte, error) // written when it is asked for first
}

func newOpenAPI() *openAPI {
	return &openAPI{json: sync.OnceValues(func() ([]byte, error) {
		var description any
		if err := yaml.Unmarshal([]byte(gen.OpenAPI), &description); err != nil {
			return nil, err
		}
		return json.Marshal(description)
	})}
}

// ServeHTTP implements http.Handler.
func (o *openAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, kind := []byte(gen.OpenAPI), "application/yaml"
	if strings.HasSuffix(r.URL.Path, ".json") {
		var err error
		if body, err = o.json(); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		kind = "application/json"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("Etag", etagOf(body))
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(body)))
}
