package edge

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

var (
	// errEnded stops the decoder of a link that ends: what follows is read and thrown away, since
	// closing now could make the client miss the last frames.
	errEnded = errors.New("link ends")
	// errClosed means that the client has answered our close frame.
	errClosed = errors.New("client has closed")
)

// inbound is what a link's reader knows. Its goroutine alone uses it.
type inbound struct {
	*link
	decoder   decoder
	frames    bucket
	bytes     bucket
	refreshes bucket
	arrived   int64 // when the bytes at hand were read
	left      bool  // the client said that it is gone for good
	err       error // of feed; nothing more is decoded after it
}

// serve has what the client sends read until the socket is closed, and the link removed then. It does not wait for
// that.
func (l *link) serve(early []byte) {
	limits := &l.edge.limits
	now := l.edge.now()
	in := &inbound{
		link:   l,
		frames: full(now, limits.LinkFrames), bytes: full(now, linkBytesBurst(limits)),
		refreshes: full(now, refreshBurst),
	}
	in.decoder = l.transport.decoder(in)
	if s, ok := l.socket.(polled); ok {
		if in.more(early, nil) {
			s.begin(in.more)
		} else {
			s.destroy()
		}
		return
	}
	go in.run(early) // Run waits for it; see Edge.open
}

// closeNormal is the close code of a link that ends as its client wished.
const closeNormal = 1000

// linkBytesBurst lets a message of the largest size through.
func linkBytesBurst(l *Limits) int { return max(l.LinkBytes, l.Frame+ws.MaxHeaderSize) }

// run reads until the socket is closed or the client has answered our close frame.
func (in *inbound) run(early []byte) {
	for more := in.more(early, nil); more; {
		p, broken := in.socket.read()
		more = in.more(p, broken)
		in.socket.release()
	}
}

// more takes what was read, or why nothing more can be. It reports false when nothing more is to be read: then the
// link has been removed.
func (in *inbound) more(p []byte, broken error) bool {
	if broken == nil && in.err == nil {
		in.arrived = in.edge.now()
		in.err = in.decoder.feed(p)
	}
	if broken == nil && !errors.Is(in.err, errClosed) {
		if in.socket.unsent() { // what was read wanted an answer of TLS itself
			in.worker.touch(in.link)
		}
		return true
	}
	in.decoder.release()
	in.link.close(in.left)
	in.edge.open.Done()
	return false
}

// charge counts frames and bytes against the link's rate.
func (in *inbound) charge(frames, bytes int) error {
	l := &in.edge.limits
	if in.ending.Load() {
		return nil
	}
	if in.frames.take(in.arrived, frames, l.LinkFrames, l.LinkFrames) &&
		in.bytes.take(in.arrived, bytes, l.LinkBytes, linkBytesBurst(l)) {
		return nil
	}
	in.edge.count.rateLimit.Add(1)
	in.end(ending{code: wire.EndRate, message: "too many frames or bytes", reconnect: true, spread: 2 * reconnectSpread})
	return errEnded
}

// lines handles the frames of one message. Those of a link that ends are ignored.
func (in *inbound) lines(p []byte) error {
	frames := 0
	for line := range wire.Frames(p) {
		if in.ending.Load() {
			return nil
		}
		if frames++; frames > 1 {
			if err := in.charge(1, 0); err != nil {
				return err
			}
		}
		if err := in.line(line); err != nil {
			return err
		}
	}
	if frames == 0 && !in.ending.Load() {
		return in.malformed("an empty message is no frame")
	}
	return nil
}

func (in *inbound) malformed(why string) error {
	in.end(ending{code: wire.EndBadFrame, message: why})
	return errEnded
}

// line handles one frame.
func (in *inbound) line(line []byte) error {
	in.edge.count.framesIn.Add(1)
	f, err := wire.DecodeClientFrame(line)
	if err != nil {
		return in.malformed(err.Error())
	}
	within := in.sub.take(in.arrived, len(line), &in.edge.limits)
	if !within {
		in.edge.count.rateLimit.Add(1)
	}
	switch f.Type {
	case wire.TypeCommand, wire.TypeQuery:
		return in.request(&f, within)
	case wire.TypeAuth:
		return in.auth(f.Token)
	case wire.TypeLeave:
		in.left = true
		in.finish(&final{data: in.transport.end(nil, closeNormal, "", stayAway)})
		in.part()
		return nil
	}
	if !within {
		return nil // dropped
	}
	switch f.Type {
	case wire.TypeSignal:
		if len(f.Data) > in.edge.limits.CommandData {
			return in.tooLarge("the signal's data")
		}
		return in.forward(&wire.Envelope{Kind: wire.KindSignal, Name: f.Name}, f.Data)
	case wire.TypePresence:
		if len(f.Data) > wire.MaxPresenceBytes {
			return in.tooLarge("the presence data")
		}
		return in.forward(&wire.Envelope{Kind: wire.KindPresence}, f.Data)
	case wire.TypePing:
		if len(f.T) > wire.MaxPresenceBytes {
			return in.tooLarge("the ping's t")
		}
		in.report(&f)
		return in.forward(&wire.Envelope{Kind: wire.KindPing, Command: uint64(in.arrived / 1000)}, f.T)
	}
	return in.malformed("unknown type of frame")
}

