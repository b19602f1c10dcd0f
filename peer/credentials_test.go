package peer_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/peer"
)

var secret = bytes.Repeat([]byte("0123456789abcdef"), 2)

func fromSecret(t testing.TB, secret []byte, self peer.Identity) *peer.Credentials {
	t.Helper()
	c, err := peer.FromSecret(secret, self)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pair returns both ends of a connection, which end with the test.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// shake has two nodes shake hands and returns what either says, and what the server has seen.
func shake(t testing.TB, client, server *peer.Credentials, host string) (seen tls.ConnectionState, atClient, atServer error) {
	t.Helper()
	a, b := pair(t)
	config := client.TLS()
	if config.ServerName == "" {
		config.ServerName = host
	}
	s := tls.Server(b, server.TLS())
	served := make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 1))
		if err != nil {
			b.Close()
		}
		served <- err
	}()
	_, atClient = tls.Client(a, config).Write([]byte("x"))
	a.(*net.TCPConn).CloseWrite()
	err := <-served
	return s.ConnectionState(), atClient, err
}

func TestOneSecretIsTrusted(t *testing.T) {
	one := fromSecret(t, secret, peer.Identity{Node: 1, Name: "one"})
	two := fromSecret(t, secret, peer.Identity{Node: 2, Name: "two"})
	seen, atClient, atServer := shake(t, one, two, "")
	if atClient != nil || atServer != nil {
		t.Fatalf("handshake = %v at the client, %v at the server, want none", atClient, atServer)
	}
	if seen.Version != tls.VersionTLS13 || seen.PeerCertificates[0].Subject.CommonName != "one" {
		t.Errorf("the server saw version %#x and name %q, want TLS 1.3 and one", seen.Version, seen.PeerCertificates[0].Subject.CommonName)
	}
}

func TestAnotherSecretIsForeign(t *testing.T) {
	one := fromSecret(t, secret, peer.Identity{Node: 1, Name: "one"})
	foreign := fromSecret(t, bytes.Repeat([]byte("x"), 32), peer.Identity{Node: 1, Name: "one"})
	if _, atClient, _ := shake(t, one, foreign, ""); atClient == nil {
		t.Error("a client took the certificate of another secret's server")
	}
	// The same authority in the client's eyes, but it shows a foreign certificate.
	liar := foreign.TLS()
	liar.RootCAs, liar.ServerName = one.TLS().RootCAs, "node.tutti.internal"
	a, b := pair(t)
	go func() { _ = tls.Client(a, liar).Handshake() }()
	err := tls.Server(b, one.TLS()).Handshake()
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("handshake with a foreign client = %v, want an unknown authority", err)
	}
}

func TestNoCertificateIsRefused(t *testing.T) {
	one := fromSecret(t, secret, peer.Identity{Node: 1, Name: "one"})
	a, b := pair(t)
	go func() {
		_ = tls.Client(a, &tls.Config{RootCAs: one.TLS().RootCAs, ServerName: "node.tutti.internal"}).Handshake()
	}()
	if err := tls.Server(b, one.TLS()).Handshake(); err == nil {
		t.Error("a client without a certificate was let in")
	}
}

func TestSecretsAndNamesAreChecked(t *testing.T) {
	if _, err := peer.FromSecret(secret[:31], peer.Identity{Name: "one"}); err == nil {
		t.Error("a secret of 31 bytes was taken")
	} else if strings.Contains(err.Error(), string(secret[:31])) {
		t.Errorf("the error shows the secret: %v", err)
	}
	if _, err := peer.FromSecret(secret, peer.Identity{Name: "One/2"}); err == nil {
		t.Error("a node named One/2 was taken")
	}
}

