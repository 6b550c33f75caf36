package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/burgeehq/burgee/server"
)

// doorsPatience bounds waits for what must happen.
const doorsPatience = 20 * time.Second

// doorsRun is a pair of doors that serve.
type doorsRun struct {
	http, grpc string // host:port
	ready      chan bool
	log        *doorsLog
	cancel     context.CancelFunc
	served     chan error
}

// doorsServe opens doors on free ports, serves and waits until they are ready. Handlers may be nil.
func doorsServe(t *testing.T, d server.Doors, httpHandler, grpcHandler http.Handler) *doorsRun {
	t.Helper()
	for _, addr := range []*string{&d.HTTP, &d.GRPC} {
		if *addr == "" {
			*addr = "127.0.0.1:0"
		}
	}
	log := new(doorsLog)
	d.Log = zerolog.New(log)
	listeners, err := d.Open()
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	run := &doorsRun{
		http: doorsReach(listeners.HTTPAddr()), grpc: doorsReach(listeners.GRPCAddr()),
		ready: make(chan bool, 2), log: log, cancel: cancel, served: make(chan error, 1),
	}
	go func() {
		run.served <- listeners.Serve(ctx, doorsOr(httpHandler), doorsOr(grpcHandler), func(ready bool) { run.ready <- ready })
	}()
	t.Cleanup(cancel)
	if !doorsReceive(t, run.ready, "ready") {
		t.Fatal("first word of ready is false, want true")
	}
	return run
}

// doorsReach turns the address of all interfaces into one that can be dialled.
func doorsReach(addr string) string {
	return strings.NewReplacer("[::]", "127.0.0.1", "0.0.0.0", "127.0.0.1").Replace(addr)
}

// wait returns what Serve returned.
func (r *doorsRun) wait(t *testing.T) error {
	t.Helper()
	return doorsReceive(t, r.served, "end of Serve")
}

// doorsOr answers 200 with the protocol where no handler is given.
func doorsOr(h http.Handler) http.Handler {
	if h != nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
}

func doorsReceive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(doorsPatience):
		t.Fatalf("no %s after %s", what, doorsPatience)
		panic("unreachable")
	}
}

// doorsLog keeps what is logged, for any number of goroutines.
type doorsLog struct {
	mu    sync.Mutex
	lines strings.Builder // guarded by mu
}

func (l *doorsLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

func (l *doorsLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

// doorsClient speaks one protocol on connections of its own; dial, if given, replaces every address.
func doorsClient(t *testing.T, http2 bool, dial string) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	if dial != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, dial)
		}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: doorsPatience}
}

// doorsDo sends a request and returns the answer with its body read.
func doorsDo(t *testing.T, client *http.Client, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	res, body, err := doorsTry(client, method, url, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return res, body
}

// doorsTry is doorsDo for other goroutines and for requests that may fail. header holds names and values in turn.
func doorsTry(client *http.Client, method, url string, header ...string) (*http.Response, string, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// doorsCertificate writes a certificate for 127.0.0.1 and its key, and returns their paths and who trusts them.
func doorsCertificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, roots
}

// doorsTrust is the client's side of doorsCertificate.
func doorsTrust(roots *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: roots} }

