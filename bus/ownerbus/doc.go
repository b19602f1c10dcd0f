// Package ownerbus finds the owner of a partition at whichever node it is.
//
// It is a bus around another. An owner listens at bus.Owner, which this package turns into an address of the partition at its
// node, and tells all nodes what it owns: whenever that changes, when somebody new asks, and every few seconds. The newest ownership
// counts, by its term. Whoever sends to bus.Owner sends to the node that is known to own the partition. While none is, envelopes wait,
// in order, for a bounded time and in bounded number. What arrives at a node that owns the partition no more is passed on to
// the one that does, once: what is passed on goes to an address of its own, from which nothing is passed on again.
package ownerbus
