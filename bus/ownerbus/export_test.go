package ownerbus

import "github.com/tutti-rt/tutti/wire"

// Hear has a router take what a node tells it alone.
func (b *Bus) Hear(e *wire.Envelope) { b.hear(e) }
