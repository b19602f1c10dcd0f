package edge_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/edge"
)

// TestPollOutlastsTheServersTimeouts has polls wait for longer than their server lets requests take, one after the other on
// a connection, with TLS and without.
func TestPollOutlastsTheServersTimeouts(t *testing.T) {
	p := start(t, nil)
	for _, secure := range []bool{false, true} {
		s := httptest.NewUnstartedServer(p.edge)
		s.Config.ReadTimeout, s.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
		if secure {
			s.Listener = edge.Listener(s.Listener)
			s.TLS = &tls.Config{DynamicRecordSizingDisabled: true}
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		for i := range 3 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/room/1?cursor=e1:0&conn="+conn(1), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Accept": {"application/json"}, "Prefer": {"wait=1"}, "Authorization": {"Bearer ann"}}
			begun := time.Now()
			resp, err := s.Client().Do(r)
			if err != nil {
				t.Fatalf("with TLS %v, after %v: %v", secure, time.Since(begun), err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if i == 0 {
				continue // the welcome
			}
			if took := time.Since(begun); resp.StatusCode != http.StatusNoContent || took < time.Second {
				t.Errorf("with TLS %v: %d %s after %v, want 204 after a second", secure, resp.StatusCode, body, took)
			}
		}
	}
}

// TestConnectionTakenForGone has the server take a client for one that is gone, as it does when the process has stood still beyond a
// deadline: it says so to each further request of the connection, which is served over another one.
func TestConnectionTakenForGone(t *testing.T) {
	p := start(t, nil)
	first := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
				t.Error(err)
			}
			<-r.Context().Done()
		}
		p.edge.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK, http.StatusOK} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+postsOf1, strings.NewReader(`{"type":"command","id":1,"name":"say"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer ann")
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if again := resp.Header.Get("Retry-After"); resp.StatusCode != want || want != http.StatusOK && again != "0" {
			t.Errorf("answered %s, Retry-After %q, want %d", resp.Status, again, want)
		}
	}
}
