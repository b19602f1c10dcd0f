package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// RemoteConfig says where a Remote reads. Zero fields mean the defaults named there.
type RemoteConfig struct {
	// Nodes are the operator's URLs of one or several nodes, as http://127.0.0.1:9090; at least one. Nodes that these name are asked as well.
	Nodes []string
	Token string // the operator's
	// Client sends the requests. Nil: one that keeps no connections.
	Client *http.Client
	// Silence is how long a node may say nothing (default 30 s; nodes say something every 10 s) before the next one is asked.
	Silence time.Duration
	// Patience is how long nodes are tried after a stream was lost (default 30 s). Without a stream before, each is tried once.
	Patience time.Duration
	Backoff  Backoff
	Logger   *slog.Logger // gets why another node is asked; nil discards
}

// Remote is the Source that reads at nodes, over HTTP. When one is lost it goes on at another, and checks that nothing is missing
// or comes again: that each stream begins where the one before ended, that places rise, and that revisions of an entity follow each other.
type Remote struct {
	config RemoteConfig
	secure bool // every node is reached by HTTPS, so others must be, too
}

var _ Source = (*Remote)(nil)

// NewRemote returns a Source that reads at nodes.
func NewRemote(c RemoteConfig) (*Remote, error) {
	var errs []error
	secure := true
	if len(c.Nodes) == 0 {
		errs = append(errs, errors.New("no node is named"))
	}
	for _, n := range c.Nodes {
		scheme, err := checkNode(n)
		errs = append(errs, err)
		secure = secure && scheme == "https"
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	if c.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives, t.DisableCompression, t.ForceAttemptHTTP2 = true, true, false
		c.Client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	c.Silence = cmp.Or(max(c.Silence, 0), 30*time.Second)
	c.Patience = cmp.Or(max(c.Patience, 0), 30*time.Second)
	c.Backoff = c.Backoff.withDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Remote{c, secure}, nil
}

// checkNode returns the scheme of a node's URL.
func checkNode(node string) (scheme string, err error) {
	u, err := url.Parse(node)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no node's URL, as http://127.0.0.1:9090", node)
	}
	return u.Scheme, nil
}

// Layout asks a node for what a consumer has to know.
func (r *Remote) Layout(ctx context.Context) (l Layout, err error) {
	err = r.anywhere(ctx, 0, func(ctx context.Context, node string) error {
		body, err := r.get(ctx, node, layoutPath, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		return json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&l)
	})
	return l, err
}

// End returns the place at the end of p's log, as far as the node that is asked has it.
func (r *Remote) End(ctx context.Context, p journal.Partition) (at Cursor, err error) {
	err = r.anywhere(ctx, p.Number, func(ctx context.Context, node string) error {
		body, err := r.get(ctx, node, eventsPath, values(p, afterEnd, Filter{}, "0s"))
		if err != nil {
			return err
		}
		defer body.Close()
		l, err := newLines(body).next()
		if err != nil {
			return err
		}
		if at, err = ParseCursor(l.Mark); err == nil && at.Partition != p {
			err = fmt.Errorf("%w: %s", ErrOtherPartition, at)
		}
		return err
	})
	return at, err
}

// anywhere calls ask with one node after the other until one does it, each time for as long as a node may be silent.
func (r *Remote) anywhere(ctx context.Context, first int, ask func(ctx context.Context, node string) error) error {
	t := r.tour(first)
	for {
		node, ok := t.next()
		if !ok {
			return t.unavailable()
		}
		limited, done := context.WithTimeout(ctx, r.config.Silence)
		err := ask(limited, node)
		done()
		if err == nil || ctx.Err() != nil || lasting(err) && !errors.Is(err, ErrFuture) {
			return err
		}
		t.failed(node, err)
	}
}

// Pages yields what p holds behind the cursor, from whichever node serves it. A page that is lost half way comes anew.
func (r *Remote) Pages(ctx context.Context, p journal.Partition, after Cursor, f Filter) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		err := f.Check()
		if err == nil && !after.IsZero() && after.Partition != p {
			err = fmt.Errorf("%w: %s", ErrOtherPartition, after.Partition)
		}
		if err == nil {
			q := &pursuit{Remote: r, partition: p, filter: f, at: after, known: make(map[journal.Entity]uint64)}
			q.yield = func(page Page) bool { return yield(page, nil) }
			err = q.run(ctx)
		}
		if err != nil && !errors.Is(err, errLeft) {
			yield(Page{}, fmt.Errorf("follow %s: %w", p, err))
		}
	}
}

// values are the parameters of a request.
func values(p journal.Partition, after string, f Filter, wait string) url.Values {
	v := url.Values{"pool": {p.Pool}, "partition": {fmt.Sprint(p.Number)}, "category": f.Categories, "event": f.Events}
	for name, value := range map[string]string{"id": f.ID, "after": after, "wait": wait} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// maxAnswer bounds what is read of a refusal.
const maxAnswer = 64 << 10

// get asks a node and returns its answer's body, or the error that the answer stands for.
func (r *Remote) get(ctx context.Context, node, path string, v url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(node, "/")+path+"?"+v.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.config.Token)
	response, err := r.config.Client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	var p problem
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil || json.Unmarshal(text, &p) != nil {
		p = problem{Detail: strings.TrimSpace(string(text[:min(len(text), 200)]))}
	}
	return nil, r.refusal(response.StatusCode, &p)
}

// refusal returns the error that a node's answer stands for.
func (r *Remote) refusal(status int, p *problem) error {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return fmt.Errorf("%w: %d %s", ErrRefused, status, p.Detail)
	}
	for _, c := range codes {
		if c.code == p.Code && c.code != codeDraining {
			return &refusedError{error: fmt.Errorf("%w: %s", c.err, p.Detail), nodes: r.acceptable(p.Nodes)}
		}
	}
	return fmt.Errorf("%d %s %s", status, p.Code, p.Detail)
}

// refusedError is a refusal that may name nodes which have what was asked for.
type refusedError struct {
	error
	nodes []string
}

func (e *refusedError) Unwrap() error { return e.error }

// maxNamed bounds the nodes of one refusal.
const maxNamed = 16

// acceptable returns those of the nodes that may be sent the operator's token.
func (r *Remote) acceptable(nodes []string) []string {
	var ok []string
	for _, n := range nodes[:min(len(nodes), maxNamed)] {
		if scheme, err := checkNode(n); err == nil && (scheme == "https" || !r.secure) {
			ok = append(ok, n)
		}
	}
	return ok
}
