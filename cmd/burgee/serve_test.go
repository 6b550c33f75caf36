//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestStartLine(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "burgee.db")
	first := serveOn(t, db)
	for name, address := range map[string]string{"http": first.HTTP, "grpc": first.GRPC} {
		if host, port, err := net.SplitHostPort(address); err != nil || host != "127.0.0.1" || port == "0" {
			t.Errorf("address of %s: %q, want 127.0.0.1 and the port that was bound", name, address)
		}
	}
	if first.Database != db || first.Version != testVersion || first.Revision != 1 {
		t.Errorf("start line: %+v, want database %s, version %s, revision 1", first.servingLine, db, testVersion)
	}
	if _, err := first.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "color", Name: "Color"}); err != nil {
		t.Fatal(err)
	}
	first.stop(t)
	for _, line := range strings.Split(strings.TrimSpace(first.output.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("the log is no terminal, but not all JSON: %s", line)
		}
	}
	again := serveOn(t, db)
	if again.Revision != 2 {
		t.Errorf("revision after a change and a restart: %d, want 2", again.Revision)
	}
	flag, err := again.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "color"})
	if err != nil || flag.Name != "Color" {
		t.Errorf("GetFlag after a restart: %v, %v", flag, err)
	}
}

// slowRequest is a request whose handler waits for the rest of its body.
type slowRequest struct {
	rest   *io.PipeWriter
	answer chan slowAnswer
}

type slowAnswer struct {
	status, grpcStatus string
	body               []byte
	err                error
}

// begin sends the head of a request and returns when its handler reads the body.
func begin(t *testing.T, client *http.Client, url, contentType string) *slowRequest {
	t.Helper()
	body, rest := io.Pipe()
	t.Cleanup(func() { rest.Close() })
	reading := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(reading) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Expect", "100-continue")
	request.Header.Set("Te", "trailers")
	s := &slowRequest{rest, make(chan slowAnswer, 1)}
	go func() {
		response, err := client.Do(request)
		if err != nil {
			s.answer <- slowAnswer{err: err}
			return
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		s.answer <- slowAnswer{response.Status, response.Trailer.Get("Grpc-Status"), text, err}
	}()
	select {
	case <-reading:
	case early := <-s.answer:
		t.Fatalf("POST %s was answered before its body was sent: %+v", url, early)
	}
	return s
}

// finish sends the body and returns the answer.
func (s *slowRequest) finish(body []byte) slowAnswer {
	if _, err := s.rest.Write(body); err != nil {
		return slowAnswer{err: err}
	}
	s.rest.Close()
	return <-s.answer
}

// untilRefused returns when nothing listens at the address any more.
func untilRefused(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatalf("%s still accepts connections", address)
}

// slowRequests begins one request on each door.
func slowRequests(t *testing.T, s *served) (rest, grpc *slowRequest) {
	t.Helper()
	http1 := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: patience}}
	t.Cleanup(http1.CloseIdleConnections)
	http2 := h2c()
	t.Cleanup(http2.CloseIdleConnections)
	rest = begin(t, http1, s.httpURL+"/api/v1/namespaces/default/flags", "application/json")
	grpc = begin(t, http2, s.grpcURL+"/flipt.Flipt/CreateFlag", "application/grpc+proto")
	return rest, grpc
}

func TestStopDrains(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			db := filepath.Join(t.TempDir(), "burgee.db")
			s := serveOn(t, db)
			rest, grpc := slowRequests(t, s)
			if err := s.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			untilRefused(t, s.HTTP)
			untilRefused(t, s.GRPC)
			if got := rest.finish([]byte(`{"key":"rest","name":"Rest"}`)); got.err != nil || got.status != "200 OK" || !bytes.Contains(got.body, []byte(`"rest"`)) {
				t.Errorf("REST request in flight: %s %s, %v", got.status, got.body, got.err)
			}
			message, err := proto.Marshal(&flipt.CreateFlagRequest{Key: "grpc", Name: "GRPC"})
			if err != nil {
				t.Fatal(err)
			}
			frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
			if got := grpc.finish(frame); got.err != nil || got.grpcStatus != "0" {
				t.Errorf("gRPC request in flight: %s, grpc-status %q, %v", got.status, got.grpcStatus, got.err)
			}
			state, err := s.state()
			if err != nil {
				t.Fatal(err)
			}
			if !state.Success() || !strings.Contains(s.output.String(), "burgee has stopped") {
				t.Errorf("burgee ended with %v:\n%s", state, &s.output)
			}
			if text := must(t, "export", "--db", db); !strings.Contains(text, "key: rest") || !strings.Contains(text, "key: grpc") {
				t.Errorf("what was answered while burgee stopped is not there:\n%s", text)
			}
		})
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := serveOn(t, filepath.Join(t.TempDir(), "burgee.db"))
	rest, grpc := slowRequests(t, s)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	untilRefused(t, s.HTTP)
	state, err := s.end(syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	if status := state.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("burgee ended with %v, want the signal's own end:\n%s", state, &s.output)
	}
	for name, request := range map[string]*slowRequest{"REST": rest, "gRPC": grpc} {
		request.rest.Close() // the client does not give up while it waits for a body
		if got := <-request.answer; got.err == nil {
			t.Errorf("%s request was answered without its body: %s %s", name, got.status, got.body)
		}
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "burgee.db")
	first := serveOn(t, db)
	stdout, stderr, status := command(t, freePorts(db)...)
	oneSentence := regexp.MustCompile(`^Error: open store: ` + regexp.QuoteMeta(db) + ` is in use, another process holds the database: [^\n]*\n$`)
	if status != 1 || stdout != "" || !oneSentence.MatchString(stderr) {
		t.Errorf("second server: status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if _, err := first.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "color", Name: "Color"}); err != nil {
		t.Errorf("the first server after the second: %v", err)
	}
}

// TestHealthFollowsTheDrain looks at what a load balancer sees while the server waits for it.
func TestHealthFollowsTheDrain(t *testing.T) {
	t.Parallel()
	s := serveOn(t, filepath.Join(t.TempDir(), "burgee.db"), "--drain-delay", "10m")
	untilHealth(t, s, http.StatusOK, `"SERVING"`)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	untilHealth(t, s, http.StatusServiceUnavailable, `"NOT_SERVING"`)
	if _, err := s.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "late", Name: "Late"}); err != nil {
		t.Errorf("a request within the drain delay: %v", err)
	}
	s.kill(t)
}

// untilHealth returns when GET /health answers so.
func untilHealth(t *testing.T, s *served, want int, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		status, body := get(t, s.httpURL+"/health")
		if status == want && strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET /health: %d %s, want %d and %s", status, body, want, text)
		}
	}
}

// get returns status and body of a GET.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(fmt.Errorf("GET %s: %w", url, err))
	}
	return answer.StatusCode, string(body)
}
