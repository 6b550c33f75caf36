package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a certificate for 127.0.0.1 by an authority of its own and writes ca.pem, cert.pem and key.pem into a folder.
func writePair(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "burgee test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "burgee test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, &keys[0].PublicKey, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.CreateCertificate(rand.Reader, leaf, authority, &keys[1].PublicKey, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(keys[1])
	if err != nil {
		t.Fatal(err)
	}
	return write("ca.pem", "CERTIFICATE", root), write("cert.pem", "CERTIFICATE", signed), write("key.pem", "PRIVATE KEY", private)
}

// TestCommandsOverTLS uses the program on both ends.
func TestCommandsOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, cert, key := writePair(t, dir)
	s := serveOn(t, filepath.Join(dir, "burgee.db"), "--tls-cert", cert, "--tls-key", key, "--base-path", "/tools/flags")
	features := writeFeatures(t, "default", shape{flags: 1, variants: 1})
	rest, grpc := "https://"+s.HTTP+"/tools/flags", "https://"+s.GRPC
	must(t, "import", features, "--address", rest, "--tls-ca", ca)
	for _, address := range []string{rest, rest + "/", grpc} {
		if said := must(t, "export", "--address", address, "--tls-ca", ca); !strings.Contains(said, "key: flag-00000") {
			t.Errorf("export from %s: %s", address, said)
		}
	}
	if said := must(t, "evaluate", "flag-00000", "--address", grpc, "--tls-ca", ca); !strings.Contains(said, `"flag_key":"flag-00000"`) {
		t.Errorf("evaluate: %s", said)
	}
	if said := must(t, "health", "--address", rest, "--tls-ca", ca); said != "{\"status\":\"SERVING\"}\n" {
		t.Errorf("health: %s", said)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"certificate", []string{"export", "--address", rest}}, // the system does not know the authority
		{"--tls-ca: open ", []string{"export", "--address", rest, "--tls-ca", filepath.Join(dir, "missing.pem")}},
		{"--tls-ca: " + key + " holds no PEM certificate", []string{"export", "--address", rest, "--tls-ca", key}},
		{"400 Bad Request", []string{"health", "--address", "http://" + s.HTTP + "/tools/flags"}},
		{"404 Not Found: not found: everything is below /tools/flags/", []string{"health", "--address", "https://" + s.HTTP, "--tls-ca", ca}},
		{"--tls-cert " + key + ", --tls-key " + cert + ": ", freePorts(filepath.Join(dir, "other.db"), "--tls-cert", key, "--tls-key", cert)},
	} {
		if stdout, stderr, status := command(t, c.args...); status != 1 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("burgee %s: status %d, stdout %q, stderr %q, want %q", strings.Join(c.args, " "), status, stdout, stderr, c.want)
		}
	}
	s.stop(t)
	if log := s.output.String(); strings.Contains(log, `"level":"error"`) {
		t.Errorf("the log: %s", log)
	}
}
