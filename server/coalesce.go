package server

import (
	"bufio"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// coalesceRead is the size of the buffer that frames are read through, and coalesceWrite how much may wait to be sent: whoever
	// writes more waits for the client to take some.
	coalesceRead  = 4 << 10
	coalesceWrite = 64 << 10
)

// coalescingConn spares an HTTP/2 connection most of its system calls. The server of x/net/http2 reads each frame in two
// pieces and sends each answer by itself; here frames are read as many as have come, and answers leave together with those
// that are finished meanwhile: a write only hands its bytes to a goroutine, which exists while there is something to send.
//
// It hides nothing from the connection below. When a send fails, by the time limit for clients that take nothing too, every
// later write fails with that error and the connection is closed, so that its reader sees the end. What was written before
// Close is still sent.
//
// Deadlines for writing are the lower connection's own affair (see [limitConn]); those that are set here are ignored.
type coalescingConn struct {
	net.Conn // of a [limitListener]
	reader   *bufio.Reader
	buffers  *sync.Pool // of empty *[]byte; shared by all connections of a door

	mu      sync.Mutex
	taken   sync.Cond // waits on mu; told when pending is taken, or never will be
	pending []byte    // guarded by mu; what is sent next, nil when there is nothing
	sending bool      // guarded by mu; whether the goroutine exists
	closed  bool      // guarded by mu
	err     error     // guarded by mu; why nothing can be sent any more
}

func newCoalescingConn(conn net.Conn, buffers *sync.Pool) *coalescingConn {
	c := &coalescingConn{Conn: conn, reader: bufio.NewReaderSize(conn, coalesceRead), buffers: buffers}
	c.taken.L = &c.mu
	return c
}

// Read implements net.Conn.
func (c *coalescingConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// Write takes p, to be sent soon. It waits while too much is waiting already.
func (c *coalescingConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && !c.closed && len(c.pending) > 0 && len(c.pending)+len(p) > coalesceWrite {
		c.taken.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.closed:
		return 0, net.ErrClosed
	}
	if c.pending == nil {
		if buffer, ok := c.buffers.Get().(*[]byte); ok {
			c.pending = *buffer
		}
	}
	c.pending = append(c.pending, p...)
	if !c.sending {
		c.sending = true
		go c.send()
	}
	return len(p), nil
}

// send sends what is pending until there is nothing.
func (c *coalescingConn) send() {
	for {
		runtime.Gosched() // answers that are nearly finished come along
		c.mu.Lock()
		out := c.pending
		c.pending = nil
		if len(out) == 0 || c.err != nil {
			c.sending = false
			closed := c.closed
			c.mu.Unlock()
			if closed {
				_ = c.Conn.Close() // nobody is left to be told
			}
			return
		}
		c.taken.Broadcast()
		c.mu.Unlock()
		_, err := c.Conn.Write(out)
		if cap(out) <= 2*coalesceWrite {
			out = out[:0]
			c.buffers.Put(&out)
		}
		if err != nil {
			c.fail(err)
		}
	}
}

// fail makes every write fail and ends the reader.
func (c *coalescingConn) fail(err error) {
	c.mu.Lock()
	c.err = err
	c.taken.Broadcast()
	c.mu.Unlock()
	_ = c.Conn.Close() // the error that brought us here tells more
}

// Close ends the connection once all that was written is sent, or cannot be. It does not wait for that.
func (c *coalescingConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.taken.Broadcast()
	sending := c.sending
	c.mu.Unlock()
	if !sending {
		return c.Conn.Close()
	}
	return c.Conn.SetReadDeadline(time.Unix(1, 0)) // ends the reader
}

// SetDeadline sets the deadline for reading.
func (c *coalescingConn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (c *coalescingConn) SetWriteDeadline(time.Time) error { return nil }
