package server

import (
	"net/http"
	"unicode/utf8"
)

// Longest texts that a change keeps of its caller, in bytes after decoding.
const (
	maxAuthor    = 256
	maxComment   = 4 << 10
	maxRequestID = 128
)

// checkCaller refuses a change whose caller says more of itself than is kept, or not in UTF-8.
func checkCaller(header http.Header) error {
	for _, one := range []struct {
		name  string
		limit int
	}{{"Burgee-Author", maxAuthor}, {"Burgee-Comment", maxComment}} {
		text := decoded(header.Get(one.name))
		if !utf8.ValidString(text) {
			return invalid("invalid header %s: must be percent-encoded UTF-8", one.name)
		}
		if len(text) > one.limit {
			return invalid("invalid header %s: must not be longer than %d bytes", one.name, one.limit)
		}
	}
	return nil
}

// usableID says whether the id that a caller gave a request can be kept.
func usableID(id string) bool {
	return id != "" && len(id) <= maxRequestID && utf8.ValidString(id)
}
