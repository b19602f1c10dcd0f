package edge

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/online"
	"github.com/tutti-rt/tutti/wire"
)

// onlookers counts the streams that tell who is online.
type onlookers struct {
	mu    sync.Mutex
	all   int
	of    map[string]int // by subject
	close chan struct{}  // closed when the edge drains
}

// enter counts one more, and says why there may not be one.
func (o *onlookers) enter(subject string, l *Limits) *problem {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.of[subject] >= l.SubOnlookers:
		return refuse(http.StatusTooManyRequests, "the subject has as many such streams as it may have").retry(10 * time.Second)
	case o.all >= l.Onlookers:
		return unavailable("the node has as many such streams as it may have")
	}
	if o.of == nil {
		o.of = make(map[string]int)
	}
	o.all++
	o.of[subject]++
	return nil
}

func (o *onlookers) leave(subject string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all--
	if o.of[subject]--; o.of[subject] == 0 {
		delete(o.of, subject)
	}
}

// onlineFrame says who has become online, and who is not any more. A snapshot has all that are.
type onlineFrame struct {
	Type     string          `json:"type"`
	Snapshot bool            `json:"snapshot,omitempty"`
	Online   []onlineSubject `json:"online,omitempty"`
	Offline  []string        `json:"offline,omitempty"`
}

// onlooker is one such stream. It has a goroutine, that of its request.
type onlooker struct {
	*exchange
	claims    tutti.Claims
	following *online.Following
	out       *http.ResponseController
	begun     bool
}

// follow answers who of the subjects is online, and goes on telling what changes.
func (x *exchange) follow(claims tutti.Claims, subjects []string) *problem {
	e := x.edge
	if p := e.onlookers.enter(claims.Subject, &e.limits); p != nil {
		e.count.rateLimit.Add(1)
		return p
	}
	defer e.onlookers.leave(claims.Subject)
	f := &onlooker{exchange: x, claims: claims, following: e.online.Agent.Follow(subjects), out: http.NewResponseController(x.w)}
	defer f.following.Close()
	known, cancel := context.WithTimeout(x.r.Context(), e.timing.Verdict)
	defer cancel()
	all, err := f.following.Next(known)
	if err != nil {
		return unavailable("the directory does not know just now who is online")
	}
	_ = f.out.SetReadDeadline(time.Time{}) // fails only where the request cannot be cut off either
	h := x.w.Header()
	h.Set("Content-Type", mediaEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or a proxy in front may keep frames back
	if f.changed(all) {
		f.serve()
	}
	return nil
}

// serve tells what changes until there is a reason to end.
func (f *onlooker) serve() {
	e := f.edge
	beat := time.NewTicker(e.timing.Heartbeat)
	defer beat.Stop()
	expires := expiry(f.claims)
	expire := time.NewTimer(time.Duration(e.tokenDeadline(expires) - e.now()))
	defer expire.Stop()
	for {
		terminations := e.terminations.next()
		if one, ok := e.terminated(f.bearer(f.claims)); ok {
			f.end(wire.EndTerminated, farewell(&one), 0)
			return
		}
		select {
		case <-terminations:
		case <-f.r.Context().Done():
			return
		case <-e.onlookers.close:
			f.end(wire.EndDraining, "the node stops", e.timing.Spread)
			return
		case <-expire.C:
			if expires > 0 && expires <= e.clock().UnixMilli() {
				f.end(wire.EndTokenExpired, "the token has expired", time.Millisecond)
				return
			}
			expire.Reset(time.Duration(e.tokenDeadline(expires) - e.now()))
		case <-beat.C:
			beat, _ := eventStream{}.ping(nil)
			if !f.write(beat) {
				return
			}
		case <-f.following.Ready():
			if all, ok := f.following.Changes(); ok && !f.changed(all) {
				return
			}
		}
	}
}

// changed tells the client. It reports false when that does not take it.
func (f *onlooker) changed(all []wire.Subject) bool {
	frame := onlineFrame{Type: "online", Snapshot: !f.begun}
	f.begun = true
	for _, s := range all {
		if s.Change == wire.SubjectCame {
			frame.Online = append(frame.Online, onlineSubject{s.Name, s.Since})
		} else {
			frame.Offline = append(frame.Offline, s.Name)
		}
	}
	data, err := json.Marshal(frame)
	if err != nil {
		return false // strings and numbers always encode
	}
	return f.write(append(append([]byte("data: "), data...), "\n\n"...))
}

// end says why the stream ends, and when to come back: within spread; 0: not at all.
func (f *onlooker) end(code, message string, spread time.Duration) {
	env := &wire.Envelope{Kind: wire.KindTerminate, Code: code, Message: message}
	var o wire.FrameOptions
	if spread > 0 {
		env.Flags |= wire.Reconnect
		o.After = rand.N(spread)
	}
	f.write(encode(eventStream{}, nil, env, "", o))
}

// write hands the client some bytes. One that takes nothing for too long is given up.
func (f *onlooker) write(data []byte) bool {
	if f.out.SetWriteDeadline(time.Now().Add(f.edge.timing.Drained)) != nil {
		return false
	}
	if _, err := f.w.Write(data); err != nil {
		f.edge.count.slow.Add(1)
		return false
	}
	return f.out.Flush() == nil
}
