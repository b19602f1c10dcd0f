package node // in-package: the handler without its listener

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/platform"
)

// heard keeps what an operator wants.
type heard struct{ all []platform.Termination }

func (h *heard) Terminate(_ context.Context, t platform.Termination) (platform.Termination, error) {
	h.all = append(h.all, t)
	t.At = time.Unix(2, 0)
	return t, nil
}

func (h *heard) Terminations(context.Context) ([]platform.Termination, error) { return h.all, nil }

func FuzzTerminate(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `{"sub":"ann"}`, `{"sub":"ann","message":"x","until":"2099-01-01T00:00:00Z"}`,
		`{"category":"room","id":"a","member":"0123456789abcdef"}`, `{"sub":"ann","member":"x"}`, `[1]`, `{"sub":"a","sub":"b"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		h := &heard{}
		o := operations{
			edge: h, serves: func(string) bool { return true }, log: slog.New(slog.DiscardHandler),
			clock: func() time.Time { return time.Unix(1, 0) },
		}
		mux := http.NewServeMux()
		o.register(mux)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/admin/v1/terminate", strings.NewReader(body)))
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("answer %q: %v", w.Body, err)
		}
		if (w.Code == 200) != (len(h.all) == 1) || w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("terminate %q = %d, and %d was terminated", body, w.Code, len(h.all))
		}
		for _, one := range h.all {
			member := one.Category != "" && one.ID != "" && one.Member != ""
			if (one.Sub != "") == member || !one.At.IsZero() || len(one.Sub) > maxSubBytes || len(one.Message) > maxMessageBytes {
				t.Errorf("terminate %q: %+v", body, one)
			}
		}
	})
}
