package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// visitor asks an entity things without being connected to it: commands with keys, and its view.
type visitor struct {
	*session // never started; says who it is
	client   *http.Client
	done     []called  // the last that were acknowledged
	etag     string    // of the view it has
	viewed   uint64    // revision of it
	until    time.Time // when it gives up, once the run is stopping
}

// called is a command with a key and what became of it.
type called struct {
	key  string
	body []byte
	told calledTold
}

// calledTold is the answer to a command with a key.
type calledTold struct {
	Revision uint64          `json:"rev"`
	Reply    json.RawMessage `json:"reply"`
}

const (
	visitEvery  = 150 * time.Millisecond // about
	visitTime   = 10 * time.Second       // for one request
	keepCalled  = 30
	visitorRest = 45 * time.Second // how long a visitor tries on when the run is stopping
)

// visitors brings as many as there are to be, to entities that replay what somebody without a connection does.
func (c *cast) visitors() (all []*visitor) {
	var at []*place
	for _, p := range c.places {
		if p.category == "counter" || p.category == "room" {
			at = append(at, p)
		}
	}
	for i := range c.config.Visitors {
		s := c.newSession(at[i*7%len(at)], manner{})
		all = append(all, &visitor{session: s, client: &http.Client{Timeout: visitTime, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}})
	}
	return all
}

// run visits until stop is closed.
func (v *visitor) run(ctx context.Context, stop <-chan struct{}) {
	defer v.client.CloseIdleConnections()
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(v.rng.ExpFloat64() * float64(visitEvery))):
		}
		switch v.rng.IntN(6) {
		case 0, 1:
			v.view(ctx)
		case 2:
			v.repeat(ctx)
		default:
			v.call(ctx)
		}
	}
}

// call sends a command with a new key, until it is answered.
func (v *visitor) call(ctx context.Context) {
	v.ids++
	compose := add
	if v.place.category == "room" {
		compose = say
	}
	o := compose(v.session, v.rng, v.ids)
	c := called{key: token(v.number, v.ids), body: encode(map[string]any{"name": o.name, "data": json.RawMessage(o.data)})}
	a := call{fact: factSum(o.event, o.fact), outcome: unknown}
	for {
		status, body, err := v.post(ctx, c.key, c.body)
		if err == nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
			a.outcome, a.revision = v.settle(&c, &o, status, body)
			break
		}
		if !v.again(ctx) {
			break
		}
	}
	v.counts.called[a.outcome].Add(1)
	v.place.notes.call(a)
}

// again waits a little, and reports whether to try once more.
func (v *visitor) again(ctx context.Context) bool {
	v.counts.calledAgain.Add(1)
	select {
	case <-v.stopping:
		if v.until.IsZero() {
			v.until = time.Now().Add(visitorRest)
		}
		if time.Now().After(v.until) {
			return false
		}
	default:
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(v.rng.Int64N(int64(300 * time.Millisecond)))):
		return true
	}
}

// settle takes the answer to a command.
func (v *visitor) settle(c *called, o *order, status int, body []byte) (outcome uint8, revision uint32) {
	told := fmt.Sprintf("%d %.300s to key %s of connection %d", status, body, c.key, v.number)
	if status == http.StatusOK {
		switch err := json.Unmarshal(body, &c.told); {
		case err != nil:
			v.fail(v.place, 0, "the answer to a command is JSON: "+err.Error(), told)
		case !o.valid:
			v.fail(v.place, c.told.Revision, "this command has to be rejected", told+" "+string(c.body))
		}
		v.place.reveal(c.told.Revision)
		if v.done = append(v.done, *c); len(v.done) > keepCalled {
			v.done = v.done[1:]
		}
		if len(c.told.Reply) > 0 && v.place.category == "counter" {
			v.counts.states.Add(1)
			v.place.notes.state(v.number, c.told.Revision, c.told.Reply)
		}
		return acked, uint32(c.told.Revision)
	}
	var problem struct{ Code string }
	if err := json.Unmarshal(body, &problem); err != nil || !o.may(problem.Code) {
		v.fail(v.place, 0, "this command is not rejected so", told+" "+string(c.body))
	}
	return rejected, 0
}

