package peer

import (
	"errors"
	"fmt"
)

// Reason says why one node refuses another.
type Reason uint8

// Reasons for refusal.
const (
	_                 Reason = iota
	ReasonVersion            // the protocol is older or newer
	ReasonCluster            // the name of the cluster is another
	ReasonSelf               // the node has reached itself
	ReasonDuplicate          // another living process has the same number
	ReasonWrongNode          // the address is another node's
	ReasonCertificate        // the certificate is another node's
	ReasonStranger           // the node is no member here
	ReasonService            // there is no such service
	ReasonBusy               // as many streams as there may be are open
	ReasonFailed             // the service has failed
	ReasonStanding           // there is a connection already
)

// Refusal is the error of a connection, stream or call that was refused, by the other node or by this one.
type Refusal struct {
	Reason Reason
	Text   string
}

// Error says why, in words.
func (r *Refusal) Error() string { return "refused: " + r.Text }

func refusal(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

var (
	// ErrUnknownNode means that nobody has set the address of that node.
	ErrUnknownNode = errors.New("peer: no address of that node")
	// ErrTooLarge means that a request or an answer is longer than MaxFrame.
	ErrTooLarge = errors.New("peer: too large")

	errSilent   = errors.New("peer: nothing heard")
	errReplaced = errors.New("peer: another connection took its place")
	errRemoved  = errors.New("peer: node removed")
	errStopped  = errors.New("peer: stopped")
)
