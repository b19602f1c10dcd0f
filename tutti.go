package tutti

import "github.com/tutti-rt/tutti/internal/turn"

// Entity names one entity by its category and id; its String is category/id.
type Entity = turn.Entity

// Claims is what a token says of its bearer.
type Claims = turn.Claims

// Member is a connection at an entity, as others see it.
type Member = turn.Member

// Options are a category's settings.
type Options = turn.Options

// Rejection is the domain's "no" to a command: an answer, not a failure.
type Rejection = turn.Rejection

// Reject returns the *Rejection that a handler answers with when it declines. Nothing of the turn
// happens then, and the client gets code and message. The platform has codes of its own (invalid,
// forbidden, unknown_command, conflict, overloaded, too_large, rate_limited, unavailable, forgotten,
// internal); of these an application uses the first two, and conflict, as they fit.
func Reject(code, message string) error { return &Rejection{Code: code, Message: message} }
