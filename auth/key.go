package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	// MinSecretBytes is the least length of an HS256 secret: that of the hash, as RFC 7518 wants it.
	MinSecretBytes = 32

	minRSABits = 2048
	maxRSABits = 8192 // larger ones make each check slow
	maxKeys    = 100  // of one source
)

// key is one key with the one algorithm that it is for. The key decides the algorithm, never a token.
type key struct {
	id        string // empty: the key has no id and is tried whatever id a token names
	algorithm jwa.SignatureAlgorithm
	public    any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or the []byte of a secret
}

// newKey returns the key with the algorithm that belongs to its type.
func newKey(id string, public any) (key, error) {
	switch k := public.(type) {
	case []byte:
		if len(k) < MinSecretBytes {
			return key{}, fmt.Errorf("secret has %d bytes, at least %d are needed", len(k), MinSecretBytes)
		}
		return key{id, jwa.HS256(), k}, nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return key{}, fmt.Errorf("RSA key has %d bits, %d to %d are needed", bits, minRSABits, maxRSABits)
		}
		return key{id, jwa.RS256(), k}, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return key{}, errors.New("elliptic key is not of curve P-256")
		}
		return key{id, jwa.ES256(), k}, nil
	case ed25519.PublicKey:
		return key{id, jwa.EdDSA(), k}, nil
	default:
		return key{}, fmt.Errorf("keys of type %T are not supported", public)
	}
}

// parsePEM reads every public key and certificate in data.
func parsePEM(data []byte, _ func(string, error)) ([]key, error) {
	var keys []key
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		public, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		k, err := newKey("", public)
		if err != nil {
			return nil, err
		}
		if keys = append(keys, k); len(keys) > maxTries {
			return nil, fmt.Errorf("more than %d keys", maxTries)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key in PEM form")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	default:
		return nil, fmt.Errorf("a public key is needed, this is a %s", block.Type)
	}
}

// parseJWKS reads the signature keys of a JWK set. Keys that it has no use for, as RFC 7517 allows
// them beside others, are left out and reported to skipped. A set without any usable key is an error.
func parseJWKS(data []byte, skipped func(id string, why error)) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("not a JWK set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("JWK set has %d keys, more than %d", len(set.Keys), maxKeys)
	}
	var keys []key
	for _, raw := range set.Keys {
		k, err := parseJWK(raw)
		if err != nil {
			skipped(k.id, err)
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("JWK set has no usable key")
	}
	return keys, nil
}

// parseJWK reads one key of a set. With an error, the key has at most an id.
func parseJWK(raw []byte) (key, error) {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return key{}, err
	}
	id, _ := parsed.KeyID()
	if private, err := jwk.IsPrivateKey(parsed); err != nil || private {
		return key{id: id}, errors.New("a secret or private key does not belong into a JWK set")
	}
	if use, ok := parsed.KeyUsage(); ok && use != "sig" {
		return key{id: id}, fmt.Errorf("key is for use %q", use)
	}
	var public any
	if err := jwk.Export(parsed, &public); err != nil {
		return key{id: id}, err
	}
	if p, ok := public.(*ed25519.PublicKey); ok {
		public = *p
	}
	k, err := newKey(id, public)
	if err != nil {
		return key{id: id}, err
	}
	if a, ok := parsed.Algorithm(); ok && a.String() != k.algorithm.String() &&
		!(a.String() == "Ed25519" && k.algorithm == jwa.EdDSA()) {
		return key{id: id}, fmt.Errorf("key is for algorithm %q", a)
	}
	return k, nil
}
