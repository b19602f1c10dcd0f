package peer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Files names the files of a node's credentials, in PEM. Certificate, Key and Authority are required.
type Files struct {
	Certificate, Key string // for a server and a client alike
	// Authority holds the certificates that others' must come from. Everything that they have issued is let in as a node.
	Authority string
	// ServerName is a name that the certificates of all nodes are valid for. Without it each must be for the host by which the others
	// reach the node.
	ServerName string
	Poll       time.Duration // how old what was read may be, 10 s
	Logger     *slog.Logger  // nil discards
}

// FromFiles returns credentials from files, which are read again when they have changed: before a connection is made, and
// for as long as a Mesh runs with them. Files that do not fit together, as in the middle of a replacement, leave the old ones in use.
func FromFiles(f Files) (*Credentials, error) {
	f.Poll = cmp.Or(f.Poll, 10*time.Second)
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	s := &fileSource{files: f}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.read = time.Now()
	return &Credentials{source: s}, nil
}

// fileSource is credentials in files.
type fileSource struct {
	files Files

	mu        sync.Mutex
	read      time.Time
	content   [3][]byte // what the rest was made of
	cert      *tls.Certificate
	roots     *x509.CertPool
	complaint string // the last failure that was logged
}

func (s *fileSource) serverName() string { return s.files.ServerName }

func (s *fileSource) current() (*tls.Certificate, *x509.CertPool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.read) >= s.files.Poll {
		s.read = now
		s.reload()
	}
	return s.cert, s.roots, nil
}

// watch looks for changes until ctx is done, so that the log tells of files that do not fit before a connection needs them.
func (c *Credentials) watch(ctx context.Context) {
	s, ok := c.source.(*fileSource)
	if !ok {
		return
	}
	tick := time.NewTicker(s.files.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _, _ = s.current() // the old ones stay in use, and the log says why
		}
	}
}

// reload loads the files, or says why the old ones stay.
func (s *fileSource) reload() {
	complaint := ""
	if err := s.load(); err != nil {
		complaint = err.Error()
	}
	if complaint != "" && complaint != s.complaint {
		s.files.Logger.Error("node certificate not reloaded, the old one stays", "error", complaint)
	}
	s.complaint = complaint
}

// load puts what the files hold now in the place of what is in use.
func (s *fileSource) load() error {
	var content [3][]byte
	for i, name := range []string{s.files.Certificate, s.files.Key, s.files.Authority} {
		var err error
		if content[i], err = os.ReadFile(name); err != nil {
			return fmt.Errorf("read node certificate: %w", err)
		}
	}
	same := bytes.Equal(content[0], s.content[0]) && bytes.Equal(content[1], s.content[1]) && bytes.Equal(content[2], s.content[2])
	if same {
		return nil
	}
	cert, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		return fmt.Errorf("node certificate %s with key %s: %w", s.files.Certificate, s.files.Key, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content[2]) {
		return fmt.Errorf("node authority %s: no certificate in it", s.files.Authority)
	}
	if err := fits(&cert, roots); err != nil {
		return fmt.Errorf("node certificate %s with authority %s: %w", s.files.Certificate, s.files.Authority, err)
	}
	s.content, s.cert, s.roots = content, &cert, roots
	s.files.Logger.Info("node certificate loaded", "file", s.files.Certificate, "until", cert.Leaf.NotAfter)
	return nil
}

// fits says why other nodes, which have the same authority, would refuse the certificate.
func fits(cert *tls.Certificate, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		between.AddCert(c)
	}
	var failed error
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}})
		failed = errors.Join(failed, err)
	}
	return failed
}
