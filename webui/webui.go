// Package webui embeds the build of the web application. It serves nothing itself and imports no other package of ours: package server decides
// what is answered where.
package webui

import (
	"embed"
	"io/fs"
)

// dist holds the committed file .keep, so that this compiles on a fresh clone, and the build in app, which is not committed.
//
//go:embed all:dist
var dist embed.FS

// Files returns the build of the web application, with index.html at its root, or nil if this binary was compiled without one.
func Files() fs.FS {
	app, err := fs.Sub(dist, "dist/app")
	if err != nil {
		return nil // cannot happen: the path is valid
	}
	if _, err := fs.Stat(app, "index.html"); err != nil {
		return nil
	}
	return app
}
