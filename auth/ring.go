package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ring holds the keys of one source as they were last read.
type ring struct {
	source Source
	c      *Config
	log    *slog.Logger
	keys   atomic.Pointer[[]key] // nil until the source has been read
	wanted chan struct{}         // asks run to read now

	last   []byte // what keys was parsed from; belongs to run, once it is called
	failed bool   // the last read failed; belongs to run

	mu      sync.Mutex
	running bool          // run is under way
	reading bool          // run reads just now
	tried   time.Time     // when the last read began
	read    chan struct{} // closed when the read under way, or the next one, is over
}

// newRing returns the ring of a source, with its keys where they can be had without a network.
func newRing(s Source, c *Config) (*ring, error) {
	if s.parse == nil {
		return nil, errors.New("auth: a source of keys is empty")
	}
	r := &ring{
		source: s, c: c, log: c.Logger.With("keys", s.name),
		wanted: make(chan struct{}, 1), read: make(chan struct{}),
	}
	if s.exposed() {
		r.log.Warn("keys come over plain http: whoever is on the way can put others in their place")
	}
	if s.url != "" {
		return r, nil
	}
	data := s.secret
	if s.path != "" {
		var err error
		if data, err = readFile(s.path); err != nil {
			return nil, fmt.Errorf("auth: read keys: %w", err)
		}
	}
	if err := r.take(data); err != nil {
		return nil, fmt.Errorf("auth: keys of %s: %w", s.name, err)
	}
	return r, nil
}

// load returns the keys as last read.
func (r *ring) load() []key {
	if keys := r.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// take parses keys and puts them in the place of the old ones. Bytes that are the same as before
// change nothing.
func (r *ring) take(data []byte) error {
	if r.last != nil && bytes.Equal(data, r.last) {
		return nil
	}
	keys, err := r.source.parse(data, func(id string, why error) {
		r.log.Warn("key skipped", "kid", id, "error", why)
	})
	if err != nil {
		return err
	}
	r.last = bytes.Clone(data)
	r.keys.Store(&keys)
	r.log.Info("keys read", "count", len(keys))
	return nil
}

// run reads the source until ctx is done: from time to time, and when refetch asks for it.
func (r *ring) run(ctx context.Context) {
	r.mu.Lock()
	r.running = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running = false
		close(r.read) // nobody waits for a read that never comes
		r.read = make(chan struct{})
		r.mu.Unlock()
	}()
	for ctx.Err() == nil {
		r.readOnce(ctx)
		timer := time.NewTimer(r.pause())
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.wanted:
		}
		timer.Stop()
	}
}

// pause returns how long to wait before the source is read again.
func (r *ring) pause() time.Duration {
	switch {
	case r.source.path != "":
		return r.c.Poll
	case r.failed:
		return r.c.Retry
	default:
		return r.c.Refresh
	}
}

func (r *ring) readOnce(ctx context.Context) {
	r.mu.Lock()
	r.reading, r.tried = true, time.Now()
	r.mu.Unlock()
	select {
	case <-r.wanted: // whoever asked waits for this read
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	data, err := r.source.read(ctx, r.c.Client)
	if err == nil {
		err = r.take(data)
	}
	switch {
	case err != nil && !r.failed && ctx.Err() != context.Canceled:
		r.log.Error("keys cannot be read, the old ones stay", "error", err, "count", len(r.load()))
	case err == nil && r.failed:
		r.log.Info("keys can be read again", "count", len(r.load()))
	}
	r.failed = err != nil
	r.mu.Lock()
	r.reading = false
	close(r.read)
	r.read = make(chan struct{})
	r.mu.Unlock()
}

// refetch has the source read by run, unless that was done a moment ago, and waits for it.
// It reports whether a read came to an end since it was called.
func (r *ring) refetch(ctx context.Context) bool {
	r.mu.Lock()
	read, reading := r.read, r.reading
	idle := !r.running || (!reading && time.Since(r.tried) < r.c.Retry)
	r.mu.Unlock()
	if idle {
		return false
	}
	if !reading {
		select {
		case r.wanted <- struct{}{}:
		default: // somebody has asked already
		}
	}
	select {
	case <-read:
		return true
	case <-ctx.Done():
		return false
	}
}
