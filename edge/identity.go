package edge

import (
	"context"
	"net/http"
	"strings"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/edge/internal/websock"
)

const bearerPrefix = "bearer."

// authenticate returns what the exchange says of its client. The entity and the connection that it names have been read.
func (x *exchange) authenticate() (tutti.Claims, *problem) {
	claims, p := x.claims()
	if p == nil {
		p = x.edge.notTerminated(x.r.Context(), x.bearer(claims))
	}
	return claims, p
}

// claims returns those of its token, or of its ticket.
func (x *exchange) claims() (tutti.Claims, *problem) {
	if t := token(x.r); t != "" {
		return x.edge.authenticate(x.r.Context(), t)
	}
	if t := ticket(x.r); t != "" {
		return x.redeem(t)
	}
	return tutti.Claims{}, unauthorized("there is neither a token nor a ticket")
}

// authenticate returns what a token says of its bearer.
func (e *Edge) authenticate(ctx context.Context, token string) (tutti.Claims, *problem) {
	ctx, cancel := context.WithTimeout(ctx, e.timing.Verify)
	defer cancel()
	claims, err := e.verifier.Verify(ctx, token)
	if err != nil {
		e.log.Debug("token refused", "error", err)
		return tutti.Claims{}, unauthorized("the token is not valid")
	}
	return claims, nil
}

func unauthorized(detail string) *problem {
	return refuse(http.StatusUnauthorized, detail).with("WWW-Authenticate", "Bearer")
}

// token returns the bearer token of the Authorization header or of a subprotocol, or "".
func token(r *http.Request) string {
	const scheme = "bearer "
	if a := r.Header.Get("Authorization"); len(a) > len(scheme) && strings.EqualFold(a[:len(scheme)], scheme) {
		return strings.TrimSpace(a[len(scheme):])
	}
	for _, p := range websock.Tokens(r.Header, "Sec-WebSocket-Protocol") {
		if t, ok := strings.CutPrefix(p, bearerPrefix); ok {
			return t
		}
	}
	return ""
}
