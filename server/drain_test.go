package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/burgeehq/burgee/server"
)

// drainHold answers /held once release is closed, and anything else at once.
func drainHold(entered chan<- string, release <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		if r.URL.Path == "/held" {
			entered <- r.Proto
			<-release
		}
		_, _ = io.WriteString(w, "answer")
		w.Header().Set("Grpc-Status", "0")
	})
}

func TestDrainInFlight(t *testing.T) {
	t.Parallel()
	cert, key, roots := doorsCertificate(t)
	for _, tt := range []struct {
		name             string
		grpc, http2, tls bool
	}{
		{"REST", false, false, false},
		{"gRPC", true, true, false},
		{"Connect", true, false, false},
		{"REST with TLS", false, false, true},
		{"REST with TLS and HTTP/2", false, true, true},
		{"gRPC with TLS", true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan string, 1), make(chan struct{})
			handler := drainHold(entered, release)
			client := doorsClient(t, tt.http2, "")
			var doors server.Doors
			scheme := "http://"
			if tt.tls {
				scheme, doors = "https://", server.Doors{TLSCert: cert, TLSKey: key}
				transport := client.Transport.(*http.Transport)
				transport.Protocols.SetHTTP2(tt.http2)
				transport.TLSClientConfig = doorsTrust(roots)
			}
			run := doorsServe(t, doors, handler, handler)
			addr := run.http
			if tt.grpc {
				addr = run.grpc
			}
			type answer struct {
				body, status string
				err          error
			}
			answers := make(chan answer, 1)
			go func() {
				res, body, err := doorsTry(client, "GET", scheme+addr+"/held")
				if err != nil {
					answers <- answer{err: err}
					return
				}
				answers <- answer{body: body, status: res.Trailer.Get("Grpc-Status")}
			}()
			if proto := doorsReceive(t, entered, "request in flight"); (proto == "HTTP/2.0") != tt.http2 {
				t.Fatalf("the request came over %s, want HTTP/2: %t", proto, tt.http2)
			}
			run.cancel()
			if doorsReceive(t, run.ready, "word of the drain") {
				t.Error("ready was told true when the drain began")
			}
			drainRefused(t, run.http)
			drainRefused(t, run.grpc)
			select {
			case err := <-run.served:
				t.Fatalf("Serve returned %v with a request in flight", err)
			case <-time.After(500 * time.Millisecond):
			}
			close(release)
			if got := doorsReceive(t, answers, "answer"); got != (answer{body: "answer", status: "0"}) {
				t.Errorf("request in flight: got %+v, want the answer whole", got)
			}
			if err := run.wait(t); err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
}

// drainRefused waits until addr takes no new connection.
func drainRefused(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(doorsPatience); time.Now().Before(end); {
		conn, err := net.Dial("tcp", addr)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	t.Fatalf("%s still accepts connections %s after the end", addr, doorsPatience)
}

// During the delay the server says that it is not ready, and serves.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	const delay = 3 * time.Second
	run := doorsServe(t, server.Doors{DrainDelay: delay}, nil, nil)
	begin := time.Now()
	run.cancel()
	if doorsReceive(t, run.ready, "word of the drain") {
		t.Fatal("ready was told true when the drain began")
	}
	for _, tt := range []struct {
		addr  string
		http2 bool
	}{{run.http, false}, {run.grpc, false}, {run.grpc, true}} {
		res, body := doorsDo(t, doorsClient(t, tt.http2, ""), "GET", "http://"+tt.addr)
		if want := !tt.http2; res.StatusCode != 200 || res.Close != want {
			t.Errorf("during the delay: got %d %q, last of its connection: %t, want 200 and %t", res.StatusCode, body, res.Close, want)
		}
	}
	if err := run.wait(t); err != nil || time.Since(begin) < delay {
		t.Errorf("Serve: %v after %s, want nil after %s", err, time.Since(begin), delay)
	}
}

// Idle connections do not hold the server up, whatever they speak.
func TestDrainIdle(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{DrainTime: doorsPatience / 2}}, nil, nil)
	doorsDo(t, doorsClient(t, false, ""), "GET", "http://"+run.http)
	doorsDo(t, doorsClient(t, true, ""), "GET", "http://"+run.grpc)
	silent := limitDial(t, run.grpc) // has said hello in HTTP/2 and nothing since, and does not close when told to
	limitSend(t, silent, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	if _, err := silent.Read(make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	run.cancel()
	if err := run.wait(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if cut := "connections cut"; strings.Contains(run.log.String(), cut) {
		t.Errorf("idle connections were waited for:\n%s", run.log)
	}
}

// A connection that says hello in HTTP/2 when all others have been told to go away is told so as well.
func TestDrainLateHello(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{DrainTime: doorsPatience / 2}}, nil, nil)
	late := limitDial(t, run.grpc)
	limitSend(t, late, "PRI * HTTP/2.0\r\n\r\n")
	run.cancel()
	drainRefused(t, run.grpc)
	limitSend(t, late, "SM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	if err := run.wait(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if cut := "connections cut"; strings.Contains(run.log.String(), cut) {
		t.Errorf("the late connection was not told to go away:\n%s", run.log)
	}
	const goAway = 7 // the type of the frame, after 3 bytes of length
	answer, err := io.ReadAll(late)
	if err != nil {
		t.Fatal(err)
	}
	for len(answer) >= 9 && answer[3] != goAway {
		answer = answer[min(len(answer), 9+int(answer[0])<<16+int(answer[1])<<8+int(answer[2])):]
	}
	if len(answer) < 9 {
		t.Error("the late connection got no GOAWAY")
	}
}

