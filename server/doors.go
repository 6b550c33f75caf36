package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// Doors says how the two listeners are opened: one for REST and the web UI, one for gRPC, Connect and gRPC-Web.
// It is a plain value; set it up, then Open it.
type Doors struct {
	HTTP string // host:port of REST and the UI, flag --http
	GRPC string // host:port of gRPC, flag --grpc

	// InsecureNetwork permits addresses other machines can reach, although the server asks nobody who they are.
	InsecureNetwork bool
	// AllowedHosts are names, without port, that a request may give as its host besides those of loopback.
	AllowedHosts []string
	// CORSOrigins are the web origins (scheme://host[:port]) whose pages may call the server, or "*" alone for all
	// of them, which then may not send credentials.
	CORSOrigins []string
	// BasePath, such as /flags, is what every path of the HTTP door begins with; nothing else is served there.
	BasePath string
	// TLSCert and TLSKey name PEM files; both or neither. A pair that has changed is loaded at the next handshake.
	TLSCert, TLSKey string
	// DrainDelay is how long the server goes on accepting and serving once it has said that it is not ready.
	DrainDelay time.Duration
	// Limits bounds what clients may hold; its zero value gives the defaults.
	Limits DoorLimits
	// Log receives warnings, panics and, at debug level, what net/http has to say about single connections.
	Log zerolog.Logger
}

// BindError refuses an address that other machines can reach while the server has no authentication.
type BindError struct {
	Flag string // the flag that gave the address, such as --http
	Addr string // the address as it was given
}

// Error names the two ways out.
func (e *BindError) Error() string {
	port := "8080"
	if _, given, err := net.SplitHostPort(e.Addr); err == nil && given != "" {
		port = given
	}
	return fmt.Sprintf("%s %s can be reached from other machines, and there is no authentication: "+
		"listen on this machine alone with %s 127.0.0.1:%s, "+
		"or give --insecure-network if everybody who can reach the address may read and change every flag",
		e.Flag, e.Addr, e.Flag, port)
}

// Check reports the first setting that cannot work, naming its flag. A bind that needs InsecureNetwork and lacks it is
// a *BindError. Check reads the certificate files and opens nothing.
func (d Doors) Check() error {
	for _, door := range []struct{ flag, addr string }{{"--http", d.HTTP}, {"--grpc", d.GRPC}} {
		if err := d.checkAddr(door.flag, door.addr); err != nil {
			return err
		}
	}
	if _, port, _ := net.SplitHostPort(d.HTTP); d.HTTP == d.GRPC && port != "0" {
		return fmt.Errorf("--http and --grpc are both %s: give each its own port", d.HTTP)
	}
	for _, host := range d.AllowedHosts {
		if name := guardHostName(host); name == "" || strings.ContainsAny(host, "/@*, ") || !guardSameHost(host, name) {
			return fmt.Errorf("--allowed-host %q: want a host name or an address, without scheme and port", host)
		}
	}
	if _, err := corsOrigins(d.CORSOrigins); err != nil {
		return err
	}
	if d.DrainDelay < 0 {
		return fmt.Errorf("--drain-delay %s: want zero or more", d.DrainDelay)
	}
	if err := checkBasePath(d.BasePath); err != nil {
		return err
	}
	_, err := d.tlsConfig()
	return err
}

// checkAddr accepts host:port with a numeric port on loopback, and on any host with InsecureNetwork.
func (d Doors) checkAddr(flag, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s %q: want host:port, such as 127.0.0.1:8080", flag, addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%s %q: port %q is not a number from 0 to 65535", flag, addr, port)
	}
	if !d.InsecureNetwork && !guardLoopback(host) {
		return &BindError{Flag: flag, Addr: addr}
	}
	return nil
}

