package server

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"

	"connectrpc.com/connect"
)

// messageLimit bounds the messages of a handler to size bytes, before and after decompression. Connect would inflate all of
// a longer one, to say how long it is: here nothing is inflated that is not read, and it is said to be a byte too long.
func messageLimit(size int) connect.HandlerOption {
	return connect.WithHandlerOptions(
		connect.WithReadMaxBytes(size),
		connect.WithCompression("gzip", nil, nil), // takes out connect's own
		connect.WithCompression("gzip",
			func() connect.Decompressor { return &boundedGzip{limit: int64(size) + 1} },
			func() connect.Compressor { return gzip.NewWriter(io.Discard) }),
	)
}

// boundedGzip inflates a stream up to its limit in bytes, and ends there.
type boundedGzip struct {
	gzip.Reader
	limit, left int64
}

func (b *boundedGzip) Reset(source io.Reader) error {
	b.left = b.limit
	return b.Reader.Reset(source)
}

func (b *boundedGzip) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// refuseLonger answers a request of Connect that says to be longer than limit bytes, before any of it is in memory.
func refuseLonger(limit int64, next http.Handler, refuse *connect.ErrorWriter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength <= limit || limitStreamed(r.Header.Get("Content-Type")) || !refuse.IsSupported(r) {
			next.ServeHTTP(w, r)
			return
		}
		err := fmt.Errorf("message size %d is larger than configured max %d", r.ContentLength, limit)
		_ = refuse.Write(w, r, connect.NewError(connect.CodeResourceExhausted, err)) // the client may be gone by now
	})
}
