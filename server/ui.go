package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	urlpath "path"
	"slices"
	"strings"
	"time"
)

// plainPage says what is served where, until a web UI is built into the program.
const plainPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Burgee</title>
<h1>Burgee</h1>
<p>This feature-flag server is running. This program was built without the web UI; everything else is here:</p>
<ul>
<li>the REST API below <code>/api/v1</code>, <code>/evaluate/v1</code>, <code>/ofrep/v1</code> and <code>/internal/v1</code>, see for instance <a href="api/v1/namespaces">/api/v1/namespaces</a>,</li>
<li>its health at <a href="health">/health</a>, its version at <a href="meta/info">/meta/info</a>,</li>
<li>gRPC, gRPC-Web and Connect at the gRPC address.</li>
</ul>
`

// securityHeaders go with every answer of the HTTP door: no page of ours runs anything but its own scripts, stands in a frame, or calls
// elsewhere.
var securityHeaders = http.Header{
	"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types vue"},
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"same-origin"},
	"X-Frame-Options":              {"DENY"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), microphone=(), geolocation=()"},
}

// secured adds the security headers to what next answers.
func secured(next http.Handler) http.Handler {
	names := slices.Sorted(maps.Keys(securityHeaders)) // since walking a map costs more than this
	values := make([][]string, len(names))
	for i, name := range names {
		values[i] = securityHeaders[name][:1:1] // whoever adds to it gets a copy
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		for i, name := range names {
			header[name] = values[i]
		}
		next.ServeHTTP(w, r)
	})
}

// NewUI serves the files of a built web UI: a file if there is one, index.html for the routes of the application, 404 for a
// missing asset. Without files it serves one plain page. Pages get a <base> element that names base, where the browser sees
// the server (see Doors.BasePath): their addresses are relative to that.
//
// Files below assets have names that change with their content, and are kept by browsers for good; everything else is asked for
// again with an ETag. A file that has a neighbour with .br or .gz at the end of its name is sent so to who takes it.
func NewUI(files fs.FS, base string) http.Handler {
	ui := &ui{files: files, page: withBase([]byte(plainPage), base)}
	if files != nil {
		index, err := fs.ReadFile(files, "index.html")
		if err != nil {
			index = nil // every page is 404 then
		}
		ui.page = withBase(index, base)
	}
	ui.tag = etagOf(ui.page)
	return ui
}

// ui is an http.Handler.
type ui struct {
	files fs.FS
	page  []byte // index.html, or the plain page
	tag   string // ETag of page
}

func etagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// ServeHTTP implements http.Handler.
func (u *ui) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(urlpath.Clean("/"+r.URL.Path), "/")
	asset := name == "assets" || strings.HasPrefix(name, "assets/") || !strings.Contains(name, "/") && urlpath.Ext(name) != ""
	switch {
	case asset && u.files != nil && name != "index.html":
		u.serveFile(w, r, name)
	case asset && name != "index.html" || len(u.page) == 0:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Etag", u.tag)
		http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(u.page))
	}
}

func (u *ui) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	if info, err := fs.Stat(u.files, name); err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	packed, encoding := u.packed(name, r.Header.Get("Accept-Encoding"))
	content, err := fs.ReadFile(u.files, packed)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", "no-cache")
	header.Set("Etag", etagOf(content))
	if strings.HasPrefix(name, "assets/") {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if encoding != "" {
		header.Set("Content-Encoding", encoding)
	}
	if kind := mime.TypeByExtension(urlpath.Ext(name)); kind != "" {
		header.Set("Content-Type", kind)
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// packed returns the file to send in the place of a file, and its encoding.
func (u *ui) packed(name, accepted string) (file, encoding string) {
	for _, way := range [...]struct{ encoding, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if !accepts(accepted, way.encoding) {
			continue
		}
		if _, err := fs.Stat(u.files, name+way.suffix); err == nil {
			return name + way.suffix, way.encoding
		}
	}
	return name, ""
}

// accepts says whether the value of Accept-Encoding names an encoding and does not refuse it.
func accepts(accepted, encoding string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(parameters, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

// withBase puts a <base> element first into the head of a page. The base path has nothing to escape.
func withBase(page []byte, base string) []byte {
	const head = "<head>"
	return bytes.Replace(page, []byte(head), []byte(head+`<base href="`+base+`/">`), 1)
}
