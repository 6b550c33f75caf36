package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// basePath is one segment or more of what no browser, proxy or file system reads as anything but itself. No segment begins
// with a dot.
var basePath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// checkBasePath accepts nothing, and paths such as /flags.
func checkBasePath(base string) error {
	if base != "" && !basePath.MatchString(base) {
		return fmt.Errorf("--base-path %q: want a path such as /flags or /tools/flags: a slash before every name and none at the end, "+
			"names of letters, digits, '-', '_', '~' and '.', which may not come first", base)
	}
	return nil
}

// baseKey is the context key of the base path.
type baseKey struct{}

// baseOf returns what the paths of a request's door begin with; it may be empty.
func baseOf(ctx context.Context) string {
	base, _ := ctx.Value(baseKey{}).(string)
	return base
}

// below serves next under base, which next does not see. What lies elsewhere is a 404 that says where everything is.
func below(base string, next http.Handler) http.Handler {
	if base == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The path as it was sent: base has nothing to escape, and an escaped slash of a key stays one.
		sent := r.URL.EscapedPath()
		rest, inside := strings.CutPrefix(sent, base+"/")
		switch {
		case inside:
			u := *r.URL
			u.RawPath = "/" + rest
			u.Path, _ = url.PathUnescape(u.RawPath) // EscapedPath has no malformed escapes
			inner := r.WithContext(context.WithValue(r.Context(), baseKey{}, base))
			inner.URL = &u
			next.ServeHTTP(w, inner)
		case sent == base && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			to := url.URL{Path: base + "/", RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
		default:
			http.Error(w, "not found: everything is below "+base+"/", http.StatusNotFound)
		}
	})
}
