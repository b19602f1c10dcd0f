package edge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/wire"
)

// question is a request that waits for an entity's answer and then ends: a call, a view, or frames beside a stream.
type question struct {
	*exchange
	sub    *subject
	bearer *bearer
	claims []byte // JSON
}

// ask answers the exchange with what f makes of it, if there may be one more that waits for an entity. The context ends
// when the answer would come too late, for all when the edge has drained.
func (x *exchange) ask(f func(ctx context.Context, q *question) *problem) *problem {
	claims, p := x.authenticate()
	if p != nil {
		return p
	}
	encoded, err := json.Marshal(claims)
	if err != nil {
		x.edge.log.Error("claims cannot be encoded", "error", err)
		return refuse(http.StatusInternalServerError, "")
	}
	sub, p := x.edge.beginQuestion(claims)
	if p != nil {
		return p
	}
	defer x.edge.endQuestion(sub)
	ctx, cancel := context.WithTimeout(x.r.Context(), x.edge.timing.Call)
	defer cancel()
	defer x.edge.cut.add(cancel)()
	return f(ctx, &question{exchange: x, sub: sub, bearer: x.bearer(claims), claims: encoded})
}

func (e *Edge) beginQuestion(claims tutti.Claims) (*subject, *problem) {
	e.opening.RLock()
	defer e.opening.RUnlock()
	if e.asksNoMore {
		return nil, e.stops().coded(wire.CodeUnavailable)
	}
	if e.count.questions.Add(1) > int64(e.limits.Calls) {
		e.count.questions.Add(-1)
		e.count.rateLimit.Add(1)
		return nil, unavailable("too many requests are under way").coded(wire.CodeOverloaded)
	}
	sub, ok := e.subjects.ask(claims.Subject, e.now(), &e.limits)
	if !ok {
		e.count.questions.Add(-1)
		e.count.rateLimit.Add(1)
		return nil, refuse(http.StatusTooManyRequests, "too many requests of the subject are under way").coded(wire.CodeRateLimited).retry(time.Second)
	}
	e.open.Add(1)
	return sub, nil
}

func (e *Edge) endQuestion(sub *subject) {
	e.subjects.answered(sub)
	e.count.questions.Add(-1)
	e.open.Done()
}

// stands refuses a bearer who was terminated while the body came.
func (q *question) stands() *problem {
	if _, ok := q.edge.terminated(q.bearer); ok {
		return unauthorized(tokenTerminated)
	}
	return nil
}

// charge counts frames of the subject as if they had come over a link.
func (q *question) charge(frames, bytes int) *problem {
	if q.sub.takeMany(q.edge.now(), frames, bytes, &q.edge.limits) {
		return nil
	}
	q.edge.count.rateLimit.Add(1)
	return refuse(http.StatusTooManyRequests, "the subject sends too much").coded(wire.CodeRateLimited).retry(time.Second)
}

// late is the problem of an answer that has not come, of something that may yet be carried out.
func late() *problem {
	return refuse(http.StatusGatewayTimeout, "the entity has not answered: whether it has carried out what was asked is not known; "+
		"the same may be sent again with the same key or ids").coded(wire.CodeUnknown).retry(time.Second)
}

// failed is the problem of an answer that cannot be had.
func failed(err error) *problem {
	if errors.Is(err, ErrUnavailable) {
		return unavailable("nobody serves this entity just now").coded(wire.CodeUnavailable)
	}
	return late()
}

// rejected is the problem of what an entity has refused.
func rejected(env *wire.Envelope) *problem {
	p := refuse(http.StatusUnprocessableEntity, env.Message).coded(env.Code)
	switch env.Code {
	case wire.CodeInternal:
		p.status = http.StatusInternalServerError
	case wire.CodeUnknown:
		p.status = http.StatusGatewayTimeout
		return p.retry(time.Second)
	case wire.CodeOverloaded, wire.CodeUnavailable:
		p.status = http.StatusServiceUnavailable
		return p.retry(time.Second)
	case wire.CodeRateLimited:
		p.status = http.StatusTooManyRequests
		return p.retry(time.Second)
	case wire.CodeConflict:
		p.status = http.StatusConflict
	case wire.CodeForbidden:
		p.status = http.StatusForbidden
	case wire.CodeUnknownCommand:
		p.status = http.StatusNotFound
	case wire.CodeTooLarge:
		p.status = http.StatusRequestEntityTooLarge
	}
	if env.Has(wire.Denied) && env.Code != wire.CodeInternal {
		p.status = http.StatusForbidden
	}
	return p
}
