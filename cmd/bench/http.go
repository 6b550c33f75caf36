package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// patience is how long anything may take before it counts as stuck.
const patience = time.Minute

// httpCaller is one HTTP/1.1 connection that is kept alive. It does no more than the measured servers need, since what it
// spends is taken from them. It belongs to one goroutine.
type httpCaller struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte // of the last answer
	etag   string // of the last answer
}

func dialHTTP(address string) (*httpCaller, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	return &httpCaller{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *httpCaller) close() { c.conn.Close() }

// do implements caller.
func (c *httpCaller) do(a ask) ([]byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(a.request); err != nil {
		return nil, err
	}
	status, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if status != a.status {
		return nil, fmt.Errorf("status %d, want %d: %.300q", status, a.status, c.body)
	}
	return c.body, nil
}

// read reads one answer and returns its status.
func (c *httpCaller) read() (int, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("no status line: %.300q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("no status: %.300q", line)
	}
	length, chunked := -1, false
	c.etag, c.body = "", c.body[:0]
	for {
		line, err := c.line()
		if err != nil {
			return 0, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, fmt.Errorf("no length: %q", line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Etag")):
			c.etag = string(value)
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return 0, fmt.Errorf("status %d, and the server closes the connection", status)
		}
	}
	switch {
	case status == 204 || status == 304:
		return status, nil
	case chunked:
		return status, c.chunks()
	case length < 0:
		return 0, fmt.Errorf("status %d without a length", status)
	}
	return status, c.take(length)
}

// chunks reads a body in chunks.
func (c *httpCaller) chunks() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return fmt.Errorf("no length of a chunk: %.300q", line)
		}
		if err := c.take(int(n)); err != nil {
			return err
		}
		if line, err = c.line(); err != nil || len(line) > 0 {
			return fmt.Errorf("end of a chunk: %.300q, %w", line, err)
		}
		if n == 0 {
			return nil
		}
	}
}

// line returns a line without its end. It is good until the next read.
func (c *httpCaller) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// take appends the next n bytes to the body.
func (c *httpCaller) take(n int) error {
	have := len(c.body)
	c.body = slices.Grow(c.body, n)[:have+n]
	_, err := io.ReadFull(c.reader, c.body[have:])
	return err
}
