package node_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// certificate makes a self-signed certificate for 127.0.0.1, and its key.
func certificate(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dialTLS connects and returns the connection; its certificate is not checked, only looked at.
func dialTLS(t *testing.T, n *running, c *tls.Config) (*tls.Conn, error) {
	t.Helper()
	c.InsecureSkipVerify = true
	return tls.Dial("tcp", n.Addr().String(), c)
}

func serial(t *testing.T, n *running) int64 {
	t.Helper()
	conn, err := dialTLS(t, n, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestTLSReload(t *testing.T) {
	dir := t.TempDir()
	var logged lockedBuffer
	c := config()
	c.CertFile, c.KeyFile, c.CertPoll = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), 5*time.Millisecond
	c.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	cert, key := certificate(t, 1)
	write(t, c.CertFile, cert)
	write(t, c.KeyFile, key)
	n := start(t, c)
	if got := serial(t, n); got != 1 {
		t.Fatalf("serial = %d, want 1", got)
	}

	next, nextKey := certificate(t, 2)
	for name, broken := range map[string]func(){
		"garbage":         func() { write(t, c.CertFile, []byte("garbage")) },
		"without its key": func() { write(t, c.CertFile, next) },
		"no file":         func() { _ = os.Remove(c.CertFile) },
	} {
		before := strings.Count(logged.String(), "not reloaded")
		broken()
		eventually(t, "complaint about a certificate that is "+name, func() bool {
			return strings.Count(logged.String(), "not reloaded") > before
		})
		if got := serial(t, n); got != 1 {
			t.Errorf("serial with a certificate that is %s = %d, want the old one", name, got)
		}
	}

	write(t, c.CertFile, next)
	write(t, c.KeyFile, nextKey)
	eventually(t, "the new certificate", func() bool { return serial(t, n) == 2 })
}

// The links work over TLS as they do without.
func TestWebSocketOverTLS(t *testing.T) {
	dir := t.TempDir()
	c := config()
	c.CertFile, c.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
	cert, key := certificate(t, 1)
	write(t, c.CertFile, cert)
	write(t, c.KeyFile, key)
	n := start(t, c)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(cert)
	connected, err := open(t, "wss", n, client.Config{
		Token:      token(t, "ann", time.Hour),
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if got := sum(t, connected, 1); got != i+1 {
			t.Fatalf("tally over TLS = %d, want %d", got, i+1)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	_, metrics := get(t, "http://"+n.AdminAddr().String()+"/metrics", "Authorization", "Bearer "+adminToken)
	if want := "tutti_edge_blocked_total 0\n"; !strings.Contains(metrics, want) {
		t.Errorf("metrics are without %q: writes over TLS waited", want)
	}
}

// A client that comes back needs no signature of the server.
func TestTLSResumption(t *testing.T) {
	dir := t.TempDir()
	c := config()
	c.CertFile, c.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := certificate(t, 1)
	write(t, c.CertFile, cert)
	write(t, c.KeyFile, key)
	n := start(t, c)
	cache := tls.NewLRUClientSessionCache(1)
	for i := range 2 {
		conn, err := dialTLS(t, n, &tls.Config{ClientSessionCache: cache})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil { // the ticket comes before it
			t.Fatal(err)
		}
		if got := conn.ConnectionState().DidResume; got != (i > 0) {
			t.Errorf("connection %d: resumed = %v, want %v", i, got, i > 0)
		}
		conn.Close()
	}
}

func TestTLSVersions(t *testing.T) {
	dir := t.TempDir()
	c := config()
	c.CertFile, c.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := certificate(t, 1)
	write(t, c.CertFile, cert)
	write(t, c.KeyFile, key)
	n := start(t, c)
	if conn, err := dialTLS(t, n, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was accepted")
	}
	conn, err := dialTLS(t, n, &tls.Config{NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("negotiated protocol = %q, want http/1.1", got)
	}
	fmt.Fprint(conn, "GET /v1/tally/a?conn=0123456789abcdef HTTP/1.1\r\nHost: x\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("GET over TLS = %d, want the platform's 426", response.StatusCode)
	}
}

func TestHeaderSize(t *testing.T) {
	n := start(t, config())
	status, _ := get(t, "http://"+n.Addr().String()+"/v1/tally/a", "X-Long", strings.Repeat("x", 64<<10))
	if status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("GET with 64 KiB of headers = %d, want 431", status)
	}
}