// TestCertificatesAreRenewed has a process that lives long, and clocks that differ by a day.
func TestCertificatesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := fromSecret(t, secret, peer.Identity{Node: 1, Name: "one"})
		late := fromSecret(t, secret, peer.Identity{Node: 2, Name: "late"})
		leaf := func(c *peer.Credentials) *x509.Certificate {
			t.Helper()
			cert, err := c.TLS().GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			return cert.Leaf
		}
		first, config := leaf(one), one.TLS()
		if first.NotBefore.After(time.Now().Add(-24*time.Hour)) || first.NotAfter.Before(time.Now().Add(24*time.Hour)) {
			t.Errorf("valid from %v to %v, want a day around %v", first.NotBefore, first.NotAfter, time.Now())
		}
		time.Sleep(100 * time.Hour)
		if again := leaf(one); again.SerialNumber.Cmp(first.SerialNumber) == 0 {
			t.Error("the certificate of four days ago is still in use")
		}
		if cert, err := config.GetCertificate(nil); err != nil || cert.Leaf.NotAfter.Before(time.Now()) {
			t.Errorf("an old configuration gives %v, %v", cert, err)
		}
		renewed := x509.VerifyOptions{Roots: late.TLS().RootCAs, DNSName: config.ServerName, CurrentTime: time.Now()}
		if _, err := leaf(one).Verify(renewed); err != nil {
			t.Errorf("another node would refuse the certificate after four days: %v", err)
		}
	})
}

// authority issues certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key}
}

// write puts a certificate for the host into dir.
func (a *authority) write(t *testing.T, dir, host string, usage ...x509.ExtKeyUsage) peer.Files {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usage,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := peer.Files{
		Certificate: filepath.Join(dir, "node.pem"), Key: filepath.Join(dir, "node.key"), Authority: filepath.Join(dir, "ca.pem"),
		Poll: time.Nanosecond,
	}
	for name, block := range map[string]*pem.Block{
		f.Certificate: {Type: "CERTIFICATE", Bytes: der},
		f.Key:         {Type: "PRIVATE KEY", Bytes: private},
		f.Authority:   {Type: "CERTIFICATE", Bytes: a.cert.Raw},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

var bothSides = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}

func fromFiles(t *testing.T, f peer.Files) *peer.Credentials {
	t.Helper()
	c, err := peer.FromFiles(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFilesAreTrustedAndReadAgain(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	var logged strings.Builder
	f := ours.write(t, dir, "a.test", bothSides...)
	f.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	a := fromFiles(t, f)
	b := fromFiles(t, ours.write(t, t.TempDir(), "b.test", bothSides...))
	foreign := fromFiles(t, theirs.write(t, t.TempDir(), "b.test", bothSides...))
	server := a.TLS() // as a listener keeps it

	if _, atClient, atServer := shake(t, b, a, "a.test"); atClient != nil || atServer != nil {
		t.Fatalf("handshake = %v, %v, want none", atClient, atServer)
	}
	if _, atClient, _ := shake(t, b, a, "b.test"); atClient == nil {
		t.Error("a certificate for a.test was taken for b.test")
	}
	if _, atClient, atServer := shake(t, foreign, a, "a.test"); atClient == nil || atServer == nil {
		t.Error("foreign authorities trust each other")
	}

	// Half of a replacement leaves the old one in use; the whole of it changes both certificate and authority.
	if err := os.WriteFile(f.Key, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, atClient, atServer := shake(t, b, a, "a.test"); atClient != nil || atServer != nil {
		t.Errorf("handshake during a replacement = %v, %v, want none", atClient, atServer)
	}
	if !strings.Contains(logged.String(), "the old one stays") {
		t.Errorf("the log does not say that the files do not fit:\n%s", logged.String())
	}
	theirs.write(t, dir, "a.test", bothSides...)
	if _, atClient, atServer := shake(t, foreign, a, "a.test"); atClient != nil || atServer != nil {
		t.Errorf("handshake after the replacement = %v, %v, want none", atClient, atServer)
	}
	fresh, err := server.GetConfigForClient(nil)
	if err != nil || !fresh.ClientCAs.Equal(foreign.TLS().ClientCAs) {
		t.Errorf("a server's configuration from before believes the old authority (%v)", err)
	}
}

func TestFilesThatOthersWouldRefuse(t *testing.T) {
	ours := newAuthority(t)
	if _, err := peer.FromFiles(ours.write(t, t.TempDir(), "a.test", x509.ExtKeyUsageServerAuth)); err == nil {
		t.Error("a certificate that is not for clients was taken")
	}
	f := ours.write(t, t.TempDir(), "a.test", bothSides...)
	f.Authority = newAuthority(t).write(t, t.TempDir(), "b.test", bothSides...).Authority
	if _, err := peer.FromFiles(f); err == nil {
		t.Error("a certificate of another authority was taken")
	}
}
