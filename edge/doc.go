// Package edge is the part of the platform that speaks to devices. It owns no entity: it checks
// tokens, turns the frames of clients into envelopes for the owners of entities, and hands what the
// owners answer to the links.
//
// For every entity and audience an edge keeps one ring of bytes that are ready for the wire. A link
// is a position in that ring, and what is meant for one link alone waits at the link for its place
// in the ring. Sweep workers own the links: each hands its links the bytes between their position
// and the head, in one write that does not wait. A socket that takes no more freezes its link's
// position and nothing else, and gets a goroutine until it does.
//
// What differs between kinds of links is behind two small types: transport (the bytes around a frame, and how an HTTP
// exchange becomes a link) and socket (the way to the client). docs/fanout.md explains the rest.
package edge
