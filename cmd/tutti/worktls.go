package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificate is a self-signed one made for a run.
type certificate struct {
	dir       string // which holds both files and nothing else
	cert, key string
	trust     *tls.Config // of a client that trusts exactly this certificate
}

// makeCertificate makes a certificate for 127.0.0.1, in a new directory.
func makeCertificate() (_ *certificate, err error) {
	c := &certificate{}
	if c.dir, err = os.MkdirTemp("", "tutti-tls-*"); err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	c.cert, c.key = filepath.Join(c.dir, "cert.pem"), filepath.Join(c.dir, "key.pem")
	if err := c.write(); err != nil {
		return nil, fmt.Errorf("make certificate: %w", errors.Join(err, c.remove()))
	}
	return c, nil
}

func (c *certificate) write() error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	c.trust = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
	c.trust.RootCAs.AddCert(leaf)
	return errors.Join(
		os.WriteFile(c.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
	)
}

func (c *certificate) remove() error { return os.RemoveAll(c.dir) }
