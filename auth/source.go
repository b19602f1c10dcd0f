package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxKeyBytes bounds what is read from a file or URL with keys.
const maxKeyBytes = 1 << 20

// Source is where keys come from. The zero Source is a mistake that New reports.
type Source struct {
	name   string
	secret []byte // with neither path nor url
	path   string // a file: read by New, and looked at often
	url    string // read by Run
	set    bool   // keys have ids, and new ones may come
	parse  func(data []byte, skipped func(id string, why error)) ([]key, error)
}

// Secret is an HS256 secret.
func Secret(secret []byte) Source {
	return Source{name: "secret", secret: bytes.Clone(secret), parse: parseSecret}
}

// SecretFile is a file that holds an HS256 secret; line breaks at its end do not belong to it.
func SecretFile(path string) Source {
	return Source{name: path, path: path, parse: parseSecretFile}
}

// PEMFile is a file with public keys or certificates in PEM form: RSA for RS256, P-256 for ES256,
// Ed25519 for EdDSA.
func PEMFile(path string) Source {
	return Source{name: path, path: path, parse: parsePEM}
}

// JWKS is a JWK set (RFC 7517) in a file, or behind an http or https URL.
func JWKS(location string) Source {
	if strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://") {
		return Source{name: redacted(location), url: location, set: true, parse: parseJWKS}
	}
	return Source{name: location, path: location, set: true, parse: parseJWKS}
}

// fixed reports whether the source never changes.
func (s *Source) fixed() bool { return s.path == "" && s.url == "" }

// exposed reports whether others can change the keys on their way here.
func (s *Source) exposed() bool {
	u, err := url.Parse(s.url)
	if err != nil || u.Scheme != "http" {
		return false // what is no URL is never read
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// read returns what the source holds now.
func (s *Source) read(ctx context.Context, client *http.Client) ([]byte, error) {
	switch {
	case s.url != "":
		return get(ctx, client, s.url)
	case s.path != "":
		return readFile(s.path)
	default:
		return s.secret, nil
	}
}

func parseSecret(data []byte, _ func(string, error)) ([]key, error) {
	k, err := newKey("", data)
	if err != nil {
		return nil, err
	}
	return []key{k}, nil
}

func parseSecretFile(data []byte, skipped func(string, error)) ([]key, error) {
	return parseSecret(bytes.TrimRight(data, "\r\n"), skipped)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}

func get(ctx context.Context, client *http.Client, location string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		// The address stands in the caller's message, without what it may hold of a password.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answer is %s", response.Status)
	}
	return readBounded(response.Body)
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyBytes+1))
	if err == nil && len(data) > maxKeyBytes {
		err = fmt.Errorf("more than %d bytes", maxKeyBytes)
	}
	return data, err
}

func newClient() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("too many redirects")
			}
			if via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
				return errors.New("redirect from https to " + to.URL.Scheme)
			}
			return nil
		},
	}
}

func redacted(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "JWKS URL"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}
