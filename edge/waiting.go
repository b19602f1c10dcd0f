package edge

import "context"

type waitingKey struct{}

// WithWaiting returns a context for requests, with which note is called when one begins to wait as a link, and when it no longer
// does. Such requests are bounded by Limits, so that whoever bounds connections may leave theirs out.
func WithWaiting(ctx context.Context, note func(waiting bool)) context.Context {
	return context.WithValue(ctx, waitingKey{}, note)
}

// noteWaiting tells whoever wants to know that a request begins to wait. The caller calls the result when it no longer does.
func noteWaiting(ctx context.Context) (done func()) {
	note, ok := ctx.Value(waitingKey{}).(func(bool))
	if !ok {
		return func() {}
	}
	note(true)
	return func() { note(false) }
}

// Waiting tells whoever bounds connections (see WithWaiting) that a request of a handler beside the edge lasts, and is bounded by
// that handler. The caller calls the result when it no longer does.
func Waiting(ctx context.Context) (done func()) { return noteWaiting(ctx) }
