package edge_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/edge"
)

// slowKeys checks tokens like tokens, but takes until go on when somebody is called slow and asks a second time.
type slowKeys struct {
	tokens
	asked chan struct{}
	goOn  chan struct{}
}

func (k slowKeys) Verify(ctx context.Context, token string) (tutti.Claims, error) {
	if token == "slow;a" {
		k.asked <- struct{}{}
		<-k.goOn
	}
	return k.tokens.Verify(ctx, token)
}

// TestSlowTokenCheckIsAlone: while a link's token is checked, which may mean fetching keys, others that are read from
// by the same goroutine are served, and what that link sends next waits its turn.
func TestSlowTokenCheckIsAlone(t *testing.T) { both(t, testSlowTokenCheckIsAlone) }

func testSlowTokenCheckIsAlone(t *testing.T, start starter) {
	keys := slowKeys{asked: make(chan struct{}), goOn: make(chan struct{})}
	p := start(t, func(c *edge.Config) { c.Workers, c.Verifier = 1, keys })
	slow, other := p.dial(t, "1", 1, "&watch=0", "slow"), p.dial(t, "2", 2, "&watch=0", "bob")
	slow.want(`"welcome"`)
	other.want(`"welcome"`)
	for round := range 3 {
		slow.send(`{"type":"auth","token":"slow;a"}`, fmt.Sprintf(`{"type":"query","id":%d,"name":"get"}`, 2*round+1))
		slow.send(fmt.Sprintf(`{"type":"query","id":%d,"name":"get"}`, 2*round+2))
		<-keys.asked
		for i := range 5 {
			id := 5*round + i + 1
			other.send(fmt.Sprintf(`{"type":"query","id":%d,"name":"get"}`, id))
			other.want(fmt.Sprintf(`{"type":"answer","id":%d,`, id))
		}
		keys.goOn <- struct{}{}
		slow.want(fmt.Sprintf(`{"type":"answer","id":%d,`, 2*round+1), fmt.Sprintf(`{"type":"answer","id":%d,`, 2*round+2))
	}
}

// TestIdleLinksKeepLittle: a plain link that is idle has no goroutine of its own where sockets are polled, and when
// links are gone so are their files.
func TestIdleLinksKeepLittle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sockets are polled on Linux alone")
	}
	p := start(t, nil)
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	settled := func(what string, count func() int, most int) {
		t.Helper()
		until := time.Now().Add(20 * time.Second)
		for count() > most {
			if time.Now().After(until) {
				t.Fatalf("%d %s, want at most %d", count(), what, most)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	r := p.raw(t, 0, "")
	r.wantText(`"welcome"`)
	const links = 200
	goroutines, before := runtime.NumGoroutine(), files()+runtime.GOMAXPROCS(0) // pollers begin when needed
	clients := make([]*raw, links)
	for i := range clients {
		clients[i] = p.raw(t, i+1, "")
		clients[i].wantText(`"welcome"`)
	}
	settled("goroutines", runtime.NumGoroutine, goroutines+links/10)
	settled("files", files, before+2*links) // this end and that
	for i, c := range clients {
		if i%2 == 0 {
			_ = c.tcp.SetLinger(0) // a reset
		}
		_ = c.tcp.Close()
	}
	settled("files", files, before)
	r.write(masked(1, true, `{"type":"query","id":1,"name":"get"}`))
	r.wantText(`{"type":"answer","id":1,`)
}
