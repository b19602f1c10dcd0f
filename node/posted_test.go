package node_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
)

// postFrames posts frames of a connection at hall/a.
func (v *venue) postFrames(conn, token, frames string) {
	v.t.Helper()
	if status, body := v.post(v.base+"/v1/hall/a/commands?conn="+conn, token, frames); status != 200 {
		v.t.Fatalf("POST %s = %d %s", frames, status, body)
	}
}

// A fresh token that comes in a post is the stream's as well.
func TestPostedAuth(t *testing.T) {
	onEach(t, func(t *testing.T, transport string) {
		v := openVenue(t, quick)
		now := v.clock.now()
		fresh := signed(t, tutti.Claims{Subject: "ann", IssuedAt: now, ExpiresAt: now.Add(3 * time.Hour)})
		l := v.link(transport, connA, v.token("ann"))
		v.postFrames(connA, v.token("ann"), `{"type":"auth","token":"`+fresh+`"}`)
		if p, ok := l.(*poller); ok {
			p.token = fresh // of the polls that come
		}
		v.clock.forward(2 * time.Hour)
		token := v.token("bob")
		var bob sync.WaitGroup
		bob.Go(func() {
			<-time.After(150 * time.Millisecond) // the link has looked at the clock
			v.link("websocket", connB, token)
		})
		l.until(`"came"`, `"bob"`)
		bob.Wait()
		if _, ok := l.(*poller); ok {
			time.AfterFunc(50*time.Millisecond, func() { v.clock.forward(2 * time.Hour) })
		} else {
			v.clock.forward(2 * time.Hour)
		}
		l.until(`"terminate"`, `"token_expired"`)
	})
}

// Who says in a post that it leaves is gone with its stream.
func TestPostedLeave(t *testing.T) {
	onEach(t, func(t *testing.T, transport string) {
		v := openVenue(t, nil)
		bob := v.link("websocket", connB, v.token("bob"))
		v.link(transport, connA, v.token("ann"))
		bob.until(`"came"`, `"ann"`)
		v.postFrames(connA, v.token("ann"), `{"type":"leave"}`)
		bob.until(`"gone"`, `"ann"`) // without an hour of grace
	})
}