// corsOrigins puts the origins into the form browsers send: lower case, without the port that the scheme implies.
func corsOrigins(given []string) ([]string, error) {
	origins := make([]string, 0, len(given))
	for _, origin := range given {
		if origin == corsAnyOrigin {
			if len(given) > 1 {
				return nil, errors.New("--cors-origin *: stands for every origin and cannot be given beside others")
			}
			return []string{corsAnyOrigin}, nil
		}
		u, err := url.Parse(strings.ToLower(origin))
		if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" ||
			strings.ContainsAny(origin, "*?#, ") {
			return nil, fmt.Errorf("--cors-origin %q: want scheme://host[:port] and nothing after it, or * alone", origin)
		}
		if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
			u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
		}
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	return origins, nil
}

// Listeners are the two open doors. Connections wait in the kernel's queue until Serve.
type Listeners struct {
	doors   Doors
	origins []string    // CORSOrigins as browsers send them
	tls     *tls.Config // nil without a certificate
	http    *limitListener
	grpc    *limitListener
}

// Open checks the settings and binds both addresses; port 0 takes a free one. If the second cannot be bound the first
// is closed again. The caller ends with Serve or with Close.
func (d Doors) Open() (*Listeners, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	d.Limits = d.Limits.orDefault()
	l := &Listeners{doors: d}
	var err error
	if l.origins, err = corsOrigins(d.CORSOrigins); err != nil {
		return nil, err
	}
	if l.tls, err = d.tlsConfig(); err != nil {
		return nil, err
	}
	if l.http, err = d.listen("--http", d.HTTP); err != nil {
		return nil, err
	}
	if l.grpc, err = d.listen("--grpc", d.GRPC); err != nil {
		return nil, errors.Join(err, l.http.Close())
	}
	if !doorIsLocal(l.http) || !doorIsLocal(l.grpc) {
		d.Log.Warn().Str("http", l.HTTPAddr()).Str("grpc", l.GRPCAddr()).
			Msg("insecure network: whoever reaches these addresses may read and change every flag")
	}
	if slices.Contains(l.origins, corsAnyOrigin) {
		d.Log.Warn().Msg("cors origin *: the pages of every web site may read and change every flag")
	}
	return l, nil
}

// HTTPAddr returns the bound address of the REST and UI door, as host:port.
func (l *Listeners) HTTPAddr() string { return l.http.Addr().String() }

// GRPCAddr returns the bound address of the gRPC door, as host:port.
func (l *Listeners) GRPCAddr() string { return l.grpc.Addr().String() }

// Close closes both doors without serving. After Serve it has nothing left to do and its error means nothing.
func (l *Listeners) Close() error { return errors.Join(l.http.Close(), l.grpc.Close()) }

func (d Doors) listen(flag, addr string) (*limitListener, error) {
	var config net.ListenConfig
	inner, err := config.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, doorBindFailed(flag, addr, err)
	}
	// A name such as localhost may lead elsewhere than it says: what counts is where it led.
	if !d.InsecureNetwork && !doorIsLocal(inner) {
		return nil, errors.Join(&BindError{Flag: flag, Addr: addr}, inner.Close())
	}
	return newLimitListener(inner, d.Limits, d.Log.With().Str("door", strings.TrimPrefix(flag, "--")).Logger()), nil
}

// doorIsLocal reports whether only this machine can reach the listener.
func doorIsLocal(l net.Listener) bool {
	addr, err := netip.ParseAddrPort(l.Addr().String())
	return err == nil && addr.Addr().IsLoopback()
}

// doorBindFailed says what to do about the usual causes.
func doorBindFailed(flag, addr string, err error) error {
	// Windows has its own numbers for the first two (WSAEADDRINUSE, WSAEACCES).
	const windowsInUse, windowsAccess = syscall.Errno(10048), syscall.Errno(10013)
	advice := "choose another address with " + flag
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, windowsInUse):
		advice = "another program listens there: stop it, or choose another port with " + flag
	case errors.Is(err, syscall.EACCES), errors.Is(err, windowsAccess):
		advice = "this user may not take that port: choose one of 1024 or above with " + flag
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine has no such address: choose one it has with " + flag
	}
	return fmt.Errorf("listen on %s %s: %w (%s)", flag, addr, err, advice)
}
