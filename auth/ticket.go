package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti"
)

// ErrTicket means that a text is no ticket of these keys: forged, cut, or of somebody else. Nobody is told which.
var ErrTicket = errors.New("auth: not a ticket")

// MaxTicketBytes bounds the tickets that are looked at: above what the claims of the largest token need.
const MaxTicketBytes = 12 << 10

const (
	ticketSalt   = 18 // bytes; the id of a ticket is their 24 characters
	ticketHeader = 1 + ticketSalt
	ticketFormat = 1
)

// Tickets seals claims into tickets and opens them again. Whoever has the same secret makes and opens the same
// tickets. It is safe for concurrent use.
type Tickets struct{ key []byte }

// NewTickets returns tickets of that secret, whatever else the secret is used for.
func NewTickets(secret []byte) *Tickets {
	return &Tickets{derive(secret, []byte("tutti tickets"))}
}

func derive(key, what []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(what)
	return h.Sum(nil)
}

// Seal returns a ticket that carries the claims and the time, to the millisecond. No two are alike. Its characters are
// those of base64url. The error is ErrTooLarge for claims that no ticket holds.
func (t *Tickets) Seal(c tutti.Claims, at time.Time) (string, error) {
	claims, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("seal a ticket: %w", err)
	}
	sealed := make([]byte, ticketHeader, ticketHeader+binary.MaxVarintLen64+len(claims)+16)
	sealed[0] = ticketFormat
	_, _ = rand.Read(sealed[1:]) // never fails
	plain := append(binary.AppendVarint(nil, at.UnixMilli()), claims...)
	if n := base64.RawURLEncoding.EncodedLen(cap(sealed)); n > MaxTicketBytes {
		return "", fmt.Errorf("%w: a ticket of %d bytes", ErrTooLarge, n)
	}
	return base64.RawURLEncoding.EncodeToString(t.sealer(sealed).Seal(sealed, noNonce[:], plain, sealed)), nil
}

// noNonce is the nonce of every ticket: the key is another one for each.
var noNonce [12]byte

// sealer returns the cipher for the ticket with that header.
func (t *Tickets) sealer(header []byte) cipher.AEAD {
	block, err := aes.NewCipher(derive(t.key, header))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has blocks of 16 bytes
	}
	return aead
}

// Open returns the ticket's id, which tells it from all others, and what was sealed. It compares no times. The error is ErrTicket.
func (t *Tickets) Open(ticket string) (id string, c tutti.Claims, at time.Time, err error) {
	refuse := func() (string, tutti.Claims, time.Time, error) { return "", tutti.Claims{}, time.Time{}, ErrTicket }
	if len(ticket) > MaxTicketBytes {
		return refuse()
	}
	sealed, err := base64.RawURLEncoding.Strict().AppendDecode(nil, []byte(ticket))
	if err != nil || len(sealed) < ticketHeader || sealed[0] != ticketFormat || base64.RawURLEncoding.EncodedLen(len(sealed)) != len(ticket) {
		return refuse() // of another length: it has line breaks, which decoders skip
	}
	header := sealed[:ticketHeader]
	plain, err := t.sealer(header).Open(nil, noNonce[:], sealed[ticketHeader:], header)
	if err != nil {
		return refuse()
	}
	ms, n := binary.Varint(plain)
	if n <= 0 || json.Unmarshal(plain[n:], &c) != nil {
		return refuse()
	}
	return base64.RawURLEncoding.EncodeToString(header[1:]), c, time.UnixMilli(ms), nil
}
