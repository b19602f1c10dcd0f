package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// demoFront is what browsers reach in a demo with several nodes: the page, and whichever node lives behind /v1/.
type demoFront struct {
	cluster    *demoCluster
	secretFile string
	proxy      *httputil.ReverseProxy
	operator   *http.Client
	log        *slog.Logger
}

func newDemoFront(t *demoCluster, secretFile string, log *slog.Logger) *demoFront {
	f := &demoFront{cluster: t, secretFile: secretFile, log: log, operator: &http.Client{Timeout: time.Second}}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "nodes"})
			r.Out.Host = r.In.Host // which the page's origin is compared with
		},
		Transport:     &http.Transport{DialContext: t.dial, MaxIdleConnsPerHost: 32, DisableCompression: true},
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			log.Debug("no answer of a node", "err", err)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "no node answers", http.StatusServiceUnavailable)
		},
	}
	return f
}

// register adds what the page asks the front for.
func (f *demoFront) register(mux *http.ServeMux, guard func(http.Handler) http.Handler) {
	mux.Handle("/v1/", f.proxy)
	mux.Handle("GET /demo/nodes", guard(http.HandlerFunc(f.list)))
	mux.Handle("POST /demo/nodes/{name}/{act}", guard(http.HandlerFunc(f.act)))
}

// act kills a node, or starts it.
func (f *demoFront) act(w http.ResponseWriter, r *http.Request) {
	n := f.cluster.named(r.PathValue("name"))
	if n == nil {
		http.Error(w, "no such node", http.StatusNotFound)
		return
	}
	var err error
	switch r.PathValue("act") {
	case "kill":
		err = n.kill()
	case "start":
		err = f.cluster.startNode(context.WithoutCancel(r.Context()), n, f.secretFile)
	default:
		http.Error(w, "a node can be killed and started", http.StatusNotFound)
		return
	}
	if err != nil {
		f.log.Warn("node", "name", n.Name, "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// listed is a node as the page shows it.
type listed struct {
	Name  string `json:"name"`
	Up    bool   `json:"up"`
	Leads int    `json:"leads"` // partitions that it owns
}

func (f *demoFront) list(w http.ResponseWriter, r *http.Request) {
	leads, err := f.leads(r.Context())
	if err != nil {
		f.log.Debug("who leads is not known", "err", err)
	}
	all := make([]listed, len(f.cluster.nodes))
	for i, n := range f.cluster.nodes {
		all[i] = listed{Name: n.Name, Up: n.lives(), Leads: leads[n.Name]}
		if !all[i].Up {
			all[i].Leads = 0
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"nodes": all}) // fails when the page has gone
}

// leads asks a node that lives how many partitions each leads.
func (f *demoFront) leads(ctx context.Context) (map[string]int, error) {
	err := errors.New("no node lives")
	for _, n := range f.cluster.nodes {
		if !n.lives() {
			continue
		}
		var leads map[string]int
		if leads, err = f.leadsBy(ctx, n); err == nil {
			return leads, nil
		}
	}
	return nil, err
}

func (f *demoFront) leadsBy(ctx context.Context, n *demoNode) (map[string]int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Admin+"/admin/v1/cluster", http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+f.cluster.adminToken)
	response, err := f.operator.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("node %s: %s", n.Name, response.Status)
	}
	var status struct {
		Nodes []struct {
			Name  string `json:"name"`
			Leads int    `json:"leads"`
		} `json:"nodes"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 8<<20)).Decode(&status); err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	leads := make(map[string]int)
	for _, n := range status.Nodes {
		leads[n.Name] = n.Leads
	}
	return leads, nil
}

// serve serves h until ctx is done.
func (f *demoFront) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the demo: %w", err)
	case <-ctx.Done():
	}
	err := s.Close() // links are the nodes', which say goodbye
	<-ended
	return err
}
