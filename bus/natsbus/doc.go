// Package natsbus is the bus on core NATS: a server within each node, which routes join to the others, or a NATS elsewhere.
//
// Every lane is a connection of its own, and with servers of this package an account with routes of its own, so that no
// queue on the way is shared between lanes. An address is the subject
//
//	tutti.<cluster>.<lane>.<address>
//
// in which letters, digits, - and _ stand for themselves, a dot is / and every other byte is %XX; what is broadcast to an address has
// "all" before it. Envelopes that wait for the same address leave as one message. One that is larger than a message leaves in parts,
// between which other addresses have their turn.
//
// Envelopes for an address that listens on the same bus are handed over by a call, and those alone: a bus never hears on NATS
// what it has sent itself, so that nothing which left before somebody came to listen arrives behind what came after.
//
// Whoever listens at the same address on two buses gets every envelope twice, once at each: NATS knows no better, and addresses
// that may be held twice for a moment are what bus.Router is for.
package natsbus
