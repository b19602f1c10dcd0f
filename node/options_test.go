package node // in-package: what flags and variables become is seen only by New

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/edge"
)

// parse returns the configuration of a command line, with TUTTI_… variables as given.
func parse(t *testing.T, args []string, variables map[string]string) Config {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
	var o options
	cmd := &cobra.Command{}
	names := o.register(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if err := environment(cmd, names); err != nil {
		t.Fatal(err)
	}
	o.secret, o.adminToken = variables["TUTTI_JWT_SECRET"], variables["TUTTI_ADMIN_TOKEN"]
	o.ticketSecret = variables["TUTTI_TICKET_SECRET"]
	o.cluster.secret = variables["TUTTI_CLUSTER_SECRET"]
	c, err := o.config(cmd, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every flag reaches its place, whether it is typed or in the environment.
func TestOptions(t *testing.T) {
	flags := map[string]string{
		"listen": "127.0.0.1:1", "data": "there", "memory": "3MiB",
		"jwt-public-key": "keys.pem", "jwt-jwks": "https://id.example/keys", "jwt-issuer": "us", "jwt-audience": "a,b",
		"tls-cert": "cert.pem", "tls-key": "key.pem", "allow-origin": "https://a.example,https://b.example",
		"max-connections": "7", "drain-spread": "9s", "online-claim": "role=desk", "admin": "127.0.0.1:2", "admin-host": "x,y",
		"max-links": "10", "max-links-per-sub": "11", "max-frame-bytes": "12", "max-command-bytes": "13", "max-unanswered": "14",
		"max-frames-per-second": "15", "max-bytes-per-second": "16", "max-sub-frames-per-second": "17",
		"max-sub-bytes-per-second": "18", "max-handshakes-per-second": "19",
		"max-sub-tickets-per-minute": "20",
		"cluster":                    "prod", "node": "n1", "peer-listen": ":1", "peer-advertise": "h:2", "join": "h:3,h:4", "roles": "state", "region": "eu",
		"label": "disk=fast", "weight": "50", "nats": "nats://h:5", "nats-listen": ":6", "nats-advertise": "h:7",
	}
	want := Config{
		Listen: "127.0.0.1:1", Data: "there", Memory: 3 << 20,
		Auth: auth.Config{
			Keys:   []auth.Source{auth.Secret([]byte("a secret")), auth.PEMFile("keys.pem"), auth.JWKS("https://id.example/keys")},
			Issuer: "us", Audience: []string{"a", "b"},
		},
		CertFile: "cert.pem", KeyFile: "key.pem", Origins: []string{"https://a.example", "https://b.example"},
		Connections: 7, DrainSpread: 9 * time.Second, OnlineClaim: "role=desk",
		Admin: "127.0.0.1:2", AdminToken: "a token", AdminHosts: []string{"x", "y"}, TicketSecret: []byte("a ticket secret"),
		Limits: edge.Limits{
			Links: 10, SubLinks: 11, Frame: 12, CommandData: 13, Unanswered: 14,
			LinkFrames: 15, LinkBytes: 16, SubFrames: 17, SubBytes: 18, Handshakes: 19, SubTickets: 20,
		},
	}
	want.Cluster = &Cluster{
		Name: "prod", Node: "n1", Secret: []byte("a cluster's secret"), Listen: ":1", Advertise: "h:2", Join: []string{"h:3", "h:4"},
		State: true, Labels: map[string]string{"region": "eu", "disk": "fast"}, Weight: 50, NATS: "nats://h:5", RouteListen: ":6", RouteAdvertise: "h:7",
	}
	secrets := map[string]string{"TUTTI_CLUSTER_SECRET": "a cluster's secret", "TUTTI_JWT_SECRET": "a secret", "TUTTI_ADMIN_TOKEN": "a token", "TUTTI_TICKET_SECRET": "a ticket secret"}
	compare := cmp.Options{
		cmpopts.IgnoreFields(Config{}, "Logger"),
		// Functions are not compared; the rest of a source tells the sources apart.
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".parse" }, cmp.Ignore()),
		cmp.AllowUnexported(auth.Source{}),
	}
	t.Run("typed", func(t *testing.T) {
		var args []string
		for name, value := range flags {
			args = append(args, "--"+name+"="+value)
		}
		if d := cmp.Diff(want, parse(t, args, secrets), compare...); d != "" {
			t.Errorf("configuration differs (-want +got):\n%s", d)
		}
	})
	t.Run("environment", func(t *testing.T) {
		variables := map[string]string{}
		for name, value := range flags {
			variables["TUTTI_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = value
		}
		for name, value := range secrets {
			variables[name] = value
		}
		if d := cmp.Diff(want, parse(t, nil, variables), compare...); d != "" {
			t.Errorf("configuration differs (-want +got):\n%s", d)
		}
	})
	t.Run("typed wins", func(t *testing.T) {
		got := parse(t, []string{"--listen", ":9", "--jwt-secret-file", "file"},
			map[string]string{"TUTTI_LISTEN": ":8", "TUTTI_JWT_SECRET": "a secret"})
		wantKeys := []auth.Source{auth.SecretFile("file")}
		if d := cmp.Diff(wantKeys, got.Auth.Keys, compare...); got.Listen != ":9" || d != "" {
			t.Errorf("Listen = %q, keys differ (-want +got):\n%s", got.Listen, d)
		}
	})
}

// Every flag has a variable, except those whose values are given in another way.
func TestEveryFlagHasAVariable(t *testing.T) {
	var o options
	cmd := &cobra.Command{}
	listed := make(map[string]bool)
	for _, name := range o.register(cmd) {
		listed[name] = true
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("--%s is listed and does not exist", name)
		}
	}
	for line := range strings.Lines(cmd.Flags().FlagUsages()) {
		_, rest, ok := strings.Cut(line, "--")
		if name, _, _ := strings.Cut(rest, " "); ok && !listed[name] {
			t.Errorf("--%s has no variable", name)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{
		"1": 1, "1048576": 1 << 20, "500MB": 500_000_000, "1GiB": 1 << 30, "1.5 KiB": 1536, "2B": 2,
		"": 0, "0": 0, "-1": 0, "lots": 0, "1e300": 0, "NaN": 0, "Inf": 0, "1GIB": 0, "9999999TiB": 0,
	} {
		if got, err := parseBytes(in); got != want || (err == nil) != (want > 0) {
			t.Errorf("parseBytes(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
}

// TestClusterThatCannotBe: what nobody could reach, or would hold nothing, is refused with its name.
func TestClusterThatCannotBe(t *testing.T) {
	t.Setenv("TUTTI_CLUSTER_SECRET", strings.Repeat("s", 32))
	t.Setenv("TUTTI_JWT_SECRET", strings.Repeat("j", 32))
	for want, args := range map[string][]string{
		"--weight: 0":                     {"--weight", "0"},
		"weight is -1":                    {"--weight", "-1"},
		`address is ":0"`:                 {"--peer-advertise", ":0"},
		`address is "h:0"`:                {"--peer-advertise", "h:0"},
		`address is "h:70000"`:            {"--peer-advertise", "h:70000"},
		`address of routes is "h:x"`:      {"--nats-advertise", "h:x"},
		`address for the operator is "h"`: {"--admin-advertise", "h"},
	} {
		var out, errs strings.Builder
		args = append([]string{"serve", "--cluster", "prod", "--node", "a", "--data", t.TempDir()}, args...)
		if code := run(t.Context(), args, &out, &errs); code == 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%v = %d %s, want %q", args[5:], code, errs.String(), want)
		}
	}
}
