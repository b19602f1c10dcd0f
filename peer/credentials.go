package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti/journal"
)

// Identity is whom a certificate names.
type Identity struct {
	Node journal.NodeID // 0: not a member yet
	Name string
}

// Credentials is what a node shows to others and what it wants to see from them. It is safe for concurrent use.
type Credentials struct {
	source source
	named  bool // certificates name the node
}

// source has the certificate to show and the authorities to believe, as of now.
type source interface {
	current() (*tls.Certificate, *x509.CertPool, error)
	// serverName is what every node's certificate is valid for; "" is the host that is dialed.
	serverName() string
}

// TLS returns a configuration for either side of a connection between nodes. The certificate is that of the moment of each handshake, and so
// are the authorities at a server. A client that lives long should ask for a new configuration before it connects.
// ServerName is left empty when certificates name hosts.
func (c *Credentials) TLS() *tls.Config {
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		ServerName:                  c.source.serverName(),
		ClientAuth:                  tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, _, err := c.source.current()
			return cert, err
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, _, err := c.source.current()
			return cert, err
		},
	}
	// An empty pool believes nobody, where nil would believe the system's authorities.
	config.RootCAs, config.ClientCAs = x509.NewCertPool(), x509.NewCertPool()
	if _, roots, err := c.source.current(); err == nil {
		config.RootCAs, config.ClientCAs = roots, roots
	}
	base := config.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		_, roots, err := c.source.current()
		if err != nil {
			return nil, err
		}
		fresh := base.Clone()
		fresh.ClientCAs = roots
		return fresh, nil
	}
	return config
}

// checks says whether a node that has proved its certificate may be who it claims to be.
func (c *Credentials) checks(state tls.ConnectionState, claimed Identity) error {
	if !c.named {
		return nil
	}
	if len(state.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	proved, err := named(state.PeerCertificates[0])
	if err != nil {
		return err
	}
	if proved != claimed {
		return fmt.Errorf("its certificate is that of node %d %q", proved.Node, proved.Name)
	}
	return nil
}

// uri returns the name under which a certificate holds id.
func (id Identity) uri() *url.URL {
	return &url.URL{Scheme: "tutti", Host: "node", Path: "/" + strconv.FormatUint(uint64(id.Node), 10) + "/" + id.Name}
}

// named returns whom the certificate names.
func named(cert *x509.Certificate) (Identity, error) {
	for _, u := range cert.URIs {
		if u.Scheme != "tutti" || u.Host != "node" {
			continue
		}
		number, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		node, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil {
			break
		}
		return Identity{Node: journal.NodeID(node), Name: name}, nil
	}
	return Identity{}, errors.New("its certificate names no node")
}
