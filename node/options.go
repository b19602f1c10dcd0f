package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

// options are what the command line and the environment say.
type options struct {
	listen, admin         string
	adminTokenFile        string
	ticketSecretFile      string
	adminHosts, origins   []string
	data                  string
	memory                string
	secretFile, publicKey string
	jwks, issuer          string
	audience              []string
	certFile, keyFile     string
	drainSpread           time.Duration
	onlineClaim           string
	connections           int
	limits                limitOptions
	logLevel, logFormat   string
	dev, devAnywhere      bool
	cluster               clusterOptions
	secret, adminToken    string // from the environment alone
	ticketSecret          string // from the environment alone
}

// register declares the flags of serve and returns their names.
func (o *options) register(cmd *cobra.Command) []string {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", ":8080", "address for clients")
	f.StringVar(&o.data, "data", "tutti-data", "directory of the journal")
	f.StringVar(&o.memory, "memory", "1GiB", "entities kept in memory, as an estimate")

	f.StringVar(&o.secretFile, "jwt-secret-file", "", "file with an HS256 secret of 32 bytes at least (or TUTTI_JWT_SECRET: the secret)")
	f.StringVar(&o.publicKey, "jwt-public-key", "", "PEM file with public keys for RS256, ES256 or EdDSA")
	f.StringVar(&o.jwks, "jwt-jwks", "", "file or URL of a JWK set")
	f.StringVar(&o.issuer, "jwt-issuer", "", "issuer that tokens must have")
	f.StringSliceVar(&o.audience, "jwt-audience", nil, "audiences of which tokens must have one")

	f.StringVar(&o.ticketSecretFile, "ticket-secret-file", "", "file with the secret that seals tickets, 32 bytes at least (or TUTTI_TICKET_SECRET: the secret; default: derived from the journal)")

	f.StringVar(&o.certFile, "tls-cert", "", "PEM file with the certificate, read again when it changes")
	f.StringVar(&o.keyFile, "tls-key", "", "PEM file with the certificate's key")
	f.StringSliceVar(&o.origins, "allow-origin", nil, "origins of pages on other hosts, as https://app.example")
	f.IntVar(&o.connections, "max-connections", 16384, "TCP connections that are not yet WebSockets")
	f.DurationVar(&o.drainSpread, "drain-spread", 5*time.Second, "time over which clients come back when the node ends")
	f.StringVar(&o.onlineClaim, "online-claim", "", "claim that lets its bearer ask who is online, as name=value (default: nobody may)")
	names := append(o.limits.register(cmd), o.cluster.register(cmd)...)

	f.StringVar(&o.admin, "admin", "", "address for the operator: probes, metrics, profiles, forced logout (needs TUTTI_ADMIN_TOKEN)")
	f.StringVar(&o.adminTokenFile, "admin-token-file", "", "file with the operator's token (or TUTTI_ADMIN_TOKEN: the token)")
	f.StringSliceVar(&o.adminHosts, "admin-host", nil, "host names that the operator's address is called by")

	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.BoolVar(&o.dev, "dev", false, "for development: a key kept in the data directory, and a page that makes tokens")
	f.BoolVar(&o.devAnywhere, "dev-anywhere", false, "let --dev listen at addresses that others can reach")

	return append(names, "listen", "data", "memory", "jwt-secret-file", "jwt-public-key", "jwt-jwks", "jwt-issuer",
		"jwt-audience", "ticket-secret-file", "tls-cert", "tls-key", "allow-origin", "max-connections", "drain-spread", "online-claim", "admin",
		"admin-token-file", "admin-host", "log-level", "log-format", "dev", "dev-anywhere")
}

// environment fills in the flags that were not given from variables named after them: TUTTI_JWT_ISSUER
// for --jwt-issuer. An empty variable says nothing.
func environment(cmd *cobra.Command, names []string) error {
	var errs []error
	for _, name := range names {
		variable := "TUTTI_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value := os.Getenv(variable)
		if value == "" || cmd.Flags().Changed(name) {
			continue
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", variable, err))
		}
	}
	return errors.Join(errs...)
}

// config turns the options into a node's configuration.
func (o *options) config(cmd *cobra.Command, categories []*tutti.Category, log *slog.Logger) (Config, error) {
	memory, err := parseBytes(o.memory)
	errs := []error{err}
	token, err := o.operatorToken()
	errs = append(errs, err)
	tickets, err := o.ticketKey()
	errs = append(errs, err)
	joined, err := o.cluster.config(cmd)
	errs = append(errs, err)
	c := Config{
		Categories: categories, Cluster: joined,
		Listen: o.listen, CertFile: o.certFile, KeyFile: o.keyFile, Connections: o.connections,
		Auth:    auth.Config{Keys: o.keys(), Issuer: o.issuer, Audience: o.audience},
		Origins: o.origins, Limits: o.limits.edge(), DrainSpread: o.drainSpread, OnlineClaim: o.onlineClaim,
		Data: o.data, Memory: memory, TicketSecret: tickets,
		Admin: o.admin, AdminToken: token, AdminHosts: o.adminHosts,
		Logger: log,
	}
	if o.admin != "" && token == "" {
		errs = append(errs, errors.New("--admin needs the operator's token: set TUTTI_ADMIN_TOKEN or --admin-token-file"))
	}
	if o.data == "" {
		errs = append(errs, errors.New("--data is empty: a node needs a directory for its journal"))
	}
	if o.dev && !o.devAnywhere && !loopbackName(hostname(o.listen)) {
		errs = append(errs, fmt.Errorf("--dev lets everybody who reaches %s make tokens: use --listen 127.0.0.1:8080, or --dev-anywhere if that is meant", o.listen))
	}
	return c, errors.Join(errs...)
}

func (o *options) keys() []auth.Source {
	var keys []auth.Source
	switch {
	case o.secretFile != "":
		keys = append(keys, auth.SecretFile(o.secretFile))
	case o.secret != "":
		keys = append(keys, auth.Secret([]byte(o.secret)))
	}
	if o.publicKey != "" {
		keys = append(keys, auth.PEMFile(o.publicKey))
	}
	if o.jwks != "" {
		keys = append(keys, auth.JWKS(o.jwks))
	}
	return keys
}

func (o *options) ticketKey() ([]byte, error) {
	if o.ticketSecretFile == "" {
		return []byte(o.ticketSecret), nil
	}
	secret, err := auth.ReadSecret(o.ticketSecretFile)
	if err != nil {
		return nil, fmt.Errorf("--ticket-secret-file: %w", err)
	}
	return secret, nil
}

func (o *options) operatorToken() (string, error) {
	if o.adminTokenFile == "" {
		return o.adminToken, nil
	}
	data, err := os.ReadFile(o.adminTokenFile)
	if err != nil {
		return "", fmt.Errorf("--admin-token-file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// logger writes to w as the options say.
func (o *options) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	h := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, h)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, h)), nil
	}
	return nil, fmt.Errorf("--log-format: %q is neither text nor json", o.logFormat)
}
