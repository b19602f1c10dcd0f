package node

import (
	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/edge"
)

// limitOptions are the flags that bound what clients may do.
type limitOptions struct {
	ints map[string]*int
}

// limitFlags are the flags and what they are for; a value of 0 is the edge's default.
var limitFlags = []struct {
	name, usage string
	field       func(*edge.Limits) *int
}{
	{"max-links", "WebSockets of this node (default 100000)", func(l *edge.Limits) *int { return &l.Links }},
	{"max-links-per-sub", "WebSockets of one subject (default 2000)", func(l *edge.Limits) *int { return &l.SubLinks }},
	{"max-frame-bytes", "bytes of one message of a client (default 1 MiB)", func(l *edge.Limits) *int { return &l.Frame }},
	{"max-command-bytes", "bytes of a command's data (default 64 KiB)", func(l *edge.Limits) *int { return &l.CommandData }},
	{"max-unanswered", "commands of a connection without an answer (default 256)", func(l *edge.Limits) *int { return &l.Unanswered }},
	{"max-frames-per-second", "frames a second of one link (default 20000)", func(l *edge.Limits) *int { return &l.LinkFrames }},
	{"max-bytes-per-second", "bytes a second of one link (default 16 MiB)", func(l *edge.Limits) *int { return &l.LinkBytes }},
	{"max-sub-frames-per-second", "frames a second of one subject (default 200000)", func(l *edge.Limits) *int { return &l.SubFrames }},
	{"max-sub-bytes-per-second", "bytes a second of one subject (default 64 MiB)", func(l *edge.Limits) *int { return &l.SubBytes }},
	{"max-sub-tickets-per-minute", "tickets a minute that one subject may make or bind (default 600)", func(l *edge.Limits) *int { return &l.SubTickets }},
	{"max-handshakes-per-second", "handshakes a second of this node with a valid token (default 10000)", func(l *edge.Limits) *int { return &l.Handshakes }},
}

// register declares the flags and returns their names.
func (o *limitOptions) register(cmd *cobra.Command) []string {
	o.ints = make(map[string]*int)
	names := make([]string, 0, len(limitFlags))
	for _, l := range limitFlags {
		o.ints[l.name] = cmd.Flags().Int(l.name, 0, l.usage)
		names = append(names, l.name)
	}
	return names
}

// edge returns the limits that were given.
func (o *limitOptions) edge() edge.Limits {
	var limits edge.Limits
	for _, l := range limitFlags {
		if given, ok := o.ints[l.name]; ok {
			*l.field(&limits) = *given
		}
	}
	return limits
}
