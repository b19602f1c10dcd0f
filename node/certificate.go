package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificate is a TLS certificate in files that somebody may replace while the node runs.
type certificate struct {
	certFile, keyFile string
	poll              time.Duration
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	// These belong to run, once it is called.
	cert, key []byte // what current was made of
	complaint string // the last failure that was logged
}

// loadCertificate reads the files that c names.
func loadCertificate(c Config) (*certificate, error) {
	cert := &certificate{certFile: c.CertFile, keyFile: c.KeyFile, poll: c.CertPoll, log: c.Logger}
	if err := cert.load(); err != nil {
		return nil, err
	}
	return cert, nil
}

// load puts what the files hold now in the place of the certificate in use.
func (c *certificate) load() error {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate's key: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.cert, c.key = cert, key
	c.current.Store(&pair)
	c.log.Info("certificate loaded", "file", c.certFile, "names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter)
	return nil
}

// run looks for changed files until ctx is done. Files that do not fit together, as in the middle
// of a replacement, leave the old certificate in use.
func (c *certificate) run(ctx context.Context) error {
	tick := time.NewTicker(c.poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		err := c.load()
		if err == nil {
			c.complaint = ""
			continue
		}
		if c.complaint != err.Error() {
			c.complaint = err.Error()
			c.log.Error("certificate not reloaded, the old one stays", "error", err)
		}
	}
}

// config returns the TLS configuration of a server with this certificate. Clients that come back resume
// their sessions by ticket, without a signature. Records are as large as they may be: what a
// sweep sends to a link is one record, not one for each packet.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
