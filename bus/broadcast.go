package bus

import "github.com/tutti-rt/tutti/wire"

// Broadcaster is a bus with addresses at which many listen. They have nothing to do with those at which one does.
type Broadcaster interface {
	// Broadcast hands e over for all who have joined, on this bus and on others, and does not wait for it. Like Send it keeps
	// the order of one sender, address and lane and may lose e; that nobody has joined is no error.
	Broadcast(lane string, to Address, e *wire.Envelope) error
	// Join calls take for every envelope that is broadcast to the address, under the rules of Listen, except that there
	// may be any number who do.
	Join(at Address, take func(e *wire.Envelope)) (stop func(), err error)
}
