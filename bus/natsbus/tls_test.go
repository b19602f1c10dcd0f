package natsbus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

// authority is somebody who signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// node returns what a node with a certificate of the authority configures.
func (a *authority) node(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: a.pool, ClientCAs: a.pool}
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	first := serve(t, natsbus.ServerConfig{Name: "first", TLS: ours.node(t)})
	routes := []string{first.RouteAddr()}
	second := serve(t, natsbus.ServerConfig{Name: "second", TLS: ours.node(t), Routes: routes})
	eventually(t, "the servers are joined", func() bool { return first.Routed() == 1 && second.Routed() == 1 })
	from, to := open(t, natsbus.Config{Server: first}), open(t, natsbus.Config{Server: second})
	got := make(chan *wire.Envelope, 2)
	defer listen(t, to, "a", func(e *wire.Envelope) { got <- e })()
	heard(t, first, "default", "a", true)
	if err := from.Send("default", "a", &wire.Envelope{Kind: wire.KindEvent}); err != nil {
		t.Fatal(err)
	}
	<-got
	for name, c := range map[string]*tls.Config{"a foreign certificate": theirs.node(t), "none": nil} {
		var log lines
		foreign := serve(t, natsbus.ServerConfig{Name: "foreign", TLS: c, Routes: routes, Logger: log.logger()})
		eventually(t, "it is refused", func() bool { return strings.Contains(log.String(), "connection closed") })
		if foreign.Routed() != 0 || first.Routed() != 1 {
			t.Errorf("a server with %s was let in", name)
		}
		client := elsewhere(first)
		client.TLS = c
		if _, err := natsbus.Open(client); err == nil {
			t.Errorf("a client with %s was let in", name)
		}
	}
	client := elsewhere(first)
	client.TLS = ours.node(t)
	if err := open(t, client).Send("default", "a", &wire.Envelope{Kind: wire.KindEvent}); err != nil {
		t.Errorf("Send = %v", err)
	}
	<-got
}
