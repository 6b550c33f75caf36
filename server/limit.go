package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
)

// DoorLimits bounds what clients may hold of one listener. A zero field means its default.
type DoorLimits struct {
	// Connections is how many are open at a time on each listener (10,000). Further ones are not refused: they wait
	// in the kernel's queue until one is closed, and the log says so.
	Connections int
	// Streams is how many requests one HTTP/2 connection may have open (250).
	Streams int
	// HeaderBytes bounds the head of a request (64 KiB); a longer one is answered with 431.
	HeaderBytes int
	// HeaderTime bounds the time from the opening of a connection, or from the first byte of a later request, to the
	// end of the request's head (5 s). The TLS handshake has as long for itself.
	HeaderTime time.Duration
	// BodyTime bounds the time until a request's body is read, or its first message where the body is a stream of
	// messages (30 s). A stream may then stay open for as long as it likes.
	BodyTime time.Duration
	// IdleTime is how long a connection without a request is kept (120 s).
	IdleTime time.Duration
	// WriteStall is how long a client may take nothing of what is sent to it before its connection is closed (10 s).
	WriteStall time.Duration
	// DrainTime bounds the shutdown, from the last accepted connection on; what is open then is cut (20 s).
	DrainTime time.Duration
}

func (d DoorLimits) orDefault() DoorLimits {
	return DoorLimits{
		Connections: limitOr(d.Connections, 10_000),
		Streams:     limitOr(d.Streams, 250),
		HeaderBytes: limitOr(d.HeaderBytes, 64<<10),
		HeaderTime:  limitOr(d.HeaderTime, 5*time.Second),
		BodyTime:    limitOr(d.BodyTime, 30*time.Second),
		IdleTime:    limitOr(d.IdleTime, 120*time.Second),
		WriteStall:  limitOr(d.WriteStall, 10*time.Second),
		DrainTime:   limitOr(d.DrainTime, 20*time.Second),
	}
}

func limitOr[T int | time.Duration](given, standard T) T {
	if given <= 0 {
		return standard
	}
	return given
}

// limitWarnEvery is the least time between two warnings about a full listener.
const limitWarnEvery = time.Minute

// limitListener counts the open connections, those that a handler took over included, and accepts no more than its
// slots. Only one goroutine may call Accept.
type limitListener struct {
	net.Listener
	stall  time.Duration
	log    zerolog.Logger
	warned time.Time     // owned by Accept
	slots  chan struct{} // holds one element for each open connection

	stopping chan struct{} // closed by stop
	stopOnce sync.Once
	conns    sync.WaitGroup // one for each open connection

	mu   sync.Mutex
	open map[*limitConn]struct{} // guarded by mu
}

func newLimitListener(inner net.Listener, limits DoorLimits, log zerolog.Logger) *limitListener {
	return &limitListener{
		Listener: inner,
		stall:    limits.WriteStall,
		log:      log,
		slots:    make(chan struct{}, limits.Connections),
		stopping: make(chan struct{}),
		open:     make(map[*limitConn]struct{}),
	}
}

// Accept waits for a free slot and then for a connection. After stop it returns net.ErrClosed.
func (l *limitListener) Accept() (net.Conn, error) {
	if !l.acquire() {
		return nil, net.ErrClosed
	}
	inner, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	c := &limitConn{Conn: inner, listener: l}
	l.conns.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return c, nil
}

func (l *limitListener) acquire() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	if now := time.Now(); now.Sub(l.warned) >= limitWarnEvery {
		l.warned = now
		l.log.Warn().Int("connections", cap(l.slots)).Msg("connection limit reached, new connections wait")
	}
	select {
	case l.slots <- struct{}{}:
		return true
	case <-l.stopping:
		return false
	}
}

// stop closes the listener and ends Accept, also one that waits for a slot. Connections stay open.
func (l *limitListener) stop() {
	l.stopOnce.Do(func() {
		close(l.stopping)
		_ = l.Listener.Close() // fails only where it is closed already
	})
}

// cut closes every connection and returns how many there were.
func (l *limitListener) cut() int {
	l.mu.Lock()
	open := make([]*limitConn, 0, len(l.open))
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // the client is cut off either way
	}
	return len(open)
}

// limitConn gives its slot back when it is closed, and does not wait for a client that takes nothing.
type limitConn struct {
	net.Conn
	listener *limitListener
	once     sync.Once
	// deadline is true while somebody else has set a deadline for writing, which then stands.
	deadline atomic.Bool
	// armed is our own deadline for writing, in nanoseconds of Unix time; 0 for none.
	armed atomic.Int64
}

