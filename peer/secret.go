package peer

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"sync"
	"time"
)

const (
	// MinSecret is the least length of a cluster's secret, in bytes.
	MinSecret = 32

	// nodeHost is the name of a server that every certificate made from a secret is valid for.
	nodeHost = "node.tutti.internal"

	// leafSkew is how far before and after its hour of issue a certificate is valid, so that clocks may differ; leafRenew is when
	// the next one is issued.
	leafSkew  = 48 * time.Hour
	leafRenew = 12 * time.Hour
)

// nameRule is what a node or a cluster may be called.
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// FromSecret returns credentials for the node self of all nodes that have the same secret, which must be random bytes, MinSecret at least. The secret
// yields a certificate authority, the same on every node; each process issues certificates to itself. Whoever has the
// secret is a node of the cluster.
func FromSecret(secret []byte, self Identity) (*Credentials, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("cluster secret of %d bytes: at least %d are wanted", len(secret), MinSecret)
	}
	if !nameRule.MatchString(self.Name) {
		return nil, fmt.Errorf("node name %q: want %s", self.Name, nameRule)
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "tutti: authority of a cluster's nodes, 1", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive the cluster's authority: %w", err)
	}
	i := &issuer{self: self, key: ed25519.NewKeyFromSeed(seed)}
	if err := i.certify(); err != nil {
		return nil, err
	}
	if _, _, err := i.current(); err != nil {
		return nil, err
	}
	return &Credentials{source: i, named: true}, nil
}

// issuer is an authority that issues certificates to its own process.
type issuer struct {
	self      Identity
	key       ed25519.PrivateKey
	authority *x509.Certificate
	roots     *x509.CertPool

	mu     sync.Mutex
	leaf   *tls.Certificate
	issued time.Time
}

// certify makes the certificate of the authority itself, which is the same whenever and wherever it is made from one secret.
func (i *issuer) certify() error {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "tutti cluster"},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, i.key.Public(), i.key)
	if err != nil {
		return fmt.Errorf("make the cluster's authority: %w", err)
	}
	if i.authority, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("make the cluster's authority: %w", err)
	}
	i.roots = x509.NewCertPool()
	i.roots.AddCert(i.authority)
	return nil
}

func (i *issuer) serverName() string { return nodeHost }

// current returns the process's certificate, a new one when the last is old or the clock has been set back.
func (i *issuer) current() (*tls.Certificate, *x509.CertPool, error) {
	now := time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	age := now.Round(0).Sub(i.issued)
	if i.leaf != nil && age >= -leafRenew && age < leafRenew {
		return i.leaf, i.roots, nil
	}
	leaf, err := i.issue(now)
	if err != nil {
		return nil, nil, err
	}
	i.leaf, i.issued = leaf, now.Round(0) // the clock on the wall counts, not the time that passes
	return leaf, i.roots, nil
}

// issue makes a certificate for the process, with a key of its own.
func (i *issuer) issue(now time.Time) (*tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: i.self.Name},
		DNSNames:     []string{nodeHost},
		URIs:         []*url.URL{i.self.uri()},
		NotBefore:    now.Add(-leafSkew),
		NotAfter:     now.Add(leafSkew),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.authority, public, i.key)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, nil
}
