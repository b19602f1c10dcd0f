package edge

import (
	"context"
	"net/http"
	"strconv"

	"github.com/tutti-rt/tutti/wire"
)

// maxKeyBytes bounds an Idempotency-Key.
const maxKeyBytes = 64

// postCall has the entity carry out one command of somebody without a connection.
func (x *exchange) postCall() *problem {
	env := &wire.Envelope{Kind: wire.KindCall}
	var p *problem
	if env.Key, p = idempotencyKey(x.r.Header); p != nil {
		return p
	}
	return x.ask(func(ctx context.Context, q *question) *problem { return q.call(ctx, env) })
}

func (q *question) call(ctx context.Context, env *wire.Envelope) *problem {
	env.Claims = q.claims
	if p := q.readCall(env); p != nil {
		return p
	}
	q.leaves(env)
	got, err := q.edge.ask(ctx, q.category, q.id, env)
	switch {
	case err != nil:
		return failed(err)
	case got.Has(wire.Refused):
		return rejected(got)
	}
	q.w.Header().Set("Cache-Control", "no-store")
	head := strconv.AppendUint([]byte(`{"rev":`), got.Revision, 10)
	if len(got.Data) == 0 {
		q.reply(mediaJSON, append(head, "}\n"...))
		return nil
	}
	q.reply(mediaJSON, append(head, `,"reply":`...), got.Data, []byte("}\n"))
	return nil
}

// readCall reads what the body asks for.
func (q *question) readCall(env *wire.Envelope) *problem {
	b, p := q.readBody()
	if p != nil {
		return p
	}
	defer b.free()
	if p := q.stands(); p != nil {
		return p
	}
	if p := q.charge(1, len(b.data)); p != nil {
		return p
	}
	f, err := wire.DecodeCall(b.data)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if len(f.Data) > q.edge.limits.CommandData {
		return refuse(http.StatusRequestEntityTooLarge, "the data is too large").coded(wire.CodeTooLarge)
	}
	env.Name = f.Name
	if f.HasExpect {
		env.Flags, env.Expect = env.Flags|wire.HasExpect, f.Expect
	}
	if env.Data, err = wire.CompactJSON(make([]byte, 0, len(f.Data)), f.Data); err != nil {
		return refuse(http.StatusBadRequest, "the data is no JSON")
	}
	return nil
}

// idempotencyKey returns the key in the headers, "" when there is none.
func idempotencyKey(h http.Header) (string, *problem) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	ok := len(values) == 1 && len(key) >= 1 && len(key) <= maxKeyBytes
	for i := range len(key) {
		ok = ok && key[i] > ' ' && key[i] < 0x7f
	}
	if !ok {
		return "", refuse(http.StatusBadRequest, "Idempotency-Key has to be 1 to 64 visible ASCII characters, once")
	}
	return key, nil
}
