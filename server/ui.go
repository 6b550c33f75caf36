package server

import (
	"bytes"
	"io/fs"
	"net/http"
	urlpath "path"
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

// NewUI serves the files of a built web UI: a file if there is one, index.html for the routes of the application, 404 for a
// missing asset. Without files it serves one plain page. Pages get a <base> element that names base, where the browser sees
// the server (see Doors.BasePath): their addresses are relative to that.
func NewUI(files fs.FS, base string) http.Handler {
	plain := withBase([]byte(plainPage), base)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(urlpath.Clean("/"+r.URL.Path), "/")
		if urlpath.Ext(name) != "" {
			if files == nil {
				http.NotFound(w, r)
				return
			}
			http.ServeFileFS(w, r, files, name)
			return
		}
		if files == nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			_, _ = w.Write(plain) // an error is the client's having left
			return
		}
		index, err := fs.ReadFile(files, "index.html")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(withBase(index, base)))
	})
}

// withBase puts a <base> element first into the head of a page. The base path has nothing to escape.
func withBase(page []byte, base string) []byte {
	const head = "<head>"
	return bytes.Replace(page, []byte(head), []byte(head+`<base href="`+base+`/">`), 1)
}
