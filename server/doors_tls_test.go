package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server"
)

// pair is a certificate for 127.0.0.1 that signs itself, and its files.
type pair struct {
	certFile, keyFile string
	roots             *x509.CertPool // the certificate alone
	certPEM, keyPEM   []byte
}

// newPair makes a pair with a serial number and does not write it.
func newPair(t testing.TB, serial int64) pair {
	t.Helper()
	key := ok(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "burgee test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der := ok(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	p := pair{
		roots:   x509.NewCertPool(),
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ok(x509.MarshalPKCS8PrivateKey(key))(t)}),
	}
	p.roots.AppendCertsFromPEM(p.certPEM)
	return p
}

// write puts a pair into files of a folder.
func (p pair) write(t testing.TB, dir string) pair {
	t.Helper()
	p.certFile, p.keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	replace(t, p.certFile, p.certPEM)
	replace(t, p.keyFile, p.keyPEM)
	return p
}

// replace writes a file as those who renew certificates do: beside it first, so that nobody reads half of it.
func replace(t testing.TB, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// overTLS starts a server that speaks TLS with a pair.
func overTLS(t testing.TB, p pair, log io.Writer) *running {
	t.Helper()
	return startWith(t, server.Settings{TLS: true}, server.Doors{TLSCert: p.certFile, TLSKey: p.keyFile, Log: zerolog.New(log)})
}

// client returns an HTTP client that trusts a pair, with connections of its own.
func (p pair) client(t testing.TB, protocols *http.Protocols) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12}, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	return p
}

// TestTLS calls both doors over TLS in every protocol and both versions of HTTP.
func TestTLS(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1).write(t, t.TempDir())
	srv := overTLS(t, p, io.Discard)
	for _, c := range []struct {
		name, url string
		protocols *http.Protocols
		options   []connect.ClientOption
	}{
		{"gRPC", srv.grpcURL, onlyHTTP2(), []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web", srv.grpcURL, onlyHTTP1(), []connect.ClientOption{connect.WithGRPCWeb()}},
		{"Connect over HTTP/2", srv.grpcURL, onlyHTTP2(), nil},
		{"Connect over HTTP/1.1", srv.grpcURL, onlyHTTP1(), nil},
		{"Connect on the REST door over HTTP/2", srv.httpURL, onlyHTTP2(), nil},
		{"Connect on the REST door over HTTP/1.1", srv.httpURL, onlyHTTP1(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newClients(c.name, p.client(t, c.protocols), c.url, c.options...)
			ok(s.flipt.GetNamespace(t.Context(), &flipt.GetNamespaceRequest{Key: "default"}))(t)
			config := ok(s.meta.GetConfiguration(t.Context(), new(emptypb.Empty)))(t)
			if !strings.Contains(string(config.Data), `"protocol":"https"`) {
				t.Errorf("the configuration does not say https: %s", config.Data)
			}
		})
	}
	for name, version := range map[string]struct {
		protocols *http.Protocols
		major     int
	}{"REST over HTTP/1.1": {onlyHTTP1(), 1}, "REST over HTTP/2": {onlyHTTP2(), 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ok(p.client(t, version.protocols).Get(srv.httpURL + "/api/v1/namespaces/default"))(t)
			defer answer.Body.Close()
			body := ok(io.ReadAll(answer.Body))(t)
			if answer.StatusCode != http.StatusOK || answer.ProtoMajor != version.major || !bytes.Contains(body, []byte(`"key":"default"`)) {
				t.Errorf("%s %s: %s", answer.Proto, answer.Status, body)
			}
		})
	}
	t.Run("grpc-go", func(t *testing.T) {
		t.Parallel()
		conn := ok(grpc.NewClient(strings.TrimPrefix(srv.grpcURL, "https://"), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: p.roots}))))(t)
		t.Cleanup(func() { conn.Close() })
		var namespace flipt.Namespace
		if err := conn.Invoke(t.Context(), "/flipt.Flipt/GetNamespace", &flipt.GetNamespaceRequest{Key: "default"}, &namespace); err != nil || namespace.Key != "default" {
			t.Errorf("GetNamespace: %v, %v", &namespace, err)
		}
	})
}

