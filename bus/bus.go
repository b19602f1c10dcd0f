// Package bus is the contract of what carries envelopes between edges and the owners of entities.
package bus

import (
	"errors"
	"strconv"

	"github.com/tutti-rt/tutti/wire"
)

var (
	// ErrNobody means that nobody listens at the address just now; the envelope is gone.
	ErrNobody = errors.New("bus: nobody listens there")
	// ErrFull means that the lane's bound is reached; the envelope is gone.
	ErrFull = errors.New("bus: lane is full")
	// ErrClosed means that the bus has been closed.
	ErrClosed = errors.New("bus: closed")
)

// Bus carries envelopes: at most once, in order for one sender and address on one lane. It may lose
// any of them without a word. It is safe for concurrent use.
type Bus interface {
	// Send hands e over for delivery and does not wait for it. The caller changes nothing of e
	// afterwards. An error means that e will not arrive; nil promises nothing.
	Send(lane string, to Address, e *wire.Envelope) error
	// Listen calls take for every envelope that arrives at the address, one at a time for one
	// sender and lane, until stop is called; when stop has returned, no call is under way. take must not
	// block: it is called on the sender's goroutine or on that of a connection. It keeps e as long
	// as it likes and changes nothing of it. One listener for each address: a second one is an error.
	Listen(at Address, take func(e *wire.Envelope)) (stop func(), err error)
	// Close stops delivery; calls under way may still be when it returns. Sending and listening
	// are errors from then on.
	Close() error
}

// Router is a Bus that knows where the owner of a partition is, and says so when one has come.
type Router interface {
	Bus
	// Owners has moved called whenever an owner has come to an address that Owner returns, also the first one, until stop is
	// called, and also when something may have been lost between this node and that owner. It is not called for owners that had come before.
	// Envelopes sent there afterwards reach that owner or a later one, or nobody. moved must not block.
	Owners(moved func(at Address)) (stop func())
	// Reaches reports whether an owner may come to the address that this node hears of. It is false on the smaller side of a cut
	// network. Then nothing that is sent there and has no owner waits for one.
	Reaches(at Address) bool
}

// Lossy is a Bus that notices what it has lost.
type Lossy interface {
	Bus
	// Losses has lost called when envelopes of another node have not come to an address at which this one listens, until stop is
	// called. What was lost is not known, and some may be told of more than once, or though nothing was lost. lost must not block.
	Losses(lost func(Loss)) (stop func())
}

// Loss is envelopes that have not come.
type Loss struct {
	At   Address // that they were sent to
	All  bool    // they were broadcast
	From string  // the node that has sent them; empty: any
}

// Address is where envelopes go to: an edge, whoever owns a partition, a shard of the directory of subjects.
type Address string

// Edge returns the address of the edge of that name.
func Edge(name string) Address { return Address("edge." + name) }

// Directory returns the address of a shard of the directory of subjects.
func Directory(shard int) Address { return Address("online." + strconv.Itoa(shard)) }

// Reporter returns the address at which the edge of that name hears from the directory of subjects.
func Reporter(edge string) Address { return Address("online.edge." + edge) }

// Edges is the address at which edges tell all state nodes that they are there.
const Edges Address = "edges"

// Owner returns the address of the owner of a partition.
func Owner(pool string, partition int) Address {
	return Address("owner." + pool + "." + strconv.Itoa(partition))
}

// Mirror returns the address of a node's mirror of a partition, of which it holds a replica and which another node owns.
func Mirror(node, pool string, partition int) Address {
	return Address("mirror." + node + "." + pool + "." + strconv.Itoa(partition))
}
