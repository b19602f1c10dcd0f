package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/tutti-rt/tutti/internal/turn"
)

// identity makes the names that the platform gives out. They are keyed by the journal's id or that of the cluster, so that
// they stay the same as long as the history does, and so that nobody can guess them.
type identity struct{ key []byte }

func newIdentity(name string) identity {
	sum := sha256.Sum256([]byte("tutti identity\x00" + name))
	return identity{sum[:]}
}

// member returns what others at the entity see of a connection.
func (id identity) member(e turn.Entity, conn string) string {
	return id.name("member", e, conn)
}

// caller returns what others at the entity see of somebody who commands it without a connection: the same for all commands of
// a subject.
func (id identity) caller(e turn.Entity, sub string) string {
	return id.name("caller", e, sub)
}

// epoch names the stream of a durable entity's events as one audience sees it.
func (id identity) epoch(e turn.Entity, audience string) string {
	return id.name("epoch", e, audience)
}

// newEpoch names the stream of one activation of an ephemeral entity.
func (id identity) newEpoch() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// name returns 16 characters: 96 bits of a keyed hash.
func (id identity) name(use string, e turn.Entity, s string) string {
	h := hmac.New(sha256.New, id.key)
	for _, part := range []string{use, e.Category, e.ID, s} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

// Members returns what names the members of entities as a node does that has that Identity, or whose journal has that ID.
func Members(identity string) func(category, id, conn string) string {
	ids := newIdentity(identity)
	return func(category, id, conn string) string {
		return ids.member(turn.Entity{Category: category, ID: id}, conn)
	}
}
