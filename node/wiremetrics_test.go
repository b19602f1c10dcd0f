package node_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"
)

// figure returns the sum of a metric of a node over all its labels, and how many of them there are.
func figure(t *testing.T, metrics, name string) (sum float64, series int) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(metrics, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
		series++
	}
	return sum, series
}

func metricsOf(t *testing.T, n *running) string {
	t.Helper()
	code, body := get(t, "http://"+n.AdminAddr().String()+"/metrics", "Authorization", "Bearer "+adminToken)
	if code != http.StatusOK {
		t.Fatalf("/metrics answers with %d: %s", code, body)
	}
	return body
}

// TestClusterMetrics sends commands at a node that does not own all partitions, and looks what they say of it.
func TestClusterMetrics(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	b := start(t, s.node("b"))
	c := start(t, s.node("c"))
	s.calm(c, 3)
	for _, n := range []*running{a, b, c} {
		sum(t, mustOpen(t, n), 1)
	}
	for _, n := range []*running{a, b} {
		metrics := metricsOf(t, n)
		for _, name := range []string{
			"tutti_peer_up", "tutti_peer_writes_total", "tutti_peer_wire_sent_bytes_total", "tutti_peer_wire_received_bytes_total",
			"tutti_peer_frames_sent_total", "tutti_peer_bytes_received_total", "tutti_bus_lane_up", "tutti_bus_lane_messages_sent_total",
			"tutti_bus_lane_bytes_received_total", "tutti_router_owners", "tutti_router_announced_total", "tutti_router_heard_total",
			"tutti_journal_replicas", "tutti_journal_terms_total", "tutti_journal_frames_sent_total",
		} {
			if v, _ := figure(t, metrics, name); v <= 0 {
				t.Errorf("%s is %v", name, v)
			}
		}
		for _, name := range []string{
			"tutti_journal_led", "tutti_journal_leads_total", "tutti_journal_proposed_total", "tutti_state_mirrors", "tutti_state_mirror_mismatches_total",
			"tutti_state_hand_over_seconds_count", "tutti_edge_reattached_total", "tutti_router_parked_bytes", "tutti_bus_dropped_total",
		} {
			if _, series := figure(t, metrics, name); series != 1 {
				t.Errorf("%s is there %d times, want once", name, series)
			}
		}
		if bytes, _ := figure(t, metrics, "tutti_peer_bytes_sent_total"); !t.Failed() {
			if wire, _ := figure(t, metrics, "tutti_peer_wire_sent_bytes_total"); wire <= bytes {
				t.Errorf("%v bytes of frames left in %v bytes", bytes, wire)
			}
		}
		if up := fmt.Sprintf(`tutti_peer_up{name=%q,peer=`, map[*running]string{a: "c", b: "a"}[n]); !regexp.MustCompile(regexp.QuoteMeta(up)).MatchString(metrics) {
			t.Errorf("no %s…", up)
		}
	}
}
