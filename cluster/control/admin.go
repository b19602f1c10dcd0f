package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/wire"
)

const maxAdminBytes = 64<<10 + 1<<10

// Register has the mux serve an operator: /admin/v1/cluster. Who asks is for the caller to check.
func (m *Member) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/v1/cluster", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, m.Status(r.Context())) })
	mux.HandleFunc("POST /admin/v1/cluster/drain", m.operate(func(ctx context.Context, body []byte) error { return m.drain(ctx, body, true) }))
	mux.HandleFunc("POST /admin/v1/cluster/undrain", m.operate(func(ctx context.Context, body []byte) error { return m.drain(ctx, body, false) }))
	mux.HandleFunc("POST /admin/v1/cluster/remove", m.operate(m.remove))
	mux.HandleFunc("POST /admin/v1/cluster/apply", m.operate(m.applyLayout))
}

// operate has f carry out what a request says, and answers with the status after it.
func (m *Member) operate(f func(ctx context.Context, body []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBytes))
		if err != nil {
			writeProblem(w, refuse(CodeBadRequest, "the body cannot be read: %v", err))
			return
		}
		if err := f(r.Context(), body); err != nil {
			writeProblem(w, err)
			return
		}
		writeJSON(w, m.Status(r.Context()))
	}
}

// named is whom a request is about.
type named struct {
	Node  string `json:"node"`
	Fewer bool   `json:"fewer,omitempty"` // remove a node although partitions have fewer replicas then
	Force bool   `json:"force,omitempty"` // remove a node although that may lose something
}

func decodeNamed(body []byte) (named, error) {
	var n named
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return n, refuse(CodeBadRequest, `wanted is {"node":"name"}: %v`, err)
	}
	if !cluster.ValidName(n.Node) {
		return n, refuse(CodeBadRequest, `wanted is {"node":"name"}`)
	}
	return n, nil
}

func (m *Member) drain(ctx context.Context, body []byte, on bool) error {
	n, err := decodeNamed(body)
	if err != nil {
		return err
	}
	if err := m.holdsData(ctx, n.Node); err != nil {
		return err
	}
	return m.order(ctx, "drain", cluster.Drain{Name: n.Node, On: on})
}

func (m *Member) remove(ctx context.Context, body []byte) error {
	n, err := decodeNamed(body)
	if err != nil {
		return err
	}
	if err := m.holdsData(ctx, n.Node); err != nil {
		return err
	}
	if !n.Force {
		s := m.survey(ctx)
		there := s.registry.Named(n.Node)
		if there == nil {
			return refuse(cluster.CodeUnknownNode, "the cluster has no node %s", n.Node)
		}
		if err := s.spares(there.ID, n.Fewer); err != nil {
			return err
		}
	}
	return m.order(ctx, "remove", cluster.Remove{Name: n.Node})
}

// holdsData refuses the name of an edge alone, which is no member: it has nothing to give away.
func (m *Member) holdsData(ctx context.Context, name string) error {
	s := m.Status(ctx)
	member := slices.ContainsFunc(s.Nodes, func(n NodeView) bool { return n.Name == name })
	edge := slices.ContainsFunc(s.Edges, func(e Edge) bool { return e.Name == name })
	if !member && edge {
		return refuse(cluster.CodeUnknownNode, "%s is an edge alone, which holds nothing: tell its process to end, and its links move to other edges", name)
	}
	return nil
}

func (m *Member) applyLayout(ctx context.Context, body []byte) error {
	l, err := cluster.ParseLayout(bytes.NewReader(body))
	if err != nil {
		return refuse(CodeBadRequest, "%v", err)
	}
	return m.order(ctx, "apply", cluster.Apply{Layout: l})
}

// order has the registry's entity carry out a command, and returns when this node knows what came of it.
func (m *Member) order(ctx context.Context, name string, command any) error {
	if _, err := m.entity.command(ctx, name, command, nil); err != nil {
		return err
	}
	m.log.Info("operator", "command", name, "what", command)
	r, revision, err := m.entity.view(ctx, new(wire.Cursor))
	if err != nil {
		return nil // it has happened, and is learned later
	}
	m.learn(ctx, r, revision)
	return nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

// writeProblem refuses a request of an operator, as RFC 9457 has it.
func writeProblem(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, ""
	if r, ok := errors.AsType[*Refusal](err); ok {
		switch code = r.Code; code {
		case CodeBadRequest, cluster.CodeInvalid:
			status = http.StatusBadRequest
		case cluster.CodeUnknownNode:
			status = http.StatusNotFound
		case cluster.CodeCannotPlace, CodeBusy:
			status = http.StatusConflict
		case CodeUnavailable:
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "1")
		}
		err = errors.New(r.Message)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": err.Error(),
	})
}