// What does not end in time is told why, and cut.
func TestDrainLimit(t *testing.T) {
	t.Parallel()
	entered, causes := make(chan struct{}, 2), make(chan error, 2)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	})
	run := doorsServe(t, server.Doors{Limits: server.DoorLimits{DrainTime: 200 * time.Millisecond}}, handler, handler)
	failed := make(chan error, 2)
	for addr, http2 := range map[string]bool{run.http: false, run.grpc: true} {
		client := doorsClient(t, http2, "")
		go func() {
			_, _, err := doorsTry(client, "GET", "http://"+addr)
			failed <- err
		}()
		doorsReceive(t, entered, "endless request")
	}
	run.cancel()
	if err := run.wait(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	for range 2 {
		if err := doorsReceive(t, failed, "end of the endless request"); err == nil {
			t.Error("the endless request succeeded")
		}
		if err := doorsReceive(t, causes, "cause"); err == nil || err.Error() != "the server is shutting down" {
			t.Errorf("cause of the context: %v, want the shutdown", err)
		}
	}
	if want := "connections cut"; strings.Count(run.log.String(), want) != 2 {
		t.Errorf("log has not %q once for each door:\n%s", want, run.log)
	}
}

// drainServer is one run in a row of restarts.
type drainServer struct {
	*doorsRun
	stopping chan struct{} // closed when the drain begins
	answered atomic.Int64
	enough   chan struct{} // closed when enough requests were answered
}

// Over 20 restarts under load no request is lost, as long as clients are led to the next server when they connect. Two
// of the clients send every now and then a request that is held until the drain, so that some are always in flight.
func TestDrainRestarts(t *testing.T) {
	t.Parallel()
	const restarts, workers, requests = 20, 8, 100
	var current atomic.Pointer[drainServer]
	begin := func() *drainServer {
		s := &drainServer{stopping: make(chan struct{}), enough: make(chan struct{})}
		s.doorsRun = doorsServe(t, server.Doors{}, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if bytes.HasPrefix(text, []byte("hold")) {
				<-s.stopping
			}
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = w.Write(text)
			w.Header().Set("Grpc-Status", "0")
			if s.answered.Add(1) == requests {
				close(s.enough)
			}
		}))
		current.Store(s)
		return s
	}
	running := begin()

	var total atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for worker := range workers {
		client := doorsClient(t, true, "")
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			for {
				to := current.Load()
				conn, err := new(net.Dialer).DialContext(ctx, network, to.grpc)
				if err == nil || to == current.Load() {
					return conn, err
				}
			}
		}
		load.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("%d of %d", i, worker)
				if worker < 2 && i%10 == 9 {
					text = "hold " + text
				}
				if err := drainSend(client, text); err != nil {
					t.Errorf("lost %q: %v", text, err)
				}
				total.Add(1)
			}
		})
	}
	for range restarts {
		doorsReceive(t, running.enough, "hundredth answer")
		old := running
		running = begin()
		close(old.stopping)
		old.cancel()
		if err := old.wait(t); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	stop()
	close(running.stopping)
	load.Wait()
	t.Logf("%d requests over %d restarts", total.Load(), restarts)
}

// drainSend sends text as gRPC would and wants it back whole.
func drainSend(client *http.Client, text string) error {
	res, err := client.Post("http://localhost/a.B/C", "application/x-test", strings.NewReader(text))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && (string(body) != text || res.Trailer.Get("Grpc-Status") != "0") {
		err = fmt.Errorf("answer %q, status %q", body, res.Trailer.Get("Grpc-Status"))
	}
	return err
}
