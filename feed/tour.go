package feed

import (
	"errors"
	"fmt"
	"slices"
)

// tour is one look for a node: each of those that are configured, and those that these name, once.
type tour struct {
	remote *Remote
	left   []string
	asked  []string
	errs   []error
}

// tour begins with the configured node of that number, so that partitions spread over them.
func (r *Remote) tour(first int) *tour {
	n := r.config.Nodes
	at := first % len(n)
	return &tour{remote: r, left: slices.Concat(n[at:], n[:at])}
}

// next returns a node to ask, and false when all have been asked.
func (t *tour) next() (string, bool) {
	for len(t.left) > 0 {
		node := t.left[0]
		t.left = t.left[1:]
		if !slices.Contains(t.asked, node) {
			t.asked = append(t.asked, node)
			return node, true
		}
	}
	return "", false
}

// failed notes why a node does not serve, and which others it named.
func (t *tour) failed(node string, err error) {
	t.remote.config.Logger.Info("node does not serve", "node", node, "err", err)
	t.errs = append(t.errs, fmt.Errorf("%s: %w", node, err))
	if e, ok := errors.AsType[*refusedError](err); ok && len(t.asked) < 2*maxNamed {
		t.left = slices.Concat(e.nodes, t.left)
	}
}

// unavailable returns the error when all have been asked: that the cursor is from the future when all who answered say so.
func (t *tour) unavailable() error {
	for _, err := range t.errs {
		if !errors.Is(err, ErrFuture) {
			return fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(t.errs...))
		}
	}
	return errors.Join(t.errs...)
}
