package test_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyedCall is a call with a key, and what it was answered.
type keyedCall struct{ key, body, answer string }

// callUntilDone sends a call again and again with its key until it is answered for good.
func callUntilDone(ctx context.Context, d *victim, url, token string, c *keyedCall) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body, err := callOnce(ctx, url, token, c)
		switch {
		case err == nil && status == http.StatusOK:
			if c.answer != "" && c.answer != body {
				return fmt.Errorf("key %s was answered %q, then %q", c.key, c.answer, body)
			}
			c.answer = body
			return nil
		case err == nil && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout:
			return fmt.Errorf("key %s was answered %d %s", c.key, status, body)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func callOnce(ctx context.Context, url, token string, c *keyedCall) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(c.body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", c.key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// TestKeyedCallsWhileKilled kills the node again and again under calls with keys, each sent twice at once and until it is
// answered: each takes effect once, whatever was answered on the way, and is answered the same ever after.
func TestKeyedCallsWhileKilled(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 4
	}
	rng, d := random(t), startDemo(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	const callers = 8
	var wait sync.WaitGroup
	stop := make(chan struct{})
	made, errs := make([][]*keyedCall, callers), make([]error, callers)
	token := make([]string, callers)
	url := func(i int) string { return fmt.Sprintf("%s/v1/counter/called-%d/commands", d.url, i%2) }
	for i := range callers {
		var err error
		if token[i], err = d.token(fmt.Sprintf("sub-%d", i)); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(rng.Uint64(), 0))
		wait.Go(func() {
			for n := 0; errs[i] == nil; n++ {
				select {
				case <-stop:
					return
				default:
				}
				c := &keyedCall{key: fmt.Sprintf("key-%d", n), body: fmt.Sprintf(`{"name":"add","data":{"by":%d}}`, 1+rng.IntN(9))}
				twin := &keyedCall{key: c.key, body: c.body}
				var twice sync.WaitGroup
				var err error
				twice.Go(func() { err = callUntilDone(ctx, d, url(i), token[i], twin) })
				errs[i] = callUntilDone(ctx, d, url(i), token[i], c)
				twice.Wait()
				if errs[i] = errors.Join(errs[i], err); errs[i] == nil && c.answer != twin.answer {
					errs[i] = fmt.Errorf("key %s was answered %q and %q", c.key, c.answer, twin.answer)
				}
				made[i] = append(made[i], c)
			}
		})
	}
	for range kills {
		<-time.After(time.Duration(20+rng.IntN(200)) * time.Millisecond)
		if err := d.kill(); err != nil {
			t.Fatal(err)
		}
		if err := d.start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := d.kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.start(ctx); err != nil {
		t.Fatal(err)
	}
	revisions, all := make(map[string]string), 0
	for i, calls := range made {
		for _, c := range calls {
			if err := callUntilDone(ctx, d, url(i), token[i], c); err != nil {
				t.Fatal(err)
			}
			at := fmt.Sprintf("%d: %s", i%2, c.answer)
			if other := revisions[at]; other != "" {
				t.Errorf("%s and key %s of sub-%d have the same answer %q", other, c.key, i, c.answer)
			}
			revisions[at] = fmt.Sprintf("key %s of sub-%d", c.key, i)
			all++
		}
	}
	events := make(map[int]int) // that each entity is to have
	for i, calls := range made {
		events[i%2] += len(calls)
	}
	for entity, want := range events {
		extra := &keyedCall{key: "last", body: `{"name":"add","data":{"by":1}}`}
		if err := callUntilDone(ctx, d, url(entity), token[entity], extra); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(extra.answer, fmt.Sprintf(`{"rev":%d,`, want+1)) && !strings.HasPrefix(extra.answer, fmt.Sprintf(`{"rev":%d}`, want+1)) {
			t.Errorf("after %d calls the next one is answered %s, want revision %d", want, extra.answer, want+1)
		}
	}
	if all < 2*kills {
		t.Errorf("%d calls were made: too few to show anything", all)
	}
	t.Logf("%d kills, %d calls", d.kills, all)
}
