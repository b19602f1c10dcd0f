package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

var (
	// ErrClosed means that the client was closed.
	ErrClosed = errors.New("client: closed")
	// ErrOffline means that there is no link just now, for something that is not worth waiting.
	ErrOffline = errors.New("client: offline")
	// ErrBusy means that the link takes less than is sent, for something that is not worth waiting.
	ErrBusy = errors.New("client: link is busy")
	// ErrFateUnknown means that a command was sent and may have had its effect or not: the platform
	// has forgotten the connection, or nobody waited for the answer.
	ErrFateUnknown = errors.New("client: it is not known whether the command had its effect")

	errGap    = errors.New("client: gap in the stream of events")
	errFresh  = errors.New("client: fresh state wanted")
	errSwitch = errors.New("client: another transport wanted")
	errMute   = errors.New("client: nothing heard from the server")
)

// Rejected is the entity's or the platform's "no" to a command or query. It changed nothing.
type Rejected struct{ Code, Message string }

// Error returns the code and the message.
func (r *Rejected) Error() string { return "rejected: " + r.Code + ": " + r.Message }

// Terminated is the server's last word on a link.
type Terminated struct {
	Code, Message string
	Reconnect     bool          // the client comes back by itself
	After         time.Duration // how long it waits first
}

// Error returns the code and the message.
func (t *Terminated) Error() string {
	if t.Message == "" {
		return "terminated: " + t.Code
	}
	return "terminated: " + t.Code + ": " + t.Message
}

// Refused is the answer of a server that did not let the client connect.
type Refused struct {
	Status     int           // of HTTP
	Detail     string        // what the server said, may be empty
	RetryAfter time.Duration // what the server asked for

	explained bool   // with a body as the protocol has it
	code      string // of that body; empty: it has none
	elsewhere bool   // another edge may be asked at once
}

// Error returns the status and the detail.
func (r *Refused) Error() string {
	if r.Detail == "" {
		return "refused with status " + strconv.Itoa(r.Status)
	}
	return fmt.Sprintf("refused with status %d: %s", r.Status, r.Detail)
}

// unavailable reports whether the platform has said that nobody serves the entity, and that the request has done nothing.
func (r *Refused) unavailable() bool {
	return r.explained && r.Status == http.StatusServiceUnavailable && r.code == wire.CodeUnavailable && !r.elsewhere
}

// final reports whether another attempt would get the same answer. A conflict is with another request of the connection, such
// as one that was given up and came late.
func (r *Refused) final() bool {
	return r.Status >= 300 && r.Status < 500 && r.Status != 408 && r.Status != 409 && r.Status != 425 && r.Status != 429
}
