package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// pipe carries a link at the server.
type pipe interface {
	write(frames string) error
	drop()
}

// eventPipe is a stream of server-sent events.
type eventPipe struct {
	w    http.ResponseWriter
	mu   sync.Mutex
	over chan struct{}
	once sync.Once
}

func (p *eventPipe) write(frames string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.over:
		return io.ErrClosedPipe
	default:
	}
	for line := range wire.Frames([]byte(frames)) {
		if _, err := fmt.Fprintf(p.w, "data: %s\n\n", line); err != nil {
			return err
		}
	}
	return http.NewResponseController(p.w).Flush()
}

func (p *eventPipe) drop() { p.once.Do(func() { close(p.over) }) }

// pollPipe is what polls come for.
type pollPipe struct {
	over chan struct{}
	once sync.Once
	wake chan struct{}

	mu     sync.Mutex
	frames []string
	cursor wire.Cursor // after frames
}

func (p *pollPipe) write(frames string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range wire.Frames([]byte(frames)) {
		p.frames = append(p.frames, string(line))
		f, err := wire.DecodeServerFrame(line)
		switch {
		case err != nil:
			return err
		case f.Type == wire.TypeWelcome:
			p.cursor = wire.Cursor{Epoch: f.Epoch, Revision: f.Revision}
		case f.Type == wire.TypeEvent:
			p.cursor.Revision = f.Revision
		}
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

func (p *pollPipe) drop() { p.once.Do(func() { close(p.over) }) }

// take returns all frames as a JSON array, and the cursor after them.
func (p *pollPipe) take() (array string, cursor wire.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.frames) == 0 {
		return "", p.cursor
	}
	array = "[" + strings.Join(p.frames, ", ") + "]"
	p.frames = nil
	return array, p.cursor
}

// stream serves a link as server-sent events.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	p := &eventPipe{w: w, over: make(chan struct{})}
	w.Header().Set("Content-Type", "text/event-stream")
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	l := s.newLink(p, r)
	s.attend(l)
	s.links <- l
	defer s.forsake(l)
	select {
	case <-r.Context().Done():
	case <-p.over:
	}
	p.drop()
	p.mu.Lock() // nobody writes any more
	defer p.mu.Unlock()
	panic(http.ErrAbortHandler)
}

// poll answers one poll.
func (s *server) poll(w http.ResponseWriter, r *http.Request) {
	wait, err := strconv.Atoi(strings.TrimPrefix(r.Header.Get("Prefer"), "wait="))
	if err != nil {
		s.t.Errorf("Prefer is %q", r.Header.Get("Prefer"))
	}
	if r.URL.Query().Get("welcome") == "1" {
		p := &pollPipe{over: make(chan struct{}), wake: make(chan struct{}, 1)}
		l := s.newLink(p, r)
		s.attend(l)
		s.links <- l
	}
	l := s.attended(r)
	if l == nil {
		panic(http.ErrAbortHandler)
	}
	p, ok := l.pipe.(*pollPipe)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	over := time.After(time.Duration(wait) * time.Second)
	for {
		array, cursor := p.take()
		if array != "" {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Tutti-Cursor", cursor.String())
			fmt.Fprint(w, array)
			return
		}
		select {
		case <-p.wake:
		case <-over:
			w.Header().Set("Tutti-Cursor", cursor.String())
			w.WriteHeader(http.StatusNoContent)
			return
		case <-p.over:
			s.forsake(l)
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			s.forsake(l)
			return
		}
	}
}

// post takes what a client says by POST.
func (s *server) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	posted := s.posted
	s.mu.Unlock()
	if posted != nil && posted(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	l := s.attended(r)
	if err != nil || l == nil {
		panic(http.ErrAbortHandler)
	}
	if got := r.Header.Get("Content-Type"); got != "application/x-ndjson" {
		s.t.Errorf("a POST of %s", got)
	}
	for line := range wire.Frames(body) {
		l.got(line)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
}

// answerPosts lets f answer POSTs; true: it has.
func (s *server) answerPosts(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posted = f
}

// attend makes l the one that POSTs and polls of its connection belong to.
func (s *server) attend(l *serverLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present == nil {
		s.present = make(map[string]*serverLink)
	}
	if old := s.present[l.query.Get("conn")]; old != nil {
		old.end()
	}
	s.present[l.query.Get("conn")] = l
}

func (s *server) attended(r *http.Request) *serverLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present[r.URL.Query().Get("conn")]
}

// forsake ends l.
func (s *server) forsake(l *serverLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if conn := l.query.Get("conn"); s.present[conn] == l {
		delete(s.present, conn)
	}
	l.end()
}

// end says that no frames follow.
func (l *serverLink) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		close(l.frames)
	}
}

// got takes a frame of the client.
func (l *serverLink) got(line []byte) {
	f, err := wire.DecodeClientFrame(line)
	if err != nil {
		l.t.Errorf("client sent %s: %v", line, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.frames <- f
	}
}

// transportOf says how r asks to be served.
func transportOf(r *http.Request) client.Transport {
	switch {
	case r.Header.Get("Upgrade") != "":
		return client.WebSocket
	case r.Header.Get("Accept") == "text/event-stream":
		return client.ServerSentEvents
	}
	return client.LongPoll
}

// problem answers as the protocol has it.
func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status}) // the client sees
}
