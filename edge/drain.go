package edge

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

const (
	// movePause is the longest time between two links that move to other edges: where there are few, all have moved long before
	// Timing.Spread has passed.
	movePause = 20 * time.Millisecond
	// moveBeat is the shortest; of more links, several move at once.
	moveBeat = time.Millisecond
)

// drain ends every link and waits until they are gone. Where there are other edges the links move there one after the other, each served
// until it is its turn, and come back at once. Else all end now, and come back at times of their own.
func (e *Edge) drain() {
	moves := e.elsewhere != nil && e.elsewhere()
	e.opening.Lock()
	e.draining, e.moves, e.asksNoMore = true, moves, !moves
	e.opening.Unlock()
	close(e.onlookers.close)
	links := e.links()
	e.log.Info("edge drains", "links", len(links), "elsewhere", moves)
	if moves {
		e.move(links)
		e.opening.Lock()
		e.asksNoMore = true
		e.opening.Unlock()
	} else {
		for _, l := range links {
			l.sendAway(e.timing.Spread)
		}
	}
	overdue := time.NewTimer(e.timing.Drain) // from when the last one has been told
	defer overdue.Stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		e.open.Wait()
	}()
	select {
	case <-gone:
	case <-overdue.C:
		e.cut.all()
		for _, l := range e.links() {
			if l.state.Load() != stateOpening && l.socket != nil { // it may have been abandoned
				l.socket.close()
			}
		}
		<-gone // nothing that a link does outlasts its socket
	}
}

// move ends links one after the other, over Timing.Spread at most. Those of one entity do not follow each other.
func (e *Edge) move(links []*link) {
	if len(links) == 0 {
		return
	}
	rand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	pause := min(movePause, e.timing.Spread/time.Duration(len(links)))
	beat := time.NewTicker(max(pause, moveBeat))
	defer beat.Stop()
	began := time.Now()
	for moved := 0; ; <-beat.C {
		for moved < len(links) && time.Duration(moved)*pause <= time.Since(began) {
			links[moved].sendAway(0)
			moved++
		}
		if moved == len(links) {
			return
		}
	}
}

// sendAway ends the link because the node stops. Its client comes back within spread.
func (l *link) sendAway(spread time.Duration) {
	l.end(ending{code: wire.EndDraining, message: "the node stops", reconnect: true, spread: spread})
	if l.state.Load() != stateOpening {
		if s, ok := l.socket.(*pulled); ok && s.idle() {
			s.close() // nobody is there to be told
		}
	}
}

// stops refuses a link because the node stops. Another edge may be asked at once, over another connection: a balancer may have given this
// one to the node for good. opening is held.
func (e *Edge) stops() *problem {
	p := refuse(http.StatusServiceUnavailable, "the node stops")
	p.stops = true
	if e.moves {
		return p.with("Retry-After", "0").with("Connection", "close")
	}
	return p.retry(e.timing.Spread)
}
