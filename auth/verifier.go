// Package auth turns tokens into claims: JSON Web Tokens (RFC 7519) signed with HS256, RS256, ES256 or
// EdDSA by keys that the operator names.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/tutti-rt/tutti"
)

// maxTries bounds how many signatures are checked for one token: only keys that share an id, or
// tokens that name none, ask for more than one.
const maxTries = 16

// Config says which tokens are accepted. Zero fields mean the defaults named there.
type Config struct {
	// Keys are where the keys come from; at least one.
	Keys []Source
	// Issuer is what the claim iss must be. Empty: anything.
	Issuer string
	// Audience has one member at least in common with the claim aud. Empty: anything.
	Audience []string
	// Leeway is how far clocks may differ (default 2 s).
	Leeway time.Duration
	// Refresh is how often a JWKS URL is read again (default 10 min).
	Refresh time.Duration
	// Poll is how often files with keys are looked at (default 10 s).
	Poll time.Duration
	// Retry is the least time between two reads because of tokens that name an unknown key, and
	// after a read that failed (default 10 s).
	Retry time.Duration
	// Patience is how long a token with an unknown key waits for the keys to be read (default 5 s).
	Patience time.Duration
	// Client reads URLs. Nil: one with a time-out that follows no redirect to plain http.
	Client *http.Client
	// Now is the clock that tokens are compared with. Nil: time.Now.
	Now func() time.Time
	// Logger is told of keys that come, go or cannot be read. Nil discards.
	Logger *slog.Logger
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	c     Config
	rings []*ring
}

// New returns a verifier and reads the keys that are in files. Those behind URLs are read by Run.
// Every mistake in the configuration is in the error.
func New(c Config) (*Verifier, error) {
	if c.Leeway == 0 {
		c.Leeway = 2 * time.Second
	}
	if c.Refresh == 0 {
		c.Refresh = 10 * time.Minute
	}
	if c.Poll == 0 {
		c.Poll = 10 * time.Second
	}
	if c.Retry == 0 {
		c.Retry = 10 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Client == nil {
		c.Client = newClient()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{c: c}
	var errs []error
	if len(c.Keys) == 0 {
		errs = append(errs, errors.New("auth: no keys are configured"))
	}
	for _, s := range c.Keys {
		r, err := newRing(s, &v.c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v.rings = append(v.rings, r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
}

// Run keeps the keys fresh until ctx is done: it reads URLs at once and again from time to time,
// looks for changed files, and reads early when a token names an unknown key. A source that
// cannot be read keeps its old keys. Without Run, keys stay as New has read them.
func (v *Verifier) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, r := range v.rings {
		if !r.source.fixed() {
			wg.Go(func() { r.run(ctx) })
		}
	}
	<-ctx.Done()
	wg.Wait()
	return ctx.Err()
}

// Ready reports whether every source of keys has been read once.
func (v *Verifier) Ready() bool {
	return !slices.ContainsFunc(v.rings, func(r *ring) bool { return r.keys.Load() == nil })
}

// Verify checks the token's signature and times, and what the configuration demands, and
// returns its claims. Errors wrap one of this package's, or that of ctx while waiting for keys.
func (v *Verifier) Verify(ctx context.Context, token string) (tutti.Claims, error) {
	h, err := parseHeader(token)
	if err != nil {
		return tutti.Claims{}, err
	}
	keys, err := v.candidates(h)
	if errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrNoKeys) {
		if v.refetch(ctx) {
			keys, err = v.candidates(h)
		} else if ctx.Err() != nil {
			return tutti.Claims{}, fmt.Errorf("wait for keys: %w", ctx.Err())
		}
	}
	if err != nil {
		return tutti.Claims{}, err
	}
	for _, k := range keys {
		if payload, err := jws.VerifyCompactFast(k.public, []byte(token), k.algorithm); err == nil {
			return v.claims(payload)
		}
	}
	return tutti.Claims{}, ErrSignature
}

// candidates returns the keys that may have signed a token with this header: those for its
// algorithm that have the id it names, or none.
func (v *Verifier) candidates(h header) ([]key, error) {
	var found []key
	var loaded, forAlgorithm, withID, sets bool
	for _, r := range v.rings {
		sets = sets || r.source.set
		for _, k := range r.load() {
			loaded = true
			sameID := h.keyID == "" || k.id == "" || k.id == h.keyID
			sameAlgorithm := k.algorithm.String() == h.algorithm
			withID = withID || (sameID && k.id != "")
			forAlgorithm = forAlgorithm || sameAlgorithm
			if sameID && sameAlgorithm && len(found) < maxTries {
				found = append(found, k)
			}
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case !supported(h.algorithm) || withID:
		return nil, fmt.Errorf("%w: %.16q", ErrAlgorithm, h.algorithm)
	case !loaded:
		return nil, ErrNoKeys
	case !forAlgorithm && (!sets || h.keyID == "" || h.algorithm == "HS256"):
		// Otherwise a JWK set may get the key yet; it never has secrets.
		return nil, fmt.Errorf("%w: %.16q", ErrAlgorithm, h.algorithm)
	default:
		return nil, fmt.Errorf("%w: %.64q", ErrUnknownKey, h.keyID)
	}
}

// supported reports whether there can be keys for the algorithm.
func supported(algorithm string) bool {
	switch algorithm {
	case "HS256", "RS256", "ES256", "EdDSA":
		return true
	}
	return false
}

// refetch has the keys read again and waits for that. It reports whether any were read since.
func (v *Verifier) refetch(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, v.c.Patience)
	defer cancel()
	fresh := false
	for _, r := range v.rings {
		if !r.source.fixed() && r.refetch(ctx) {
			fresh = true
		}
	}
	return fresh
}
