package node_test

import (
	"strings"
	"testing"
)

const adminToken = "an operator's token"

func TestAdmin(t *testing.T) {
	c := config()
	c.Admin, c.AdminToken, c.AdminHosts = "127.0.0.1:0", adminToken, []string{"node-1.internal"}
	n := start(t, c)
	at := n.AdminAddr().String()
	const good = "Bearer " + adminToken
	for _, test := range []struct {
		path   string
		header []string
		status int
		body   string
	}{
		{"/healthz", nil, 200, "ok"},
		{"/readyz", nil, 200, "ready"},
		{"/metrics", nil, 401, ""},
		{"/metrics", []string{"Authorization", "Bearer x"}, 401, ""},
		{"/metrics", []string{"Authorization", "Basic " + adminToken}, 401, ""},
		{"/metrics", []string{"Authorization", "Bearer"}, 401, ""},
		{"/metrics", []string{"Authorization", good}, 200, "tutti_edge_links 0"},
		{"/metrics", []string{"Authorization", good}, 200, "tutti_state_partitions 16"},
		{"/metrics", []string{"Authorization", good}, 200, "tutti_state_batches_total 0"},
		{"/metrics", []string{"Authorization", good}, 200, `tutti_hop_seconds_bucket{hop="journal",le="5e-05"} 0`},
		{"/metrics", []string{"Authorization", good}, 200, `tutti_hop_seconds_count{hop="client_edge"} 0`},
		{"/metrics", []string{"Authorization", good}, 200, "tutti_client_round_trip_seconds_count 0"},
		{"/metrics", []string{"Authorization", good}, 200, "go_goroutines"},
		{"/debug/pprof/", nil, 401, ""},
		{"/debug/pprof/", []string{"Authorization", good}, 200, "goroutine"},
		{"/debug/pprof/goroutine?debug=1", []string{"Authorization", good}, 200, "goroutine profile"},
		{"/nothing", nil, 401, ""},
		{"/nothing", []string{"Authorization", good}, 404, ""},
		{"/metrics", []string{"Authorization", good, "Host", "evil.example"}, 403, ""},
		{"/metrics", []string{"Authorization", good, "Host", "evil.example:" + at[strings.LastIndex(at, ":")+1:]}, 403, ""},
		{"/healthz", []string{"Host", "10.1.2.3"}, 403, ""},
		{"/metrics", []string{"Authorization", good, "Host", "localhost"}, 200, "go_goroutines"},
		{"/metrics", []string{"Authorization", good, "Host", "node-1.internal:9090"}, 200, "go_goroutines"},
		{"/metrics", []string{"Authorization", good, "Origin", "http://evil.example"}, 403, ""},
		{"/metrics", []string{"Authorization", good, "Origin", "null"}, 403, ""},
		{"/metrics", []string{"Authorization", good, "Origin", "http://" + at}, 200, "go_goroutines"},
	} {
		status, body := get(t, "http://"+at+test.path, test.header...)
		if status != test.status || !strings.Contains(body, test.body) {
			t.Errorf("GET %s with %q = %d %.80q, want %d with %q", test.path, test.header, status, body, test.status, test.body)
		}
	}
	// The clients' listener serves nothing of it.
	for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz"} {
		if status, _ := get(t, "http://"+n.Addr().String()+path, "Authorization", good); status != 404 {
			t.Errorf("GET %s of the clients' listener = %d, want 404", path, status)
		}
	}
}

func TestAdminIsOffByDefault(t *testing.T) {
	if n := start(t, config()); n.AdminAddr() != nil {
		t.Errorf("AdminAddr() = %v, want none", n.AdminAddr())
	}
}