func (in *inbound) tooLarge(what string) error {
	in.end(ending{code: wire.EndFrameTooLarge, message: what + " is too large"})
	return errEnded
}

// request handles a command or query: each gets an answer.
func (in *inbound) request(f *wire.ClientFrame, within bool) error {
	limits := &in.edge.limits
	switch {
	case !within && (f.Type == wire.TypeQuery || !in.mayRepeat(f.ID)):
		in.reject(f.ID, wire.CodeRateLimited, "the subject sends too much")
		return nil
	case len(f.Data) > limits.CommandData:
		in.reject(f.ID, wire.CodeTooLarge, "the data is too large")
		return nil
	}
	if in.hold(len(f.Data)); !in.ask(f.ID) {
		in.reject(f.ID, wire.CodeOverloaded, "too many commands and queries have no answer yet")
		return nil
	}
	e := &wire.Envelope{Kind: wire.KindQuery, Command: f.ID, Name: f.Name}
	if f.Type == wire.TypeCommand {
		e.Kind = wire.KindCommand
		if f.HasExpect {
			e.Flags |= wire.HasExpect
			e.Expect = f.Expect
		}
		if f.Trace {
			e.Flags |= wire.Trace
		}
	}
	if f.Type == wire.TypeQuery && in.toMirror(f, e) {
		return nil
	}
	return in.forward(e, f.Data)
}

// forward sends the client's data to the owner, compact and in memory of its own.
func (in *inbound) forward(e *wire.Envelope, data []byte) error {
	compact, err := wire.CompactJSON(make([]byte, 0, len(data)), data)
	if err != nil {
		return in.malformed("the data is no JSON")
	}
	e.Data = compact
	now := time.Now()
	spent := in.leaves(now)
	if e.Has(wire.Trace) {
		e.Spent = max(spent.Microseconds(), 0)
	}
	if err := in.sendAt(now, e); err != nil {
		switch {
		case e.Kind == wire.KindCommand && in.mayRepeat(e.Command):
			in.end(ending{code: wire.EndUnavailable, message: "the entity is not reachable", reconnect: true, spread: reconnectSpread})
			return errEnded
		case e.Kind == wire.KindCommand || e.Kind == wire.KindQuery:
			in.answered(e.Command)
			in.reject(e.Command, wire.CodeUnavailable, unreachable)
		}
	}
	return nil
}

// reject answers a command or query that the owner does not get.
func (l *link) reject(id uint64, code, message string) {
	e := &wire.Envelope{Kind: wire.KindReject, Command: id, Code: code, Message: message}
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	l.pushFrame(l.here(), e, wire.FrameOptions{})
}

// refreshBurst is ten auth frames, each of which costs 60: the rate of the bucket is per minute.
const refreshBurst = 10 * 60

// auth takes a fresh token of the same subject.
func (in *inbound) auth(token string) error {
	if !in.refreshes.take(in.arrived, 60, in.edge.limits.TokenRefreshes, refreshBurst) {
		in.edge.count.rateLimit.Add(1)
		in.end(ending{code: wire.EndRate, message: "too many auth frames", reconnect: true, spread: 2 * reconnectSpread})
		return errEnded
	}
	if s, ok := in.socket.(polled); ok {
		s.aside() // the keys may have to be fetched
	}
	claims, refused := in.edge.verify(token)
	if refused != nil {
		in.end(ending{code: wire.EndToken, message: refused.detail})
		return errEnded
	}
	if claims.Subject != in.sub.name {
		in.end(ending{code: wire.EndRefused, message: "the token is another subject's"})
		return errEnded
	}
	encoded, err := json.Marshal(claims)
	if err != nil {
		return in.malformed("the token's claims cannot be encoded")
	}
	in.issued.Store(issued(claims))
	if _, ok := in.edge.terminated(in.bearer()); ok {
		in.end(ending{code: wire.EndToken, message: tokenTerminated})
		return errEnded
	}
	in.expireAt(expiry(claims))
	if err := in.send(&wire.Envelope{Kind: wire.KindClaims, Claims: encoded}); err != nil {
		in.end(ending{code: wire.EndUnavailable, message: "the entity is not reachable", reconnect: true, spread: reconnectSpread})
		return errEnded
	}
	return nil
}
