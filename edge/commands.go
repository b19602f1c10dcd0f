package edge

import (
	"context"
	"net/http"
)

// postCommands carries out what the body asks for: one command, or frames of a connection that the query names.
func (x *exchange) postCommands() *problem {
	if p := x.parseLink(false); p != nil {
		return p
	}
	if x.conn == "" {
		return x.postCall()
	}
	if x.r.Header.Get("Idempotency-Key") != "" {
		return refuse(http.StatusBadRequest, "the commands of a connection have ids and no key")
	}
	p := x.ask(func(ctx context.Context, q *question) *problem { return q.postFrames(ctx) })
	if p != nil && p.stops {
		p.code = "" // with one the frames would count as rejected: their client can send them again when it has come back
	}
	return p
}
