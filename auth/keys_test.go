package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

var (
	secret  = []byte("0123456789abcdef0123456789abcdef")
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	rsaNext = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey   = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey   = sync.OnceValue(func() ed25519.PrivateKey {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return must(private, err)
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// public is what private keys have in common.
type public interface{ Public() crypto.PublicKey }

func pemOf(key public) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.Public()))})
}

// jwkOf returns the public key as a member of a JWK set, with further members.
func jwkOf(id string, key public, more map[string]any) map[string]any {
	var all map[string]any
	data := must(json.Marshal(must(jwk.Import(key.Public()))))
	if err := json.Unmarshal(data, &all); err != nil {
		panic(err)
	}
	all["kid"] = id
	for k, v := range more {
		all[k] = v
	}
	return all
}

func jwksOf(keys ...map[string]any) []byte {
	return must(json.Marshal(map[string]any{"keys": keys}))
}

func file(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sign makes a token with the library, as an issuer would.
func sign(alg jwa.SignatureAlgorithm, key any, kid, payload string) string {
	h := jws.NewHeaders()
	if kid != "" {
		if err := h.Set("kid", kid); err != nil {
			panic(err)
		}
	}
	return string(must(jws.Sign([]byte(payload), jws.WithKey(alg, key, jws.WithProtectedHeaders(h)))))
}

// raw makes a token of any header and payload; mac computes its signature.
func raw(header, payload string, mac func(input string) []byte) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(mac(input))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
