package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/rs/zerolog"
)

// tlsConfig loads the certificate, or returns nil if none is set.
func (d Doors) tlsConfig() (*tls.Config, error) {
	switch {
	case d.TLSCert == "" && d.TLSKey == "":
		return nil, nil
	case d.TLSCert == "":
		return nil, errors.New("--tls-key is given without --tls-cert: give both or neither")
	case d.TLSKey == "":
		return nil, errors.New("--tls-cert is given without --tls-key: give both or neither")
	}
	pair := &certificate{certFile: d.TLSCert, keyFile: d.TLSKey, log: d.Log}
	if err := pair.load(); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: pair.get, MinVersion: tls.VersionTLS12}, nil
}

// certificate is a pair of PEM files. It looks at them at each handshake and reads them again when one has changed, so that
// a renewed certificate needs no restart. Its method get may be called by several goroutines at once.
type certificate struct {
	certFile, keyFile string
	log               zerolog.Logger

	mu     sync.Mutex       // guards what follows
	loaded *tls.Certificate // the newest pair that could be loaded
	seen   [2]os.FileInfo   // of the files when they were last read, loaded or not
}

// load reads the files. If that fails, what was loaded before stays.
func (c *certificate) load() error {
	// looked at before they are read: a change in between is seen the next time
	c.seen = c.look()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	c.loaded = &pair
	return nil
}

// look returns what is known of the files without reading them; nil stands for one that is not there.
func (c *certificate) look() (now [2]os.FileInfo) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			now[i] = info
		}
	}
	return now
}

// get implements tls.Config.GetCertificate. While one file is renewed and the other not yet, or neither can be read, the
// pair from before serves, and the log says so once.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	if sameFile(now[0], c.seen[0]) && sameFile(now[1], c.seen[1]) {
		return c.loaded, nil
	}
	if err := c.load(); err != nil {
		c.log.Warn().Err(err).Msg("the certificate has changed and cannot be loaded, the one from before is used")
	} else {
		c.log.Info().Str("certificate", c.certFile).Msg("the certificate has changed and was loaded")
	}
	return c.loaded, nil
}

// sameFile says whether nothing was written between two looks at a file.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
