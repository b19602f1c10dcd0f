package node_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/node"
)

// terminate has the operator say so, and returns status and answer.
func (v *venue) terminate(body string) (int, string) {
	v.t.Helper()
	return v.post("http://"+v.AdminAddr().String()+"/admin/v1/terminate", adminToken, body)
}

func (v *venue) mustTerminate(body string) {
	v.t.Helper()
	if status, answer := v.terminate(body); status != 200 || !strings.Contains(answer, `"at":"`) {
		v.t.Fatalf("terminate %s = %d %s", body, status, answer)
	}
}

// terminated returns what the operator is told.
func (v *venue) terminated() string {
	v.t.Helper()
	status, body := get(v.t, "http://"+v.AdminAddr().String()+"/admin/v1/terminated", "Authorization", "Bearer "+adminToken)
	if status != 200 {
		v.t.Fatalf("GET /admin/v1/terminated = %d %s", status, body)
	}
	return body
}

func TestTerminateSubject(t *testing.T) {
	v := openVenue(t, func(c *node.Config) { c.Heartbeat = 50 * time.Millisecond })
	old, ageless := v.token("ann"), signed(t, tutti.Claims{Subject: "ann"})
	used, unused := v.ticket(old), v.ticket(old)
	s, _ := v.socket("/v1/hall/a?conn="+connA, "bearer."+old)
	stream := v.events("/v1/hall/b?conn=" + connB + "&ticket=" + used)
	bob, _ := v.socket("/v1/hall/a?conn=connection-of-bob", "bearer."+v.token("bob"))
	s.until(`"welcome"`)
	stream.until(`"welcome"`)
	bob.until(`"welcome"`)

	same := v.token("ann") // or of a second before
	v.mustTerminate(`{"sub":"ann","message":"see you"}`)
	s.wantEnd(`terminated","message":"see you","reconnect":false}`, 4403)
	stream.until(`"type":"terminate","code":"terminated","message":"see you","reconnect":false}`)
	if got := stream.next(); got != "" {
		t.Errorf("after the terminate frame the stream has %s", got)
	}
	bob.until(`"gone"`, `"ann"`) // without the grace period of an hour

	// What was issued before, or within the same second, or nobody knows when, is refused everywhere.
	for what, got := range map[string]int{
		"a new stream":              v.events("/v1/hall/a?conn="+connA, "Authorization", "Bearer "+old).status,
		"a token without iat":       v.events("/v1/hall/a?conn="+connA, "Authorization", "Bearer "+ageless).status,
		"a ticket that was bound":   v.events("/v1/hall/b?conn=" + connB + "&ticket=" + used).status,
		"a ticket that was not":     v.events("/v1/hall/a?conn=" + connA + "&ticket=" + unused).status,
		"a token of the same time":  v.events("/v1/hall/a?conn="+connA, "Authorization", "Bearer "+same).status,
		"a connection never seen":   v.events("/v1/hall/c?conn=connection-of-ann2", "Authorization", "Bearer "+old).status,
		"a ticket for an old token": statusOf(v.post(v.base+"/v1/tickets", old, "")),
	} {
		if got != 401 {
			t.Errorf("%s = %d, want 401", what, got)
		}
	}
	if _, status := v.socket("/v1/hall/a?conn="+connA, "bearer."+old); status != 401 {
		t.Errorf("a new WebSocket = %d, want 401", status)
	}
	v.clock.forward(time.Second)
	s, _ = v.socket("/v1/hall/a?conn="+connA, "bearer."+v.token("ann"))
	s.until(`"welcome"`)
	s.send(`{"type":"auth","token":"` + v.token("ann") + `"}`)
	s.send(`{"type":"auth","token":"` + old + `"}`)
	s.wantEnd("token", 4401)
}

func statusOf(status int, _ string) int { return status }

