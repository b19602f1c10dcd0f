package auth

import "errors"

// Why a token is refused. Verify wraps exactly one of them; none of the messages shows any part of
// the token beyond the names of its algorithm and key.
var (
	// ErrTooLarge means that the token is longer than MaxTokenBytes. It was not looked at.
	ErrTooLarge = errors.New("auth: token too large")
	// ErrMalformed means that the token is no signed JWT in compact form, or that it has claims of
	// the wrong shape.
	ErrMalformed = errors.New("auth: token malformed")
	// ErrCritical means that the token demands an extension (crit) that nobody here understands.
	ErrCritical = errors.New("auth: token has critical headers")
	// ErrAlgorithm means that no key is for the algorithm that the token names, or that the key
	// it names is for another one. The algorithm none always ends here.
	ErrAlgorithm = errors.New("auth: token algorithm refused")
	// ErrUnknownKey means that no key has the id that the token names.
	ErrUnknownKey = errors.New("auth: token key unknown")
	// ErrNoKeys means that there is no key at all yet, since the source of keys has not answered.
	ErrNoKeys = errors.New("auth: no keys yet")
	// ErrSignature means that the signature is wrong.
	ErrSignature = errors.New("auth: token signature wrong")
	// ErrExpired means that the token's time is over.
	ErrExpired = errors.New("auth: token expired")
	// ErrNotYetValid means that the token's time has not come.
	ErrNotYetValid = errors.New("auth: token not yet valid")
	// ErrIssuer means that the token is not from the configured issuer.
	ErrIssuer = errors.New("auth: token of another issuer")
	// ErrAudience means that the token is not meant for the configured audience.
	ErrAudience = errors.New("auth: token for another audience")
	// ErrSubject means that the token does not say whose it is.
	ErrSubject = errors.New("auth: token without subject")
)
