package turn

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Claims is what a token says of its bearer. The zero Claims are those of the platform itself:
// timers and messages of other entities carry them.
type Claims struct {
	Subject   string
	Issuer    string
	ExpiresAt time.Time // zero: never
	IssuedAt  time.Time // zero: not said
	// Extra holds every other claim, as encoding/json decodes it.
	Extra map[string]any
}

// String returns the text claim of this name, or "" where there is none or it is no text.
func (c Claims) String(name string) string {
	s, _ := c.Extra[name].(string)
	return s
}

type registeredClaims struct {
	Subject   string   `json:"sub,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ExpiresAt *float64 `json:"exp,omitempty"`
	IssuedAt  *float64 `json:"iat,omitempty"`
}

// MarshalJSON encodes the claims as the claim set of a JWT (RFC 7519).
func (c Claims) MarshalJSON() ([]byte, error) {
	all := make(map[string]any, len(c.Extra)+4)
	for k, v := range c.Extra {
		all[k] = v
	}
	if c.Subject != "" {
		all["sub"] = c.Subject
	}
	if c.Issuer != "" {
		all["iss"] = c.Issuer
	}
	if !c.ExpiresAt.IsZero() {
		all["exp"] = numericDate(c.ExpiresAt)
	}
	if !c.IssuedAt.IsZero() {
		all["iat"] = numericDate(c.IssuedAt)
	}
	return json.Marshal(all)
}

// UnmarshalJSON decodes the claim set of a JWT. It verifies nothing.
func (c *Claims) UnmarshalJSON(data []byte) error {
	var r registeredClaims
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("decode claims: %w", err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("decode claims: %w", err)
	}
	var errs [2]error
	*c = Claims{Subject: r.Subject, Issuer: r.Issuer}
	c.ExpiresAt, errs[0] = fromNumericDate(r.ExpiresAt)
	c.IssuedAt, errs[1] = fromNumericDate(r.IssuedAt)
	for _, k := range []string{"sub", "iss", "exp", "iat"} {
		delete(all, k)
	}
	if len(all) > 0 {
		c.Extra = all
	}
	return errors.Join(errs[:]...)
}

func numericDate(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func fromNumericDate(f *float64) (time.Time, error) {
	if f == nil {
		return time.Time{}, nil
	}
	if math.Abs(*f) > 1e12 { // the year 33,658
		return time.Time{}, fmt.Errorf("decode claims: date %g is out of range", *f)
	}
	return time.UnixMilli(int64(math.Round(*f * 1000))), nil
}