func TestDoorsCheck(t *testing.T) {
	t.Parallel()
	cert, key, _ := doorsCertificate(t)
	for _, tt := range []struct {
		name  string
		doors server.Doors // HTTP and GRPC are loopback where empty
		want  string       // part of the error, or empty
		bind  bool         // the error is a *BindError
	}{
		{name: "loopback"},
		{name: "localhost and IPv6", doors: server.Doors{HTTP: "localhost:8080", GRPC: "[::1]:9000"}},
		{name: "another loopback address", doors: server.Doors{HTTP: "127.1.2.3:8080"}},
		{name: "free ports", doors: server.Doors{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0"}},
		{name: "all addresses", doors: server.Doors{HTTP: "0.0.0.0:8080"}, want: "--http 127.0.0.1:8080, or give --insecure-network", bind: true},
		{name: "no host", doors: server.Doors{GRPC: ":9000"}, want: "--grpc 127.0.0.1:9000, or give --insecure-network", bind: true},
		{name: "all IPv6 addresses", doors: server.Doors{GRPC: "[::]:9000"}, want: "--insecure-network", bind: true},
		{name: "a name", doors: server.Doors{HTTP: "flags.example:80"}, want: "--http flags.example:80 can be reached", bind: true},
		{name: "localhost as a part", doors: server.Doors{HTTP: "localhost.example:80"}, want: "--insecure-network", bind: true},
		{name: "insecure network", doors: server.Doors{HTTP: "0.0.0.0:8080", GRPC: ":9000", InsecureNetwork: true}},
		{name: "no port", doors: server.Doors{HTTP: "127.0.0.1"}, want: `--http "127.0.0.1": want host:port`},
		{name: "a port by name", doors: server.Doors{GRPC: "127.0.0.1:http"}, want: `--grpc "127.0.0.1:http": port "http" is not a number`},
		{name: "a port too high", doors: server.Doors{GRPC: "127.0.0.1:65536"}, want: `port "65536" is not a number from 0 to 65535`},
		{name: "an empty port", doors: server.Doors{HTTP: "127.0.0.1:"}, want: `port "" is not a number`},
		{name: "one address twice", doors: server.Doors{HTTP: "127.0.0.1:80", GRPC: "127.0.0.1:80"}, want: "--http and --grpc are both 127.0.0.1:80"},
		{name: "hosts", doors: server.Doors{AllowedHosts: []string{"flags.example", "10.0.0.1", "::1", "[fe80::1]", "UPPER"}}},
		{name: "a host with port", doors: server.Doors{AllowedHosts: []string{"flags.example:80"}}, want: `--allowed-host "flags.example:80"`},
		{name: "a host with scheme", doors: server.Doors{AllowedHosts: []string{"http://flags.example"}}, want: "--allowed-host"},
		{name: "an empty host", doors: server.Doors{AllowedHosts: []string{""}}, want: `--allowed-host ""`},
		{name: "any host", doors: server.Doors{AllowedHosts: []string{"*"}}, want: `--allowed-host "*"`},
		{name: "origins", doors: server.Doors{CORSOrigins: []string{"https://a.example", "http://localhost:5173", "http://[::1]:80", "app://x"}}},
		{name: "any origin", doors: server.Doors{CORSOrigins: []string{"*"}}},
		{name: "any origin and one", doors: server.Doors{CORSOrigins: []string{"https://a.example", "*"}}, want: "--cors-origin *:"},
		{name: "an origin without scheme", doors: server.Doors{CORSOrigins: []string{"a.example"}}, want: `--cors-origin "a.example"`},
		{name: "an origin with a slash", doors: server.Doors{CORSOrigins: []string{"https://a.example/"}}, want: "nothing after it"},
		{name: "an origin with a wildcard", doors: server.Doors{CORSOrigins: []string{"https://*.example"}}, want: "--cors-origin"},
		{name: "an origin with a user", doors: server.Doors{CORSOrigins: []string{"https://u@a.example"}}, want: "--cors-origin"},
		{name: "the null origin", doors: server.Doors{CORSOrigins: []string{"null"}}, want: "--cors-origin"},
		{name: "a pair of files", doors: server.Doors{TLSCert: cert, TLSKey: key}},
		{name: "a certificate alone", doors: server.Doors{TLSCert: cert}, want: "--tls-cert is given without --tls-key"},
		{name: "a key alone", doors: server.Doors{TLSKey: key}, want: "--tls-key is given without --tls-cert"},
		{name: "files the wrong way round", doors: server.Doors{TLSCert: key, TLSKey: cert}, want: "--tls-cert " + key},
		{name: "a missing file", doors: server.Doors{TLSCert: "nowhere.pem", TLSKey: key}, want: "--tls-cert nowhere.pem"},
		{name: "a negative delay", doors: server.Doors{DrainDelay: -1}, want: "--drain-delay -1ns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.doors.HTTP == "" {
				tt.doors.HTTP = "127.0.0.1:8080"
			}
			if tt.doors.GRPC == "" {
				tt.doors.GRPC = "127.0.0.1:9000"
			}
			err := tt.doors.Check()
			if tt.want == "" {
				if err != nil {
					t.Errorf("Check: %v, want no error", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Check: %v, want an error with %q", err, tt.want)
			}
			var bind *server.BindError
			if errors.As(err, &bind) != tt.bind {
				t.Errorf("Check: %T, want *BindError: %t", err, tt.bind)
			}
		})
	}
}

func TestDoorsOpenTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, tt := range []struct {
		flag  string
		doors server.Doors
	}{
		{"--http", server.Doors{HTTP: taken.Addr().String(), GRPC: "127.0.0.1:0"}},
		{"--grpc", server.Doors{HTTP: "127.0.0.1:0", GRPC: taken.Addr().String()}},
	} {
		_, err := tt.doors.Open()
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("%s: Open: %v, want address in use", tt.flag, err)
		}
		for _, part := range []string{"listen on " + tt.flag + " " + taken.Addr().String(), "stop it, or choose another port with " + tt.flag} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: Open: %v, want it to say %q", tt.flag, err, part)
			}
		}
	}
}

