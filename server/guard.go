package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"connectrpc.com/connect"
	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"
	"github.com/rs/zerolog"
)

const (
	corsAnyOrigin = "*"
	corsMaxAge    = 300 // seconds a browser may keep a preflight's answer
)

// guardHTTP stands before everything on the REST and UI door. An RPC is told from a REST call by its protocol header.
func (l *Listeners) guardHTTP(next http.Handler, draining *atomic.Bool) http.Handler {
	rpc := connect.NewErrorWriter(connect.WithRequireConnectProtocolHeader())
	next = l.guard(l.http, rpc, next)
	nosniff, noReferrer := []string{"nosniff"}, []string{"no-referrer"} // whoever adds to them gets a copy
	secured := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["X-Content-Type-Options"], header["Referrer-Policy"] = nosniff, noReferrer
		next.ServeHTTP(w, r)
	})
	return guardPanics(secured, draining, l.http.log, func(w http.ResponseWriter, r *http.Request, err error) {
		if rpc.IsSupported(r) {
			_ = rpc.Write(w, r, err) // fails only where the client is gone
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"code":13,"message":"internal error","details":[]}`)
	})
}

// guardGRPC stands before everything on the gRPC door.
func (l *Listeners) guardGRPC(next http.Handler, draining *atomic.Bool) http.Handler {
	rpc := connect.NewErrorWriter()
	return guardPanics(l.guard(l.grpc, rpc, next), draining, l.grpc.log, func(w http.ResponseWriter, r *http.Request, err error) {
		_ = rpc.Write(w, r, err) // fails only where the client is gone
	})
}

// guard refuses foreign hosts (which is what stops DNS rebinding), answers preflights, refuses what other sites' pages
// send, and limits the time that bodies take, in this order.
func (l *Listeners) guard(listener *limitListener, rpc *connect.ErrorWriter, next http.Handler) http.Handler {
	next = limitBodies(l.doors.Limits.BodyTime, next)
	if !slices.Contains(l.origins, corsAnyOrigin) {
		next = guardCrossOrigin(l.origins, next)
	}
	if len(l.origins) > 0 {
		next = guardCORS(l.origins, next)
	}
	if doorIsLocal(listener) || len(l.doors.AllowedHosts) > 0 {
		next = guardHosts(l.doors.AllowedHosts, rpc, next)
	}
	return next
}

// guardHosts answers 403, or permission_denied to an RPC, unless the request names an allowed host.
func guardHosts(allowed []string, rpc *connect.ErrorWriter, next http.Handler) http.Handler {
	names := make(map[string]bool, len(allowed))
	for _, host := range allowed {
		names[guardHostName(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := guardHostName(r.Host)
		if guardLoopback(host) || names[host] {
			next.ServeHTTP(w, r)
			return
		}
		text := fmt.Sprintf("host %.100q is not allowed: call the server as localhost, "+
			"or start it with --allowed-host and the name you use", r.Host)
		if rpc.IsSupported(r) {
			_ = rpc.Write(w, r, connect.NewError(connect.CodePermissionDenied, errors.New(text))) // fails only where the client is gone
			return
		}
		http.Error(w, text, http.StatusForbidden)
	})
}

// guardHostName returns the host of host[:port] in lower case, without brackets and without the dot at its end. It is
// empty for what is no host.
func guardHostName(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		address, rest, closed := strings.Cut(inner, "]")
		if !closed || rest != "" && rest[0] != ':' {
			return ""
		}
		return strings.ToLower(address)
	}
	if name, _, ok := strings.Cut(host, ":"); ok && strings.Count(host, ":") == 1 {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// guardSameHost reports whether host is its own name, with nothing that guardHostName took off but brackets and case.
func guardSameHost(host, name string) bool {
	return strings.EqualFold(host, name) || strings.EqualFold(host, "["+name+"]")
}

// guardLoopback reports whether host, without port and brackets, is localhost or an address of loopback. No name of
// the outer world leads a browser to send one of these.
func guardLoopback(host string) bool {
	if host == "127.0.0.1" || strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// guardCrossOrigin refuses, with 403 and text, what a browser sends for a page of another origin than the trusted.
func guardCrossOrigin(trusted []string, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("server: origin %q passed Doors.Check: %v", origin, err))
		}
	}
	return protection.Handler(next)
}

// guardCORS lets pages of the origins call, by whichever protocol. Preflights end here, always with 200.
func guardCORS(origins []string, next http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{
			http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions,
		},
		AllowedHeaders: append(connectcors.AllowedHeaders(),
			"Accept", "Authorization", "X-API-Key", "X-CSRF-Token", "X-Fern-Language", "X-Fern-SDK-Name", "X-Fern-SDK-Version",
			"X-Flipt-Namespace", "X-Flipt-Environment", "X-Flipt-Accept-Server-Version", "Flagd-Selector",
			"If-Match", "If-None-Match", "Last-Event-ID", "X-Request-Id", "X-Server-Timeout",
			"Traceparent", "Tracestate", "Baggage", "Burgee-Author", "Burgee-Comment"),
		ExposedHeaders:       append(connectcors.ExposedHeaders(), "ETag", "Link", "Retry-After", "X-Request-Id"),
		AllowCredentials:     !slices.Contains(origins, corsAnyOrigin),
		MaxAge:               corsMaxAge,
		OptionsSuccessStatus: http.StatusOK,
	}).Handler(next)
}

// guardPanics logs a panic with its stack and has answer say so to the client, whose connection lives on. If an answer
// was under way it is broken off, so that nobody takes a part for the whole. While draining, answers to HTTP/1 say
// that they are the connection's last.
func guardPanics(next http.Handler, draining *atomic.Bool, log zerolog.Logger, answer func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gw := &guardWriter{ResponseWriter: w}
		if r.ProtoMajor == 1 {
			gw.draining = draining
		} else {
			growStack(0)
		}
		method, path := r.Method, r.URL.Path // handlers may change the request
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			log.Error().Str("method", method).Str("path", path).Str("panic", fmt.Sprint(cause)).
				Str("stack", string(debug.Stack())).Msg("handler panicked")
			if gw.begun {
				panic(http.ErrAbortHandler)
			}
			for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Type", "Cache-Control", "Etag", "Last-Modified", "Trailer"} {
				gw.Header().Del(name)
			}
			answer(gw, r, connect.NewError(connect.CodeInternal, errors.New("internal error")))
		}()
		next.ServeHTTP(gw, r)
	})
}

// guardWriter notices the beginning of an answer. Like every response writer it is for one goroutine at a time.
type guardWriter struct {
	http.ResponseWriter
	draining *atomic.Bool // nil where the protocol has other means
	begun    bool
}

func (w *guardWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	if w.draining != nil && w.draining.Load() {
		w.Header().Set("Connection", "close")
	}
}

// WriteHeader sends the head; 1xx heads are not the answer yet.
func (w *guardWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *guardWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// Flush sends what is buffered; Connect asks for this method by type.
func (w *guardWriter) Flush() {
	w.begin()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // fails only where the client is gone
}

// Unwrap serves http.ResponseController.
func (w *guardWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
