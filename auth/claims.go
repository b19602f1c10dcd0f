package auth

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tutti-rt/tutti"
)

// claims decodes the payload of a token whose signature is right, and checks it.
func (v *Verifier) claims(payload []byte) (tutti.Claims, error) {
	if _, err := object(payload); err != nil {
		return tutti.Claims{}, fmt.Errorf("%w: claims: %v", ErrMalformed, err)
	}
	var c tutti.Claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return tutti.Claims{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	notBefore, err := notBefore(c)
	if err != nil {
		return tutti.Claims{}, err
	}
	now := v.c.Now()
	switch {
	case !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt.Add(v.c.Leeway)):
		return tutti.Claims{}, ErrExpired
	case !notBefore.IsZero() && now.Before(notBefore.Add(-v.c.Leeway)):
		return tutti.Claims{}, ErrNotYetValid
	case v.c.Issuer != "" && c.Issuer != v.c.Issuer:
		return tutti.Claims{}, ErrIssuer
	case len(v.c.Audience) > 0 && !meantFor(c.Extra["aud"], v.c.Audience):
		return tutti.Claims{}, ErrAudience
	case c.Subject == "":
		return tutti.Claims{}, ErrSubject
	}
	return c, nil
}

func notBefore(c tutti.Claims) (time.Time, error) {
	value, ok := c.Extra["nbf"]
	if !ok {
		return time.Time{}, nil
	}
	seconds, ok := value.(float64)
	if !ok || math.Abs(seconds) > 1e12 {
		return time.Time{}, fmt.Errorf("%w: nbf is no date", ErrMalformed)
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))), nil
}

// meantFor reports whether the claim aud, one text or several, names one of ours.
func meantFor(claim any, ours []string) bool {
	switch a := claim.(type) {
	case string:
		return slices.Contains(ours, a)
	case []any:
		return slices.ContainsFunc(a, func(one any) bool {
			s, ok := one.(string)
			return ok && slices.Contains(ours, s)
		})
	}
	return false
}
