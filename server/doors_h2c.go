package server

//lint:file-ignore SA1019 The design names golang.org/x/net/http2/h2c for the gRPC door; net/http's own unencrypted HTTP/2 costs the same and can replace this file whole.

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// h2cServe makes srv speak HTTP/2 with and without TLS beside HTTP/1.1. Limits come from srv.HTTP2 and srv's timeouts.
//
// ConfigureServer is what makes Shutdown send GOAWAY to connections that h2c took over; Shutdown does not wait for
// them, so whoever drains waits for the listener's connections. Only prior knowledge counts: the Upgrade header of
// HTTP/1.1 is ignored, as a server may, because h2c would read that request's body whole, without a limit.
func h2cServe(srv *http.Server) error {
	h2 := &http2.Server{IdleTimeout: srv.IdleTimeout}
	if err := http2.ConfigureServer(srv, h2); err != nil {
		return err
	}
	buffers := new(sync.Pool)
	plain, preface := srv.Handler, h2c.NewHandler(srv.Handler, h2)
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PRI" && r.ProtoMajor == 2 && r.TLS == nil {
			preface.ServeHTTP(h2cHijacker{w, srv.ReadHeaderTimeout, buffers}, r)
			return
		}
		plain.ServeHTTP(w, r)
	})
	return nil
}

// h2cHijacker hands a connection over once the rest of its preface is there. Without it a client that keeps the rest
// back would hold its connection for ever, as no time limit of net/http survives the hand-over.
type h2cHijacker struct {
	http.ResponseWriter
	limit   time.Duration
	buffers *sync.Pool // of connections
}

// Hijack fails, and closes the connection, if the preface is not whole in time.
func (h h2cHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err = conn.SetReadDeadline(time.Now().Add(h.limit)); err == nil {
		_, err = rw.Peek(len("SM\r\n\r\n"))
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close() // the preface's error tells more
		return nil, nil, fmt.Errorf("read the HTTP/2 preface: %w", err)
	}
	return newCoalescingConn(conn, h.buffers), rw, nil
}
