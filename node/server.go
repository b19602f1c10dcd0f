package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/tutti-rt/tutti/edge"
)

const (
	// headerBytes holds a token of 8 KiB beside what browsers and proxies send.
	headerBytes = 32 << 10
	// shutdownWait is how long requests under way may take once the server ends.
	shutdownWait = 2 * time.Second
	// bodyWait is how long a body that its handler has not read may still take, which the server throws away.
	bodyWait = time.Second
)

// server is one HTTP listener with its limits. WebSockets and streams of events leave it when they are accepted.
type server struct {
	handler     http.Handler
	certificate *certificate // nil: plain HTTP
	connections int          // that may be open at once, links not counted; 0: any number
	writing     time.Duration
	log         *slog.Logger
}

// serve answers on l until ctx is done, and then ends what is still under way. It closes l.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	h := s.build(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		// The caller's time is over; the requests under way have a little of their own.
		wait, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
		defer done()
		if h.Shutdown(wait) != nil {
			_ = h.Close()
		}
	}()
	var err error
	if s.certificate != nil {
		h.TLSConfig = s.certificate.config()
		err = h.ServeTLS(edge.Listener(l), "", "")
	} else {
		err = h.Serve(l)
	}
	cancel()
	<-ended
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *server) build(ctx context.Context) *http.Server {
	h := &http.Server{
		Handler:           s.recovering(s.handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      s.writing,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		Protocols:         new(http.Protocols),
	}
	h.Protocols.SetHTTP1(true) // WebSockets are upgraded from HTTP/1.1
	if s.connections > 0 {
		c := newConnections(s.connections)
		h.ConnState = c.see
		h.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			return edge.WithWaiting(ctx, func(waits bool) { c.waits(conn, waits) })
		}
	}
	return h
}

// recovering reports a panic of next and ends its request alone. It does not wait long for what next has not read.
func (s *server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler {
				s.log.Error("request failed", "method", r.Method, "panic", p, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler) // the server closes the connection and says no more
		}()
		body := &wholeBody{ReadCloser: r.Body, whole: r.ContentLength == 0}
		r.Body = body
		next.ServeHTTP(w, r)
		if !body.whole { // a connection that waits for the rest cannot make room for others
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWait)) // fails only when closed
		}
	})
}

// wholeBody knows whether a body has been read to its end. From then on the server reads ahead: when that takes too long it cancels
// the contexts of all further requests of the connection, and keeps it.
type wholeBody struct {
	io.ReadCloser
	whole bool
}

func (b *wholeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.whole = b.whole || errors.Is(err, io.EOF)
	return n, err
}
