package tuttitest

import (
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/wire"
)

// Option says something about one message of a [Spec], or about a connection to a [Platform].
type Option func(m *message)

// message is one message and everything about it that a handler can see.
type message struct {
	id      string
	claims  tutti.Claims
	member  string
	from    tutti.Entity
	now     time.Time
	sentAt  time.Time
	members []tutti.Member
	seed    [2]uint64

	// Of connections to a platform.
	conn               string
	cursor             wire.Cursor
	presence, sendOnly bool
}

// As says who sends the message: the subject of the token, which is also the member id, so that a
// specification reads well. On a platform member ids tell nothing.
func As(subject string) Option {
	return func(m *message) { m.claims.Subject, m.member = subject, subject }
}

// Claims says who sends the message, with all that the token says. The member id is the subject.
func Claims(c tutti.Claims) Option {
	return func(m *message) { m.claims, m.member = c, c.Subject }
}

// Claim adds one claim to those of the sender.
func Claim(name string, value any) Option {
	return func(m *message) {
		extra := map[string]any{name: value}
		for k, v := range m.claims.Extra {
			if k != name {
				extra[k] = v
			}
		}
		m.claims.Extra = extra
	}
}

// At says when: the time of this turn and of those after it, until another At.
func At(now time.Time) Option { return func(m *message) { m.now = now } }

// SentAt says when the message came in at its edge; without it, at the time of the turn.
func SentAt(t time.Time) Option { return func(m *message) { m.sentAt = t } }

// Seed sets the turn's randomness.
func Seed(a, b uint64) Option { return func(m *message) { m.seed = [2]uint64{a, b} } }

// ID says which entity the specification is about; without it, "1". It stays until another ID.
func ID(id string) Option { return func(m *message) { m.id = id } }

// Present says who is at the entity, now and in later turns, until another Present.
func Present(members ...tutti.Member) Option {
	return func(m *message) { m.members = members }
}

// WithPresence has the platform tell the client who is at the entity.
func WithPresence() Option { return func(m *message) { m.presence = true } }

// SendOnly makes a connection that gets answers to what it sends, and no events.
func SendOnly() Option { return func(m *message) { m.sendOnly = true } }

// Conn gives the connection its name, 16 to 64 letters and digits, instead of one at random.
func Conn(name string) Option { return func(m *message) { m.conn = name } }

// From has the connection go on after the last event that an earlier one received.
func From(cursor wire.Cursor) Option { return func(m *message) { m.cursor = cursor } }

// Raw is a message or event as it comes from the wire or from the journal, for what the application's
// types cannot say: data that does not decode, or the bytes that an older version stored.
type Raw struct{ Name, Data string }
