package edge

import (
	"context"
	"net/http"
	"strings"

	"github.com/tutti-rt/tutti/wire"
)

// getView answers with the present view, or says that the client has it.
func (x *exchange) getView() *problem {
	if p := x.parseLink(false); p != nil {
		return p
	}
	return x.ask(func(ctx context.Context, q *question) *problem { return q.view(ctx) })
}

func (q *question) view(ctx context.Context) *problem {
	if p := q.charge(1, 0); p != nil {
		return p
	}
	q.awaitNothing()
	got, err := q.edge.ask(ctx, q.category, q.id, &wire.Envelope{
		Kind: wire.KindView, Claims: q.claims, Data: []byte(has(q.r.Header)),
	})
	switch {
	case err != nil:
		return failed(err)
	case got.Has(wire.Refused):
		return rejected(got)
	}
	h := q.w.Header()
	h.Set("ETag", `"`+wire.Cursor{Epoch: got.Epoch, Revision: got.Revision}.String()+`"`)
	h.Set("Cache-Control", "private, no-cache")
	if got.Has(wire.Resumed) {
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	q.reply(mediaJSON, got.Data)
	return nil
}

// maxEntityTags is how many entity tags of a request are looked at.
const maxEntityTags = 64

// has returns the cursors that If-None-Match names, separated by spaces, or "*". What is no entity tag of ours matches
// nothing.
func has(h http.Header) string {
	var cursors []string
	for _, line := range h.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" {
				return "*"
			}
			tag = strings.TrimPrefix(tag, "W/")
			if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' || len(cursors) == maxEntityTags {
				continue
			}
			if c, err := wire.ParseCursor(tag[1 : len(tag)-1]); err == nil {
				cursors = append(cursors, c.String())
			}
		}
	}
	return strings.Join(cursors, " ")
}
