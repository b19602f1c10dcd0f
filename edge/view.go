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
	fresh, ok := parseFreshness(q.r.URL.Query())
	if !ok {
		return refuse(http.StatusBadRequest, "consistency has to be linearizable, session or eventual, and max_age_ms an integer from 0 to 2^53-1")
	}
	if q.cursor != nil {
		fresh.revision = q.cursor.Revision
	}
	q.awaitNothing()
	got, err := q.look(ctx, fresh)
	switch {
	case err != nil:
		return failed(err)
	case got.Has(wire.Refused):
		return rejected(got)
	}
	h := q.w.Header()
	h.Set("ETag", `"`+wire.Cursor{Epoch: got.Epoch, Revision: got.Revision}.String()+`"`)
	h.Set("Cache-Control", "private, no-cache")
	sayAge(h, got)
	if got.Has(wire.Resumed) {
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	q.reply(mediaJSON, got.Data)
	return nil
}

// look asks for the view, a mirror where that may answer.
func (q *question) look(ctx context.Context, fresh freshness) (*wire.Envelope, error) {
	env := wire.Envelope{Kind: wire.KindView, Claims: q.claims, Data: []byte(has(q.r.Header))}
	if fresh.weak() {
		weak := env
		fresh.mark(&weak)
		if got, ok := q.edge.askMirror(ctx.Done(), q.category, q.id, &weak); ok {
			return got, nil
		}
	}
	return q.edge.ask(ctx, q.category, q.id, &env)
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
