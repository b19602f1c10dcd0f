package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/node"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

type (
	tally struct{ N int }
	add   struct{ By int }
	added struct{ By int }
)

// tallies are the smallest application.
func tallies() *tutti.Category {
	return tutti.NewCategory("tally",
		tutti.OnCommand(func(t *tutti.Turn[tally], c add) error {
			t.Emit(added(c))
			t.ReplyWith(func(s *tally) any { return s.N })
			return nil
		}),
		tutti.OnEvent(func(s *tally, e added) { s.N += e.By }),
	)
}

// config returns one for a node on loopback that keeps everything in memory.
func config() node.Config {
	return node.Config{
		Categories: []*tutti.Category{tallies()},
		Listen:     "127.0.0.1:0",
		Auth:       auth.Config{Keys: []auth.Source{auth.Secret(secret)}},
	}
}

// running is a node under test.
type running struct {
	*node.Node
	stop func() error // ends the node and returns what Run returned
}

// endless is how long nothing takes, however busy the machine is.
const endless = 2 * time.Minute

// stands returns an error that something takes too long, and has the test say what all goroutines wait for.
func stands(t *testing.T, what string) error {
	t.Helper()
	_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1)
	return fmt.Errorf("%s has not come within %v", what, endless)
}

// start runs a node until the test's end, or until stop is called.
func start(t *testing.T, c node.Config) *running {
	t.Helper()
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(endless):
			return stands(t, "the end of a node")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatalf("node ended before it was ready: %v", err)
	case <-time.After(endless):
		t.Fatal(stands(t, "a node that is ready"))
	}
	return &running{n, stop}
}

// get asks for a URL with header lines given in pairs, and returns status and body.
func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	code, body, err := tryGet(t, url, header...)
	if err != nil {
		t.Fatal(err)
	}
	return code, body
}

// tryGet is get where a connection may have had to make room for others.
func tryGet(t *testing.T, url string, header ...string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.StatusCode, "", nil // what follows is no HTTP
	}
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestServesUntilStopped(t *testing.T) {
	c := config()
	c.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the page") })
	n := start(t, c)
	base := "http://" + n.Addr().String()
	if status, body := get(t, base+"/"); status != 200 || body != "the page" {
		t.Errorf("GET / = %d %q, want the application's page", status, body)
	}
	if status, _ := get(t, base+"/v1/tally/a?conn=0123456789abcdef"); status != http.StatusUpgradeRequired {
		t.Errorf("GET of an entity = %d, want the platform's 426", status)
	}
	if err := n.stop(); err != nil {
		t.Errorf("Run after its context was done = %v, want nil", err)
	}
	if conn, err := net.Dial("tcp", n.Addr().String()); err == nil {
		conn.Close()
		t.Error("the node's address still accepts connections after Run")
	}
	if err := n.Run(t.Context()); err == nil {
		t.Error("second Run = nil, want an error")
	}
}

func TestSeveralInOneProcess(t *testing.T) {
	for range 3 {
		c := config()
		c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
		n := start(t, c)
		if status, _ := get(t, "http://"+n.AdminAddr().String()+"/readyz"); status != 200 {
			t.Errorf("GET /readyz = %d, want 200", status)
		}
	}
}

func TestGivenListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Listener = l
	n := start(t, c)
	if n.Addr() != l.Addr() {
		t.Errorf("Addr() = %v, want %v", n.Addr(), l.Addr())
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*node.Config)
		want   string
	}{
		{"no keys", func(c *node.Config) { c.Auth.Keys = nil }, "no keys"},
		{"bad keys", func(c *node.Config) { c.Auth.Keys = []auth.Source{auth.Secret([]byte("short"))} }, "at least 32"},
		{"no categories", func(c *node.Config) { c.Categories = nil }, "no categories"},
		{"bad category", func(c *node.Config) { c.Categories[0] = tutti.NewCategory("Not A Name") }, "Not A Name"},
		{"category twice", func(c *node.Config) { c.Categories = append(c.Categories, tallies()) }, "twice"},
		{"certificate without key", func(c *node.Config) { c.CertFile = "x" }, "only one is there"},
		{"category of the platform's", func(c *node.Config) { c.Categories[0] = tutti.NewCategory("tutti-ticket") }, "the platform's own"},
		{"no certificate", func(c *node.Config) { c.CertFile, c.KeyFile = "missing.pem", "missing.key" }, "missing.pem"},
		{"short operator's token", func(c *node.Config) { c.Admin, c.AdminToken = ":0", "short" }, "at least 16"},
		{"two journals", func(c *node.Config) { c.Data, c.Journal = "x", memjournal.New() }, "there is a journal"},
		{"a claim that is none", func(c *node.Config) { c.OnlineClaim = "role" }, "name=value"},
		{"negative", func(c *node.Config) { c.DrainSpread = -1 }, "negative"},
		{"bad origin", func(c *node.Config) { c.Origins = []string{"example"} }, "example"},
		{"partitions", func(c *node.Config) { c.Partitions = 5000 }, "partitions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config()
			test.change(&c)
			_, err := node.New(c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New = %v, want an error about %q", err, test.want)
			}
		})
	}
	c := config()
	c.Auth.Keys, c.Categories, c.CertFile = nil, nil, "x"
	_, err := node.New(c)
	if !errors.Is(err, node.ErrNoKeys) || !strings.Contains(err.Error(), "no categories") || !strings.Contains(err.Error(), "only one is there") {
		t.Errorf("New with three mistakes = %v, want all three", err)
	}
}

func TestAddressInUse(t *testing.T) {
	first := start(t, config())
	c := config()
	c.Listen = first.Addr().String()
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), first.Addr().String()) {
		t.Errorf("Run at an address in use = %v, want an error that names it", err)
	}
}

// A part that fails ends the whole node, with its reason.
func TestPartFails(t *testing.T) {
	log := memjournal.New()
	c := config()
	c.Journal = log
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "journal: closed") {
		t.Errorf("Run on a closed journal = %v, want the journal's error", err)
	}
}

// A node whose keys cannot be read yet serves, but is not ready, and says so.
func TestKeysThatAreNotThere(t *testing.T) {
	issuer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer.Close() // nobody answers there
	var logged lockedBuffer
	c := config()
	c.Auth.Keys = []auth.Source{auth.JWKS("http://" + issuer.Addr().String() + "/keys")}
	c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
	c.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	n := start(t, c)
	if status, _ := get(t, "http://"+n.AdminAddr().String()+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("GET /readyz without keys = %d, want 503", status)
	}
	if status, _ := get(t, "http://"+n.AdminAddr().String()+"/healthz"); status != 200 {
		t.Errorf("GET /healthz without keys = %d, want 200", status)
	}
	eventually(t, "the report of keys that cannot be read", func() bool {
		return strings.Contains(logged.String(), "keys cannot be read")
	})
}

// Only one node at a time works on a directory; the other one says which.
func TestDataDirectoryInUse(t *testing.T) {
	c := config()
	c.Data = t.TempDir()
	start(t, c)
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.Data) {
		t.Errorf("Run on a directory in use = %v, want an error that names it", err)
	}
}

// A page that panics fails that request alone, and the operator hears of it.
func TestPanicOfPage(t *testing.T) {
	var logged lockedBuffer
	c := config()
	c.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	c.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("the page is broken")
		}
	})
	n := start(t, c)
	base := "http://" + n.Addr().String()
	if response, err := http.Get(base + "/panic"); err == nil {
		response.Body.Close()
		t.Errorf("GET /panic = %d, want a closed connection", response.StatusCode)
	}
	if status, _ := get(t, base+"/"); status != 200 {
		t.Errorf("GET / after a panic = %d, want 200", status)
	}
	if !strings.Contains(logged.String(), "the page is broken") {
		t.Errorf("log does not tell of the panic:\n%s", logged.String())
	}
}

func TestDataDirectory(t *testing.T) {
	c := config()
	c.Data = filepath.Join(t.TempDir(), "new", "data")
	for range 2 {
		if err := start(t, c).stop(); err != nil {
			t.Errorf("node with a data directory: %v", err)
		}
	}
}

// lockedBuffer is a buffer for loggers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually calls ok until it returns true, for ten seconds at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s did not come", what)
		}
	}
}