// The first door must not stay open when the second one cannot be: its address can be bound again at once.
func TestDoorsOpenClosesTheFirst(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (server.Doors{HTTP: addr, GRPC: taken.Addr().String()}).Open(); err == nil {
		t.Fatal("Open succeeded on a taken port")
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the first door is still open: %v", err)
	}
	_ = again.Close()
}

func TestDoorsClose(t *testing.T) {
	t.Parallel()
	listeners, err := (server.Doors{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0"}).Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := listeners.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, addr := range []string{listeners.HTTPAddr(), listeners.GRPCAddr()} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Errorf("%s still accepts after Close", addr)
		}
	}
}

func TestDoorsProtocols(t *testing.T) {
	t.Parallel()
	cert, key, roots := doorsCertificate(t)
	plain := doorsServe(t, server.Doors{}, nil, nil)
	secure := doorsServe(t, server.Doors{TLSCert: cert, TLSKey: key}, nil, nil)
	over := func(http2 bool) *http.Client {
		client := doorsClient(t, false, "")
		transport := client.Transport.(*http.Transport)
		transport.Protocols.SetHTTP1(!http2)
		transport.Protocols.SetHTTP2(http2)
		transport.TLSClientConfig = doorsTrust(roots)
		return client
	}
	for _, tt := range []struct {
		name   string
		client *http.Client
		url    string
		want   string
	}{
		{"REST", doorsClient(t, false, ""), "http://" + plain.http, "HTTP/1.1"},
		{"gRPC by prior knowledge", doorsClient(t, true, ""), "http://" + plain.grpc, "HTTP/2.0"},
		{"Connect", doorsClient(t, false, ""), "http://" + plain.grpc, "HTTP/1.1"},
		{"REST, TLS", over(false), "https://" + secure.http, "HTTP/1.1"},
		{"REST, TLS, HTTP/2", over(true), "https://" + secure.http, "HTTP/2.0"},
		{"gRPC, TLS", over(true), "https://" + secure.grpc, "HTTP/2.0"},
		{"Connect, TLS", over(false), "https://" + secure.grpc, "HTTP/1.1"},
	} {
		if _, body := doorsDo(t, tt.client, "GET", tt.url); body != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, body, tt.want)
		}
	}
	// A server may ignore the wish to upgrade, and this one does.
	if res, body := doorsDo(t, doorsClient(t, false, ""), "GET", "http://"+plain.grpc, "Connection", "Upgrade, HTTP2-Settings",
		"Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQAAP__"); res.StatusCode != 200 || body != "HTTP/1.1" {
		t.Errorf("Upgrade: h2c: got %d %q, want 200 over HTTP/1.1", res.StatusCode, body)
	}
	secure.cancel()
	if err := secure.wait(t); err != nil {
		t.Errorf("Serve with TLS: %v", err)
	}
}
