package server

import (
	"net/http"
	"strings"
)

// clearing wraps the REST door so that a browser forgets its session where the contract says so (auth.md 2 and 4.2): always
// after PUT /auth/v1/self/expire, and when an /auth/v1 path answers 401 to a request that carried the token's cookie.
func clearing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/auth/v1/") {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodPut && strings.TrimSuffix(r.URL.Path, "/") == "/auth/v1/self/expire" {
			clearCookies(w.Header())
		} else if _, err := r.Cookie(tokenCookie); err == nil {
			w = &clearingWriter{w}
		}
		next.ServeHTTP(w, r)
	})
}

const (
	stateCookie = "flipt_client_state"
	tokenCookie = "flipt_client_token"
)

func clearCookies(header http.Header) {
	for _, name := range []string{stateCookie, tokenCookie} {
		header.Add("Set-Cookie", (&http.Cookie{Name: name, Path: "/", MaxAge: -1}).String())
	}
}

// clearingWriter clears the cookies when the answer is a 401.
type clearingWriter struct {
	http.ResponseWriter
}

func (w *clearingWriter) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		clearCookies(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the writer beneath.
func (w *clearingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