// TestTLSHandshake looks at what is agreed, and at what is refused.
func TestTLSHandshake(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1).write(t, t.TempDir())
	srv := overTLS(t, p, io.Discard)
	for door, url := range map[string]string{"REST": srv.httpURL, "gRPC": srv.grpcURL} {
		address := strings.TrimPrefix(url, "https://")
		for _, c := range []struct {
			versions [2]uint16
			offered  []string
			want     string
		}{
			{[2]uint16{tls.VersionTLS12, tls.VersionTLS13}, []string{"h2", "http/1.1"}, "TLS 1.3 h2"},
			{[2]uint16{tls.VersionTLS12, tls.VersionTLS12}, []string{"h2"}, "TLS 1.2 h2"},
			{[2]uint16{tls.VersionTLS12, tls.VersionTLS13}, []string{"http/1.1"}, "TLS 1.3 http/1.1"},
			{[2]uint16{tls.VersionTLS12, tls.VersionTLS13}, nil, "TLS 1.3 "},
			{[2]uint16{tls.VersionTLS10, tls.VersionTLS11}, []string{"h2"}, "remote error: tls: protocol version not supported"},
		} {
			config := &tls.Config{RootCAs: p.roots, MinVersion: c.versions[0], MaxVersion: c.versions[1], NextProtos: c.offered}
			if got := handshake(t.Context(), address, config); got != c.want {
				t.Errorf("%s door, versions %x, protocols %v: got %q, want %q", door, c.versions, c.offered, got, c.want)
			}
		}
		if got := handshake(t.Context(), address, &tls.Config{MinVersion: tls.VersionTLS12}); !strings.Contains(got, "certificate") {
			t.Errorf("%s door: who does not trust the certificate gets %q", door, got)
		}
		answer := ok(http.Get("http://" + address + "/health"))(t)
		body := ok(io.ReadAll(answer.Body))(t)
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest || string(body) != "Client sent an HTTP request to an HTTPS server.\n" {
			t.Errorf("%s door: plain HTTP is answered %s %s", door, answer.Status, body)
		}
	}
	// HTTP/2 in the clear is not answered at all
	conn := ok(net.Dial("tcp", strings.TrimPrefix(srv.grpcURL, "https://")))(t)
	defer conn.Close()
	ok(io.WriteString(conn, http2.ClientPreface))(t)
	if said, err := io.ReadAll(conn); len(said) > 0 {
		t.Errorf("HTTP/2 in the clear is answered %q, %v", said, err)
	}
}

// handshake says which version and protocol were agreed on, or why not.
func handshake(ctx context.Context, address string, config *tls.Config) string {
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	return tls.VersionName(state.Version) + " " + state.NegotiatedProtocol
}

// logged is a log that the server writes while the test reads it.
type logged struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// TestCertificateIsRenewed replaces the files under a running server.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), new(logged)
	first, second := newPair(t, 1).write(t, dir), newPair(t, 2)
	srv := overTLS(t, first, log)
	shows := func(what string, want *x509.CertPool) {
		t.Helper()
		for _, url := range []string{srv.httpURL, srv.grpcURL} {
			config := &tls.Config{RootCAs: want, MinVersion: tls.VersionTLS12}
			if got := handshake(t.Context(), strings.TrimPrefix(url, "https://"), config); got != "TLS 1.3 " {
				t.Errorf("%s, %s: %s", what, url, got)
			}
		}
	}
	shows("the first pair", first.roots)
	open := first.client(t, onlyHTTP2()) // a connection that is open stays as it is
	get := func() {
		t.Helper()
		answer := ok(open.Get(srv.httpURL + "/health"))(t)
		answer.Body.Close()
	}
	get()

	replace(t, first.certFile, second.certPEM)
	shows("the second certificate beside the first key", first.roots)
	shows("the same once more", first.roots)
	const kept, loaded = "cannot be loaded, the one from before is used", "has changed and was loaded"
	if n := log.count(kept); n != 1 {
		t.Errorf("the log names the half renewed pair %d times, want once", n)
	}
	replace(t, first.keyFile, second.keyPEM)
	shows("the second pair", second.roots)
	if n := log.count(loaded); n != 1 {
		t.Errorf("the log names the new pair %d times, want once", n)
	}
	get()
	if err := os.Remove(first.keyFile); err != nil {
		t.Fatal(err)
	}
	shows("the key is gone", second.roots)
	first.write(t, dir)
	shows("the first pair again", first.roots)
}

// TestPairIsRefused names what is wrong with a pair before anything is opened.
func TestPairIsRefused(t *testing.T) {
	t.Parallel()
	good, other := newPair(t, 1).write(t, t.TempDir()), newPair(t, 2).write(t, t.TempDir())
	missing := filepath.Join(t.TempDir(), "missing.pem")
	both := func(cert, key string) string { return fmt.Sprintf("--tls-cert %s, --tls-key %s: ", cert, key) }
	for _, c := range []struct{ cert, key, want string }{
		{good.certFile, "", "--tls-cert is given without --tls-key"},
		{"", good.keyFile, "--tls-key is given without --tls-cert"},
		{good.certFile, other.keyFile, both(good.certFile, other.keyFile) + "tls: private key does not match public key"},
		{missing, good.keyFile, both(missing, good.keyFile) + "open " + missing},
		{good.certFile, missing, both(good.certFile, missing) + "open " + missing},
		{good.keyFile, good.certFile, both(good.keyFile, good.certFile) + "tls: failed to find certificate PEM data"},
	} {
		doors := server.Doors{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", TLSCert: c.cert, TLSKey: c.key}
		if err := doors.Check(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s, %s: got %v, want %s", c.cert, c.key, err, c.want)
		}
		if _, err := doors.Open(); err == nil {
			t.Errorf("%s, %s: the doors were opened", c.cert, c.key)
		}
	}
}
