package node

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// deadlines counts the deadlines that a request gets for reading.
type deadlines struct {
	*httptest.ResponseRecorder
	n int
}

func (d *deadlines) SetReadDeadline(time.Time) error {
	d.n++
	return nil
}

// TestWhatIsReadHasNoDeadline: behind a body that has been read whole the server reads ahead, and takes the client for one that is gone when
// a deadline ends that. It is in the package since no client can tell when a process stands still just then.
func TestWhatIsReadHasNoDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		handler http.HandlerFunc
		want    int
	}{
		"nothing": {"", func(http.ResponseWriter, *http.Request) {}, 0},
		"read":    {"body", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }, 0},
		"unread":  {"body", func(http.ResponseWriter, *http.Request) {}, 1},
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		(&server{}).recovering(c.handler).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body)))
		if w.n != c.want {
			t.Errorf("a body with %s left has %d deadlines, want %d", name, w.n, c.want)
		}
	}
}
