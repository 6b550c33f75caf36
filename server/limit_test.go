package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/server"
)

// limitDial opens a raw connection whose reads and writes end in time.
func limitDial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(doorsPatience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// limitSend writes raw bytes.
func limitSend(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func TestLimitHeaderTime(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{HeaderTime: 50 * time.Millisecond}}, nil, nil)
	for name, start := range map[string]string{
		"silent": "", "half a line": "GET /", "half a head": "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", "half a preface": "PRI * HTTP/2.0\r\n",
		"most of a preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n",
	} {
		for _, addr := range []string{run.http, run.grpc} {
			conn := limitDial(t, addr)
			limitSend(t, conn, start)
			if answer, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: connection still open after %s, got %q", name, doorsPatience, answer)
			}
		}
	}
}

func TestLimitHeaderBytes(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{}, nil, nil)
	for _, addr := range []string{run.http, run.grpc} {
		for size, want := range map[int]int{60 << 10: 200, 80 << 10: 431} {
			res, _ := doorsDo(t, doorsClient(t, false, ""), "GET", "http://"+addr, "X-Large", strings.Repeat("x", size))
			if res.StatusCode != want {
				t.Errorf("%s: header of %d bytes: got %d, want %d", addr, size, res.StatusCode, want)
			}
		}
	}
	// A client of HTTP/2 is told the limit when it connects, and this one then keeps to it.
	client := doorsClient(t, true, "")
	if _, _, err := doorsTry(client, "GET", "http://"+run.grpc, "X-Large", strings.Repeat("x", 60<<10)); err != nil {
		t.Errorf("HTTP/2: header of 60 KiB: %v", err)
	}
	if _, _, err := doorsTry(client, "GET", "http://"+run.grpc, "X-Large", strings.Repeat("x", 80<<10)); err == nil ||
		!strings.Contains(err.Error(), "header list larger") {
		t.Errorf("HTTP/2: header of 80 KiB: got %v, want it refused for the limit of the server", err)
	}
}

func TestLimitConnections(t *testing.T) {
	t.Parallel()
	const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{Connections: 2}}, nil, nil)
	for _, addr := range []string{run.http, run.grpc} {
		conns := []net.Conn{limitDial(t, addr), limitDial(t, addr), limitDial(t, addr)}
		answered := func(conn net.Conn, within time.Duration) error {
			if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
				return err
			}
			_, err := conn.Read(make([]byte, 4096))
			return err
		}
		for i, conn := range conns[:2] {
			limitSend(t, conn, request)
			if err := answered(conn, doorsPatience); err != nil {
				t.Fatalf("%s: connection %d: %v", addr, i, err)
			}
		}
		limitSend(t, conns[2], request)
		if err := answered(conns[2], 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s: third connection of 2: got %v, want it to wait", addr, err)
		}
		_ = conns[0].Close()
		if err := answered(conns[2], doorsPatience); err != nil {
			t.Errorf("%s: third connection after the first was closed: %v", addr, err)
		}
	}
	if want := "connection limit reached"; strings.Count(run.log.String(), want) != 2 {
		t.Errorf("log has not %q once for each door:\n%s", want, run.log)
	}
	// A full listener drains as well.
	run.cancel()
	if err := run.wait(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// limitStream sends a request over HTTP/2 whose body the test writes.
func limitStream(t *testing.T, url, contentType string) (body *io.PipeWriter, answer <-chan string) {
	t.Helper()
	read, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, read)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	got := make(chan string, 1)
	client := doorsClient(t, true, "")
	go func() {
		res, err := client.Do(req)
		if err != nil {
			got <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		text, _ := io.ReadAll(res.Body)
		got <- string(text)
	}()
	t.Cleanup(func() { _ = write.Close() })
	return write, got
}

func TestLimitBodyTime(t *testing.T) {
	t.Parallel()
	prefix := make(chan struct{}, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "application/grpc+proto" {
			if _, err := io.ReadFull(r.Body, make([]byte, 8)); err != nil {
				_, _ = io.WriteString(w, err.Error())
				return
			}
			prefix <- struct{}{}
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			_, _ = io.WriteString(w, connect.CodeOf(err).String()+" "+err.Error())
			return
		}
		_, _ = w.Write(text)
	})
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{BodyTime: 2 * time.Second}}, handler, handler)
	const late = "deadline_exceeded deadline_exceeded: request body took longer than 2s: "

	// A stream whose first message is whole is left alone. All that follows takes longer than the limit.
	stream, streamed := limitStream(t, "http://"+run.grpc+"/stream", "application/grpc+proto")
	if _, err := stream.Write([]byte("\x00\x00\x00\x00\x03abc")); err != nil {
		t.Fatal(err)
	}
	doorsReceive(t, prefix, "first message")

	answers := make(map[string]<-chan string)
	for _, contentType := range []string{"application/proto", "application/grpc", "application/connect+json"} {
		body, answer := limitStream(t, "http://"+run.grpc+"/slow", contentType)
		if _, err := body.Write([]byte("\x00\x00\x00\x00\x03ab")); err != nil {
			t.Fatal(err)
		}
		answers[contentType] = answer
	}
	conns := []net.Conn{limitDial(t, run.http), limitDial(t, run.grpc)}
	for _, conn := range conns {
		limitSend(t, conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nab")
	}
	for contentType, answer := range answers {
		if got := doorsReceive(t, answer, "answer"); !strings.HasPrefix(got, late) {
			t.Errorf("HTTP/2, %s: got %q, want %q", contentType, got, late)
		}
	}
	for _, conn := range conns {
		if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), late) {
			t.Errorf("HTTP/1.1: got %q, %v, want %q and the end of the connection", answer, err, late)
		}
	}

	if _, err := stream.Write([]byte("\x00\x00\x00\x00\x01d")); err != nil {
		t.Fatal(err)
	}
	_ = stream.Close()
	if got := doorsReceive(t, streamed, "answer of the stream"); got != "\x00\x00\x00\x00\x01d" {
		t.Errorf("stream: got %q, want its second message", got)
	}
}

