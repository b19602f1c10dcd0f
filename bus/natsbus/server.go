package natsbus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// startPatience is how long a server may take to listen.
	startPatience = 10 * time.Second
	startStep     = 100 * time.Millisecond
	// routePing and routePings bound how long a route may be silent: then it is closed, and made anew.
	routePing  = time.Second
	routePings = 3
	// writePatience is how long a connection may take nothing of what is written to it.
	writePatience = 5 * time.Second
)

// Server is a server of NATS in this process, joined to others of the same cluster by routes. Serve makes one.
type Server struct {
	cfg  ServerConfig
	nats *server.Server
}

// Serve starts a server. It runs until Close.
func Serve(c ServerConfig) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	options, err := c.options(c.Routes)
	if err != nil {
		return nil, err
	}
	n, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("natsbus: make server: %w", err)
	}
	says := newSays(c.Logger, password(c.Secret, c.Cluster, routeUser))
	n.SetLoggerV2(says, false, false, false)
	n.Start()
	ready := false
	for end := time.Now().Add(startPatience); !ready && says.fatal.Load() == nil && time.Now().Before(end); {
		ready = n.ReadyForConnections(startStep)
	}
	if !ready || says.fatal.Load() != nil {
		n.Shutdown()
		n.WaitForShutdown()
		err := errors.New("does not listen")
		if f := says.fatal.Load(); f != nil {
			err = *f
		}
		return nil, fmt.Errorf("natsbus: start server: %w", err)
	}
	return &Server{cfg: c, nats: n}, nil
}

// RouteAddr returns where other servers are listened for.
func (s *Server) RouteAddr() string { return s.nats.ClusterAddr().String() }

// ClientURL returns where clients are listened for.
func (s *Server) ClientURL() string { return s.nats.ClientURL() }

// Routed returns how many other servers this one is joined to, on all lanes.
func (s *Server) Routed() int { return s.nats.NumRoutes() / (len(s.cfg.Lanes) + 1) }

// SetRoutes replaces the routes. One that is not among them any more is closed, those that others have made to this server stay.
func (s *Server) SetRoutes(routes []string) error {
	options, err := s.cfg.options(routes)
	if err != nil {
		return err
	}
	if err := s.nats.ReloadOptions(options); err != nil {
		return fmt.Errorf("natsbus: set routes: %w", err)
	}
	return nil
}

// Close ends the server. Buses on it are closed before.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// options says how the server is to be. Routes and accounts are in the order that the server wants them in: else it sorts them where they are
// when they are compared with others, while who connects looks for its own among them.
func (c *ServerConfig) options(routes []string) (*server.Options, error) {
	o := &server.Options{
		ServerName: c.Name, NoSigs: true, NoSystemAccount: true, NoHeaderSupport: true,
		MaxPayload: maxPayload, MaxPending: c.PendingBytes, WriteDeadline: writePatience,
	}
	o.Cluster = server.ClusterOpts{
		Name: c.Cluster, Advertise: c.RouteAdvertise,
		Username: routeUser, Password: password(c.Secret, c.Cluster, routeUser),
		PoolSize: 1, PingInterval: routePing, MaxPingsOut: routePings, WriteDeadline: writePatience,
		Compression: server.CompressionOpts{Mode: server.CompressionOff},
	}
	var errs []error
	listens := func(what, at string, host *string, port *int) {
		h, p, err := net.SplitHostPort(at)
		if err == nil {
			*port, err = strconv.Atoi(p)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("natsbus: %s: %w", what, err))
			return
		}
		if *port == 0 {
			*port = server.RANDOM_PORT
		}
		*host = h
	}
	listens("ClientListen", c.ClientListen, &o.Host, &o.Port)
	listens("RouteListen", c.RouteListen, &o.Cluster.Host, &o.Cluster.Port)
	for _, r := range slices.Sorted(slices.Values(routes)) {
		if _, _, err := net.SplitHostPort(r); err != nil {
			errs = append(errs, fmt.Errorf("natsbus: route: %w", err))
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: r, User: url.UserPassword(routeUser, o.Cluster.Password)})
	}
	var users []string
	for _, l := range c.Lanes {
		users = append(users, laneUser(l))
	}
	slices.Sort(users)
	for _, user := range users {
		account := server.NewAccount(user)
		o.Accounts = append(o.Accounts, account)
		o.Users = append(o.Users, &server.User{Username: user, Password: password(c.Secret, c.Cluster, user), Account: account})
		o.Cluster.PinnedAccounts = append(o.Cluster.PinnedAccounts, user) // routes of its own
	}
	if c.TLS != nil {
		both := c.TLS.Clone()
		both.ClientAuth = tls.RequireAndVerifyClientCert
		o.TLSConfig, o.TLS, o.TLSVerify = both, true, true
		o.Cluster.TLSConfig = both
	}
	return o, errors.Join(errs...)
}
