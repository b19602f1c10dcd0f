package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/process"
)

// startDemo runs tutti demo in a process of its own until the test's end.
func startDemo(t *testing.T, address, data string, output io.Writer, args ...string) *process.Node {
	t.Helper()
	program, err := exec.LookPath("tutti") // this very program, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	n, err := process.Start(t.Context(), process.Config{
		Program: program, Args: append([]string{"demo", "--listen", address, "--data", data}, args...),
		Env: []string{"TUTTI_JWT_SECRET="}, Output: output, Address: address,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Kill() })
	return n
}

// visit asks the demo for a visitor's token.
func visit(t *testing.T, address, body string, header http.Header) (status int, token, sub string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/demo/token", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Host = header, header.Get("Host")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct{ Token, Sub string }
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode, got.Token, got.Sub
}

// add adds to counter/x and returns what it has then.
func add(t *testing.T, address, token string, by int) int {
	t.Helper()
	c, err := client.Open(t.Context(), client.EntityURL("ws://"+address, "counter", "x"), client.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ack, err := c.Send(t.Context(), "add", map[string]int{"by": by})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ N int }
	if err := json.Unmarshal(ack.Reply, &got); err != nil {
		t.Fatalf("reply %s: %v", ack.Reply, err)
	}
	return got.N
}

// allLead reports whether every node of a demo leads something, and so all have replicas.
func allLead(t *testing.T, address string) bool {
	t.Helper()
	response, err := http.Get("http://" + address + "/demo/nodes")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct{ Nodes []struct{ Leads int } }
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		return false // nobody tells yet
	}
	for _, n := range got.Nodes {
		if n.Leads == 0 {
			return false
		}
	}
	return len(got.Nodes) > 0
}

// TestDemoOfNodesAgain starts three nodes a second time on what they have stored: none of them gets anywhere without another one.
func TestDemoOfNodesAgain(t *testing.T) {
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "demo")
	for want := 1; want <= 2; want++ {
		var output bytes.Buffer
		n := startDemo(t, address, data, &output, "--nodes", "3")
		for until := time.Now().Add(50 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if status, token, _ := visit(t, address, `{"name":"ann"}`, http.Header{}); status == http.StatusOK {
				if got := add(t, address, token, 1); got != want {
					t.Errorf("counter = %d, want %d", got, want)
				}
				break
			}
			if time.Now().After(until) {
				t.Fatal("the demo does not start")
			}
		}
		for until := time.Now().Add(50 * time.Second); !allLead(t, address); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatal("not all nodes lead something")
			}
		}
		if err := n.Stop(t.Context()); err != nil {
			t.Errorf("demo that was asked to end: %v\n%s", err, output.String())
		}
	}
}

func TestDemo(t *testing.T) {
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "demo")
	var output bytes.Buffer
	n := startDemo(t, address, data, &output)

	response, err := http.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != 200 || !bytes.Contains(page, []byte("<script")) {
		t.Errorf("GET / = %d, %v, %d bytes, want the page", response.StatusCode, err, len(page))
	}

	_, visitor, sub := visit(t, address, `{"name":"Zoë 2"}`, http.Header{})
	if sub != "Zoë 2" {
		t.Errorf("visitor's subject = %q, want the name", sub)
	}
	if _, token, sub := visit(t, address, `{}`, http.Header{}); !strings.HasPrefix(sub, "visitor-") || token == "" {
		t.Errorf("visitor without a name = %q, want a name at random", sub)
	}
	for body, want := range map[string]int{
		"garbage": 400, `{"name":7}`: 400, `{"name":"a\u202eb"}`: 422, `{"name":" a"}`: 422,
		`{"name":"` + strings.Repeat("x", 33) + `"}`: 422, `{"name":"` + strings.Repeat("x", 5000) + `"}`: 400,
	} {
		if status, _, _ := visit(t, address, body, http.Header{}); status != want {
			t.Errorf("POST /demo/token with %.40q = %d, want %d", body, status, want)
		}
	}
	for _, header := range []http.Header{{"Host": {"evil.example"}}, {"Origin": {"https://evil.example"}}} {
		if status, _, _ := visit(t, address, `{}`, header); status != http.StatusForbidden {
			t.Errorf("POST /demo/token with %v = %d, want 403", header, status)
		}
	}

	if got := add(t, address, visitor, 3); got != 3 {
		t.Errorf("counter = %d, want 3", got)
	}
	var token, stderr bytes.Buffer
	if status := run(t.Context(), []string{"token", "--sub", "ann", "--data", data}, &token, &stderr); status != 0 {
		t.Fatalf("tutti token = %d: %s", status, stderr.String())
	}
	if got := add(t, address, strings.TrimSpace(token.String()), 4); got != 7 {
		t.Errorf("counter after a command with a token of tutti token = %d, want 7", got)
	}

	if err := n.Stop(t.Context()); err != nil {
		t.Errorf("demo that was asked to end: %v", err)
	}
	for _, want := range []string{"http://" + address, data, filepath.Join(data, keyFile)} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("the demo does not print %s:\n%s", want, output.String())
		}
	}
	startDemo(t, address, data, io.Discard)
	if got := add(t, address, visitor, 1); got != 8 {
		t.Errorf("counter after a restart = %d, want 8", got)
	}
	info, err := os.Stat(filepath.Join(data, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode of the key = %v, want 0600", info.Mode())
	}
}