func TestTerminateMember(t *testing.T) {
	v := openVenue(t, nil)
	old := v.token("ann")
	s, _ := v.socket("/v1/hall/a?conn="+connA, "bearer."+old)
	welcome := s.until(`"welcome"`)
	other, _ := v.socket("/v1/hall/a?conn="+connB, "bearer."+old)
	other.until(`"welcome"`)
	var w struct{ Member string }
	if err := json.Unmarshal([]byte(welcome), &w); err != nil {
		t.Fatal(err)
	}
	v.mustTerminate(fmt.Sprintf(`{"category":"hall","id":"a","member":%q}`, w.Member))
	s.wantEnd("terminated", 4403)
	other.until(`"gone"`)
	if _, status := v.socket("/v1/hall/a?conn="+connA, "bearer."+old); status != 401 {
		t.Errorf("the connection with its old token = %d, want 401", status)
	}
	elsewhere, _ := v.socket("/v1/hall/b?conn="+connA, "bearer."+old)
	elsewhere.until(`"welcome"`) // it is another member there
	v.clock.forward(time.Second)
	again, _ := v.socket("/v1/hall/a?conn="+connA, "bearer."+v.token("ann"))
	again.until(`"welcome"`)
}

func TestTerminationsEnd(t *testing.T) {
	v := openVenue(t, nil)
	old := v.token("ann")
	v.mustTerminate(`{"sub":"bob"}`)
	v.mustTerminate(fmt.Sprintf(`{"sub":"ann","until":%q}`, v.clock.now().Add(time.Minute).Format(time.RFC3339Nano)))
	if got := v.terminated(); strings.Count(got, `"sub"`) != 2 || strings.Index(got, "ann") > strings.Index(got, "bob") || !strings.Contains(got, `"until"`) {
		t.Errorf("terminated: %s, want ann and then bob", got)
	}
	v.mustTerminate(`{"sub":"bob"}`)
	if got := v.terminated(); strings.Count(got, `"sub"`) != 2 || strings.Index(got, "ann") < strings.Index(got, "bob") {
		t.Errorf("terminated: %s, want bob and then ann, once each", got)
	}
	v.clock.forward(2 * time.Minute)
	if got := v.terminated(); strings.Contains(got, "ann") || !strings.Contains(got, "bob") {
		t.Errorf("terminated: %s, want bob alone", got)
	}
	v.events("/v1/hall/a?conn="+connA, "Authorization", "Bearer "+old).until(`"welcome"`)
}

func TestTerminateRefuses(t *testing.T) {
	v := openVenue(t, nil)
	for body, want := range map[string]int{
		``: 400, `null`: 400, `[]`: 400, `{}`: 400, `{"sub":""}`: 400, `{"sub":1}`: 400, `{"sub":"ann"`: 400, `{"sub":"ann"} x`: 400,
		`{"sub":"ann","id":"a"}`: 400, `{"sub":"ann","who":1}`: 400, `{"category":"hall","id":"a"}`: 400,
		`{"category":"hall","id":"a","member":"x"}`:                  400,
		`{"category":"hall","id":"a/b","member":"0123456789abcdef"}`: 400,
		`{"category":"Hall","id":"a","member":"0123456789abcdef"}`:   400,
		`{"category":"none","id":"a","member":"0123456789abcdef"}`:   404,
		`{"sub":"ann","until":"2001-01-01T00:00:00Z"}`:               400,
		`{"sub":"ann","until":"soon"}`:                               400,
		`{"sub":"ann","at":"2001-01-01T00:00:00Z"}`:                  400,
		`{"sub":"` + strings.Repeat("a", 1025) + `"}`:                400,
		`{"sub":"ann","message":"` + strings.Repeat("a", 513) + `"}`: 400,
		`{"sub":"` + strings.Repeat("a", 9000) + `"}`:                413,
		"{\"sub\":\"\xff\"}":                                         400,
	} {
		if status, answer := v.terminate(body); status != want || !strings.Contains(answer, `"status":`+fmt.Sprint(want)) {
			t.Errorf("terminate %.60q = %d %s, want %d", body, status, answer, want)
		}
	}
	if got := v.terminated(); !strings.Contains(got, `{"terminated":[]}`) {
		t.Errorf("terminated: %s, want none", got)
	}
	at := "http://" + v.AdminAddr().String()
	if status, _ := v.post(at+"/admin/v1/terminate", "another token than the operator's", `{"sub":"ann"}`); status != 401 {
		t.Errorf("terminate without the operator's token = %d, want 401", status)
	}
	if status, _ := get(t, at+"/admin/v1/terminated"); status != 401 {
		t.Errorf("GET of the list without the operator's token = %d, want 401", status)
	}
	if status, _ := v.post(v.base+"/admin/v1/terminate", adminToken, `{"sub":"ann"}`); status != 404 {
		t.Errorf("terminate at the clients' address = %d, want 404", status)
	}
}
