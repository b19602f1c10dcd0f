package ownerbus

import (
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Hear has a router take what a node tells it alone.
func (b *Bus) Hear(e *wire.Envelope) { b.hear(e) }

// Lost tells a router of a loss of the bus below.
func (b *Bus) Lost(l bus.Loss) { b.lost(l) }
