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
