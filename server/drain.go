package server

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	// drainTicks of drainTick each pass between the beginning of the drain and the closing of anything, at least, so
	// that what clients sent before is accepted and read: a connection counts as idle until its request is read, and
	// one in the kernel's queue is reset with the socket. One long wait would not do: a machine that stands still for
	// its length lets the wait end before the requests are read.
	drainTicks = 10
	drainTick  = 10 * time.Millisecond
	// drainRound is how often the connections that are left are told again.
	drainRound = 100 * time.Millisecond

	doorSendPing    = 15 * time.Second // silence on an HTTP/2 connection before we ask whether its client lives
	doorPingTimeout = 5 * time.Second  // how long it may take to say so
)

// errDoorsClosed is the cause of the context of a request that was still running when the drain gave up on it.
var errDoorsClosed = errors.New("the server is shutting down")

// door is one listener and the server behind it.
type door struct {
	flag     string
	secure   bool // TLS
	listener *limitListener
	server   *http.Server
}

// Serve serves httpHandler (HTTP/1.1, and HTTP/2 under TLS) and grpcHandler (HTTP/2 and HTTP/1.1) until ctx ends, then
// drains and returns nil. It may be called once, and both listeners are closed when it returns. An error means that a
// listener broke; the other one is drained then too.
//
// ready is told true once both listeners are served, and false when the drain begins: then the server goes on for
// DrainDelay, stops accepting, tells its clients (Connection: close, GOAWAY), and waits for the requests in flight.
// What has not ended after DrainTime has its context cancelled and its connection closed. Handlers of streams without
// end should therefore end them when ready says false. ready is called from the goroutine of Serve.
func (l *Listeners) Serve(ctx context.Context, httpHandler, grpcHandler http.Handler, ready func(bool)) error {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var draining atomic.Bool
	doors := []*door{
		l.door(base, httpDoor, l.http, l.guardHTTP(below(l.doors.BasePath, httpHandler), &draining)),
		l.door(base, grpcDoor, l.grpc, l.guardGRPC(grpcHandler, &draining)),
	}
	if err := h2cServe(doors[1].server); err != nil {
		return errors.Join(fmt.Errorf("configure HTTP/2: %w", err), l.Close())
	}

	broken := make(chan error, len(doors))
	var loops sync.WaitGroup
	for _, d := range doors {
		loops.Go(func() { broken <- d.serve() })
	}
	ready(true)
	var err error
	delay := l.doors.DrainDelay
	select {
	case <-ctx.Done():
	case err = <-broken:
		delay = 0
	}
	draining.Store(true)
	ready(false)
	doorWait(delay)
	for range drainTicks {
		doorWait(drainTick)
	}
	for _, d := range doors {
		d.listener.stop()
	}
	loops.Wait() // from here on every accepted connection is known to its server
	limit, done := context.WithTimeout(context.Background(), l.doors.Limits.DrainTime)
	defer done()
	var finished sync.WaitGroup
	for _, d := range doors {
		finished.Go(func() { d.drain(limit, cancel) })
	}
	finished.Wait()
	return err
}

// doorWait lets time pass.
func doorWait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func (l *Listeners) door(base context.Context, name doorName, listener *limitListener, handler http.Handler) *door {
	limits := l.doors.Limits
	return &door{flag: "--" + name.String(), secure: l.tls != nil, listener: listener, server: &http.Server{
		Handler:           handler,
		TLSConfig:         l.tls.Clone(),
		ReadHeaderTimeout: limits.HeaderTime,
		IdleTimeout:       limits.IdleTime,
		MaxHeaderBytes:    limits.HeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: limits.Streams,
			SendPingTimeout:      doorSendPing,
			PingTimeout:          doorPingTimeout,
			WriteByteTimeout:     limits.WriteStall,
		},
		BaseContext: func(net.Listener) context.Context { return withDoor(base, name) },
		ErrorLog:    stdlog.New(doorLog{listener.log}, "", 0),
	}}
}

// serve accepts until the listener is stopped, which is no error.
func (d *door) serve() error {
	serve := d.server.Serve
	if d.secure {
		serve = func(l net.Listener) error { return d.server.ServeTLS(l, "", "") }
	}
	if err := serve(d.listener); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s %s: %w", d.flag, d.listener.Addr(), err)
	}
	return nil
}

// drain closes idle connections and waits for the others until limit ends. Then it cancels the requests and cuts them.
//
// Shutdown is called again and again: a connection that was in the middle of its HTTP/2 preface during one call is
// told to go away by the next. It knows nothing of connections that h2c took over, so their end, which is after the
// last byte of their answers, is seen at the listener.
func (d *door) drain(limit context.Context, cancel context.CancelCauseFunc) {
	gone := make(chan struct{})
	go func() {
		d.listener.conns.Wait()
		close(gone)
	}()
	for {
		round, done := context.WithTimeout(limit, drainRound)
		_ = d.server.Shutdown(round) // its error only says that connections are left
		select {
		case <-gone:
			done()
			return
		case <-round.Done():
			done()
		}
		if limit.Err() != nil {
			break
		}
	}
	cancel(errDoorsClosed)
	if n := d.listener.cut(); n > 0 {
		d.listener.log.Warn().Int("connections", n).Msg("connections cut, their requests did not end in time")
	}
}

// doorLog hands the lines of net/http's logger on at debug level: they are about single clients.
type doorLog struct{ log zerolog.Logger }

// Write logs one line.
func (d doorLog) Write(line []byte) (int, error) {
	d.log.Debug().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}