// repeat sends a command again that was acknowledged before, or another one with its key.
func (v *visitor) repeat(ctx context.Context) {
	if len(v.done) == 0 {
		return
	}
	c := v.done[v.rng.IntN(len(v.done))]
	body, other := c.body, oneIn(v.rng, 4)
	if other {
		body = bytes.Replace(body, []byte(`"data":{`), []byte(`"data":{"more":1,`), 1)
	}
	for {
		status, answer, err := v.post(ctx, c.key, body)
		if err != nil || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			if !v.again(ctx) {
				return
			}
			continue
		}
		v.counts.calledTwice.Add(1)
		told := fmt.Sprintf("%d %.300s to key %s of connection %d", status, answer, c.key, v.number)
		var now calledTold
		switch {
		case other && (status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"key_reused"`)):
			v.fail(v.place, c.told.Revision, "another command with the same key is refused", told)
		case !other && (status != http.StatusOK || json.Unmarshal(answer, &now) != nil || now.Revision != c.told.Revision || !bytes.Equal(now.Reply, c.told.Reply)):
			v.fail(v.place, c.told.Revision, fmt.Sprintf("the same key has the same answer: %d %s", c.told.Revision, c.told.Reply), told)
		}
		return
	}
}

func (v *visitor) post(ctx context.Context, key string, body []byte) (status int, answer []byte, err error) {
	r, err := v.request(ctx, http.MethodPost, "/commands", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	response, answer, err := v.do(r)
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, answer, nil
}

func (v *visitor) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	t, err := v.config.Token(v.sub)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, v.base()+"/v1/"+v.place.category+"/"+url.PathEscape(v.place.id)+path, body)
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+t)
	}
	return r, err
}

func (v *visitor) do(r *http.Request) (*http.Response, []byte, error) {
	response, err := v.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMessage))
	return response, body, err
}

// view looks at the entity, when it has changed.
func (v *visitor) view(ctx context.Context) {
	floor := v.place.floor.Load()
	r, err := v.request(ctx, http.MethodGet, "", http.NoBody)
	if err != nil {
		return
	}
	r.Header.Set("Accept", "application/json")
	if v.etag != "" {
		r.Header.Set("If-None-Match", v.etag)
	}
	response, body, err := v.do(r)
	if err != nil {
		return // the next one comes soon
	}
	v.counts.views.Add(1)
	told := fmt.Sprintf("%s with ETag %s to connection %d", response.Status, response.Header.Get("ETag"), v.number)
	switch response.StatusCode {
	case http.StatusNotModified:
		if v.etag == "" || v.viewed < floor {
			v.fail(v.place, v.viewed, fmt.Sprintf("a view is not older than what was told before it was asked for: %d", floor), told)
		}
	case http.StatusOK:
		if err := v.seen(response, body, floor, told); err != nil {
			v.fail(v.place, v.viewed, err.Error(), told)
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
	default:
		v.fail(v.place, 0, "an entity can be looked at", told+string(body[:min(len(body), 300)]))
	}
}

// seen takes a view.
func (v *visitor) seen(response *http.Response, body []byte, floor uint64, told string) error {
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errors.New("a view is JSON")
	}
	etag := response.Header.Get("ETag")
	cursor, err := wire.ParseCursor(strings.Trim(etag, `"`))
	if err != nil || etag != `"`+cursor.String()+`"` {
		return errors.New("the tag of a view is its cursor")
	}
	if err := v.place.sameEpoch(cursor.Epoch); err != nil {
		return err
	}
	if cursor.Revision < floor {
		return fmt.Errorf("a view is not older than what was told before it was asked for: %d", floor)
	}
	v.etag, v.viewed = etag, cursor.Revision
	v.place.reveal(cursor.Revision)
	v.counts.states.Add(1)
	v.place.notes.state(v.number, cursor.Revision, body)
	return nil
}

// call is what became of a command with a key.
type call struct {
	revision uint32
	fact     uint32
	outcome  uint8
}

// verifyCall looks for who asked for a stored call.
func (c *check) verifyCall(revision uint64, by string, fact uint32, stored string) {
	at := slices.IndexFunc(c.calls, func(k call) bool {
		return k.fact == fact && k.outcome == acked && uint64(k.revision) == revision
	})
	if at >= 0 {
		c.verifier.sum.Called++
	} else {
		at = slices.IndexFunc(c.calls, func(k call) bool { return k.fact == fact && k.outcome == unknown })
	}
	if at >= 0 {
		c.calls = slices.Delete(c.calls, at, at+1)
		return
	}
	c.fail(revision, "a stored command of somebody without a connection was asked for, and is carried out once", "", stored+" of "+by)
}

// missingCalls takes the calls that the journal does not have.
func (c *check) missingCalls() {
	for _, k := range c.calls {
		if k.outcome == acked {
			c.fail(uint64(k.revision), "what was acknowledged is not lost", fmt.Sprintf("a command with a key, event sum %08x", k.fact), "not there")
		}
	}
}
