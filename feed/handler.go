package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Paths of a Handler.
const (
	eventsPath = "/admin/v1/events"
	layoutPath = "/admin/v1/feed"
)

// HandlerConfig says what a Handler serves. Zero fields mean the defaults named there.
type HandlerConfig struct {
	// Source has what is served. Nil: nothing is here, and every stream is refused with the nodes that have it.
	Source Source
	Layout Layout
	// Elsewhere returns the operator's URLs of the nodes that have a replica of p. Nil: none is known.
	Elsewhere func(p journal.Partition) []string
	// Followers is how many streams there may be at once (default 256). More are refused.
	Followers int
	// Stall is how long a follower may take none of what is written to it (default 1 min) before it has to come again.
	Stall time.Duration
	// Waiting is called when a stream begins, and what it returns when it ends. Nil: nothing is.
	Waiting func(ctx context.Context) (done func())
	Logger  *slog.Logger // nil discards
}

// Layout is what a consumer has to know of a node's partitions.
type Layout struct {
	Partitions int               `json:"partitions"` // of each pool
	Pools      map[string]string `json:"pools"`      // by category
}

// Handler serves a node's Source to Remotes. Whoever mounts it lets nobody but operators come to it.
type Handler struct {
	config HandlerConfig

	mu       sync.Mutex // guards what follows
	draining bool
	streams  map[*stream]struct{} // at most Followers
	under    sync.WaitGroup       // of streams; added to under mu, and no more when draining

	items, refused atomic.Uint64
}

// NewHandler returns a Handler.
func NewHandler(c HandlerConfig) *Handler {
	c.Followers = cmp.Or(max(c.Followers, 0), 256)
	c.Stall = cmp.Or(max(c.Stall, 0), time.Minute)
	if c.Source == nil {
		c.Source = nowhere{}
	}
	if c.Waiting == nil {
		c.Waiting = func(context.Context) func() { return func() {} }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{config: c, streams: make(map[*stream]struct{})}
}

// Register mounts the Handler.
func (h *Handler) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+eventsPath, h.events)
	mux.HandleFunc("GET "+layoutPath, h.layout)
}

// Run waits until ctx is done and then ends all streams, each with a line that says so, within a second or two. There
// are no new ones after that. A Handler runs once.
func (h *Handler) Run(ctx context.Context) error {
	<-ctx.Done()
	h.mu.Lock()
	h.draining = true
	all := slices.Collect(maps.Keys(h.streams))
	h.mu.Unlock()
	for _, s := range all {
		s.hurry()
	}
	h.under.Wait()
	return nil
}

// HandlerStats are figures of a Handler.
type HandlerStats struct {
	Followers int    // now
	Items     uint64 // sent
	Refused   uint64 // requests
}

// Stats returns the figures as they are now.
func (h *Handler) Stats() HandlerStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HandlerStats{len(h.streams), h.items.Load(), h.refused.Load()}
}

// enter takes s among the streams, or returns why it cannot.
func (h *Handler) enter(s *stream) *problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch n := len(h.streams); {
	case h.draining:
		return &problem{status: http.StatusServiceUnavailable, Code: codeDraining, Detail: errDraining.Error()}
	case n >= h.config.Followers:
		return &problem{status: http.StatusServiceUnavailable, Code: codeFull, Detail: "there are " + strconv.Itoa(n) + " followers, and may be no more"}
	}
	h.streams[s] = struct{}{}
	h.under.Add(1)
	return nil
}

func (h *Handler) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
	h.under.Done()
}

func (h *Handler) ending() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

func (h *Handler) layout(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(h.config.Layout) // a client that is gone needs no answer
}

func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	q, p := h.parse(r)
	if p == nil {
		p = h.follow(w, r, q)
	}
	if p != nil {
		h.refused.Add(1)
		p.write(w)
	}
}

// serves reports whether there is such a partition.
func (h *Handler) serves(p journal.Partition) bool {
	return p.Number >= 0 && p.Number < h.config.Layout.Partitions && slices.Contains(slices.Collect(maps.Values(h.config.Layout.Pools)), p.Pool)
}

// problem is why there is no stream, as RFC 9457 has it, or why there is no more of one.
type problem struct {
	status int
	Code   string   `json:"code"`
	Detail string   `json:"detail"`
	Nodes  []string `json:"nodes,omitempty"` // that have what is asked for
}

// Codes of problems, and of the line that ends a stream.
const (
	codeCursor         = "cursor"
	codeOtherJournal   = "other_journal"
	codeOtherPartition = "other_partition"
	codeFuture         = "future"
	codeFilter         = "filter"
	codeNoPartition    = "no_partition"
	codeNoReplica      = "no_replica"
	codeFull           = "full"
	codeDraining       = "draining"
	codeWaited         = "waited" // nothing has come for as long as was asked for
	codeFailed         = "failed"
)

// codes are those of errors, and the statuses they are answered with.
var codes = []struct {
	err    error
	code   string
	status int
}{
	{ErrOtherJournal, codeOtherJournal, http.StatusConflict},
	{ErrOtherPartition, codeOtherPartition, http.StatusBadRequest},
	{ErrFuture, codeFuture, http.StatusConflict},
	{ErrCursor, codeCursor, http.StatusBadRequest},
	{ErrFilter, codeFilter, http.StatusBadRequest},
	{ErrNoPartition, codeNoPartition, http.StatusNotFound},
	{journal.ErrNoReplica, codeNoReplica, http.StatusMisdirectedRequest},
	{journal.ErrClosed, codeDraining, http.StatusServiceUnavailable},
}

// problem returns what a follower is told of err.
func (h *Handler) problem(err error, p journal.Partition) *problem {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			out := &problem{status: c.status, Code: c.code, Detail: err.Error()}
			if c.code == codeNoReplica && h.config.Elsewhere != nil {
				out.Nodes = h.config.Elsewhere(p)
			}
			return out
		}
	}
	h.config.Logger.Error("partition cannot be followed", "partition", p.String(), "err", err)
	return &problem{status: http.StatusInternalServerError, Code: codeFailed, Detail: "the log cannot be read: see this node's log"}
}

func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	if p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		*problem
	}{"about:blank", http.StatusText(p.status), p.status, p})
}
