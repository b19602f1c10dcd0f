package test_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/process"
)

const operatorToken = "the operator's token of the tests"

// watched is the demo with an address for the operator.
type watched struct {
	*victim
	t     *testing.T
	admin string
}

func startWatched(t *testing.T) *watched {
	t.Helper()
	admin, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := startDemoWith(t, []string{"--admin", admin}, []string{"TUTTI_ADMIN_TOKEN=" + operatorToken})
	return &watched{d, t, "http://" + admin}
}

// ask sends a request and returns status and body.
func (w *watched) ask(method, url, token, body string) (int, string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.output)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// issued returns a token of a time.
func (w *watched) issued(sub string, at time.Time) string {
	w.t.Helper()
	token, err := w.signer.Sign(tutti.Claims{Subject: sub, IssuedAt: at, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// What an operator was told holds after kill -9, and so does what a ticket was used for.
func TestSessionsAfterKill(t *testing.T) {
	w := startWatched(t)
	for i := range 5 {
		ann, bob := fmt.Sprint("ann", i), fmt.Sprint("bob", i)
		now := time.Now()
		old, new := w.issued(ann, now.Add(-time.Second)), w.issued(ann, now.Add(2*time.Second))
		_, body := w.ask("POST", w.url+"/v1/tickets", w.issued(bob, now), "")
		var got struct{ Ticket string }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		view := w.url + "/v1/counter/a"
		use := func(conn string) int {
			status, _ := w.ask("GET", view+"?ticket="+got.Ticket+conn, "", "")
			return status
		}
		if got := use(""); got != 200 {
			t.Errorf("the ticket's first use = %d, want 200", got)
		}
		if status, body := w.ask("POST", w.admin+"/admin/v1/terminate", operatorToken, `{"sub":"`+ann+`"}`); status != 200 {
			t.Fatalf("terminate = %d %s", status, body)
		}
		if err := w.kill(); err != nil {
			t.Fatal(err)
		}
		if err := w.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, _ := w.ask("GET", view, old, ""); status != 401 {
			t.Errorf("after kill %d a token from before = %d, want 401", i+1, status)
		}
		if status, body := w.ask("GET", view, new, ""); status != 200 {
			t.Errorf("after kill %d a token from after = %d %s, want 200", i+1, status, body)
		}
		if a, b := use(""), use("&conn=connection-of-somebody-else"); a != 200 || b != 401 {
			t.Errorf("after kill %d the ticket = %d, and with another connection %d, want 200 and 401", i+1, a, b)
		}
		if _, body := w.ask("GET", w.admin+"/admin/v1/terminated", operatorToken, ""); strings.Count(body, `"sub"`) != i+1 {
			t.Errorf("after kill %d the list has %s, want %d", i+1, body, i+1)
		}
	}
}

// The commands of docs/sessions.md work.
func TestCommandsOfOperators(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	page, err := os.ReadFile("../docs/sessions.md")
	if err != nil {
		t.Fatal(err)
	}
	w := startWatched(t)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("docs/sessions.md has %d blocks of commands, want 2", len(blocks))
	}
	var all strings.Builder
	for _, b := range blocks {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", b[1])
		cmd.Env = append(os.Environ(), "TUTTI_ADMIN_TOKEN="+operatorToken, "ADMIN="+w.admin, "NODE="+w.url,
			"TOKEN="+w.issued("bob", time.Now()))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", b[1], err, out)
		}
		all.Write(out)
	}
	for _, part := range []string{`{"sub":"ann","message":"your account is locked","at":"`, `{"terminated":[{"category":"room"`, `"expires_in":30}`} {
		if !strings.Contains(all.String(), part) {
			t.Errorf("the commands printed\n%s\nwithout %s", all.String(), part)
		}
	}
}
