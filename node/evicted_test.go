package node // in-package: how long the goroutine that accepts connections waits is seen by nobody else

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A TLS connection that has to make room is closed without a last word to a client that may not take it: no other could
// connect meanwhile.
func TestNobodyWaitsForAnEvictedConnection(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // takes nothing that is not being read
		defer far.Close()
		server := tls.Server(near, &tls.Config{
			Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
			SessionTicketsDisabled: true,
		})
		go func() { _ = tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
		if err := server.Handshake(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s := newConnections(1)
		s.see(server, http.StateNew)
		begun := time.Now()
		s.see(&net.TCPConn{}, http.StateNew)
		if took := time.Since(begun); took > 0 {
			t.Errorf("closing a connection took %v, want no time", took)
		}
		if _, err := far.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open")
		}
	})
}
