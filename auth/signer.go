package auth

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/tutti-rt/tutti"
)

// Signer makes tokens, signed with HS256: for tests, tools and applications that vouch for their
// own users. It is safe for concurrent use.
type Signer struct {
	secret []byte
}

// NewSigner returns a signer with a secret of MinSecretBytes at least.
func NewSigner(secret []byte) (*Signer, error) {
	if _, err := newKey("", secret); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &Signer{bytes.Clone(secret)}, nil
}

// Sign returns a token that says what c says.
func (s *Signer) Sign(c tutti.Claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("auth: encode claims of %q: %w", c.Subject, err)
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.HS256(), s.secret))
	if err != nil {
		return "", fmt.Errorf("auth: sign token of %q: %w", c.Subject, err)
	}
	if len(token) > MaxTokenBytes {
		return "", fmt.Errorf("auth: sign token of %q: %w: %d bytes", c.Subject, ErrTooLarge, len(token))
	}
	return string(token), nil
}
