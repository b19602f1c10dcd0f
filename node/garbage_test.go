package node_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/online"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/wire"
)

// junk returns bytes that mean nothing, the same each time.
func junk(n int) []byte {
	b := make([]byte, n)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < n; i++ {
		b[i] = byte(r.Uint32())
	}
	return b
}

// insider returns what a process shows that has the cluster's secret.
func (b *besieged) insider() *tls.Config {
	b.t.Helper()
	c, err := peer.FromSecret(b.several.nodes["a"].Cluster.Secret, peer.Identity{Name: "insider"})
	if err != nil {
		b.t.Fatal(err)
	}
	return c.TLS()
}

// say sends bytes to an address, over TLS if there are credentials for that, and returns what is answered.
func (b *besieged) say(address string, credentials *tls.Config, what []byte) string {
	b.t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if credentials != nil {
		c = tls.Client(c, credentials)
	}
	_, _ = c.Write(what) // it may have been closed already
	heard, _ := io.ReadAll(c)
	return string(heard)
}

// garbagePorts has strangers say what is no protocol where nodes listen for each other, and insiders what is an old one.
func (b *besieged) garbagePorts() {
	c := b.several.nodes["a"].Cluster
	for _, at := range []string{c.Listen, c.RouteListen} {
		for _, what := range [][]byte{junk(1 << 16), []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), []byte("tuttiP2P\xff\xff"), {}} {
			b.say(at, nil, what)
			b.say(at, &tls.Config{InsecureSkipVerify: true}, what)
			b.say(at, b.insider(), what)
		}
	}
	older := append([]byte{0, 0, 0, 0, 1}, make([]byte, 40)...)
	hello := append(append([]byte("tuttiP2P"), 0, byte(len(older))), older...)
	if heard := b.say(c.Listen, b.insider(), hello); !strings.Contains(heard, "speaks versions 0 to 0 of the protocol, node 1 1 to 1") {
		b.t.Errorf("a node of an older protocol hears %q", heard)
	}
}

// busName is what the cluster is called on its bus, which whoever reads a node's directory can know.
func (b *besieged) busName() string {
	data, err := os.ReadFile(filepath.Join(b.several.nodes["a"].Data, "node.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var file struct {
		Identity struct{ Cluster, Journal string }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		b.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(file.Identity.Cluster + "/" + file.Identity.Journal))
	return fmt.Sprintf("%.15s-%x", file.Identity.Cluster, sum[:8])
}

// garbageBus has somebody who has all that a node of the cluster has send what no node sends.
func (b *besieged) garbageBus() {
	t := b.t
	c, name := b.several.nodes["a"].Cluster, b.busName()
	server, err := natsbus.Serve(natsbus.ServerConfig{
		Cluster: name, Name: "insider", Lanes: []string{"default", online.Lane}, Secret: c.Secret, TLS: b.insider(),
		Routes: []string{c.RouteListen, b.several.nodes["b"].Cluster.RouteListen, b.several.nodes["c"].Cluster.RouteListen},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(10 * time.Second); server.Routed() < 3; {
		if now := <-tick.C; now.After(until) {
			t.Fatalf("the insider is joined to %d servers", server.Routed())
		}
	}
	key := hmac.New(sha256.New, c.Secret)
	key.Write([]byte("tutti/nats/" + name + "/lane.default"))
	raw, err := nats.Connect(server.ClientURL(), nats.UserInfo("lane.default", hex.EncodeToString(key.Sum(nil))), nats.Secure(b.insider()))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	prefix := "tutti." + name + ".default."
	for _, subject := range []string{"all.owners", "owner/default/%d%%40a", "owner/default/%d%%40a%%21", "edge/a"} {
		for i := range b.several.nodes["a"].Partitions {
			for _, what := range [][]byte{nil, junk(5), junk(1 << 10), junk(1 << 19), bytes.Repeat([]byte{0}, 100), []byte("{}")} {
				at := subject
				if strings.Contains(at, "%d") {
					at = fmt.Sprintf(at, i)
				}
				if err := raw.Publish(prefix+at, what); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := raw.Flush(); err != nil {
		t.Fatal(err)
	}
	inside, err := natsbus.Open(natsbus.Config{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	for i := range b.several.nodes["a"].Partitions {
		all := wire.AppendOwned(nil, wire.Owned{Pool: "default", Partition: i, Term: 1 << 30})
		beyond := wire.AppendOwned(nil, wire.Owned{Pool: "default", Partition: i, Term: 1 << 62})
		for _, e := range []*wire.Envelope{
			{Kind: wire.KindOwners, From: "insider", Epoch: "e", Number: 1, Data: all},
			{Kind: wire.KindOwners, From: "c", Epoch: "e", Number: 1, Data: all[:len(all)-1]},
			{Kind: wire.KindOwners, From: "c", Epoch: "e", Number: 2, Data: beyond},
			{Kind: wire.KindOwners, Data: all},
			{Kind: wire.KindWhoOwns, From: strings.Repeat("x", 1000)},
		} {
			if err := inside.Broadcast("default", "owners", e); err != nil {
				t.Fatal(err)
			}
		}
		for kind := range 256 {
			for _, data := range []string{"", "{", "null", `{"By":"x"}`, string(junk(100))} {
				e := &wire.Envelope{
					Kind: wire.Kind(kind), Category: "tally", ID: "a", Name: "add", Edge: "nobody", Claims: []byte(data), Data: []byte(data), Epoch: data,
				}
				_ = inside.Send("default", bus.Owner("default", i)+"@a", e) // nobody may listen there
				_ = inside.Send("default", bus.Owner("default", i)+"@a!", e)
				stray := *e
				stray.ID, stray.Link = "b", 1<<40
				_ = inside.Send("default", bus.Edge("a"), &stray)
			}
		}
	}
	b.goesOn()
}

// garbageOperator sends nonsense where an operator gives orders.
func (b *besieged) garbageOperator() {
	for _, order := range []string{"drain", "undrain", "remove", "apply"} {
		for _, body := range []string{"{", "[]", `{"node":7}`, `{"node":"nobody-of-that-name"}`, string(junk(1000)), strings.Repeat("[", 1<<20)} {
			if code, answer := b.order(order, body); code < 400 || code >= 500 || !strings.Contains(answer, "detail") {
				b.t.Errorf("%s %.20q = %d %.200s, want it refused with the reason", order, body, code, answer)
			}
		}
	}
	if code, _ := get(b.t, "http://"+b.nodes["a"].AdminAddr().String()+"/admin/v1/cluster"); code != http.StatusUnauthorized {
		b.t.Errorf("somebody without a token gets %d, want 401", code)
	}
}

// order gives an operator's order to node a.
func (b *besieged) order(name, body string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, "http://"+b.nodes["a"].AdminAddr().String()+"/admin/v1/cluster/"+name, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