// Close closes the connection and, the first time, frees its slot.
func (c *limitConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		l := c.listener
		l.mu.Lock()
		delete(l.open, c)
		l.mu.Unlock()
		<-l.slots
		l.conns.Done()
	})
	return err
}

// CloseWrite lets net/http say goodbye without resetting a client that still reads the answer.
func (c *limitConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// SetDeadline takes the write deadline out of our hands unless t is zero.
func (c *limitConn) SetDeadline(t time.Time) error {
	c.deadline.Store(!t.IsZero())
	c.armed.Store(0)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline takes the write deadline out of our hands unless t is zero.
func (c *limitConn) SetWriteDeadline(t time.Time) error {
	c.deadline.Store(!t.IsZero())
	c.armed.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// Write fails once the client has taken nothing for the listener's stall time. A slow client that takes something
// may go on.
func (c *limitConn) Write(p []byte) (int, error) {
	if c.deadline.Load() {
		return c.Conn.Write(p)
	}
	sent := 0
	for {
		if err := c.arm(time.Now()); err != nil {
			return sent, err
		}
		n, err := c.Conn.Write(p[sent:])
		sent += n
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, err
		}
	}
}

// limitSlack is by how much a client that takes nothing may be cut late, so that not every write moves the deadline.
const limitSlack = 16

// arm sets the deadline for writing to the stall time from now, or a little more.
func (c *limitConn) arm(now time.Time) error {
	stall := c.listener.stall
	end := now.Add(stall).UnixNano()
	if armed := c.armed.Load(); armed >= end && armed <= end+int64(stall/limitSlack) {
		return nil
	}
	at := now.Add(stall + stall/limitSlack)
	c.armed.Store(at.UnixNano())
	return c.Conn.SetWriteDeadline(at)
}

// limitBodies gives each request with a body the time limit to send it. It arms a timer rather than the connection's
// deadlines, since those cost a message to the HTTP/2 connection's loop at each request.
func limitBodies(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		end := time.Now().Add(limit)
		body := &limitBody{
			ReadCloser: r.Body,
			limit:      limit,
			control:    http.NewResponseController(w),
			streamed:   limitStreamed(r.Header.Get("Content-Type")),
			inner:      *r,
		}
		body.timer = time.AfterFunc(limit, body.expire)
		body.inner.Body = body
		defer func() {
			// net/http reads what the handler left unread, to keep an HTTP/1 connection: not for longer than this.
			if body.settle() && r.ProtoMajor == 1 {
				_ = body.control.SetReadDeadline(end)
			}
		}()
		next.ServeHTTP(w, &body.inner)
	})
}

// limitStreamed reports whether a body of this type is a sequence of messages, each with 5 bytes before it that give
// its length: gRPC, gRPC-Web and streaming Connect.
func limitStreamed(contentType string) bool {
	return strings.HasPrefix(contentType, "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

// limitBody is a request body whose sender is watched until the end of the body, or of the first message of a stream.
type limitBody struct {
	io.ReadCloser
	limit    time.Duration
	control  *http.ResponseController
	inner    http.Request // with this body
	timer    *time.Timer
	streamed bool
	prefix   [5]byte // of the first message
	seen     uint64  // bytes read so far

	mu      sync.Mutex
	settled bool // guarded by mu: control must not be used any more
}

// Read reads on; too late it fails with deadline_exceeded, which the Connect handlers pass on.
func (b *limitBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, connect.NewError(connect.CodeDeadlineExceeded, fmt.Errorf("request body took longer than %s: %w", b.limit, err))
	case err != nil, b.streamed && b.firstMessage(p[:n]):
		b.settle()
	}
	return n, err
}

// firstMessage counts p and reports whether it ends the first message or goes past it.
func (b *limitBody) firstMessage(p []byte) bool {
	const head = uint64(len(b.prefix))
	if b.seen < head {
		copy(b.prefix[b.seen:], p)
	}
	b.seen += uint64(len(p))
	if b.seen < head {
		return false
	}
	size := uint64(b.prefix[1])<<24 | uint64(b.prefix[2])<<16 | uint64(b.prefix[3])<<8 | uint64(b.prefix[4])
	return b.seen >= head+size
}

func (b *limitBody) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.settled {
		_ = b.control.SetReadDeadline(time.Unix(1, 0)) // fails only where the connection is gone
	}
}

// settle stops watching and reports whether it was the first to do so.
func (b *limitBody) settle() bool {
	b.timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	first := !b.settled
	b.settled = true
	return first
}
