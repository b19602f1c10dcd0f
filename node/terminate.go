package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/wire"
)

// Bounds of what an operator sends.
const (
	maxTerminateBytes = 8 << 10
	maxSubBytes       = 1 << 10
	maxMessageBytes   = 512
)

// terminator ends connections: an [edge.Edge].
type terminator interface {
	Terminate(ctx context.Context, t platform.Termination) (platform.Termination, error)
	Terminations(ctx context.Context) ([]platform.Termination, error)
}

// operations are what an operator can have done.
type operations struct {
	edge   terminator
	feed   *feed.Handler   // nil: there is none
	member *control.Member // nil: the node is alone, or an edge alone
	// members returns where operators reach members. Nil: the node is alone.
	members func() []string
	serves  func(category string) bool
	clock   func() time.Time
	log     *slog.Logger
}

func (o *operations) register(mux *http.ServeMux) {
	mux.HandleFunc("POST /admin/v1/terminate", o.terminate)
	mux.HandleFunc("GET /admin/v1/terminated", o.terminated)
	registerFeed(o.feed, mux)
	if o.member != nil {
		o.member.Register(mux)
	} else {
		mux.HandleFunc("/admin/v1/cluster/", o.notMember)
		mux.HandleFunc("/admin/v1/cluster", o.notMember)
	}
}

// notMember refuses what members alone can do. An edge alone names them.
func (o *operations) notMember(w http.ResponseWriter, _ *http.Request) {
	detail := "this node is no member of a cluster: ask one that holds data"
	if o.members != nil {
		if urls := o.members(); len(urls) > 0 {
			detail += ", as " + strings.Join(urls, ", ")
		}
	}
	writeProblem(w, http.StatusNotFound, detail)
}

func (o *operations) terminate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTerminateBytes))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		writeProblem(w, status, "the body cannot be read")
		return
	}
	t, err := decodeTermination(body, o.clock())
	if err != nil {
		writeProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	if t.Sub == "" && !o.serves(t.Category) {
		writeProblem(w, http.StatusNotFound, "there is no such category")
		return
	}
	done, err := o.edge.Terminate(r.Context(), t)
	switch {
	case errors.Is(err, edge.ErrFull):
		writeProblem(w, http.StatusInsufficientStorage, fmt.Sprintf("%d terminations stand, or they are too large: let some end", platform.MaxTerminations))
	case errors.Is(err, edge.ErrUnavailable):
		w.Header().Set("Retry-After", "1")
		writeProblem(w, http.StatusServiceUnavailable, "nothing has happened: the list of terminations is not reachable")
	case err != nil:
		o.log.Error("termination without an answer", "err", err)
		writeProblem(w, http.StatusGatewayTimeout, "it is not known whether it has happened: say it again")
	default:
		o.log.Info("terminated", "sub", done.Sub, "category", done.Category, "id", done.ID, "member", done.Member)
		writeJSON(w, done)
	}
}

func (o *operations) terminated(w http.ResponseWriter, r *http.Request) {
	all, err := o.edge.Terminations(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "1")
		writeProblem(w, http.StatusServiceUnavailable, "the list of terminations is not reachable")
		return
	}
	writeJSON(w, struct {
		Terminated []platform.Termination `json:"terminated"`
	}{all})
}

// decodeTermination decodes what an operator wants terminated. The error says what is wrong with it.
func decodeTermination(body []byte, now time.Time) (platform.Termination, error) {
	var t platform.Termination
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, fmt.Errorf("the body is no termination: %w", err)
	}
	if len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return t, errors.New("something follows the termination")
	}
	member := t.Category + t.ID + t.Member
	switch {
	case !utf8.Valid(body):
		return t, errors.New("the body is not UTF-8")
	case !t.At.IsZero():
		return t, errors.New(`"at" cannot be chosen`)
	case t.Sub == "" && member == "" || t.Sub != "" && member != "":
		return t, errors.New(`either "sub" is wanted, or "category", "id" and "member"`)
	case len(t.Sub) > maxSubBytes:
		return t, fmt.Errorf(`"sub" has %d bytes, at most %d are taken`, len(t.Sub), maxSubBytes)
	case len(t.Message) > maxMessageBytes:
		return t, fmt.Errorf(`"message" has %d bytes, at most %d are taken`, len(t.Message), maxMessageBytes)
	case !t.Until.IsZero() && !t.Until.After(now):
		return t, errors.New(`"until" is over`)
	case t.Sub != "":
		return t, nil
	case !wire.ValidCategory(t.Category) || !wire.ValidID(t.ID) || len(t.Member) != 16 || !wire.ValidConn(t.Member):
		return t, errors.New(`"category", "id" and "member" are not those of a member`)
	}
	return t, nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

// writeProblem refuses a request of an operator, as RFC 9457 has it.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}
