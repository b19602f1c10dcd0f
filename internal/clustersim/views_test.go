package clustersim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/wire"
)

// view looks at the state over HTTP, with any of the consistencies.
func (g *game) view(ctx context.Context) {
	v := view{
		game: g, how: []string{wire.Linearizable, wire.Session, wire.Eventual}[g.rng.IntN(3)],
		age: time.Duration(g.rng.IntN(5)) * 200 * time.Millisecond, seen: g.Shown(), number: g.views,
	}
	if e := g.epochs[g.at].Load(); e != nil {
		v.epoch = *e
	}
	g.views++
	g.Go(func() { v.look(ctx) })
}

// view is one such look.
type view struct {
	*game
	number int
	how    string
	age    time.Duration // of what is eventual, 0: any
	seen   uint64        // for a session
	epoch  string
}

func (v *view) request(ctx context.Context) *http.Request {
	url := strings.Replace(v.url(), "ws://", "http://", 1) + "?consistency=" + v.how
	if v.how == wire.Eventual {
		url += "&max_age_ms=" + strconv.FormatInt(v.age.Milliseconds(), 10)
	}
	if v.how == wire.Session && v.epoch != "" {
		url += "&cursor=" + wire.Cursor{Epoch: v.epoch, Revision: v.seen}.String()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(fmt.Sprintf("clustersim: %v", err)) // the parts are all well
	}
	r.Header.Set("Authorization", "Bearer sub-"+strconv.Itoa(v.player.number))
	r.Header.Set("Accept", "application/json")
	return r
}

// viewTime is how long a view may take.
const viewTime = 2 * time.Second

func (v *view) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	began := v.recorder.Now()
	resp, err := v.http.Do(v.request(ctx))
	if err != nil {
		return
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ended := v.recorder.Now()
	if err != nil || resp.StatusCode >= 500 {
		return
	}
	id := v.ids[v.at]
	cursor, err := wire.ParseCursor(strings.Trim(resp.Header.Get("ETag"), `"`))
	if err != nil || resp.StatusCode != http.StatusOK {
		v.trouble(v.entity(), "a view is answered", fmt.Sprintf("%d %s %v", resp.StatusCode, data, err))
		return
	}
	if v.how == wire.Linearizable {
		v.recorder.Did(v.category, id, histories.Op{
			Client: v.player.number, Query: true, Name: "view", Began: began, Ended: ended, Outcome: histories.Acked, Revision: cursor.Revision, Reply: data,
		})
		return
	}
	v.recorder.Saw(v.category, id, fmt.Sprintf("%s, view %d", v.Name, v.number), histories.Sight{
		At: ended, State: true, Event: histories.Event{Revision: cursor.Revision, Data: data},
	})
	if v.how == wire.Session && v.epoch != "" && cursor.Revision < v.seen {
		v.trouble(v.entity(), "a view of a session has what was seen before", fmt.Sprintf("%s: %d after %d", v.Name, cursor.Revision, v.seen))
	}
	if v.how == wire.Eventual && v.age > 0 {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.aged = append(v.aged, aged{v.entity(), began - v.age, cursor.Revision})
	}
}

// aged is what was shown of a view that may be no older than a moment.
type aged struct {
	entity   string
	moment   time.Duration
	revision uint64
}

// tooOld looks for views that were without something acknowledged before they were as old as they might be.
func (w *world) tooOld(all []*histories.History) {
	for _, h := range all {
		for _, a := range w.aged {
			if a.entity != h.Name() {
				continue
			}
			for i := range h.Ops {
				if o := &h.Ops[i]; o.Outcome == histories.Acked && o.Ended < a.moment && o.Revision > a.revision {
					w.trouble(h.Name(), "a view is no older than it may be", fmt.Sprintf("at revision %d, but %d was told at %s, before %s", a.revision, o.Revision, o.Ended, a.moment))
					break
				}
			}
		}
	}
}
