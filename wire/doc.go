// Package wire is the form of everything that leaves a process: the frames of the client protocol,
// cursors and codes, and the envelopes that travel between edges and the owners of entities.
//
// It does no I/O, keeps no state and starts nothing. Every decoder takes bytes from outside: it
// checks them whole, bounds what it allocates by what it was given, and never panics.
package wire