// What the handler leaves unread may not hold the connection for longer either.
func TestLimitBodyUnread(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{BodyTime: 100 * time.Millisecond}}, nil, nil)
	conn := limitDial(t, run.http)
	limitSend(t, conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n\r\nab")
	if answer, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK")) {
		t.Errorf("got %q, %v, want 200 and the end of the connection", answer, err)
	}
}

// A handler may take longer than its body was allowed to, and the connection serves the next request.
func TestLimitBodyDone(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if r.URL.Path == "/held" {
			close(entered)
			<-release
			ended <- errors.Join(err, context.Cause(r.Context()))
		}
		_, _ = io.WriteString(w, "done")
	})
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{BodyTime: 50 * time.Millisecond}}, handler, nil)
	conn := limitDial(t, run.http)
	limitSend(t, conn, "POST /held HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
	doorsReceive(t, entered, "long request")
	slow := limitDial(t, run.http) // measures the time: it is refused after the limit
	limitSend(t, slow, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n\r\n")
	_, _ = io.ReadAll(slow)
	close(release)
	if err := doorsReceive(t, ended, "end of the handler"); err != nil {
		t.Errorf("long request: %v, want its body read and its context alive", err)
	}
	reader := bufio.NewReader(conn)
	for range 2 {
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(res.Body); err != nil || string(text) != "done" {
			t.Fatalf("got %q, %v, want done", text, err)
		}
		limitSend(t, conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
}

// A client that asks and then takes nothing loses its connection.
func TestLimitWriteStall(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{WriteStall: 100 * time.Millisecond}},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 32<<20))
			failed <- err
		}), nil)
	limitSend(t, limitDial(t, run.http), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if err := doorsReceive(t, failed, "end of the answer"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
}

func TestLimitStreams(t *testing.T) {
	t.Parallel()
	const streams = 3
	entered, release := make(chan string, 2*streams), make(chan struct{})
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{Streams: streams}}, nil,
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			entered <- r.RemoteAddr
			if r.URL.Path == "/held" {
				<-release
			}
		}))
	defer close(release)
	client := doorsClient(t, true, "")
	doorsDo(t, client, "GET", "http://"+run.grpc+"/")
	first := doorsReceive(t, entered, "request")
	for range streams + 1 {
		go func() { _, _, _ = doorsTry(client, "GET", "http://"+run.grpc+"/held") }()
	}
	shared := 0
	for range streams + 1 {
		if doorsReceive(t, entered, "held request") == first {
			shared++
		}
	}
	if shared != streams {
		t.Errorf("%d requests shared the first connection, want %d and one on another", shared, streams)
	}
}
