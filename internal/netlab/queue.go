package netlab

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// mostDelayed is how many packets may be on their way to one host. More are lost, as in a switch.
const mostDelayed = 8192

// queue holds packets that are on their way to a port.
type queue struct {
	wake chan struct{} // holds one token while the first may have changed

	mu      sync.Mutex
	packets packets
	last    uint64
}

type packet struct {
	due    time.Time
	number uint64
	data   []byte
}

// packets is a heap by due, then by number.
type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].due.Before(p[j].due) || p[i].due.Equal(p[j].due) && p[i].number < p[j].number
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push implements heap.Interface.
func (p *packets) Push(x any) { *p = append(*p, x.(packet)) }

// Pop implements heap.Interface.
func (p *packets) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	(*p)[last] = packet{}
	*p = (*p)[:last]
	return x
}

// put takes a copy of data. It returns false when there is no room.
func (q *queue) put(data []byte, due time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.packets) >= mostDelayed {
		return false
	}
	q.last++
	heap.Push(&q.packets, packet{due, q.last, append([]byte(nil), data...)})
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
	return true
}

// next returns a packet that is due, or how long to wait for the first, or for something to come.
func (q *queue) next(now time.Time) (data []byte, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.packets) == 0 {
		return nil, time.Hour
	}
	if wait = q.packets[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&q.packets).(packet).data, 0
}

// run delivers packets as they are due until ctx is done.
func (q *queue) run(ctx context.Context, deliver func(data []byte)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		data, wait := q.next(time.Now())
		if data != nil {
			deliver(data)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
	}
}
