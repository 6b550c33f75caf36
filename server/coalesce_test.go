package server_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/burgeehq/burgee/server"
)

// TestCoalesceOrder has answers of all sizes share one connection, whose client reads by small pieces.
func TestCoalesceOrder(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{}, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		body := randomBytes(size)
		for len(body) > 0 { // written as a stream, in pieces
			n := min(len(body), 1+rand.IntN(40_000))
			_, _ = w.Write(body[:n])
			_ = http.NewResponseController(w).Flush()
			body = body[n:]
		}
	}))
	client := &http.Client{Transport: h2c()}
	defer client.CloseIdleConnections()
	var running sync.WaitGroup
	for n := range 100 {
		size := []int{0, 1, 300, 5_000, 70_000, 400_000}[n%6]
		running.Go(func() {
			response, err := client.Get("http://" + run.grpc + "/?size=" + strconv.Itoa(size))
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			got, err := io.ReadAll(&pieces{response.Body, 777})
			if err != nil || sha256.Sum256(got) != sha256.Sum256(randomBytes(size)) {
				t.Errorf("answer of %d bytes: %d bytes and %v, want them as they were written", size, len(got), err)
			}
		})
	}
	running.Wait()
}

// randomBytes returns the same bytes whenever it is asked for as many.
func randomBytes(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(b) // never fails
	return b
}

// pieces reads at most size bytes at a time.
type pieces struct {
	io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.size)]) }

// TestCoalesceStalled has a client that gives the server all the room there is and then reads nothing. Its answers must end with an
// error, and its connection too.
func TestCoalesceStalled(t *testing.T) {
	t.Parallel()
	const streams = 20
	ended := make(chan int, streams)
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{WriteStall: 100 * time.Millisecond}}, nil,
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent := 0
			for r.Context().Err() == nil && sent < 1<<30 {
				n, _ := w.Write(make([]byte, 1<<16))
				sent += n
			}
			ended <- sent
		}))
	conn := dialH2C(t, run.grpc)
	for n := range streams {
		conn.get(uint32(2*n + 1))
	}
	sent := 0
	for range streams {
		sent += doorsReceive(t, ended, "end of an answer")
	}
	if sent > 64<<20 {
		t.Errorf("the answers to a client that reads nothing took %d bytes, want no more than what the kernel holds", sent)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Logf("what was sent until then ends with %v", err) // a reset, or an end
	}
}

// coalescingPair returns a connection of TCP, with a coalescing end.
func coalescingPair(t *testing.T, below func(net.Conn)) (end net.Conn, client *net.TCPConn) {
	t.Helper()
	listener := ok(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	client = ok(net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr)))(t)
	accepted := ok(listener.Accept())(t)
	t.Cleanup(func() {
		_ = client.Close()
		_ = accepted.Close()
	})
	below(accepted)
	return server.Coalescing(accepted), client
}

// TestCoalesceClose closes a connection whose client has not read anything yet: it must get all that was written before.
func TestCoalesceClose(t *testing.T) {
	t.Parallel()
	end, client := coalescingPair(t, func(net.Conn) {})
	written := sha256.New()
	for range 2_000 { // a client that reads nothing makes the writes wait at some time
		piece := randomBytes(1 + rand.IntN(20_000))
		done := make(chan error, 1)
		go func() {
			_, err := end.Write(piece)
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			written.Write(piece)
			continue
		case <-time.After(100 * time.Millisecond): // it waits
		}
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
		switch err := doorsReceive(t, done, "end of the write"); {
		case err == nil: // it was only slow
			written.Write(piece)
		case !errors.Is(err, net.ErrClosed):
			t.Errorf("the write that waited at Close: %v, want %v", err, net.ErrClosed)
		}
		break
	}
	if _, err := end.Read(make([]byte, 1)); err == nil {
		t.Error("reading goes on after Close")
	}
	read := sha256.New()
	n, err := io.Copy(read, client)
	if err != nil || !bytes.Equal(read.Sum(nil), written.Sum(nil)) {
		t.Errorf("the client got %d bytes and %v, want all that was written before Close, and then the end", n, err)
	}
}

// TestCoalesceError has sending fail, by a time limit. Writing and reading must both end with it.
func TestCoalesceError(t *testing.T) {
	t.Parallel()
	end, _ := coalescingPair(t, func(accepted net.Conn) {
		if err := accepted.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	})
	reading := make(chan error, 1)
	go func() {
		_, err := end.Read(make([]byte, 1))
		reading <- err
	}()
	var err error
	sent := 0
	for err == nil && sent < 1<<30 {
		var n int
		n, err = end.Write(make([]byte, 10_000))
		sent += n
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing ends with %v after %d bytes, want %v", err, sent, os.ErrDeadlineExceeded)
	}
	if err := doorsReceive(t, reading, "end of reading"); err == nil {
		t.Error("reading goes on, though nothing can be sent")
	}
}

// bareH2C is a connection of HTTP/2 on which the test decides what is read and when.
type bareH2C struct {
	net.Conn
	t      *testing.T
	framer *http2.Framer
	host   string
}

// dialH2C opens one and takes away the limits of flow control.
func dialH2C(t *testing.T, address string) *bareH2C {
	t.Helper()
	conn := limitDial(t, address)
	c := &bareH2C{Conn: conn, t: t, framer: http2.NewFramer(conn, conn), host: address}
	limitSend(t, conn, http2.ClientPreface)
	err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	if err == nil {
		err = c.framer.WriteWindowUpdate(0, 1<<31-1-65535)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("open HTTP/2: %w", err))
	}
	return c
}

// get sends a request.
func (c *bareH2C) get(stream uint32) {
	c.t.Helper()
	var head bytes.Buffer
	e := hpack.NewEncoder(&head)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", c.host}, {":path", "/"}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // into memory
	}
	param := http2.HeadersFrameParam{StreamID: stream, BlockFragment: head.Bytes(), EndStream: true, EndHeaders: true}
	if err := c.framer.WriteHeaders(param); err != nil {
		c.t.Fatal(err)
	}
}
