package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"connectrpc.com/connect"
	"github.com/spf13/pflag"
)

// connection is how the clients of a running server are made.
type connection struct {
	http    *http.Client
	url     string
	options []connect.ClientOption
}

// caFlag adds --tls-ca, which dial takes.
func caFlag(flags *pflag.FlagSet) *string {
	return flags.String("tls-ca", "", "`FILE` of certificates to trust in place of the system's, for https")
}

// dial returns the way to a running server: Connect for http and https, gRPC for grpc. If ca names a file, the certificates in
// it are trusted and no others. Nothing is sent yet.
func dial(address, ca string) (connection, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return connection{}, fmt.Errorf("--address: %q is no URL such as http://127.0.0.1:8080 or grpc://127.0.0.1:9000", address)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	to := connection{http: &http.Client{Transport: transport}, url: address}
	switch u.Scheme {
	case "http":
		return to, nil
	case "https":
		transport.TLSClientConfig.RootCAs, err = trusted(ca)
		return to, err
	case "grpc":
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
		u.Scheme = "http"
		to.url, to.options = u.String(), []connect.ClientOption{connect.WithGRPC()}
		return to, nil
	default:
		return connection{}, fmt.Errorf("--address: unexpected protocol %s: use http, https or grpc", u.Scheme)
	}
}

// trusted returns the certificates of a file, or nil for those of the system.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--tls-ca: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// message is what a person needs to read of an error.
func message(err error) string {
	if answered := (*connect.Error)(nil); errors.As(err, &answered) {
		return answered.Message()
	}
	return err.Error()
}
